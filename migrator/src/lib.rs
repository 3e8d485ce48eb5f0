//! Applies a team's PostgreSQL migrations on a server, one unit at a time, and knows after
//! whatever happened what was done.
//!
//! [`connect`] opens a verified session, [`books`] keeps what the team's own tool expects
//! to find, [`ledger`] keeps what happened, [`standing`](mod@standing) compares a folder with
//! both, and [`apply`](mod@apply) does what is next.
//!
//! **Invariant:** what it did stands in the database itself, in the same transaction as
//! what it did wherever PostgreSQL has transactions for it. Nothing that this process
//! remembers is needed to go on.
//!
//! Never: reads a bundle, a secret's store, or a clock of its own where the server's tells.

mod address;
mod advice;
pub mod apply;
mod backfill;
mod batches;
pub mod begin;
pub mod books;
mod catalog;
pub mod check;
mod connect;
mod error;
mod fence;
mod fits;
mod folder;
mod interrupted;
pub mod ledger;
mod locks;
mod patience;
pub mod plan;
pub mod restored;
mod rows;
pub mod standing;
mod tables;
mod tls;
pub mod undo;
mod undo_words;

pub use address::{Address, AddressError, Overrides, Password};
pub use backfill::Progress;
pub use connect::{Budget, Session, connect};
pub use error::{Error, Place};
pub use fence::{fence, fence_if_begun};
pub use tls::Trust;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
