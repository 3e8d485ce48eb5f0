//! Attempts: which one an event may start, and what its execution is given.

use semver::Version;
use serde::Serialize;
use sluice_domain::migrations::Operation;
use sluice_domain::naming::promotion_execution;
use sluice_domain::promotion::{BundleRef, PromotionId};
use sluice_platform::store::Release;

use crate::Error;

/// How the last attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Noted, but its execution was never started: whoever noted it crashed.
    NeverStarted,
    /// It runs.
    Running,
    /// It promoted everywhere.
    Promoted,
    /// It ended before that.
    Ended,
}

/// When a further attempt at the same bundle may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Never: an event, which may arrive twice.
    Delivered,
    /// Never: a person asks for a release that must be new.
    Never,
    /// Where the last one did not promote everywhere: a person asks again.
    Unreleased,
    /// Whenever none is running: a person takes an old version back.
    Ended,
    /// Whenever none is running: a person takes a version into a further environment.
    Onward,
    /// Whenever none is running: a person works on a database.
    Operation,
}

impl Repeat {
    /// Whether what is asked for is the bundle of an earlier attempt, if there
    /// was one, and not a bundle that has come.
    #[must_use]
    pub fn is_further(self) -> bool {
        matches!(
            self,
            Self::Unreleased | Self::Ended | Self::Onward | Self::Operation
        )
    }
}

/// What to do about a version that was asked for.
#[derive(Debug, PartialEq)]
pub enum Next<'a> {
    /// Begin this attempt.
    Begin(u32),
    /// Start what was noted and never started.
    Resume(&'a Release),
    /// Nothing, because of this attempt.
    Duplicate(&'a Release, String),
}

/// What to do after a last attempt at the same bundle, where a further one would enter
/// these environments.
///
/// # Errors
/// When the version is released, or is to enter elsewhere while it is still being
/// released: that attempt may be done with the environment that needs it back,
/// and wait in another one for days.
pub fn next<'a>(
    last: &'a Release,
    standing: Standing,
    repeat: Repeat,
    (environments, operation): (&[String], Option<&Operation>),
) -> Result<Next<'a>, Error> {
    let Release {
        application,
        version,
        attempt,
        ..
    } = last;
    match (standing, repeat) {
        (Standing::NeverStarted, _) if is_meant(last, repeat, (environments, operation)) => {
            Ok(Next::Resume(last))
        }
        // The watchdog closes it: who asks for one thing begins no other.
        (Standing::NeverStarted, _) => Ok(Next::Begin(attempt + 1)),
        (Standing::Running, Repeat::Ended | Repeat::Operation) => {
            Err(Error::StillRunning(last.clone().into()))
        }
        (Standing::Running, Repeat::Onward) if last.environments != environments => {
            Err(Error::StillRunning(last.clone().into()))
        }
        (Standing::Running, _) => {
            let why = format!(
                "attempt {attempt} at releasing {application} {version} is running; nothing was started"
            );
            Ok(Next::Duplicate(last, why))
        }
        (
            Standing::Promoted | Standing::Ended,
            Repeat::Ended | Repeat::Onward | Repeat::Operation,
        )
        | (Standing::Ended, Repeat::Unreleased) => Ok(Next::Begin(attempt + 1)),
        (Standing::Promoted, Repeat::Delivered) => {
            let why = format!(
                "attempt {attempt} has released {application} {version}; the event came again, and nothing was started"
            );
            Ok(Next::Duplicate(last, why))
        }
        (Standing::Promoted, _) => Err(Error::AlreadyReleased {
            application: application.clone(),
            version: version.clone(),
            attempt: *attempt,
            environments: last.environments.join(", "),
        }),
        (Standing::Ended, Repeat::Never | Repeat::Delivered) => {
            let why = format!(
                "attempt {attempt} at releasing {application} {version} has ended; nothing was started. \
                 Ask for a new attempt with `sluice release --again`"
            );
            Ok(Next::Duplicate(last, why))
        }
    }
}

/// Whether an attempt does what is asked for.
fn is_meant(
    last: &Release,
    repeat: Repeat,
    (environments, operation): (&[String], Option<&Operation>),
) -> bool {
    let is_same = last.operation.as_ref() == operation;
    let goes_as_far = operation.is_none() || last.environments == environments;
    is_same && goes_as_far && last.rollback == (repeat == Repeat::Ended)
}

/// The input of a `release` execution. The same attempt always has the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExecutionInput {
    /// The application.
    pub application: String,
    /// The version.
    pub version: Version,
    /// The attempt.
    pub attempt: u32,
    /// What is released.
    pub bundle: BundleRef,
    /// The promotions, in order.
    pub promotions: Vec<PromotionInput>,
}

/// One promotion of a release.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromotionInput {
    /// The environment.
    pub environment: String,
    /// The promotion.
    pub promotion: PromotionId,
    /// The name of its execution.
    pub execution: String,
}

impl ExecutionInput {
    /// The input for this attempt.
    #[must_use]
    pub fn of(release: &Release) -> Self {
        let promotion = |environment: &String| {
            let promotion = release.promotion(environment);
            let execution = promotion_execution(&promotion, &release.bundle.digest);
            PromotionInput {
                environment: environment.clone(),
                promotion,
                execution,
            }
        };
        Self {
            application: release.application.clone(),
            version: release.version.clone(),
            attempt: release.attempt,
            bundle: release.bundle.clone(),
            promotions: release.environments.iter().map(promotion).collect(),
        }
    }
}
