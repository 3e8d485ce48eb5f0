//! What a promotion does to a database instead of releasing code.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::backup_id::BackupId;
use crate::digest::Digest;
use crate::document::{Problem, check_range};
use crate::path::Stay;

use super::old_calls::OldCalls;

/// What a promotion does to an environment's database instead of releasing code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Applies what of its migrations contracts. Of the release that serves.
    Contract {},
    /// Takes its migrations back with their own `down`. Of a release that does not serve.
    Undo {},
    /// Puts the database back to a backup: what was written since is lost. Of the release
    /// that serves.
    Restore {
        /// What the backup is asked for by.
        backup: BackupId,
    },
}

impl Operation {
    /// Its name in state machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Contract {} => "contract",
            Self::Undo {} => "undo",
            Self::Restore { .. } => "restore",
        }
    }

    /// What people have to know before they say yes.
    #[must_use]
    pub const fn notice(&self) -> &'static str {
        match self {
            Self::Contract {} => {
                "This releases no code. It takes away from the database what the release that serves does not use any \
                 more: older releases that did not bring these migrations can't come back afterwards."
            }
            Self::Undo {} => {
                "This releases no code. It takes back from the database what this release brought, and with it what \
                 was written there since."
            }
            Self::Restore { .. } => {
                "This releases no code. It puts the database back to a backup: no traffic comes meanwhile, and what \
                 was written since is lost."
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restore { backup } => write!(f, "restore {backup}"),
            other => f.write_str(other.name()),
        }
    }
}

/// When migrations that contract may be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContractPolicy {
    /// For how long no version but the one that serves must have been called, in seconds.
    pub idle_seconds: u64,
    /// Whether what the release that serves brought itself may be applied. Otherwise only
    /// what the release before it had, too: then a rollback to that one stays open.
    pub same_release: bool,
}

/// CloudWatch keeps data points of an hour for 455 days:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html>.
const LONGEST_IDLE: u64 = 30 * 24 * 3600;

impl Default for ContractPolicy {
    fn default() -> Self {
        Self {
            idle_seconds: 24 * 3600,
            same_release: false,
        }
    }
}

impl ContractPolicy {
    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        let path = "database.contract.idle_seconds";
        check_range(path, self.idle_seconds, 0, LONGEST_IDLE, problems);
    }

    /// From when on calls of old code count.
    #[must_use]
    pub fn since(&self, now: Timestamp) -> Timestamp {
        now.saturating_sub(self.idle()).unwrap_or(Timestamp::MIN)
    }

    fn idle(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::try_from(self.idle_seconds).unwrap_or(i64::MAX))
    }
}

/// Why an operation can't be done on an environment's database, or not now.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Inapplicable {
    /// Another release serves.
    #[error(
        "{version} does not serve in {environment}: found {found}; expected the release that serves, by whose \
         migrations the schema is what it is. Ask for that one. Nothing was changed"
    )]
    NotServing {
        /// The release's version.
        version: Version,
        /// The environment.
        environment: String,
        /// What serves, in words.
        found: String,
    },
    /// It serves.
    #[error(
        "{version} serves in {environment}, and its code uses what its migrations brought; expected a release that \
         does not serve. Mend it forward with a new migration, or go back with `sluice rollback` first. Nothing was \
         changed"
    )]
    Serves {
        /// The release's version.
        version: Version,
        /// The environment.
        environment: String,
    },
    /// Another release serves than when it was planned.
    #[error(
        "{serves} serves in {environment} now; expected {planned}, as when it was planned which migrations go: its code may \
         use them. Ask again. Nothing was changed"
    )]
    OtherServes {
        /// The environment.
        environment: String,
        /// What serves, in words.
        serves: String,
        /// What was planned for.
        planned: String,
    },
    /// There is nothing to do.
    #[error(
        "there is nothing to {operation} in {environment}: found no migration of this release that it is about. \
         Nothing was changed"
    )]
    NothingLeft {
        /// What was asked for.
        operation: Operation,
        /// The environment.
        environment: String,
    },
    /// Nobody would be asked.
    #[error(
        "what was written since the backup would be lost, and nobody is asked: found no `approval` in the settings of \
         {environment}; expected approvers. Add them with `sluice env put`. Nothing was changed"
    )]
    Unasked {
        /// The environment.
        environment: String,
    },
    /// It serves for too short a time.
    #[error(
        "{version} serves in {environment} since {since} only; expected {seconds} s without a call of older code \
         before anything is taken away (`database.contract.idle_seconds`). Ask again then. Nothing was changed"
    )]
    TooSoon {
        /// The release's version.
        version: Version,
        /// The environment.
        environment: String,
        /// Since when it serves.
        since: Timestamp,
        /// How long it has to.
        seconds: u64,
    },
    /// Old code was called.
    #[error(
        "older code still runs in {environment}: {} within the last {seconds} s; expected no call \
         (`database.contract.idle_seconds`). See who calls it by that name, and ask again later. \
         Nothing was changed",
        told(calls)
    )]
    OldCodeCalled {
        /// The environment.
        environment: String,
        /// What was called.
        calls: Vec<OldCalls>,
        /// Within how many seconds.
        seconds: u64,
    },
}

fn told(calls: &[OldCalls]) -> String {
    let each = calls.iter().map(ToString::to_string);
    each.collect::<Vec<_>>().join(", ")
}

impl Inapplicable {
    /// The name under which it leaves a function.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotServing { .. } | Self::Serves { .. } | Self::NothingLeft { .. } => {
                "WrongRelease"
            }
            Self::Unasked { .. } => "MigrationsUnfit",
            Self::OtherServes { .. } => "PlanChanged",
            Self::TooSoon { .. } | Self::OldCodeCalled { .. } => "OldCodeInUse",
        }
    }
}

/// A release, and the environment whose database is worked on.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The release's version.
    pub version: &'a Version,
    /// Its bundle.
    pub digest: &'a Digest,
    /// The environment.
    pub environment: &'a str,
}

impl Operation {
    /// Whether it is of a release that it can be of, where these bundles stood in the
    /// environment, in order. Answers since when the release serves.
    ///
    /// # Errors
    /// Where it has to serve and does not, or the other way round.
    pub fn admit(
        &self,
        subject: Subject<'_>,
        stays: &[Stay<'_>],
    ) -> Result<Option<Timestamp>, Inapplicable> {
        let (version, environment) = (subject.version.clone(), subject.environment.to_owned());
        let last = stays.last();
        let serves = last.filter(|stay| stay.digest == subject.digest);
        match (self, serves) {
            (Self::Undo {}, Some(_)) => Err(Inapplicable::Serves {
                version,
                environment,
            }),
            (Self::Undo {}, None) => Ok(None),
            (Self::Contract {} | Self::Restore { .. }, Some(stay)) => Ok(Some(stay.since)),
            (Self::Contract {} | Self::Restore { .. }, None) => Err(Inapplicable::NotServing {
                version,
                environment,
                found: last.map_or("nothing".to_owned(), |stay| stay.promotion.to_string()),
            }),
        }
    }
}

impl ContractPolicy {
    /// Whether older code has rested for long enough, where the release serves since then
    /// and these are the calls of other versions that were counted.
    ///
    /// # Errors
    /// Where it has not.
    pub fn admit(
        &self,
        subject: Subject<'_>,
        since: Timestamp,
        calls: Vec<OldCalls>,
        now: Timestamp,
    ) -> Result<(), Inapplicable> {
        let seconds = self.idle_seconds;
        let environment = subject.environment.to_owned();
        if since > self.since(now) {
            return Err(Inapplicable::TooSoon {
                version: subject.version.clone(),
                environment,
                since,
                seconds,
            });
        }
        let calls: Vec<OldCalls> = calls.into_iter().filter(|one| one.calls > 0.0).collect();
        if calls.is_empty() {
            return Ok(());
        }
        Err(Inapplicable::OldCodeCalled {
            environment,
            calls,
            seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::Called;
    use crate::promotion::PromotionId;

    fn id(text: &str) -> PromotionId {
        text.parse().expect("a promotion")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn subject<'a>(version: &'a Version, digest: &'a Digest) -> Subject<'a> {
        Subject {
            version,
            digest,
            environment: "prod",
        }
    }

    #[test]
    fn what_contracts_or_restores_is_of_the_release_that_serves_and_what_undoes_is_not() {
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let (first, second) = (id("shop/prod/1.0.0/1"), id("shop/prod/1.1.0/1"));
        let stays = [
            Stay {
                promotion: &first,
                digest: &old,
                since: at(10),
                ended: Some((&second, at(20))),
            },
            Stay {
                promotion: &second,
                digest: &new,
                since: at(20),
                ended: None,
            },
        ];
        let backup = "b".parse().expect("an id");
        for operation in [Operation::Contract {}, Operation::Restore { backup }] {
            let admitted = operation.admit(subject(&second.version, &new), &stays);
            assert_eq!(admitted, Ok(Some(at(20))));
            for stays in [&stays[..], &[]] {
                let refused = operation.admit(subject(&first.version, &old), stays);
                let refused = refused.expect_err("it does not serve");
                assert_eq!(refused.name(), "WrongRelease");
            }
        }
        let undo = Operation::Undo {};
        assert_eq!(undo.admit(subject(&first.version, &old), &stays), Ok(None));
        let refused = undo.admit(subject(&second.version, &new), &stays);
        let refused = refused.expect_err("it serves").to_string();
        assert!(refused.contains("sluice rollback"), "{refused}");
    }

    #[test]
    fn old_code_must_have_rested_for_the_whole_time() {
        let policy = ContractPolicy {
            idle_seconds: 100,
            same_release: false,
        };
        let (version, digest) = (Version::new(1, 1, 0), Digest::of(b"new"));
        let admit = |since, calls, now| {
            let subject = subject(&version, &digest);
            policy.admit(subject, at(since), calls, at(now))
        };
        let calls = |calls| {
            vec![OldCalls {
                function: "shop-api".to_owned(),
                called: Called::Version("3".to_owned()),
                calls,
            }]
        };
        assert_eq!(admit(1000, calls(0.0), 1100), Ok(()));
        let soon = admit(1000, calls(0.0), 1099).expect_err("too soon");
        assert_eq!(soon.name(), "OldCodeInUse");
        let called = admit(1000, calls(2.0), 5000).expect_err("called");
        assert!(
            called.to_string().contains("2 calls of shop-api:3"),
            "{called}"
        );
    }
}
