//! What all rows share: the wrapper, the deployed machines, and which scenario
//! leads to which state.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_tests::World;
use sluice_tests::faults::{Case, cases};
use sluice_tests::machine::{Scope, State, items, scopes, states};
use sluice_tests::state_machines;

use super::night;
use super::run::Run;
use super::scenario::Scenario;

/// Each machine with those that it runs, children first.
const MACHINES: [(&str, &[&str]); 6] = [
    ("rehearsal", &[]),
    ("migrations", &[]),
    ("restore", &[]),
    ("rollout", &[]),
    (
        "promote",
        &["rehearsal", "migrations", "restore", "rollout"],
    ),
    ("release", &["promote"]),
];

/// A machine as it is deployed.
pub(super) struct Deployed {
    pub(super) name: &'static str,
    pub(super) children: &'static [&'static str],
    pub(super) arn: String,
    pub(super) definition: Value,
}

impl Deployed {
    async fn of(world: &World, name: &'static str, children: &'static [&'static str]) -> Self {
        Self {
            name,
            children,
            arn: world.machine(name),
            definition: world.deployed(name).await,
        }
    }

    /// The function that a state calls; "" where it calls none, or what settings name.
    pub(super) fn calls(&self, state: &str) -> &str {
        let function = &self.definition["States"][state]["Arguments"]["FunctionName"];
        let function = function.as_str().unwrap_or_default();
        if function.starts_with("arn:") {
            function
        } else {
            ""
        }
    }
}

pub(super) struct Stage {
    /// The wrapper's ARN.
    pub(super) wrapper: String,
    /// The machines, children first.
    pub(super) machines: Vec<Deployed>,
    /// The function that migrates, which `verify` names to the machines.
    pub(super) migrator: String,
    /// The machine that runs test suites on a schedule, and promotes nothing.
    pub(super) suites: Deployed,
    /// The first scenario that leads to a state, by machine and state.
    ways: BTreeMap<(String, String), Scenario>,
}

impl Stage {
    /// Goes through every scenario once, and learns from the histories which
    /// states it leads to.
    pub(super) async fn set() -> Self {
        let world = World::new().await;
        let wrapper = world.wrapper().await;
        let mut machines = Vec::new();
        for (name, children) in MACHINES {
            machines.push(Deployed::of(&world, name, children).await);
        }
        let promote = machines.iter().find(|machine| machine.name == "promote");
        let verify = promote.map_or("", |promote| promote.calls("VerifyBundle"));
        let migrator = world.variable_of(verify, "SLUICE_MIGRATOR").await;
        watch_all_copies(&world, &machines).await;
        let mut stage = Self {
            wrapper,
            machines,
            migrator,
            suites: Deployed::of(&world, night::MACHINE, &[]).await,
            ways: BTreeMap::new(),
        };
        for scenario in Scenario::ALL {
            let run = Run::begin(&stage, scenario, None, 1).await;
            let seen = run.finish().await;
            assert_eq!(seen.problems, [""; 0], "{scenario:?}: {seen:#?}");
            assert_eq!(seen.outcome, scenario.outcome().title(), "{scenario:?}");
            for spot in stage.entered(&run).await {
                stage.ways.entry(spot).or_insert(scenario);
            }
        }
        stage
    }

    /// A machine of a promotion or a release, by the name of its file.
    pub(super) fn machine(&self, name: &str) -> &Deployed {
        let found = self.machines.iter().find(|machine| machine.name == name);
        found.expect("a machine that is deployed")
    }

    /// The scenario that leads to a case's state.
    pub(super) fn way_to(&self, case: &Case) -> Option<Scenario> {
        let spot = (case.machine.clone(), case.state.clone());
        self.ways.get(&spot).copied()
    }

    /// Whether a case's state is so, in its machine as it is deployed.
    pub(super) fn is(&self, case: &Case, so: impl Fn(&State<'_>) -> bool) -> bool {
        let mut machines = self.machines.iter().chain([&self.suites]);
        let machine = machines.find(|machine| machine.name == case.machine);
        machine.is_some_and(|machine| {
            let states = states(&machine.definition);
            states
                .iter()
                .any(|state| state.name == case.state && so(state))
        })
    }

    /// The states that a run has entered.
    pub(super) async fn entered(&self, run: &Run) -> Vec<(String, String)> {
        let mut entered = Vec::new();
        for machine in &self.machines {
            let Some(execution) = run.execution_of(machine.name) else {
                continue;
            };
            let mut states = run.world.entered(&execution).await;
            for scope in scopes(&machine.definition) {
                if scope
                    .within
                    .is_some_and(|outer| states.iter().any(|state| state == outer))
                {
                    let way = way_within(&scope, run.scenario);
                    states.extend(way.into_iter().map(str::to_owned));
                }
            }
            entered.extend(
                states
                    .into_iter()
                    .map(|state| (machine.name.to_owned(), state)),
            );
        }
        entered
    }
}

/// Once for all: a policy for each row would make the watchdog slow.
async fn watch_all_copies(world: &World, machines: &[Deployed]) {
    let known: Vec<&str> = machines.iter().map(|machine| machine.name).collect();
    for case in cases(&state_machines()) {
        let name = case.machine.as_str();
        let is_known = known.contains(&name) || name == night::MACHINE;
        assert!(is_known, "{name} is run by no scenario");
    }
    let copies = |name: &str| format!("arn:aws:states:*:*:stateMachine:flow-*-{name}");
    let resources = [
        ("ReleaseMachine", copies("release")),
        ("PromoteMachine", copies("promote")),
        ("RehearsalMachine", copies("rehearsal")),
        ("MigrationsMachine", copies("migrations")),
        ("RestoreMachine", copies("restore")),
        ("RolloutMachine", copies("rollout")),
    ];
    let resources = resources
        .each_ref()
        .map(|(name, copies)| (*name, copies.as_str()));
    world.let_the_watchdog_see(&resources).await;
    world.let_the_desk_read_what_is_put_aside().await;
}

/// The states of a Map that a scenario goes through: a history tells of none of them,
/// only of the Map itself.
fn way_within<'a>(scope: &Scope<'a>, scenario: Scenario) -> Vec<&'a str> {
    let mut way = Vec::new();
    let mut next = scope.start;
    while let Some(state) = scope.states.iter().find(|state| state.name == next) {
        way.push(state.name);
        let refused = scenario == Scenario::Unbegun && state.runs_a_child();
        let caught = items(&state.body["Catch"]).last();
        next = match caught.filter(|_| refused) {
            Some(catcher) => catcher["Next"].as_str().unwrap_or_default(),
            None if state.is("Choice") => state.text("Default"),
            None => state.text("Next"),
        };
    }
    way
}
