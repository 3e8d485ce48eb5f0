//! Locks, the line in front of them, who waits in it, and the ledger.

use serde_json::Value;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_platform::fault::Fault;
use sluice_platform::store::{StoreError, TaskToken, Ticket};

use super::World;
use crate::ports::{Executions, Line, Locks, Record, Resumed};

impl Locks for World {
    async fn lock(&self, id: &PromotionId, targets: &[String]) -> Result<(), StoreError> {
        self.turn("lock").await?;
        let noted = self.0.borrow().targets.get(id).cloned();
        let mut noted = noted.unwrap_or_default();
        let new = targets.iter().filter(|target| !noted.contains(target));
        let new: Vec<_> = new.cloned().collect();
        noted.extend(new);
        self.0.borrow_mut().targets.insert(id.clone(), noted);
        self.turn("lock").await?;
        let mut state = self.0.borrow_mut();
        for target in targets {
            if let Some(holder) = state.locks.get(target).filter(|holder| *holder != id) {
                return Err(StoreError::Held {
                    target: target.clone(),
                    holder: holder.to_string(),
                });
            }
        }
        let mine = targets.iter().map(|target| (target.clone(), id.clone()));
        state.locks.extend(mine);
        Ok(())
    }

    async fn unlock(&self, id: &PromotionId) -> Result<(), StoreError> {
        self.turn("unlock").await?;
        let targets = self.0.borrow().targets.get(id).cloned().unwrap_or_default();
        for target in targets {
            self.turn("unlock").await?;
            let mut state = self.0.borrow_mut();
            if state.locks.get(&target) == Some(id) {
                state.locks.remove(&target);
            }
        }
        Ok(())
    }
}

impl Line for World {
    async fn join(&self, ticket: &Ticket) -> Result<(), StoreError> {
        self.turn("join").await?;
        let line = &mut self.0.borrow_mut().line;
        line.retain(|other| {
            (&other.promotion, other.queued_at) != (&ticket.promotion, ticket.queued_at)
        });
        line.push(ticket.clone());
        line.sort_by_key(|ticket| (ticket.queued_at, ticket.promotion.to_string()));
        Ok(())
    }

    async fn waiting(&self) -> Result<Vec<Ticket>, StoreError> {
        self.turn("waiting").await?;
        Ok(self.0.borrow().line.clone())
    }

    async fn leave(&self, ticket: &Ticket) -> Result<(), StoreError> {
        self.turn("leave").await?;
        self.0.borrow_mut().line.retain(|other| {
            (&other.promotion, other.queued_at) != (&ticket.promotion, ticket.queued_at)
        });
        Ok(())
    }
}

impl Executions for World {
    async fn resume(&self, token: &TaskToken, generation: Generation) -> Result<Resumed, Fault> {
        self.turn("resume").await?;
        self.turn(&format!("resume {}", token.0)).await?;
        Ok(self.signal(token, format!("{} goes on at {generation}", token.0)))
    }

    async fn supersede(&self, token: &TaskToken, by: &PromotionId) -> Result<Resumed, Fault> {
        self.turn("supersede").await?;
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
        self.turn("record").await?;
        let entries = &mut self.0.borrow_mut().entries;
        let same = |entry: &(PromotionId, Kind, String, Value)| {
            entry.0 == *id && entry.1 == kind && entry.2 == key
        };
        if !entries.iter().any(same) {
            entries.push((id.clone(), kind, key.to_owned(), facts));
        }
        Ok(())
    }
}
