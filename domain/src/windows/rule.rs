//! On which days a window starts: one day, or those of a recurrence rule.
//!
//! The crate `rrule` expands rules. It works here on the clock of the window's time
//! zone, as if that were UTC; where the clock is put forward or back is decided once,
//! by `jiff`, which reads such times as RFC 5545 does: a time that is skipped is as much
//! later as the gap is long, and of one that comes twice the first is meant.
//!
//! A rule names days alone, so that there is one start a day at most: rules for hours,
//! minutes and seconds could have millions in a year.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use rrule::RRuleSet;

/// The parts of a rule that name days.
const PARTS: [&str; 9] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "BYDAY",
    "BYMONTHDAY",
    "BYMONTH",
    "BYSETPOS",
    "WKST",
];

/// Rare parts: weeks and days of a year.
const RARE_PARTS: [&str; 2] = ["BYWEEKNO", "BYYEARDAY"];

const FREQUENCIES: [&str; 4] = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"];

/// The largest interval: nobody means every thousandth week.
const LONGEST_INTERVAL: u32 = 366;

/// The first and the last year in which a window may start. What lies further back would
/// only have to be counted through.
const YEARS: std::ops::RangeInclusive<i16> = 2020..=2099;

/// When a window starts, on the clock of its time zone.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// Once.
    Once(DateTime),
    /// On the days of a rule, up to a time.
    Again {
        set: Box<RRuleSet>,
        until: Option<DateTime>,
        except: Vec<Date>,
    },
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// With what was found and expected, in words.
    pub(super) fn read(
        starts: DateTime,
        rrule: Option<&str>,
        except: &[Date],
        zone: &TimeZone,
    ) -> Result<Self, String> {
        if !YEARS.contains(&starts.year()) {
            return Err(format!(
                "found a start in {}; expected one from {} to {}",
                starts.year(),
                YEARS.start(),
                YEARS.end()
            ));
        }
        let Some(text) = rrule else {
            return Ok(Self::Once(starts));
        };
        let Parts { until, others } = Parts::of(text, zone)?;
        let starts_at = starts.strftime("%Y%m%dT%H%M%S");
        let set: RRuleSet = format!("DTSTART:{starts_at}Z\nRRULE:{others}")
            .parse()
            .map_err(|error| format!("found `{text}`; expected a rule of RFC 5545: {error}"))?;
        let rule = Self::Again {
            set: Box::new(set.limit()),
            until,
            except: except.to_vec(),
        };
        if rule.starts().next().is_none() {
            return Err(format!(
                "found `{text}`; expected a rule that some day from {starts} on is one of"
            ));
        }
        Ok(rule)
    }

    /// All starts, in order. The library gives up on a rule that no further day is one of.
    pub(super) fn starts(&self) -> Box<dyn Iterator<Item = DateTime> + '_> {
        match self {
            Self::Once(starts) => Box::new(std::iter::once(*starts)),
            Self::Again { set, until, except } => {
                let times = set.into_iter().map_while(|time| {
                    let time = Timestamp::from_second(time.timestamp()).ok()?;
                    Some(TimeZone::UTC.to_datetime(time))
                });
                let ends = move |time: &DateTime| until.is_none_or(|until| *time <= until);
                let holds = |time: &DateTime| !except.contains(&time.date());
                Box::new(times.take_while(ends).filter(holds))
            }
        }
    }
}

/// What of a rule is read here, and what the library reads.
struct Parts {
    until: Option<DateTime>,
    others: String,
}

impl Parts {
    fn of(text: &str, zone: &TimeZone) -> Result<Self, String> {
        let mut until = None;
        let mut names: Vec<&str> = Vec::new();
        let mut others = Vec::new();
        for part in text.split(';') {
            let (name, value) = part
                .split_once('=')
                .filter(|(_, value)| is_plain(value))
                .ok_or_else(|| {
                    format!("found `{part}`; expected NAME=VALUE in capitals, as in FREQ=WEEKLY;BYDAY=FR")
                })?;
            check_part(name, value)?;
            if names.contains(&name) {
                return Err(format!("found {name} twice; expected it once"));
            }
            names.push(name);
            match name {
                "UNTIL" => until = Some(read_until(value, zone)?),
                _ => others.push(part),
            }
        }
        if until.is_some() && names.contains(&"COUNT") {
            return Err("found COUNT and UNTIL; expected one of them".to_owned());
        }
        let others = others.join(";");
        Ok(Self { until, others })
    }
}

/// What the values of rules consist of. Nothing else gets to the library: a line break
/// would begin another property.
fn is_plain(value: &str) -> bool {
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b",+-".contains(&b);
    !value.is_empty() && value.bytes().all(fits)
}

fn check_part(name: &str, value: &str) -> Result<(), String> {
    if !PARTS.contains(&name) && !RARE_PARTS.contains(&name) {
        return Err(format!(
            "found {name}; expected parts that name days: {}, {}. The time of day is that of `starts`",
            PARTS.join(", "),
            RARE_PARTS.join(", ")
        ));
    }
    if name == "FREQ" && !FREQUENCIES.contains(&value) {
        let expected = FREQUENCIES.join(", ");
        return Err(format!("found FREQ={value}; expected one of {expected}"));
    }
    let is_interval = |n: u32| (1..=LONGEST_INTERVAL).contains(&n);
    if name == "INTERVAL" && !value.parse().is_ok_and(is_interval) {
        return Err(format!(
            "found INTERVAL={value}; expected 1 to {LONGEST_INTERVAL}"
        ));
    }
    if name == "COUNT" && !value.parse().is_ok_and(|n: u32| (1..=10_000).contains(&n)) {
        return Err(format!("found COUNT={value}; expected 1 to 10000"));
    }
    Ok(())
}

/// The last time at which a window may start: UTC with a `Z`, else on the clock of the
/// time zone; a day without a time is meant to its end.
fn read_until(value: &str, zone: &TimeZone) -> Result<DateTime, String> {
    let unread = |_| {
        format!(
            "found UNTIL={value}; expected a day (20261231) or a time (20261231T235959, \
             with a Z at its end for UTC)"
        )
    };
    match value.len() {
        8 => {
            let day = Date::strptime("%Y%m%d", value).map_err(unread)?;
            Ok(day.to_datetime(Time::MAX))
        }
        16 => {
            let time = DateTime::strptime("%Y%m%dT%H%M%SZ", value).map_err(unread)?;
            let time = TimeZone::UTC.to_timestamp(time).map_err(unread)?;
            Ok(zone.to_datetime(time))
        }
        _ => DateTime::strptime("%Y%m%dT%H%M%S", value).map_err(unread),
    }
}
