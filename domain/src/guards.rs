//! What must be so for a release to go on, whatever release it is: no alarm is up, no
//! incident is open, and some of the error budget is left.
//!
//! Each guard that settings name becomes a [`Checked`]: clear, unknown or stopping, with
//! what was found. What could not be measured is unknown and said so, never clear. It
//! stops nothing: a function that nobody has called yet could never be released.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Problem, check_range};
use crate::judge::AlarmState;
use crate::text::one_line;

/// The guards of an environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guards {
    /// CloudWatch alarms, composite ones too, in the functions' account and region: none
    /// may be in ALARM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<String>,
    /// A parameter in Parameter Store, in the functions' account and region, that says
    /// whether an incident is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident_parameter: Option<String>,
    /// How much of its error budget each function must have left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_budget: Option<ErrorBudget>,
}

/// An objective, and how much of what it leaves for failures must be left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorBudget {
    /// The share of invocations that must not fail: 0.999.
    pub objective: f64,
    /// Over how many days.
    #[serde(default = "default_days")]
    pub window_days: u32,
    /// The share of the budget that must be left.
    #[serde(default = "default_min_left")]
    pub min_left: f64,
}

fn default_days() -> u32 {
    28
}

fn default_min_left() -> f64 {
    0.1
}

/// So many alarms at most: their states stand in the ledger.
const MOST_ALARMS: usize = 20;

/// The most characters of what a guard found that are kept.
const LONGEST_FINDING: usize = 300;

/// Which guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The line was stopped for an incident.
    Incident,
    /// An alarm.
    Alarm,
    /// The error budget of a function.
    ErrorBudget,
}

/// What a guard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Go on.
    Clear,
    /// It can't tell.
    Unknown,
    /// Stop.
    Stops,
    /// Stop: what it asks is not there, and guards nothing.
    Missing,
    /// It would stop, and does not hold for a rollback, which mends.
    PassedOver,
}

/// A guard that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Which.
    pub guard: Guard,
    /// What it says.
    pub state: State,
    /// What was found, for people.
    pub found: String,
}

impl Checked {
    fn new(guard: Guard, state: State, found: String) -> Self {
        let found = one_line(&found).chars().take(LONGEST_FINDING).collect();
        Self {
            guard,
            state,
            found,
        }
    }

    /// For a release that goes back to what was there before. An alarm that is up and a
    /// budget that is spent are why people go back, and what an alarm that somebody deleted
    /// guarded is no reason to stay; an incident's flag is set by somebody, who can take it
    /// down for that.
    #[must_use]
    pub fn for_rollback(self) -> Self {
        let is_mended = matches!(self.guard, Guard::Alarm | Guard::ErrorBudget);
        match self.state {
            State::Stops | State::Missing if is_mended => Self {
                state: State::PassedOver,
                ..self
            },
            _ => self,
        }
    }
}

/// For a release that goes back while what it would pass over can't even be asked.
#[must_use]
pub fn not_asked(why: &str) -> Checked {
    let found = format!("alarms and error budgets can't be asked: {why}");
    Checked::new(Guard::Alarm, State::PassedOver, found)
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Clear => "",
            State::Unknown => " (unknown)",
            State::Stops | State::Missing => " (stops)",
            State::PassedOver => " (passed over: a rollback)",
        };
        write!(f, "{}{state}", self.found)
    }
}

/// How an alarm stands that the settings name. None: there is no such alarm.
#[must_use]
pub fn alarm(name: &str, found: Option<AlarmState>) -> Checked {
    let (state, word) = match found {
        Some(AlarmState::Ok) => (State::Clear, "is OK"),
        Some(AlarmState::InsufficientData) => (State::Unknown, "has too little data to tell"),
        Some(AlarmState::Alarm) => (State::Stops, "is in ALARM"),
        None => (
            State::Missing,
            "is not there, in the functions' account and region",
        ),
    };
    Checked::new(Guard::Alarm, state, format!("alarm {name} {word}"))
}

/// Words of a flag that is down, in any case. Parameter Store keeps no empty text.
const DOWN: [&str; 3] = ["", "none", "closed"];

/// What the incident's parameter says. None: there is none, and no incident.
#[must_use]
pub fn incident(parameter: &str, value: Option<&str>) -> Checked {
    let said = value.unwrap_or_default().trim();
    let is_down = DOWN.contains(&said.to_lowercase().as_str());
    if is_down {
        let found = format!("no incident is open ({parameter})");
        return Checked::new(Guard::Incident, State::Clear, found);
    }
    let found = format!("an incident is open: {said} ({parameter})");
    Checked::new(Guard::Incident, State::Stops, found)
}

/// What CloudWatch counted of a function's alias in the days of the budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calls {
    /// How many invocations.
    pub invocations: f64,
    /// How many of them failed.
    pub errors: f64,
}

/// How much of its budget a function has left. Where the objective leaves less than one
/// failure to so many calls, one failure would be all of it: that tells nothing. More than
/// one does.
#[must_use]
pub fn error_budget(budget: &ErrorBudget, function: &str, calls: Calls) -> Checked {
    let Calls {
        invocations,
        errors,
    } = calls;
    let allowed = invocations * (1.0 - budget.objective);
    let days = budget.window_days;
    if allowed < 1.0 && errors <= 1.0 {
        let found = format!(
            "{function}: {invocations:.0} calls in {days} days: too few for an objective of {}",
            budget.objective
        );
        return Checked::new(Guard::ErrorBudget, State::Unknown, found);
    }
    let left = 1.0 - errors / allowed;
    let state = if left < budget.min_left {
        State::Stops
    } else {
        State::Clear
    };
    let found = format!(
        "{function}: {:.0} % of its error budget is left ({errors:.0} of {invocations:.0} calls failed in {days} \
         days; {:.0} % must be left)",
        left * 100.0,
        budget.min_left * 100.0
    );
    Checked::new(Guard::ErrorBudget, state, found)
}

/// The first guard that stops a release, the incident before alarms before budgets.
#[must_use]
pub fn stopping(checked: &[Checked]) -> Option<&Checked> {
    let stops = checked
        .iter()
        .filter(|one| matches!(one.state, State::Stops | State::Missing));
    stops.min_by_key(|one| one.guard)
}

impl Guards {
    /// Whether there is nothing to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.alarms.is_empty() && self.incident_parameter.is_none() && self.error_budget.is_none()
    }

    /// Those that may say another thing at each step. A budget of many days does not: it
    /// is asked when a release is planned and before it begins.
    #[must_use]
    pub fn of_steps(&self) -> Self {
        Self {
            error_budget: None,
            ..self.clone()
        }
    }

    /// Those that hold for what goes back, too.
    #[must_use]
    pub fn of_rollbacks(&self) -> Self {
        Self {
            incident_parameter: self.incident_parameter.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        check_range("guards.alarms", self.alarms.len(), 0, MOST_ALARMS, problems);
        for (index, name) in self.alarms.iter().enumerate() {
            let twice = self.alarms[..index].contains(name);
            let is_name = (1..=255).contains(&name.len()) && !name.starts_with("arn:");
            if twice || !is_name {
                let message =
                    format!("found `{name}`; expected an alarm's name, not its ARN, once");
                problems.push(Problem::new(format!("guards.alarms[{index}]"), message));
            }
        }
        if let Some(name) = &self.incident_parameter {
            check_parameter(name, problems);
        }
        if let Some(budget) = &self.error_budget {
            budget.check(problems);
        }
    }
}

/// Parameter Store's names of a hierarchy, which are those that permissions name.
fn check_parameter(name: &str, problems: &mut Vec<Problem>) {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-/".contains(&b);
    if !name.starts_with('/') || !name.bytes().all(fits) || name.len() > 1011 {
        let message =
            format!("found `{name}`; expected a parameter's name such as /sluice-incidents/shop");
        problems.push(Problem::new("guards.incident_parameter", message));
    }
}

impl ErrorBudget {
    fn check(&self, problems: &mut Vec<Problem>) {
        let path = |field: &str| format!("guards.error_budget.{field}");
        check_range(&path("objective"), self.objective, 0.5, 0.99999, problems);
        check_range(&path("window_days"), self.window_days, 1, 90, problems);
        check_range(&path("min_left"), self.min_left, 0.0, 1.0, problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_that_is_up_or_not_there_stops_and_one_without_data_is_unknown() {
        let state = |found| alarm("shop", found).state;
        assert_eq!(state(Some(AlarmState::Ok)), State::Clear);
        assert_eq!(state(Some(AlarmState::InsufficientData)), State::Unknown);
        assert_eq!(state(Some(AlarmState::Alarm)), State::Stops);
        assert_eq!(state(None), State::Missing);
        assert_eq!(
            alarm("shop", Some(AlarmState::Alarm)).to_string(),
            "alarm shop is in ALARM (stops)"
        );
    }

    #[test]
    fn an_incident_is_open_with_any_text_but_three_words() {
        for down in [
            None,
            Some("none"),
            Some(" Closed\n"),
            Some(" "),
            Some("NONE"),
        ] {
            assert_eq!(incident("/x", down).state, State::Clear, "{down:?}");
        }
        for up in ["open", "false", "0", "no", "nonesuch"] {
            assert_eq!(incident("/x", Some(up)).state, State::Stops, "{up}");
        }
        assert_eq!(
            incident("/x", Some(" payments\nare down ")).found,
            "an incident is open: payments are down (/x)"
        );
    }

    #[test]
    fn what_somebody_wrote_is_cut_to_what_fits_into_the_ledger() {
        let long = incident("/x", Some(&"x".repeat(10_000)));
        assert_eq!(long.found.chars().count(), LONGEST_FINDING);
    }

    fn budget() -> ErrorBudget {
        serde_json::from_str(r#"{"objective": 0.99}"#).expect("a budget")
    }

    fn left(invocations: f64, errors: f64) -> State {
        let calls = Calls {
            invocations,
            errors,
        };
        error_budget(&budget(), "checkout", calls).state
    }

    #[test]
    fn a_budget_that_is_spent_stops_and_one_with_enough_left_does_not() {
        assert_eq!(left(10_000.0, 0.0), State::Clear);
        assert_eq!(left(10_000.0, 90.0), State::Clear);
        assert_eq!(left(10_000.0, 91.0), State::Stops);
        assert_eq!(left(10_000.0, 10_000.0), State::Stops);
    }

    #[test]
    fn too_few_calls_are_neither_health_nor_a_reason_to_stop() {
        assert_eq!(left(0.0, 0.0), State::Unknown);
        assert_eq!(left(99.0, 1.0), State::Unknown);
        assert_eq!(left(99.0, 2.0), State::Stops, "more failed than may");
        assert_eq!(left(100.1, 1.0), State::Stops);
    }

    #[test]
    fn a_rollback_passes_over_what_it_mends_and_not_over_an_incident() {
        let up = alarm("shop", Some(AlarmState::Alarm));
        let passed = up.clone().for_rollback();
        assert_eq!(passed.state, State::PassedOver);
        assert_eq!(alarm("shop", None).for_rollback().state, State::PassedOver);
        assert_eq!(stopping(&[not_asked("CloudWatch is down")]), None);
        let open = incident("/x", Some("open"));
        assert_eq!(open.clone().for_rollback(), open);
        let ok = alarm("shop", Some(AlarmState::Ok));
        assert_eq!(ok.clone().for_rollback(), ok);
        assert_eq!(stopping(&[ok, passed]), None);
        assert_eq!(stopping(&[up, open.clone()]), Some(&open));
    }

    #[test]
    fn guards_that_can_not_be_asked_are_refused_with_their_place() {
        let guards = r#"{"alarms": ["shop", "shop", "arn:aws:cloudwatch:x", ""], "incident_parameter": "incidents",
            "error_budget": {"objective": 1, "window_days": 0, "min_left": 2}}"#;
        let guards: Guards = serde_json::from_str(guards).expect("guards");
        let mut problems = Vec::new();
        guards.check(&mut problems);
        let paths: Vec<&str> = problems
            .iter()
            .map(|problem| problem.path.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "guards.alarms[1]",
                "guards.alarms[2]",
                "guards.alarms[3]",
                "guards.incident_parameter",
                "guards.error_budget.objective",
                "guards.error_budget.window_days",
                "guards.error_budget.min_left",
            ]
        );
    }
}
