//! Why an event or a request starts nothing.

use semver::Version;
use sluice_domain::digest::Digest;
use sluice_domain::entry::NotAdmitted;
use sluice_domain::may::NotAllowed;
use sluice_domain::migrations::Inapplicable;
use sluice_domain::path::{Barred, NotYet};
use sluice_domain::preview::NotPreviewed;
use sluice_domain::promotion::PromotionId;
use sluice_platform::bundle::BundleError;
use sluice_platform::caller::CallerError;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::settings::SettingsError;
use sluice_platform::store::{Release, StoreError};

use crate::label::Unfit;
use crate::request::Subject;
use crate::sender::PEOPLE;

/// Why an event or a request starts nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be understood.
    #[error(
        "the event was not understood: {0}; expected an S3 `Object Created` event, an `ECR Image Action` event, \
         or a request with application, version and requested_by"
    )]
    InvalidEvent(String),
    /// It came where people ask, and people send no events.
    #[error(
        "found an event at the alias `{PEOPLE}` of intake, where people ask; nothing was started. \
         Ask with `sluice`; rules and schedules call the alias in the stack's output `IntakeEvents`"
    )]
    EventAmongRequests,
    /// It came where events arrive, which are no person's.
    #[error(
        "found a request where events arrive; expected it at the alias `{PEOPLE}` of intake, which is the stack's output \
         `IntakeFunction`; nothing was started. `sluice` finds it by itself"
    )]
    RequestAmongEvents,
    /// Nobody set the application up.
    #[error(
        "application `{0}` has no environment: there is no parameter /sluice/{0}/<environment>; write one with `sluice env put`"
    )]
    UnknownApplication(String),
    /// The manifest lies where another one belongs.
    #[error(
        "{key} does not fit its folder: found {found}; expected {expected}. Upload it as <application>/<version>/release.json"
    )]
    BundlePathMismatch {
        /// Its key.
        key: String,
        /// What it is.
        found: String,
        /// What belongs there.
        expected: String,
    },
    /// The bucket keeps no versions, so nothing can be pinned.
    #[error(
        "{key} in bucket {bucket} has no S3 version; turn versioning on and upload the bundle again"
    )]
    Unversioned {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// The manifest of an earlier attempt is gone, and the current one is another.
    #[error(
        "the {} that attempt {} released is gone from bucket {}: found {found}; \
         expected S3 version {} or any with digest {}. Upload that very file again, or release a new version",
        .earlier.bundle.key, .earlier.attempt, .earlier.bundle.bucket,
        .earlier.bundle.version_id, .earlier.bundle.digest
    )]
    BundleLost {
        /// The earlier attempt.
        earlier: Box<Release>,
        /// What is there now.
        found: String,
    },
    /// The manifest of the version that was pushed speaks of another image.
    #[error(
        "{key} names no image {repository}@{digest}, which was pushed under its version; \
         push another build under another version"
    )]
    ImageNotNamed {
        /// The manifest's key.
        key: String,
        /// The repository.
        repository: String,
        /// The digest that was pushed.
        digest: Digest,
    },
    /// What was pushed can't be released by what it says of itself.
    #[error("image {repository}@{digest} can't be released: {why}")]
    ImageUnfit {
        /// The repository.
        repository: String,
        /// The digest that was pushed.
        digest: Digest,
        /// Why.
        why: Unfit,
    },
    /// The version is everywhere already.
    #[error(
        "{application} {version} is released: attempt {attempt} promoted it everywhere it went ({environments}). \
         Take it on with `sluice promote`, or release a new version"
    )]
    AlreadyReleased {
        /// The application.
        application: String,
        /// The version.
        version: Version,
        /// The attempt that did.
        attempt: u32,
        /// Where it went.
        environments: String,
    },
    /// The version stands already where it is to go.
    #[error("{} stands in {} already: {} promoted it; nothing was started", .0.version, .0.environment, .0)]
    AlreadyThere(PromotionId),
    /// It is to go back to where it never was.
    #[error(
        "{} {} can't be taken back in {environments}: this bundle was never promoted there, and a rollback goes back \
         to what served before. Take it there with `sluice promote`, or release it with `sluice release`",
        .subject.application, .subject.version
    )]
    NeverPromoted {
        /// What was to go back.
        subject: Subject,
        /// Where it never was.
        environments: String,
    },
    /// A database is to be worked on in the name of a release that was never there.
    #[error(
        "{} {} was never promoted into {environment}, and nothing of it was tried there; expected a release whose \
         migrations are in its database. `sluice history {}` lists what there was",
        .subject.application, .subject.version, .subject.application
    )]
    NeverThere {
        /// What was asked for.
        subject: Subject,
        /// Where.
        environment: String,
    },
    /// What is asked of the database can't be done of this release.
    #[error(transparent)]
    Inapplicable(#[from] Inapplicable),
    /// The environment's rules don't take the release.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// Who asks may not start it there.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// Nobody knows who asks.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// It can't become the preview that its manifest names.
    #[error(transparent)]
    NotPreviewed(#[from] NotPreviewed),
    /// The environment before has not had it, or too briefly.
    #[error(transparent)]
    NotYet(#[from] NotYet),
    /// The version is still being released.
    #[error(
        "{} {} can't be started once more while attempt {} at it runs, as {}; nothing was started. \
         If that is what you want, follow it. If not, wait for it, or stop the promotion of it that has not ended \
         with `sluice abort` ({}), and ask again when the execution has ended",
        .0.application, .0.version, .0.attempt, .0.execution_arn, promotions(.0)
    )]
    StillRunning(Box<Release>),
    /// The version is another bundle's.
    #[error(
        "{application} {version} is taken: found a bundle with digest {found}; expected {expected}, as in attempt {attempt}. \
         A version names one bundle for ever: give this build a version of its own"
    )]
    VersionTaken {
        /// The application.
        application: String,
        /// The version.
        version: Version,
        /// The attempt that took it.
        attempt: u32,
        /// The digest of the bundle that came.
        found: Digest,
        /// The digest that the version stands for.
        expected: Digest,
    },
    /// Others kept starting attempts meanwhile.
    #[error("another request began an attempt at releasing {} {} at the same moment; ask again", .0.application, .0.version)]
    Contended(Subject),
    /// The manifest is missing or wrong.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The state table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Barred> for Error {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::NotAdmitted(refusal) => refusal.into(),
            Barred::NotAllowed(refusal) => refusal.into(),
        }
    }
}

/// A release's promotions by their names.
fn promotions(release: &Release) -> String {
    let environments = release.environments.iter();
    let names = environments.map(|environment| release.promotion(environment).to_string());
    names.collect::<Vec<_>>().join(", ")
}

impl Error {
    /// Whether it is final: the same event again meets the same answer.
    pub(crate) fn is_refusal(&self) -> bool {
        self.fault().is_none() && !matches!(self, Self::Store(_) | Self::Contended(_))
    }

    /// Whether it says only that there is nothing to begin yet: a schedule asks again.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::StillRunning(_) | Self::NotAdmitted(_) | Self::NotYet(_) | Self::AlreadyThere(_)
        )
    }

    fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault(fault)
            | Self::Caller(CallerError::Fault(fault))
            | Self::Bundle(BundleError::Fault(fault))
            | Self::Settings(SettingsError::Fault(fault))
            | Self::Store(StoreError::Fault(fault)) => Some(fault),
            _ => None,
        }
    }
}

impl Named for Error {
    fn name(&self) -> &'static str {
        if let Some(fault) = self.fault() {
            return fault_name(fault);
        }
        match self {
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::EventAmongRequests | Self::RequestAmongEvents => "WrongAlias",
            Self::UnknownApplication(_) | Self::Settings(SettingsError::Missing(_)) => {
                "UnknownApplication"
            }
            Self::Settings(_) => "InvalidSettings",
            Self::BundlePathMismatch { .. } => "BundlePathMismatch",
            Self::Bundle(BundleError::Missing { .. })
            | Self::Unversioned { .. }
            | Self::BundleLost { .. } => "BundleMissing",
            Self::Bundle(_) | Self::ImageNotNamed { .. } => "InvalidManifest",
            Self::ImageUnfit { .. } => "ImageUnfit",
            Self::AlreadyReleased { .. } | Self::AlreadyThere(_) => "AlreadyReleased",
            Self::NeverPromoted { .. } => "NeverPromoted",
            Self::NeverThere { .. } => "WrongRelease",
            Self::Inapplicable(refusal) => refusal.name(),
            Self::NotAdmitted(refusal) => refusal.name(),
            Self::NotAllowed(refusal) => refusal.name(),
            Self::Caller(error) => error.name(),
            Self::NotPreviewed(refusal) => refusal.name(),
            Self::NotYet(refusal) => refusal.name(),
            Self::StillRunning(_) => "StillRunning",
            Self::VersionTaken { .. } => "VersionTaken",
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
            // Waiting and asking again is the right reaction.
            Self::Contended(_) => "Throttled",
        }
    }
}
