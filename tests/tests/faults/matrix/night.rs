//! One run of test suites on a machine of its own with a fault in it: what it left, and
//! that the next run is none the worse.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use sluice_domain::ledger::{Entry, Kind, verify};
use sluice_domain::naming::{execution_arn, test_execution};
use sluice_domain::test_run::TestRun;
use sluice_tests::World;
use sluice_tests::faults::{Case, Fault, Wrapper, inject};
use sluice_tests::world::{Build, Inbox, PASSED, says};
use tokio::time::timeout;

use super::row::is_borne;
use super::run::{NAMES, late_writers};
use super::seen::{NEWS, Seen};
use super::stage::{Deployed, Stage};

/// The machine that runs test suites on a schedule.
pub(super) const MACHINE: &str = "suites";
/// The version of Lambda's that serves what is tested.
const SERVING: &str = "2";

/// A run of suites where one version serves, of which the next night knows nothing.
struct Night {
    world: World,
    build: Build,
    inbox: Inbox,
    run: TestRun,
    execution: String,
    status: ExecutionStatus,
}

/// Runs a case to its end, has its end told as EventBridge tells it, and looks at what is
/// there then.
pub(super) async fn meet(stage: &Stage, case: &Case) -> Result<Seen, String> {
    let night = Night::with(stage, case).await;
    let mut seen = night.seen().await;
    let entered = night.world.entered(&night.execution).await;
    if !entered.contains(&case.state) {
        let problem = "the state was never entered";
        seen.problems.push(problem.to_owned());
    }
    let bears = is_borne(case.fault) && !breaks(&case.state);
    if bears && (seen.outcome.as_str(), &night.status) != ("passed", &ExecutionStatus::Succeeded) {
        let problem = format!("{}; expected passed, as without this fault", seen.outcome);
        seen.problems.push(problem);
    }
    let next = night.next(&stage.suites).await;
    if next != "passed" {
        seen.problems.push(format!("the next night: {next}"));
    }
    Ok(seen)
}

/// Whether a run comes to a state only after another one has failed.
fn breaks(state: &str) -> bool {
    state == "GiveUp"
}

/// A run that is asked for in this minute.
fn asked(world: &World, minute: &str) -> TestRun {
    TestRun {
        application: world.application.clone(),
        environment: "prod".to_owned(),
        minute: minute.parse().expect("a time"),
        requested_by: "schedule".to_owned(),
    }
}

impl Night {
    async fn with(stage: &Stage, case: &Case) -> Self {
        let world = World::new().await;
        let build = serving(&world, &NAMES[..case.group]).await;
        let inbox = world.inbox().await;
        let wrapper = Wrapper {
            arn: stage.wrapper.clone(),
            notes: format!("/flow/{}/late", world.application),
        };
        let mut definition = stage.suites.definition.clone();
        let mut put = |state: &str, fault: Fault| {
            let put = inject(&mut definition, state, fault, &wrapper, None);
            put.unwrap_or_else(|problem| panic!("{problem}"));
        };
        if breaks(&case.state) {
            put("FindSuites", Fault::Throws);
        }
        put(&case.state, case.fault);
        let machine = world.create_machine(MACHINE, &definition.to_string()).await;
        let run = asked(&world, "2026-11-02T02:00:00Z");
        let (execution, status) = start(&world, &machine, &run).await;
        let night = Self {
            world,
            build,
            inbox,
            run,
            execution,
            status,
        };
        let late = late_writers(&night.world, &wrapper).await;
        let suite = stage.suites.calls("FindSuites");
        night.tell(suite).await;
        if stage.suites.calls(&case.state) == suite {
            for event in late {
                // Whatever it answers: the run's end stands.
                let _ = night.world.invoke_function(suite, &event).await;
            }
        }
        night
    }

    /// What EventBridge sends of an execution that did not succeed: the rule is about the
    /// machine as it is deployed, and not about copies.
    async fn tell(&self, suite: &str) {
        if self.status == ExecutionStatus::Succeeded {
            return;
        }
        let input = json!({ "run": self.run }).to_string();
        let event = json!({ "detail": { "status": self.status.as_str(), "input": input } });
        let told = self.world.invoke_function(suite, &event).await;
        told.expect("it is taken");
    }

    async fn entries(&self, run: &TestRun) -> Vec<Entry> {
        let mut entries = self.world.ledger(&run.chain()).await;
        entries.retain(|entry| entry.event.facts["run"] == run.name());
        entries
    }

    async fn seen(&self) -> Seen {
        let entries = self.entries(&self.run).await;
        let ends = facts(&entries, Kind::SuitesEnded);
        let outcome = outcome(&entries);
        let mut gaps = Vec::new();
        if verify(&self.world.ledger(&self.run.chain()).await).is_err() {
            gaps.push("the ledger: its chain is broken".to_owned());
        }
        if ends.len() != 1 {
            gaps.push(format!("the ledger: {} ends", ends.len()));
        }
        let passed = outcome == "passed";
        let has_passed = |facts: &&&Value| facts["problem"].is_null();
        let ran = facts(&entries, Kind::SuiteRan);
        if passed && ran.iter().find(has_passed).is_none() {
            gaps.push("the ledger: it passed, and no suite did".to_owned());
        }
        if !passed && outcome != "failed" {
            gaps.push(format!("it is {outcome}; expected passed or failed"));
        }
        let ledger_ok = gaps.is_empty();
        if self.status == ExecutionStatus::Succeeded && !passed {
            gaps.push("an execution SUCCEEDED and no suite passed".to_owned());
        }
        let news = self.world.told(&self.inbox, "SuitesEnded");
        let told = passed || timeout(NEWS, news).await.is_ok();
        if !told {
            gaps.push("nobody heard of SuitesEnded".to_owned());
        }
        let elsewhere = self.world.elsewhere("prod", &self.build, SERVING).await;
        let kept = self.world.kept("prod", &self.build).await;
        let moved = elsewhere.iter();
        gaps.extend(moved.map(|(function, found)| format!("{function} moved: {found:?}")));
        gaps.extend(kept.iter().cloned());
        Seen {
            outcome: outcome.to_owned(),
            aliases_settled: elsewhere.is_empty(),
            lock_free: kept.is_empty(),
            notified: told,
            ledger_ok,
            stranded: false,
            execution: Some(self.status.clone()),
            release: None,
            problems: gaps,
        }
    }

    /// What the next run comes to, on the machine as it is deployed.
    async fn next(&self, suites: &Deployed) -> String {
        let run = asked(&self.world, "2026-11-03T02:00:00Z");
        start(&self.world, &suites.arn, &run).await;
        outcome(&self.entries(&run).await).to_owned()
    }
}

/// An environment with a scheduled suite, in which the second version of these functions
/// was promoted.
async fn serving(world: &World, functions: &[&str]) -> Build {
    let suite = world.suite(&says(PASSED)).await;
    let suite = json!({ "name": "checks", "stage": "scheduled", "function": suite });
    let first = world.healthy("1.0.0", functions);
    let settings = json!({ "suites": [suite] });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", functions);
    world.upload(&build).await;
    world.ended(&world.promotion("prod", "1.1.0")).await;
    world.settled("prod", &build, SERVING).await;
    build
}

/// Starts a run, and waits for its execution's end.
async fn start(world: &World, machine: &str, run: &TestRun) -> (String, ExecutionStatus) {
    let name = test_execution(run);
    world.start(machine, &name, &json!({ "run": run })).await;
    let execution = execution_arn(machine, &name);
    let status = world
        .wait("the end of the run", async || {
            let standing = world.reader.executions.standing(&execution).await;
            let standing = standing.expect("the execution");
            let over = standing.filter(|standing| !standing.runs())?;
            Some(over.status)
        })
        .await;
    (execution, status)
}

fn facts(entries: &[Entry], kind: Kind) -> Vec<&Value> {
    let of = entries.iter().filter(|entry| entry.event.kind == kind);
    of.map(|entry| &entry.event.facts).collect()
}

/// How a run ended, as the ledger has it.
fn outcome(entries: &[Entry]) -> &str {
    let ends = facts(entries, Kind::SuitesEnded);
    let end = ends.first().and_then(|facts| facts["outcome"].as_str());
    end.unwrap_or("none")
}
