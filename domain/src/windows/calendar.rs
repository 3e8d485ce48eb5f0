//! All windows of an environment, and what they say at a time.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Span, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::rule::Rule;
use super::{HORIZON, MOST_WINDOWS, Window, WindowKind};
use crate::document::Problem;
use crate::start::NotYet;

/// The longest reason, in bytes.
const LONGEST_REASON: usize = 500;

/// The longest window, in hours.
const LONGEST: f64 = 366.0 * 24.0;

/// The windows of an environment, read.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    windows: Vec<Known>,
}

#[derive(Debug, Clone)]
struct Known {
    kind: WindowKind,
    rule: Rule,
    lasts: Span,
    zone: TimeZone,
    reason: String,
}

/// Whether a rollout may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It may.
    Open {
        /// Until when, if that is known to end.
        until: Option<Timestamp>,
    },
    /// It may not, now.
    Closed(NotYet),
}

/// A stretch of time, its end not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
}

impl Calendar {
    /// Reads windows.
    ///
    /// # Errors
    /// With everything that is wrong with them, by its path in the settings.
    pub fn read(windows: &[Window]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if windows.len() > MOST_WINDOWS {
            let message = format!(
                "found {}; expected {MOST_WINDOWS} at most: a rule says when one comes again",
                windows.len()
            );
            problems.push(Problem::new("windows", message));
        }
        let mut known = Vec::new();
        for (index, window) in windows.iter().enumerate().take(MOST_WINDOWS) {
            match Known::read(window) {
                Ok(window) => known.push(window),
                Err((field, message)) => {
                    problems.push(Problem::new(format!("windows[{index}].{field}"), message));
                }
            }
        }
        if problems.is_empty() {
            Ok(Self { windows: known })
        } else {
            Err(problems)
        }
    }

    /// Whether a rollout that takes so long may begin at this time, and when it may.
    #[must_use]
    pub fn standing(&self, now: Timestamp, takes: SignedDuration) -> Standing {
        let end = horizon(now);
        let open = self.open_between(now, end);
        let is_long_enough = |stretch: &&Stretch| {
            stretch.to == end || stretch.to.duration_since(stretch.from) >= takes
        };
        let first = open.iter().find(is_long_enough);
        match first {
            Some(stretch) if stretch.from <= now => Standing::Open {
                until: Some(stretch.to).filter(|to| *to < end),
            },
            first => Standing::Closed(NotYet {
                why: self.why(now, takes, open.first()),
                not_before: first.map(|stretch| stretch.from),
            }),
        }
    }

    /// The freeze that holds at this time, if one does: why, and until when all are over.
    #[must_use]
    pub fn freeze(&self, now: Timestamp) -> Option<NotYet> {
        let why = self.freeze_at(now)?;
        let frozen = self.stretches(WindowKind::Freeze, now, horizon(now));
        let not_before = merged(frozen)
            .first()
            .map(|stretch| stretch.to)
            .filter(|to| *to < horizon(now));
        Some(NotYet { why, not_before })
    }

    /// Whether a maintenance window is open at this time, and no freeze holds.
    #[must_use]
    pub fn in_maintenance(&self, now: Timestamp) -> bool {
        let end = now.saturating_add(1.second()).unwrap_or(Timestamp::MAX);
        let is_open = !self.stretches(WindowKind::Maintenance, now, end).is_empty();
        is_open && self.freeze_at(now).is_none()
    }

    /// Why a rollout may not begin now.
    fn why(&self, now: Timestamp, takes: SignedDuration, open: Option<&Stretch>) -> String {
        if let Some(why) = self.freeze_at(now) {
            return why;
        }
        match open.filter(|stretch| stretch.from <= now) {
            Some(stretch) => format!(
                "the time for releases ends at {}, and this rollout is planned to take {takes:#}",
                stretch.to
            ),
            None => "no maintenance window is open".to_owned(),
        }
    }

    fn freeze_at(&self, now: Timestamp) -> Option<String> {
        let end = now.saturating_add(1.second()).unwrap_or(Timestamp::MAX);
        let freezes = self
            .windows
            .iter()
            .filter(|window| window.kind == WindowKind::Freeze);
        let mut holding = freezes.filter(|window| {
            let mut stretches = window.stretches(now, end);
            stretches.any(|stretch| stretch.from <= now)
        });
        holding
            .next()
            .map(|window| format!("freeze: {}", window.reason))
    }

    /// When something may begin, from one time to another, in order.
    fn open_between(&self, now: Timestamp, end: Timestamp) -> Vec<Stretch> {
        let always = Stretch { from: now, to: end };
        let has_maintenance = self
            .windows
            .iter()
            .any(|window| window.kind == WindowKind::Maintenance);
        let open = if has_maintenance {
            merged(self.stretches(WindowKind::Maintenance, now, end))
        } else {
            vec![always]
        };
        let frozen = merged(self.stretches(WindowKind::Freeze, now, end));
        let without = |stretch: Stretch| without(stretch, &frozen);
        let open = open
            .into_iter()
            .filter_map(|stretch| stretch.within(always));
        open.flat_map(without).collect()
    }

    fn stretches(&self, kind: WindowKind, from: Timestamp, to: Timestamp) -> Vec<Stretch> {
        let windows = self.windows.iter().filter(|window| window.kind == kind);
        windows
            .flat_map(|window| window.stretches(from, to))
            .collect()
    }
}

fn horizon(now: Timestamp) -> Timestamp {
    now.saturating_add((HORIZON * 24).hours())
        .unwrap_or(Timestamp::MAX)
}

impl Known {
    /// Reads a window, or says of which field what is wrong.
    fn read(window: &Window) -> Result<Self, (&'static str, String)> {
        let name = &window.time_zone;
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| {
            let message = format!("found `{name}`; expected an IANA name such as Europe/Berlin");
            ("time_zone", message)
        })?;
        let lasts = read_duration(&window.lasts).map_err(|message| ("lasts", message))?;
        let said = window.reason.trim().len();
        if !(1..=LONGEST_REASON).contains(&said) {
            let message = format!(
                "found {said} bytes; expected what people are told, in 1 to {LONGEST_REASON}"
            );
            return Err(("reason", message));
        }
        let rule = Rule::read(
            window.starts,
            window.rrule.as_deref(),
            &window.except,
            &zone,
        );
        let field = window.rrule.as_ref().map_or("starts", |_| "rrule");
        Ok(Self {
            kind: window.kind,
            rule: rule.map_err(|message| (field, message))?,
            lasts,
            zone,
            reason: window.reason.clone(),
        })
    }

    /// When it is open between these times: what touches them.
    fn stretches(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Stretch> {
        let all = self.rule.starts().filter_map(|starts| {
            let starts = self.zone.to_zoned(starts).ok()?;
            let ends = starts.checked_add(self.lasts).ok()?;
            Some(Stretch {
                from: starts.timestamp(),
                to: ends.timestamp(),
            })
        });
        all.take_while(move |stretch| stretch.from < to)
            .filter(move |stretch| stretch.to > from)
    }
}

fn read_duration(text: &str) -> Result<Span, String> {
    let unread = || {
        format!(
            "found `{text}`; expected a duration of days, hours and minutes up to 366 days, \
             such as PT8H or P2DT15H"
        )
    };
    let lasts: Span = text.parse().map_err(|_| unread())?;
    let has_months = lasts.get_years() != 0 || lasts.get_months() != 0;
    let hours = lasts
        .total((jiff::Unit::Hour, jiff::SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| unread())?;
    let fits = hours > 0.0 && hours <= LONGEST;
    if has_months || !fits {
        return Err(unread());
    }
    Ok(lasts)
}

impl Stretch {
    fn within(self, other: Self) -> Option<Self> {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        (from < to).then_some(Self { from, to })
    }
}

/// The same times, in order, none touching another.
fn merged(mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.sort();
    let mut merged: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        match merged.last_mut() {
            Some(last) if stretch.from <= last.to => last.to = last.to.max(stretch.to),
            _ => merged.push(stretch),
        }
    }
    merged
}

/// What is left of a stretch without others, which are in order.
fn without(stretch: Stretch, others: &[Stretch]) -> Vec<Stretch> {
    let mut left = Vec::new();
    let mut from = stretch.from;
    for other in others {
        if other.to <= from || other.from >= stretch.to {
            continue;
        }
        if other.from > from {
            left.push(Stretch {
                from,
                to: other.from,
            });
        }
        from = from.max(other.to);
    }
    if from < stretch.to {
        left.push(Stretch {
            from,
            to: stretch.to,
        });
    }
    left
}
