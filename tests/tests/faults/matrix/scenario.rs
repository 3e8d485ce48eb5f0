//! The ways that lead to states: what must be so for a promotion to get there.

use serde_json::{Value, json};
use sluice_domain::promotion::Outcome;

/// A promotion that goes one way through the machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    /// All goes well, at once and unwatched.
    Plain,
    /// The same, as a release.
    Released,
    /// A release whose promotion can't be started.
    Unbegun,
    /// All goes well, once people have said yes.
    Asked,
    /// It is not the time for it, and it does not wait for long.
    Untimely,
    /// All goes well, with a first step that is watched.
    Watched,
    /// All goes well, and a test suite of the environment says so.
    Tested,
    /// All goes well, with a backup that takes its time and two migrations.
    Migrating,
    /// The same, tried on a copy that takes its time first.
    Rehearsing,
    /// All goes well, with a migration that waits for a promotion of its own.
    Waiting,
    /// The database of what serves is put back to a backup, once people have said yes, and
    /// that takes its time.
    Restoring,
    /// The new version fails its live smoke test.
    Failing,
    /// The same, after its migrations.
    Migrated,
    /// The same as when it fails, and rolling back fails.
    Stranding,
    /// All goes well, but versions without traffic keep what they have.
    Unretired,
}

impl Scenario {
    /// Those that take less time come first.
    pub(super) const ALL: [Self; 15] = [
        Self::Plain,
        Self::Tested,
        Self::Released,
        Self::Unbegun,
        Self::Asked,
        Self::Untimely,
        Self::Watched,
        Self::Migrating,
        Self::Rehearsing,
        Self::Waiting,
        Self::Restoring,
        Self::Failing,
        Self::Migrated,
        Self::Stranding,
        Self::Unretired,
    ];

    /// How it ends where nothing else fails.
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Plain
            | Self::Released
            | Self::Asked
            | Self::Watched
            | Self::Tested
            | Self::Migrating
            | Self::Rehearsing
            | Self::Waiting
            | Self::Unretired => Outcome::Promoted,
            Self::Restoring => Outcome::Done,
            Self::Unbegun | Self::Untimely => Outcome::Refused,
            Self::Failing | Self::Migrated | Self::Stranding => Outcome::RolledBack,
        }
    }

    /// Whether a database is migrated.
    pub(super) fn migrates(self) -> bool {
        matches!(self, Self::Migrating | Self::Rehearsing | Self::Migrated)
    }

    /// Whether it has a database.
    pub(super) fn has_database(self) -> bool {
        self.migrates() || matches!(self, Self::Waiting | Self::Restoring)
    }

    /// Whether people are asked.
    pub(super) fn asks(self) -> bool {
        matches!(self, Self::Asked | Self::Restoring)
    }

    /// The version of Lambda's that serves before it.
    pub(super) fn serving(self) -> &'static str {
        match self {
            Self::Restoring => "2",
            _ => "1",
        }
    }

    /// The state of `promote` that throws in it.
    pub(super) fn throws(self) -> Option<&'static str> {
        match self {
            Self::Stranding => Some("RollBack"),
            Self::Unretired => Some("RetireVersions"),
            _ => None,
        }
    }

    /// Whether it goes through `release`, and not only through `promote`.
    pub(super) fn is_a_release(self) -> bool {
        matches!(self, Self::Released | Self::Unbegun)
    }

    /// What its environment's settings say beyond the usual.
    pub(super) fn settings(self, approver: &Value, suite: Option<&str>) -> Value {
        match self {
            Self::Tested => {
                json!({ "suites": [{ "name": "checks", "stage": "new", "function": suite }] })
            }
            Self::Asked => json!({ "approval": { "approvers": [approver] } }),
            Self::Restoring => json!({
                "approval": { "approvers": [approver] },
                "windows": [{
                    "kind": "maintenance", "starts": "2026-01-01T00:00", "lasts": "P2D",
                    "rrule": "FREQ=DAILY", "time_zone": "UTC", "reason": "always",
                }],
            }),
            Self::Untimely => json!({
                "windows": [{
                    "kind": "freeze", "starts": "2026-01-01T00:00", "lasts": "P2D",
                    "rrule": "FREQ=DAILY", "time_zone": "UTC", "reason": "for ever",
                }],
                "longest_wait_seconds": 1,
            }),
            Self::Watched => json!({
                "steps": [
                    { "weight": 50, "bake_seconds": 1 },
                    { "weight": 100, "bake_seconds": 0 },
                ],
            }),
            // Its database and what makes the backup are the run's own.
            Self::Plain
            | Self::Released
            | Self::Unbegun
            | Self::Migrating
            | Self::Rehearsing
            | Self::Waiting
            | Self::Failing
            | Self::Migrated
            | Self::Stranding
            | Self::Unretired => json!({}),
        }
    }

    /// What its manifest says beyond the usual.
    pub(super) fn manifest(self) -> Value {
        let fails = json!([{ "name": "the page", "url": "https://127.0.0.1:1/" }]);
        let migrations = json!({ "zip": "migrations" });
        match self {
            Self::Failing | Self::Stranding => json!({ "smoke_tests": fails }),
            Self::Migrated => json!({ "smoke_tests": fails, "migrations": migrations }),
            Self::Migrating | Self::Rehearsing | Self::Waiting | Self::Restoring => {
                json!({ "migrations": migrations })
            }
            Self::Plain
            | Self::Released
            | Self::Unbegun
            | Self::Asked
            | Self::Untimely
            | Self::Watched
            | Self::Tested
            | Self::Unretired => {
                json!({})
            }
        }
    }
}
