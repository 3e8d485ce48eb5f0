//! The step of a workflow that releases a bundle: its script with the variables that
//! `action.yml` gives it, and the files that GitHub reads afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::json;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::action::Action;
use sluice_tests::world::{Person, Run, healthy};

/// What a step leaves behind.
struct Step {
    run: Run,
    outputs: BTreeMap<String, String>,
    summary: String,
}

/// Runs the step with these inputs.
async fn step(world: &World, person: &Person, inputs: &[(&str, &str)]) -> Step {
    let action = Action::read();
    let stack = std::env::var("SLUICE_STACK").unwrap_or_else(|_| "sluice".to_owned());
    let region = std::env::var("AWS_REGION").or_else(|_| std::env::var("AWS_DEFAULT_REGION"));
    let region = region.expect("a region");
    let given = [("region", region.as_str()), ("stack", stack.as_str())];
    let given = [&given[..], inputs].concat();
    let file = |name: &str| -> PathBuf {
        let path = std::env::temp_dir().join(format!("{}-{name}", world.application));
        fs::write(&path, "").expect("a file");
        path
    };
    let (outputs, summary) = (file("outputs"), file("summary"));
    let mut script = world.script("action/release");
    for (name, value) in action.variables(action.step("release"), &given) {
        script = script.with_variable((&name, &value));
    }
    let path = |path: &PathBuf| path.to_str().expect("UTF-8").to_owned();
    let run = script
        .by(person)
        .with_variable(("GITHUB_OUTPUT", &path(&outputs)))
        .with_variable(("GITHUB_STEP_SUMMARY", &path(&summary)))
        .run()
        .await;
    let written = fs::read_to_string(&outputs).expect("the outputs");
    let lines = written.lines().filter_map(|line| line.split_once('='));
    let left = Step {
        run,
        outputs: lines
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        summary: fs::read_to_string(&summary).expect("the page"),
    };
    for file in [outputs, summary] {
        fs::remove_file(file).expect("removed");
    }
    left
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_step_of_a_workflow_releases_a_bundle_and_tells_what_became_of_it() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, json!({})).await;
    let build = world.healthy("1.1.0", &["api"]);
    let folder = world.folder(&build);

    // As a build server, which may do no more than this.
    let person = world.releaser().await;
    let done = step(&world, &person, &[("folder", folder.path())]).await;
    done.run.is(0);
    for name in Action::read().outputs.keys() {
        assert!(
            done.outputs.contains_key(name),
            "no {name}: {:?}",
            done.outputs
        );
    }
    assert_eq!(done.outputs["outcome"], Outcome::Promoted.title());
    assert_eq!(done.outputs["version"], "1.1.0");
    assert_eq!(done.outputs["attempt"], "1");
    assert!(
        done.summary.contains("| prod | Promoted |"),
        "{}",
        done.summary
    );

    let other = world.build("1.1.0", &[("api", "#!/bin/sh\n".into())], json!({}));
    let folder = world.folder(&other);
    let refused = step(&world, &person, &[("folder", folder.path())]).await;
    refused.run.is(6).says("::error title=Sluice::refused");
    assert!(
        refused.summary.starts_with("### Not released"),
        "{}",
        refused.summary
    );
    assert!(!refused.outputs.contains_key("outcome"));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_step_with_an_input_that_is_neither_true_nor_false_releases_nothing() {
    let world = World::new().await;
    let build = world.healthy("1.1.0", &["api"]);
    let folder = world.folder(&build);
    let person = world.releaser().await;
    let wrong = [("folder", folder.path()), ("follow", "yes")];
    let refused = step(&world, &person, &wrong).await;
    refused.run.is(2).says("input `follow`: found `yes`");
    assert!(refused.outputs.is_empty(), "{:?}", refused.outputs);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_build_of_a_branch_makes_and_removes_its_preview_and_releases_nothing_else() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world
        .environment("dev", &first, json!({ "preview": {} }))
        .await;
    let version = "1.1.0-pr-7.1";
    let functions = [("api", healthy(version))];
    let build = world.build(version, &functions, json!({ "preview": "pr-7" }));
    let folder = world.folder(&build);
    let person = world.previewer().await;
    let preview = ("preview", "pr-7");
    let done = step(&world, &person, &[("folder", folder.path()), preview]).await;
    let address = format!("call api at {}:pr-7", world.arn("dev", "api"));
    done.run.is(0).says(&address);
    assert_eq!(done.outputs["version"], version);
    assert!(done.summary.contains("### pr-7"), "{}", done.summary);
    assert!(world.routing("dev", "api", "pr-7").await.is_some());

    let folder = world.folder(&world.healthy("1.1.0", &["api"]));
    let refused = step(&world, &person, &[("folder", folder.path())]).await;
    assert_ne!(refused.run.status, Some(0), "{:?}", refused.run);
    assert!(world.attempts("1.1.0").await.is_empty());

    let remove = [
        preview,
        ("remove", "true"),
        ("application", &world.application),
    ];
    let removed = step(&world, &person, &remove).await;
    removed.run.is(0).says("preview pr-7 of");
    assert_eq!(world.routing("dev", "api", "pr-7").await, None);
    assert!(world.alias("dev", "api").await.is_some());
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_build_server_begins_nothing_that_a_person_begins() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world
        .environment("staging", &first, json!({"order": 1}))
        .await;
    let by_hand = json!({"order": 2, "entry": {"start": "manual"}});
    world.environment("prod", &first, by_hand).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let staged = world.ended(&world.promotion("staging", "1.1.0")).await;
    staged.is(Outcome::Promoted);

    let person = world.releaser().await;
    let command = ["promote", &world.application, "1.1.0", "prod"];
    let run = world.sluice(&command).by(&person).run().await;
    run.is(1).says("AccessDenied");
    assert_eq!(world.attempts("1.1.0").await.len(), 1);
}
