//! Takes back what had committed. No state machine asks for this: it is for the
//! person who has to act while Sluice itself can't.

use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use serde_json::json;
use sluice_domain::alias::{Undo, undo};
use sluice_domain::journal::{Entry, Journal};
use sluice_domain::ledger::Kind;
use sluice_domain::owner::{Deed, sign};
use sluice_domain::promotion::PromotionId;
use sluice_platform::pace::IN_FLIGHT;

use crate::error::describe;
use crate::{Account, Aliases, Error, Fact, Record, Records, Shift, WriteError};

/// What came of taking a promotion back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// Aliases that stand on the version before, with that version.
    pub back: Vec<String>,
    /// Aliases that don't, with the reason.
    pub left: Vec<String>,
}

impl<A: Account, R: Records, L: Record> Shift<A, R, L> {
    /// Points every alias of a promotion that had committed at the version
    /// before, in reverse order. One that can't be put back does not keep the
    /// others from it. The journal stays as it is: the promotion did commit.
    /// Safe to repeat.
    ///
    /// # Errors
    /// When it can't be recorded. The aliases are moved by then.
    pub async fn undo(
        &self,
        id: &PromotionId,
        journal: &Journal,
        by: &str,
    ) -> Result<Undone, Error> {
        let aliases = self.account.open(journal.role.as_ref(), id).await;
        let why = sign(id, Deed::TakenBack);
        let mut undone = Undone::default();
        let mut done = stream::iter(journal.functions.values().rev())
            .map(async |entry| (entry, undo_one(&aliases, entry, &why).await))
            .buffered(IN_FLIGHT);
        while let Some((entry, done)) = done.next().await {
            let alias = format!("{}:{}", entry.name, entry.alias);
            match done {
                Ok(stable) => undone.back.push(format!("{alias} on version {stable}")),
                Err(problem) => undone.left.push(format!("{alias}: {problem}")),
            }
        }
        drop(done);
        let facts = json!({
            "functions": journal.functions, "weight": 100.0, "by": by, "direct": true,
            "back": undone.back, "notes": undone.left,
        });
        let fact = Fact {
            kind: Kind::TrafficRolledBack,
            key: "direct".to_owned(),
            facts,
        };
        self.ledger.record(id, fact).await?;
        Ok(undone)
    }
}

/// Points one alias at the version before, and answers that version.
async fn undo_one<A: Aliases>(aliases: &A, entry: &Entry, why: &str) -> Result<String, String> {
    let found = aliases.read(entry).await;
    let found = found.map_err(|fault| fault.to_string())?;
    let (routing, revision) = match undo(entry, found.as_ref()) {
        Undo::Update { routing, revision } => (routing, revision),
        Undo::Done => return Ok(entry.stable.clone().unwrap_or_default()),
        Undo::NothingBefore => {
            return Err("this was its first version: there is none to go back to".to_owned());
        }
        Undo::Foreign { found } => {
            return Err(format!(
                "found {}; expected version {}, as the promotion left it. Whoever moved it had a reason: settle with them",
                found.as_ref().map_or("no alias".to_owned(), describe),
                entry.canary
            ));
        }
    };
    match aliases.write(entry, &routing, Some(&revision), why).await {
        Ok(_) => Ok(routing.version),
        Err(WriteError::Changed) => {
            Err("somebody else moved it at the same moment: look, and try again".to_owned())
        }
        Err(WriteError::Fault(fault)) => Err(fault.to_string()),
    }
}
