//! What `guard` is asked, and how its state machines hear of a refusal.

use serde_json::{Value, json};
use sluice_domain::promotion::{Generation, Outcome};
use sluice_platform::lambda::Named as _;

use super::*;
use crate::fakes::{World, at, execution, id, run, token};

#[path = "lib_tests/check.rs"]
mod check;
#[path = "lib_tests/close.rs"]
mod close;
#[path = "lib_tests/fence.rs"]
mod fence;
#[path = "lib_tests/interleaved.rs"]
mod interleaved;
#[path = "lib_tests/line.rs"]
mod line;
#[path = "lib_tests/operation.rs"]
mod operation;
#[path = "lib_tests/path.rs"]
mod path;
#[path = "lib_tests/plan.rs"]
mod plan;
#[path = "lib_tests/preview.rs"]
mod preview;
#[path = "lib_tests/schedule.rs"]
mod schedule;
#[path = "lib_tests/signals.rs"]
mod signals;
#[path = "lib_tests/unbegun.rs"]
mod unbegun;

const PLAN: &str = include_str!("../../../events/guard/plan.json");
const ADMIT: &str = include_str!("../../../events/guard/admit.json");
const SCHEDULE: &str = include_str!("../../../events/guard/schedule.json");
const ACQUIRE: &str = include_str!("../../../events/guard/acquire.json");
const RECHECK: &str = include_str!("../../../events/guard/recheck.json");
const CHECK: &str = include_str!("../../../events/guard/check.json");
const FENCE: &str = include_str!("../../../events/guard/fence.json");
const CLOSE: &str = include_str!("../../../events/guard/close.json");
const CLOSE_UNBEGUN: &str = include_str!("../../../events/guard/close-unbegun.json");
const HANDOVER: &str = include_str!("../../../events/guard/handover.json");

fn input(event: &str) -> Input {
    serde_json::from_str(event).unwrap()
}

/// Sends an event as it is, and answers what the state machine sees.
fn send(guard: &Guard<World>, event: &str) -> Result<Value, &'static str> {
    match run(guard.handle(input(event), at(1000))) {
        Ok(output) => Ok(serde_json::to_value(output).unwrap()),
        Err(error) => Err(error.name()),
    }
}

/// Makes a version's plan and asks for its turn at this second.
async fn acquire(guard: &Guard<World>, version: &str, second: i64) -> Result<Output, Error> {
    let task_token = token(version);
    guard
        .ports
        .0
        .borrow_mut()
        .waits
        .insert(task_token.0.clone());
    let input = Input::Acquire {
        promotion: id(version),
        task_token,
    };
    guard.handle(input, at(second)).await
}

/// Opens, plans and acquires: whether the version has its turn.
fn enter(guard: &Guard<World>, version: &str, second: i64) -> bool {
    prepare(guard, version);
    run(acquire(guard, version, second)).unwrap() == Output::Queued { acquired: true }
}

fn prepare(guard: &Guard<World>, version: &str) {
    guard.ports.open(version);
    let promotion = id(version);
    run(guard.handle(
        Input::Plan {
            promotion,
            migrations: None,
            restore: None,
        },
        at(0),
    ))
    .unwrap();
}

/// The bundle of the event files.
fn bundle() -> BundleRef {
    let event: Value = serde_json::from_str(CLOSE).unwrap();
    serde_json::from_value(event["bundle"].clone()).unwrap()
}

fn ending(version: &str, outcome: Outcome) -> Input {
    Input::Close {
        promotion: id(version),
        bundle: Some(bundle()),
        outcome,
        error: None,
        cause: None,
        unfenced: None,
        execution_arn: Some(execution(version)),
        generation: None,
    }
}

fn end(guard: &Guard<World>, version: &str, outcome: Outcome) -> Outcome {
    match run(guard.handle(ending(version, outcome), at(2000))).unwrap() {
        Output::Closed { outcome } => outcome,
        other => panic!("found {other:?}, expected Closed"),
    }
}

#[test]
fn the_state_machines_inputs_are_understood() {
    let promotion = id("1.1.0");
    let generation = Generation(0);
    let asked = Input::Acquire {
        promotion: promotion.clone(),
        task_token: token("1.1.0"),
    };
    assert_eq!(input(ACQUIRE), asked);
    let asked = Input::Recheck {
        promotion: promotion.clone(),
        generation,
    };
    assert_eq!(input(RECHECK), asked);
    let asked = Input::Check {
        promotion: promotion.clone(),
        generation,
    };
    assert_eq!(input(CHECK), asked);
    let asked = Input::Fence {
        promotion: promotion.clone(),
        execution_arn: execution("1.1.0"),
    };
    assert_eq!(input(FENCE), asked);
    let asked = Input::Schedule {
        promotion: promotion.clone(),
    };
    assert_eq!(input(SCHEDULE), asked);
    assert_eq!(
        input(PLAN),
        Input::Plan {
            promotion,
            migrations: None,
            restore: None,
        }
    );
    assert_eq!(input(HANDOVER), Input::Handover {});
}

#[test]
fn an_input_with_a_field_that_nobody_knows_is_refused() {
    let events = [
        PLAN,
        SCHEDULE,
        ACQUIRE,
        RECHECK,
        CHECK,
        FENCE,
        CLOSE,
        CLOSE_UNBEGUN,
        HANDOVER,
    ];
    for event in events {
        let mut event: Value = serde_json::from_str(event).unwrap();
        event["force"] = json!(true);
        assert!(serde_json::from_value::<Input>(event).is_err());
    }
}

#[test]
fn a_close_without_an_error_is_understood() {
    let mut event: Value = serde_json::from_str(CLOSE).unwrap();
    event["outcome"] = json!("promoted");
    event["error"] = Value::Null;
    event["cause"] = Value::Null;
    let found: Input = serde_json::from_value(event).unwrap();
    assert_eq!(found, ending("1.1.0", Outcome::Promoted));
}
