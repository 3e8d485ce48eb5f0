//! What is asked where a promotion takes migrations back.

use sluice_domain::migrations::{
    Applied, Brought, Checked, MigrationPlan, Operation, Phase, Request,
};
use sluice_migration::Refusal;
use sluice_migrator::apply::Limits;
use sluice_migrator::ledger::Holder;
use sluice_migrator::undo::{self, Undo};
use sluice_migrator::{Session, plan};

use crate::{
    Archives, Error, Input, Keys, Migrate, Output, brought, claim, holder, refuse_what_came_up,
    summary,
};

/// Two releases' migrations, and a way into the database.
struct Opened {
    session: Session,
    undo: Undo,
    limits: Limits,
}

impl Opened {
    async fn plan(&self) -> Result<MigrationPlan, Error> {
        let found = plan::of_undo(&self.session, &self.undo, self.limits).await?;
        if !found.refused.is_empty() {
            return Err(Error::NoWayBack(found.refused));
        }
        let mut plan = summary::of(&found, Phase::Contract)?;
        summary::warn(&mut plan);
        Ok(plan)
    }
}

impl<A: Archives, K: Keys> Migrate<A, K> {
    /// Handles a request of a promotion that takes migrations back. None of all others, and
    /// of what is the same for both.
    pub(crate) async fn undo(&self, input: &Input) -> Result<Option<Output>, Error> {
        let request = match input {
            Input::Plan { request } | Input::Confirm { request, .. } => request,
            Input::Apply { request, .. } | Input::Check { request, .. } => request,
            Input::Rehearse { .. }
            | Input::Fence { .. }
            | Input::Lost { .. }
            | Input::Restored { .. } => return Ok(None),
        };
        if request.operation != Some(Operation::Undo {}) {
            return Ok(None);
        }
        let looks = !matches!(
            input,
            Input::Apply { token: Some(_), .. } | Input::Check { .. }
        );
        let opened = self.both(request, looks).await?;
        match input {
            Input::Plan { .. } => {
                let mut plan = Box::new(opened.plan().await?);
                plan.stays = request.peer.as_ref().map(|peer| peer.version.clone());
                let rehearses = false;
                Ok(Some(Output::Planned { plan, rehearses }))
            }
            Input::Confirm { .. } => {
                refuse_what_came_up(&opened.plan().await?)?;
                Ok(Some(Output::Confirmed { confirmed: true }))
            }
            Input::Apply {
                epoch,
                approved,
                token,
                backup,
                ..
            } => {
                let promotion = request.promotion.to_string();
                let claim = claim(&promotion, *epoch, approved.as_ref());
                let token = match token {
                    Some(token) => *token,
                    None => {
                        let Opened {
                            session,
                            undo,
                            limits,
                        } = &opened;
                        undo::begin(session, undo, *limits, claim).await?
                    }
                };
                let holder = holder(request, *epoch, token, backup.clone());
                let applied = take_back(request, &opened, &holder).await?;
                Ok(Some(Output::Applied(applied)))
            }
            Input::Check { token, .. } => {
                let checked = check(request, &opened, *token).await?;
                Ok(Some(Output::Checked { checked }))
            }
            Input::Rehearse { .. }
            | Input::Fence { .. }
            | Input::Lost { .. }
            | Input::Restored { .. } => Ok(None),
        }
    }

    /// Reads both releases' migrations, and opens a session.
    async fn both(&self, request: &Request, look: bool) -> Result<Opened, Error> {
        let peer = request.peer.as_ref();
        let version = &request.promotion.version;
        if peer.is_some_and(|peer| peer.version == version.to_string()) {
            return Err(Error::NoWayBack(vec![serves(&version.to_string())]));
        }
        let (folder, lint) = self.read(brought(request)?).await?;
        let theirs = match peer.and_then(|peer| peer.brings.as_ref()) {
            Some(brought) => Some(self.read(brought).await?.0),
            None => None,
        };
        let undo = Undo::new((&folder, &lint), theirs.as_ref()).map_err(Error::NoWayBack)?;
        Ok(Opened {
            session: self.session(request, look).await?,
            undo,
            limits: self.limits(&request.database),
        })
    }
}

async fn take_back(request: &Request, opened: &Opened, holder: &Holder) -> Result<Applied, Error> {
    let Opened {
        session,
        undo,
        limits,
    } = opened;
    let step = undo::take_back(session, undo, holder, *limits).await?;
    let more = undo::is_left(session, undo).await?;
    let what = summary::step(&step);
    tracing::info!(promotion = %request.promotion, what, more, "taken back");
    let token = holder.generation;
    Ok(Applied { token, more, what })
}

/// The queries of the release that serves: the others are about what is gone.
async fn check(request: &Request, opened: &Opened, token: i64) -> Result<Checked, Error> {
    let peer = request.peer.as_ref();
    let brings: Option<&Brought> = peer.and_then(|peer| peer.brings.as_ref());
    let queries = brings.map_or(&[][..], |brings| &brings.migrations.checks);
    let queries = queries.iter();
    let queries = queries.map(|check| (check.name.as_str(), check.query.as_str()));
    let queries: Vec<(&str, &str)> = queries.collect();
    let found = undo::check(
        &opened.session,
        &opened.undo,
        token,
        opened.limits,
        &queries,
    )
    .await?;
    Ok(Checked {
        applied: found.applied,
        changes: found.changes,
        more_changes: found.more_changes,
        queries: queries.len(),
    })
}

/// Its code needs what would be taken back.
fn serves(version: &str) -> Refusal {
    *Refusal::of("", "the release serves")
        .found(format!("{version}, whose code needs its migrations"))
        .expected("a release that does not serve")
        .next("go back to the release before it first (`sluice rollback`), and undo it then")
}

#[cfg(test)]
#[path = "undo_tests.rs"]
mod tests;
