//! Bundles with migrations.

use sluice_domain::migrations::Phase;

use super::*;

fn database() -> Value {
    json!({ "secret": "storefront/dev/db", "backup": { "before": "none" } })
}

#[tokio::test]
async fn what_migrate_is_asked_names_the_pinned_zip_and_the_database() {
    let world = World::with_release("1.1.0");
    world.add_migrations("1.1.0");
    world.change_settings(|settings| settings["database"] = database());
    let asked = hand(&world, BUNDLE).await.expect("verified").migrations;
    let asked = asked.expect("migrations");
    let archive = asked.brings.expect("what it brings").archive;
    assert_eq!(archive.key, "storefront/1.1.0/migrations.zip");
    assert_eq!(archive.version_id, "v-migrations.zip");
    assert_eq!(asked.database.secret.as_deref(), Some("storefront/dev/db"));
    assert!(!asked.goes_back);
}

#[tokio::test]
async fn migrations_that_were_exchanged_are_refused() {
    let world = World::with_release("1.1.0");
    world.add_migrations("1.1.0");
    world.change_settings(|settings| settings["database"] = database());
    world.replace("storefront/1.1.0/migrations.zip", b"something else");
    let told = refusal(&world, BUNDLE, "DigestMismatch").await;
    assert!(told.contains("storefront/1.1.0/migrations.zip"), "{told}");
}

#[tokio::test]
async fn migrations_without_a_database_are_refused_and_say_what_to_do() {
    let world = World::with_release("1.1.0");
    world.add_migrations("1.1.0");
    let error = hand(&world, BUNDLE).await.expect_err("refused");
    assert_eq!(error.name(), "InvalidSettings");
    assert!(error.to_string().contains("name no database"), "{error}");
    assert!(world.verified().is_empty());
}

#[tokio::test]
async fn a_preview_works_with_the_schema_that_is_there() {
    let world = World::with_release("1.1.0");
    world.add_migrations("1.1.0");
    world.change_settings(|settings| {
        settings["preview_of"] =
            json!({ "environment": "dev", "expires_at": "2026-12-01T00:00:00Z" });
    });
    let output = hand(&world, BUNDLE).await.expect("verified");
    assert_eq!(output.migrations, None);
}

#[tokio::test]
async fn a_way_back_to_what_served_is_told_apart() {
    let world = World::with_release("1.1.0");
    world.add_migrations("1.1.0");
    world.change_settings(|settings| settings["database"] = database());
    world.begin_rollback(BUNDLE, &["dev"]);
    world.promoted_before(BUNDLE);
    let asked = hand(&world, BUNDLE).await.expect("verified").migrations;
    assert!(asked.expect("migrations").goes_back);
}

#[tokio::test]
async fn a_rollback_to_what_brings_nothing_is_still_held_against_the_schema() {
    let world = World::with_release("1.1.0");
    world.change_settings(|settings| settings["database"] = database());
    world.begin_rollback(BUNDLE, &["dev"]);
    world.promoted_before(BUNDLE);
    let asked = hand(&world, BUNDLE).await.expect("verified").migrations;
    let asked = asked.expect("the schema is looked at");
    assert!(asked.goes_back && asked.brings.is_none());
}

#[tokio::test]
async fn an_operation_needs_a_database_and_judges_no_evidence() {
    let world = World::with_release("1.1.0");
    world.add_migrations("1.1.0");
    world.ask(json!({ "reviews": { "min": 9 } }));
    world.begin_operation(BUNDLE, "dev", Operation::Contract {});
    let error = hand(&world, BUNDLE).await.expect_err("no database");
    assert_eq!(error.name(), "InvalidSettings");
    world.change_settings(|settings| settings["database"] = database());
    let asked = hand(&world, BUNDLE).await.expect("verified").migrations;
    let asked = asked.expect("what is worked on");
    assert_eq!(asked.operation, Some(Operation::Contract {}));
    assert_eq!(asked.phase, Phase::Contract);
}

#[tokio::test]
async fn the_release_that_serves_is_named_with_what_it_brings() {
    let world = World::with_release("1.1.0");
    world.add_migrations("1.1.0");
    world.change_settings(|settings| settings["database"] = database());
    let first = hand(&world, BUNDLE).await.expect("verified").migrations;
    assert_eq!(first.expect("migrations").peer, None);
    world.served_before("1.0.0");
    let next = hand(&world, BUNDLE).await.expect("verified").migrations;
    let peer = next.expect("migrations").peer.expect("what serves");
    assert_eq!(peer.version, "1.0.0");
    let archive = peer.brings.expect("what it brings").archive;
    assert_eq!(archive.version_id, "v-of-1.0.0");
}
