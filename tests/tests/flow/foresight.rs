//! What the judge would say: of minutes that were counted before, of the
//! traffic that there is, and of the past.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use sluice_local::load::{Load, Plan, Target};
use sluice_tests::World;
use sluice_tests::world::ALIAS;

use crate::approvals::CODE;
use crate::migrations::{MAIL, PERSON};

/// Minutes of 900 calls of version 3 and 100 of version 4, of which so many fail.
fn minutes(count: u64, errors: u64) -> String {
    let mut text = "minute,version,invocations,errors,slow\n".to_owned();
    for minute in 1..=count {
        writeln!(text, "{minute},3,900,1,\n{minute},4,100,{errors},").expect("a line");
    }
    text
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn minutes_of_a_file_are_judged_by_the_defaults_or_by_an_environments_settings() {
    let world = World::new().await;
    let replay = ["judge", "--replay", "-"];
    let judged = |text: String| world.sluice(&replay).with_input(&text).run();
    let failed = judged(minutes(10, 8)).await;
    failed.is(3).says("version 4 beside version 3");
    failed.says("known to be worse by more than 0.05 %");
    let passed = judged(minutes(10, 0)).await;
    passed.is(0).says("pass after minute 10: 0 of 1000 failed");
    judged(minutes(1, 0)).await.is(7).says("inconclusive");
    let wrong = judged(minutes(1, 101)).await;
    wrong.is(1).says("line 3, column errors: found 101");

    let lenient = json!({
        "schema": 1, "order": 1, "functions": { "api": { "name": "any" } },
        "judge": { "errors": { "fail_above": 0.5, "sustained": null, "max_increase": 0.2, "tolerated_increase": 0.2 } },
    });
    world.write_settings("prod", &lenient.to_string()).await;
    let by = ["--application", &world.application, "--environment", "prod"];
    let arguments = [&replay[..], &by[..], &["--json"]].concat();
    let judged = world.sluice(&arguments).with_input(&minutes(10, 8));
    let judged = judged.run().await.is(0).json();
    assert_eq!(judged["outcome"], "pass", "{judged:#}");
    assert_eq!(
        judged["follows"],
        json!({"after_minute": 10, "next": "advance"})
    );
    assert_eq!(judged["minutes"][9]["canary"]["errors"], 80.0);
}

/// Calls of the alias, until they are stopped.
fn callers(world: &World) -> Load {
    let plan = Plan {
        targets: vec![Target::new(world.function("prod", "api"), ALIAS)],
        per_second: 20,
        concurrency: 32,
        seed: 1,
        payload: Arc::new(|_, call, _| json!({ "n": call })),
    };
    Load::start(&world.door(), plan).expect("callers")
}

/// What `plan` forecasts of a function.
fn forecast(document: &Value) -> &Value {
    &document["forecast"]["functions"]["api"]
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_plan_tells_what_changes_and_what_the_steps_can_find_out() {
    let world = World::new().await;
    let application = world.application.as_str();
    let first = world.healthy("1.0.0", &["api"]);
    let settings = json!({
        "steps": [{ "weight": 10, "bake_seconds": 60 }, { "weight": 100, "bake_seconds": 60 }],
        "judge": {
            "extend_seconds": 60,
            "on_inconclusive": "roll_back",
            "errors": { "max_increase_extended": null },
        },
    });
    world.environment("prod", &first, settings).await;
    let plan = ["plan", application, "prod"];
    let quiet = world.sluice(&plan).run().await;
    quiet.is(0).says("no call was counted");
    quiet.says("no data is not health");

    let load = callers(&world);
    let arguments = [&plan[..], &["--json"]].concat();
    let called = world.wait("calls in CloudWatch", async || {
        let planned = world.sluice(&arguments).run().await.is(0).json();
        let calls = forecast(&planned)["calls"]["count"].as_f64();
        calls.is_some_and(|calls| calls >= 10.0).then_some(planned)
    });
    let called = called.await;
    load.stop().await;
    let step = &forecast(&called)["steps"][0];
    assert_eq!(step["prospect"], "rolls_back", "{called:#}");
    assert!(step["calls"].as_f64() > Some(0.0), "{called:#}");
    assert_eq!(called["findings"][0]["level"], "problem", "{called:#}");

    let next = world.folder(&world.healthy("1.1.0", &["api"]));
    let arguments = [&plan[..], &[next.path()]].concat();
    let planned = world.sluice(&arguments).run().await;
    planned.is(0).says("1 → new").says("calls/min");
    planned.says("can't pass").says("`bake_seconds`");
    let same = world.folder(&first);
    let arguments = [&plan[..], &[same.path()]].concat();
    let planned = world.sluice(&arguments).run().await;
    planned.is(0).says("1 stays").says("nothing to judge");
    let alias = world.alias("prod", "api").await.expect("an alias");
    assert_eq!(alias.version, "1", "a plan changes nothing");
    assert_eq!(world.versions("prod", "api").await, ["1"]);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_plan_tells_all_that_would_happen_to_somebody_who_may_only_read() {
    let world = World::new().await;
    let application = world.application.as_str();
    let first = world.healthy("1.0.0", &["api"]);
    let settings = json!({
        "entry": { "branches": ["main"], "soak_seconds": 3600 },
        "evidence": { "require": ["tests"] },
        "approval": { "approvers": [world.approver("ada", CODE).await] },
        "guards": { "incident_parameter": world.incident_parameter() },
        "windows": [{
            "kind": "maintenance", "starts": "2026-01-01T00:00:00", "lasts": "PT1H",
            "rrule": "FREQ=DAILY", "time_zone": "Europe/Berlin", "reason": "nights are quiet",
        }],
    });
    world.environment("prod", &first, settings).await;
    let onlooker = world.onlooker().await;
    let next = world.folder(&world.migrating("1.1.0", &[PERSON, MAIL], json!({})));
    let arguments = ["plan", application, "prod", next.path()];
    let planned = world.sluice(&arguments).by(&onlooker).run().await;
    let planned = planned.is(0);
    for part in [
        "begins by itself, 1 h after the environment before promoted it; branches main",
        "evidence: ",
        "tests: found none",
        "asks 1 of ada",
        "1 → new",
        "migrations (plain)",
        "the settings of prod name no database",
        "guard: ",
        "not undone by a rollback: 1 published version",
    ] {
        planned.says(part);
    }
    let arguments = [&arguments[..], &["--json"]].concat();
    let planned = world.sluice(&arguments).by(&onlooker).run().await;
    let planned = planned.is(0).json();
    assert_eq!(planned["evidence"]["outcome"], "refuse", "{planned:#}");
    assert_eq!(planned["entry"]["soak_seconds"], 3600, "{planned:#}");
    assert!(planned["windows"].is_object(), "{planned:#}");
    assert_eq!(
        planned["migrations"]["phases"][0]["files"], 2,
        "{planned:#}"
    );
    assert_eq!(world.versions("prod", "api").await, ["1"]);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn the_judge_is_tried_on_the_past_of_a_file() {
    let world = World::new().await;
    let application = world.application.as_str();
    let settings = json!({
        "schema": 1, "order": 1, "functions": { "api": { "name": "any" } },
        "steps": [{ "weight": 10, "bake_seconds": 600 }, { "weight": 100, "bake_seconds": 600 }],
    });
    world.write_settings("prod", &settings.to_string()).await;
    let backtest = ["backtest", application, "prod", "--csv", "-"];
    let more = ["--rollouts", "20", "--faults", "10", "--json"];
    let arguments = [&backtest[..], &more[..]].concat();
    let tried = world.sluice(&arguments).with_input(&minutes(60, 0));
    let tried = tried.run().await.is(0).json();
    assert_eq!(tried["as_good"]["failed"], 0, "{tried:#}");
    assert_eq!(tried["as_good"]["promoted"], 20, "{tried:#}");
    let fault = &tried["faults"][0];
    assert_eq!(
        (&fault["function"], &fault["extra"]),
        (&json!("api"), &json!(0.1))
    );
    assert_eq!(fault["found"]["failed"], 20, "{tried:#}");
    assert!(
        fault["found"]["minutes"]["half"].as_u64() < Some(10),
        "{tried:#}"
    );
    let again = world.sluice(&arguments).with_input(&minutes(60, 0));
    assert_eq!(
        again.run().await.is(0).json(),
        tried,
        "chance follows from the seed"
    );
    let short = world.sluice(&backtest).with_input(&minutes(5, 0));
    short
        .run()
        .await
        .is(1)
        .says("has 5 minutes; expected at least the 24");
    let nobody = world.sluice(&["backtest", application, "prod"]).run();
    nobody.await.is(1).says("has no call");
}
