//! AWS CodeDeploy with CloudWatch alarms.
//!
//! - Schedules: "Deployment configurations on an AWS Lambda compute platform",
//!   AWS CodeDeploy User Guide. An alarm during the shift puts all traffic back
//!   at once; nobody looks after the shift.
//! - The alarms on any error: "Safe Lambda deployments", AWS Serverless
//!   Application Model (`docs/safe_lambda_deployments.rst`): `Errors` of the alias and
//!   of the new version, each above 0 in two periods of a minute.
//! - The alarms on a share are chosen here, since none is documented: errors by
//!   invocations of the new version, in two periods of a minute.
//! - Missing data: "Configuring how CloudWatch alarms treat missing data", Amazon
//!   CloudWatch User Guide, with the default `missing`.

use crate::seen::{Cause, Decision, Judge, MINUTE, Minute, Seen, Side};

/// How traffic is shifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// `LambdaCanary10Percent5Minutes`.
    Canary10Percent5Minutes,
    /// `LambdaLinear10PercentEvery1Minute`.
    Linear10PercentEvery1Minute,
}

/// What the alarms watch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Alarms {
    /// Any error, of the alias or of the new version.
    AnyError,
    /// A share of failed calls of the new version.
    Above(f64),
}

/// A deployment by CodeDeploy.
#[derive(Debug)]
pub struct CodeDeploy {
    schedule: Schedule,
    alarms: Alarms,
    weight: f64,
}

impl CodeDeploy {
    /// With this schedule and these alarms.
    #[must_use]
    pub fn new(schedule: Schedule, alarms: Alarms) -> Self {
        Self {
            schedule,
            alarms,
            weight: 0.0,
        }
    }

    fn in_alarm(&self, minutes: &[Minute]) -> bool {
        let canary = |minute: &Minute| minute.canary.error_share();
        match self.alarms {
            Alarms::AnyError => {
                let alias = |minute: &Minute| {
                    let all = Side {
                        calls: minute.canary.calls + minute.baseline.calls,
                        errors: minute.canary.errors + minute.baseline.errors,
                        ..Side::default()
                    };
                    all.error_share()
                };
                alarms(minutes, canary, 0.0) || alarms(minutes, alias, 0.0)
            }
            Alarms::Above(share) => alarms(minutes, canary, share),
        }
    }

    /// The weight at this time. None: the shift is over.
    fn scheduled(&self, elapsed: u64) -> Option<f64> {
        let minutes = elapsed / MINUTE;
        match self.schedule {
            Schedule::Canary10Percent5Minutes => (minutes < 5).then_some(10.0),
            Schedule::Linear10PercentEvery1Minute => {
                (minutes < 9).then(|| 10.0 * (minutes + 1) as f64)
            }
        }
    }
}

impl Judge for CodeDeploy {
    fn look(&mut self, seen: &Seen<'_>) -> Decision {
        if self.in_alarm(seen.minutes) {
            return Decision::RollBack(Cause::Harm);
        }
        match self.scheduled(seen.elapsed()) {
            None => Decision::Finish,
            Some(weight) if weight > self.weight => {
                self.weight = weight;
                Decision::Shift(weight)
            }
            Some(_) => Decision::Stay,
        }
    }
}

/// The periods that must breach, and how many CloudWatch looks at for them.
const PERIODS: usize = 2;
const RANGE: usize = PERIODS + 2;

fn alarms(minutes: &[Minute], value: impl Fn(&Minute) -> Option<f64>, threshold: f64) -> bool {
    let newest_first = minutes.iter().rev().take(RANGE);
    let breaches: Vec<Option<bool>> = newest_first
        .map(|minute| value(minute).map(|value| value > threshold))
        .collect();
    is_alarm(&breaches, PERIODS)
}

/// Whether an alarm that wants all of its periods to breach is on, with missing
/// data treated as missing. The newest period comes first.
///
/// With enough data the newest periods that have any decide. With less, the
/// alarm goes on if all there is breaches and the oldest of it is old enough that
/// what is missing will not come.
fn is_alarm(newest_first: &[Option<bool>], periods: usize) -> bool {
    let known = newest_first.iter().flatten();
    if known.clone().count() >= periods {
        return known.take(periods).all(|breaches| *breaches);
    }
    let oldest = newest_first.iter().rposition(Option::is_some);
    let all_breach = newest_first.iter().flatten().all(|breaches| *breaches);
    all_breach && oldest.is_some_and(|age| age + 1 >= periods)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::fixtures::{decisions, end_of, minutes};

    /// A row of the table in CloudWatch's documentation: oldest first, `X` for a
    /// breach, `0` for none, `-` for no data.
    fn row(points: &str) -> bool {
        let newest_first: Vec<Option<bool>> = points
            .split(' ')
            .rev()
            .map(|point| match point {
                "-" => None,
                point => Some(point == "X"),
            })
            .collect();
        is_alarm(&newest_first, 3)
    }

    #[test]
    fn missing_data_is_treated_as_the_documentations_table_has_it() {
        assert!(!row("0 - X - X"));
        assert!(!row("0 - - - -"));
        assert!(!row("- - - - -"));
        assert!(row("0 X X - X"));
        assert!(row("- - X - -"));
        assert!(!row("- - - - X"));
        assert!(!row("- - - X -"));
    }

    #[test]
    fn an_error_in_two_minutes_running_is_rolled_back_when_the_second_arrives() {
        let minutes = minutes(&[(600, 1, 5400, 0); 10]);
        let mut judge = CodeDeploy::new(Schedule::Canary10Percent5Minutes, Alarms::AnyError);
        let end = end_of(&mut judge, &minutes);
        assert_eq!(end, Some((Decision::RollBack(Cause::Harm), 240)));
    }

    #[test]
    fn errors_of_the_old_version_alarm_the_alias() {
        let minutes = minutes(&[(600, 0, 5400, 5); 10]);
        let mut any = CodeDeploy::new(Schedule::Canary10Percent5Minutes, Alarms::AnyError);
        let mut share = CodeDeploy::new(Schedule::Canary10Percent5Minutes, Alarms::Above(0.01));
        let back = Some((Decision::RollBack(Cause::Harm), 240));
        assert_eq!(end_of(&mut any, &minutes), back);
        assert_eq!(end_of(&mut share, &minutes), Some((Decision::Finish, 300)));
    }

    #[test]
    fn a_share_must_be_above_its_limit_in_both_minutes() {
        let mut counts = [(600, 7, 5400, 0); 10];
        counts[1].1 = 6;
        let mut judge = CodeDeploy::new(Schedule::Linear10PercentEvery1Minute, Alarms::Above(0.01));
        let end = end_of(&mut judge, &minutes(&counts));
        assert_eq!(end, Some((Decision::RollBack(Cause::Harm), 360)));
    }

    #[test]
    fn a_linear_shift_takes_ten_steps_of_a_minute() {
        let minutes = minutes(&[(600, 0, 5400, 0); 12]);
        let mut judge = CodeDeploy::new(Schedule::Linear10PercentEvery1Minute, Alarms::AnyError);
        let made = decisions(&mut judge, &minutes);
        assert_eq!(made.len(), 10);
        assert_eq!(made[0], (Decision::Shift(10.0), 0));
        assert_eq!(made[8], (Decision::Shift(90.0), 480));
        assert_eq!(made[9], (Decision::Finish, 540));
    }
}
