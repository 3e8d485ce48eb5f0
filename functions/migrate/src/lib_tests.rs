//! What `migrate` is asked, on a real PostgreSQL.

use std::cell::{Cell, RefCell};
use std::io::{Cursor, Write as _};
use std::time::Duration;

use serde_json::{Value, json};
use sluice_platform::lambda::Named as _;
use sluice_postgres::Database as Server;
use tokio_postgres::config::Host;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

#[path = "lib_tests/doors.rs"]
mod doors;
#[path = "lib_tests/restoring.rs"]
mod restoring;

const PLAN: &str = include_str!("../../../events/migrate/plan.json");
const CONFIRM: &str = include_str!("../../../events/migrate/confirm.json");
const APPLY: &str = include_str!("../../../events/migrate/apply.json");
const REHEARSE: &str = include_str!("../../../events/migrate/rehearse.json");
const CHECK: &str = include_str!("../../../events/migrate/check.json");
const FENCE: &str = include_str!("../../../events/migrate/fence.json");

const FILES: [(&str, &str); 2] = [
    (
        "1_orders.sql",
        "CREATE TABLE orders (id int PRIMARY KEY, customer text);",
    ),
    ("2_total.sql", "ALTER TABLE orders ADD COLUMN total int;"),
];

/// Two bundles and a secret, in memory.
pub(crate) struct Shelf {
    pub(crate) zip: RefCell<Vec<u8>>,
    /// That of the release that serves.
    pub(crate) served: RefCell<Vec<u8>>,
    secret: String,
}

impl Archives for &Shelf {
    async fn read(&self, archive: &Archive, _: u64) -> Result<Vec<u8>, Fault> {
        let is_served = archive.digest == Digest::of(&self.served.borrow());
        let zip = if is_served { &self.served } else { &self.zip };
        Ok(zip.borrow().clone())
    }
}

impl Keys for &Shelf {
    async fn secret(&self, _: &str) -> Result<String, Fault> {
        Ok(self.secret.clone())
    }

    async fn token(&self, _: &IamUser, _: &str, _: u16) -> Result<String, Fault> {
        Err(Fault::other("a token", "nobody signs in with one here"))
    }
}

/// A bundle's migrations and a database of a test's own.
pub(crate) struct World {
    server: Server,
    pub(crate) shelf: Shelf,
    /// What the function may connect to.
    hosts: RefCell<Hosts>,
    /// How long Lambda lets a call last.
    lasts: Cell<Duration>,
}

impl World {
    pub(crate) async fn new(files: &[(&str, &str)]) -> Self {
        let server = Server::create().await.expect("a database");
        let config: tokio_postgres::Config = server.url().parse().expect("its address");
        let Some(Host::Tcp(host)) = config.get_hosts().first() else {
            panic!("a server on no network");
        };
        let password = config.get_password().unwrap_or_default();
        let secret = json!({
            "host": host, "port": config.get_ports().first(), "dbname": config.get_dbname(),
            "username": config.get_user(), "password": String::from_utf8_lossy(password),
        });
        let shelf = Shelf {
            zip: RefCell::new(zip(files)),
            served: RefCell::default(),
            secret: secret.to_string(),
        };
        Self {
            server,
            shelf,
            hosts: RefCell::default(),
            lasts: Cell::new(Duration::from_secs(890)),
        }
    }

    /// Asks what an event asks, of this bundle and this database.
    pub(crate) async fn ask(
        &self,
        event: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<Value, Error> {
        let mut event: Value = serde_json::from_str(event).expect("json");
        let request = &mut event["request"];
        let brings = &mut request["brings"];
        brings["archive"]["digest"] = json!(Digest::of(&self.shelf.zip.borrow()));
        brings["migrations"]["tool"] = json!("plain");
        brings["migrations"]["checks"][0]["query"] =
            json!("SELECT id FROM orders WHERE customer IS NULL");
        request["database"] = json!({
            "secret": "s", "authority": self.server.authority(), "backup": { "before": "none" },
        });
        if let Some(before) = event.get_mut("before") {
            *before = Value::Null;
        }
        change(&mut event);
        let migrate = Migrate {
            archives: &self.shelf,
            keys: &self.shelf,
            hosts: self.hosts.borrow().clone(),
            until: Instant::now() + self.lasts.get(),
        };
        let input = serde_json::from_value(event).expect("the input is understood");
        let output = migrate.handle(input).await?;
        Ok(serde_json::to_value(output).expect("json"))
    }

    async fn planned(&self) -> Value {
        let answer = self.ask(PLAN, |_| {}).await;
        answer.expect("a plan")["plan"].clone()
    }

    /// Applies what is next, as it was approved.
    async fn apply(&self, approved: &Value, token: &Value) -> Result<Value, Error> {
        let (approved, token) = (approved.clone(), token.clone());
        self.ask(APPLY, |event| {
            event["approved"] = approved;
            event["token"] = token;
        })
        .await
    }
}

pub(crate) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files {
        zip.start_file(*path, SimpleFileOptions::default())
            .expect("an entry");
        zip.write_all(text.as_bytes()).expect("its content");
    }
    zip.finish().expect("a zip file").into_inner()
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_was_planned_is_applied_unit_by_unit_and_found_in_order() {
    let world = World::new(&FILES).await;
    let plan = world.planned().await;
    assert_eq!(plan["files"], json!(["1_orders.sql", "2_total.sql"]));
    assert_eq!(plan["classes"], json!({ "a": 2, "b": 0, "c": 0 }));
    let check =
        "every order has a customer: SELECT id FROM orders WHERE customer IS NULL".to_owned();
    assert_eq!(plan["checks"], json!([check]), "people see what is asked");
    let first = world.apply(&plan["digest"], &Value::Null).await;
    let first = first.expect("applied");
    assert_eq!(
        (&first["more"], &first["what"]),
        (&json!(true), &json!("1_orders.sql"))
    );
    let last = world.apply(&plan["digest"], &first["token"]).await;
    let last = last.expect("applied");
    assert_eq!(last["more"], false);
    let token = last["token"].clone();
    let found = world.ask(CHECK, |event| event["token"] = token).await;
    let found = found.expect("in order");
    assert_eq!(
        (&found["checked"]["applied"], &found["checked"]["queries"]),
        (&json!(2), &json!(1))
    );
    let changes = found["checked"]["changes"].to_string();
    assert!(changes.contains("+ table public.orders"), "{changes}");
    assert!(!changes.contains("sluice"), "{changes}");
    assert_eq!(world.planned().await["pending"], 0);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_call_whose_answer_was_lost_is_made_again_and_fences_the_first_one_off() {
    let world = World::new(&FILES).await;
    let plan = world.planned().await;
    let lost = world
        .apply(&plan["digest"], &Value::Null)
        .await
        .expect("applied");
    let again = world
        .apply(&plan["digest"], &Value::Null)
        .await
        .expect("applied");
    assert_eq!(again["what"], "2_total.sql", "nothing is applied twice");
    let zombie = world.apply(&plan["digest"], &lost["token"]).await;
    assert_eq!(zombie.expect_err("fenced off").name(), "Fenced");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_promotion_that_is_fenced_off_applies_nothing_whether_it_began_or_not() {
    let world = World::new(&FILES).await;
    let plan = world.planned().await;
    let begun = world.apply(&plan["digest"], &Value::Null).await;
    let token = begun.expect("applied")["token"].clone();
    // What it brings is not needed for it.
    let answer = world.ask(FENCE, |event| {
        let request = event["request"].as_object_mut();
        request.expect("an object").remove("brings");
    });
    assert_eq!(answer.await.expect("fenced off"), json!({ "fenced": true }));
    for token in [token, Value::Null] {
        let error = world.apply(&plan["digest"], &token).await;
        assert_eq!(error.expect_err("fenced off").name(), "Fenced", "{token}");
    }
    let never = |event: &mut Value| {
        event["request"]["promotion"] = json!("storefront/prod/1.2.0/1");
        event["epoch"] = json!(1785150000000_i64);
    };
    world.ask(FENCE, never).await.expect("it never began");
    let error = world.ask(APPLY, never).await.expect_err("fenced off");
    assert_eq!(error.name(), "Fenced");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn another_plan_than_the_approved_one_is_not_begun() {
    let world = World::new(&FILES).await;
    let plan = world.planned().await;
    *world.shelf.zip.borrow_mut() = zip(&FILES[..1]);
    let error = world.apply(&plan["digest"], &Value::Null).await;
    assert_eq!(error.expect_err("refused").name(), "PlanChanged");
    assert_eq!(world.planned().await["applied"], 0);
    // Nobody was asked: it goes on from what is there.
    world
        .apply(&Value::Null, &Value::Null)
        .await
        .expect("applied");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn code_whose_schema_was_taken_away_does_not_come_back() {
    let drop = (
        "3_drop.sql",
        "-- sluice: phase contract\nALTER TABLE orders DROP COLUMN total;",
    );
    let world = World::new(&[FILES[0], FILES[1], drop]).await;
    for _ in 0..2 {
        world
            .apply(&Value::Null, &Value::Null)
            .await
            .expect("applied");
    }
    let phase = |event: &mut Value| event["request"]["phase"] = json!("contract");
    let planned = world.ask(PLAN, phase).await.expect("a plan");
    let contract = |approved: Value| {
        move |event: &mut Value| {
            event["request"]["phase"] = json!("contract");
            event["request"]["promotion"] = json!("storefront/prod/1.2.0/1");
            event["epoch"] = json!(1785150000000_i64);
            event["approved"] = approved;
            event["token"] = Value::Null;
        }
    };
    let unasked = world.ask(APPLY, contract(Value::Null)).await;
    assert_eq!(unasked.expect_err("nobody was asked").name(), "PlanChanged");
    let contract = contract(planned["plan"]["digest"].clone());
    world.ask(APPLY, contract).await.expect("contracted");
    let back = |event: &mut Value| event["request"]["goes_back"] = json!(true);
    world.ask(PLAN, back).await.expect("it has the file itself");
    let bare = |event: &mut Value| {
        event["request"]["goes_back"] = json!(true);
        event["request"]["brings"] = Value::Null;
    };
    for event in [PLAN, CONFIRM] {
        let error = world.ask(event, bare).await.expect_err("refused");
        assert_eq!(error.name(), "SchemaUnfit", "it brings no migrations");
    }
    *world.shelf.zip.borrow_mut() = zip(&FILES);
    let error = world.ask(PLAN, back).await.expect_err("refused");
    assert_eq!(error.name(), "SchemaUnfit");
    assert!(
        error.to_string().contains("3_drop.sql took away"),
        "{error}"
    );
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_zip_file_that_was_exchanged_is_not_read() {
    let world = World::new(&FILES).await;
    let other = json!(Digest::of(b"another"));
    let error = world
        .ask(PLAN, |event| {
            event["request"]["brings"]["archive"]["digest"] = other
        })
        .await;
    assert_eq!(error.expect_err("refused").name(), "DigestMismatch");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_server_that_does_not_prove_who_it_is_gets_no_password() {
    let world = World::new(&FILES).await;
    let unknown = |event: &mut Value| {
        let database = event["request"]["database"].as_object_mut();
        database.expect("an object").remove("authority");
    };
    let error = world.ask(PLAN, unknown).await.expect_err("refused");
    assert_eq!(error.name(), "DatabaseUnreachable");
    assert!(error.to_string().contains("certificate"), "{error}");
}

/// The place of another database on the same server.
fn place_of(server: &Server) -> Value {
    let config: tokio_postgres::Config = server.url().parse().expect("its address");
    let Some(Host::Tcp(host)) = config.get_hosts().first() else {
        panic!("a server on no network");
    };
    json!({ "host": host, "port": config.get_ports().first(), "name": config.get_dbname() })
}

/// Rehearses what is next on a copy.
async fn rehearse(world: &World, copy: &Server, before: &Value) -> Result<Value, Error> {
    let place = place_of(copy);
    world
        .ask(REHEARSE, |event| {
            // Sluice finds a copy of this through RDS.
            let database = &mut event["request"]["database"];
            database["backup"]["cluster"] = json!("storefront");
            database["rehearsal"] = json!({});
            event["copy"] = place;
            event["token"] = before["token"].clone();
            event["units"] = match &before["units"] {
                Value::Null => json!({}),
                units => units.clone(),
            };
        })
        .await
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_rehearsal_applies_unit_by_unit_on_the_copy_alone_and_times_it() {
    let world = World::new(&FILES).await;
    let copy = world.server.copy().await.expect("a copy");
    let mut answer = Value::Null;
    for (more, units) in [(true, 1), (true, 2), (false, 2)] {
        answer = rehearse(&world, &copy, &answer).await.expect("rehearsed");
        let listed = answer["units"]["first"].as_array().expect("units").len();
        assert_eq!((&answer["more"], listed), (&json!(more), units), "{answer}");
    }
    assert_eq!(answer["units"]["first"][1]["what"], "2_total.sql");
    assert_eq!(
        world.planned().await["pending"],
        2,
        "the database itself is as it was"
    );
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_copy_that_lags_behind_gets_what_came_since_too() {
    let world = World::new(&FILES).await;
    let copy = world.server.copy().await.expect("a copy");
    let plan = world.planned().await;
    let first = world.apply(&plan["digest"], &Value::Null).await;
    first.expect("applied");
    let mut answer = Value::Null;
    while answer["more"] != false {
        answer = rehearse(&world, &copy, &answer).await.expect("rehearsed");
    }
    let units = answer["units"]["first"].as_array().expect("units");
    assert_eq!(units.len(), 2, "{units:?}");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn the_database_itself_is_no_copy() {
    let world = World::new(&FILES).await;
    let error = rehearse(&world, &world.server, &Value::Null).await;
    let error = error.expect_err("refused");
    assert_eq!(error.name(), "CopyFailed");
    assert!(
        error.to_string().contains("is the database itself"),
        "{error}"
    );
    assert_eq!(world.planned().await["pending"], 2);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn only_where_the_settings_want_it_and_something_is_pending_it_is_rehearsed() {
    let world = World::new(&FILES).await;
    let asked = world.ask(PLAN, |_| {}).await.expect("a plan");
    assert_eq!(asked["rehearses"], false);
    let wanted = |event: &mut Value| {
        event["request"]["database"]["rehearsal"] = json!({ "function": "copy" });
    };
    let asked = world.ask(PLAN, wanted).await.expect("a plan");
    assert_eq!(asked["rehearses"], true);
    let digest = asked["plan"]["digest"].clone();
    let first = world.apply(&digest, &Value::Null).await.expect("applied");
    world
        .apply(&digest, &first["token"])
        .await
        .expect("applied");
    let asked = world.ask(PLAN, wanted).await.expect("a plan");
    assert_eq!(asked["rehearses"], false);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn code_that_brings_no_migrations_fits_where_nothing_was_taken_away() {
    let world = World::new(&FILES).await;
    let bare = |event: &mut Value| {
        event["request"]["goes_back"] = json!(true);
        event["request"]["brings"] = Value::Null;
    };
    world.ask(PLAN, bare).await.expect("nothing was taken away");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn where_nothing_was_to_be_applied_nothing_is_applied_later() {
    let world = World::new(&FILES).await;
    let error = world.ask(CONFIRM, |_| {}).await.expect_err("two came up");
    assert_eq!(error.name(), "PlanChanged");
    assert!(error.to_string().contains("1_orders.sql"), "{error}");
    let plan = world.planned().await;
    let first = world.apply(&plan["digest"], &Value::Null).await;
    let token = first.expect("applied")["token"].clone();
    world.apply(&plan["digest"], &token).await.expect("applied");
    let confirmed = world.ask(CONFIRM, |_| {}).await.expect("nothing is left");
    assert_eq!(confirmed, json!({ "confirmed": true }));
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_the_release_that_serves_could_not_read_is_not_planned() {
    let world = World::new(&FILES).await;
    let reads = |to: &'static str| {
        move |event: &mut Value| {
            let mut brings = event["request"]["brings"].clone();
            brings["migrations"]["reads"] = json!({ "to": to });
            event["request"]["peer"] = json!({ "version": "1.0.0", "brings": brings });
        }
    };
    let error = world.ask(PLAN, reads("1")).await.expect_err("refused");
    assert_eq!(error.name(), "SchemaUnfit");
    assert!(error.to_string().contains("2_total.sql came"), "{error}");
    world.ask(PLAN, reads("2")).await.expect("it reads both");
}
