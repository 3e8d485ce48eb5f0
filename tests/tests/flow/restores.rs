//! Databases that are put back to a backup, on a real PostgreSQL: who serves gets no call
//! meanwhile, and has back what it had afterwards.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::migrations::Stopped;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_platform::store::Part;
use sluice_tests::World;
use sluice_tests::world::{Build, Data};

const PERSON: (&str, &str) = (
    "1_person.sql",
    "CREATE TABLE person (id bigint PRIMARY KEY);\nINSERT INTO person VALUES (1);\n",
);

/// A release with a database that serves, one of whose functions may have five calls at
/// once.
async fn serving(world: &World, data: &Data) -> (Build, PromotionId) {
    let first = world.healthy("1.0.0", &["api", "worker"]);
    world.environment("prod", &first, data.settings()).await;
    let files = [(format!("migrations/{}", PERSON.0), PERSON.1)];
    let functions = ["api", "worker"].map(|name| (name, sluice_tests::world::healthy("1.1.0")));
    let more = json!({ "migrations": { "zip": "migrations" } });
    let build = world.build_with("1.1.0", &functions, &files, more);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    world.ended(&id).await;
    reserve(world, "worker", 5).await;
    (build, id)
}

async fn reserve(world: &World, function: &str, executions: i32) {
    let request = world.lambda().put_function_concurrency();
    let request = request.function_name(world.function("prod", function));
    let done = request.reserved_concurrent_executions(executions).send();
    done.await.expect("a reservation");
}

/// What `api` and `worker` have reserved.
async fn reserved(world: &World) -> [Option<i32>; 2] {
    let mut found = [None; 2];
    for (at, function) in ["api", "worker"].into_iter().enumerate() {
        let request = world.lambda().get_function_concurrency();
        let request = request.function_name(world.function("prod", function));
        let answer = request.send().await.expect("the function");
        found[at] = answer.reserved_concurrent_executions();
    }
    found
}

/// The function that migrates, as machines call it.
async fn migrator(world: &World) -> String {
    let mut pages = world
        .lambda()
        .list_functions()
        .into_paginator()
        .items()
        .send();
    while let Some(function) = pages.next().await {
        let function = function.expect("functions");
        if function.description() == Some("Applies migrations to databases") {
            return format!("{}:live", function.function_arn().expect("its ARN"));
        }
    }
    panic!("the stack has no function that migrates");
}

/// Puts the database back, under the generation that holds. Answers how that ended.
async fn restored(
    world: &World,
    (data, id): (&Data, &PromotionId),
    name: &str,
    backup: Value,
) -> String {
    let (_, generation) = world.reader.store.promotion(id).await.expect("its record");
    let mut database = data.settings()["database"].clone();
    database["backup"] = backup;
    let request = json!({
        "function": migrator(world).await, "promotion": id, "database": database,
        "operation": { "kind": "restore", "backup": "nightly" }, "phase": "expand", "goes_back": false,
    });
    let machine = world.machine("restore");
    let input =
        json!({ "promotion": id, "generation": generation, "epoch": 1, "request": request });
    let name = format!("{}-{name}", world.application);
    world.start(&machine, &name, &input).await;
    format!(
        "{}:{name}",
        machine.replace(":stateMachine:", ":execution:")
    )
}

/// The team's function, which is through once the gate is open.
async fn restorer(world: &World, gate: &str) -> String {
    let body = format!(
        "import boto3\n\
         assert event['backup'] == 'nightly', event\n\
         done = boto3.client('ssm').get_parameters(Names=['{gate}'])['Parameters']\n\
         return {{'restored': bool(done), 'wait_seconds': 1}}"
    );
    world.of_the_team("restorer", &body).await
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn while_a_backup_comes_back_nobody_is_called_and_afterwards_all_is_as_before() {
    let world = World::new().await;
    let data = world.database().await;
    let (_, id) = serving(&world, &data).await;
    let gate = format!("/flow/{}/gate", world.application);
    let restorer = restorer(&world, &gate).await;
    let backup = json!({ "function": "saves", "restore": restorer });
    let execution = restored(&world, (&data, &id), "restore", backup).await;

    let stopped = world.happened(&id, Kind::TrafficStopped).await;
    assert_eq!(
        stopped.event.facts["functions"],
        json!({ "api": null, "worker": 5 })
    );
    assert_eq!(reserved(&world).await, [Some(0), Some(0)]);
    let session = data.session().await;
    let put_back = session.batch_execute("DELETE FROM person").await;
    put_back.expect("the data of the backup");
    world.open(&gate).await;

    let status = world.execution_ended(&execution).await;
    assert_eq!(status, ExecutionStatus::Succeeded);
    assert_eq!(reserved(&world).await, [None, Some(5)]);
    let restored = world.happened(&id, Kind::DatabaseRestored).await;
    assert_eq!(restored.event.facts["backup"], "nightly");
    let resumed = world.happened(&id, Kind::TrafficResumed).await;
    assert_eq!(resumed.event.facts["restored"], true);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_server_that_is_gone_is_told_before_traffic_is_stopped() {
    let world = World::new().await;
    let data = world.database().await;
    let (_, id) = serving(&world, &data).await;
    let server = format!("sluice-managed-{}", world.application);
    let backup = json!({ "instance": server });
    let execution = restored(&world, (&data, &id), "restore", backup).await;

    let status = world.execution_ended(&execution).await;
    assert_eq!(status, ExecutionStatus::Failed);
    assert_eq!(reserved(&world).await, [None, Some(5)]);
    let cause = cause(&world, &execution).await;
    for said in [&format!("{server} is not there"), "Nothing was changed"] {
        assert!(cause.contains(said), "{cause}");
    }
    let entries = world.ledger(&id.to_string()).await;
    let stopped = |kind| matches!(kind, Kind::TrafficStopped | Kind::TrafficResumed);
    assert!(!entries.iter().any(|entry| stopped(entry.event.kind)));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_restore_that_can_not_stop_traffic_ends_before_the_database_is_touched_and_says_so() {
    let world = World::new().await;
    let data = world.database().await;
    let (_, id) = serving(&world, &data).await;
    let warm = world.called_by("WarmVersions").await;
    let refused = ["lambda:PutFunctionConcurrency"];
    let fault = world.forbid_function(&warm, &refused).await;
    let backup = json!({ "function": "saves", "restore": "restores" });
    let execution = restored(&world, (&data, &id), "restore", backup).await;

    let status = world.execution_ended(&execution).await;
    assert_eq!(status, ExecutionStatus::Failed);
    world.allow(fault).await;
    assert_eq!(reserved(&world).await, [None, Some(5)]);
    let cause = cause(&world, &execution).await;
    for said in [
        "not authorized to perform: lambda:PutFunctionConcurrency",
        "No traffic was stopped.",
    ] {
        assert!(cause.contains(said), "{cause}");
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn between_two_databases_no_traffic_comes_until_the_same_restore_is_through() {
    let world = World::new().await;
    let data = world.database().await;
    let (_, id) = serving(&world, &data).await;
    let gate = format!("/flow/{}/gate", world.application);
    let failing = world.suite("raise Exception('the disk is full')").await;
    let backup = json!({ "function": "saves", "restore": failing });
    let execution = restored(&world, (&data, &id), "first", backup).await;

    let status = world.execution_ended(&execution).await;
    assert_eq!(status, ExecutionStatus::Failed);
    assert_eq!(reserved(&world).await, [Some(0), Some(0)]);
    let cause = cause(&world, &execution).await;
    for said in ["the disk is full", "Traffic stays off"] {
        assert!(cause.contains(said), "{cause}");
    }
    world.happened(&id, Kind::Stranded).await;

    let restorer = restorer(&world, &gate).await;
    world.open(&gate).await;
    let backup = json!({ "function": "saves", "restore": restorer });
    let execution = restored(&world, (&data, &id), "second", backup).await;
    let status = world.execution_ended(&execution).await;
    assert_eq!(status, ExecutionStatus::Succeeded);
    assert_eq!(reserved(&world).await, [None, Some(5)]);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_is_noted_of_a_restore_is_what_whoever_read_it_last_noted_behind_the_fence() {
    let world = World::new().await;
    let data = world.database().await;
    let (_, id) = serving(&world, &data).await;
    let store = &world.reader.store;
    let (_, generation) = store.promotion(&id).await.expect("its record");
    let function = world.arn("prod", "api");
    let noted = |revision| Stopped {
        origin: id.clone(),
        by: id.clone(),
        before: None,
        stands: true,
        asking: true,
        revision,
    };
    let note = async |generation, revision| {
        let noted = noted(revision);
        let done = store.save_stopped(&id, generation, (&function, &noted));
        done.await.map_err(|error| error.name())
    };
    assert_eq!(note(generation, 1).await, Ok(()));
    assert_eq!(note(generation, 1).await, Err("Throttled"));
    assert_eq!(note(generation, 2).await, Ok(()));
    assert_eq!(note(generation, 2).await, Err("Throttled"));
    assert_eq!(note(Generation(99), 3).await, Err("Fenced"));
    let there = store.stopped(&function).await.expect("the note");
    assert_eq!(there, Some(noted(2)));

    let part = Part::Restoring;
    let first = store.put_first_part_fenced(&id, generation, part, &"swapping");
    first.await.expect("the first");
    let late = store.put_first_part_fenced(&id, generation, part, &"stopped");
    assert_eq!(late.await.expect_err("late").name(), "Fenced");
    let there: Option<String> = store.part(&id, part).await.expect("the part");
    assert_eq!(there.as_deref(), Some("swapping"));
}

async fn cause(world: &World, execution: &str) -> String {
    let request = world.executions().describe_execution();
    let found = request.execution_arn(execution).send().await;
    found.expect("the execution").cause.unwrap_or_default()
}
