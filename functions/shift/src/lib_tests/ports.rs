//! The world behind the ports of the function.

use std::future::pending;
use std::rc::Rc;

use tokio::task::yield_now;

use super::super::super::*;
use super::{Trouble, World, fault};

impl Aliases for Rc<World> {
    async fn read(&self, entry: &Entry) -> Result<Option<Alias>, Fault> {
        self.reads.borrow_mut().push(entry.name.clone());
        Ok(self.aliases.borrow().get(&entry.name).cloned())
    }

    async fn write(
        &self,
        entry: &Entry,
        routing: &Routing,
        revision: Option<&str>,
        why: &str,
    ) -> Result<String, WriteError> {
        assert!(why.starts_with("sluice storefront/prod/1.1.0/1 "), "{why}");
        self.writes.set(self.writes.get() + 1);
        let trouble = self.troubles.borrow_mut().remove(&self.writes.get());
        let name = &entry.name;
        match &trouble {
            Some(Trouble::Fault) => return Err(fault("write", "ServiceException").into()),
            Some(Trouble::Foreign(routing)) => self.foreign(name, Some(routing.clone())),
            Some(Trouble::CrashBefore) => {
                self.crashed.set(true);
                pending::<()>().await;
            }
            Some(Trouble::Pause) => {
                self.paused.set(true);
                while self.paused.get() {
                    yield_now().await;
                }
            }
            Some(Trouble::AnswerLost | Trouble::CrashAfter) | None => {}
        }
        if self.broken.borrow().contains(name) {
            return Err(fault("write", "AccessDeniedException").into());
        }
        let found = self.aliases.borrow().get(name).cloned();
        match (&found, revision) {
            (found, sent) if found.as_ref().map(|alias| alias.revision.as_str()) != sent => {
                return Err(WriteError::Changed);
            }
            _ => {}
        }
        let written = self.put(name, routing.clone());
        self.note(format!("write {name} {}", error::describe(routing)));
        if trouble == Some(Trouble::CrashAfter) {
            self.crashed.set(true);
            pending::<()>().await;
        }
        if trouble == Some(Trouble::AnswerLost) {
            return Err(Fault::other("write", "connection reset").into());
        }
        Ok(written)
    }

    async fn delete(&self, entry: &Entry) -> Result<(), Fault> {
        self.aliases.borrow_mut().remove(&entry.name);
        self.note(format!("delete {}", entry.name));
        Ok(())
    }
}

impl Account for Rc<World> {
    type Aliases = Self;
    type Deployments = Self;

    async fn deployments(&self) -> Self {
        Rc::clone(self)
    }

    async fn open(&self, _: Option<&Role>, _: &PromotionId) -> Self {
        Rc::clone(self)
    }
}

impl Records for Rc<World> {
    async fn journal(&self, _: &PromotionId) -> Result<Option<Journal>, StoreError> {
        Ok(self.journal.borrow().clone())
    }

    async fn begun(&self, _: &PromotionId) -> Result<(Plan, Versions), StoreError> {
        Ok((self.plan.clone(), self.versions.clone()))
    }

    async fn save(
        &self,
        id: &PromotionId,
        generation: Generation,
        journal: &Journal,
    ) -> Result<(), StoreError> {
        if generation.0 != self.generation.get() {
            return Err(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            });
        }
        if self.save_fails.get() {
            return Err(fault("save", "ThrottlingException").into());
        }
        self.journal.replace(Some(journal.clone()));
        let step = journal.step.map_or("-".to_owned(), |step| step.to_string());
        let done = if journal.shifted_at.is_some() {
            " done"
        } else {
            ""
        };
        self.note(format!("save step {step}{done}"));
        Ok(())
    }
}

impl Record for Rc<World> {
    async fn record(&self, _: &PromotionId, fact: Fact) -> Result<(), Fault> {
        if self.record_fails.get() {
            return Err(fault("record", "TooManyRequestsException"));
        }
        let mut facts = self.facts.borrow_mut();
        let is_new = |one: &Fact| one.kind != fact.kind || one.key != fact.key;
        if facts.iter().all(is_new) {
            self.note(format!("record {}", fact.kind.name()));
            facts.push(fact);
        }
        Ok(())
    }
}
