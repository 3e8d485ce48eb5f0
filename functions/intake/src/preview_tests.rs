//! Releases that go into a preview, and nowhere else.

use super::*;

const VERSION: &str = "1.1.0-pr-7.1";
const CHAIN: &str = "release/storefront/1.1.0-pr-7.1";

/// A bundle of preview `pr-7` from this branch, and a dev that takes previews.
fn with_preview(version: &str, branch: &str) -> World {
    let world = World::with_bundle("storefront", version);
    world.put_changed("storefront", version, |manifest| {
        manifest["preview"] = json!("pr-7");
        manifest["branch"] = json!(branch);
    });
    takes_previews(
        &world,
        "dev",
        1,
        json!({"branches": ["feature/*"], "ttl_seconds": 3600}),
    );
    world
}

/// An environment that people begin for builds of main, with these rules for previews.
fn takes_previews(world: &World, environment: &str, order: u32, rules: Value) {
    let functions = json!({"checkout": {"name": format!("storefront-checkout-{environment}")}});
    let entry = json!({"start": "manual", "branches": ["main"]});
    world.set(
        "storefront",
        environment,
        &json!({"schema": 1, "order": order, "functions": functions, "entry": entry, "preview": rules}),
    );
}

fn uploaded(version: &str) -> String {
    let mut event: Value = serde_json::from_str(UPLOADED).expect("JSON");
    event["detail"]["object"]["key"] = json!(format!("storefront/{version}/release.json"));
    event.to_string()
}

fn request(more: Value) -> String {
    let mut event = json!({"application": "storefront", "version": VERSION, "requested_by": "ada"});
    let more = more.as_object().expect("an object").clone();
    event.as_object_mut().expect("an object").extend(more);
    event.to_string()
}

#[tokio::test]
async fn a_preview_is_released_into_its_own_environment_alone_which_is_written_first() {
    let world = with_preview(VERSION, "feature/lamp");
    let output = hand(&world, &uploaded(VERSION)).await.expect("started");
    assert_eq!(output.outcome, Outcome::Started);
    assert_eq!(world.releases()[0].environments, ["pr-7"]);
    let said =
        "Call it at the alias `pr-7` of its functions. It is removed at 2026-11-02T10:00:01Z";
    assert!(output.message.contains(said), "{}", output.message);
    let written = world.document("storefront", "pr-7").expect("written");
    assert_eq!(
        written["preview_of"],
        json!({"environment": "dev", "branch": "feature/lamp", "expires_at": "2026-11-02T10:00:01Z"})
    );
    assert_eq!(
        written["functions"],
        json!({"checkout": {"name": "storefront-checkout-dev", "alias": "pr-7"}})
    );
    let (_, kind, facts) = world.last_entry().expect("recorded");
    assert_eq!(
        (kind, &facts["preview"]),
        (Kind::ReleaseStarted, &json!("pr-7"))
    );
}

#[tokio::test]
async fn previews_are_no_part_of_the_path_of_other_releases() {
    let world = with_preview(VERSION, "feature/lamp");
    hand(&world, &uploaded(VERSION)).await.expect("started");
    world.copy(
        &format!("storefront/{VERSION}/release.json"),
        "storefront/1.1.0/release.json",
    );
    world.put_changed("storefront", "1.1.0", |manifest| {
        manifest["version"] = json!("1.1.0");
        manifest["branch"] = json!("main");
        manifest
            .as_object_mut()
            .expect("an object")
            .remove("preview");
    });
    let output = hand(&world, UPLOADED).await.expect("held");
    assert_eq!(output.outcome, Outcome::Held, "dev is begun by people");
    let dev = r#"{"application": "storefront", "version": "1.1.0", "from": "dev", "requested_by": "ada"}"#;
    hand(&world, dev).await.expect("started");
    assert_eq!(world.releases()[1].environments, ["dev", "staging", "prod"]);
}

#[tokio::test]
async fn a_further_release_lets_a_preview_live_on_and_takes_its_removal_back() {
    let world = with_preview(VERSION, "feature/lamp");
    hand(&world, &uploaded(VERSION)).await.expect("started");
    let mut removing = world.document("storefront", "pr-7").expect("written");
    removing["preview_of"]["expires_at"] = json!("2026-11-01T00:00:00Z");
    removing["preview_of"]["removal"] =
        json!({"by": "ada", "reason": "merged", "at": "2026-11-02T09:00:00Z"});
    world.set("storefront", "pr-7", &removing);
    let again = hand(&world, &uploaded(VERSION)).await.expect("no error");
    assert_eq!(again.outcome, Outcome::Duplicate);
    assert_eq!(
        world.document("storefront", "pr-7"),
        Some(removing),
        "what starts nothing writes nothing"
    );
    world.end(Status::Failed);
    hand(&world, &request(json!({"again": true})))
        .await
        .expect("started");
    let written = world.document("storefront", "pr-7").expect("written");
    assert_eq!(
        written["preview_of"],
        json!({"environment": "dev", "branch": "feature/lamp", "expires_at": "2026-11-02T10:00:01Z"})
    );
}

#[tokio::test]
async fn a_preview_goes_nowhere_else_whoever_asks() {
    let world = with_preview(VERSION, "feature/lamp");
    for to in [
        json!({"environments": ["dev"]}),
        json!({"environments": ["pr-7", "prod"]}),
        json!({"from": "prod"}),
        json!({"environments": ["prod"], "rollback": true}),
    ] {
        let message = refusal(&world, &request(to), "NotAdmitted", CHAIN).await;
        assert!(
            message.starts_with("1.1.0-pr-7.1 is a build of preview pr-7: found environment"),
            "{message}"
        );
    }
    assert_eq!(world.document("storefront", "pr-7"), None);
}

#[tokio::test]
async fn builds_of_other_branches_and_applications_without_previews_are_refused() {
    let world = with_preview(VERSION, "hotfix");
    let message = refusal(&world, &uploaded(VERSION), "NotAdmitted", CHAIN).await;
    assert!(
        message.contains("found branch `hotfix`; expected one that fits `feature/*`"),
        "{message}"
    );
    takes_previews(&world, "dev", 1, Value::Null);
    let message = refusal(&world, &uploaded(VERSION), "NotAdmitted", CHAIN).await;
    assert!(
        message.starts_with("found none; expected one environment"),
        "{message}"
    );
    assert_eq!(world.document("storefront", "pr-7"), None);
}

#[tokio::test]
async fn what_people_made_under_its_name_is_never_written_over() {
    let world = with_preview(VERSION, "feature/lamp");
    let theirs = json!({"schema": 1, "order": 9, "functions": {"checkout": {"name": "theirs"}}});
    world.set("storefront", "pr-7", &theirs);
    let message = refusal(&world, &uploaded(VERSION), "InvalidSettings", CHAIN).await;
    assert!(
        message.starts_with("environment pr-7 of storefront is no preview"),
        "{message}"
    );
    assert_eq!(world.document("storefront", "pr-7"), Some(theirs));
}

#[tokio::test]
async fn a_preview_does_not_move_to_other_functions_before_it_is_removed() {
    let world = with_preview(VERSION, "feature/lamp");
    hand(&world, &uploaded(VERSION)).await.expect("started");
    world.end(Status::Failed);
    takes_previews(&world, "dev", 1, Value::Null);
    takes_previews(&world, "staging", 2, json!({}));
    let again = request(json!({"again": true}));
    let message = refusal(&world, &again, "InvalidSettings", CHAIN).await;
    assert!(
        message.contains("lives on the functions of dev; expected staging"),
        "{message}"
    );
}

#[tokio::test]
async fn a_version_that_a_release_would_take_is_refused_with_one_that_a_preview_may() {
    let world = with_preview("1.1.0", "feature/lamp");
    let message = refusal(
        &world,
        UPLOADED,
        "InvalidManifest",
        "release/storefront/1.1.0",
    )
    .await;
    assert!(
        message.contains("expected a pre-release of it, such as 1.1.0-pr-7.1"),
        "{message}"
    );
}

#[tokio::test]
async fn settings_that_could_not_be_written_start_nothing_and_the_event_comes_again() {
    let world = with_preview(VERSION, "feature/lamp");
    world.fail_next("write");
    hand(&world, &uploaded(VERSION))
        .await
        .expect_err("throttled");
    assert_eq!(world.starts(), 0);
    let output = hand(&world, &uploaded(VERSION)).await.expect("started");
    assert_eq!(
        (output.outcome, output.attempt),
        (Outcome::Started, Some(1))
    );
    assert!(world.document("storefront", "pr-7").is_some());
}
