//! Shares of calls: those that failed, were throttled, or took too long.
//!
//! Judged by counts. The statistics ([`crate::sequential`]) hold however often
//! one looks, so each look uses all that was counted since the step began.

use std::fmt;
use std::ops::Add;

use jiff::SignedDuration;

use super::counted::{Block, Share, ShareSignal};
use super::policy::{JudgePolicy, Sustained};
use super::rule::Needs;
use super::{Outcome, SignalVerdict, percent};
use crate::sequential::{self, Bets, Counts};
use crate::stats::{Interval, binomial_greater};

/// How many calls tell what was normal before. Of fewer, one that failed by chance
/// would excuse almost anything.
const CALLS_BEFORE: f64 = 50.0;

/// Judges a share of calls, with this chance of a false alarm over all looks.
#[must_use]
pub fn judge(policy: &JudgePolicy, signal: &ShareSignal, alpha: f64) -> SignalVerdict {
    let Some(seen) = Seen::of(policy, signal, alpha) else {
        return unanswered(signal);
    };
    let known = seen.known();
    let finding = seen.find();
    let outcome = seen.outcome(&finding, |limit| known.high < limit);
    let is_called = seen.canary.total > 0.0;
    let mut rule = seen.rule(&finding, outcome, known);
    if let Some(took) = signal.took {
        rule = format!("{rule}; {}", took.words(&signal.name));
    }
    SignalVerdict {
        name: signal.name.clone(),
        outcome,
        rule,
        took: signal.took,
        warning: seen.warning(),
        dry_run: signal.rule.dry_run,
        canary: Some(seen.canary),
        baseline: seen.baseline,
        effect: is_called.then(|| seen.effect()),
        interval: is_called.then_some([known.low, known.high]),
    }
}

/// What [`judge`] would say, without its reasons: far less work.
#[must_use]
pub fn outcome(policy: &JudgePolicy, signal: &ShareSignal, alpha: f64) -> Outcome {
    Seen::of(policy, signal, alpha).map_or(Outcome::Inconclusive, |seen| {
        seen.outcome(&seen.find(), |limit| seen.is_excluded(limit))
    })
}

fn unanswered(signal: &ShareSignal) -> SignalVerdict {
    SignalVerdict {
        name: signal.name.clone(),
        outcome: Outcome::Inconclusive,
        rule: format!("{}: the metrics were not answered in full", signal.name),
        warning: None,
        dry_run: signal.rule.dry_run,
        canary: None,
        baseline: None,
        effect: None,
        interval: None,
        took: None,
    }
}

/// What the counts of a signal come to.
enum Finding {
    /// There was no call.
    Nothing,
    /// Harm is known, and why.
    Harm(String),
    /// There were fewer calls than are asked for.
    TooFew,
    /// The version beside it had no call.
    NothingBeside,
    /// No harm is known. A share or a rise of this size must be excluded.
    NoHarm(Option<f64>),
}

/// What the counts of one signal say.
struct Seen<'a> {
    policy: &'a JudgePolicy,
    signal: &'a ShareSignal,
    blocks: &'a [Block],
    canary: Share,
    baseline: Option<Share>,
    /// The new version's counts, thinned to what they are worth.
    alone: Vec<Counts>,
    /// Both versions' counts, thinned. Empty where nothing was measured beside it.
    beside: Vec<sequential::Block>,
    /// The signal's chance of a false alarm, for all of its tests.
    alpha: f64,
    /// Whether the effect is a rise over the version beside it.
    is_compared: bool,
    /// By how much counts are divided, since calls are not independent.
    factor: f64,
}

impl<'a> Seen<'a> {
    /// None: the answer was not complete.
    fn of(policy: &'a JudgePolicy, signal: &'a ShareSignal, alpha: f64) -> Option<Self> {
        let blocks = signal.blocks.as_deref()?;
        let canary = blocks.iter().map(|block| block.canary);
        let canary = canary.fold(Share::default(), Add::add);
        let baseline = blocks.iter().filter_map(|block| block.baseline);
        let baseline = baseline.reduce(Add::add);
        let is_beside = baseline.is_some_and(|baseline| baseline.total > 0.0);
        let pairs: Vec<sequential::Block> = blocks
            .iter()
            .map(|block| sequential::Block {
                canary: block.canary.counts(),
                baseline: block.baseline.unwrap_or_default().counts(),
            })
            .collect();
        let factor = sequential::dispersion(&pairs, f64::from(policy.attempts));
        let pairs: Vec<sequential::Block> = pairs.iter().map(|pair| pair.thinned(factor)).collect();
        let alone: Vec<Counts> = pairs.iter().map(|pair| pair.canary).collect();
        let beside = if is_beside { pairs } else { Vec::new() };
        let is_compared = is_beside && signal.rule.compare.is_some();
        Some(Self {
            policy,
            signal,
            blocks,
            canary,
            baseline,
            alone,
            beside,
            alpha,
            is_compared,
            factor,
        })
    }

    /// Bounds of the effect at the step's confidence.
    fn known(&self) -> Interval {
        let spare = 1.0 - self.policy.confidence;
        if self.is_compared {
            sequential::interval(self.bets(), &self.beside, spare)
        } else {
            sequential::share_interval(self.canary.counts().thinned(self.factor), spare)
        }
    }

    fn bets(&self) -> Bets {
        self.signal
            .rule
            .compare
            .map(|compare| compare.bets)
            .unwrap_or_default()
    }

    /// The chance of a false alarm that each limit of its own has.
    fn alpha_of_limit(&self) -> f64 {
        self.alpha * self.signal.rule.part_of_limit()
    }

    fn effect(&self) -> f64 {
        if self.is_compared {
            sequential::effect(&self.beside)
        } else {
            self.canary.rate()
        }
    }

    fn find(&self) -> Finding {
        let total = self.canary.total;
        if total <= 0.0 {
            return Finding::Nothing;
        }
        if let Some(rule) = self.harm() {
            return Finding::Harm(rule);
        }
        let rule = &self.signal.rule;
        let is_wanted = rule.needs == Needs::EnoughCalls;
        if is_wanted && total < self.policy.min_invocations as f64 {
            return Finding::TooFew;
        }
        if let Some(compare) = rule.compare.filter(|_| self.signal.is_beside) {
            if self.baseline.is_none_or(|baseline| baseline.total <= 0.0) {
                return Finding::NothingBeside;
            }
            return Finding::NoHarm(Some(compare.max_increase));
        }
        Finding::NoHarm(self.passable())
    }

    fn outcome(&self, finding: &Finding, is_excluded: impl Fn(f64) -> bool) -> Outcome {
        match finding {
            Finding::Harm(_) => Outcome::Fail,
            Finding::Nothing if self.signal.rule.needs == Needs::Nothing => Outcome::Pass,
            Finding::NoHarm(None) => Outcome::Pass,
            Finding::NoHarm(Some(limit)) if is_excluded(*limit) => Outcome::Pass,
            Finding::Nothing
            | Finding::TooFew
            | Finding::NothingBeside
            | Finding::NoHarm(Some(_)) => Outcome::Inconclusive,
        }
    }

    /// The finding in a sentence.
    fn rule(&self, finding: &Finding, outcome: Outcome, known: Interval) -> String {
        let Share { total, bad } = self.canary;
        let verb = &self.signal.bad;
        let wanted = self.policy.min_invocations;
        match finding {
            Finding::Nothing if outcome == Outcome::Pass => {
                format!("{}: nothing was counted", self.signal.name)
            }
            Finding::Nothing if self.signal.rule.needs == Needs::Calls => format!(
                "{}: no call since the period of the shift was measured: no data is not health",
                self.signal.name
            ),
            Finding::Nothing => {
                "no invocation of the new version was measured: no data is not health".to_owned()
            }
            Finding::Harm(rule) => rule.clone(),
            Finding::TooFew => format!(
                "{total} invocations of the new version ({bad} {verb}); {wanted} are asked for"
            ),
            Finding::NothingBeside => {
                "no invocation of the version beside it was measured: nothing to compare with"
                    .to_owned()
            }
            Finding::NoHarm(None) => format!("{bad} of {total} {verb}"),
            Finding::NoHarm(Some(limit)) => self.excluded(*limit, outcome, known),
        }
    }

    /// Whether a share or a rise of this size is excluded, in a sentence.
    fn excluded(&self, limit: f64, outcome: Outcome, known: Interval) -> String {
        let Share { total, bad } = self.canary;
        let (verb, beside) = (&self.signal.bad, self.compared());
        let what = if self.is_compared {
            "a rise"
        } else {
            "a share"
        };
        let (limit, most) = (percent(limit), percent(known.high));
        if outcome == Outcome::Pass {
            format!(
                "{bad} of {total} {verb}{beside}: {what} of {limit} or more is excluded (at most {most})"
            )
        } else {
            format!(
                "{bad} of {total} {verb}{beside}: {what} of up to {most} can't be excluded yet; the limit is {limit}"
            )
        }
    }

    /// Whether the upper bound of the effect, as [`Seen::known`] has it, is below
    /// this limit.
    fn is_excluded(&self, limit: f64) -> bool {
        let spare = 1.0 - self.policy.confidence;
        if self.is_compared {
            sequential::excludes(self.bets(), &self.beside, limit, spare)
        } else {
            self.known().high < limit
        }
    }

    /// `, beside it 3 of 800`.
    fn compared(&self) -> String {
        match self.baseline {
            Some(Share { total, bad }) => format!(", beside it {bad} of {total}"),
            None => String::new(),
        }
    }

    /// Why harm is known, if it is.
    fn harm(&self) -> Option<String> {
        self.worse()
            .or_else(|| self.above().filter(|_| self.is_to_blame()))
            .or_else(|| self.sustained().filter(|_| self.is_to_blame()))
    }

    /// Why it is known to be worse than the version beside it.
    fn worse(&self) -> Option<String> {
        let compare = self.signal.rule.compare.filter(|_| self.is_compared)?;
        let Share { total, bad } = self.canary;
        let evidence = sequential::harm(self.bets(), &self.beside, compare.tolerated);
        let alpha = self.alpha * self.signal.rule.part_of_comparison();
        let beyond = match compare.tolerated {
            0.0 => String::new(),
            tolerated => format!(" by more than {}", percent(tolerated)),
        };
        evidence.rejects(alpha).then(|| {
            format!(
                "{bad} of {total} {}{}: known to be worse{beyond} (p = {:.1e} over all looks)",
                self.signal.bad,
                self.compared(),
                evidence.p_value()
            )
        })
    }

    /// Why its own share is known to be above its limit.
    fn above(&self) -> Option<String> {
        let limit = self.limit(self.signal.rule.fail_above?, self.alpha_of_limit());
        let Share { total, bad } = self.canary;
        let evidence = sequential::above(&self.alone, limit.share);
        evidence.rejects(limit.alpha).then(|| {
            format!(
                "{bad} of {total} {}{}: known to be above {limit} (p = {:.1e} over all looks)",
                self.signal.bad,
                self.compared(),
                evidence.p_value()
            )
        })
    }

    /// Why a limit is known to have been exceeded for its time.
    fn sustained(&self) -> Option<String> {
        let Sustained { above, seconds } = self.signal.rule.sustained?;
        let span = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX / 2));
        let from = self.signal.until.checked_sub(span).ok()?;
        let is_whole = self.blocks.first().is_some_and(|block| block.start <= from);
        let since = self.blocks.iter().filter(|block| block.start >= from);
        let within: Vec<Share> = since
            .map(|block| block.canary)
            .filter(|canary| canary.total > 0.0)
            .collect();
        if !is_whole || within.is_empty() || within.iter().any(|share| share.rate() <= above) {
            return None;
        }
        // The window moves on with each period: the k-th may spend alpha / (k (k + 1)).
        let passed = self.signal.until.duration_since(self.blocks.first()?.start);
        let period = i64::try_from(self.policy.period_seconds.max(1)).unwrap_or(i64::MAX);
        let window = (passed.as_secs() / period).max(1) as f64;
        let limit = self.limit(above, self.alpha_of_limit() / (window * (window + 1.0)));
        let Share { total, bad } = within.into_iter().fold(Share::default(), Add::add);
        let calls = |count: f64| (count / self.factor).floor();
        let chance = binomial_greater(calls(bad), calls(total), limit.share);
        (chance <= limit.alpha).then(|| {
            format!(
                "{bad} of {total} {} in the last {seconds} s: above {} throughout, and known to be above {limit} (p = {chance:.1e})",
                self.signal.bad,
                percent(above),
            )
        })
    }

    /// Whether a limit of its own may be held against it. What is bad for both
    /// versions is no harm of one: if the version beside it has bad calls too,
    /// the new one must be known to be worse.
    fn is_to_blame(&self) -> bool {
        let both = self.baseline.is_some_and(|baseline| baseline.bad > 0.0);
        !both || sequential::harm(self.bets(), &self.beside, 0.0).rejects(self.alpha_of_limit())
    }

    /// A limit on the new version's own share. Where nothing serves beside it,
    /// what was normal before is not held against it: that costs half of the
    /// chance of a false alarm, for the bound of what was normal.
    fn limit(&self, share: f64, alpha: f64) -> Limit {
        let normal = self.before(alpha / 2.0).map(|before| before.high);
        Limit {
            share: normal.map_or(share, |normal| normal.max(share)),
            is_raised: normal.is_some_and(|normal| normal > share),
            alpha: normal.map_or(alpha, |_| alpha / 2.0),
        }
    }

    /// What must be excluded to pass, where nothing serves beside it: a share above
    /// the limit, or a rise over what is known to have been normal before, if that is
    /// more. None: nothing is asked for.
    fn passable(&self) -> Option<f64> {
        let rule = &self.signal.rule;
        let spare = 1.0 - self.policy.confidence;
        let normal = self.before(spare).map_or(0.0, |before| before.low);
        let risen = rule.compare.map(|compare| normal + compare.max_increase);
        let most = rule.pass_below.into_iter().chain(risen);
        most.reduce(f64::max).map(|limit| limit.min(1.0))
    }

    /// Bounds of what the share was before. None: too few calls say so.
    fn before(&self, alpha: f64) -> Option<Interval> {
        let before = self.signal.before?;
        let counts = before.counts().thinned(self.factor);
        (before.total >= CALLS_BEFORE).then(|| sequential::share_interval(counts, alpha))
    }

    /// The limit that people should hear of: without counts, so that the next
    /// look says the same.
    fn warning(&self) -> Option<String> {
        let limit = self.signal.rule.warn_above?;
        let spare = 1.0 - self.policy.confidence;
        let is_known = sequential::above(&self.alone, limit).rejects(spare);
        is_known.then(|| format!("{} above {}", self.signal.name, percent(limit)))
    }
}

/// A limit on the new version's own share, and the chance of a false alarm that
/// its test has.
struct Limit {
    share: f64,
    /// Whether it is not the policy's, but the most that was normal before.
    is_raised: bool,
    alpha: f64,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&percent(self.share))?;
        if self.is_raised {
            f.write_str(", the most that it was before")?;
        }
        Ok(())
    }
}
