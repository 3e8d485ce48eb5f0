//! What a share of calls is held against, and how its tests share their chance of a
//! false alarm.

use super::latency::LatencyLimit;
use super::policy::{ErrorLimits, JudgePolicy, Sustained, ThrottleLimits};
use crate::sequential::Bets;

/// Of a signal's chance of a false alarm, the part of the test against the version
/// beside it, where limits of its own have a part, too. What is worse shows there
/// first: a limit of its own is a second line.
const COMPARED: f64 = 0.8;

/// Of slow calls a rise by this much, and by what errors may rise, is excluded before a
/// step passes; by the share that is slow as it stands, where that is less.
const SLOWER: f64 = 0.1;

/// Above this share slow calls are common.
const COMMON: f64 = 0.2;

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
    /// What must have been counted of the new version before it can pass.
    pub needs: Needs,
    /// It is shown, and counts for nothing.
    pub dry_run: bool,
}

/// What must have been counted of the new version before its share can pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: what never happened was no harm.
    #[default]
    Nothing,
    /// Some calls.
    Calls,
    /// As many calls as the policy asks for.
    EnoughCalls,
}

/// What the new version's share is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compare {
    /// The rise that must be excluded.
    pub max_increase: f64,
    /// A rise this small is no harm.
    pub tolerated: f64,
    /// The bets that are placed on a rise.
    pub bets: Bets,
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
                bets: Bets::OnFew,
            }),
            pass_below: limits.fail_above,
            needs: Needs::EnoughCalls,
            dry_run: false,
        }
    }

    /// What how long calls take is held against. p95 is above a bound when more
    /// than 5 % of the calls take longer. A ratio is held against the version beside
    /// it: more of the new one's calls take longer than the ratio times a bound than
    /// of the other's take longer than the bound itself. If no call takes more than
    /// that many times as long, this is so of no bound, however old it is, and in no
    /// minute that is bad for both.
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
                rule.needs = Needs::Calls;
                rule.compare = Some(Compare {
                    max_increase: slow.min(SLOWER) + policy.errors.max_increase,
                    tolerated: 0.0,
                    bets: if slow > COMMON {
                        Bets::OnHalf
                    } else {
                        Bets::OnFew
                    },
                });
            }
            (0, ..) => {
                rule.needs = Needs::Calls;
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
        !self.dry_run && (self.compare.is_some() || self.limits() > 0)
    }

    /// The part of the chance of a false alarm that the test against the version
    /// beside it has.
    pub(super) fn part_of_comparison(&self) -> f64 {
        if self.limits() > 0 { COMPARED } else { 1.0 }
    }

    /// The part that each limit of its own has.
    pub(super) fn part_of_limit(&self) -> f64 {
        let all = if self.compare.is_some() {
            1.0 - COMPARED
        } else {
            1.0
        };
        all / f64::from(self.limits().max(1))
    }

    /// How many limits of its own can fail it.
    fn limits(&self) -> u32 {
        u32::from(self.fail_above.is_some()) + u32::from(self.sustained.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_of_a_rule_never_have_more_than_the_whole() {
        let policy = JudgePolicy::default();
        let errors = ShareRule::of_errors(&policy.errors);
        let latency = policy.latency.iter();
        let mut rules: Vec<ShareRule> = latency
            .flat_map(|limit| [true, false].map(|is| ShareRule::of_latency(&policy, limit, is)))
            .collect();
        rules.push(ShareRule {
            sustained: None,
            ..errors.clone()
        });
        rules.push(ShareRule {
            compare: None,
            ..errors.clone()
        });
        rules.push(errors);
        for rule in rules {
            let comparison = rule.compare.map_or(0.0, |_| rule.part_of_comparison());
            let whole = comparison + f64::from(rule.limits()) * rule.part_of_limit();
            assert!(rule.can_fail() && whole <= 1.0 + 1e-12, "{whole}: {rule:?}");
        }
    }
}
