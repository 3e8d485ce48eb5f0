//! `sluice migrate` as a process.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use sluice_postgres::Database;
use tempfile::TempDir;
use tokio_postgres::NoTls;

fn sluice(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(arguments).env_clear();
    command.output().expect("it runs")
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        fs::write(folder.path().join(path), text).expect("written");
    }
    folder
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().expect("UTF-8")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn without_a_database_a_plan_says_so_and_that_all_is_pending() {
    let folder = folder(&[
        ("1_a.sql", "CREATE TABLE t (a int);"),
        ("2_b.sql", "\nCREATE INDEX i ON t (a);"),
    ]);
    let out = sluice(&["migrate", "plan", path(&folder)]);
    assert_eq!(out.status.code(), Some(0));
    let lines: Vec<&str> = text(&out.stdout).lines().collect();
    let second = format!("{}/2_b.sql", path(&folder));
    assert_eq!(
        lines[0],
        "no database was asked (plain): all is pending, and no size is known"
    );
    assert!(
        lines.contains(&format!("B  {second}:2  CREATE INDEX").as_str()),
        "{lines:?}"
    );
    assert!(lines.contains(&"2 pending, statements of each class: 1 A, 1 B, 0 C"));
    assert_eq!(lines.last(), Some(&"nothing refuses these migrations"));
}

#[test]
fn a_plan_that_is_refused_ends_with_6_and_a_pattern_says_what_contracts() {
    let folder = folder(&[("1_drop_t.sql", "DROP TABLE t;")]);
    let arguments = ["--json", "migrate", "plan", path(&folder)];
    let out = sluice(&arguments);
    assert_eq!(out.status.code(), Some(6));
    let plan: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(plan["refused"][0]["path"], "1_drop_t.sql");
    let out = sluice(&[&arguments[..], &["--contract", "*_drop_*"]].concat());
    assert_eq!(out.status.code(), Some(0));
    let plan: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(plan["files"][0]["phase"], "contract");
}

#[test]
fn a_plan_shows_what_goes_in_batches_and_lint_says_how_the_rest_could() {
    let folder = folder(&[
        (
            "1_a.sql",
            "-- sluice: backfill key=id batch=50 pause=1s\nUPDATE t SET a = 1;",
        ),
        ("2_b.sql", "UPDATE t SET b = 1;"),
    ]);
    for command in ["plan", "lint"] {
        let out = sluice(&["migrate", command, path(&folder)]);
        let lines: Vec<&str> = text(&out.stdout).lines().collect();
        let batches = "   backfill: 50 rows at a time by id, with pauses of 1000 ms";
        assert!(lines.contains(&batches), "{lines:?}");
        let advised = lines
            .iter()
            .filter(|line| line.contains("-- sluice: backfill key="));
        assert_eq!(advised.count(), 1, "{lines:?}");
    }
}

#[test]
fn no_password_is_shown_whatever_is_wrong_with_an_address() {
    let folder = folder(&[("1_a.sql", "CREATE TABLE t (a int);")]);
    for url in [
        "postgres://ada:tops3cret@127.0.0.1:1/shop?sslmode=disable",
        "postgres://ada:tops3cret@db.example/shop?sslmode=disable",
        "postgres://ada:tops3cret@127.0.0.1:x/shop",
    ] {
        let arguments = ["migrate", "plan", path(&folder)];
        let named = sluice(&[&arguments[..], &["--database", url]].concat());
        assert!(!named.status.success());
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.env_clear().env("SLUICE_DATABASE_URL", url);
        let helped = command.args(["migrate", "plan", "--help"]).output();
        for out in [named, helped.expect("it runs")] {
            for stream in [&out.stdout, &out.stderr] {
                assert!(!text(stream).contains("tops3cret"), "{}", text(stream));
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_plan_of_a_database_tells_what_is_there_and_how_large_it_is() {
    let folder = folder(&[("1_index.sql", "CREATE INDEX i ON t (a);")]);
    let database = Database::create().await.expect("a database");
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls)
        .await
        .expect("a client");
    tokio::spawn(connection);
    let made = "CREATE TABLE t AS SELECT a FROM generate_series(1, 1000) a; ANALYZE t";
    client.batch_execute(made).await.expect("a table");
    let url = format!("{}?sslmode=disable", database.url());
    let arguments = ["migrate", "plan", path(&folder), "--database", &url];
    let out = sluice(&arguments);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let shown = text(&out.stdout);
    assert!(shown.contains("CREATE INDEX, about 1 s"), "{shown}");
    assert!(shown.contains("table t: about 1000 rows, "), "{shown}");
    let json = sluice(&[&["--json"], &arguments[..]].concat());
    let plan: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let statement = &plan["files"][0]["statements"][0];
    assert_eq!(statement["lock"], "SHARE on t");
    assert_eq!(statement["seconds"], 1);
    assert_eq!(plan["hash"].as_str().map(str::len), Some(64));
}
