//! One database of several applications: one at a time migrates it.

use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::Data;

/// What all of them bring. How often a file ran shows in `ran`.
const FIRST: (&str, &str) = (
    "1_first.sql",
    "CREATE TABLE visit (id bigint PRIMARY KEY);\nINSERT INTO ran VALUES ('first');\n",
);
const HELD: (&str, &str) = (
    "2_held.sql",
    "ALTER TABLE gate ADD COLUMN note text;\nINSERT INTO ran VALUES ('held');\n",
);
const LAST: (&str, &str) = (
    "3_last.sql",
    "ALTER TABLE visit ADD COLUMN note text;\nINSERT INTO ran VALUES ('last');\n",
);

/// Which files ran, in order, as often as they did.
const RAN: &str = "SELECT string_agg(file, ',' ORDER BY at) FROM ran";

/// Which release applied what, by version.
const BY: &str = "SELECT string_agg(split_part(release, ' ', 1) || ' ' || state, ',' ORDER BY version) \
     FROM sluice.migration";

/// Two applications whose settings name one database.
async fn two() -> ([World; 2], Data) {
    let worlds = [World::new().await, World::new().await];
    let data = worlds[0].database().await;
    data.run(
        "CREATE TABLE gate (id bigint);\n\
         CREATE TABLE ran (file text, at timestamptz DEFAULT clock_timestamp());\n",
    )
    .await;
    for world in &worlds {
        let first = world.healthy("1.0.0", &["api"]);
        world.environment("prod", &first, data.settings()).await;
    }
    (worlds, data)
}

async fn release(world: &World, migrations: &[(&str, &str)]) {
    let build = world.migrating("1.1.0", migrations, json!({}));
    world.upload(&build).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn whoever_finds_a_database_held_waits_and_goes_on_from_what_stands_then() {
    let ([one, other], data) = two().await;
    let gate = data.session().await;
    let held = "BEGIN; LOCK TABLE gate IN ACCESS SHARE MODE;";
    gate.batch_execute(held).await.expect("the gate is shut");
    release(&one, &[FIRST, HELD]).await;
    let (first, second) = (
        one.promotion("prod", "1.1.0"),
        other.promotion("prod", "1.1.0"),
    );
    one.wait("the first file", async || {
        (data.columns("visit").await == "id").then_some(())
    })
    .await;
    release(&other, &[FIRST, HELD, LAST]).await;
    let queued = other.happened(&second, Kind::TargetsQueued).await;
    assert_eq!(queued.event.facts["holder"], json!(first), "{queued:?}");
    gate.batch_execute("COMMIT").await.expect("the gate opens");

    let first = one.ended(&first).await;
    first.is(Outcome::Promoted);
    let second = other.ended(&second).await;
    second.is(Outcome::Promoted);
    let acquired = second.entry(Kind::TargetsAcquired);
    assert!(
        Some(acquired.at) >= first.promotion.closed_at,
        "{acquired:?}"
    );
    assert_eq!(data.text(RAN).await, "first,held,last");
    let [one, other] = [&one.application, &other.application];
    let by = format!("{one} done,{one} done,{other} done");
    assert_eq!(data.text(BY).await, by);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn of_two_that_bring_the_same_at_once_one_applies_it() {
    let ([one, other], data) = two().await;
    let files = [FIRST, HELD, LAST];
    tokio::join!(release(&one, &files), release(&other, &files));
    let ids = [&one, &other].map(|world| world.promotion("prod", "1.1.0"));
    let (first, second) = tokio::join!(one.ended(&ids[0]), other.ended(&ids[1]));
    for ended in [first, second] {
        ended.is(Outcome::Promoted);
    }
    assert_eq!(data.text(RAN).await, "first,held,last");
    let by = data.text(BY).await;
    let applied = [&one, &other].map(|world| by.matches(&world.application).count());
    assert!([[3, 0], [0, 3]].contains(&applied), "{by}");
}
