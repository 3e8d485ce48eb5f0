use serde_json::{Value, json};

use super::*;

fn problems(policy: &Value) -> Vec<String> {
    let policy: EvidencePolicy = serde_json::from_value(policy.clone()).expect("its shape");
    let mut problems = Vec::new();
    policy.check("evidence", &mut problems);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn no_report_is_required_unless_settings_say_so_and_what_is_there_is_judged() {
    let policy = EvidencePolicy::default();
    assert_eq!(
        serde_json::from_value::<EvidencePolicy>(json!({})).expect("none"),
        policy
    );
    assert!(policy.require.is_empty() && problems(&json!({})).is_empty());
    assert_eq!(policy.coverage.min_percent.to_string(), "80");
    let limits = policy.findings.limits();
    assert_eq!(
        (limits[&Severity::Critical], limits[&Severity::High]),
        (0, 0)
    );
}

#[test]
fn what_can_not_hold_or_means_nothing_is_refused_with_its_path() {
    for (policy, path) in [
        (
            json!({"coverage": {"min_percent": 101}}),
            "evidence.coverage.min_percent",
        ),
        (
            json!({"coverage": {"max_drop": -1}}),
            "evidence.coverage.max_drop",
        ),
        (
            json!({"image_scan": {"wait_seconds": 181}}),
            "evidence.image_scan.wait_seconds",
        ),
        (
            json!({"image_tags": {"wait_seconds": 181}}),
            "evidence.image_tags.wait_seconds",
        ),
        (
            json!({"waivers": [{"id": "CVE-1", "reason": " ", "owner": "ada", "expires": "2030-01-01"}]}),
            "evidence.waivers[0].reason",
        ),
        (
            json!({"sbom": {"deny_licences": ["AGPL"]}}),
            "evidence.sbom.deny_licences",
        ),
        (
            json!({"provenance": {"keys": [{"name": "ci"}]}}),
            "evidence.provenance.keys[0]",
        ),
        (
            json!({"require": ["provenance"]}),
            "evidence.provenance.keys",
        ),
    ] {
        let found = problems(&policy);
        assert_eq!(found.len(), 1, "{policy}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}: ")), "{}", found[0]);
    }
}

#[test]
fn tags_that_are_not_looked_at_stay_so_when_settings_are_written_again() {
    let policy: EvidencePolicy =
        serde_json::from_value(json!({"image_tags": null})).expect("a policy");
    assert_eq!(policy.image_tags, None);
    let again = serde_json::to_value(&policy).expect("JSON");
    assert_eq!(
        serde_json::from_value::<EvidencePolicy>(again).expect("a policy"),
        policy
    );
}

#[test]
fn a_word_that_names_no_kind_of_evidence_is_no_requirement() {
    let error = serde_json::from_value::<EvidencePolicy>(json!({"require": ["pentest"]}));
    let told = error.expect_err("unknown").to_string();
    assert!(told.contains("`pentest` is no kind of evidence"), "{told}");
}
