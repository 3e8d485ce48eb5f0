//! Sluice and a team's own tool in turns on one database, with the tool itself.
//!
//! `SLUICE_MIGRATION_TOOLS` names the folder where `migrator/tests/tools/install` put them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sluice_migration::Tool;
use sluice_migrator::apply::{Step, compare};
use sluice_migrator::books::Books;
use sluice_migrator::standing::Standing;
use sluice_migrator::undo::{Undo, take_back};
use sluice_migrator::{Address, Budget, Trust, connect};
use tempfile::TempDir;

use crate::bench::{Bench, folder, holder};
use crate::golden::shape;
use crate::plot::Files;

/// What they do in turns, and what takes it back.
const CHANGES: [(&str, &str, &str); 3] = [
    (
        "person",
        "CREATE TABLE person (id bigint PRIMARY KEY, name text);\nINSERT INTO person VALUES (1, 'p');\n",
        "DROP TABLE person;\n",
    ),
    (
        "visit",
        "CREATE TABLE visit (person bigint REFERENCES person);\nUPDATE person SET name = name || '!';\n",
        "DROP TABLE visit;\n",
    ),
    (
        "seen_by",
        "ALTER TABLE person ADD COLUMN seen_by text DEFAULT 'nobody';\nUPDATE person SET name = name || '?';\n",
        "ALTER TABLE person DROP COLUMN seen_by;\nUPDATE person SET name = rtrim(name, '?');\n",
    ),
];

/// The first changes as files of a tool.
fn files(tool: Tool, count: usize) -> Files {
    let numbered = CHANGES.iter().take(count).zip(1..);
    numbered
        .flat_map(|((name, up, down), number)| {
            let (up, down) = ((*up).to_owned(), (*down).to_owned());
            match tool {
                Tool::Sqlx => vec![
                    (format!("{number}_{name}.up.sql"), up),
                    (format!("{number}_{name}.down.sql"), down),
                ],
                Tool::Refinery => vec![(format!("V{number}__{name}.sql"), up)],
                Tool::Dbmate => vec![(
                    format!("2026010100000{number}_{name}.sql"),
                    format!("-- migrate:up\n{up}-- migrate:down\n{down}"),
                )],
                other => panic!("{other} is not run here"),
            }
        })
        .collect()
}

fn program(name: &str) -> PathBuf {
    let folder = env::var_os("SLUICE_MIGRATION_TOOLS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sluice/migration-tools"),
        PathBuf::from,
    );
    let program = folder.join("bin").join(name);
    assert!(
        program.is_file(),
        "no {}: make migration-tools",
        program.display()
    );
    program
}

/// A database, and a folder with the files that the team has so far.
struct Team {
    bench: Bench,
    folder: TempDir,
    /// Where the tool finds the database.
    url: String,
}

impl Team {
    async fn new(tool: Tool) -> Self {
        let bench = Bench::new(tool, &[]).await;
        // A user as teams have them: not called like Sluice's schema, and with a password
        // that is hashed as often as dbmate's driver insists on.
        let user = bench.address().database;
        let made = format!(
            "SET scram_iterations = 4096; CREATE ROLE {user} LOGIN SUPERUSER PASSWORD 'team'"
        );
        let client = bench.client().await;
        client.batch_execute(&made).await.expect("a user");
        let Address { host, port, .. } = bench.address();
        let url = format!("postgres://{user}:team@{host}:{port}/{user}?sslmode=disable");
        let folder = tempfile::tempdir().expect("a folder");
        Self { bench, folder, url }
    }

    /// Has so many of the changes from now on.
    fn has(&mut self, count: usize) {
        self.bench.files = files(self.bench.tool, count);
        for (path, text) in &self.bench.files {
            fs::write(self.folder.path().join(path), text).expect("written");
        }
    }

    /// Runs the tool. What it said.
    fn run(&self, what: &[&str]) -> String {
        let url = &self.url;
        let folder = self.folder.path();
        let mut command = match self.bench.tool {
            Tool::Sqlx => {
                let mut command = Command::new(program("sqlx"));
                command
                    .arg("migrate")
                    .args(what)
                    .arg("--source")
                    .arg(folder);
                command.arg("--database-url").arg(url);
                command
            }
            Tool::Refinery => {
                let mut command = Command::new(program("refinery"));
                command
                    .args(what)
                    .arg("-p")
                    .arg(folder)
                    .args(["-e", "TEAM_DATABASE"]);
                command
            }
            _ => {
                let mut command = Command::new(program("dbmate"));
                command
                    .arg("--url")
                    .arg(url)
                    .arg("--migrations-dir")
                    .arg(folder);
                command.arg("--no-dump-schema").args(what);
                command
            }
        };
        command.env("TEAM_DATABASE", url).current_dir(folder);
        let output = command.output().expect("the tool runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(
            output.status.success(),
            "{} {what:?}: {said}",
            self.bench.tool
        );
        said
    }

    /// Has the tool apply what is left.
    fn migrates(&self) -> String {
        match self.bench.tool {
            Tool::Sqlx => self.run(&["run"]),
            _ => self.run(&["migrate"]),
        }
    }

    /// Has the tool take the last change back.
    fn takes_back(&self) {
        match self.bench.tool {
            Tool::Sqlx => self.run(&["revert"]),
            _ => self.run(&["rollback"]),
        };
    }

    /// Asks the tool whether everything is in, and has it apply what is not: nothing.
    async fn says_up_to_date(&self) {
        let before = self.bench.look().await;
        match self.bench.tool {
            Tool::Sqlx => {
                let said = self.run(&["info"]);
                assert_eq!(said.matches("/installed ").count(), CHANGES.len(), "{said}");
                assert!(
                    !said.contains("/pending ") && !said.contains("different"),
                    "{said}"
                );
            }
            Tool::Dbmate => {
                let said = self.run(&["status"]);
                assert!(said.contains("Pending: 0"), "{said}");
            }
            _ => {}
        }
        self.migrates();
        assert_eq!(self.bench.look().await, before, "{}", self.bench.tool);
    }

    /// Takes Sluice's rows away of what the tool has none of.
    async fn says_that_it_is_back(&self) {
        let table = Books::of(self.bench.tool).expect("a table").name();
        let meant = format!(
            "DELETE FROM sluice.migration WHERE version NOT IN (SELECT version::text FROM {table})"
        );
        let client = self.bench.client().await;
        client.batch_execute(&meant).await.expect("said");
    }

    async fn standings(&self) -> Vec<Standing> {
        let address = self.bench.address();
        let session = connect(&address, &Trust::Rds, Budget::default()).await;
        let session = session.expect("a session");
        let compared = compare(&session, &self.bench.folder()).await;
        let (standings, refused) = compared.expect("compared");
        assert!(refused.is_empty(), "{refused:?}");
        standings
    }
}

const TOOLS: [Tool; 3] = [Tool::Sqlx, Tool::Refinery, Tool::Dbmate];

/// What the tool alone makes of all changes.
async fn by_the_tool(tool: Tool) -> Team {
    let mut team = Team::new(tool).await;
    team.has(CHANGES.len());
    team.migrates();
    team
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL and tools: make postgres migration-tools"]
async fn the_tool_goes_on_where_sluice_stopped_and_sluice_adopts_it() {
    for tool in TOOLS {
        let alone = by_the_tool(tool).await.bench.look().await;
        let mut team = Team::new(tool).await;
        team.has(2);
        team.bench.all().await.expect("Sluice's part");
        team.has(3);
        team.migrates();
        team.says_up_to_date().await;
        assert_eq!(team.standings().await[2], Standing::Adopt, "{tool}");
        assert_eq!(team.bench.all().await.expect("nothing left"), [], "{tool}");
        assert!(
            team.standings()
                .await
                .iter()
                .all(|one| *one == Standing::Applied)
        );
        let seen = team.bench.look().await;
        assert_eq!(
            (seen.schema, seen.books),
            (alone.schema, alone.books),
            "{tool}"
        );
        assert!(
            seen.ledger.contains("\"adopted\"") && !seen.is_running,
            "{tool}"
        );
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL and tools: make postgres migration-tools"]
async fn sluice_goes_on_where_the_tool_stopped_and_the_tool_says_up_to_date() {
    for tool in TOOLS {
        let alone = by_the_tool(tool).await.bench.look().await;
        let mut team = Team::new(tool).await;
        team.has(1);
        team.migrates();
        team.has(3);
        let steps = team.bench.all().await.expect("Sluice's part");
        assert_eq!(steps.len(), 2, "{tool}: {steps:?}");
        team.says_up_to_date().await;
        let seen = team.bench.look().await;
        assert_eq!(
            (seen.schema, seen.books),
            (alone.schema, alone.books),
            "{tool}"
        );
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL and tools: make postgres migration-tools"]
async fn what_the_tool_takes_back_is_applied_again_once_the_team_says_so() {
    for tool in [Tool::Sqlx, Tool::Dbmate] {
        let mut team = Team::new(tool).await;
        team.has(3);
        team.bench.all().await.expect("applied");
        let before = team.bench.look().await;
        team.takes_back();
        let expected = Standing::Pending {
            unit: 0,
            begun: false,
            reverted: true,
        };
        assert_eq!(team.standings().await[2], expected, "{tool}");
        let error = team.bench.all().await.expect_err("refused").to_string();
        assert!(error.contains("was taken back"), "{tool}: {error}");
        team.says_that_it_is_back().await;
        let steps = team.bench.all().await.expect("applied again");
        assert!(
            matches!(&steps[..], [Step::Applied { .. }]),
            "{tool}: {steps:?}"
        );
        team.says_up_to_date().await;
        assert_eq!(team.bench.look().await, before, "{tool}");
        // All of it, down to an empty table.
        for _ in CHANGES {
            team.takes_back();
        }
        team.says_that_it_is_back().await;
        let steps = team.bench.all().await.expect("all again");
        assert_eq!(steps.len(), CHANGES.len(), "{tool}");
        assert_eq!(team.bench.look().await, before, "{tool}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL and tools: make postgres migration-tools"]
async fn sluice_makes_the_tools_table_as_the_tool_does() {
    for tool in TOOLS {
        let theirs = by_the_tool(tool).await;
        let mut own = Team::new(tool).await;
        own.has(1);
        own.bench.all().await.expect("applied");
        let name = Books::of(tool).expect("a table").name();
        let (own, theirs) = (own.bench.client().await, theirs.bench.client().await);
        let shapes = (
            shape(&own, "public", name).await,
            shape(&theirs, "public", name).await,
        );
        assert_eq!(shapes.0, shapes.1, "{tool}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL and tools: make postgres migration-tools"]
async fn what_sluice_takes_back_is_pending_for_the_tool_as_if_it_had_done_so_itself() {
    for tool in [Tool::Sqlx, Tool::Dbmate] {
        let mut theirs = Team::new(tool).await;
        theirs.has(3);
        theirs.migrates();
        let full = theirs.bench.look().await;
        theirs.takes_back();
        let theirs = theirs.bench.look().await;
        let mut team = Team::new(tool).await;
        team.has(3);
        team.bench.all().await.expect("applied");
        let (own, lint) = team.bench.linted();
        let peer = folder(tool, &files(tool, 2));
        let undo = Undo::new((&own, &lint), Some(&peer)).expect("one tool's");
        let session = team.bench.session().await;
        let limits = team.bench.limits;
        while take_back(&session, &undo, &holder(2), limits)
            .await
            .expect("done")
            != Step::Done
        {}
        drop(session);
        let seen = team.bench.look().await;
        assert_eq!(
            (seen.schema, seen.books),
            (theirs.schema, theirs.books),
            "{tool}"
        );
        let (asked, pending) = match tool {
            Tool::Sqlx => ("info", "/pending "),
            _ => ("status", "Pending: 1"),
        };
        let said = team.run(&[asked]);
        assert_eq!(said.matches(pending).count(), 1, "{said}");
        let expected = Standing::Pending {
            unit: 0,
            begun: false,
            reverted: false,
        };
        assert_eq!(team.standings().await[2], expected, "{tool}");
        team.migrates();
        let seen = team.bench.look().await;
        assert_eq!(
            (seen.schema, seen.books),
            (full.schema, full.books),
            "{tool}"
        );
        assert_eq!(team.standings().await[2], Standing::Adopt, "{tool}");
    }
}
