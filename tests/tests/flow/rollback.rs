//! Taking an earlier version back on purpose.

use serde_json::json;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_earlier_version_is_taken_back_only_where_and_when_it_is_asked_for() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api", "worker"]);
    let order = |order: u32| json!({ "order": order });
    world.environment("dev", &first, order(1)).await;
    world.environment("prod", &first, order(2)).await;
    let old = world.healthy("1.1.0", &["api", "worker"]);
    let new = world.healthy("1.2.0", &["api", "worker"]);
    for build in [&old, &new] {
        world.upload(build).await;
        let id = world.promotion("prod", &build.version().to_string());
        world.ended(&id).await.is(Outcome::Promoted);
        let release = world.attempts(&build.version().to_string()).await.remove(0);
        world.execution_ended(&release.execution_arn).await;
    }
    let refused = world.ask("1.1.0", json!({ "again": true })).await;
    assert_eq!(refused.expect_err("released").name, "AlreadyReleased");

    let back = json!({ "rollback": true, "environments": ["prod"] });
    let started = world.ask("1.1.0", back).await.expect("it starts");
    assert_eq!(started["attempt"], 2, "{started}");
    let ended = world.ended(&world.attempt("prod", "1.1.0", 2)).await;
    ended.is(Outcome::Promoted);
    for (environment, version) in [("dev", "1.2.0"), ("prod", "1.1.0")] {
        for function in old.functions() {
            let alias = format!("{}:live", world.function(environment, function));
            let answer = world.invoke_function(&alias, &json!({})).await;
            let serves = &answer.expect("an answer")["version"];
            assert_eq!(serves, version, "{function} in {environment}");
        }
        world.unlocked(environment, &old).await;
    }
}
