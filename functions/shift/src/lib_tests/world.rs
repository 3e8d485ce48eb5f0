//! An account, a state table and a ledger in memory, and what can go wrong with them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sluice_domain::alias::serves_canary;
use sluice_domain::digest::Digest;
use sluice_domain::journal::Published;
use sluice_domain::ledger::Kind;
use sluice_domain::settings::{JudgePolicy, Step};
use tokio::task::yield_now;

use super::super::*;

#[path = "codedeploy.rs"]
mod codedeploy;
#[path = "ports.rs"]
mod ports;

pub(super) use codedeploy::CodeDeploys;

const STEP: &str = include_str!("../../../../events/shift/step.json");
const COMMIT: &str = include_str!("../../../../events/shift/commit.json");
const STABLE: &str = include_str!("../../../../events/shift/stable.json");
const VERIFY: &str = include_str!("../../../../events/shift/verify.json");

/// What happens at one write of an alias.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trouble {
    /// It fails and nothing is written.
    Fault,
    /// It is written and the answer is lost.
    AnswerLost,
    /// The function dies before it.
    CrashBefore,
    /// The function dies after it.
    CrashAfter,
    /// Somebody else writes the alias just before.
    Foreign(Routing),
    /// The function stands still until [`World::resume`].
    Pause,
}

pub(super) struct World {
    aliases: RefCell<BTreeMap<String, Alias>>,
    revisions: Cell<u64>,
    troubles: RefCell<BTreeMap<usize, Trouble>>,
    writes: Cell<usize>,
    /// The functions whose aliases were read, in order.
    reads: RefCell<Vec<String>>,
    /// Functions whose aliases can't be written.
    pub(super) broken: RefCell<BTreeSet<String>>,
    /// The version that somebody else set last, by function.
    foreign: RefCell<BTreeMap<String, String>>,
    /// Whether somebody else wrote anything.
    pub(super) disturbed: Cell<bool>,
    crashed: Cell<bool>,
    paused: Cell<bool>,
    pub(super) plan: Plan,
    versions: Versions,
    pub(super) journal: RefCell<Option<Journal>>,
    pub(super) generation: Cell<u64>,
    /// CodeDeploy.
    pub(super) codedeploy: RefCell<CodeDeploys>,
    /// How long deployments are waited for.
    pub(super) patience: Cell<Duration>,
    pub(super) save_fails: Cell<bool>,
    pub(super) record_fails: Cell<bool>,
    /// Recorded once per kind and key, as `record` does.
    pub(super) facts: RefCell<Vec<Fact>>,
    /// Everything that was written, in order.
    pub(super) log: RefCell<Vec<String>>,
}

pub(super) fn shared(version: &str, other: &str, weight: f64) -> Routing {
    Routing {
        version: version.to_owned(),
        weights: BTreeMap::from([(other.to_owned(), weight)]),
    }
}

fn fault(operation: &str, code: &str) -> Fault {
    Fault {
        operation: operation.to_owned(),
        code: Some(code.to_owned()),
        message: code.to_owned(),
    }
}

impl World {
    /// Functions that stand on version 1 and get 2, and functions without an
    /// alias. Steps: 10 % watched, 50 % not watched, 100 %.
    pub(super) fn new(updates: &[&str], firsts: &[&str]) -> Rc<Self> {
        let mut world = Self {
            aliases: RefCell::default(),
            revisions: Cell::new(0),
            troubles: RefCell::default(),
            writes: Cell::new(0),
            reads: RefCell::default(),
            broken: RefCell::default(),
            foreign: RefCell::default(),
            disturbed: Cell::new(false),
            crashed: Cell::new(false),
            paused: Cell::new(false),
            plan: Plan {
                bundle: Digest::of(b"release.json"),
                functions: BTreeMap::new(),
                role: None,
                approval_seconds: None,
                keep_versions: None,
                goes_back: false,
                migrations: None,
                operation: None,
                restore: None,
                server: None,
                database: None,
                suites: Vec::new(),
                steps: vec![
                    Step::new(10.0, 600),
                    Step::new(50.0, 0),
                    Step::new(100.0, 1800),
                ],
                codedeploy: None,
                judge: JudgePolicy::default(),
            },
            versions: Versions::new(),
            journal: RefCell::default(),
            generation: Cell::new(1),
            codedeploy: RefCell::default(),
            patience: Cell::new(Duration::from_secs(60)),
            save_fails: Cell::new(false),
            record_fails: Cell::new(false),
            facts: RefCell::default(),
            log: RefCell::default(),
        };
        for name in updates {
            world.put(name, Routing::only("1"));
        }
        for name in updates.iter().chain(firsts) {
            let found = world.aliases.borrow().get(*name).cloned();
            let published = Published {
                name: (*name).to_owned(),
                arn: format!("arn:aws:lambda:eu-central-1:1:function:{name}"),
                alias: "live".to_owned(),
                version: "2".to_owned(),
                stable: found.as_ref().map(|alias| alias.routing.version.clone()),
                revision: found.map(|alias| alias.revision),
                changed: true,
            };
            world.versions.insert((*name).to_owned(), published);
        }
        Rc::new(world)
    }

    /// A function of the release that is what already serves.
    pub(super) fn with_unchanged(self: Rc<Self>, name: &str) -> Rc<Self> {
        let mut world = Rc::into_inner(self).expect("nobody else has it yet");
        world.put(name, Routing::only("2"));
        let mut published = world.versions["api"].clone();
        published.name = name.to_owned();
        published.changed = false;
        world.versions.insert(name.to_owned(), published);
        Rc::new(world)
    }

    fn put(&self, name: &str, routing: Routing) -> String {
        self.revisions.set(self.revisions.get() + 1);
        let revision = format!("r{}", self.revisions.get());
        let alias = Alias {
            routing,
            revision: revision.clone(),
            description: None,
        };
        self.aliases.borrow_mut().insert(name.to_owned(), alias);
        revision
    }

    /// Somebody else points the alias there, or deletes it.
    pub(super) fn foreign(&self, name: &str, routing: Option<Routing>) {
        self.disturbed.set(true);
        self.foreign.borrow_mut().remove(name);
        match routing {
            Some(routing) => {
                let version = routing.version.clone();
                if version != "1" && version != "2" {
                    self.foreign.borrow_mut().insert(name.to_owned(), version);
                }
                self.put(name, routing);
            }
            None => drop(self.aliases.borrow_mut().remove(name)),
        }
    }

    /// Whether what somebody else set still stands.
    pub(super) fn foreign_stands(&self) -> bool {
        let foreign = self.foreign.borrow();
        foreign.iter().all(|(name, version)| {
            self.routing(name)
                .is_some_and(|routing| routing.version == *version)
        })
    }

    /// At the n-th write from now on, from 1, this happens.
    pub(super) fn at_write(&self, n: usize, trouble: Trouble) {
        self.troubles
            .borrow_mut()
            .insert(self.writes.get() + n, trouble);
    }

    /// Nothing goes wrong any more.
    pub(super) fn calm(&self) {
        self.troubles.borrow_mut().clear();
        self.broken.borrow_mut().clear();
        self.save_fails.set(false);
        self.record_fails.set(false);
    }

    pub(super) fn routing(&self, name: &str) -> Option<Routing> {
        let aliases = self.aliases.borrow();
        aliases.get(name).map(|alias| alias.routing.clone())
    }

    pub(super) fn aliases(&self) -> BTreeMap<String, Alias> {
        self.aliases.borrow().clone()
    }

    pub(super) fn step_taken(&self) -> Option<usize> {
        self.journal.borrow().as_ref().and_then(|found| found.step)
    }

    pub(super) fn is_committed(&self) -> bool {
        let journal = self.journal.borrow();
        journal.as_ref().is_some_and(|found| found.committed)
    }

    /// Whether an alias of the group sends anybody to the new version.
    pub(super) fn serves_canary(&self) -> bool {
        let aliases = self.aliases.borrow();
        self.journal.borrow().as_ref().is_some_and(|journal| {
            let mut entries = journal.functions.values();
            entries.any(|entry| serves_canary(entry, aliases.get(&entry.name)))
        })
    }

    /// What was recorded, in order.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.facts.borrow().iter().map(|fact| fact.kind).collect()
    }

    pub(super) fn take_log(&self) -> Vec<String> {
        self.log.take()
    }

    /// The functions whose aliases were read since this was last asked.
    pub(super) fn take_reads(&self) -> Vec<String> {
        self.reads.take()
    }

    fn note(&self, line: String) {
        self.log.borrow_mut().push(line);
    }

    /// Sends a request. Panics where the function died on the way.
    pub(super) async fn ask(self: &Rc<Self>, input: Input) -> Result<Output, Error> {
        self.try_ask(input).await.expect("the function lives")
    }

    /// Sends a request. None: the function died on the way.
    pub(super) async fn try_ask(self: &Rc<Self>, input: Input) -> Option<Result<Output, Error>> {
        self.crashed.set(false);
        let shift = Shift {
            account: Rc::clone(self),
            records: Rc::clone(self),
            ledger: Rc::clone(self),
            hook: "CodeDeployHook_sluice".to_owned(),
            patience: Patience {
                first: Duration::ZERO,
                longest: Duration::ZERO,
                total: self.patience.get(),
            },
        };
        let death = async {
            while !self.crashed.get() {
                yield_now().await;
            }
        };
        tokio::select! {
            biased;
            answer = shift.handle(input, || self.now()) => Some(answer),
            () = death => None,
        }
    }

    /// Each write takes a second.
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(self.writes.get() as i64)
    }

    /// A request for this step by the current generation.
    pub(super) fn step(&self, step: usize) -> Input {
        let input = self.input(STEP);
        Input {
            step: Some(step),
            ..input
        }
    }

    pub(super) fn commit(&self) -> Input {
        self.input(COMMIT)
    }

    pub(super) fn stable(&self) -> Input {
        self.input(STABLE)
    }

    pub(super) fn verify(&self) -> Input {
        self.input(VERIFY)
    }

    fn input(&self, text: &str) -> Input {
        let input = serde_json::from_str(text).expect("a valid request");
        Input {
            generation: Generation(self.generation.get()),
            ..input
        }
    }

    /// Waits until a function stands still at [`Trouble::Pause`].
    pub(super) async fn until_paused(&self) {
        while !self.paused.get() {
            yield_now().await;
        }
    }

    pub(super) fn resume(&self) {
        self.paused.set(false);
    }
}
