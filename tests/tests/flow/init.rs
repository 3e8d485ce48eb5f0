//! Settings from what an account holds.

use std::fs;

use serde_json::json;
use sluice_tests::World;

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_an_account_holds_becomes_settings_that_can_be_written_as_they_are() {
    let world = World::new().await;
    let application = world.application.as_str();
    let first = world.healthy("1.0.0", &["api"]);
    world.create("prod", "api", &first).await;
    let folder = std::env::temp_dir().join(format!("{application}-init"));
    let out = folder.to_str().expect("UTF-8");
    let name = application.trim_start_matches("flow-");
    let init = ["init", application, "--name", name, "--out", out, "--json"];

    let drafted = world.sluice(&init).run().await.is(0).json();
    let environment = &drafted["environments"][0];
    assert_eq!(environment["environment"], "prod", "{drafted}");
    let function = world.function("prod", "api");
    let named = environment["functions"].as_object().expect("functions");
    assert!(
        named.values().any(|name| *name == json!(function)),
        "{drafted}"
    );
    let file = environment["file"].as_str().expect("a file");
    let text = fs::read_to_string(file).expect("the draft");
    let said = "no alias yet: the first release creates `live`";
    assert!(text.contains(said), "{text}");

    let put = ["env", "put", application, "prod", file];
    world.sluice(&put).run().await.is(0);
    let stored = world
        .sluice(&["env", "get", application, "prod"])
        .run()
        .await;
    assert!(!stored.is(0).stdout.contains("//"), "{}", stored.stdout);

    // What is there is somebody's work.
    let again = world.sluice(&init).run().await;
    again
        .is(2)
        .says("is there already, and nothing was written");
    fs::remove_dir_all(folder).expect("removed");
}
