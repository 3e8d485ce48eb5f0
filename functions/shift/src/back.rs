//! Back: take the new versions out of every alias, from the journal alone.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde_json::json;
use sluice_domain::alias::{Settle, as_journaled, serves_canary, settle};
use sluice_domain::journal::Entry;
use sluice_domain::ledger::Kind;
use sluice_domain::owner::{Deed, sign};
use sluice_domain::promotion::Outcome;
use sluice_platform::pace::IN_FLIGHT;

use crate::error::describe;
use crate::{Account, Aliases, Error, Fact, Input, Output, Record, Records, Shift, WriteError};

/// How often an alias that somebody else keeps writing is read again.
const TRIES: usize = 5;

impl<A: Account, R: Records, L: Record> Shift<A, R, L> {
    /// Puts every alias back, in reverse order. One that can't be put back does
    /// not keep the others from it. Safe to repeat.
    pub(crate) async fn back(&self, input: &Input, now: Timestamp) -> Result<Output, Error> {
        let id = &input.promotion;
        let Some(mut journal) = self.records.journal(id).await? else {
            return Ok(settled(Outcome::RolledBack, false));
        };
        if journal.committed {
            return Ok(settled(Outcome::Promoted, true));
        }
        // How far CodeDeploy was is its own to know.
        let weight = journal
            .deploying_since()
            .is_none()
            .then(|| journal.weight());
        // From here on the step counts as unfinished: nothing that is being rolled
        // back can be committed.
        journal.shifted_at = None;
        // The fence: whoever took over since then has saved under a newer generation.
        self.records.save(id, input.generation, &journal).await?;
        let aliases = self.account.open(journal.role.as_ref(), id).await;
        let why = sign(id, Deed::RolledBack(input.generation));
        let under_way = self.end_deployments(input, &journal, now).await;
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        let mut done = stream::iter(journal.functions.values().rev())
            .map(async |entry| (entry, put_back(&aliases, entry, &why).await))
            .buffered(IN_FLIGHT);
        while let Some((entry, done)) = done.next().await {
            match done {
                Ok(None) => {}
                Ok(Some(note)) => notes.push(note),
                Err(problem) => problems.push(format!("{}:{}: {problem}", entry.name, entry.alias)),
            }
        }
        drop(done);
        if !problems.is_empty() {
            return Err(Error::RollbackIncomplete {
                problems,
                all: journal.functions.len(),
            });
        }
        if let Some(problem) = under_way {
            return Err(Error::DeploymentsUnderWay(problem));
        }
        let facts = json!({ "functions": journal.functions, "weight": weight, "notes": notes });
        let key = input.generation.to_string();
        self.ledger
            .record(
                id,
                Fact {
                    kind: Kind::TrafficRolledBack,
                    key,
                    facts,
                },
            )
            .await?;
        Ok(settled(Outcome::RolledBack, journal.step.is_some()))
    }

    /// Reads the aliases back.
    pub(crate) async fn verify(&self, input: &Input) -> Result<Output, Error> {
        let id = &input.promotion;
        let Some(journal) = self.records.journal(id).await? else {
            return Ok(settled(Outcome::RolledBack, false));
        };
        if journal.committed {
            return Ok(settled(Outcome::Promoted, true));
        }
        let aliases = self.account.open(journal.role.as_ref(), id).await;
        let found: Vec<_> = stream::iter(journal.functions.values())
            .map(async |entry| aliases.read(entry).await.map(|found| (entry, found)))
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        let mut problems = Vec::new();
        for (entry, found) in found {
            if serves_canary(entry, found.as_ref()) {
                let stands = found.map_or_else(String::new, |alias| describe(&alias.routing));
                problems.push(format!(
                    "{}:{} still serves the new version: {stands}",
                    entry.name, entry.alias
                ));
            }
        }
        if problems.is_empty() {
            Ok(settled(Outcome::RolledBack, journal.step.is_some()))
        } else {
            Err(Error::NotSettled(problems))
        }
    }
}

fn settled(outcome: Outcome, touched: bool) -> Output {
    Output {
        settled: Some(outcome),
        touched: Some(touched),
        ..Output::default()
    }
}

/// Puts one alias back: in one call where it still has the journal's RevisionId.
/// Answers what a person should know about it.
async fn put_back<A: Aliases>(
    aliases: &A,
    entry: &Entry,
    why: &str,
) -> Result<Option<String>, String> {
    let mut assumed = as_journaled(entry);
    for _ in 0..TRIES {
        let found = match assumed.take() {
            Some(alias) => Some(alias),
            None => aliases
                .read(entry)
                .await
                .map_err(|fault| fault.to_string())?,
        };
        match settle(entry, found.as_ref()) {
            Settle::Update {
                routing,
                revision,
                foreign,
            } => match aliases.write(entry, &routing, Some(&revision), why).await {
                Ok(_) => {
                    let note = format!(
                        "{}:{} was moved by somebody else and stays on {}",
                        entry.name,
                        entry.alias,
                        describe(&routing)
                    );
                    return Ok(foreign.then_some(note));
                }
                Err(WriteError::Changed) => {}
                Err(WriteError::Fault(fault)) => return Err(fault.to_string()),
            },
            Settle::Delete => {
                return aliases
                    .delete(entry)
                    .await
                    .map(|()| None)
                    .map_err(|fault| fault.to_string());
            }
            Settle::Gone => return Ok(None),
            Settle::Missing => {
                return Ok(Some(format!(
                    "{}:{} was deleted by somebody else",
                    entry.name, entry.alias
                )));
            }
        }
    }
    Err(format!(
        "somebody else keeps writing it; tried {TRIES} times"
    ))
}
