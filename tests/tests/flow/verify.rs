//! A bundle is checked by hand: before it is uploaded, and where it was.

use serde_json::{Value, json};
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Build, for_another_machine, in_bash};

/// An application whose only function, in prod, starts a `bootstrap`.
async fn on_bootstrap() -> World {
    let world = World::new().await;
    let first = world.build("1.0.0", &[("api", in_bash("1.0.0"))], json!({}));
    world
        .create_on("provided.al2023", "prod", "api", &first)
        .await;
    world.create_alias("prod", "api").await;
    world.settings("prod", &first, json!({})).await;
    world
}

/// The outcome of each check, as `digest pass api.zip`.
fn outcomes(document: &Value) -> Vec<String> {
    let checks = document["checks"].as_array().expect("checks").iter();
    let said = checks.map(|check| {
        let text = |field: &str| check[field].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", text("name"), text("outcome"), text("file"))
    });
    said.collect()
}

/// Where a build lies once it is uploaded.
fn uploaded(world: &World, build: &Build) -> String {
    format!("s3://{}/{}", world.bucket(), build.key(""))
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_folder_is_held_against_the_functions_of_an_environment() {
    let world = on_bootstrap().await;
    let wrong = world.build("1.1.0", &[("api", for_another_machine())], json!({}));
    let folder = world.folder(&wrong);
    // Nobody says which machine it is for.
    world.sluice(&["verify", folder.path()]).run().await.is(0);
    let run = world.sluice(&["verify", folder.path(), "--environment", "prod"]);
    let run = run.run().await;
    run.is(6)
        .says("`bootstrap` is compiled for another machine");
    run.says("refused, by one check");

    let right = world.build("1.1.0", &[("api", in_bash("1.1.0"))], json!({}));
    let folder = world.folder(&right);
    let run = world.sluice(&["verify", folder.path(), "--environment", "prod"]);
    run.run().await.is(0).says("nothing refuses this bundle");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn functions_that_the_caller_may_not_read_are_told_as_not_looked_at() {
    let world = on_bootstrap().await;
    let build = world.build("1.1.0", &[("api", in_bash("1.1.0"))], json!({}));
    let folder = world.folder(&build);
    let person = world.person(&["lambda:GetFunctionConfiguration"]).await;
    let arguments = ["--json", "verify", folder.path(), "--environment", "prod"];
    let run = world.sluice(&arguments).by(&person).run().await;
    let document = run.is(0).json();
    let outcomes = outcomes(&document);
    assert!(
        outcomes.contains(&"function not_run ".to_owned()),
        "{outcomes:?}"
    );
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_bundle_in_s3_is_checked_where_it_lies() {
    let world = on_bootstrap().await;
    let build = world.build("1.1.0", &[("api", in_bash("1.1.0"))], json!({}));
    world.upload(&build).await;
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Promoted);
    world
        .put(&build.key("left/over.txt"), b"nobody names me")
        .await;

    let place = uploaded(&world, &build);
    let arguments = ["--json", "verify", &place, "--environment", "prod"];
    let run = world.sluice(&arguments).run().await;
    let found = outcomes(&run.is(0).json());
    for expected in [
        "digest pass api.zip",
        "package pass api.zip",
        "additional not_run left/over.txt",
    ] {
        assert!(found.iter().any(|one| one == expected), "{found:?}");
    }

    world.put(&build.key("api.zip"), b"something else").await;
    let run = world.sluice(&["--json", "verify", &place]).run().await;
    let found = outcomes(&run.is(6).json());
    assert!(
        found.contains(&"digest refuse api.zip".to_owned()),
        "{found:?}"
    );
    world.delete(&build.key("api.zip")).await;
    let run = world.sluice(&["verify", &place]).run().await;
    run.is(6).says("No such file");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_place_without_a_bundle_is_said_to_be_none() {
    let world = World::new().await;
    let place = format!("s3://{}/nothing/1.0.0", world.bucket());
    let run = world.sluice(&["verify", &place]).run().await;
    run.is(1).says("has no release.json");
    let run = world.sluice(&["verify", "s3://"]).run().await;
    run.is(2)
        .says("expected s3://<bucket>/<application>/<version>");
}
