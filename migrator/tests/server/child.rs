//! A process of its own that applies migrations, to be killed in the middle.

use std::env;
use std::process::{Child, Command, Stdio};

use sluice_migration::Tool;
use sluice_migrator::apply::Limits;
use sluice_migrator::{Budget, Trust, connect};

use crate::bench::{Bench, folder, next};
use crate::plot::{self, Files};

const URL: &str = "SLUICE_TEST_CHILD_URL";
const TOOL: &str = "SLUICE_TEST_CHILD_TOOL";
const FILES: &str = "SLUICE_TEST_CHILD_FILES";

/// Starts a process that makes one call. It is killed when the value is dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(url: &str, tool: Tool, files: &Files) -> Self {
        let own = env::current_exe().expect("this program");
        let child = Command::new(own)
            .args(["--exact", "--include-ignored", "--test-threads=1"])
            .arg("child::a_process_of_its_own_applies_a_unit")
            .env(URL, url)
            .env(TOOL, tool.name())
            .env(FILES, serde_json::to_string(files).expect("JSON"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("a process"))
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_over(&mut self) -> bool {
        self.0.try_wait().expect("its state").is_some()
    }

    /// Sends SIGKILL, and waits until the system has cleaned up. Whether it was still
    /// there to be killed.
    pub(crate) fn kill(mut self) -> bool {
        let is_there = !self.is_over();
        self.0.kill().expect("SIGKILL");
        self.0.wait().expect("its end");
        is_there
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Other tests start this one as a process, and say what it is to apply.
#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_process_of_its_own_applies_a_unit() {
    if let (Ok(url), Ok(tool), Ok(files)) = (env::var(URL), env::var(TOOL), env::var(FILES)) {
        let files: Files = serde_json::from_str(&files).expect("files");
        let address = url.parse().expect("an address");
        // Who starts it decides how long a statement waits.
        let budget = Budget {
            lock: std::time::Duration::from_secs(60),
            ..Budget::default()
        };
        let session = connect(&address, &Trust::Rds, budget)
            .await
            .expect("a session");
        let folder = folder(tool.parse().expect("a tool"), &files);
        let limits = Limits {
            budget,
            ..Limits::default()
        };
        next(&session, &folder, 1, limits).await.expect("a unit");
        return;
    }
    let bench = Bench::of(Tool::Sqlx, &plot::TRANSACTIONS).await;
    let mut process = Process::start(&bench.url(), bench.tool, &bench.files);
    assert!(process.0.wait().expect("its end").success());
    let seen = bench.look().await;
    assert!(seen.ledger.contains("\"1_person.sql\""), "{seen:?}");
    assert!(seen.schema.contains("row person (20,p20)"), "{seen:?}");
}
