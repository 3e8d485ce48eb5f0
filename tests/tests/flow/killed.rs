//! The process of a function is killed in the middle of what it does to a database.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::Data;

const TABLES: &str = "CREATE TABLE person (id bigint PRIMARY KEY, name text NOT NULL);\n\
    INSERT INTO person SELECT n, 'p' FROM generate_series(1, 5) n;\n\
    CREATE TABLE visit (id bigint PRIMARY KEY);\n";

/// Of the second one sees how often it ran, and its last statement waits for who reads.
const FILES: [(&str, &str); 3] = [
    ("1_note.sql", "CREATE TABLE note (id bigint PRIMARY KEY);\n"),
    (
        "2_mail.sql",
        "UPDATE person SET name = name || '!';\nALTER TABLE visit ADD COLUMN mail text;\n",
    ),
    ("3_last.sql", "CREATE TABLE last (id bigint PRIMARY KEY);\n"),
];

/// The port from which a migration waits for a lock on this database.
const WAITS: &str = "SELECT client_port::text FROM pg_stat_activity \
    WHERE datname = current_database() AND application_name = 'sluice-migrate' \
    AND wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE visit%'";

/// All that a release leaves in the database.
const LEFT: &str = "SELECT concat_ws('; ', \
    (SELECT string_agg(name, ',') FROM person), \
    (SELECT string_agg(relname || '.' || attname, ',' ORDER BY relname, attnum) \
     FROM pg_attribute JOIN pg_class c ON c.oid = attrelid \
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0), \
    (SELECT string_agg(version || ' ' || state, ',' ORDER BY version) FROM sluice.migration))";

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_function_that_is_killed_in_the_middle_of_a_unit_is_called_again_and_leaves_nothing_else()
{
    let undisturbed = released(false).await;
    assert!(undisturbed.1.contains("p!,p!,p!,p!,p!"), "{undisturbed:?}");
    assert_eq!(released(true).await, undisturbed);
}

/// Releases the files, and kills the function in the second if it is told so. Answers what
/// the ledger has, and what is in the database.
async fn released(kills: bool) -> (Vec<Kind>, String) {
    let world = World::new().await;
    let data = world.database().await;
    data.run(TABLES).await;
    let mut settings = data.settings();
    // It waits for as long as the test needs.
    settings["database"]["lock_timeout_ms"] = json!(60_000);
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, settings).await;
    let next = world.migrating("1.1.0", &FILES, json!({}));
    let reader = data.session().await;
    let reads = reader.batch_execute("BEGIN; SELECT count(*) FROM visit");
    reads.await.expect("it reads");
    world.upload(&next).await;
    let id = world.promotion("prod", "1.1.0");
    let port = waits(&world, &data).await;
    if kills {
        kill(&world, port).await;
    }
    let has_read = reader.batch_execute("COMMIT").await;
    has_read.expect("it has read");
    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    (ended.kinds(), data.text(LEFT).await)
}

/// Waits until a migration waits for a lock, and answers the port that it comes from.
async fn waits(world: &World, data: &Data) -> u16 {
    let found = world.wait("a migration that waits for a lock", async || {
        data.text(WAITS).await.parse().ok()
    });
    found.await
}

/// Sends SIGKILL to the function that has this port, and waits until it is gone.
async fn kill(world: &World, port: u16) {
    let process = owner(port).expect("a process has the port");
    let folder = format!("/proc/{process}");
    let program = fs::read_link(format!("{folder}/exe")).expect("its program");
    let name = program.file_name().expect("its name");
    assert_eq!(name, "bootstrap", "what runs a function: {program:?}");
    let pid = Pid::from_raw(process).expect("its id");
    kill_process(pid, Signal::KILL).expect("it is killed");
    let is_gone = async || {
        let command = fs::read(format!("{folder}/cmdline"));
        // That of a process that nobody has waited for yet is empty.
        command.map_or(true, |text| text.is_empty()).then_some(())
    };
    world.wait("the end of the function", is_gone).await;
}

/// The process that has a connection from this port of this machine.
fn owner(port: u16) -> Option<i32> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| sockets(&table, port))
        .collect();
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.find(|id: &i32| {
        let files = fs::read_dir(Path::new("/proc").join(id.to_string()).join("fd"));
        let files = files.into_iter().flatten().flatten();
        let mut targets = files.filter_map(|file| fs::read_link(file.path()).ok());
        targets.any(|target| {
            sockets
                .iter()
                .any(|socket| target.as_os_str() == socket.as_str())
        })
    })
}

/// The sockets that have this port, as links of `/proc/<pid>/fd` name them (proc(5)).
fn sockets(table: &str, port: u16) -> Vec<String> {
    let local = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|row| row.split_whitespace());
    let rows = rows.filter_map(|mut row| {
        let is_its = row.nth(1)?.ends_with(&local);
        let inode = row.nth(7)?;
        (is_its && inode != "0").then(|| format!("socket:[{inode}]"))
    });
    rows.collect()
}
