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
    /// The start of the first period that is looked at.
    pub since: Timestamp,
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
        took: None,
    }
}

fn decide(signal: &ValueSignal) -> (Outcome, String, Option<String>) {
    let (name, unit) = (&signal.name, &signal.unit);
    let Some(last) = Last::of(signal) else {
        let rule = format!("{name}: the metric was not answered in full, as one series");
        return (Outcome::Inconclusive, rule, None);
    };
    let Some(now) = last.values.last().copied() else {
        let seconds = last.seconds;
        return match signal.no_data {
            NoData::Fine => {
                let rule = format!("{name}: no data, which is fine here");
                (Outcome::Pass, rule, None)
            }
            NoData::Hold => {
                let rule = format!("{name}: no data in the last {seconds} s");
                (Outcome::Inconclusive, rule, None)
            }
        };
    };
    let throughout = |limits: &Limits| {
        let limit = last.beyond(limits).filter(|_| last.is_whole())?;
        Some(format!("{name} {limit} for {} s", last.seconds))
    };
    if let Some(rule) = throughout(&signal.fail) {
        let values: Vec<String> = last.values.iter().map(|value| shown(*value)).collect();
        let values = format!("{} {unit}", values.join(", "));
        return (
            Outcome::Fail,
            format!("{rule}: {}", values.trim_end()),
            None,
        );
    }
    let is = format!("{name} is {} {unit}", shown(now));
    let (outcome, standing) = last.standing(signal, now);
    let rule = format!("{}, {standing}", is.trim_end());
    (outcome, rule, throughout(&signal.warn))
}

/// The last values, of as many periods as make up a limit's time, and at least one.
struct Last {
    values: Vec<f64>,
    /// How many periods that time has.
    periods: u64,
    /// How many of them were looked at: fewer, soon after the shift.
    seen: u64,
    /// That time, in seconds.
    seconds: u64,
}

impl Last {
    /// None: the answer was not complete.
    fn of(signal: &ValueSignal) -> Option<Self> {
        let period = signal.period_seconds.max(1);
        let periods = signal.seconds.div_ceil(period).max(1);
        let seconds = periods * period;
        let span = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX / 2));
        let from = signal.until.checked_sub(span).unwrap_or(Timestamp::MIN);
        let from = from.max(signal.since).min(signal.until);
        let seen = signal.until.duration_since(from).as_secs().unsigned_abs() / period;
        let values = signal.values.as_ref()?.range(from..signal.until);
        Some(Self {
            values: values.map(|(_, value)| *value).collect(),
            periods,
            seen,
            seconds,
        })
    }

    /// Whether each period that was looked at has a value.
    fn has_all(&self) -> bool {
        self.values.len() as u64 >= self.seen
    }

    /// Whether each period of the time has a value.
    fn is_whole(&self) -> bool {
        self.values.len() as u64 >= self.periods
    }

    /// The limit that all values exceed, in words.
    fn beyond(&self, limits: &Limits) -> Option<String> {
        let exceeded = self.values.iter().map(|value| limits.exceeded_by(*value));
        exceeded.collect::<Option<Vec<String>>>()?.pop()
    }

    /// Where no harm is known: whether there is none, in words.
    fn standing(&self, signal: &ValueSignal, now: f64) -> (Outcome, String) {
        let (found, seen, seconds) = (self.values.len(), self.seen, self.seconds);
        if signal.no_data == NoData::Hold && !self.has_all() {
            let gaps = format!("and only {found} of {seen} periods have a value");
            return (Outcome::Inconclusive, gaps);
        }
        let all = self.beyond(&signal.fail).filter(|_| self.has_all());
        match (all, signal.fail.exceeded_by(now)) {
            (Some(limit), _) => {
                let so_far = format!("{limit} in all {found} periods so far, of {seconds} s");
                (Outcome::Inconclusive, so_far)
            }
            (None, Some(limit)) => (Outcome::Pass, format!("{limit}, but not for {seconds} s")),
            (None, None) => (Outcome::Pass, "within its limits".to_owned()),
        }
    }
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
        took: None,
    }
}
