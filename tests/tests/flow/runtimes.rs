//! Whatever a function is made of.

use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::in_bash;

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_function_with_a_runtime_of_its_own_is_released_like_any_other() {
    let world = World::new().await;
    let first = world.build("1.0.0", &[("api", in_bash("1.0.0"))], json!({}));
    world
        .create_on("provided.al2023", "prod", "api", &first)
        .await;
    world.create_alias("prod", "api").await;
    world.settings("prod", &first, json!({})).await;
    let test = json!({
        "name": "it answers with its version",
        "function": "api",
        "payload": {},
        "expect": { "json": { "$.version": "1.1.0" } },
    });
    let source = [("api", in_bash("1.1.0"))];
    let next = world.build("1.1.0", &source, json!({ "smoke_tests": [test] }));
    world.upload(&next).await;

    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Promoted);
    assert_eq!(ended.count(Kind::SmokeTested), 2);
    world.settled("prod", &next, "2").await;
    let alias = format!("{}:live", world.function("prod", "api"));
    let answer = world.invoke_function(&alias, &json!({})).await;
    assert_eq!(answer.expect("an answer")["version"], "1.1.0");
}
