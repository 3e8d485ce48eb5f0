//! What a bundle in a folder comes to, before anybody uploads it: what the function
//! `verify` will say of it, as far as that can be told without AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read as _};

use jiff::civil::Date;
use sluice_domain::document::Document as _;
use sluice_domain::evidence::{Assessment, Check, CheckOutcome, EvidencePolicy};
use sluice_domain::manifest::{Artifact, Manifest};
use sluice_evidence::bundle::{Bundle, Inspector, Report, Target};
use sluice_evidence::{Key, LONGEST, Package, PackageError, Scanner, digest};

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::pack::{RELEASE_JSON, is_template};
use crate::paint::{Style, Table, Tone};
use crate::workflow::annotation_of;

/// The longest `release.json` that is read, in bytes.
pub(crate) const LONGEST_MANIFEST: u64 = 1024 * 1024;

/// The manifest of a bundle, or the check that refuses it.
///
/// # Errors
/// When there is no such file, or it can't be read.
pub fn manifest(folder: &Folder) -> Result<std::result::Result<Manifest, Check>> {
    let bytes = release_json(folder)?;
    let refused = |found: String, expected: &str| {
        Check::of("manifest", false, found, expected).in_file(RELEASE_JSON)
    };
    let expected = "a manifest as docs/manifest.md describes it";
    if bytes.len() as u64 > LONGEST_MANIFEST {
        let found = format!("more than {LONGEST_MANIFEST} bytes");
        return Ok(Err(refused(found, expected)));
    }
    let parsed = Manifest::parse(RELEASE_JSON, &bytes);
    Ok(parsed.map_err(|error| {
        if is_template(&bytes).unwrap_or(false) {
            let found = "a template, which `sluice pack` makes a manifest of".to_owned();
            let expected = "a packed bundle: run `sluice pack FOLDER --out BUNDLE_DIR` first";
            return refused(found, expected);
        }
        refused(error.to_string(), expected)
    }))
}

/// The manifest as it is written, or a little more than may be read of it.
fn release_json(folder: &Folder) -> Result<Vec<u8>> {
    let path = folder.path().join(RELEASE_JSON);
    let file = folder.open(RELEASE_JSON).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::Absent(format!(
            "there is no {}; expected the folder of a bundle, as `sluice pack FOLDER --out BUNDLE_DIR` writes it",
            path.display()
        )),
        _ => Error::file("read", &path)(error),
    })?;
    let mut bytes = Vec::new();
    file.take(LONGEST_MANIFEST + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::file("read", path))?;
    Ok(bytes)
}

/// What is in zip files, by key.
type Packages = BTreeMap<String, std::result::Result<Package, PackageError>>;

/// A bundle, and what is known of it beside its files.
pub struct Given<'a> {
    /// Where its files are.
    pub folder: &'a Folder,
    /// The keys of all that lies there, in order.
    pub keys: Vec<String>,
    /// What it says of itself.
    pub manifest: &'a Manifest,
    /// What looks into it.
    pub inspector: &'a Inspector,
    /// The functions that it goes to, by the names of the manifest, as far as they are
    /// known.
    pub targets: BTreeMap<String, Target>,
    /// What was checked already.
    pub checks: Vec<Check>,
}

/// What looks into bundles, and a check for each trusted key that is not at hand.
///
/// # Errors
/// When a trusted key can't be read.
pub fn inspector(policy: &EvidencePolicy) -> Result<(Inspector, Vec<Check>)> {
    let scanner = Scanner::new().map_err(|error| Error::Usage(error.to_string()))?;
    let (mut keys, mut absent_keys) = (Vec::new(), Vec::new());
    for key in &policy.provenance.keys {
        match &key.pem {
            Some(pem) => keys.push(Key::from_pem(&key.name, pem)?),
            None => absent_keys.push(key.name.clone()),
        }
    }
    let checks = absent_keys.iter().map(|name| not_at_hand(name)).collect();
    let inspector = Inspector {
        keys,
        absent_keys,
        scanner,
    };
    Ok((inspector, checks))
}

fn not_at_hand(key: &str) -> Check {
    let found = format!("`{key}` is in KMS, which is not asked here");
    let expected = "nothing: signatures with it count once the bundle is uploaded";
    Check::new("key", CheckOutcome::NotRun, found, expected)
}

/// Checks a bundle against a policy.
///
/// # Errors
/// When a file that was there can't be read any more.
pub fn verify(given: Given<'_>, policy: &EvidencePolicy, today: Date) -> Result<Assessment> {
    let Given {
        folder,
        keys,
        manifest,
        inspector,
        targets,
        mut checks,
    } = given;
    let artifacts = artifacts(manifest);
    // Hashing and unpacking take about as long: side by side, all of it takes no longer
    // than either.
    let (digests, mut packages) = std::thread::scope(|scope| {
        let digests = scope.spawn(|| artifacts.iter().map(|one| intact(folder, one)).collect());
        let packages = packages(folder, inspector, manifest);
        let digests: Vec<Check> = digests
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (digests, packages)
    });
    let passed = |check: &&Check| check.outcome == CheckOutcome::Pass;
    let whole = digests.iter().filter(passed);
    let whole: BTreeSet<String> = whole.filter_map(|check| check.file.clone()).collect();
    packages.retain(|key, _| whole.contains(key));
    checks.extend(digests);
    checks.extend(others(&keys, &artifacts));
    checks.extend(not_asked(manifest, policy));
    let evidence = manifest
        .evidence
        .iter()
        .filter(|item| whole.contains(&item.key));
    let reports = evidence.map(|item| {
        let path = folder.path().join(&item.key);
        report(folder, inspector, item).map_err(Error::file("read", path))
    });
    let bundle = Bundle {
        manifest,
        reports: reports.collect::<Result<_>>()?,
        packages,
        targets,
        scans: BTreeMap::new(),
        tags: BTreeMap::new(),
        coverage_before: None,
        today,
    };
    checks.extend(inspector.assess(policy, &bundle).checks);
    Ok(Assessment::of(checks))
}

/// The files that a manifest names, each once.
fn artifacts(manifest: &Manifest) -> Vec<Artifact> {
    let mut seen = BTreeSet::new();
    let all = manifest.artifacts();
    all.filter(|one| seen.insert(one.key.clone())).collect()
}

/// What is in each zip file that can be opened. Of one that can't be, its digest tells.
fn packages(folder: &Folder, inspector: &Inspector, manifest: &Manifest) -> Packages {
    let zips = manifest
        .functions
        .values()
        .filter_map(|one| one.zip.as_ref());
    let keys: BTreeSet<&str> = zips.map(|zip| zip.key.as_str()).collect();
    let opened = keys
        .into_iter()
        .filter_map(|key| Some((key, folder.open(key).ok()?)));
    opened
        .map(|(key, file)| (key.to_owned(), inspector.package(BufReader::new(file))))
        .collect()
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
fn others(keys: &[String], artifacts: &[Artifact]) -> Vec<Check> {
    let named: BTreeSet<&str> = artifacts.iter().map(|one| one.key.as_str()).collect();
    let others = keys
        .iter()
        .filter(|key| key.as_str() != RELEASE_JSON && !named.contains(key.as_str()));
    let check = |key: &String| {
        let found = "a file that release.json does not name";
        let expected = "nothing: it is neither checked nor released";
        Check::new("additional", CheckOutcome::NotRun, found, expected).in_file(key)
    };
    others.map(check).collect()
}

/// What only AWS knows.
fn not_asked(manifest: &Manifest, policy: &EvidencePolicy) -> Vec<Check> {
    let has_image = manifest.functions.values().any(|one| one.image.is_some());
    let asked = [
        ("findings", "its scan counts", policy.image_scan.is_some()),
        ("image tags", "they count", policy.image_tags.is_some()),
    ];
    let asked = asked.into_iter().filter(|(.., is_asked)| *is_asked);
    let checks = asked.filter(|_| has_image).map(|(name, counts, _)| {
        let found = "Amazon ECR, which is not asked here";
        let expected = format!("nothing: {counts} once the bundle is uploaded");
        Check::new(name, CheckOutcome::NotRun, found, expected)
    });
    checks.collect()
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
        refused => style.paint(
            Tone::Bad,
            &match refused {
                1 => "refused, by one check".to_owned(),
                several => format!("refused, by {several} checks"),
            },
        ),
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
            (&file.to_string_lossy(), None),
            &title,
            &message,
        ))
    };
    assessment.checks.iter().filter_map(annotation).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assessment() -> Assessment {
        Assessment::of(vec![
            Check::of("digest", true, "sha256:1", "sha256:1").in_file("api.zip"),
            Check::of("tests", false, "100 % failed,\nall", "none").in_file("a,b:c.xml"),
            Check::new("findings", CheckOutcome::Waived, "CVE-1", "none"),
        ])
    }

    fn refusal(release_json: Option<&str>) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(text) = release_json {
            std::fs::write(folder.path().join(RELEASE_JSON), text).expect("written");
        }
        match manifest(&Folder::new(folder.path())) {
            Ok(Err(check)) => check.to_string(),
            Err(error) => error.to_string(),
            Ok(Ok(manifest)) => panic!("{manifest:?}"),
        }
    }

    #[test]
    fn who_has_not_packed_yet_is_told_to() {
        let template = r#"{"application": "shop", "functions": {"api": {"zip": "api"}}}"#;
        for release_json in [None, Some(template)] {
            let told = refusal(release_json);
            assert!(told.contains("`sluice pack FOLDER --out"), "{told}");
        }
        let told = refusal(Some(r#"{"schema": 1"#));
        assert!(told.contains("docs/manifest.md"), "{told}");
    }

    #[test]
    fn keys_in_kms_are_told_and_kept_apart() {
        let policy = json!({"provenance": {"keys": [{"name": "ci", "kms": "arn:key"}]}});
        let policy = serde_json::from_value(policy).expect("a policy");
        let (inspector, checks) = inspector(&policy).expect("an inspector");
        assert_eq!(inspector.absent_keys, ["ci"]);
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].outcome, CheckOutcome::NotRun);
    }

    #[test]
    fn people_see_a_table_of_what_was_found_and_expected() {
        let lines = lines(&assessment(), Style::PLAIN);
        assert_eq!(lines.len(), 5, "{lines:?}");
        assert!(lines[0].starts_with("outcome  check"), "{lines:?}");
        assert!(lines[1].starts_with("pass     digest"), "{lines:?}");
        assert_eq!(lines[4], "refused, by one check");
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
