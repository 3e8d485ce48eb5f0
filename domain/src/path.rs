//! The path of a release through the environments of its application: how far it goes by
//! itself, and whether it has stood in the environment before for long enough.

use jiff::{SignedDuration, Timestamp};
use semver::Version;

use crate::caller::Principal;
use crate::digest::Digest;
use crate::entry::{EntryRules, NotAdmitted, Start};
use crate::manifest::Manifest;
use crate::may::{Deed, May, NotAllowed};
use crate::promotion::{Outcome, Promotion, PromotionId};

/// One environment of an application. A path is all of them, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The environment.
    pub environment: String,
    /// Its rules for what enters.
    pub entry: EntryRules,
    /// Who may start and operate promotions into it.
    pub may: May,
}

/// The environments that one attempt goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// In order. None: a person has to begin it.
    pub environments: Vec<String>,
    /// Why it ends before the path does.
    pub ends: Option<Ends>,
}

/// Why an attempt ends before its path does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ends {
    /// A person begins the promotion into this environment.
    ByHand {
        /// The environment.
        environment: String,
    },
    /// The next environment does not take the release.
    NotAdmitted(NotAdmitted),
    /// Who began it may not start it in the next environment.
    NotAllowed(NotAllowed),
}

/// Why a release may not begin in an environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// The environment's rules don't take it.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// Who asks may not start it there.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
}

/// Who begins a release.
#[derive(Debug, Clone, Copy)]
pub struct Beginner<'a> {
    /// Who or what asks. None: nobody knows.
    pub principal: Option<&'a Principal>,
    /// Whether a person asks, who has thereby begun the first environment.
    pub by_hand: bool,
}

/// How far a release goes from a place on the path on: as far as environments begin by
/// themselves, take it, and are let start by who begins it.
///
/// # Errors
/// When the first environment does not take it, or not from them.
pub fn route(
    path: &[Place],
    from: usize,
    beginner: Beginner<'_>,
    manifest: &Manifest,
) -> Result<Route, Barred> {
    let mut environments = Vec::new();
    for (index, place) in path.iter().enumerate().skip(from) {
        let environment = &place.environment;
        let is_first = environments.is_empty();
        let is_begun = beginner.by_hand && is_first;
        let admitted = (place.entry).admit(environment, index + 1 == path.len(), manifest);
        let may_start = || (place.may).allow(Deed::Start, environment, beginner.principal);
        let ends = match admitted {
            Err(refusal) if is_first => return Err(refusal.into()),
            Err(refusal) => Ends::NotAdmitted(refusal),
            Ok(()) if place.entry.start == Start::Manual && !is_begun => Ends::ByHand {
                environment: environment.clone(),
            },
            Ok(()) => match may_start() {
                Err(refusal) if is_first => return Err(refusal.into()),
                Err(refusal) => Ends::NotAllowed(refusal),
                Ok(()) => {
                    environments.push(environment.clone());
                    continue;
                }
            },
        };
        return Ok(Route {
            environments,
            ends: Some(ends),
        });
    }
    Ok(Route {
        environments,
        ends: None,
    })
}

/// A time for which one bundle stood in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay<'a> {
    /// The promotion that brought it.
    pub promotion: &'a PromotionId,
    /// The bundle.
    pub digest: &'a Digest,
    /// Since when: that promotion's end.
    pub since: Timestamp,
    /// What took its place, and when. None: it stands there now.
    pub ended: Option<(&'a PromotionId, Timestamp)>,
}

/// What stood in an environment, in order. A bundle that is promoted once more stays.
#[must_use]
pub fn stays<'a>(promotions: &'a [Promotion], environment: &str) -> Vec<Stay<'a>> {
    let is_there = |promotion: &&Promotion| {
        promotion.id.environment == environment && promotion.outcome == Some(Outcome::Promoted)
    };
    let promoted = promotions.iter().filter(is_there);
    let mut promoted: Vec<_> = promoted
        .filter_map(|promotion| Some((promotion, promotion.closed_at?)))
        .collect();
    promoted.sort_by_key(|(_, closed_at)| *closed_at);
    let mut stays: Vec<Stay<'a>> = Vec::new();
    for (promotion, since) in promoted {
        if let Some(last) = stays.last_mut() {
            if *last.digest == promotion.bundle.digest {
                continue;
            }
            last.ended = Some((&promotion.id, since));
        }
        stays.push(Stay {
            promotion: &promotion.id,
            digest: &promotion.bundle.digest,
            since,
            ended: None,
        });
    }
    stays
}

/// Whether an environment has promoted this bundle before. Only into such a one a rollback
/// goes back, and is let off what a release would be refused for.
#[must_use]
pub fn was_promoted(promotions: &[Promotion], environment: &str, digest: &Digest) -> bool {
    let stays = stays(promotions, environment);
    stays.iter().any(|stay| stay.digest == digest)
}

/// Why a release may not enter an environment yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotYet {
    /// The environment before has not had it.
    #[error(
        "{before} has not promoted this bundle of {version}: found {found}; expected digest {digest}. \
         A release takes its environments in order: promote it there first (`sluice promote`)"
    )]
    NotPromoted {
        /// The environment before.
        before: String,
        /// The release's version.
        version: Version,
        /// The release's bundle.
        digest: Digest,
        /// What stands there, in words.
        found: String,
    },
    /// The environment before went back to an older version.
    #[error(
        "{version} was taken back in {before}: {by} went back to an older version there, and what it showed before counts no more. \
         Promote it there again, or release a newer version"
    )]
    TakenBack {
        /// The environment before.
        before: String,
        /// The release's version.
        version: Version,
        /// What took it back.
        by: Box<PromotionId>,
    },
    /// It was replaced in the environment before too soon.
    #[error(
        "{version} stood in {before} for {found} s when {by} took its place; expected {expected} s (`entry.soak_seconds`). \
         Promote the one that took its place, or shorten the time"
    )]
    TooShort {
        /// The environment before.
        before: String,
        /// The release's version.
        version: Version,
        /// How long it stood there, in seconds.
        found: i64,
        /// How long it has to.
        expected: u64,
        /// What took its place.
        by: Box<PromotionId>,
    },
}

impl NotYet {
    /// The name under which it leaves a function.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotPromoted { .. } | Self::TakenBack { .. } => "OutOfTurn",
            Self::TooShort { .. } => "NotSoaked",
        }
    }
}

/// What is asked of the environment before.
#[derive(Debug, Clone, Copy)]
pub struct Soak<'a> {
    /// The environment before.
    pub before: &'a str,
    /// The release's version.
    pub version: &'a Version,
    /// The release's bundle.
    pub digest: &'a Digest,
    /// How long it has to have stood there, in seconds.
    pub seconds: u64,
}

impl Soak<'_> {
    /// From when on the release has stood in the environment before for long enough. A
    /// rollback there voids what came before it. A release that a newer one replaced
    /// has what it stood there for at a time.
    ///
    /// # Errors
    /// When it was never there, or will not have been for long enough.
    pub fn done_at(&self, promotions: &[Promotion]) -> Result<Timestamp, NotYet> {
        let (before, version) = (self.before.to_owned(), self.version.clone());
        let soak = SignedDuration::from_secs(self.seconds.try_into().unwrap_or(i64::MAX));
        let stays = stays(promotions, self.before);
        let mut refusal = NotYet::NotPromoted {
            before: before.clone(),
            version: version.clone(),
            digest: self.digest.clone(),
            found: stays.last().map_or("nothing".to_owned(), |stay| {
                format!("{} with digest {}", stay.promotion, stay.digest)
            }),
        };
        // The last stay first.
        for (place, stay) in stays.iter().enumerate().rev() {
            if stay.digest != self.digest {
                continue;
            }
            let mut later = stays[place + 1..].iter().map(|stay| stay.promotion);
            if let Some(by) = later.find(|later| later.version < *self.version) {
                let by = Box::new(by.clone());
                return Err(NotYet::TakenBack {
                    before,
                    version,
                    by,
                });
            }
            let done = stay.since.saturating_add(soak).unwrap_or(Timestamp::MAX);
            match stay.ended {
                Some((by, ended)) if ended < done => {
                    refusal = NotYet::TooShort {
                        before: before.clone(),
                        version: version.clone(),
                        found: ended.duration_since(stay.since).as_secs(),
                        expected: self.seconds,
                        by: Box::new(by.clone()),
                    };
                }
                _ => return Ok(done),
            }
        }
        Err(refusal)
    }
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
