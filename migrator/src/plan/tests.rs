//! What a plan says of files without a server.

use std::time::Duration;

use sluice_migration::{Options, Source, lint, read};

use super::*;
use crate::connect::Budget;

const USERS: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n";

fn linted(files: &[(&str, &str)]) -> (Folder, Lint) {
    let sources: Vec<Source<'_>> = files
        .iter()
        .map(|(path, text)| Source {
            path,
            bytes: text.as_bytes(),
        })
        .collect();
    let options = Options {
        whole: true,
        ..Options::default()
    };
    let reading = read(&sources, &options);
    let lint = lint(&reading);
    (Folder::new(reading, &lint).expect("a tool's"), lint)
}

fn planned(files: &[(&str, &str)]) -> Plan {
    let (folder, lint) = linted(files);
    Plan::of_nothing(&folder, &lint, Limits::default())
}

/// A plan for a server on which the first files stand applied.
fn planned_on(files: &[(&str, &str)], version: i32, applied: usize, table: &Table) -> Plan {
    let (folder, lint) = linted(files);
    let pending = Standing::Pending {
        unit: 0,
        begun: false,
        reverted: false,
    };
    let mut standings = vec![pending; files.len()];
    standings[..applied].fill(Standing::Applied);
    let server = Server {
        place: Some("db:5432/shop".to_owned()),
        version: Some(version),
        tables: BTreeMap::from([(table.name.clone(), table.clone())]),
        ..Server::default()
    };
    let refused = folder.refused(&standings);
    let limits = Limits::default();
    Plan::of(&folder, &lint, server, &standings, refused, limits)
}

fn users(rows: u64) -> Table {
    Table {
        name: "users".to_owned(),
        rows: Some(rows),
        bytes: rows * 100,
        index_bytes: rows * 20,
    }
}

#[test]
fn code_asks_for_most_care_until_the_file_that_brings_it_is_applied() {
    let trigger = "CREATE TABLE users (id bigint);
        CREATE TRIGGER g BEFORE INSERT ON users EXECUTE FUNCTION f();";
    let files = [
        ("1_a.sql", trigger),
        ("2_b.sql", "INSERT INTO users VALUES (1);"),
    ];
    let class = |plan: &Plan| plan.worst(Phase::Expand);
    assert_eq!(class(&planned(&files)), Some(Class::C));
    let on = |applied| planned_on(&files, 170_002, applied, &users(10));
    assert_eq!(class(&on(0)), Some(Class::C));
    assert_eq!(class(&on(1)), Some(Class::B));
}

#[test]
fn without_a_database_all_is_pending() {
    let plan = planned(&[("1_users.sql", USERS), ("2_x.sql", "DELETE FROM users;")]);
    assert_eq!((plan.applied, plan.place.as_deref()), (0, None));
    let paths: Vec<&str> = plan.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["1_users.sql", "2_x.sql"]);
    assert_eq!(plan.worst(Phase::Expand), Some(Class::B));
    assert_eq!(plan.worst(Phase::Contract), None);
    assert_eq!(plan.statements(Class::B).count(), 1);
}

#[test]
fn a_hash_holds_while_sizes_change_and_changes_with_whatever_is_approved() {
    let files = [("1_users.sql", USERS), ("2_x.sql", "DELETE FROM users;\n")];
    let hash = |files: &[(&str, &str)], version, applied, rows| {
        planned_on(files, version, applied, &users(rows)).hash
    };
    let first = hash(&files, 170_002, 1, 10);
    assert_eq!(first, hash(&files, 170_005, 1, 1_000_000));
    let edited = [files[0], ("2_x.sql", "DELETE FROM users; \n")];
    let renamed = [files[0], ("2_y.sql", files[1].1)];
    let contracts = "-- sluice: phase contract\nDELETE FROM users;\n";
    let more = [files[0], files[1], ("3_x.sql", "SELECT 1;")];
    let history = [("1_users.sql", "CREATE TABLE users (id int);"), files[1]];
    for other in [
        hash(&files, 180_000, 1, 10),
        hash(&files, 170_002, 0, 10),
        hash(&edited, 170_002, 1, 10),
        hash(&renamed, 170_002, 1, 10),
        hash(&[files[0], ("2_x.sql", contracts)], 170_002, 1, 10),
        hash(&more, 170_002, 1, 10),
        hash(&history, 170_002, 1, 10),
    ] {
        assert_ne!(first, other);
    }
}

#[test]
fn all_that_is_refused_is_told_but_nothing_of_what_stands_applied() {
    let files = [
        (
            "1_users.sql",
            "CREATE TABLE users (id int);\nDROP TABLE gone;",
        ),
        ("2_drop.sql", "-- sluice: phase contract\nDROP TABLE old;"),
        ("3_more.sql", "ALTER TABLE users ADD COLUMN a int;"),
        ("4_drop.sql", "DROP TABLE users;"),
    ];
    let plan = planned_on(&files, 170_000, 1, &users(1));
    let told: Vec<(&str, &str)> = plan
        .refused
        .iter()
        .map(|one| (one.path.as_str(), one.what.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "4_drop.sql",
                "the migration takes away what old code may use"
            ),
            ("3_more.sql", "a migration expands after one that contracts"),
            ("4_drop.sql", "a migration expands after one that contracts"),
        ]
    );
}

#[test]
fn what_takes_longer_than_a_call_is_refused_with_its_line_and_advice() {
    let change = "SELECT 1;\nUPDATE users SET name = '';\n";
    let index = "CREATE INDEX i ON users (name);\n";
    let files = [
        ("1_users.sql", USERS),
        ("2_x.sql", change),
        ("3_y.sql", index),
    ];
    let plan = planned_on(&files, 170_000, 1, &users(200_000_000));
    let [update, index] = &plan.refused[..] else {
        panic!("{:?}", plan.refused);
    };
    assert_eq!(
        (update.place(), index.place()),
        ("2_x.sql:2".into(), "3_y.sql:1".into())
    );
    assert_eq!(update.found, "about 20000 seconds, most of them for UPDATE");
    assert!(
        update.next.contains("-- sluice: backfill"),
        "{}",
        update.next
    );
    assert!(index.next.contains("Fargate"), "{}", index.next);
    assert_eq!(planned_on(&files, 170_000, 1, &users(1_000)).refused, []);
}

#[test]
fn the_shorter_of_what_a_statement_and_a_call_may_take_counts() {
    let seconds = Duration::from_secs;
    let limits = |statement, call| Limits {
        budget: Budget {
            statement: seconds(statement),
            ..Budget::default()
        },
        call: seconds(call),
        ..Limits::default()
    };
    assert_eq!(limits(600, 100).longest(), seconds(90));
    assert_eq!(limits(60, 100).longest(), seconds(60));
    assert_eq!(limits(60, 5).longest(), seconds(0));
}

#[test]
fn a_plan_comes_back_from_json_as_it_was() {
    let files = [("1_users.sql", USERS), ("2_drop.sql", "DROP TABLE users;")];
    let plan = planned_on(&files, 170_000, 0, &users(5));
    let text = serde_json::to_string(&plan).expect("JSON");
    assert_eq!(serde_json::from_str::<Plan>(&text).expect("a plan"), plan);
}
