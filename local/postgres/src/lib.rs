//! PostgreSQL servers that live as long as a test or a demo.
//!
//! [`Server`] is a server of its own: started empty, stopped, ended and started again
//! at will. [`Database`] is an empty database on a server that all tests of a process
//! share. [`secret`] is what opens either to Sluice.
//!
//! The programs are those that `local/postgres/fetch` got. They refuse to run as root, so
//! as root they run as a user who may do nothing, `postgres` or `nobody`.
//!
//! Environment: `SLUICE_POSTGRES` (the folder of the programs; `.sluice/postgres` of the
//! checkout when absent) and `SLUICE_TEST_DATABASE_URL` (an existing server that
//! [`Database`] uses instead; its user must be allowed to create databases).

mod address;
mod certificate;
mod database;
mod error;
mod install;
mod server;

pub use address::secret;
pub use database::Database;
pub use error::Error;
pub use server::{Ending, Server};

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
