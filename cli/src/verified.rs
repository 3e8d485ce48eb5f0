//! What a bundle in a folder comes to, before anybody uploads it: what the function
//! `verify` will say of it, as far as that can be told without AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read as _};

use jiff::civil::Date;
use sluice_domain::document::Document as _;
use sluice_domain::evidence::{Assessment, Check, CheckOutcome, EvidencePolicy};
use sluice_domain::manifest::{Artifact, Manifest};
use sluice_evidence::bundle::{Bundle, Inspector, Report};
use sluice_evidence::{Key, LONGEST, Scanner, digest};

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::github::annotation_of;
use crate::pack::RELEASE_JSON;
use crate::paint::{Style, Table, Tone};

/// The longest `release.json` that is read, in bytes.
const LONGEST_MANIFEST: u64 = 1024 * 1024;

/// The manifest of a bundle, or the check that refuses it.
///
/// # Errors
/// When there is no such file, or it can't be read.
pub fn manifest(folder: &Folder) -> Result<std::result::Result<Manifest, Check>> {
    let path = folder.path().join(RELEASE_JSON);
    let mut bytes = Vec::new();
    folder
        .open(RELEASE_JSON)
        .and_then(|file| file.take(LONGEST_MANIFEST + 1).read_to_end(&mut bytes))
        .map_err(Error::file("read", path))?;
    let expected = "a manifest as docs/manifest.md describes it";
    let refused =
        |found: String| Check::of("manifest", false, found, expected).in_file(RELEASE_JSON);
    if bytes.len() as u64 > LONGEST_MANIFEST {
        let found = format!("more than {LONGEST_MANIFEST} bytes");
        return Ok(Err(refused(found)));
    }
    let parsed = Manifest::parse(RELEASE_JSON, &bytes);
    Ok(parsed.map_err(|error| refused(error.to_string())))
}

/// Checks a bundle against a policy.
///
/// # Errors
/// When a trusted key can't be read, or the folder can't be listed.
pub fn verify(
    folder: &Folder,
    manifest: &Manifest,
    policy: &EvidencePolicy,
    today: Date,
) -> Result<Assessment> {
    let scanner = Scanner::new().map_err(|error| Error::Usage(error.to_string()))?;
    let (keys, mut checks) = trusted(policy)?;
    let inspector = Inspector { keys, scanner };
    let artifacts: Vec<Artifact> = manifest.artifacts().collect();
    let mut whole = BTreeSet::new();
    for artifact in &artifacts {
        let check = intact(folder, artifact);
        if check.outcome == CheckOutcome::Pass {
            whole.insert(artifact.key.as_str());
        }
        checks.push(check);
    }
    checks.extend(others(folder, &artifacts)?);
    checks.extend(not_asked(manifest, policy));
    let is_whole = |key: &&str| whole.contains(key);
    let zips = manifest
        .functions
        .values()
        .filter_map(|one| one.zip.as_ref());
    let zips = zips.map(|zip| zip.key.as_str()).filter(is_whole);
    let packages = zips.map(|key| {
        let opened = folder
            .open(key)
            .map_err(Error::file("read", folder.path().join(key)))?;
        Ok((key.to_owned(), inspector.package(BufReader::new(opened))))
    });
    let evidence = manifest
        .evidence
        .iter()
        .filter(|item| is_whole(&item.key.as_str()));
    let reports = evidence.map(|item| {
        let path = folder.path().join(&item.key);
        report(folder, &inspector, item).map_err(Error::file("read", path))
    });
    let bundle = Bundle {
        manifest,
        reports: reports.collect::<Result<_>>()?,
        packages: packages.collect::<Result<_>>()?,
        targets: BTreeMap::new(),
        scans: BTreeMap::new(),
        coverage_before: None,
        today,
    };
    checks.extend(inspector.assess(policy, &bundle).checks);
    Ok(Assessment::of(checks))
}

/// The keys whose signatures are believed, and a check for each that is not at hand.
fn trusted(policy: &EvidencePolicy) -> Result<(Vec<Key>, Vec<Check>)> {
    let (mut keys, mut checks) = (Vec::new(), Vec::new());
    for key in &policy.provenance.keys {
        match &key.pem {
            Some(pem) => keys.push(Key::from_pem(&key.name, pem)?),
            None => checks.push(Check::new(
                "key",
                CheckOutcome::NotRun,
                format!("`{}` is in KMS, which is not asked here", key.name),
                "nothing: signatures with it count once the bundle is uploaded",
            )),
        }
    }
    Ok((keys, checks))
}

/// Whether a file is there, and what the manifest says.
fn intact(folder: &Folder, artifact: &Artifact) -> Check {
    let found = folder
        .open(&artifact.key)
        .and_then(|mut file| digest(&mut file));
    let expected = artifact.digest.to_string();
    let check = match found {
        Ok(found) => Check::of(
            "digest",
            found == artifact.digest,
            found.to_string(),
            expected,
        ),
        Err(error) => Check::of("digest", false, error.to_string(), expected),
    };
    check.in_file(&artifact.key)
}

/// What lies in the folder and belongs to no release.
fn others(folder: &Folder, artifacts: &[Artifact]) -> Result<Vec<Check>> {
    let keys = folder.keys().map_err(Error::file("list", folder.path()))?;
    let named: BTreeSet<&str> = artifacts.iter().map(|one| one.key.as_str()).collect();
    let others = keys
        .iter()
        .filter(|key| key.as_str() != RELEASE_JSON && !named.contains(key.as_str()));
    let check = |key: &String| {
        let found = "a file that release.json does not name";
        let expected = "nothing: it is neither checked nor released";
        Check::new("additional", CheckOutcome::NotRun, found, expected).in_file(key)
    };
    Ok(others.map(check).collect())
}

/// What only AWS knows.
fn not_asked(manifest: &Manifest, policy: &EvidencePolicy) -> Option<Check> {
    let has_image = manifest.functions.values().any(|one| one.image.is_some());
    (has_image && policy.image_scan.is_some()).then(|| {
        let found = "Amazon ECR, which is not asked here";
        let expected = "nothing: its scan counts once the bundle is uploaded";
        Check::new("findings", CheckOutcome::NotRun, found, expected)
    })
}

fn report(
    folder: &Folder,
    inspector: &Inspector,
    item: &sluice_domain::manifest::Evidence,
) -> io::Result<Report> {
    let file = folder.open(&item.key)?;
    let length = file.metadata()?.len();
    if length > LONGEST as u64 {
        return Ok(Inspector::too_long(item, length));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(inspector.report(item, &bytes))
}

/// For people.
#[must_use]
pub fn lines(assessment: &Assessment, style: Style) -> Vec<String> {
    let mut table = Table::new(&["outcome", "check", "file", "found", "expected"]);
    for check in &assessment.checks {
        table.row(vec![
            (tone(check.outcome), check.outcome.name().to_owned()),
            (Tone::Plain, check.name.clone()),
            (Tone::Plain, check.file.clone().unwrap_or_default()),
            (Tone::Plain, check.found.clone()),
            (Tone::Faint, check.expected.clone()),
        ]);
    }
    let mut lines = table.lines(style);
    let refused = assessment.refusals().count();
    lines.push(match refused {
        0 => style.paint(Tone::Good, "nothing refuses this bundle"),
        refused => style.paint(Tone::Bad, &format!("refused, by {refused} checks")),
    });
    lines
}

const fn tone(outcome: CheckOutcome) -> Tone {
    match outcome {
        CheckOutcome::Pass => Tone::Good,
        CheckOutcome::NotRun => Tone::Faint,
        CheckOutcome::Waived => Tone::Doubt,
        CheckOutcome::Refuse => Tone::Bad,
    }
}

/// For a job of GitHub Actions: an error for each refusal, a warning for each waiver, at
/// its file.
#[must_use]
pub fn annotations(assessment: &Assessment, folder: &Folder) -> Vec<String> {
    let annotation = |check: &Check| {
        let level = match check.outcome {
            CheckOutcome::Refuse => "error",
            CheckOutcome::Waived => "warning",
            _ => return None,
        };
        let file = folder
            .path()
            .join(check.file.as_deref().unwrap_or(RELEASE_JSON));
        let title = format!("Sluice: {}", check.name);
        let message = format!("found {}; expected {}", check.found, check.expected);
        Some(annotation_of(
            level,
            &file.to_string_lossy(),
            &title,
            &message,
        ))
    };
    assessment.checks.iter().filter_map(annotation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assessment() -> Assessment {
        Assessment::of(vec![
            Check::of("digest", true, "sha256:1", "sha256:1").in_file("api.zip"),
            Check::of("tests", false, "100 % failed,\nall", "none").in_file("a,b:c.xml"),
            Check::new("findings", CheckOutcome::Waived, "CVE-1", "none"),
        ])
    }

    #[test]
    fn people_see_a_table_of_what_was_found_and_expected() {
        let lines = lines(&assessment(), Style::PLAIN);
        assert_eq!(lines.len(), 5, "{lines:?}");
        assert!(lines[0].starts_with("outcome  check"), "{lines:?}");
        assert!(lines[1].starts_with("pass     digest"), "{lines:?}");
        assert_eq!(lines[4], "refused, by 1 checks");
    }

    #[test]
    fn what_refuses_is_an_error_at_its_file_and_nothing_ends_it_early() {
        assert_eq!(
            annotations(&assessment(), &Folder::new("out")),
            [
                "::error file=out/a%2Cb%3Ac.xml,title=Sluice%3A tests::found 100 %25 failed,%0Aall; expected none",
                "::warning file=out/release.json,title=Sluice%3A findings::found CVE-1; expected none",
            ]
        );
    }

    #[test]
    fn scripts_see_the_outcome_and_each_check() {
        let document = serde_json::to_value(assessment()).expect("JSON");
        assert_eq!(document["outcome"], "refuse");
        assert_eq!(document["checks"][1]["file"], "a,b:c.xml");
        assert_eq!(document["checks"][2]["outcome"], "waived");
    }
}
