//! What can go wrong with the embedded engine, and what a person does about it.

use std::path::PathBuf;

/// Everything that this crate reports.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No checkout of Sluice here.
    #[error(
        "found no checkout of Sluice in {} or above it: expected a folder with template.yaml and \
         local/requirements; run this inside the checkout or set SLUICE_ROOT",
        from.display()
    )]
    NoWorkspace {
        /// Where the search began.
        from: PathBuf,
    },

    /// A tool of a virtual environment is not there.
    #[error(
        "{} is missing: the virtual environments are not set up; run `make venvs` (SLUICE_VENVS \
         names their folder)",
        path.display()
    )]
    NoTool {
        /// The program that was expected.
        path: PathBuf,
    },

    /// A file or folder could not be used.
    #[error("could not {action} {}: {source}", path.display())]
    Files {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },

    /// The state file holds something else than a state.
    #[error(
        "{} is not a state file of the embedded engine: {source}; run `make down`, or delete it if \
         nothing runs",
        path.display()
    )]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },

    /// An engine of this checkout runs already.
    #[error("the engine of this checkout already runs at {endpoint}; `make down` stops it")]
    AlreadyUp {
        /// Where it answers.
        endpoint: String,
    },

    /// A port that was asked for is taken.
    #[error("port {port} of 127.0.0.1 can't be used: {source}; name another or leave it out")]
    Port {
        /// The port.
        port: u16,
        /// Why not.
        source: std::io::Error,
    },

    /// The engine ended or stayed silent while starting.
    #[error("the engine did not start: {found}; its log is {}\n{tail}", log.display())]
    NotStarted {
        /// What was seen instead of a healthy answer.
        found: String,
        /// The whole log.
        log: PathBuf,
        /// The end of it.
        tail: String,
    },

    /// A command that this crate ran failed.
    #[error("`{command}` failed ({status}); its output is in {}\n{tail}", log.display())]
    Command {
        /// The command as a person would type it.
        command: String,
        /// How it ended.
        status: String,
        /// The whole output.
        log: PathBuf,
        /// The end of it.
        tail: String,
    },

    /// A process would not end.
    #[error("process {pid} is still there {seconds} s after SIGKILL; end it by hand")]
    Unkillable {
        /// Its id.
        pid: i32,
        /// How long was waited.
        seconds: u64,
    },

    /// The engine answered with an error.
    #[error("{action} failed: {message}")]
    Engine {
        /// What was asked of it.
        action: String,
        /// What it said.
        message: String,
    },

    /// The front door could not be opened.
    #[error("the alias front door can't listen on {address}: {source}; name another port")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },

    /// An address is not one that the load generator can call.
    #[error("{address} is not an address of the front door: {reason}; expected http://host:port")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps an input or output error with what was tried and on what.
    pub(crate) fn files(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Files {
            action,
            path,
            source,
        }
    }
}
