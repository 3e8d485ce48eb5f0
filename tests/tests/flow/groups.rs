//! A group as large as they get, under the rate that Lambda's control plane takes.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use sluice_domain::journal::{Published, Versions};
use sluice_domain::plan::Plan;
use sluice_domain::promotion::Outcome;
use sluice_platform::store::Part;
use sluice_tests::World;
use sluice_tests::world::{ALIAS, Build, Limiter, Machines, healthy};

use crate::faults::replace;

/// What settings allow.
const MOST: usize = 100;
/// What Lambda takes in a second.
const LIMIT: f64 = 15.0;

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_group_of_100_is_moved_both_ways_at_lambdas_own_pace_in_as_many_states_as_a_group_of_1() {
    let world = World::new().await;
    let limiter = Limiter::open(&world, LIMIT).await;
    let variables = [("AWS_ENDPOINT_URL_LAMBDA", limiter.endpoint.as_str())];
    let shift = world.called_by("ShiftTraffic").await;
    let shift = world.double("shift", &shift, &variables).await;
    let machines = machines(&world, &shift).await;

    let (one, _) = rolled_back(&world, &machines, "dev", 1).await;
    drop(limiter.calls());
    let (many, verify) = rolled_back(&world, &machines, "prod", MOST).await;
    assert_eq!(many, one, "state transitions of promote and rollout");

    let calls = limiter.calls();
    let methods: Vec<_> = calls.iter().map(|call| &call.method).collect();
    let (written, read) = methods.split_at(2 * MOST);
    assert!(
        written.iter().all(|method| *method == Method::PUT),
        "one call each, both ways"
    );
    assert_eq!(read, [&Method::GET; MOST], "and read back");
    assert!(calls.iter().all(|call| !call.throttled));
    let allowed = Duration::from_secs_f64(1.5 * MOST as f64 / LIMIT);
    for (way, calls) in ["forward", "back"].iter().zip(calls.chunks(MOST)) {
        let took = calls[MOST - 1].at - calls[0].at;
        println!("moving {MOST} {way} took {took:?} of {allowed:?}");
        assert!(took < allowed, "{way}: {took:?}");
    }

    // Others need most of what Lambda takes.
    limiter.limit(LIMIT / 2.0);
    world
        .invoke_function(&shift, &verify)
        .await
        .expect("every alias is read");
    let calls = limiter.calls();
    let throttled = calls.iter().filter(|call| call.throttled).count();
    assert!(
        throttled > 0 && calls.len() == MOST + throttled,
        "{calls:?}"
    );
}

/// The deployed machines with this function in place of `shift`, and with a judge
/// that finds harm at once. What is planned and published is there from the start.
async fn machines(world: &World, shift: &str) -> Machines {
    let answer = "return {'next': 'roll_back', 'wait_seconds': 0, 'rule': 'harm'}";
    let judge = world.stand_in("judge", answer).await;
    let answer = "return {'approval_required': False, 'timed': False, 'migrates': False, \
                  'approves': None, 'epoch': 1}";
    let done = world.stand_in("done", answer).await;
    let rollout = |rollout: &mut Value| {
        replace(rollout, "PublishVersions", &done);
        replace(rollout, "ShiftTraffic", shift);
        replace(rollout, "Judge", &judge);
    };
    let promote = |promote: &mut Value| {
        replace(promote, "PlanChanges", &done);
        replace(promote, "Recheck", &done);
        replace(promote, "RollBack", shift);
        replace(promote, "VerifyRollback", shift);
    };
    world.machines_with(rollout, promote).await
}

/// Takes a group of this many into its first step and back. Answers how many state
/// transitions the executions took, and what reads the aliases back once more.
async fn rolled_back(
    world: &World,
    machines: &Machines,
    environment: &str,
    functions: usize,
) -> ([u64; 2], Value) {
    let names: Vec<String> = (0..functions).map(|number| format!("f{number}")).collect();
    let sources: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), healthy("1.1.0")))
        .collect();
    let version = if functions == 1 { "1.0.0" } else { "1.1.0" };
    let build = world.build(version, &sources, json!({}));
    world.environment(environment, &build, json!({})).await;
    let id = world.promotion(environment, version);
    let store = &world.reader.store;
    let plan = store.put_part(&id, Part::Plan, &plan(&build)).await;
    plan.expect("the plan is written");
    let versions = versions(world, environment, &build).await;
    let versions = store.put_part(&id, Part::Versions, &versions).await;
    versions.expect("the versions are written");

    assert_eq!(world.promote(machines, environment, &build).await, id);
    let ended = world.ended(&id).await;
    ended.is(Outcome::RolledBack);
    world.settled(environment, &build, "1").await;
    let executions = [
        ended.promotion.execution_arn,
        machines.rollout_of(&id, &build),
    ];
    let mut transitions = [0; 2];
    for (taken, execution) in transitions.iter_mut().zip(&executions) {
        let trace = world.reader.executions.trace(execution).await;
        *taken = trace.expect("its history").state_transitions;
    }
    (
        transitions,
        json!({ "goal": "verify", "promotion": id, "generation": 2 }),
    )
}

fn plan(build: &Build) -> Plan {
    let step = |weight: f64, bake: u64| json!({ "weight": weight, "bake_seconds": bake });
    Plan {
        bundle: build.bundle.digest(),
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
        codedeploy: None,
        steps: serde_json::from_value(json!([step(10.0, 1), step(100.0, 0)])).expect("steps"),
        judge: serde_json::from_value(json!({ "period_seconds": 1 })).expect("a policy"),
    }
}

/// Version 2 beside what serves now, of every function.
async fn versions(world: &World, environment: &str, build: &Build) -> Versions {
    let mut versions = Versions::new();
    for function in build.functions() {
        let published = Published {
            name: world.function(environment, function),
            arn: world.arn(environment, function),
            alias: ALIAS.to_owned(),
            version: world.publish(environment, function, build).await,
            stable: Some("1".to_owned()),
            revision: Some(world.revision(environment, function).await),
            changed: true,
        };
        versions.insert(function.to_owned(), published);
    }
    versions
}
