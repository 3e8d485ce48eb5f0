//! When people are told once more of a request that waits.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Request;

/// Requests that are open for less are not reminded of, in seconds: people were told just
/// before.
const SHORTEST: i64 = 600;

/// Why people are told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reminder {
    /// Half of its time is over.
    HalfTime,
    /// The last tenth of its time has begun.
    LastTenth,
    /// Others may approve it from now on.
    Escalated,
}

impl Reminder {
    /// As records name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HalfTime => "half_time",
            Self::LastTenth => "last_tenth",
            Self::Escalated => "escalated",
        }
    }

    /// All of them.
    pub const ALL: [Self; 3] = [Self::HalfTime, Self::LastTenth, Self::Escalated];
}

impl Request {
    /// What people are to be told by now and were not: of two times that have passed the
    /// later one alone.
    #[must_use]
    pub fn reminders(&self, told: &BTreeSet<Reminder>, now: Timestamp) -> Vec<Reminder> {
        let lasts = self.expires_at.duration_since(self.opened_at).as_secs();
        let age = now.duration_since(self.opened_at).as_secs();
        if age >= lasts {
            return Vec::new();
        }
        let late = [(Reminder::LastTenth, 9), (Reminder::HalfTime, 5)];
        let mut late = late.into_iter();
        let passed = late.find(|(_, tenths)| {
            lasts >= SHORTEST && age.saturating_mul(10) >= lasts.saturating_mul(*tenths)
        });
        let escalation = self.policy.escalation.as_ref();
        let escalated = escalation.filter(|escalation| {
            i64::try_from(escalation.after_seconds).is_ok_and(|after| age >= after)
        });
        let due = passed.map(|(reminder, _)| reminder);
        let due = due
            .into_iter()
            .chain(escalated.map(|_| Reminder::Escalated));
        due.filter(|reminder| !told.contains(reminder)).collect()
    }
}
