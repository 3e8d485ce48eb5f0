//! The embedded engine: everything that lets Sluice run on one Linux machine
//! exactly as it is deployed to AWS.
//!
//! It starts the engine process ([`engine`]), builds and deploys the template
//! with the SAM CLI ([`sam`]), makes weighted aliases and metrics per version
//! real with a proxy for Invoke ([`door`]), and sends a steady stream of
//! invocations ([`load`]). Sluice's functions and state machines know nothing
//! of it: they see an endpoint and credentials, as on AWS.
//!
//! Environment: `SLUICE_ROOT` (the checkout; found upwards from the working
//! directory when absent) and `SLUICE_VENVS` (the folder of the `engine` and
//! `sam` virtual environments; `.sluice/venv` when absent).
//!
//! It never reaches AWS, never touches Docker, and writes nothing outside
//! `.sluice`, `target` and the virtual environments.

pub mod demo;
pub mod door;
pub mod engine;
mod error;
pub mod load;
pub mod outside;
pub mod process;
pub mod sam;
pub mod session;
pub mod storefront;
pub mod workspace;

pub use error::{Error, Result};
