//! From when to when a step is measured.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sluice_domain::settings::JudgePolicy;

/// From when to when, in whole periods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The start of the first period.
    pub start: Timestamp,
    /// The end of the last one. Not after the start: nothing can be known yet.
    pub end: Timestamp,
    /// The period's length.
    pub period_seconds: u64,
}

/// How many periods before a rollout say what was normal.
const PERIODS_BEFORE: i64 = 60;

impl Window {
    /// The whole periods from the shift to the youngest data that can be
    /// trusted to have arrived. The period in which the shift fell counts while
    /// versions are told apart; where one version is `alone` it doesn't, since
    /// the calls of the version before are in it.
    #[must_use]
    pub fn of_step(
        policy: &JudgePolicy,
        alone: bool,
        shifted_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let lag = SignedDuration::from_secs(i64::try_from(policy.lag()).unwrap_or(i64::MAX));
        let mut start = floor(policy, shifted_at);
        if alone && at_second(start) < shifted_at {
            start = start.saturating_add(period(policy));
        }
        Self {
            start: at_second(start),
            end: at_second(floor(policy, now.checked_sub(lag).unwrap_or(now))),
            period_seconds: policy.period_seconds,
        }
    }

    /// The periods before a rollout began.
    #[must_use]
    pub fn before(policy: &JudgePolicy, begun_at: Timestamp) -> Self {
        let end = floor(policy, begun_at);
        Self {
            start: at_second(end.saturating_sub(PERIODS_BEFORE * period(policy))),
            end: at_second(end),
            period_seconds: policy.period_seconds,
        }
    }

    /// From when on how long calls take is read: from the first whole period after
    /// the shift. In the one in which it fell, new execution environments meet
    /// their first calls, which open connections and fill caches. (The time in
    /// which an environment is initialised is not in Lambda's `Duration` at all.)
    #[must_use]
    pub fn warm(&self, is_beside: bool) -> Timestamp {
        let period = i64::try_from(self.period_seconds).unwrap_or(i64::MAX);
        if is_beside {
            at_second(self.start.as_second().saturating_add(period))
        } else {
            self.start
        }
    }

    /// Whether it holds no period.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}

fn period(policy: &JudgePolicy) -> i64 {
    i64::try_from(policy.period_seconds.max(1)).unwrap_or(i64::MAX)
}

fn floor(policy: &JudgePolicy, time: Timestamp) -> i64 {
    time.as_second().div_euclid(period(policy)) * period(policy)
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}
