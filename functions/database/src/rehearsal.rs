//! Copies of databases on which migrations are tried before people are asked.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use sluice_domain::cause::sentence;
use sluice_domain::migrations::{
    CopiedFrom, CopyPlace, Keeper, MigrationPlan, Rehearsal, RehearsalPolicy, RehearsedUnits,
    Request,
};
use sluice_domain::naming::rehearsal;
use sluice_domain::promotion::PromotionId;
use sluice_domain::role::Role;

use crate::{Databases, Error, Output};

/// How long it is waited before a copy is looked at again, in seconds: a restore takes many
/// minutes.
const PACE: u64 = 30;

/// How long a copy is there at most, in hours: to restore it and to try migrations on it.
/// Whatever became of who asked for it, the watchdog deletes it then.
const KEPT_HOURS: i64 = 6;

/// What a copy is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedCopy<'a> {
    /// Of what.
    pub of: Keeper<'a>,
    /// What its server is like.
    pub policy: &'a RehearsalPolicy,
    /// What it is called: the same whenever the same promotion asks.
    pub name: String,
    /// For which promotion.
    pub promotion: &'a PromotionId,
    /// When it goes, if nobody ended it before.
    pub keep_until: Timestamp,
}

/// How a copy stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStanding {
    /// Where it is. None: it is on its way.
    pub place: Option<CopyPlace>,
    /// What it was made from, where only the copy says so.
    pub of: Option<CopiedFrom>,
    /// What it says of itself, for people.
    pub status: String,
}

/// Where copies are made.
pub trait Copies {
    /// Begins a copy under its name, or finds the one that was begun, and answers what it is
    /// made from. Safe to repeat.
    fn begin(
        &self,
        role: Option<&Role>,
        wanted: &WantedCopy<'_>,
    ) -> impl Future<Output = Result<CopiedFrom, Error>>;

    /// How it stands. Begins the next part of it once the one before is there, and never a
    /// copy that is gone. Safe to repeat.
    fn look(
        &self,
        role: Option<&Role>,
        wanted: &WantedCopy<'_>,
    ) -> impl Future<Output = Result<CopyStanding, Error>>;

    /// Has it deleted, and does not wait for that. Safe to repeat: one that is gone, or was
    /// never begun, is fine.
    fn end(
        &self,
        role: Option<&Role>,
        wanted: &WantedCopy<'_>,
    ) -> impl Future<Output = Result<(), Error>>;
}

/// What became of migrations on a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) of: Option<CopiedFrom>,
    pub(crate) units: RehearsedUnits,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

impl<P, B: Copies, L> Databases<P, B, L> {
    /// Begins a copy.
    pub(crate) async fn begin_rehearsal(
        &self,
        id: &PromotionId,
        request: &Request,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let kept = SignedDuration::from_hours(KEPT_HOURS);
        let until = now.saturating_add(kept).unwrap_or(Timestamp::MAX);
        let wanted = wanted(id, request, until)?;
        let of = self.backups.begin(request.role.as_ref(), &wanted).await?;
        tracing::info!(promotion = %id, copy = wanted.name, of = of.id, "copying");
        Ok(Output::Copying { of, until })
    }

    /// Sees whether the copy is there.
    pub(crate) async fn look_at_copy(
        &self,
        id: &PromotionId,
        request: &Request,
        (of, until): (CopiedFrom, Timestamp),
        now: Timestamp,
    ) -> Result<Output, Error> {
        let wanted = wanted(id, request, until)?;
        if now >= until {
            return Err(Error::CopyFailed {
                name: wanted.name,
                why: format!("was not ready at {until}, {KEPT_HOURS} hours after it was begun"),
            });
        }
        let CopyStanding {
            place,
            of: told,
            status,
        } = self.backups.look(request.role.as_ref(), &wanted).await?;
        tracing::info!(promotion = %id, copy = wanted.name, status, "copy");
        Ok(Output::Copied {
            ready: place.is_some(),
            wait_seconds: PACE,
            copy: place,
            of: told.unwrap_or(of),
        })
    }

    /// Ends the copy, and answers the plan with what was found there. What failed there is
    /// an error, once the copy was ended.
    pub(crate) async fn end_rehearsal(
        &self,
        id: &PromotionId,
        request: &Request,
        mut plan: Box<MigrationPlan>,
        tried: Tried,
    ) -> Result<Output, Error> {
        let wanted = wanted(id, request, Timestamp::MAX)?;
        let ended = self.backups.end(request.role.as_ref(), &wanted).await;
        let failed = sentence(tried.error.as_deref(), tried.cause.as_deref());
        let after = match &ended {
            Ok(()) => "The copy is deleted".to_owned(),
            // It is tried again, and says both then.
            Err(error) if error.is_passing() => String::new(),
            Err(error) => format!("The copy {} was not deleted: {error}", wanted.name),
        };
        let of = match (failed, tried.of) {
            (Some(why), of) if !after.is_empty() => {
                let of = of.map_or_else(|| "the database".to_owned(), |of| of.sentence());
                return Err(Error::RehearsalFailed { of, why, after });
            }
            (_, of) => of,
        };
        ended?;
        tracing::info!(promotion = %id, copy = wanted.name, "copy ended");
        let of = of.ok_or_else(|| Error::NoRehearsal(id.clone()))?;
        plan.rehearsed = Some(Rehearsal::new(of, tried.units));
        Ok(Output::Tried { plan })
    }
}

fn wanted<'a>(
    id: &'a PromotionId,
    request: &'a Request,
    keep_until: Timestamp,
) -> Result<WantedCopy<'a>, Error> {
    let missing = || Error::NoRehearsal(id.clone());
    Ok(WantedCopy {
        of: request.database.original().ok_or_else(missing)?,
        policy: request.database.rehearsal.as_ref().ok_or_else(missing)?,
        name: rehearsal(id),
        promotion: id,
        keep_until,
    })
}
