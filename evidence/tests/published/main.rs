//! Files that public tools wrote, as public Rust and Python packages ship them in their
//! own tests: `files.txt` names them and what they say, `packages.txt` where they are
//! from. `make published` gets them.

mod files;
mod replay;
#[path = "../told/mod.rs"]
mod told;

use std::collections::BTreeSet;

use files::{Listed, REFUSED, listed, packages};
use sluice_domain::evidence::{Content, Format, Reading};

fn read(bytes: &[u8]) -> Result<Reading, sluice_evidence::Error> {
    sluice_evidence::read(bytes, None, &[])
}

/// What a report says: of long lists only how many there are of each sort.
fn summary(reading: &Reading) -> String {
    match &reading.content {
        Content::Findings(found) => {
            let counts = found.by_severity();
            let counts = counts.iter().map(|(one, n)| format!("{n} {}", one.name()));
            let counts: Vec<String> = counts.collect();
            format!(
                "{} findings: {}; {} suppressed",
                found.findings.len(),
                counts.join(", "),
                found.suppressed
            )
        }
        Content::Sbom(sbom) => {
            let bare = sbom.components.iter().filter(|one| one.licences.is_empty());
            let (all, bare) = (sbom.components.len(), bare.count());
            format!("{all} components, {bare} without a licence")
        }
        _ => told::told(reading),
    }
}

#[test]
#[ignore = "needs files of public tools: make published"]
fn what_public_tools_wrote_is_understood_as_they_mean_it() {
    for Listed { name, format, says } in listed() {
        let Some(bytes) = files::bytes(&name) else {
            continue;
        };
        match read(&bytes) {
            Ok(reading) => {
                let found = (reading.format.name().to_owned(), summary(&reading));
                assert_eq!(found, (format, says), "{name}");
            }
            Err(error) => {
                let error = error.to_string();
                assert!(
                    format == REFUSED && error.contains(&says),
                    "{name}: {error}"
                );
            }
        }
    }
}

#[test]
fn more_than_ten_tools_and_nearly_every_format_are_listed() {
    let all = listed();
    let tools: BTreeSet<_> = packages().into_iter().collect();
    assert!(tools.len() > 10);
    for package in tools {
        let has = all
            .iter()
            .any(|one| one.name.starts_with(&format!("{package}/")));
        assert!(has, "nothing of {package} is read");
    }
    let formats: BTreeSet<_> = all.iter().map(|one| one.format.as_str()).collect();
    for format in Format::ALL {
        // No package was found that ships an unabridged report of npm.
        let is_listed = formats.contains(format.name());
        assert_eq!(is_listed, format != Format::NpmAudit, "{}", format.name());
    }
}
