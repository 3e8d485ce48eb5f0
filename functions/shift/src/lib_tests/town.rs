//! Aliases, two promotions and a lock in memory. Every read and write is a turn.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sluice_domain::digest::Digest;
use sluice_domain::journal::Published;
use sluice_domain::settings::{JudgePolicy, Step};
use tokio::task::yield_now;

use super::super::super::*;

pub(super) const FUNCTIONS: [&str; 2] = ["api", "web"];

/// What is kept of a promotion.
#[derive(Default)]
struct Kept {
    generation: u64,
    journal: Option<Journal>,
    versions: Option<Versions>,
    outcome: Option<Outcome>,
    stopped: bool,
}

pub(super) struct Town {
    aliases: RefCell<BTreeMap<String, Alias>>,
    promotions: RefCell<BTreeMap<String, Kept>>,
    /// The version whose promotion holds the lock.
    lock: RefCell<Option<String>>,
    /// How many writes there were.
    writes: Cell<usize>,
    /// Writes that are made and whose answer is lost, by their number.
    failing: RefCell<BTreeSet<usize>>,
    stable: RefCell<String>,
}

/// The promotion that releases this version of the functions.
fn id(version: &str) -> PromotionId {
    let id = format!("storefront/prod/{version}.0.0/1").parse();
    id.expect("a promotion")
}

fn version_of(id: &PromotionId) -> String {
    id.version.major.to_string()
}

impl Town {
    /// Version 1 serves.
    pub(super) fn new(failing: Vec<usize>) -> Self {
        let alias = |revision: usize| Alias {
            routing: Routing::only("1"),
            revision: format!("first {revision}"),
            description: None,
        };
        let aliases = FUNCTIONS.iter().enumerate();
        let aliases = aliases.map(|(place, name)| ((*name).to_owned(), alias(place)));
        let promotions = ["2", "3"].map(|version| (version.to_owned(), Kept::default()));
        Self {
            aliases: RefCell::new(aliases.collect()),
            promotions: RefCell::new(promotions.into()),
            lock: RefCell::default(),
            writes: Cell::new(0),
            failing: RefCell::new(failing.into_iter().collect()),
            stable: RefCell::new("1".to_owned()),
        }
    }

    /// Others may act here.
    pub(super) async fn turn(&self) {
        yield_now().await;
    }

    fn with<T>(&self, version: &str, look: impl FnOnce(&mut Kept) -> T) -> T {
        let mut promotions = self.promotions.borrow_mut();
        look(promotions.get_mut(version).expect("a promotion"))
    }

    pub(super) fn lock(&self, version: &str) -> bool {
        let mut lock = self.lock.borrow_mut();
        let is_free = lock.is_none() && self.is_open(version);
        if is_free {
            *lock = Some(version.to_owned());
        }
        is_free
    }

    pub(super) fn holder(&self) -> Option<String> {
        self.lock.borrow().clone()
    }

    /// What serves where nobody shifts.
    pub(super) fn stable(&self) -> String {
        self.stable.borrow().clone()
    }

    pub(super) fn generation(&self, version: &str) -> Generation {
        Generation(self.with(version, |kept| kept.generation))
    }

    pub(super) fn is_open(&self, version: &str) -> bool {
        self.with(version, |kept| kept.outcome.is_none())
    }

    pub(super) fn is_stopped(&self, version: &str) -> bool {
        self.with(version, |kept| kept.stopped)
    }

    pub(super) fn is_published(&self, version: &str) -> bool {
        self.with(version, |kept| kept.versions.is_some())
    }

    pub(super) fn stop(&self, version: &str) {
        self.with(version, |kept| kept.stopped = true);
    }

    pub(super) fn calm(&self) {
        self.failing.borrow_mut().clear();
    }

    pub(super) fn outcomes(&self) -> Vec<(String, Option<Outcome>)> {
        let promotions = self.promotions.borrow();
        let outcomes = promotions.iter();
        outcomes
            .map(|(version, kept)| (version.clone(), kept.outcome))
            .collect()
    }

    pub(super) fn routings(&self) -> BTreeMap<String, Routing> {
        let aliases = self.aliases.borrow();
        let routings = aliases.iter();
        routings
            .map(|(name, alias)| (name.clone(), alias.routing.clone()))
            .collect()
    }

    /// Raises the fence of one that has not ended.
    pub(super) fn fence(&self, version: &str) -> Option<Generation> {
        self.with(version, |kept| {
            kept.generation += 1;
            let raised = Generation(kept.generation);
            kept.outcome.is_none().then_some(raised)
        })
    }

    /// Ends one: the first outcome stays. Fences off and unlocks.
    pub(super) fn close(&self, version: &str, outcome: Outcome) {
        let is_first = self.with(version, |kept| {
            kept.generation += 1;
            let is_first = kept.outcome.is_none();
            kept.outcome.get_or_insert(outcome);
            is_first
        });
        if is_first && outcome == Outcome::Promoted {
            *self.stable.borrow_mut() = version.to_owned();
        }
        self.lock
            .borrow_mut()
            .take_if(|holder| holder.as_str() == version);
    }

    /// Notes the new versions, and where the aliases stand.
    pub(super) async fn publish(&self, version: &str) {
        let mut versions = Versions::new();
        for name in FUNCTIONS {
            self.turn().await;
            let alias = self.aliases.borrow()[name].clone();
            let published = Published {
                name: name.to_owned(),
                arn: format!("arn:aws:lambda:eu-central-1:1:function:{name}"),
                alias: "live".to_owned(),
                version: version.to_owned(),
                stable: Some(alias.routing.version),
                revision: Some(alias.revision),
                changed: true,
            };
            versions.insert(name.to_owned(), published);
        }
        self.with(version, |kept| kept.versions = Some(versions));
    }

    /// Asks the function.
    pub(super) async fn ask(
        self: &Rc<Self>,
        version: &str,
        goal: Goal,
        step: Option<usize>,
        generation: Generation,
    ) -> Result<Output, Error> {
        let shift = Shift {
            account: Rc::clone(self),
            records: Rc::clone(self),
            ledger: Rc::clone(self),
            hook: "hook".to_owned(),
            patience: PATIENCE,
        };
        let input = Input {
            goal,
            promotion: id(version),
            generation,
            step,
        };
        shift.handle(input, || Timestamp::UNIX_EPOCH).await
    }
}

impl Aliases for Rc<Town> {
    async fn read(&self, entry: &Entry) -> Result<Option<Alias>, Fault> {
        self.turn().await;
        Ok(self.aliases.borrow().get(&entry.name).cloned())
    }

    async fn write(
        &self,
        entry: &Entry,
        routing: &Routing,
        revision: Option<&str>,
        why: &str,
    ) -> Result<String, WriteError> {
        self.turn().await;
        self.writes.set(self.writes.get() + 1);
        let number = self.writes.get();
        let written = format!("written {number}");
        {
            let mut aliases = self.aliases.borrow_mut();
            let alias = aliases.get_mut(&entry.name).expect("an alias");
            if revision != Some(alias.revision.as_str()) {
                return Err(WriteError::Changed);
            }
            alias.routing = routing.clone();
            alias.revision.clone_from(&written);
            alias.description = Some(why.to_owned());
        }
        self.turn().await;
        if self.failing.borrow_mut().remove(&number) {
            return Err(Fault::other("write", "connection reset").into());
        }
        Ok(written)
    }

    async fn delete(&self, entry: &Entry) -> Result<(), Fault> {
        Err(Fault::other("delete", &entry.name))
    }
}

/// Nobody here has CodeDeploy.
pub(super) struct Nobody;

impl Nobody {
    fn fault() -> Fault {
        Fault::other("codedeploy", "nobody has it here")
    }
}

impl Deployments for Nobody {
    async fn create(&self, _: &Order) -> Result<String, Fault> {
        Err(Self::fault())
    }

    async fn find(
        &self,
        _: &DeploymentGroup,
        _: &Mark,
        _: Timestamp,
    ) -> Result<Option<String>, Fault> {
        Err(Self::fault())
    }

    async fn look(&self, _: &[String]) -> Result<Vec<Found>, Fault> {
        Err(Self::fault())
    }

    async fn stop(&self, _: &str) -> Result<(), Fault> {
        Err(Self::fault())
    }
}

impl Account for Rc<Town> {
    type Aliases = Self;
    type Deployments = Nobody;

    async fn deployments(&self) -> Nobody {
        Nobody
    }

    async fn open(&self, _: Option<&Role>, _: &PromotionId) -> Self {
        Rc::clone(self)
    }
}

impl Records for Rc<Town> {
    async fn journal(&self, id: &PromotionId) -> Result<Option<Journal>, StoreError> {
        self.turn().await;
        Ok(self.with(&version_of(id), |kept| kept.journal.clone()))
    }

    async fn begun(&self, id: &PromotionId) -> Result<(Plan, Versions), StoreError> {
        self.turn().await;
        let versions = self.with(&version_of(id), |kept| kept.versions.clone());
        let plan = Plan {
            bundle: Digest::of(b"release.json"),
            functions: BTreeMap::new(),
            role: None,
            steps: [10.0, 50.0, 100.0]
                .map(|weight| Step::new(weight, 0))
                .into(),
            judge: JudgePolicy::default(),
            approval_seconds: None,
            keep_versions: None,
            goes_back: false,
            migrations: None,
            operation: None,
            restore: None,
            server: None,
            database: None,
            suites: Vec::new(),
            codedeploy: None,
        };
        let missing = || StoreError::Missing(format!("versions of {id}"));
        Ok((plan, versions.ok_or_else(missing)?))
    }

    async fn save(
        &self,
        id: &PromotionId,
        generation: Generation,
        journal: &Journal,
    ) -> Result<(), StoreError> {
        self.turn().await;
        self.with(&version_of(id), |kept| {
            if kept.generation != generation.0 {
                return Err(StoreError::Fenced {
                    promotion: id.clone(),
                    generation,
                });
            }
            kept.journal = Some(journal.clone());
            Ok(())
        })
    }
}

impl Record for Rc<Town> {
    async fn record(&self, _: &PromotionId, _: Fact) -> Result<(), Fault> {
        self.turn().await;
        Ok(())
    }
}
