//! A promotion: one release taken into one environment.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Names a promotion: `shop/prod/1.1.0/1`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct PromotionId {
    /// The application.
    pub application: String,
    /// The environment.
    pub environment: String,
    /// The release's version.
    pub version: Version,
    /// Which attempt at releasing this version, from 1.
    pub attempt: u32,
}

/// Why a text names no promotion.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` names no promotion; expected <application>/<environment>/<version>/<attempt>")]
pub struct InvalidPromotionId(String);

impl FromStr for PromotionId {
    type Err = InvalidPromotionId;

    fn from_str(text: &str) -> Result<Self, InvalidPromotionId> {
        let read = || {
            let mut parts = text.split('/');
            let application = parts.next().filter(|part| !part.is_empty())?.to_owned();
            let environment = parts.next().filter(|part| !part.is_empty())?.to_owned();
            let version = parts.next()?.parse().ok()?;
            let attempt = parts.next()?.parse().ok().filter(|attempt| *attempt > 0)?;
            parts.next().is_none().then_some(Self {
                application,
                environment,
                version,
                attempt,
            })
        };
        read().ok_or_else(|| InvalidPromotionId(text.to_owned()))
    }
}

impl TryFrom<String> for PromotionId {
    type Error = InvalidPromotionId;

    fn try_from(text: String) -> Result<Self, InvalidPromotionId> {
        text.parse()
    }
}

impl From<PromotionId> for String {
    fn from(id: PromotionId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for PromotionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.application, self.environment, self.version, self.attempt
        )
    }
}

/// Where a bundle's `release.json` lies, pinned to one S3 version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleRef {
    /// The bucket.
    pub bucket: String,
    /// The key of `release.json`.
    pub key: String,
    /// The S3 VersionId of `release.json`.
    pub version_id: String,
    /// The bundle digest: the SHA-256 of that version of `release.json`.
    pub digest: Digest,
}

impl BundleRef {
    /// The key of a file that the manifest names relative to itself.
    #[must_use]
    pub fn key_of(&self, relative: &str) -> String {
        match self.key.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{relative}"),
            None => relative.to_owned(),
        }
    }
}

/// How a promotion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The new versions serve all traffic.
    Promoted,
    /// Traffic was moved, or might have been, and is back on the stable versions.
    RolledBack,
    /// An approver said no. No traffic moved.
    Rejected,
    /// Nobody decided in time. No traffic moved.
    Expired,
    /// A newer promotion took its place. No traffic moved.
    Superseded,
    /// A check said no before anything moved, or it could not be started.
    Refused,
    /// A person stopped it before traffic moved.
    Aborted,
    /// Rolling back failed, or letting traffic in after a restore: a person must look. The
    /// watchdog keeps trying.
    Stranded,
    /// An operation on the database is through.
    Done,
    /// An operation on the database ended before it was through. What was done stays.
    Failed,
}

impl Outcome {
    /// The name in state machines, pages and reports: `RolledBack`.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Promoted => "Promoted",
            Self::RolledBack => "RolledBack",
            Self::Rejected => "Rejected",
            Self::Expired => "Expired",
            Self::Superseded => "Superseded",
            Self::Refused => "Refused",
            Self::Aborted => "Aborted",
            Self::Stranded => "Stranded",
            Self::Done => "Done",
            Self::Failed => "Failed",
        }
    }

    /// The same of a promotion that works on the database instead of releasing code: then
    /// nothing is promoted, and nothing is rolled back.
    #[must_use]
    pub const fn of_operation(self) -> Self {
        match self {
            Self::Promoted => Self::Done,
            Self::RolledBack => Self::Failed,
            other => other,
        }
    }
}

/// The working record of a promotion, from its first step to its outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promotion {
    /// Its name.
    pub id: PromotionId,
    /// What is promoted.
    pub bundle: BundleRef,
    /// The execution that owns it: the one of `promote`, or, of a promotion that
    /// never began, the one that closed it.
    pub execution_arn: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// How it ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why it ended so, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

impl Promotion {
    /// Whether it was ever open: what never began is closed as it is written.
    #[must_use]
    pub fn began(&self) -> bool {
        self.closed_at != Some(self.opened_at)
    }

    /// Whether it has ended for good. One that is stranded has not.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let ended = |outcome: Outcome| outcome != Outcome::Stranded;
        self.outcome.is_some_and(ended)
    }
}

/// The fencing generation of a promotion: raised when it ends and when the
/// watchdog takes it over. A writer that carries an older one is a zombie and
/// must not write.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promotion_id_is_read_as_it_is_written() {
        let text = "storefront/prod/1.1.0-rc.1+build.5/12";
        let id: PromotionId = text.parse().expect("valid");
        assert_eq!(id.attempt, 12);
        assert_eq!(id.to_string(), text);
    }

    #[test]
    fn a_promotion_id_with_missing_or_extra_parts_is_refused() {
        for text in [
            "",
            "a/b/1.0.0",
            "a/b/1.0.0/0",
            "a/b/1/1",
            "a//1.0.0/1",
            "a/b/1.0.0/1/x",
        ] {
            assert!(text.parse::<PromotionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_promotion_that_was_closed_as_it_was_written_never_began() {
        let mut promotion: Promotion = serde_json::from_value(serde_json::json!({
            "id": "storefront/prod/1.1.0/1",
            "bundle": {"bucket": "b", "key": "k", "version_id": "v", "digest": Digest::of(b"")},
            "execution_arn": "execution", "opened_at": "2030-01-01T00:00:00Z",
        }))
        .expect("a promotion");
        assert!(promotion.began());
        promotion.closed_at = Some(promotion.opened_at);
        assert!(!promotion.began());
    }

    #[test]
    fn keys_of_artifacts_are_relative_to_the_manifest() {
        let mut bundle = BundleRef {
            bucket: "b".into(),
            key: "shop/1.0.0/release.json".into(),
            version_id: "v".into(),
            digest: Digest::of(b""),
        };
        assert_eq!(bundle.key_of("api.zip"), "shop/1.0.0/api.zip");
        bundle.key = "release.json".into();
        assert_eq!(bundle.key_of("api.zip"), "api.zip");
    }
}
