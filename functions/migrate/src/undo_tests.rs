//! What `migrate` is asked of a release that is taken back, on a real PostgreSQL.

use serde_json::{Value, json};
use sluice_domain::digest::Digest;
use sluice_platform::lambda::Named as _;

use crate::tests::{World, zip};

const UNDO: &str = include_str!("../../../events/migrate/undo.json");
const APPLY: &str = include_str!("../../../events/migrate/apply.json");

const FILES: [(&str, &str); 4] = [
    (
        "1_orders.up.sql",
        "CREATE TABLE orders (id int PRIMARY KEY, customer text);",
    ),
    ("1_orders.down.sql", "DROP TABLE orders;"),
    ("2_total.up.sql", "ALTER TABLE orders ADD COLUMN total int;"),
    ("2_total.down.sql", "ALTER TABLE orders DROP COLUMN total;"),
];

/// A database with all of a release, and what brought the first file alone serves.
async fn world() -> World {
    let world = World::new(&FILES).await;
    *world.shelf.served.borrow_mut() = zip(&FILES[..2]);
    let sqlx = |event: &mut Value| {
        event["request"]["brings"]["migrations"]["tool"] = json!("sqlx");
        event["approved"] = Value::Null;
    };
    for _ in 0..2 {
        world.ask(APPLY, sqlx).await.expect("applied");
    }
    world
}

/// What the second attempt, which takes the release back, is asked.
async fn ask(world: &World, change: impl FnOnce(&mut Value)) -> Result<Value, crate::Error> {
    let served = json!(Digest::of(&world.shelf.served.borrow()));
    world
        .ask(UNDO, |event| {
            let request = &mut event["request"];
            request["promotion"] = json!("storefront/prod/1.1.0/2");
            request["brings"]["migrations"]["tool"] = json!("sqlx");
            let peer = &mut request["peer"]["brings"];
            peer["archive"]["digest"] = served;
            peer["migrations"]["checks"][0]["query"] =
                json!("SELECT id FROM orders WHERE customer IS NULL");
            change(event);
        })
        .await
}

fn apply(approved: &Value) -> impl FnOnce(&mut Value) + use<> {
    let approved = approved.clone();
    move |event| {
        event["goal"] = json!("apply");
        event["epoch"] = json!(1785150000000_i64);
        event["approved"] = approved;
        event["token"] = Value::Null;
        event["backup"] = Value::Null;
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_release_that_does_not_serve_is_taken_back_as_it_was_approved() {
    let world = world().await;
    let plan = ask(&world, |_| {}).await.expect("a plan")["plan"].clone();
    assert_eq!(plan["phase"], "contract");
    assert_eq!(plan["files"], json!(["2_total.down.sql"]));
    assert_eq!(plan["classes"], json!({ "a": 0, "b": 0, "c": 1 }));
    let reason = plan["statements"][0]["reason"].as_str();
    let reason = reason.expect("a reason");
    assert!(reason.contains("a new migration can't mend"), "{reason}");
    let other = json!(Digest::of(b"another plan"));
    let error = ask(&world, apply(&other)).await.expect_err("refused");
    assert_eq!(error.name(), "PlanChanged");
    let done = ask(&world, apply(&plan["digest"])).await.expect("done");
    assert_eq!(
        (&done["more"], &done["what"]),
        (&json!(false), &json!("2_total.down.sql"))
    );
    let token = done["token"].clone();
    let checked = ask(&world, |event| {
        event["goal"] = json!("check");
        event["token"] = token;
    });
    let checked = checked.await.expect("in order")["checked"].clone();
    assert_eq!(
        (&checked["applied"], &checked["queries"]),
        (&json!(1), &json!(1))
    );
    let changes = checked["changes"].to_string();
    assert!(
        changes.contains("- column public.orders.total"),
        "{changes}"
    );
    let error = ask(&world, |_| {}).await.expect_err("refused").to_string();
    assert!(error.contains("there is nothing to take back"), "{error}");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn the_release_that_serves_is_not_taken_back() {
    let world = world().await;
    let serves = |event: &mut Value| event["request"]["peer"]["version"] = json!("1.1.0");
    let error = ask(&world, serves).await.expect_err("refused");
    assert_eq!(error.name(), "MigrationsRefused");
    let said = error.to_string();
    assert!(
        said.contains("the release serves") && said.contains("a new migration"),
        "{said}"
    );
}
