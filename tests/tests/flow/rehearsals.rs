//! Migrations that are tried on a copy before people are asked.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Data, Ended};

const VISIT: &str = "CREATE TABLE visit (id bigint PRIMARY KEY, at timestamptz NOT NULL);\n\
    INSERT INTO visit SELECT n, now() FROM generate_series(1, 20000) n;\n";
const INDEX: (&str, &str) = (
    "1_index.sql",
    "CREATE INDEX CONCURRENTLY visit_at ON visit (at);\n",
);
const NOTE: (&str, &str) = ("2_note.sql", "ALTER TABLE visit ADD COLUMN note text;\n");

/// A database with rows in it, and a copy of it that a function of the team's leads to.
struct Scene {
    world: World,
    data: Data,
    copy: Data,
    /// The parameter that is there once the copy was ended.
    ended: String,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let data = world.database().await;
        data.run(VISIT).await;
        let copy = data.copy().await;
        let ended = format!("/flow/{}/copy-ended", world.application);
        Self {
            world,
            data,
            copy,
            ended,
        }
    }

    /// Releases these migrations where they are tried at this place.
    async fn release(&self, place: &Value, migrations: &[(&str, &str)]) -> Ended {
        let body = format!(
            "import boto3\n\
             if event['op'] == 'begin':\n    \
                 return {{'ready': True, 'of': 'the copy of last night', **{place}}}\n\
             boto3.client('ssm').put_parameter(Name='{}', Value=event['name'], Type='String')\n\
             return {{}}",
            self.ended
        );
        let function = self.world.of_the_team("copy", &body).await;
        let mut settings = self.data.settings();
        settings["database"]["rehearsal"] = json!({ "function": function });
        let world = &self.world;
        let first = world.healthy("1.0.0", &["api"]);
        world.environment("prod", &first, settings).await;
        let build = world.migrating("1.1.0", migrations, json!({}));
        world.upload(&build).await;
        world.ended(&world.promotion("prod", "1.1.0")).await
    }

    /// The name of the copy that was ended. None: none was.
    async fn ended(&self) -> Option<String> {
        self.world.read_parameter(&self.ended).await
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_migrations_take_on_a_copy_is_part_of_the_plan_and_the_copy_is_ended() {
    let scene = Scene::new().await;
    let ended = scene.release(&scene.copy.place(), &[INDEX, NOTE]).await;
    ended.is(Outcome::Promoted);
    assert_eq!(scene.copy.columns("visit").await, "id,at,note");
    assert_eq!(scene.data.columns("visit").await, "id,at,note");
    let planned = &ended.entry(Kind::ChangesPlanned).event.facts["plan"]["migrations"];
    let rehearsed = &planned["rehearsed"];
    assert_eq!(rehearsed["of"]["id"], "the copy of last night");
    let units = rehearsed["units"].as_array().expect("units");
    let names: Vec<&str> = units
        .iter()
        .filter_map(|one| one["what"].as_str())
        .collect();
    assert_eq!(names, ["1_index.sql", "2_note.sql"]);
    let sum = units.iter().filter_map(|one| one["milliseconds"].as_u64());
    assert_eq!(rehearsed["milliseconds"].as_u64(), Some(sum.sum()));
    let name = scene.ended().await.expect("the copy was ended");
    assert!(name.starts_with("sluice-rehearsal-"), "{name}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_fails_on_the_copy_is_refused_and_the_database_is_as_it_was() {
    let scene = Scene::new().await;
    let twice = ("2_twice.sql", "INSERT INTO visit VALUES (1, now());\n");
    let ended = scene.release(&scene.copy.place(), &[INDEX, twice]).await;
    ended.is(Outcome::Refused);
    for said in [
        "RehearsalFailed",
        "StatementFailed: 2_twice.sql:1",
        "duplicate key",
        "The copy is deleted",
    ] {
        assert!(ended.reason().contains(said), "{}", ended.reason());
    }
    assert_eq!(ended.count(Kind::MigrationsBegun), 0);
    assert_eq!(scene.data.text(SCHEMA).await, "");
    let index = "SELECT indexname::text FROM pg_indexes WHERE indexname = 'visit_at'";
    assert_eq!(scene.data.text(index).await, "");
    assert_eq!(scene.copy.text(index).await, "visit_at");
    assert!(scene.ended().await.is_some(), "the copy was ended");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_is_refused_anyway_is_not_tried_on_a_copy() {
    let scene = Scene::new().await;
    let opaque = ("2_opaque.sql", "DO $$ BEGIN PERFORM 1; END $$;\n");
    let ended = scene.release(&scene.copy.place(), &[INDEX, opaque]).await;
    ended.is(Outcome::Refused);
    let reason = ended.reason();
    assert!(reason.contains("MigrationsUnfit"), "{reason}");
    assert_eq!(ended.count(Kind::ChangesPlanned), 0);
    assert_eq!(scene.ended().await, None, "a copy was made");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_function_that_names_the_database_itself_tries_nothing_there() {
    let scene = Scene::new().await;
    let ended = scene.release(&scene.data.place(), &[NOTE]).await;
    ended.is(Outcome::Refused);
    let said = "CopyFailed";
    assert!(ended.reason().contains(said), "{}", ended.reason());
    assert_eq!(scene.data.columns("visit").await, "id,at");
    assert_eq!(scene.data.text(SCHEMA).await, "");
    assert!(scene.ended().await.is_some(), "the copy was ended");
}

/// Sluice's own schema, once migrations began.
const SCHEMA: &str = "SELECT nspname::text FROM pg_namespace WHERE nspname = 'sluice'";
