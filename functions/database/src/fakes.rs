//! The world around the function, in memory.

use std::cell::{Cell, RefCell};

use sluice_domain::migrations::{Counts, Phase};

use super::*;

/// Promotions, RDS and the ledger.
pub(super) struct World {
    pub(super) plan: RefCell<Plan>,
    pub(super) entries: RefCell<Vec<(Kind, Value)>>,
    /// What was asked for, as `<what> <name>`.
    pub(super) made: RefCell<Vec<String>>,
    /// After how many looks the backup is available.
    pub(super) looks: Cell<u32>,
    pub(super) recovery_days: Cell<Option<i32>>,
    pub(super) generation: Cell<Generation>,
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan: RefCell::new(plan),
            entries: RefCell::default(),
            made: RefCell::default(),
            looks: Cell::new(0),
            recovery_days: Cell::new(Some(7)),
            generation: Cell::new(Generation(0)),
        }
    }

    pub(super) fn kinds(&self) -> Vec<Kind> {
        let entries = self.entries.borrow();
        entries.iter().map(|(kind, _)| *kind).collect()
    }
}

impl Promotions for &World {
    async fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<(), StoreError> {
        if generation == self.generation.get() {
            return Ok(());
        }
        Err(StoreError::Fenced {
            promotion: id.clone(),
            generation,
        })
    }

    async fn plan_of(&self, _: &PromotionId) -> Result<Plan, StoreError> {
        Ok(self.plan.borrow().clone())
    }
}

impl Backups for &World {
    async fn make(&self, _: Option<&Role>, wanted: &Wanted<'_>) -> Result<Made, Error> {
        let asked = format!("{:?} {}", wanted.of, wanted.name);
        self.made.borrow_mut().push(asked);
        let left = self.looks.get();
        self.looks.set(left.saturating_sub(1));
        Ok(Made {
            id: wanted.name.clone(),
            available: left == 0,
            status: "creating".to_owned(),
        })
    }

    async fn recovery_days(&self, _: Option<&Role>, _: &Wanted<'_>) -> Result<Option<i32>, Error> {
        Ok(self.recovery_days.get())
    }
}

impl Record for &World {
    async fn record(
        &self,
        _: &PromotionId,
        kind: Kind,
        _: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.entries.borrow_mut().push((kind, facts));
        Ok(())
    }
}

pub(super) fn migrations() -> MigrationPlan {
    MigrationPlan {
        digest: sluice_domain::digest::Digest::of(b"plan"),
        phase: Phase::Expand,
        tool: "sqlx".to_owned(),
        place: "db:5432/shop".to_owned(),
        server: "17.10".to_owned(),
        applied: 1,
        pending: 1,
        files: vec!["2_x.sql".to_owned()],
        waiting: 0,
        classes: Counts { a: 1, b: 0, c: 0 },
        statements: Vec::new(),
        more: 0,
        seconds: None,
    }
}
