//! One promotion on machines of its own, with a fault in them or without.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_domain::approval::{Choice, State as Vote};
use sluice_domain::naming::execution_arn;
use sluice_domain::naming::promotion_execution;
use sluice_domain::promotion::PromotionId;
use sluice_tests::World;
use sluice_tests::faults::{Case, Fault, Wrapper, inject, relay};
use sluice_tests::machine::{State, states};
use sluice_tests::world::{Build, Data, Inbox, Machines, PASSED, healthy, says};

use super::scenario::Scenario;
use super::seen::{Record, Seen};
use super::stage::{Deployed, Stage};
use super::{migrated, restored};

pub(super) const NAMES: [&str; 3] = ["api", "catalog", "worker"];
pub(super) const CODE: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

pub(super) struct Run {
    pub(super) world: World,
    /// The database, where one is migrated.
    pub(super) data: Option<Data>,
    /// The copy of it, on which migrations are tried, or which is its backup.
    pub(super) copy: Option<Data>,
    pub(super) build: Build,
    pub(super) inbox: Inbox,
    pub(super) id: PromotionId,
    pub(super) scenario: Scenario,
    /// The ARNs of the copied machines, by name; and of the relay.
    copies: BTreeMap<&'static str, String>,
    /// The execution of the copied `release`, if there is one.
    release: Option<String>,
    wrapper: Wrapper,
    /// The function in whose place the wrapper is called.
    behind: Option<String>,
}

impl Run {
    /// Starts it.
    pub(super) async fn begin(
        stage: &Stage,
        scenario: Scenario,
        case: Option<&Case>,
        group: usize,
    ) -> Self {
        let world = World::new().await;
        let functions = &NAMES[..group];
        let build = build(&world, scenario, functions);
        let first = world.healthy("1.0.0", functions);
        let (data, copy) = environment(&world, scenario, [&first, &build]).await;
        let inbox = world.inbox().await;
        let wrapper = Wrapper {
            arn: stage.wrapper.clone(),
            notes: format!("/flow/{}/late", world.application),
        };
        let copies = machines(&world, stage, scenario, case, &wrapper).await;
        let (id, release) = start(&world, scenario, &copies, &build).await;
        Self {
            behind: case.and_then(|case| behind(stage, case)),
            world,
            data,
            copy,
            build,
            inbox,
            id,
            scenario,
            copies,
            release,
            wrapper,
        }
    }

    /// The execution that this run has or would have of a machine.
    pub(super) fn execution_of(&self, machine: &str) -> Option<String> {
        if machine == "release" {
            return self.release.clone();
        }
        let name = promotion_execution(&self.id, &self.build.bundle.digest());
        let copy = self.copies.get(machine)?;
        Some(execution_arn(copy, &name))
    }

    /// Sees it to its end, the fault being gone with its executions; has the
    /// watchdog mend what they left; and looks at what is there then.
    pub(super) async fn finish(&self) -> Seen {
        self.over().await;
        let late = late_writers(&self.world, &self.wrapper).await;
        self.mended().await;
        for event in late {
            if let Some(function) = &self.behind {
                // Whatever it answers: it must not change anything.
                let _ = self.world.invoke_function(function, &event).await;
            }
        }
        self.mended().await;
        Seen::of(self).await
    }

    /// Waits until no execution runs, and votes when people are asked.
    async fn over(&self) {
        let mut voted = false;
        self.world
            .wait(&format!("the end of {}", self.id), async || {
                if self.scenario.asks() && !voted {
                    voted = self.vote_if_asked().await;
                }
                for machine in self.copies.keys() {
                    let execution = self.execution_of(machine);
                    if let Some(execution) = execution
                        && self.runs(&execution).await
                    {
                        return None;
                    }
                }
                Some(())
            })
            .await;
    }

    async fn vote_if_asked(&self) -> bool {
        let question = self.world.reader.question(&self.id).await;
        let asked = question.ok().flatten();
        asked.is_some_and(|question| question.state == Vote::Pending)
            && (self.world.vote(&self.id, Choice::Approve, CODE).await).is_ok()
    }

    async fn runs(&self, execution: &str) -> bool {
        let standing = self.world.reader.executions.standing(execution).await;
        let standing = standing.expect("the execution");
        standing.is_some_and(|standing| standing.runs())
    }

    /// Runs the watchdog until nothing of the promotion is left open.
    async fn mended(&self) {
        self.world
            .wait(&format!("the mending of {}", self.id), async || {
                let _ = self
                    .world
                    .invoke("WatchdogFunction", &serde_json::json!({}))
                    .await;
                let record = Record::of(&self.world, &self.id).await;
                record.is_closed().then_some(())
            })
            .await;
    }
}

/// Waits until whoever went on after a time-out is done, and answers what each was asked.
pub(super) async fn late_writers(world: &World, wrapper: &Wrapper) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let note = format!("{}/{}", wrapper.notes, events.len());
        let Some(event) = world.read_parameter(&note).await else {
            return events;
        };
        let done = format!("{note}/done");
        world
            .wait("the end of a late writer", async || {
                world.read_parameter(&done).await
            })
            .await;
        events.push(serde_json::from_str(&event).expect("a note is JSON"));
    }
}

/// The version that a run is about.
pub(super) const VERSION: &str = "1.1.0";

/// What a run releases, or has released before.
fn build(world: &World, scenario: Scenario, functions: &[&str]) -> Build {
    let sources: Vec<_> = functions
        .iter()
        .map(|function| (*function, healthy(VERSION)))
        .collect();
    let files = if scenario.has_database() {
        migrated::files(scenario).collect()
    } else {
        Vec::new()
    };
    world.build_with(VERSION, &sources, &files, scenario.manifest())
}

/// Makes the environment in which the first build serves, or has both of them served.
/// Answers its database, and the copy of that on which migrations are tried or which is its
/// backup.
async fn environment(
    world: &World,
    scenario: Scenario,
    [first, build]: [&Build; 2],
) -> (Option<Data>, Option<Data>) {
    let ada = world.approver("ada", CODE).await;
    let suite = match scenario {
        Scenario::Tested => Some(world.suite(&says(PASSED)).await),
        _ => None,
    };
    let mut settings = scenario.settings(&ada, suite.as_deref());
    if !scenario.has_database() {
        world.environment("prod", first, settings).await;
        return (None, None);
    }
    let data = world.database().await;
    settings["database"] = migrated::settings(world, &data).await;
    if scenario == Scenario::Restoring {
        let backup = restored::serve(world, &data, [first, build]).await;
        settings["database"]["backup"] = restored::settings(world, &data, &backup).await;
        world.settings("prod", build, settings).await;
        return (Some(data), Some(backup));
    }
    let mut copy = None;
    if scenario == Scenario::Rehearsing {
        let spare = data.copy().await;
        settings["database"]["rehearsal"] = migrated::rehearsal(world, &spare).await;
        copy = Some(spare);
    }
    world.environment("prod", first, settings).await;
    (Some(data), copy)
}

/// Starts what a run is about. Answers the promotion, and the execution of its release where
/// there is one.
async fn start(
    world: &World,
    scenario: Scenario,
    copies: &BTreeMap<&'static str, String>,
    build: &Build,
) -> (PromotionId, Option<String>) {
    if scenario.is_a_release() {
        let (id, release) = world.release(&copies["release"], "prod", build).await;
        return (id, Some(release));
    }
    if scenario == Scenario::Restoring {
        let id = world.attempt("prod", VERSION, 2);
        let operation = restored::operation();
        world.operate(&copies["promote"], &id, operation).await;
        return (id, None);
    }
    let machines = Machines {
        promote: copies["promote"].clone(),
        rollout: copies["rollout"].clone(),
    };
    (world.promote(&machines, "prod", build).await, None)
}

/// Copies the machines, children first, and puts the fault into one of them.
async fn machines(
    world: &World,
    stage: &Stage,
    scenario: Scenario,
    case: Option<&Case>,
    wrapper: &Wrapper,
) -> BTreeMap<&'static str, String> {
    let mut copies: BTreeMap<&'static str, String> = BTreeMap::new();
    for machine in &stage.machines {
        let mut definition = machine.definition.clone();
        for child in machine.children {
            let deployed = &stage.machine(child).arn;
            let text = definition.to_string().replace(deployed, &copies[child]);
            definition = serde_json::from_str(&text).expect("a definition");
        }
        if let Some(state) = scenario.throws().filter(|_| machine.name == "promote") {
            let put = inject(&mut definition, state, Fault::Throws, wrapper, None);
            put.expect("a state that throws");
        }
        if scenario == Scenario::Unbegun && machine.name == "release" {
            refuse(world, &mut definition, wrapper).await;
        }
        if let Some(case) = case.filter(|case| case.machine == machine.name) {
            let relay = match relayed(stage, machine, case) {
                Some(child) => relay(case.fault, &copies[child], wrapper),
                None => None,
            };
            if let Some(relay) = relay {
                let arn = world.create_machine("relay", &relay.to_string()).await;
                copies.insert("relay", arn);
            }
            let relay = copies.get("relay").map(String::as_str);
            inject(&mut definition, &case.state, case.fault, wrapper, relay)
                .unwrap_or_else(|problem| panic!("{problem}"));
        }
        let arn = world
            .create_machine(machine.name, &definition.to_string())
            .await;
        copies.insert(machine.name, arn);
    }
    copies
}

/// Has a release's promotion refused, at each try to start it.
async fn refuse(world: &World, release: &mut Value, wrapper: &Wrapper) {
    let denied = Fault::AccessDenied;
    let refusing = relay(denied, "", wrapper)
        .expect("what refuses")
        .to_string();
    let refusing = world.create_machine("refusing", &refusing).await;
    inject(release, "Promote", denied, wrapper, Some(&refusing)).expect("a refused start");
}

/// The child that a case's state runs.
fn relayed(stage: &Stage, machine: &Deployed, case: &Case) -> Option<&'static str> {
    let states = states(&machine.definition);
    let state = states.iter().find(|state| state.name == case.state)?;
    let child = state.body["Arguments"]["StateMachineArn"].as_str()?;
    let mut children = machine.children.iter().copied();
    children.find(|name| stage.machine(name).arn == child)
}

/// The function that a case's state calls.
fn behind(stage: &Stage, case: &Case) -> Option<String> {
    let mut machines = stage.machines.iter();
    let machine = machines.find(|machine| machine.name == case.machine)?;
    let states = states(&machine.definition);
    let state = states.iter().find(|state| state.name == case.state)?;
    if state.migrates() {
        return Some(stage.migrator.clone());
    }
    let function = state.body["Arguments"]["FunctionName"].as_str();
    function
        .filter(|_| State::invokes(state))
        .map(str::to_owned)
}
