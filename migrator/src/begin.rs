//! Takes a database for a promotion, if it still is what people approved.

use sluice_migration::{Class, Lint, Phase};

use crate::apply::{Folder, Limits};
use crate::connect::Session;
use crate::ledger::{Holder, Ledger};
use crate::plan::plan;
use crate::{Error, Result, catalog, locks};

/// Takes a database for a promotion, and answers the generation that it carries from now
/// on: whoever carries an older one applies nothing any more. `approved` is the hash of the
/// plan that people said yes to.
///
/// Safe to repeat: who has the database already gets a newer generation, whatever was
/// applied since, and the look at the plan is not taken again.
///
/// # Errors
/// [`Error::PlanChanged`] where another plan was approved, [`Error::Unasked`] where none was
/// and a statement of class C is pending, [`Error::Refused`] with everything that does not
/// fit. Nothing was applied then.
pub async fn begin(
    session: &Session,
    (folder, lint): (&Folder, &Lint),
    limits: Limits,
    phase: Phase,
    (promotion, approved): (&str, Option<&str>),
) -> Result<i64> {
    let ledger = Ledger::of(session, folder.tool);
    let own = ledger.generation_of(promotion).await?;
    let holder = Holder {
        promotion: promotion.to_owned(),
        release: String::new(),
        generation: own.unwrap_or_default(),
        backup: None,
    };
    locks::take(session, &ledger, &holder, limits.turn).await?;
    locks::take_of_tool(session, folder.tool, limits.turn).await?;
    ledger.open().await?;
    if own.is_some() {
        return ledger.issue(promotion).await;
    }
    let plan = plan(session, folder, lint, limits).await?;
    if !plan.refused.is_empty() {
        return Err(Error::Refused {
            place: session.place.clone(),
            refused: plan.refused,
        });
    }
    if let Some(approved) = approved.filter(|approved| **approved != *plan.hash) {
        return Err(Error::PlanChanged {
            place: session.place.clone(),
            found: plan.hash,
            approved: approved.to_owned(),
        });
    }
    let mut worst = plan.statements(Class::C);
    if approved.is_none()
        && let Some((file, one)) = worst.find(|(file, _)| file.phase == phase)
    {
        return Err(Error::Unasked {
            place: session.place.clone(),
            statement: format!("{}:{} {}", file.path, one.line, one.kind),
        });
    }
    catalog::remember(session).await?;
    ledger.issue(promotion).await
}
