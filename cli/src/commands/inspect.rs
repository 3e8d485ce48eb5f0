//! `sluice inspect`: says what was understood of one file of evidence.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sluice_domain::evidence::Called;
use sluice_evidence::{Key, LONGEST};

use crate::error::{Error, Exit, Result};
use crate::inspected::Inspected;
use crate::paint::Output;

/// The formats are told by content, never by a file's name: JUnit XML, TAP; LCOV,
/// Cobertura, JaCoCo; SARIF 2.1.0, Trivy, npm audit, cargo audit, Grype; CycloneDX,
/// SPDX 2; in-toto statements in DSSE envelopes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it is: tests, coverage, findings, sbom, provenance, reviews, or a format
    /// such as junit or sarif. What it is found to be must agree
    #[arg(long, value_name = "KIND")]
    kind: Option<Called>,
    /// A file with a public key (PEM; Ed25519 or ECDSA on P-256): whether an envelope
    /// carries its signature. May be given several times
    #[arg(long = "key", value_name = "PEM")]
    keys: Vec<PathBuf>,
}

impl Args {
    pub(super) fn run(self, output: &Output) -> Result<Exit> {
        let file = self.file.display().to_string();
        let bytes = bytes(&self.file).map_err(Error::file("read", &self.file))?;
        let keys = self.keys.iter().map(|file| key(file));
        let keys: Vec<Key> = keys.collect::<Result<_>>()?;
        let read = sluice_evidence::read(&bytes, self.kind, &keys);
        let reading = read.map_err(|error| Error::Evidence {
            file: file.clone(),
            error,
        })?;
        let inspected = Inspected { file, reading };
        output.answer(&inspected.document(), |style| inspected.lines(style))?;
        Ok(Exit::Ok)
    }
}

/// A public key, called as its file.
fn key(file: &Path) -> Result<Key> {
    let pem = std::fs::read_to_string(file).map_err(Error::file("read", file))?;
    Ok(Key::from_pem(&file.display().to_string(), &pem)?)
}

/// As much of a file as is read of a report, and one byte more, which says that it is
/// too long.
fn bytes(file: &Path) -> std::io::Result<Vec<u8>> {
    let longest = LONGEST as u64 + 1;
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().take(longest).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?
            .take(longest)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
