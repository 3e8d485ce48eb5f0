use std::io::{Cursor, Write};

use jiff::civil::date;
use serde_json::{Value, json};
use sluice_domain::document::Document;
use sluice_domain::evidence::{CheckOutcome, Severity};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

fn inspector() -> Inspector {
    Inspector {
        keys: Vec::new(),
        absent_keys: Vec::new(),
        scanner: Scanner::new().expect("patterns"),
    }
}

fn manifest(evidence: &Value, variables: &Value) -> Manifest {
    let manifest = json!({"schema": 1, "application": "shop", "version": "1.0.0",
        "commit": "c".repeat(40), "author": {"name": "Ada", "email": "ada@example.com"},
        "functions": {"checkout": {
            "zip": {"key": "checkout.zip", "digest": Digest::of(b"checkout")},
            "configuration": {"environment": variables}}},
        "evidence": evidence});
    Manifest::parse("release.json", manifest.to_string().as_bytes()).expect("a manifest")
}

fn item(kind: &str) -> Evidence {
    Evidence {
        kind: kind.to_owned(),
        key: format!("{kind}.report"),
        digest: Digest::of(b""),
    }
}

fn zip(files: &[(&str, &str)]) -> Cursor<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default())
            .expect("an entry");
        zip.write_all(content.as_bytes()).expect("its content");
    }
    zip.finish().expect("a zip file")
}

/// Put together here, so that no scanner of a repository takes this file for a leak.
fn secret() -> String {
    format!("{}{}", "ghp_", "a1B2".repeat(9))
}

fn bundle<'a>(manifest: &'a Manifest, package: &[(&str, &str)]) -> Bundle<'a> {
    let package = inspector().package(zip(package));
    Bundle {
        manifest,
        reports: Vec::new(),
        packages: BTreeMap::from([("checkout.zip".to_owned(), package)]),
        targets: BTreeMap::new(),
        scans: BTreeMap::new(),
        tags: BTreeMap::new(),
        coverage_before: None,
        today: date(2026, 5, 4),
    }
}

fn assessed(bundle: &Bundle<'_>) -> Assessment {
    inspector().assess(&EvidencePolicy::default(), bundle)
}

fn refusals(bundle: &Bundle<'_>) -> Vec<String> {
    let assessment = assessed(bundle);
    assessment.refusals().map(ToString::to_string).collect()
}

#[test]
fn evidence_is_read_as_it_is_called_and_by_an_unknown_word_not_at_all() {
    let said = |kind: &str, bytes: &[u8]| inspector().report(&item(kind), bytes).file.said;
    assert!(matches!(said("pentest", b"%PDF"), Said::NotRead(_)));
    assert!(matches!(said("junit", b"%PDF"), Said::Broken(_)));
    assert!(matches!(said("junit", b"<testsuite/>"), Said::Reading(_)));
}

#[test]
fn a_report_that_is_too_long_refuses_unread() {
    let manifest = manifest(&json!([]), &json!({}));
    let long = LONGEST as u64 + 1;
    let bundle = Bundle {
        reports: vec![Inspector::too_long(&item("junit"), long)],
        ..bundle(&manifest, &[])
    };
    let told = refusals(&bundle).join("; ");
    assert!(
        told.contains("52428801 bytes; at most 52428800 are read"),
        "{told}"
    );
}

#[test]
fn a_good_bundle_passes_and_what_is_not_there_is_told() {
    let manifest = manifest(&json!([]), &json!({"TABLE": "orders"}));
    let assessment = assessed(&bundle(&manifest, &[("index.js", "exports.handler = 1")]));
    assert_eq!(assessment.outcome, CheckOutcome::Pass);
    let outcomes: Vec<(&str, CheckOutcome)> = assessment
        .checks
        .iter()
        .map(|check| (check.name.as_str(), check.outcome))
        .collect();
    assert_eq!(outcomes[0], ("tests", CheckOutcome::NotRun));
    let last = &outcomes[outcomes.len() - 2..];
    assert_eq!(
        last,
        [
            ("package", CheckOutcome::Pass),
            ("secrets", CheckOutcome::Pass)
        ]
    );
}

#[test]
fn a_secret_anywhere_refuses_with_its_place_and_never_its_value() {
    let plain = manifest(&json!([]), &json!({}));
    let named = manifest(&json!([]), &json!({"TOKEN": secret()}));
    let hidden = format!("const token = '{}'", secret());
    let variables = BTreeMap::from([("TOKEN".to_owned(), secret())]);
    let live = inspector().target("shop-checkout-prod", Fitting::default(), Some(&variables));
    let mut tested = plain.clone();
    let test = json!({"name": "pays", "function": "checkout", "payload": {"token": secret()}});
    tested.smoke_tests = vec![serde_json::from_value(test).expect("a smoke test")];
    for (bundle, place) in [
        (
            bundle(&plain, &[("src/a.js", hidden.as_str())]),
            "github-token in src/a.js of checkout.zip",
        ),
        (bundle(&tested, &[]), "github-token in release.json"),
        (
            bundle(&named, &[]),
            "github-token in environment variable TOKEN of checkout in release.json",
        ),
        (
            Bundle {
                targets: BTreeMap::from([("checkout".to_owned(), live)]),
                ..bundle(&plain, &[])
            },
            "github-token in environment variable TOKEN of shop-checkout-prod",
        ),
        (
            Bundle {
                reports: vec![inspector().report(&item("pentest"), secret().as_bytes())],
                ..bundle(&plain, &[])
            },
            "github-token in pentest.report",
        ),
    ] {
        let told = refusals(&bundle).join("; ");
        assert!(told.contains(place), "{place}: {told}");
        let all = format!("{:?} {bundle:?}", assessed(&bundle));
        let manifest = format!("{:?}", bundle.manifest);
        assert!(!all.replace(&manifest, "").contains(&secret()), "{place}");
    }
}

#[test]
fn variables_that_can_not_be_read_are_told_and_refuse_nothing() {
    let manifest = manifest(&json!([]), &json!({}));
    let sealed = inspector().target("shop-checkout-prod", Fitting::default(), None);
    let assessment = assessed(&Bundle {
        targets: BTreeMap::from([("checkout".to_owned(), sealed)]),
        ..bundle(&manifest, &[])
    });
    let last = assessment.checks.last().expect("a check");
    assert_eq!(
        (last.name.as_str(), last.outcome),
        ("secrets", CheckOutcome::NotRun)
    );
    assert!(last.found.contains("shop-checkout-prod"), "{last}");
}

#[test]
fn a_scan_of_an_image_counts_like_a_report_and_one_that_can_not_be_had_refuses() {
    let manifest = manifest(&json!([]), &json!({}));
    let of = |scan: Result<Findings, String>| {
        let scans = BTreeMap::from([("shop@sha256:00".to_owned(), scan)]);
        let bundle = bundle(&manifest, &[]);
        refusals(&Bundle { scans, ..bundle })
    };
    let found = |severity| Findings {
        findings: vec![Finding {
            id: "CVE-1".to_owned(),
            severity,
            place: "openssl 3.0.1".to_owned(),
            title: String::new(),
        }],
        suppressed: 0,
    };
    assert!(of(Ok(found(Severity::Low))).is_empty());
    let told = of(Ok(found(Severity::Critical))).join("; ");
    assert!(
        told.contains("(shop@sha256:00): found Amazon ECR: 1 critical: CVE-1"),
        "{told}"
    );
    let told = of(Err("no scan".to_owned())).join("; ");
    assert!(told.contains("found no scan; expected a scan"), "{told}");
}
