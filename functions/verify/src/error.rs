//! Why a bundle is not used.

use std::fmt;

use sluice_domain::digest::Digest;
use sluice_domain::evidence::Assessment;
use sluice_domain::migrations::NoDatabase;
use sluice_domain::promotion::PromotionId;
use sluice_evidence::KeyError;
use sluice_platform::bundle::BundleError;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

/// Why a bundle is not used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The promotion is another execution's, or has ended.
    #[error(
        "promotion {promotion} is not {execution_arn}'s: another execution owns it, or it has ended. \
         Ask for a new attempt with `sluice release --again`"
    )]
    PromotionTaken {
        /// The promotion.
        promotion: PromotionId,
        /// The execution that wanted it.
        execution_arn: String,
    },
    /// The manifest is another release's.
    #[error(
        "{key} is a manifest of {found}; expected one of {expected}. Nothing was changed; release the bundle again"
    )]
    OtherRelease {
        /// Its key.
        key: String,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// Artifacts are missing or not what they should be.
    #[error("the bundle is not what its manifest says: {}", list(.0))]
    Artifacts(Vec<Problem>),
    /// It is not what the environment asks for.
    #[error(
        "the bundle is not what {environment} asks for: {}. Nothing was changed; mend the build and release it under \
         a new version, or what {environment} asks (`evidence` in its settings, where a finding can be waived) and \
         release it with `--again`",
        refusals(assessment)
    )]
    EvidenceRefused {
        /// The environment.
        environment: String,
        /// What was checked.
        assessment: Assessment,
    },
    /// Lambda could not be given the code.
    #[error(
        "the functions of {environment} are in {region}, where Lambda takes code from a bucket in that region only; name \
         one in the settings (`role.bucket`), then release again. Nothing was changed"
    )]
    NoBucket {
        /// The environment.
        environment: String,
        /// The region of its functions.
        region: String,
    },
    /// Nobody said where the database is.
    #[error("{0}, then release again. Nothing was changed")]
    NoDatabase(#[from] NoDatabase),
    /// A file can't be copied to where the functions are.
    #[error(
        "the code can't be copied to {place}: {reason}. Nothing was changed; release again then"
    )]
    CopyRefused {
        /// Where to.
        place: String,
        /// Why, and what to do.
        reason: String,
    },
    /// What arrived at the bucket was not what was sent.
    #[error(
        "S3 took nothing for {place}, since what arrived had another digest than it has in release.json, each time. \
         Nothing was changed; release again"
    )]
    CopyDamaged {
        /// Where to.
        place: String,
    },
    /// A copy is not what was copied.
    #[error(
        "{place} has {} after it was copied; expected digest {expected}. Who else writes there? Give that bucket's \
         prefix to Sluice's role alone, then release again. Nothing was changed",
        .found.as_ref().map_or("no digest".to_owned(), |found| format!("digest {found}"))
    )]
    CopyChanged {
        /// The copy.
        place: String,
        /// Its digest, as S3 says.
        found: Option<Digest>,
        /// The digest in the manifest.
        expected: Digest,
    },
    /// Lambda would find no image.
    #[error(
        "the functions of {environment} are in {region}, and Lambda takes images from registries of that region only: \
         found no {} there, asked with {}. Nothing was changed; have ECR's replication bring it there (it brings what is pushed \
         after it was set up) or push it there, then release again. `role.registry` in the settings names another account's \
         registry",
        .missing.join(", no "),
        .role.as_deref().unwrap_or("Sluice's own role")
    )]
    NotReplicated {
        /// The environment.
        environment: String,
        /// The region of its functions.
        region: String,
        /// The images that were looked for, as Lambda would be told.
        missing: Vec<String>,
        /// The ARN of the role that looked. None: Sluice's own.
        role: Option<String>,
    },
    /// A key that the settings name is none.
    #[error("{0}; mend `evidence.provenance.keys` in the settings")]
    Key(#[from] KeyError),
    /// The settings are missing or wrong.
    #[error(transparent)]
    Settings(SettingsError),
    /// The manifest is missing, changed or wrong.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The state table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What is wrong with one artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It isn't there.
    Missing {
        /// The bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// It can't be pinned.
    Unversioned {
        /// The bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// It is something else.
    Different {
        /// Its key.
        key: String,
        /// The digest that it has.
        found: Digest,
        /// The digest that the manifest names.
        expected: Digest,
    },
    /// What was released before is gone, and the current object is no substitute.
    Lost {
        /// Its key.
        key: String,
        /// The S3 version that was released.
        version_id: String,
        /// The digest of the current object; None: there is none.
        found: Option<Digest>,
        /// The digest that the manifest names.
        expected: Digest,
    },
    /// The image isn't there.
    NoImage {
        /// The repository.
        repository: String,
        /// The image's digest.
        digest: Digest,
    },
    /// Lambda takes images from ECR only.
    NotEcr {
        /// The repository.
        repository: String,
    },
}

impl Problem {
    /// The same of a current object, where this version was looked for first
    /// and is gone.
    #[must_use]
    pub(crate) fn without(self, pinned: &str, expected: &Digest) -> Self {
        let (key, found) = match self {
            Self::Missing { key, .. } => (key, None),
            Self::Different { key, found, .. } => (key, Some(found)),
            other => return other,
        };
        Self::Lost {
            key,
            version_id: pinned.to_owned(),
            found,
            expected: expected.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { bucket, key } => {
                write!(
                    f,
                    "{key} is not in bucket {bucket}; upload all artifacts before release.json"
                )
            }
            Self::Unversioned { bucket, key } => {
                write!(
                    f,
                    "{key} in bucket {bucket} has no S3 version; turn versioning on and upload it again"
                )
            }
            Self::Different {
                key,
                found,
                expected,
            } => {
                write!(
                    f,
                    "{key} has digest {found}; expected {expected}: build and upload the bundle again"
                )
            }
            Self::Lost {
                key,
                version_id,
                found,
                expected,
            } => {
                let now = found.as_ref().map_or_else(
                    || "nothing is there now".to_owned(),
                    |found| format!("what is there now has digest {found}"),
                );
                write!(
                    f,
                    "S3 version {version_id} of {key}, which was released before, is gone, and {now}; expected {expected}: \
                     upload that very file again, or release a new version"
                )
            }
            Self::NoImage { repository, digest } => {
                write!(
                    f,
                    "there is no image {repository}@{digest}; push it before release.json is uploaded"
                )
            }
            Self::NotEcr { repository } => write!(
                f,
                "found image repository `{repository}`; expected <account>.dkr.ecr.<region>.amazonaws.com/<repository>"
            ),
        }
    }
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// The most that is told of refusals, in bytes: people read it in a message.
const TOLD: usize = 6_000;

/// Each check that refuses.
fn refusals(assessment: &Assessment) -> String {
    let refusals = Assessment::of(assessment.refusals().cloned().collect());
    let (told, more) = refusals.within(TOLD);
    let told: Vec<String> = told.into_iter().map(ToString::to_string).collect();
    match more {
        0 => told.join("; "),
        more => format!("{}; and {more} more, in the ledger", told.join("; ")),
    }
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Fault(fault) => fault.into(),
            other => Self::Settings(other),
        }
    }
}

/// The name for several problems is that of the gravest: something was
/// changed, something is written wrong, something is missing.
fn gravest(problems: &[Problem]) -> &'static str {
    let any = |is: fn(&Problem) -> bool| problems.iter().any(is);
    if any(|problem| matches!(problem, Problem::Different { .. })) {
        "DigestMismatch"
    } else if any(|problem| {
        matches!(
            problem,
            Problem::NotEcr { .. } | Problem::Unversioned { .. }
        )
    }) {
        "BundleInvalid"
    } else {
        "ArtifactMissing"
    }
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::PromotionTaken { .. } => "PromotionTaken",
            Self::OtherRelease { .. }
            | Self::Bundle(BundleError::Invalid(_) | BundleError::TooLarge { .. }) => {
                "BundleInvalid"
            }
            Self::Artifacts(problems) => gravest(problems),
            Self::NotReplicated { .. } => "ArtifactMissing",
            Self::EvidenceRefused { .. } => "EvidenceRefused",
            Self::CopyRefused { .. } => "CopyRefused",
            Self::CopyDamaged { .. } | Self::CopyChanged { .. } => "DigestMismatch",
            Self::Key(_) | Self::Settings(_) | Self::NoBucket { .. } | Self::NoDatabase(_) => {
                "InvalidSettings"
            }
            Self::Bundle(BundleError::DigestMismatch { .. }) => "DigestMismatch",
            Self::Bundle(BundleError::Missing { .. }) => "ArtifactMissing",
            Self::Store(error) => error.name(),
            Self::Bundle(BundleError::Fault(fault)) | Self::Fault(fault) => fault_name(fault),
        }
    }
}
