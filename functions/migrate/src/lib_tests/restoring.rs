//! What a restore takes back, and whether what it leaves fits the code that serves.

use super::*;

const LOST: &str = include_str!("../../../../events/migrate/lost.json");
const RESTORED: &str = include_str!("../../../../events/migrate/restored.json");

/// Both files are in, the second one after this backup.
const BACKUP: &str = "sluice-storefront-prod-1-1-0-1-0f8a3c21";

async fn migrated() -> World {
    let world = World::new(&FILES).await;
    let plan = world.planned().await;
    let mut token = Value::Null;
    for backup in ["an-older-one", BACKUP] {
        let (approved, last) = (plan["digest"].clone(), token.clone());
        let applied = world.ask(APPLY, |event| {
            event["approved"] = approved;
            event["token"] = last;
            event["backup"] = json!(backup);
        });
        token = applied.await.expect("applied")["token"].clone();
    }
    world
}

/// What is lost where this code serves.
async fn lost(
    world: &World,
    serves: &[(&str, &str)],
    change: impl FnOnce(&mut Value),
) -> Result<Value, Error> {
    *world.shelf.zip.borrow_mut() = zip(serves);
    let answer = world.ask(LOST, |event| {
        event["restore"]["made_at"] = Value::Null;
        change(event);
    });
    Ok(answer.await?["restore"]["lost"].clone())
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_was_applied_after_a_backup_is_known_by_its_name_and_by_its_time() {
    let world = migrated().await;
    let found = lost(&world, &FILES[..1], |_| {}).await.expect("known");
    assert_eq!(found["files"], json!(["2_total.sql"]));
    assert!(found["since"].is_string(), "{found}");
    let later = |event: &mut Value| {
        event["restore"]["backup"] = json!("nightly");
        event["restore"]["made_at"] = json!("2999-01-01T00:00:00Z");
    };
    let found = lost(&world, &FILES, later).await.expect("known");
    assert_eq!(found, json!({ "files": [], "more": 0 }));
    let nothing_brought = |event: &mut Value| {
        event["request"]
            .as_object_mut()
            .expect("a request")
            .remove("brings");
        event["restore"]["made_at"] = json!("2000-01-01T00:00:00Z");
    };
    let found = world.ask(LOST, nothing_brought).await.expect("known");
    let files = &found["restore"]["lost"]["files"];
    assert_eq!(*files, json!(["1_orders.sql", "2_total.sql"]));
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_restore_that_takes_back_what_the_code_needs_is_refused_with_the_way_to_go() {
    let world = migrated().await;
    let error = lost(&world, &FILES, |_| {}).await.expect_err("refused");
    assert_eq!(error.name(), "SchemaUnfit");
    let text = error.to_string();
    for said in ["2_total.sql", "sluice rollback", "Nothing was changed"] {
        assert!(text.contains(said), "{text}");
    }
    let reads_less = |event: &mut Value| {
        event["request"]["brings"]["migrations"]["reads"] = json!({ "from": "1" });
    };
    let found = lost(&world, &FILES, reads_less)
        .await
        .expect("it does without");
    assert_eq!(found["files"], json!(["2_total.sql"]));
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_restored_database_that_lacks_what_the_code_needs_is_told() {
    let world = World::new(&FILES).await;
    let plan = world.planned().await;
    world
        .apply(&plan["digest"], &Value::Null)
        .await
        .expect("applied");
    let ask = |event: &mut Value| event["made_at"] = Value::Null;
    let error = world.ask(RESTORED, ask).await.expect_err("unfit");
    assert_eq!(error.name(), "SchemaUnfit");
    let text = error.to_string();
    assert!(
        text.contains("the code needs 2_total.sql, which is not in"),
        "{text}"
    );
    *world.shelf.zip.borrow_mut() = zip(&FILES[..1]);
    let found = world.ask(RESTORED, ask).await.expect("it fits");
    assert_eq!(found["restored"]["applied"], 1);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_database_that_does_not_answer_is_locked_all_the_same_and_people_hear_why() {
    let world = World::new(&FILES).await;
    let nobody_is_there = |event: &mut Value| event["request"]["database"]["port"] = json!(1);
    let answer = world.ask(LOST, nobody_is_there).await.expect("an answer");
    let plan = &answer["restore"];
    let place = plan["place"].as_str().expect("its place");
    assert!(place.contains(":1/"), "{place}");
    assert_eq!(plan["lost"], Value::Null);
    let note = plan["notes"][0].as_str().expect("a note");
    let said = format!("the database was asked in vain: no session with {place}");
    assert!(note.starts_with(&said), "{note}");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn the_server_of_before_is_not_taken_for_the_restored_one() {
    let world = migrated().await;
    let old = |event: &mut Value| event["made_at"] = json!("2000-01-01T00:00:00Z");
    let error = world.ask(RESTORED, old).await.expect_err("the old one");
    assert_eq!(error.name(), "DatabaseUnreachable");
    let restored = |event: &mut Value| event["made_at"] = json!("2999-01-01T00:00:00Z");
    let found = world.ask(RESTORED, restored).await.expect("the new one");
    assert_eq!(found["restored"]["applied"], 2);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_migration_of_the_very_second_of_the_backup_does_not_make_it_the_old_server() {
    let before = Timestamp::now().as_second() - 2;
    let world = migrated().await;
    let after = Timestamp::now().as_second();
    // RDS says whole seconds.
    for (second, is_old) in [(after, false), (before, true)] {
        let at = Timestamp::from_second(second).expect("a time");
        let asked = world.ask(RESTORED, |event| event["made_at"] = json!(at));
        let outcome = asked.await.map_err(|error| error.name());
        let old = outcome.err() == Some("DatabaseUnreachable");
        assert_eq!(old, is_old, "{at}");
    }
}

/// Where the server that would be put back answers.
fn answers_at(host: &str) -> impl FnOnce(&mut Value) {
    let endpoints = json!([host]);
    move |event| event["restore"]["endpoints"] = endpoints
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_restore_of_another_server_than_the_databases_is_refused_and_of_its_own_is_not() {
    let world = migrated().await;
    let error = lost(&world, &FILES[..1], answers_at("orders.example")).await;
    let error = error.expect_err("another one");
    assert_eq!(error.name(), "InvalidSettings");
    let text = error.to_string();
    assert!(text.contains("answers at orders.example"), "{text}");
    let secret: Value = serde_json::from_str(&world.shelf.secret).expect("json");
    let host = secret["host"].as_str().expect("a host");
    let own = lost(&world, &FILES[..1], answers_at(host)).await;
    own.expect("its own");
    let answer = world.ask(LOST, answers_at(host)).await;
    let restore = &answer.map_err(|error| error.name()).unwrap_or_default()["restore"];
    assert!(restore.get("endpoints").is_none(), "{restore}");
}

/// The database is restored, and the server of before answers there now.
fn beside(port: u16) -> impl FnOnce(&mut Value) {
    move |event| {
        event["made_at"] = Value::Null;
        event["before"] = json!({ "host": "127.0.0.1", "port": port });
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn the_server_of_before_is_known_by_its_new_name_where_nothing_came_since_the_backup() {
    let world = migrated().await;
    let secret: Value = serde_json::from_str(&world.shelf.secret).expect("json");
    let port = secret["port"].as_u64().expect("a port");
    let port = u16::try_from(port).expect("a port");
    let error = world
        .ask(RESTORED, beside(port))
        .await
        .expect_err("the old one");
    assert_eq!(error.name(), "DatabaseUnreachable");
    let text = error.to_string();
    assert!(text.contains("leads to the server of before"), "{text}");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn another_server_than_the_one_of_before_is_the_restored_one() {
    let world = migrated().await;
    let secret: Value = serde_json::from_str(&world.shelf.secret).expect("json");
    let text = |name: &str| secret[name].as_str().expect("a text").to_owned();
    let before = sluice_postgres::Server::start().expect("the server of before");
    let authority = before.authority().to_owned();
    let ask = |event: &mut Value| {
        beside(before.port())(event);
        let own = &mut event["request"]["database"]["authority"];
        *own = json!(format!("{}{authority}", own.as_str().expect("PEM")));
    };
    world
        .ask(RESTORED, ask)
        .await
        .expect("it lets nobody in with that");
    let opened = tokio_postgres::connect(&before.url("postgres"), tokio_postgres::NoTls).await;
    let (client, connection) = opened.expect("a session");
    tokio::spawn(connection);
    let like = format!(
        "ALTER USER {} PASSWORD '{}'",
        text("username"),
        text("password")
    );
    client
        .batch_execute(&like)
        .await
        .expect("the same password");
    let made = format!("CREATE DATABASE {}", text("dbname"));
    client
        .batch_execute(&made)
        .await
        .expect("the same database");
    let found = world.ask(RESTORED, ask).await.expect("it is another one");
    assert_eq!(found["restored"]["applied"], 2);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_server_of_before_that_does_not_answer_yet_is_asked_again() {
    let world = migrated().await;
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    let error = world
        .ask(RESTORED, beside(port))
        .await
        .expect_err("nobody there");
    assert_eq!(error.name(), "DatabaseUnreachable");
}
