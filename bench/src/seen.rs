//! What every judge sees, and what it may answer.

use crate::latency::Histogram;

/// Metrics are counted by the minute.
pub const MINUTE: u64 = 60;

/// How long after its end a minute can be read, in seconds, for every judge.
pub const LAG: u64 = 120;

/// One version in one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Side {
    /// All calls.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// How long they took. Empty for judges that don't look at it.
    pub latency: Histogram,
}

impl Side {
    /// The share of calls that failed. None without calls.
    #[must_use]
    pub fn error_share(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.errors as f64 / self.calls as f64)
    }
}

/// One minute of both versions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Minute {
    /// When it began, in seconds.
    pub start: u64,
    /// The new version.
    pub canary: Side,
    /// The old version.
    pub baseline: Side,
}

impl Minute {
    /// When it ended.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + MINUTE
    }
}

/// What can be known at a time.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The time, in seconds.
    pub now: u64,
    /// When the rollout began.
    pub started: u64,
    /// All minutes whose metrics have arrived, those before the rollout included.
    pub minutes: &'a [Minute],
}

impl<'a> Seen<'a> {
    /// How long the rollout has lasted.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        self.now - self.started
    }

    /// The minutes that arrived and ended after this time. From a full minute on
    /// these are the minutes that began then or later.
    #[must_use]
    pub fn since(&self, second: u64) -> &'a [Minute] {
        let before = self
            .minutes
            .partition_point(|minute| minute.end() <= second);
        &self.minutes[before..]
    }

    /// The minutes in which the new version may have been called.
    #[must_use]
    pub fn of_rollout(&self) -> &'a [Minute] {
        self.since(self.started)
    }
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// Nothing.
    Stay,
    /// This share of the traffic goes to the new version, in percent.
    Shift(f64),
    /// All traffic goes to the new version, and nobody looks any more.
    Finish,
    /// All traffic goes back to the old version.
    RollBack(Cause),
}

/// Why traffic went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The new version was found to be worse.
    Harm,
    /// The data never sufficed.
    Undecided,
}

/// A way to take a release into production: when to shift, and when to go back.
pub trait Judge {
    /// Asked every ten seconds, from the start of the rollout to its end.
    fn look(&mut self, seen: &Seen<'_>) -> Decision;
}

#[cfg(test)]
pub(crate) mod fixtures {
    //! Minutes by hand.

    use super::*;

    /// The rollout of these tests begins here.
    pub(crate) const STARTED: u64 = 300;

    /// Consecutive minutes from the rollout's start: calls and errors of the
    /// canary, then of the baseline.
    pub(crate) fn minutes(counts: &[(u64, u64, u64, u64)]) -> Vec<Minute> {
        let side = |calls, errors| Side {
            calls,
            errors,
            latency: Histogram::default(),
        };
        let of =
            |(index, &(all, bad, beside, beside_bad)): (usize, &(u64, u64, u64, u64))| Minute {
                start: STARTED + index as u64 * MINUTE,
                canary: side(all, bad),
                baseline: side(beside, beside_bad),
            };
        counts.iter().enumerate().map(of).collect()
    }

    /// Asks a judge every ten seconds until it answers something that ends the
    /// rollout, and says what and when. Minutes arrive as they do in a rollout.
    pub(crate) fn end_of(judge: &mut dyn Judge, minutes: &[Minute]) -> Option<(Decision, u64)> {
        decisions(judge, minutes)
            .into_iter()
            .find(|(decision, _)| matches!(decision, Decision::Finish | Decision::RollBack(_)))
    }

    /// What a judge decides and when, in seconds since the start, while these
    /// minutes arrive.
    pub(crate) fn decisions(judge: &mut dyn Judge, minutes: &[Minute]) -> Vec<(Decision, u64)> {
        let end = minutes.last().map_or(STARTED, Minute::end) + LAG;
        let mut made = Vec::new();
        for now in (STARTED..=end).step_by(10) {
            let arrived = minutes.partition_point(|minute| minute.end() + LAG <= now);
            let decision = judge.look(&Seen {
                now,
                started: STARTED,
                minutes: &minutes[..arrived],
            });
            if decision != Decision::Stay {
                made.push((decision, now - STARTED));
            }
            if matches!(decision, Decision::Finish | Decision::RollBack(_)) {
                break;
            }
        }
        made
    }
}
