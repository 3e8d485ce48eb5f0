//! What signed statements prove.

use super::*;
use crate::evidence::{ReviewPolicy, Reviews, Statement, Subject};

fn statement(subject: &str, source: &str) -> Statement {
    Statement {
        subjects: vec![Subject {
            name: subject.to_owned(),
            digest: Some(digest(subject)),
        }],
        predicate_type: "https://slsa.dev/provenance/v1".to_owned(),
        builder: Some("https://github.com/actions/runner".to_owned()),
        source: Some(source.to_owned()),
    }
}

fn signed(content: Content, signed_by: &[&str]) -> File {
    let mut file = file(Format::Dsse, content);
    if let Said::Reading(reading) = &mut file.said {
        reading.signed_by = signed_by.iter().map(ToString::to_string).collect();
    }
    file
}

fn trusting() -> EvidencePolicy {
    policy(&serde_json::json!({"provenance": {
        "keys": [{"name": "ci", "pem": ""}],
        "builders": ["https://github.com/actions/runner"],
        "sources": ["https://github.com/acme/shop"]}}))
}

const OURS: &str = "git+https://github.com/acme/shop@refs/heads/main";

#[test]
fn provenance_is_believed_from_trusted_keys_about_this_build_alone() {
    let of = |subject, source, by: &[&str]| {
        let file = signed(Content::Provenance(statement(subject, source)), by);
        refusals(&trusting(), &[file])
    };
    assert_eq!(of("checkout", OURS, &["ci"]), Vec::<String>::new());
    assert_eq!(
        of("checkout", OURS, &[]),
        [
            "provenance: no signature of a trusted key",
            "provenance subjects: nothing about checkout.zip"
        ]
    );
    assert_eq!(
        of("other", OURS, &["ci"]),
        ["provenance subjects: nothing about checkout.zip"]
    );
    for source in [
        "https://github.com/acme/shop-fork",
        "https://github.com/evil@github.com/acme/shop",
        "https://evil.com/#https://github.com/acme/shop",
    ] {
        assert_eq!(
            of("checkout", source, &["ci"])[0],
            format!("provenance source: {source}")
        );
    }
}

#[test]
fn a_reference_that_is_allowed_is_asked_for() {
    let refused = |allowed: &str, source: &str| {
        let mut policy = trusting();
        policy.provenance.sources = vec![allowed.to_owned()];
        let statement = Content::Provenance(statement("checkout", source));
        !refusals(&policy, &[signed(statement, &["ci"])]).is_empty()
    };
    let shop = "https://github.com/acme/shop";
    let main = "https://github.com/acme/shop@refs/heads/main";
    for (allowed, source) in [
        (main, OURS),
        (main, main),
        (OURS, main),
        (shop, OURS),
        ("git+https://github.com/acme/shop.git", OURS),
        (
            "ssh://git@github.com/acme/shop",
            "git+ssh://git@github.com/acme/shop.git@main",
        ),
    ] {
        assert!(!refused(allowed, source), "{allowed}: {source}");
    }
    for (allowed, source) in [
        (main, shop),
        (main, "git+https://github.com/acme/shop@refs/heads/main2"),
        (main, "git+https://github.com/acme/fork@refs/heads/main"),
        (shop, "https://github.com/acme@shop"),
    ] {
        assert!(refused(allowed, source), "{allowed}: {source}");
    }
}

#[test]
fn what_only_a_key_that_is_not_at_hand_can_prove_is_not_run() {
    let absent = ["ci".to_owned()];
    let outcomes = |subject: &str, source: &str| {
        let file = signed(Content::Provenance(statement(subject, source)), &[]);
        let checks = judged_without(&absent, &trusting(), &[file]).checks;
        let proofs = checks.into_iter();
        let proofs = proofs.filter(|check| check.name.starts_with("provenance"));
        proofs.map(|check| check.outcome).collect::<Vec<_>>()
    };
    use CheckOutcome::{NotRun, Pass, Refuse};
    assert_eq!(outcomes("checkout", OURS), [NotRun, Pass, Pass, NotRun]);
    assert_eq!(outcomes("other", OURS), [NotRun, Pass, Pass, Refuse]);
    let fork = "https://github.com/acme/fork";
    assert_eq!(outcomes("checkout", fork), [NotRun, Pass, Refuse, Refuse]);
    let reviews = |approved_by: &[&str]| {
        let reviews = Reviews {
            subjects: statement("checkout", OURS).subjects,
            authors: Vec::new(),
            approved_by: approved_by.iter().map(ToString::to_string).collect(),
        };
        let file = signed(Content::Reviews(reviews), &[]);
        let checks = judged_without(&absent, &trusting(), &[file]).checks;
        let found = checks.into_iter().find(|check| check.file.is_some());
        found.expect("a check of the reviews").outcome
    };
    assert_eq!(reviews(&["bob"]), NotRun);
    assert_eq!(reviews(&[]), Refuse);
}

#[test]
fn without_keys_statements_are_shown_and_prove_nothing() {
    let other = Content::Provenance(statement("other", OURS));
    let shown = judged(&EvidencePolicy::default(), &[signed(other, &[])]);
    assert_eq!(shown.outcome, CheckOutcome::Pass);
    assert_eq!(
        shown.checks.last().expect("one").outcome,
        CheckOutcome::NotRun
    );
}

#[test]
fn a_statement_for_each_artifact_proves_them_together() {
    let mut artifacts = artifacts();
    artifacts.insert("catalog.zip".to_owned(), digest("catalog"));
    let scans = BTreeMap::new();
    let context = Context {
        today: TODAY,
        artifacts: &artifacts,
        scans: &scans,
        absent_keys: &[],
        coverage_before: None,
    };
    let of = |subject| signed(Content::Provenance(statement(subject, OURS)), &["ci"]);
    let outcome = |files: &[File]| assess(&trusting(), files, &context).outcome;
    assert_eq!(
        outcome(&[of("checkout"), of("catalog")]),
        CheckOutcome::Pass
    );
    assert_eq!(outcome(&[of("checkout")]), CheckOutcome::Refuse);
}

#[test]
fn enough_people_other_than_the_authors_must_have_approved_this_build() {
    let of = |subject: &str, approved_by: &[&str], by: &[&str], min: usize| {
        let reviews = Reviews {
            subjects: statement(subject, OURS).subjects,
            authors: vec!["ada".to_owned()],
            approved_by: approved_by.iter().map(ToString::to_string).collect(),
        };
        let policy = EvidencePolicy {
            reviews: ReviewPolicy { min },
            ..trusting()
        };
        judged(&policy, &[signed(Content::Reviews(reviews), by)]).outcome
    };
    assert_eq!(of("checkout", &["bob"], &["ci"], 1), CheckOutcome::Pass);
    for (subject, approved_by, by, min) in [
        ("checkout", &["bob", "bob"][..], &["ci"][..], 2),
        ("checkout", &["ada"], &["ci"], 1),
        ("checkout", &["bob"], &[], 1),
        ("other", &["bob"], &["ci"], 1),
    ] {
        let outcome = of(subject, approved_by, by, min);
        assert_eq!(outcome, CheckOutcome::Refuse, "{subject} {approved_by:?}");
    }
}
