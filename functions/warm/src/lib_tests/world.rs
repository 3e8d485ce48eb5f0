//! The world behind the ports of the function.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use serde_json::json;
use sluice_domain::digest::Digest;
use sluice_domain::journal::Published;
use sluice_domain::migrations::{Restoring, Stopped};

use super::super::*;

const READY: &str = include_str!("../../../../events/warm/ready.json");
const RETIRE: &str = include_str!("../../../../events/warm/retire.json");

/// How a function of the group is called.
pub(super) fn arn(function: &str) -> String {
    format!("arn:aws:lambda:eu-central-1:1:function:{function}")
}

pub(super) fn fault(code: &str) -> Fault {
    Fault {
        operation: "lambda:Test".to_owned(),
        code: Some(code.to_owned()),
        message: format!("{code}: no"),
    }
}

fn fenced(id: &PromotionId, generation: Generation) -> StoreError {
    StoreError::Fenced {
        promotion: id.clone(),
        generation,
    }
}

/// Functions whose alias goes from version 1 to version 2.
pub(super) struct World {
    pub(super) work: RefCell<Option<Work>>,
    pub(super) generation: Cell<u64>,
    /// Provisioned concurrency by `function:version`.
    pub(super) provisioned: RefCell<BTreeMap<String, Provisioned>>,
    /// What a new one comes to, look by look.
    pub(super) comes_to: RefCell<VecDeque<Allocation>>,
    /// How a version stands, look by look; Active at the end.
    pub(super) states: RefCell<BTreeMap<String, VecDeque<State>>>,
    /// What a call answers, by version; nothing wrong otherwise.
    pub(super) answers: RefCell<BTreeMap<String, String>>,
    /// Where aliases point, by function.
    pub(super) aliases: RefCell<BTreeMap<String, Vec<Routing>>>,
    /// The versions of each function.
    pub(super) listed: RefCell<BTreeMap<String, Vec<Listed>>>,
    /// How much of the account's room for code is taken, in percent.
    pub(super) code: Cell<i64>,
    /// How often that was asked.
    pub(super) looks_at_storage: Cell<usize>,
    /// Versions that a queue or a stream feeds.
    pub(super) fed: RefCell<BTreeSet<u64>>,
    /// Versions that Lambda does not delete.
    pub(super) used: RefCell<BTreeSet<u64>>,
    /// The call that fails, with its code.
    pub(super) fails: Cell<Option<(&'static str, &'static str)>>,
    /// What was changed or recorded, in order.
    pub(super) log: RefCell<Vec<String>>,
    pub(super) recorded: RefCell<Vec<(Kind, Value)>>,
    /// Reserved concurrency, by function. None: none.
    pub(super) reserved: RefCell<BTreeMap<String, Option<u32>>>,
    /// How far restores are, by promotion.
    pub(super) restoring: RefCell<BTreeMap<String, Restoring>>,
    /// Whether the database is worked on between a look at the record and the next write.
    pub(super) begins_meanwhile: Cell<bool>,
    /// What is noted of functions.
    pub(super) stopped: RefCell<BTreeMap<String, Stopped>>,
    /// After how many changes of a reservation or a note the function is killed.
    pub(super) dies_after: Cell<Option<usize>>,
    /// How requests for a concurrency of 0 come late.
    pub(super) late: Cell<Option<Late>>,
    /// How often somebody found one announced.
    pub(super) waited: Cell<usize>,
    /// What nobody hears of, and comes once somebody has waited for it.
    cut_off: RefCell<BTreeSet<String>>,
    /// Whether another call notes something just before the next note.
    pub(super) is_noted_meanwhile: Cell<bool>,
    /// How far another call says that it is, just before it is noted that it begins.
    pub(super) begun_meanwhile: RefCell<Option<Restoring>>,
}

/// How a request comes late.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Late {
    /// It is answered once somebody waits for it.
    Slow,
    /// Nobody hears of it, and it comes while somebody waits for it.
    CutOff,
}

impl World {
    pub(super) fn new(functions: &[&str]) -> Rc<Self> {
        let plan = json!({
            "bundle": Digest::of(b"release.json"), "functions": {},
            "steps": [{"weight": 10, "bake_seconds": 60}, {"weight": 100, "bake_seconds": 60}],
            "judge": {}, "keep_versions": 3,
        });
        let published = |function: &&str| {
            let published = Published {
                name: (*function).to_owned(),
                arn: arn(function),
                alias: "live".to_owned(),
                version: "2".to_owned(),
                stable: Some("1".to_owned()),
                revision: Some("r1".to_owned()),
                changed: true,
            };
            ((*function).to_owned(), published)
        };
        let work = Work {
            plan: serde_json::from_value(plan).expect("a plan"),
            versions: Some(functions.iter().map(published).collect()),
            journal: None,
            provisions: None,
        };
        let at = |version: &str| vec![Routing::only(version)];
        let aliases = functions.iter().map(|function| (arn(function), at("1")));
        Rc::new(Self {
            work: RefCell::new(Some(work)),
            generation: Cell::new(1),
            provisioned: RefCell::default(),
            comes_to: RefCell::default(),
            states: RefCell::default(),
            answers: RefCell::default(),
            aliases: RefCell::new(aliases.collect()),
            listed: RefCell::default(),
            code: Cell::new(50),
            looks_at_storage: Cell::new(0),
            fed: RefCell::default(),
            used: RefCell::default(),
            fails: Cell::new(None),
            log: RefCell::default(),
            recorded: RefCell::default(),
            reserved: RefCell::default(),
            restoring: RefCell::default(),
            begins_meanwhile: Cell::default(),
            stopped: RefCell::default(),
            dies_after: Cell::new(None),
            late: Cell::new(None),
            waited: Cell::new(0),
            cut_off: RefCell::default(),
            is_noted_meanwhile: Cell::new(false),
            begun_meanwhile: RefCell::default(),
        })
    }

    /// Version 1 of a function has so much.
    pub(super) fn provision_stable(&self, function: &str, executions: u32) {
        let provisioned = Provisioned {
            executions,
            status: Allocation::Ready,
        };
        let version = format!("{}:1", arn(function));
        self.provisioned.borrow_mut().insert(version, provisioned);
    }

    /// What a version of a function has.
    pub(super) fn has(&self, function: &str, version: &str) -> Option<u32> {
        let provisioned = self.provisioned.borrow();
        let found = provisioned.get(&format!("{}:{version}", arn(function)));
        found.map(|there| there.executions)
    }

    /// Changes what earlier steps wrote down.
    pub(super) fn given(&self, change: impl FnOnce(&mut Work)) {
        change(self.work.borrow_mut().as_mut().expect("a plan"));
    }

    /// All traffic is on the new versions, for good.
    pub(super) fn commit(&self) {
        for aliases in self.aliases.borrow_mut().values_mut() {
            *aliases = vec![Routing::only("2")];
        }
        let journal = json!({ "functions": {}, "steps": [], "committed": true });
        let journal = serde_json::from_value(journal).expect("a journal");
        self.given(|work| work.journal = Some(journal));
    }

    pub(super) async fn ready(self: &Rc<Self>) -> Result<Output, Error> {
        self.ask(READY).await
    }

    pub(super) async fn retire(self: &Rc<Self>) -> Result<Output, Error> {
        self.ask(RETIRE).await
    }

    /// Whether the function lives on for one more change.
    fn lives(&self) -> Result<(), Fault> {
        match self.dies_after.get() {
            Some(0) => Err(fault("Killed")),
            Some(left) => {
                self.dies_after.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) async fn ask(self: &Rc<Self>, text: &str) -> Result<Output, Error> {
        let warm = Warm {
            accounts: Rc::clone(self),
            records: Rc::clone(self),
            ledger: Rc::clone(self),
            patience: Patience {
                first: Duration::from_millis(1),
                longest: Duration::from_millis(1),
                total: Duration::from_millis(50),
            },
            warms_up_for: Duration::from_secs(5),
            prunes_for: Duration::from_secs(5),
            reserves_for: Duration::from_millis(50),
            settles: Patience {
                first: Duration::from_millis(1),
                longest: Duration::from_millis(1),
                total: Duration::from_millis(100),
            },
        };
        warm.handle(serde_json::from_str(text).expect("a request"))
            .await
    }

    pub(super) fn take_log(&self) -> Vec<String> {
        self.log.take()
    }

    fn note(&self, line: String) {
        self.log.borrow_mut().push(line);
    }

    fn check(&self, call: &str) -> Result<(), Fault> {
        match self.fails.get() {
            Some((failing, code)) if failing == call => Err(fault(code)),
            _ => Ok(()),
        }
    }
}

impl Open for Rc<World> {
    type Account = Self;

    async fn open(&self, _: Option<&Role>, _: &PromotionId) -> Self {
        Rc::clone(self)
    }
}

impl Calls for Rc<World> {
    async fn state(&self, function: &str, version: &str) -> Result<State, Fault> {
        let mut states = self.states.borrow_mut();
        let next = states
            .get_mut(&format!("{function}:{version}"))
            .and_then(VecDeque::pop_front);
        Ok(next.unwrap_or(State::Active))
    }

    async fn call(&self, function: &str, version: &str, payload: &Value) -> Result<(), String> {
        let name = function.rsplit(':').next().unwrap_or_default();
        self.note(format!("call {name}:{version} {payload}"));
        match self.answers.borrow().get(version) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

impl Provisioning for Rc<World> {
    async fn provisioned(
        &self,
        function: &str,
        version: &str,
    ) -> Result<Option<Provisioned>, Fault> {
        let name = format!("{function}:{version}");
        let mut provisioned = self.provisioned.borrow_mut();
        let Some(there) = provisioned.get_mut(&name) else {
            return Ok(None);
        };
        if there.status == Allocation::InProgress
            && let Some(next) = self.comes_to.borrow_mut().pop_front()
        {
            there.status = next;
        }
        Ok(Some(there.clone()))
    }

    async fn provision(&self, function: &str, version: &str, executions: u32) -> Result<(), Fault> {
        self.check("provision")?;
        let provisioned = Provisioned {
            executions,
            status: Allocation::InProgress,
        };
        let name = format!("{function}:{version}");
        self.provisioned.borrow_mut().insert(name, provisioned);
        self.note(format!("provision {version} with {executions}"));
        Ok(())
    }

    async fn unprovision(&self, function: &str, version: &str) -> Result<(), Fault> {
        self.check("unprovision")?;
        let name = format!("{function}:{version}");
        self.provisioned.borrow_mut().remove(&name);
        self.note(format!("unprovision {version}"));
        Ok(())
    }
}

impl Reserving for Rc<World> {
    async fn reserved(&self, function: &str) -> Result<Option<u32>, Fault> {
        Ok(self.reserved.borrow().get(function).copied().flatten())
    }

    async fn reserve(&self, function: &str, executions: Option<u32>) -> Result<(), Fault> {
        let name = function.rsplit(':').next().unwrap_or_default();
        self.check("reserve")?;
        self.check(&format!("reserve {name}"))?;
        self.lives()?;
        match self.late.get().filter(|_| executions == Some(0)) {
            Some(Late::Slow) => {
                while self.waited.get() == 0 {
                    tokio::task::yield_now().await;
                }
            }
            Some(Late::CutOff) => {
                self.cut_off.borrow_mut().insert(function.to_owned());
                std::future::pending::<()>().await;
            }
            None => {}
        }
        self.note(format!("reserve {name} {executions:?}"));
        let mut reserved = self.reserved.borrow_mut();
        reserved.insert(function.to_owned(), executions);
        Ok(())
    }

    async fn longest_call(&self, function: &str) -> Result<Option<u64>, Fault> {
        Ok(Some(if function.ends_with(":jobs") { 60 } else { 10 }))
    }
}

impl Stops for Rc<World> {
    async fn restoring(&self, id: &PromotionId) -> Result<Option<Restoring>, StoreError> {
        Ok(self.restoring.borrow().get(&id.to_string()).cloned())
    }

    async fn save_restoring(
        &self,
        id: &PromotionId,
        generation: Generation,
        restoring: &Restoring,
    ) -> Result<(), StoreError> {
        self.check_fence(id, generation).await?;
        self.lives()?;
        let mut all = self.restoring.borrow_mut();
        if let Some(begun) = self.begun_meanwhile.take() {
            all.insert(id.to_string(), begun);
        }
        if all.contains_key(&id.to_string()) {
            return Err(fenced(id, generation));
        }
        all.insert(id.to_string(), restoring.clone());
        Ok(())
    }

    async fn replace_restoring(
        &self,
        id: &PromotionId,
        generation: Generation,
        (read, new): (&Restoring, &Restoring),
    ) -> Result<(), StoreError> {
        self.check_fence(id, generation).await?;
        self.lives()?;
        let mut all = self.restoring.borrow_mut();
        let there = all.get_mut(&id.to_string()).expect("it was read");
        if there != read || self.begins_meanwhile.get() {
            return Err(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            });
        }
        *there = new.clone();
        Ok(())
    }

    async fn stopped(&self, function: &str) -> Result<Option<Stopped>, StoreError> {
        let noted = self.stopped.borrow().get(function).cloned();
        if noted.as_ref().is_some_and(|noted| noted.asking) {
            self.waited.set(self.waited.get() + 1);
            let came = self.cut_off.take().into_iter();
            let zero = came.map(|function| (function, Some(0)));
            self.reserved.borrow_mut().extend(zero);
        }
        Ok(noted)
    }

    async fn save_stopped(
        &self,
        id: &PromotionId,
        generation: Generation,
        (function, stopped): (&str, &Stopped),
    ) -> Result<(), StoreError> {
        self.check_fence(id, generation).await?;
        self.lives()?;
        let mut all = self.stopped.borrow_mut();
        if let Some(noted) = all.get_mut(function)
            && self.is_noted_meanwhile.take()
        {
            noted.revision += 1;
        }
        let read = all.get(function).map_or(0, |noted| noted.revision);
        if stopped.revision != read + 1 {
            return Err(fault("TransactionConflict").into());
        }
        all.insert(function.to_owned(), stopped.clone());
        Ok(())
    }
}

impl Catalogue for Rc<World> {
    async fn aliases(&self, function: &str) -> Result<Vec<Routing>, Fault> {
        self.check("aliases")?;
        Ok(self.aliases.borrow()[function].clone())
    }

    async fn versions(&self, function: &str) -> Result<Vec<Listed>, Fault> {
        let listed = self.listed.borrow();
        Ok(listed.get(function).cloned().unwrap_or_default())
    }

    async fn is_fed(&self, _: &str, version: u64) -> Result<bool, Fault> {
        Ok(self.fed.borrow().contains(&version))
    }

    async fn code_storage(&self) -> Result<CodeStorage, Fault> {
        self.looks_at_storage.set(self.looks_at_storage.get() + 1);
        self.check("code_storage")?;
        Ok(CodeStorage {
            used: self.code.get(),
            limit: 100,
        })
    }

    async fn delete(&self, function: &str, version: u64) -> Result<bool, Fault> {
        self.check("delete")?;
        if self.used.borrow().contains(&version) {
            return Ok(false);
        }
        let mut listed = self.listed.borrow_mut();
        let all = listed.get_mut(function).expect("it has versions");
        all.retain(|there| there.number != version);
        self.note(format!("delete {version}"));
        Ok(true)
    }
}

impl Records for Rc<World> {
    async fn work(&self, _: &PromotionId) -> Result<Option<Work>, StoreError> {
        Ok(self.work.borrow().clone())
    }

    async fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<(), StoreError> {
        if generation.0 == self.generation.get() {
            return Ok(());
        }
        Err(fenced(id, generation))
    }

    async fn save(
        &self,
        id: &PromotionId,
        generation: Generation,
        provisions: &Provisions,
    ) -> Result<(), StoreError> {
        self.check_fence(id, generation).await?;
        self.note("save".to_owned());
        self.given(|work| work.provisions = Some(provisions.clone()));
        Ok(())
    }
}

impl Record for Rc<World> {
    async fn record(
        &self,
        _: &PromotionId,
        kind: Kind,
        _: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.recorded.borrow_mut().push((kind, facts));
        Ok(())
    }
}
