//! Shares of calls: those that failed, were throttled, or took too long.
//!
//! Judged by counts. The statistics ([`crate::sequential`]) hold however often
//! one looks, so each look uses all that was counted since the step began.

use std::fmt;
use std::ops::Add;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::{ErrorLimits, JudgePolicy, LatencyLimit, Sustained, ThrottleLimits};
use super::{Outcome, SignalVerdict, percent};
use crate::sequential::{self, Counts};
use crate::stats::{Interval, binomial_greater};

/// How many calls there were, and how many of them were bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// All calls.
    pub total: f64,
    /// The bad ones.
    pub bad: f64,
}

impl Add for Share {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            bad: self.bad + other.bad,
        }
    }
}

impl Share {
    fn rate(self) -> f64 {
        if self.total > 0.0 {
            self.bad / self.total
        } else {
            0.0
        }
    }

    fn counts(self) -> Counts {
        Counts::new(self.bad, self.total)
    }
}

/// One period of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// When it began.
    pub start: Timestamp,
    /// The new version's calls.
    pub canary: Share,
    /// The calls of the version beside it. None where nothing serves beside it,
    /// or its answer was not complete.
    pub baseline: Option<Share>,
}

/// A share of calls, period by period.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareSignal {
    /// What it is called: `errors`, `throttles`, `p95`.
    pub name: String,
    /// What is bad about a bad call, for the verdict's sentence: `failed`.
    pub bad: String,
    /// What the share is held against.
    pub rule: ShareRule,
    /// What was counted, oldest first. None: the answer was not complete.
    pub blocks: Option<Vec<Block>>,
    /// Whether another version serves beside it.
    pub is_beside: bool,
    /// What the share was before the rollout, where that is known and nothing
    /// serves beside it.
    pub before: Option<Share>,
    /// The end of the last whole period that can be known.
    pub until: Timestamp,
}

/// What a share is held against.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ShareRule {
    /// Known to be above this: people are told.
    pub warn_above: Option<f64>,
    /// Known to be above this: it fails.
    pub fail_above: Option<f64>,
    /// Above this for a time: it fails.
    pub sustained: Option<Sustained>,
    /// What is held against the version that serves beside it.
    pub compare: Option<Compare>,
    /// Must be known to be below this to pass, where nothing serves beside it.
    pub pass_below: Option<f64>,
    /// Whether it needs calls of the new version, as many as the policy asks
    /// for, before it can pass.
    pub needs_calls: bool,
    /// It is shown, and counts for nothing.
    pub dry_run: bool,
}

/// What the new version's share is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compare {
    /// The rise that must be excluded.
    pub max_increase: f64,
    /// A rise this small is no harm.
    pub tolerated: f64,
}

impl ShareRule {
    /// What the errors of a version are held against.
    #[must_use]
    pub fn of_errors(limits: &ErrorLimits) -> Self {
        Self {
            warn_above: limits.warn_above,
            fail_above: limits.fail_above,
            sustained: limits.sustained,
            compare: Some(Compare {
                max_increase: limits.max_increase,
                tolerated: limits.tolerated_increase,
            }),
            pass_below: limits.fail_above,
            needs_calls: true,
            dry_run: false,
        }
    }

    /// What how long calls take is held against. p95 is above a bound when more
    /// than 5 % of the calls take longer. Against another version it is so when
    /// 5 % more do than of its calls: a bad minute of both is no harm of one.
    #[must_use]
    pub fn of_latency(policy: &JudgePolicy, limit: &LatencyLimit, is_beside: bool) -> Self {
        let slow = 1.0 - limit.percentile / 100.0;
        let mut rule = Self {
            dry_run: limit.dry_run,
            ..Self::default()
        };
        match (limit.seconds, limit.above_ratio, is_beside) {
            (1.., ..) => {
                rule.sustained = Some(Sustained {
                    above: slow,
                    seconds: limit.seconds,
                });
            }
            (0, Some(_), true) => {
                rule.compare = Some(Compare {
                    max_increase: (2.0 * slow).max(policy.errors.max_increase),
                    tolerated: slow,
                });
            }
            (0, ..) => {
                rule.fail_above = Some(slow);
                rule.pass_below = Some(2.0 * slow);
            }
        }
        rule
    }

    /// What the throttled calls of an alias are held against.
    #[must_use]
    pub fn of_throttles(limits: &ThrottleLimits) -> Self {
        Self {
            warn_above: limits.warn_above,
            fail_above: limits.fail_above,
            ..Self::default()
        }
    }

    /// Whether it has a test that can fail a step.
    #[must_use]
    pub fn can_fail(&self) -> bool {
        !self.dry_run && self.tests() > 0
    }

    /// How many tests share its chance of a false alarm.
    fn tests(&self) -> u32 {
        u32::from(self.fail_above.is_some())
            + u32::from(self.sustained.is_some())
            + u32::from(self.compare.is_some())
    }
}

/// Judges a share of calls, with this chance of a false alarm over all looks.
#[must_use]
pub fn judge(policy: &JudgePolicy, signal: &ShareSignal, alpha: f64) -> SignalVerdict {
    let seen = signal
        .blocks
        .as_deref()
        .map(|blocks| Seen::of(policy, signal, blocks, alpha));
    let (outcome, rule) = match &seen {
        None => (
            Outcome::Inconclusive,
            format!("{}: the metrics were not answered in full", signal.name),
        ),
        Some(seen) => seen.decide(),
    };
    let warning = seen.as_ref().and_then(Seen::warning);
    let known = seen.as_ref().filter(|seen| seen.canary.total > 0.0);
    SignalVerdict {
        name: signal.name.clone(),
        outcome,
        rule,
        warning,
        dry_run: signal.rule.dry_run,
        canary: seen.as_ref().map(|seen| seen.canary),
        baseline: seen.as_ref().and_then(|seen| seen.baseline),
        effect: known.map(Seen::effect),
        interval: known.map(|seen| [seen.known.low, seen.known.high]),
    }
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
    /// Each test's chance of a false alarm.
    alpha: f64,
    /// Bounds of the effect at the step's confidence.
    known: Interval,
    /// Whether the effect is a rise over the version beside it.
    is_compared: bool,
    /// By how much counts are divided, since calls are not independent.
    factor: f64,
}

impl<'a> Seen<'a> {
    fn of(
        policy: &'a JudgePolicy,
        signal: &'a ShareSignal,
        blocks: &'a [Block],
        alpha: f64,
    ) -> Self {
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
        let spare = 1.0 - policy.confidence;
        let known = if is_compared {
            sequential::interval(&beside, spare)
        } else {
            sequential::share_interval(canary.counts().thinned(factor), spare)
        };
        Self {
            policy,
            signal,
            blocks,
            canary,
            baseline,
            alone,
            beside,
            alpha: alpha / f64::from(signal.rule.tests().max(1)),
            known,
            is_compared,
            factor,
        }
    }

    fn effect(&self) -> f64 {
        if self.is_compared {
            sequential::effect(&self.beside)
        } else {
            self.canary.rate()
        }
    }

    fn decide(&self) -> (Outcome, String) {
        let Share { total, bad } = self.canary;
        let verb = &self.signal.bad;
        if total <= 0.0 {
            return self.nothing();
        }
        if let Some(rule) = self.harm() {
            return (Outcome::Fail, rule);
        }
        let rule = &self.signal.rule;
        let wanted = self.policy.min_invocations;
        if rule.needs_calls && total < wanted as f64 {
            let rule = format!(
                "{total} invocations of the new version ({bad} {verb}); {wanted} are asked for"
            );
            return (Outcome::Inconclusive, rule);
        }
        if let Some(compare) = rule.compare.filter(|_| self.signal.is_beside) {
            if self.baseline.is_none_or(|baseline| baseline.total <= 0.0) {
                let rule =
                    "no invocation of the version beside it was measured: nothing to compare with";
                return (Outcome::Inconclusive, rule.to_owned());
            }
            return self.excludes(compare.max_increase, "a rise");
        }
        match rule.pass_below {
            Some(limit) => self.excludes(self.passable(limit), "a share"),
            None => (Outcome::Pass, format!("{bad} of {total} {verb}")),
        }
    }

    fn nothing(&self) -> (Outcome, String) {
        if self.signal.rule.needs_calls {
            let rule = "no invocation of the new version was measured: no data is not health";
            (Outcome::Inconclusive, rule.to_owned())
        } else {
            (
                Outcome::Pass,
                format!("{}: nothing was counted", self.signal.name),
            )
        }
    }

    /// Whether a share or a rise of this size is excluded.
    fn excludes(&self, limit: f64, what: &str) -> (Outcome, String) {
        let Share { total, bad } = self.canary;
        let verb = &self.signal.bad;
        let (limit, most, is_excluded) = (
            percent(limit),
            percent(self.known.high),
            self.known.high < limit,
        );
        if is_excluded {
            let rule = format!(
                "{bad} of {total} {verb}{}: {what} of {limit} or more is excluded (at most {most})",
                self.compared()
            );
            (Outcome::Pass, rule)
        } else {
            let rule = format!(
                "{bad} of {total} {verb}{}: {what} of up to {most} can't be excluded yet; the limit is {limit}",
                self.compared()
            );
            (Outcome::Inconclusive, rule)
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
        let evidence = sequential::harm(&self.beside, compare.tolerated);
        evidence.rejects(self.alpha).then(|| {
            format!(
                "{bad} of {total} {}{}: known to be worse by more than {} (p = {:.1e} over all looks)",
                self.signal.bad,
                self.compared(),
                percent(compare.tolerated),
                evidence.p_value()
            )
        })
    }

    /// Why its own share is known to be above its limit.
    fn above(&self) -> Option<String> {
        let limit = self.limit(self.signal.rule.fail_above?, self.alpha);
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
        let limit = self.limit(above, self.alpha / (window * (window + 1.0)));
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
        !both || sequential::harm(&self.beside, 0.0).rejects(self.alpha)
    }

    /// A limit on the new version's own share. Where nothing serves beside it,
    /// what was normal before is not held against it: that costs half of the
    /// chance of a false alarm, for the bound of what was normal.
    fn limit(&self, share: f64, alpha: f64) -> Limit {
        let normal = self.most_before(alpha / 2.0);
        Limit {
            share: normal.map_or(share, |normal| normal.max(share)),
            is_raised: normal.is_some_and(|normal| normal > share),
            alpha: normal.map_or(alpha, |_| alpha / 2.0),
        }
    }

    /// What must be excluded to pass, where nothing serves beside it: a share
    /// above the limit, or a rise over what was before.
    fn passable(&self, limit: f64) -> f64 {
        let rise = self.signal.rule.compare.map(|compare| compare.max_increase);
        let before = self.signal.before.zip(rise);
        before.map_or(limit, |(before, rise)| limit.max(before.rate() + rise))
    }

    /// The most that the share can have been before, for all that is known.
    fn most_before(&self, alpha: f64) -> Option<f64> {
        let before = self.signal.before.filter(|before| before.total > 0.0)?;
        let counts = before.counts().thinned(self.factor);
        Some(sequential::share_interval(counts, alpha).high)
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
