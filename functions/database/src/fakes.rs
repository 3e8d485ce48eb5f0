//! The world around the function, in memory.

use std::cell::{Cell, RefCell};

use std::collections::BTreeMap;

use sluice_domain::migrations::{Counts, Keeper, Phase, Progress, Servers, Standing};
use sluice_domain::naming::Beside;

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
    pub(super) restoring: RefCell<Option<Restoring>>,
    /// The last restore of the server, by any version.
    pub(super) last: RefCell<Option<PromotionId>>,
    /// Restores of other promotions.
    pub(super) others: RefCell<BTreeMap<PromotionId, Restoring>>,
    /// What is applied, for whoever ends it.
    pub(super) migrating: RefCell<Option<Migrating>>,
    /// The backup that can be restored.
    pub(super) saved: RefCell<Option<Saved>>,
    /// The servers of RDS, by name.
    pub(super) servers: RefCell<BTreeMap<String, Standing>>,
    /// Where the server answers.
    pub(super) endpoints: RefCell<Option<Vec<String>>>,
    /// Whether a new server comes without a writer.
    pub(super) is_cluster: Cell<bool>,
    /// What was changed, in order.
    pub(super) changes: RefCell<Vec<String>>,
    /// The change that gets no answer, from 0, and whether it is made all the same.
    pub(super) lost: Cell<Option<(usize, bool)>>,
    /// What a team's function answers, in order.
    pub(super) answers: RefCell<Vec<Answered>>,
    /// Why the copy can't be ended.
    pub(super) end_fails: RefCell<Option<Fault>>,
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
            restoring: RefCell::default(),
            last: RefCell::default(),
            others: RefCell::default(),
            migrating: RefCell::default(),
            saved: RefCell::default(),
            servers: RefCell::default(),
            endpoints: RefCell::new(Some(vec!["db".to_owned()])),
            is_cluster: Cell::new(false),
            changes: RefCell::default(),
            lost: Cell::new(None),
            answers: RefCell::default(),
            end_fails: RefCell::default(),
        }
    }

    pub(super) fn kinds(&self) -> Vec<Kind> {
        let entries = self.entries.borrow();
        entries.iter().map(|(kind, _)| *kind).collect()
    }

    /// `warm` has taken traffic away, for a restore that this promotion began.
    pub(super) fn stopped(&self, origin: &str) {
        self.restoring.replace(Some(Restoring {
            origin: origin.parse().expect("a promotion"),
            named_by: None,
            backup: None,
            began_at: None,
            progress: Progress::Stopped,
        }));
    }

    /// RDS is through with what it works on.
    pub(super) fn settle(&self) {
        for standing in self.servers.borrow_mut().values_mut() {
            if matches!(standing, Standing::UnderWay(_)) {
                *standing = Standing::Available;
            }
        }
    }

    /// Makes a change, unless it is the one that is lost.
    fn change(&self, what: String, make: impl FnOnce()) -> Result<(), Error> {
        let lost = self.lost.get();
        let at = self.changes.borrow().len();
        let is_lost = lost.is_some_and(|(lost, _)| lost == at);
        if is_lost {
            self.lost.set(None);
        }
        if !is_lost || lost.is_some_and(|(_, made)| made) {
            make();
            self.changes.borrow_mut().push(what);
        }
        if is_lost {
            return Err(Fault::other("rds", "no answer").into());
        }
        Ok(())
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

    async fn restoring(&self, id: &PromotionId) -> Result<Restoring, StoreError> {
        let there = self.restoring.borrow().clone();
        there.ok_or_else(|| StoreError::Missing(format!("part#restoring of {id}")))
    }

    async fn save_restoring(
        &self,
        id: &PromotionId,
        generation: Generation,
        (read, new): (&Restoring, &Restoring),
    ) -> Result<(), StoreError> {
        self.check_fence(id, generation).await?;
        if self.restoring.borrow().as_ref() != Some(read) {
            return Err(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            });
        }
        self.restoring.replace(Some(new.clone()));
        Ok(())
    }

    async fn last_restore(
        &self,
        _: Access<'_>,
        _: Keeper<'_>,
    ) -> Result<Option<Restoring>, StoreError> {
        let Some(by) = self.last.borrow().clone() else {
            return Ok(None);
        };
        let other = self.others.borrow().get(&by).cloned();
        Ok(other.or_else(|| self.restoring.borrow().clone()))
    }

    async fn save_last_restore(
        &self,
        (_, id): Access<'_>,
        generation: Generation,
        _: Keeper<'_>,
    ) -> Result<(), StoreError> {
        self.check_fence(id, generation).await?;
        self.last.replace(Some(id.clone()));
        Ok(())
    }

    async fn save_migrating(
        &self,
        id: &PromotionId,
        generation: Generation,
        migrating: &Migrating,
    ) -> Result<(), StoreError> {
        self.check_fence(id, generation).await?;
        self.migrating.replace(Some(migrating.clone()));
        Ok(())
    }
}

impl Restores for &World {
    async fn saved(&self, _: Access<'_>, _: Keeper<'_>, _: &str) -> Result<Option<Saved>, Error> {
        Ok(self.saved.borrow().clone())
    }

    async fn notes(&self, _: Access<'_>, _: Keeper<'_>) -> Result<Vec<String>, Error> {
        Ok(vec!["shop-2 stays with the server of before".to_owned()])
    }

    async fn endpoints(&self, _: Access<'_>, _: Keeper<'_>) -> Result<Option<Vec<String>>, Error> {
        Ok(self.endpoints.borrow().clone())
    }

    async fn place(
        &self,
        _: Access<'_>,
        _: Keeper<'_>,
        name: &str,
    ) -> Result<Option<CopyPlace>, Error> {
        let is_there = self.servers.borrow().contains_key(name);
        Ok(is_there.then(|| at(name)))
    }

    async fn servers(
        &self,
        _: Access<'_>,
        server: Keeper<'_>,
        names: &Beside,
    ) -> Result<Servers, Error> {
        let servers = self.servers.borrow();
        let mut new = servers.get(&names.new).cloned();
        let has_writer = servers.contains_key(&names.writer);
        if self.is_cluster.get() && new == Some(Standing::Available) && !has_writer {
            new = Some(Standing::Headless);
        }
        Ok(Servers {
            named: servers.get(server.name()).cloned(),
            new,
            old: servers.get(&names.old).cloned(),
        })
    }

    async fn create(
        &self,
        _: Access<'_>,
        server: Keeper<'_>,
        backup: &str,
        names: &Beside,
    ) -> Result<(), Error> {
        self.change(format!("{server} from {backup}"), || {
            let creating = Standing::of("creating");
            self.servers
                .borrow_mut()
                .insert(names.new.clone(), creating);
        })
    }

    async fn add_writer(&self, _: Access<'_>, _: Keeper<'_>, names: &Beside) -> Result<(), Error> {
        self.change("its writer".to_owned(), || {
            let creating = Standing::of("creating");
            self.servers
                .borrow_mut()
                .insert(names.writer.clone(), creating);
        })
    }

    async fn rename(
        &self,
        _: Access<'_>,
        _: Keeper<'_>,
        (from, to): (&str, &str),
    ) -> Result<(), Error> {
        let suffix = |name: &str| name.rsplit('-').next().unwrap_or_default().to_owned();
        let what = format!("{} to {}", suffix(from), suffix(to));
        self.change(what, || {
            let mut servers = self.servers.borrow_mut();
            assert!(servers.remove(from).is_some(), "{from} is there");
            assert!(!servers.contains_key(to), "{to} is free");
            servers.insert(to.to_owned(), Standing::of("renaming"));
        })
    }

    async fn end_sessions(&self, _: Access<'_>, _: Keeper<'_>, name: &str) -> Result<(), Error> {
        self.made.borrow_mut().push(format!("end sessions {name}"));
        Ok(())
    }

    async fn ask(&self, function: &str, _: &PromotionId, backup: &str) -> Result<Answered, Error> {
        self.made.borrow_mut().push(format!("{function} {backup}"));
        Ok(self.answers.borrow_mut().remove(0))
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

impl Copies for &World {
    async fn begin(&self, _: Option<&Role>, wanted: &WantedCopy<'_>) -> Result<CopiedFrom, Error> {
        let asked = format!("copy {:?} {}", wanted.of, wanted.name);
        self.made.borrow_mut().push(asked);
        Ok(CopiedFrom {
            id: "rds:storefront-2026-11-22-03-07".to_owned(),
            made_at: None,
        })
    }

    async fn look(&self, _: Option<&Role>, _: &WantedCopy<'_>) -> Result<CopyStanding, Error> {
        let left = self.looks.get();
        self.looks.set(left.saturating_sub(1));
        let place = CopyPlace {
            host: "copy.example".to_owned(),
            port: None,
            name: None,
        };
        Ok(CopyStanding {
            place: (left == 0).then_some(place),
            of: None,
            status: "creating".to_owned(),
        })
    }

    async fn end(&self, _: Option<&Role>, wanted: &WantedCopy<'_>) -> Result<(), Error> {
        self.made.borrow_mut().push(format!("end {}", wanted.name));
        match self.end_fails.borrow_mut().take() {
            Some(fault) => Err(fault.into()),
            None => Ok(()),
        }
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

/// Where a server of this name answers.
pub(super) fn at(name: &str) -> CopyPlace {
    CopyPlace {
        host: format!("{name}.example"),
        port: None,
        name: None,
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
        stays: None,
        waiting: 0,
        classes: Counts { a: 1, b: 0, c: 0 },
        statements: Vec::new(),
        more: 0,
        checks: Vec::new(),
        seconds: None,
        rehearsed: None,
    }
}
