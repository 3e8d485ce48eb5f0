//! Values of metrics against limits, and alarms.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{NoData, Outcome, SignalVerdict};

/// Values of a metric, and the limits that they are held against.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueSignal {
    /// What it is called.
    pub name: String,
    /// What the values are, for the verdict's sentence: `p95 in ms, by percentiles`.
    pub unit: String,
    /// By the start of their period. None: the answer was not complete.
    pub values: Option<BTreeMap<Timestamp, f64>>,
    /// The length of a period.
    pub period_seconds: u64,
    /// The end of the last whole period that can be known.
    pub until: Timestamp,
    /// Limits that fail the step.
    pub fail: Limits,
    /// Limits that are told.
    pub warn: Limits,
    /// For how long a limit has to be exceeded, in seconds.
    pub seconds: u64,
    /// What no data means.
    pub no_data: NoData,
    /// It is shown, and counts for nothing.
    pub dry_run: bool,
}

/// Bounds that a value should keep within.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Above this it is bad.
    pub above: Option<f64>,
    /// Below this it is bad.
    pub below: Option<f64>,
}

impl Limits {
    /// The limit that this value exceeds, in words.
    fn exceeded_by(&self, value: f64) -> Option<String> {
        match (self.above, self.below) {
            (Some(limit), _) if value > limit => Some(format!("above {limit}")),
            (_, Some(limit)) if value < limit => Some(format!("below {limit}")),
            _ => None,
        }
    }
}

/// An alarm of CloudWatch, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmSignal {
    /// Its name.
    pub name: String,
    /// How it stands. None: there is no such alarm.
    pub state: Option<AlarmState>,
    /// It is shown, and counts for nothing.
    pub dry_run: bool,
}

/// How an alarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// Within its limits.
    Ok,
    /// Beyond them.
    Alarm,
    /// It has no data. Its own settings say what it makes of that.
    InsufficientData,
}

/// Judges a metric by its last values.
#[must_use]
pub fn judge(signal: &ValueSignal) -> SignalVerdict {
    let (outcome, rule, warning) = decide(signal);
    let last = signal
        .values
        .as_ref()
        .and_then(|values| values.last_key_value());
    SignalVerdict {
        name: signal.name.clone(),
        outcome,
        rule,
        warning,
        dry_run: signal.dry_run,
        canary: None,
        baseline: None,
        effect: last.map(|(_, value)| *value),
        interval: None,
    }
}

fn decide(signal: &ValueSignal) -> (Outcome, String, Option<String>) {
    let (name, unit) = (&signal.name, &signal.unit);
    let Some(values) = &signal.values else {
        let rule = format!("{name}: the metric was not answered in full");
        return (Outcome::Inconclusive, rule, None);
    };
    // The last periods that make up the time, and at least one.
    let period = signal.period_seconds.max(1);
    let periods = signal.seconds.div_ceil(period).max(1);
    let span = SignedDuration::from_secs(i64::try_from(periods * period).unwrap_or(i64::MAX / 2));
    let from = signal.until.checked_sub(span).unwrap_or(Timestamp::MIN);
    let last: Vec<f64> = values
        .range(from..signal.until)
        .map(|(_, value)| *value)
        .collect();
    if last.is_empty() {
        return match signal.no_data {
            NoData::Fine => (
                Outcome::Pass,
                format!("{name}: no data, which is fine here"),
                None,
            ),
            NoData::Hold => {
                let rule = format!("{name}: no data in the last {} s", periods * period);
                (Outcome::Inconclusive, rule, None)
            }
        };
    }
    let is_whole = last.len() as u64 >= periods;
    let throughout = |limits: &Limits| {
        let exceeded = last.iter().map(|value| limits.exceeded_by(*value));
        let limit = exceeded.collect::<Option<Vec<String>>>()?.pop()?;
        is_whole.then(|| format!("{name} {limit} for {} s", periods * period))
    };
    if let Some(rule) = throughout(&signal.fail) {
        let values: Vec<String> = last.iter().map(|value| shown(*value)).collect();
        return (
            Outcome::Fail,
            format!("{rule}: {} {unit}", values.join(", ")),
            None,
        );
    }
    let now = shown(last.last().copied().unwrap_or_default());
    let rule = format!("{name} is {now} {unit}, within its limits");
    (Outcome::Pass, rule, throughout(&signal.warn))
}

/// At most three decimals, and none where there are none.
fn shown(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Judges an alarm by how it stands.
#[must_use]
pub fn judge_alarm(signal: &AlarmSignal) -> SignalVerdict {
    let name = &signal.name;
    let (outcome, rule) = match signal.state {
        Some(AlarmState::Alarm) => (Outcome::Fail, format!("alarm {name} is in ALARM")),
        Some(AlarmState::Ok) => (Outcome::Pass, format!("alarm {name} is OK")),
        Some(AlarmState::InsufficientData) => (
            Outcome::Pass,
            format!("alarm {name} has too little data to tell"),
        ),
        None => (
            Outcome::Inconclusive,
            format!("there is no alarm {name} in the functions' account and region"),
        ),
    };
    SignalVerdict {
        name: name.clone(),
        outcome,
        rule,
        warning: None,
        dry_run: signal.dry_run,
        canary: None,
        baseline: None,
        effect: None,
        interval: None,
    }
}
