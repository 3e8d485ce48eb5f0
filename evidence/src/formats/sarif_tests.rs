use serde_json::{Value, json};

use super::*;

fn found(run: &Value) -> Findings {
    let log = json!({"version": "2.1.0", "runs": [run]}).to_string();
    match super::read(&log).expect("read").content {
        Content::Findings(findings) => findings,
        other => panic!("{other:?}"),
    }
}

fn run(results: &Value) -> Value {
    let rules = json!([
        {"id": "js/sql-injection", "properties": {"security-severity": "9.8"}},
        {"id": "unused", "defaultConfiguration": {"level": "note"}},
    ]);
    json!({"tool": {"driver": {"name": "CodeQL", "semanticVersion": "2.1", "rules": rules}}, "results": results})
}

#[test]
fn a_score_counts_more_than_a_level() {
    let findings = found(&run(&json!([
        {"ruleId": "js/sql-injection", "level": "note", "message": {"text": "tainted"},
         "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.js"}, "region": {"startLine": 3}}}]},
        {"ruleIndex": 1, "message": {"text": "unused"}},
        {"ruleId": "other", "level": "error", "message": {}},
        {"ruleId": "another", "message": {}},
    ])));
    let severities: Vec<_> = findings.findings.iter().map(|one| one.severity).collect();
    use Severity::{Critical, High, Low, Medium};
    assert_eq!(severities, [Critical, Low, High, Medium]);
    assert_eq!(findings.findings[0].place, "a.js:3");
    assert_eq!(findings.findings[1].id, "unused");
}

#[test]
fn only_failures_that_stand_are_findings() {
    let findings = found(&run(&json!([
        {"ruleId": "a", "kind": "pass"},
        {"ruleId": "b", "baselineState": "absent"},
        {"ruleId": "c", "suppressions": [{"kind": "inSource"}]},
        {"ruleId": "d", "suppressions": [{"kind": "external", "status": "rejected"}]},
        {"ruleId": "e", "suppressions": []},
    ])));
    let ids: Vec<_> = findings
        .findings
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    assert_eq!(ids, ["d", "e"]);
    assert_eq!(findings.suppressed, 1);
}

#[test]
fn a_run_that_failed_or_has_no_results_is_not_clean() {
    let mut failed = run(&json!([]));
    failed["invocations"] = json!([{"executionSuccessful": false}]);
    let mut none = run(&json!([]));
    none["results"] = Value::Null;
    for run in [failed, none] {
        let log = json!({"version": "2.1.0", "runs": [run]}).to_string();
        assert!(matches!(
            super::read(&log).err(),
            Some(Error::Incomplete(_))
        ));
    }
}

#[test]
fn other_versions_are_refused() {
    let error = super::read(r#"{"version": "2.0.0", "runs": []}"#)
        .err()
        .expect("refused");
    assert!(error.to_string().contains("expected 2.1.0"), "{error}");
}
