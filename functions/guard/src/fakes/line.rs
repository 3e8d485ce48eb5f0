//! Locks, the line in front of them, who waits in it, and the ledger.

use std::rc::Rc;

use serde_json::Value;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::targets::{exclude, locked};
use sluice_platform::fault::Fault;
use sluice_platform::store::{StoreError, TaskToken, Ticket};
use sluice_platform::task::Resumed;

use super::{Touch, World};
use crate::ports::{Executions, Line, Locks, Record};

const LOCKS: &str = "locks";
const LINE: &str = "line";

fn waits(token: &TaskToken) -> Touch {
    Touch::Writes(format!("who waits under {}", token.0))
}

/// Where a lock is noted: several promotions have what is locked together.
fn key(target: &str, id: &PromotionId) -> String {
    match locked(target) {
        (_, true) => format!("{target} for {id}"),
        (target, false) => target.to_owned(),
    }
}

/// What is locked there.
fn target_of(key: &str) -> &str {
    key.split_once(" for ").map_or(key, |(target, _)| target)
}

impl Locks for World {
    async fn lock(&self, id: &PromotionId, targets: &[String]) -> Result<(), StoreError> {
        let touch = Touch::Writes(format!("targets of {id}"));
        self.turn_for("lock", touch).await?;
        let noted = self.0.borrow().targets.get(id).cloned();
        let mut noted = noted.unwrap_or_default();
        let new = targets.iter().filter(|target| !noted.contains(target));
        let new: Vec<_> = new.cloned().collect();
        noted.extend(new);
        self.0.borrow_mut().targets.insert(id.clone(), noted);
        self.turn_for("lock", Touch::Writes(LOCKS.to_owned()))
            .await?;
        let mut state = self.0.borrow_mut();
        for target in targets {
            let others = state.locks.iter().filter(|(_, holder)| *holder != id);
            let mut barring = others.filter(|(held, _)| exclude(target_of(held), target));
            if let Some((_, holder)) = barring.next() {
                return Err(StoreError::Held {
                    target: target.clone(),
                    holder: holder.to_string(),
                });
            }
        }
        let mine = targets.iter().map(|target| (key(target, id), id.clone()));
        state.locks.extend(mine);
        Ok(())
    }

    async fn holds(&self, id: &PromotionId, target: &str) -> Result<bool, StoreError> {
        self.turn_for("holds", Touch::Reads(LOCKS.to_owned()))
            .await?;
        Ok(self.0.borrow().locks.get(&key(target, id)) == Some(id))
    }

    async fn unlock(&self, id: &PromotionId) -> Result<(), StoreError> {
        let touch = Touch::Reads(format!("targets of {id}"));
        self.turn_for("unlock", touch).await?;
        let targets = self.0.borrow().targets.get(id).cloned().unwrap_or_default();
        for target in targets {
            let touch = Touch::Writes(LOCKS.to_owned());
            self.turn_for("unlock", touch).await?;
            let mut state = self.0.borrow_mut();
            let key = key(&target, id);
            if state.locks.get(&key) == Some(id) {
                state.locks.remove(&key);
            }
        }
        Ok(())
    }
}

impl Line for World {
    async fn join(&self, ticket: &Ticket) -> Result<(), StoreError> {
        self.turn_for("join", Touch::Writes(LINE.to_owned()))
            .await?;
        let line = &mut self.0.borrow_mut().line;
        line.retain(|other| {
            (&other.promotion, other.queued_at) != (&ticket.promotion, ticket.queued_at)
        });
        line.push(ticket.clone());
        line.sort_by_key(|ticket| (ticket.queued_at, ticket.promotion.to_string()));
        Ok(())
    }

    async fn waiting(&self) -> Result<Vec<Ticket>, StoreError> {
        self.turn_for("waiting", Touch::Reads(LINE.to_owned()))
            .await?;
        Ok(self.0.borrow().line.clone())
    }

    async fn leave(&self, ticket: &Ticket) -> Result<(), StoreError> {
        self.turn_for("leave", Touch::Writes(LINE.to_owned()))
            .await?;
        self.0.borrow_mut().line.retain(|other| {
            (&other.promotion, other.queued_at) != (&ticket.promotion, ticket.queued_at)
        });
        Ok(())
    }
}

impl Executions for World {
    async fn resume(&self, token: &TaskToken, generation: Generation) -> Result<Resumed, Fault> {
        self.turn_for("resume", Touch::Nothing).await?;
        let operation = format!("resume {}", token.0);
        self.turn_for(&operation, waits(token)).await?;
        Ok(self.signal(token, format!("{} goes on at {generation}", token.0)))
    }

    async fn supersede(&self, token: &TaskToken, by: &PromotionId) -> Result<Resumed, Fault> {
        self.turn_for("supersede", waits(token)).await?;
        let said = format!("{} is superseded by {}", token.0, by.version);
        Ok(self.signal(token, said))
    }
}

impl Record for World {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        let touch = Touch::Writes(format!("ledger of {id}"));
        self.turn_for("record", touch).await?;
        let entries = &mut self.0.borrow_mut().entries;
        let same = |entry: &(PromotionId, Kind, String, Rc<Value>)| {
            entry.0 == *id && entry.1 == kind && entry.2 == key
        };
        if !entries.iter().any(same) {
            entries.push((id.clone(), kind, key.to_owned(), facts.into()));
        }
        Ok(())
    }
}
