//! One file for each format.

pub(crate) mod cargo_audit;
pub(crate) mod cobertura;
pub(crate) mod cyclonedx;
pub(crate) mod dsse;
pub(crate) mod grype;
pub(crate) mod jacoco;
pub(crate) mod junit;
mod kept;
pub(crate) mod lcov;
pub(crate) mod npm_audit;
pub(crate) mod sarif;
pub(crate) mod spdx;
pub(crate) mod tap;
pub(crate) mod trivy;

use sluice_domain::evidence::Format;

use crate::{Error, Read, reader_of};

/// Reads a report in this format.
pub(crate) fn read(format: Format, text: &str) -> Result<Read, Error> {
    reader_of(format)(text)
}
