//! Takes a database for a promotion, if it still is what people approved.

use sluice_migration::{Class, Lint, Phase, Tool};

use crate::apply::{Folder, Limits};
use crate::connect::Session;
use crate::ledger::{Holder, Ledger};
use crate::plan::{Plan, plan};
use crate::{Error, Result, catalog, locks};

/// Who wants a database.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The promotion, as people write it.
    pub promotion: &'a str,
    /// When it got the locks of its environment, in milliseconds: who has a later epoch comes
    /// after it.
    pub epoch: i64,
    /// The hash of the plan that people said yes to. None: nobody was asked.
    pub approved: Option<&'a str>,
}

/// Takes a database for a promotion, and answers the generation that it carries from now
/// on: whoever carries an older one applies nothing any more, and whoever has a lower epoch
/// can't come after it.
///
/// Safe to repeat: who has the database already gets a newer generation, whatever was
/// applied since, and the look at the plan is not taken again. A session that still runs a
/// unit for it, or for a promotion with a lower epoch, is ended where it is in the way.
///
/// # Errors
/// [`Error::Fenced`] where a promotion with a higher epoch has the database, or this one was
/// ended. [`Error::PlanChanged`] where another plan was approved, [`Error::Unasked`] where
/// none was and a statement of class C is pending, [`Error::Refused`] with everything that
/// does not fit. Nothing was applied then.
pub async fn begin(
    session: &Session,
    (folder, lint): (&Folder, &Lint),
    limits: Limits,
    phase: Phase,
    claim: Claim<'_>,
) -> Result<i64> {
    if has(session, folder.tool, limits, claim).await? {
        let ledger = Ledger::of(session, folder.tool);
        return ledger.issue(claim.promotion, claim.epoch).await;
    }
    let plan = plan(session, folder, lint, limits).await?;
    give(session, folder.tool, plan, phase, claim).await
}

/// Waits for the database's turn. Whether the promotion has it already.
pub(crate) async fn has(
    session: &Session,
    tool: Tool,
    limits: Limits,
    claim: Claim<'_>,
) -> Result<bool> {
    let ledger = Ledger::of(session, tool);
    let own = ledger.may_take(claim.promotion, claim.epoch).await?;
    let holder = Holder {
        promotion: claim.promotion.to_owned(),
        release: String::new(),
        generation: own.unwrap_or_default(),
        epoch: claim.epoch,
        backup: None,
    };
    locks::take(session, &ledger, &holder, limits.turn).await?;
    locks::take_of_tool(session, tool, limits.turn).await?;
    ledger.open().await?;
    // Whoever held the locks may have been a later one.
    let own = ledger.may_take(claim.promotion, claim.epoch).await?;
    Ok(own.is_some())
}

/// Gives the database to a promotion whose plan is the one that was approved.
pub(crate) async fn give(
    session: &Session,
    tool: Tool,
    plan: Plan,
    phase: Phase,
    claim: Claim<'_>,
) -> Result<i64> {
    let place = session.place.clone();
    if !plan.refused.is_empty() {
        let refused = plan.refused;
        return Err(Error::Refused { place, refused });
    }
    if let Some(approved) = claim.approved.filter(|approved| **approved != *plan.hash) {
        return Err(Error::PlanChanged {
            place,
            found: plan.hash,
            approved: approved.to_owned(),
        });
    }
    let mut worst = plan.statements(Class::C);
    if claim.approved.is_none()
        && let Some((file, one)) = worst.find(|(file, _)| file.phase == phase)
    {
        let statement = format!("{}:{} {}", file.path, one.line, one.kind);
        return Err(Error::Unasked { place, statement });
    }
    let begun = session.client.batch_execute("BEGIN").await;
    begun.map_err(Error::server("BEGIN"))?;
    let given = remember(session, tool, claim).await;
    let end = if given.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = session.client.batch_execute(end).await;
    let given = given?;
    ended.map_err(Error::server("COMMIT"))?;
    Ok(given)
}

/// What the database was made of is remembered by whoever gets it alone.
async fn remember(session: &Session, tool: Tool, claim: Claim<'_>) -> Result<i64> {
    let ledger = Ledger::of(session, tool);
    let given = ledger.issue(claim.promotion, claim.epoch).await?;
    catalog::remember(session).await?;
    Ok(given)
}
