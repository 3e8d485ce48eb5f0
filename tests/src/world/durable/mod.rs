//! An engine with Sluice on it that survives its own sudden death, as far as AWS
//! would: what was stored is there again, and no execution or function that ran
//! goes on.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use sluice_local::engine::{Engine, Options};
use sluice_local::session::{Session, Setup, State};
use sluice_local::storefront::MANAGED_FUNCTIONS;
use sluice_local::workspace::Workspace;
use tokio::time::{Instant, sleep};

use super::{EVERY, PATIENCE};
use crate::repository;

/// The engine.
pub struct Durable {
    workspace: Workspace,
    session: Session,
    /// What runs after the first one has died.
    again: Option<Engine>,
    written_down: PathBuf,
}

impl Durable {
    /// Starts one, with Sluice on it.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(test: &str) -> Self {
        let workspace = Workspace::find().expect("the checkout");
        let run = workspace.test_run(test);
        let written_down = run.path().join("written-down");
        let setup = Setup {
            engine: options(None, &written_down),
            managed_functions: MANAGED_FUNCTIONS.to_owned(),
        };
        let session = Session::start(&workspace, run, &setup, |_| ()).await;
        Self {
            session: session.unwrap_or_else(|error| panic!("{error}")),
            workspace,
            again: None,
            written_down,
        }
    }

    /// What points a command at it.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        self.session.state().environment()
    }

    /// Has it write down what AWS would have kept by now, and ends it and every
    /// function that runs, at once.
    ///
    /// # Panics
    /// When it writes nothing down.
    pub async fn kill(&self) {
        let State {
            engine, endpoint, ..
        } = self.session.state();
        let process = Pid::from_raw(engine.pid).expect("its id");
        kill_process(process, Signal::USR1).expect("it is asked to write down");
        until("it is written down", || self.written_down.exists()).await;
        engine.kill();
        // What it listened with is closed when the last of its threads is gone.
        let address = endpoint.trim_start_matches("http://");
        until("its port is free", || TcpListener::bind(address).is_ok()).await;
    }

    /// Starts it again where it was, with what was written down.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        let endpoint = &self.session.state().endpoint;
        let port = endpoint
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let options = options(port, &self.written_down);
        let engine = Engine::start(&self.workspace, self.session.run(), &options).await;
        self.again = Some(engine.unwrap_or_else(|error| panic!("{error}")));
    }

    /// Stops it for good.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop(self) {
        if let Some(engine) = self.again {
            engine.stop().await.expect("the engine is stopped");
        }
        self.session.stop().await.expect("the session is over");
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(EVERY).await;
    }
}

fn options(port: Option<u16>, written_down: &Path) -> Options {
    let hook = repository().join("tests/src/world/durable");
    Options {
        port,
        more: vec![
            ("PERSIST_STATE", "1".to_owned()),
            ("S3_PERSIST", "1".to_owned()),
            ("PYTHONPATH", hook.display().to_string()),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            ("SLUICE_WRITTEN_DOWN", written_down.display().to_string()),
        ],
        ..Options::default()
    }
}
