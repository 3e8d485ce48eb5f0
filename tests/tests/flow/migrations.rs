//! Migrations as a part of releases, on a real PostgreSQL.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Data, Ended, failing};

pub(crate) const PERSON: (&str, &str) = (
    "1_person.sql",
    "CREATE TABLE person (id bigint PRIMARY KEY, name text NOT NULL);\n\
     INSERT INTO person SELECT n, 'p' || n FROM generate_series(1, 20) n;\n",
);
pub(crate) const MAIL: (&str, &str) = ("2_mail.sql", "ALTER TABLE person ADD COLUMN mail text;\n");

/// 1.0.0 serves, and this is released, with these settings on top.
async fn release(
    world: &World,
    data: &Data,
    migrations: &[(&str, &str)],
    more: Value,
    settings: Value,
) -> Ended {
    let first = world.healthy("1.0.0", &["api"]);
    let mut own = data.settings();
    merge(&mut own, settings);
    world.environment("prod", &first, own).await;
    let next = world.migrating("1.1.0", migrations, more);
    world.upload(&next).await;
    world.ended(&world.promotion("prod", "1.1.0")).await
}

pub(crate) fn merge(settings: &mut Value, more: Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        settings[name] = value.clone();
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn migrations_are_applied_before_traffic_moves_and_are_on_record() {
    let world = World::new().await;
    let data = world.database().await;
    let ended = release(&world, &data, &[PERSON, MAIL], json!({}), json!({})).await;
    ended.is(Outcome::Promoted);
    assert_eq!(data.columns("person").await, "id,name,mail");
    let place = |kind| ended.kinds().iter().position(|one| *one == kind);
    let applied = place(Kind::MigrationsApplied);
    assert!(place(Kind::MigrationsBegun) < applied && applied < place(Kind::VersionsPublished));
    let planned = &ended.entry(Kind::ChangesPlanned).event.facts["plan"]["migrations"];
    assert_eq!(planned["files"], json!(["1_person.sql", "2_mail.sql"]));
    let stands = &ended.entry(Kind::MigrationsApplied).event.facts["stands"];
    let changes = stands["changes"].to_string();
    assert!(changes.contains("+ table public.person"), "{changes}");
    let told = data
        .text("SELECT string_agg(state || ' ' || release, ',' ORDER BY version) FROM sluice.migration")
        .await;
    let own = format!("done {} 1.1.0", world.application);
    assert_eq!(told, format!("{own},{own}"));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn code_that_fails_is_taken_back_and_the_schema_stays() {
    let world = World::new().await;
    let data = world.database().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, data.settings()).await;
    let files = [(format!("migrations/{}", PERSON.0), PERSON.1)];
    let broken = [("api", failing("1.1.0", 1))];
    let more = json!({ "migrations": { "zip": "migrations" },
        "smoke_tests": [{ "name": "answers", "function": "api", "payload": { "n": 1 } }] });
    world
        .upload(&world.build_with("1.1.0", &broken, &files, more))
        .await;
    let ended = world.ended(&world.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::RolledBack);
    assert_eq!(data.columns("person").await, "id,name");
    assert_eq!(ended.count(Kind::MigrationsApplied), 1);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_migration_that_fails_ends_the_promotion_with_its_line_and_publishes_nothing() {
    let world = World::new().await;
    let data = world.database().await;
    let broken = (
        "2_mail.sql",
        "ALTER TABLE person ADD COLUMN mail text;\nALTER TABLE nobody ADD COLUMN x text;\n",
    );
    let ended = release(&world, &data, &[PERSON, broken], json!({}), json!({})).await;
    ended.is(Outcome::RolledBack);
    let said = "StatementFailed: 2_mail.sql:2: relation \"nobody\" does not exist";
    assert!(ended.reason().contains(said), "{}", ended.reason());
    assert_eq!(ended.count(Kind::VersionsPublished), 0);
    assert_eq!(data.columns("person").await, "id,name");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_is_no_sql_or_takes_away_is_refused_before_anything_moves() {
    let world = World::new().await;
    let data = world.database().await;
    let files = [
        PERSON,
        ("2_broken.sql", "ALTER TABLE person ADD COLUMN;\n"),
        ("3_drop.sql", "DROP TABLE person;\n"),
    ];
    let ended = release(&world, &data, &files, json!({}), json!({})).await;
    ended.is(Outcome::Refused);
    for said in ["MigrationsRefused", "2_broken.sql", "3_drop.sql"] {
        assert!(ended.reason().contains(said), "{}", ended.reason());
    }
    assert_eq!(data.columns("person").await, "");
    assert_eq!(
        data.text("SELECT 'there' FROM pg_namespace WHERE nspname = 'sluice'")
            .await,
        ""
    );
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn class_c_is_refused_where_no_approver_and_no_window_is_foreseen() {
    let world = World::new().await;
    let data = world.database().await;
    let opaque = ("2_do.sql", "DO $$ BEGIN PERFORM 1; END $$;\n");
    let ended = release(&world, &data, &[PERSON, opaque], json!({}), json!({})).await;
    ended.is(Outcome::Refused);
    for said in ["MigrationsUnfit", "2_do.sql:1", "neither `approval` nor"] {
        assert!(ended.reason().contains(said), "{}", ended.reason());
    }
    assert_eq!(data.columns("person").await, "");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn the_teams_own_queries_hold_a_release_back_whose_data_is_wrong() {
    let world = World::new().await;
    let data = world.database().await;
    let more = json!({ "migrations": { "zip": "migrations", "checks": [
        { "name": "everybody has a name", "query": "SELECT id FROM person WHERE name = 'p7' -- one" },
        { "name": "nobody is nobody", "query": "SELECT id FROM person WHERE id = 0" },
    ] } });
    let ended = release(&world, &data, &[PERSON], more, json!({})).await;
    ended.is(Outcome::RolledBack);
    let said = "`everybody has a name` found a row";
    assert!(ended.reason().contains(said), "{}", ended.reason());
    assert!(!ended.reason().contains("nobody is nobody"));
    assert_eq!(ended.count(Kind::VersionsPublished), 0);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn no_credential_stands_in_any_record_or_reason() {
    let world = World::new().await;
    let data = world.database().await;
    let ended = release(&world, &data, &[PERSON], json!({}), json!({})).await;
    ended.is(Outcome::Promoted);
    let entries = serde_json::to_string(&ended.entries).expect("json");
    assert!(data.password().len() >= 8, "it could stand there by chance");
    assert!(!entries.contains(data.password()));
}
