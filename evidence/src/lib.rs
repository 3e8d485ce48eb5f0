//! Reads what build systems write about a build: test results, coverage, findings,
//! SBOMs, provenance. Looks into what it made: packages, and secrets that should not be
//! there.
//!
//! Decides: which format a file has (by its content, never by its name), what it
//! says, in the one shape of [`sluice_domain::evidence`], and whether a package is one that
//! its function can run. What follows from that is decided there.
//!
//! A report comes from outside, so it is met with bounds: [`LONGEST`] bytes,
//! [`DEEPEST`] levels, [`MOST`] findings or components. No entity is expanded and
//! nothing that a report refers to is opened. A report that is cut off, or that says of
//! itself that it is incomplete, is an error and no clean report.
//!
//! Never: touches a network, a file or a clock.

pub mod bundle;
mod directory;
mod error;
mod fitting;
mod formats;
mod hash;
mod json;
mod keys;
mod links;
mod names;
mod package;
mod recognise;
mod secrets;
mod text;
mod xml;

use sluice_domain::evidence::{Called, Content, Format, Reading, Tool};

pub use error::Error;
pub use fitting::Fitting;
pub use formats::dsse::REVIEWS;
pub use hash::digest;
pub use keys::{Key, KeyError};
pub use package::{LONGEST_UNPACKED, LONGEST_ZIP, Package, PackageError};
pub use secrets::Scanner;

/// The longest report that is read, in bytes.
pub const LONGEST: usize = 50 * 1024 * 1024;

/// How deep elements, objects and lists of a report may lie within each other.
pub const DEEPEST: usize = 100;

/// How many findings, components or tests' names are kept of a report. With more of
/// them than this it is refused: it would not be judged as a whole.
pub const MOST: usize = 100_000;

/// Reads a report.
///
/// `called` is what a manifest or a person calls it, if they do: what it is found to
/// be must agree. `keys` are those whose signatures are looked for.
///
/// # Errors
/// When it is too large, in no known format, in another than it is called, or broken.
pub fn read(bytes: &[u8], called: Option<Called>, keys: &[Key]) -> Result<Reading, Error> {
    if bytes.len() > LONGEST {
        return Err(Error::TooLong(bytes.len()));
    }
    let text = &*text::decoded(bytes)?;
    let format = recognise::format_of(text, called)?;
    let Read {
        tools,
        idle,
        content,
    } = formats::read(format, text)?;
    let reading = Reading {
        format,
        tools,
        signed_by: match format {
            Format::Dsse => keys::signed_by(text, keys)?,
            _ => Vec::new(),
        },
        idle,
        content,
    };
    match called {
        Some(Called::Kind(kind)) if kind != reading.kind() => Err(Error::OtherKind {
            called: kind,
            found: reading.kind(),
            format,
        }),
        _ => Ok(reading),
    }
}

/// What a format's reader makes of a report.
struct Read {
    tools: Vec<Tool>,
    /// Why it neither proves nor refuses anything, where that is so.
    idle: Option<String>,
    content: Content,
}

impl Read {
    fn by(tools: impl IntoIterator<Item = Tool>, content: Content) -> Self {
        Self {
            tools: tools.into_iter().collect(),
            idle: None,
            content,
        }
    }
}

/// How a reader of a format is called.
type Reader = fn(&str) -> Result<Read, Error>;

/// The reader of each format.
const fn reader_of(format: Format) -> Reader {
    match format {
        Format::Junit => formats::junit::read,
        Format::Tap => formats::tap::read,
        Format::Lcov => formats::lcov::read,
        Format::Cobertura => formats::cobertura::read,
        Format::Jacoco => formats::jacoco::read,
        Format::Sarif => formats::sarif::read,
        Format::Trivy => formats::trivy::read,
        Format::NpmAudit => formats::npm_audit::read,
        Format::CargoAudit => formats::cargo_audit::read,
        Format::Grype => formats::grype::read,
        Format::Cyclonedx => formats::cyclonedx::read,
        Format::Spdx => formats::spdx::read,
        Format::Dsse => formats::dsse::read,
    }
}
