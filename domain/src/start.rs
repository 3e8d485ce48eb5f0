//! When a promotion may start, if not at once, and how it waits for that.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Why a promotion may not start yet, and when it may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotYet {
    /// For people.
    pub why: String,
    /// When it may. None: that is not known, or too far ahead.
    pub not_before: Option<Timestamp>,
}

impl NotYet {
    /// What holds where several things keep a promotion waiting: all of them, until
    /// the last one is over.
    #[must_use]
    pub fn all(reasons: impl IntoIterator<Item = Self>) -> Option<Self> {
        reasons.into_iter().reduce(|one, other| Self {
            why: format!("{}; {}", one.why, other.why),
            not_before: (one.not_before.zip(other.not_before)).map(|(one, other)| one.max(other)),
        })
    }
}

/// A promotion that waits for its time. Kept while it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Since when.
    pub since: Timestamp,
    /// For what.
    #[serde(flatten)]
    pub not_yet: NotYet,
    /// When it is refused if its time has not come by then.
    pub gives_up: Timestamp,
}

/// For so long after the wait began it is looked every half minute whether people had the
/// promotion start sooner: who wants that mostly asks at once. So long they also have
/// where its time is further off than it may wait.
const AT_FIRST: SignedDuration = SignedDuration::from_hours(1);
const OFTEN: SignedDuration = SignedDuration::from_secs(30);
/// And then so often. A week of such looks leaves the execution's history room.
const SELDOM: SignedDuration = SignedDuration::from_mins(10);

impl Waiting {
    /// The wait since a time for this, of so many seconds at most.
    #[must_use]
    pub fn of(since: Timestamp, not_yet: NotYet, longest_seconds: u64) -> Self {
        let longest = i64::try_from(longest_seconds).unwrap_or(i64::MAX);
        let longest = SignedDuration::from_secs(longest);
        let comes_in_time = not_yet
            .not_before
            .is_some_and(|time| time.duration_since(since) <= longest);
        let waits = if comes_in_time {
            longest
        } else {
            longest.min(AT_FIRST)
        };
        let gives_up = since.saturating_add(waits).unwrap_or(Timestamp::MAX);
        Self {
            since,
            not_yet,
            gives_up,
        }
    }

    /// How long it waits before it is looked again whether it may start, in whole
    /// seconds: at least one, and not past the time for which it waits. None: it has
    /// waited long enough.
    #[must_use]
    pub fn wait_seconds(&self, now: Timestamp) -> Option<u64> {
        if now >= self.gives_up {
            return None;
        }
        let waited = now.duration_since(self.since);
        let pause = if waited < AT_FIRST { OFTEN } else { SELDOM };
        let until = self.not_yet.not_before.unwrap_or(self.gives_up);
        let left = until.min(self.gives_up).duration_since(now);
        let millis = u64::try_from(left.min(pause).as_millis()).unwrap_or_default();
        Some(millis.div_ceil(1000).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second).expect("a time")
    }

    fn not_yet(why: &str, second: Option<i64>) -> NotYet {
        NotYet {
            why: why.to_owned(),
            not_before: second.map(at),
        }
    }

    #[test]
    fn of_several_reasons_to_wait_the_last_one_to_end_says_when() {
        let all = |reasons: &[NotYet]| NotYet::all(reasons.iter().cloned());
        assert_eq!(all(&[]), None);
        let (freeze, soak) = (not_yet("freeze", Some(10)), not_yet("soak", Some(20)));
        let both = all(&[freeze.clone(), soak]);
        assert_eq!(both, Some(not_yet("freeze; soak", Some(20))));
        let unknown = all(&[freeze, not_yet("never", None)]);
        assert_eq!(unknown, Some(not_yet("freeze; never", None)));
    }

    const WEEK: u64 = 7 * 24 * 60 * 60;

    #[test]
    fn a_wait_is_looked_at_often_at_first_and_ends_exactly_in_time() {
        let waiting = Waiting::of(at(0), not_yet("freeze", Some(7_210)), WEEK);
        for (now, expected) in [(0, 30), (3_599, 30), (3_600, 600), (7_200, 10), (7_210, 1)] {
            assert_eq!(waiting.wait_seconds(at(now)), Some(expected), "at {now} s");
        }
    }

    #[test]
    fn who_would_have_to_wait_too_long_waits_an_hour_for_people_and_no_longer_than_allowed() {
        let week = i64::try_from(WEEK).expect("small");
        for (not_before, longest, gives_up) in [
            (Some(week), WEEK, week),
            (Some(week + 1), WEEK, 3_600),
            (None, WEEK, 3_600),
            (Some(week), 60, 60),
            (Some(1), 0, 0),
        ] {
            let waiting = Waiting::of(at(0), not_yet("freeze", not_before), longest);
            assert_eq!(
                waiting.gives_up,
                at(gives_up),
                "{not_before:?}, {longest} s"
            );
            assert_eq!(waiting.wait_seconds(waiting.gives_up), None);
        }
    }

    #[test]
    fn a_week_of_looks_has_room_in_an_executions_history() {
        let waiting = Waiting::of(at(0), not_yet("freeze", None), WEEK);
        let end = at(i64::try_from(WEEK).expect("small"));
        let waiting = Waiting {
            gives_up: end,
            ..waiting
        };
        let mut now = at(0);
        let mut looks = 0;
        while let Some(seconds) = waiting.wait_seconds(now) {
            now += SignedDuration::from_secs(seconds.try_into().expect("small"));
            looks += 1;
        }
        // A look is a task, a choice and a wait: nine events.
        assert!(looks * 9 < 12_000, "{looks} looks");
    }
}
