//! Migrations on a copy of the database: the same as on the database itself, timed, and for
//! nothing but to see what becomes of it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sluice_domain::migrations::{CopyPlace, Keeper, RehearsedUnits, Request};
use sluice_migrator::Session;
use sluice_migrator::plan;

use crate::open::{Opened, Server};
use crate::{Archives, Error, Keys, Migrate, claim, holder, summary};

/// What one call did on a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rehearsed {
    /// What the copy gives to whoever goes on there.
    pub token: i64,
    /// Whether to ask again.
    pub more: bool,
    /// What was applied so far.
    pub units: RehearsedUnits,
}

impl<A: Archives, K: Keys> Migrate<A, K> {
    /// Applies what is next on the copy. Once nothing is left, it is looked at as the
    /// database itself will be: the last call does only that.
    pub(crate) async fn rehearse(
        &self,
        request: &Request,
        (copy, until): (&CopyPlace, Timestamp),
        (token, units): (Option<i64>, RehearsedUnits),
    ) -> Result<Rehearsed, Error> {
        let copy = match request.database.original() {
            Some(Keeper::Cluster(_) | Keeper::Instance(_)) => Server::Beside(copy),
            Some(Keeper::Function(_)) | None => Server::Told(copy),
        };
        let opened = self.open(request, copy, token.is_none()).await?;
        // Later than any that the copy knows of.
        let epoch = until.as_millisecond();
        let token = match token {
            Some(token) => token,
            None => {
                self.refuse_itself(request, &opened.session).await?;
                self.begin_there(request, &opened, epoch).await?
            }
        };
        let holder = holder(request, epoch, token, None);
        let (step, took, _) = self.step(request, &opened, &holder).await?;
        let Some(unit) = summary::unit(&step) else {
            self.check(request, &opened, token).await?;
            return Ok(Rehearsed {
                token,
                more: false,
                units,
            });
        };
        let milliseconds = milliseconds(took);
        tracing::info!(promotion = %request.promotion, unit, milliseconds, "rehearsed");
        Ok(Rehearsed {
            token,
            more: true,
            units: units.and(unit, milliseconds),
        })
    }

    /// Nothing is tried on the database itself, whatever name it is given.
    async fn refuse_itself(&self, request: &Request, copy: &Session) -> Result<(), Error> {
        let own = self.session(request, false).await?;
        if own.identity().await? == copy.identity().await? {
            return Err(Error::NoCopy(copy.place.clone()));
        }
        Ok(())
    }

    /// Takes the copy. What it plans is what is tried: a copy may be older than what was
    /// applied last, and then what came since is applied there, too.
    async fn begin_there(
        &self,
        request: &Request,
        opened: &Opened,
        epoch: i64,
    ) -> Result<i64, Error> {
        let Opened {
            session,
            folder,
            lint,
        } = opened;
        let limits = self.limits(&request.database);
        let plan = plan::plan(session, folder, lint, limits).await?;
        if !plan.refused.is_empty() {
            return Err(Error::Refused(plan.refused));
        }
        let digest = summary::digest(&plan.hash)?;
        let promotion = request.promotion.to_string();
        let claim = claim(&promotion, epoch, Some(&digest));
        self.begin(request, opened, claim).await
    }
}

/// What a step took, in whole milliseconds.
fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
