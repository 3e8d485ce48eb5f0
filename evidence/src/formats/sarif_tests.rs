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

fn severities(run: &Value) -> Vec<Severity> {
    let findings = found(run).findings.into_iter();
    findings.map(|one| one.severity).collect()
}

#[test]
fn a_rule_is_looked_for_in_the_component_that_is_named() {
    let scored =
        |id: &str, score: &str| json!({"id": id, "properties": {"security-severity": score}});
    let guid = "7b8f4a3c-0d5e-4b8e-9c55-1f1b3b1f2a10";
    let of = |reference: Value| {
        let tool = json!({
            "driver": {"name": "d", "rules": [scored("fine", "1.0"), scored("bad", "2.0")]},
            "extensions": [
                {"name": "p", "rules": [scored("bad", "5.0")]},
                {"name": "q", "guid": guid, "rules": [scored("bad", "9.8")]}]});
        severities(&json!({"tool": tool, "results": [{"rule": reference}]}))
    };
    for reference in [
        json!({"id": "bad", "index": 0, "toolComponent": {"name": "q"}}),
        json!({"id": "bad", "index": 0, "toolComponent": {"guid": guid}}),
        json!({"id": "bad", "index": 0, "toolComponent": {"index": 1}}),
        json!({"id": "bad/3", "toolComponent": {"name": "q"}}),
        json!({"index": 0, "toolComponent": {"name": "q"}}),
    ] {
        assert_eq!(of(reference.clone()), [Severity::Critical], "{reference}");
    }
}

#[test]
fn a_rule_by_place_counts_only_if_it_has_the_results_id() {
    let results = json!([{"ruleId": "js/sql-injection", "ruleIndex": 1}]);
    assert_eq!(severities(&run(&results)), [Severity::Critical]);
}

#[test]
fn a_tool_that_met_an_error_has_not_looked_at_all_of_it() {
    for kind in [
        "toolExecutionNotifications",
        "toolConfigurationNotifications",
    ] {
        let of = |level: &str| {
            let mut run = run(&json!([]));
            let notification = json!({"level": level, "message": {"text": "no such file"}});
            run["invocations"] = json!([{"executionSuccessful": true, kind: [notification]}]);
            super::read(&json!({"version": "2.1.0", "runs": [run]}).to_string())
        };
        assert!(of("warning").is_ok());
        let error = of("error").err().expect("refused").to_string();
        assert!(error.contains("no such file"), "{error}");
    }
}
