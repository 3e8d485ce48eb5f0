use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::evidence::{Finding, Findings, Format, Severity, Tool, Waiver, assess_secrets};

#[path = "assess_origin_tests.rs"]
mod origin;

const TODAY: Date = date(2026, 5, 4);

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn artifacts() -> BTreeMap<String, Digest> {
    BTreeMap::from([("checkout.zip".to_owned(), digest("checkout"))])
}

fn file(format: Format, content: Content) -> File {
    let tool = Tool {
        name: "the tool".to_owned(),
        version: None,
    };
    File {
        key: format!("{}.report", format.name()),
        digest: digest(&format!("{content:?}")),
        said: Said::Reading(Reading {
            format,
            tools: vec![tool],
            signed_by: Vec::new(),
            idle: None,
            content,
        }),
    }
}

fn judged(policy: &EvidencePolicy, files: &[File]) -> Assessment {
    judged_without(&[], policy, files)
}

/// Where these keys are not at hand.
fn judged_without(absent_keys: &[String], policy: &EvidencePolicy, files: &[File]) -> Assessment {
    let (artifacts, scans) = (artifacts(), BTreeMap::new());
    let context = Context {
        today: TODAY,
        artifacts: &artifacts,
        scans: &scans,
        absent_keys,
        coverage_before: Some(90.0),
    };
    assess(policy, files, &context)
}

fn refusals(policy: &EvidencePolicy, files: &[File]) -> Vec<String> {
    let assessment = judged(policy, files);
    assessment
        .refusals()
        .map(|check| format!("{}: {}", check.name, check.found))
        .collect()
}

fn policy(json: &serde_json::Value) -> EvidencePolicy {
    serde_json::from_value(json.clone()).expect("a policy")
}

fn finding(id: &str, severity: Severity) -> Finding {
    Finding {
        id: id.to_owned(),
        severity,
        place: "openssl 3.0.1".to_owned(),
        title: String::new(),
    }
}

fn scan(findings: Vec<Finding>) -> File {
    let found = Findings {
        findings,
        suppressed: 0,
    };
    file(Format::Grype, Content::Findings(found))
}

#[test]
fn what_is_not_there_refuses_only_where_it_is_required() {
    let nothing = judged(&EvidencePolicy::default(), &[]);
    assert_eq!(nothing.outcome, CheckOutcome::Pass);
    assert!(
        nothing
            .checks
            .iter()
            .all(|check| check.outcome == CheckOutcome::NotRun)
    );
    let asks = policy(&serde_json::json!({"require": ["tests", "sarif"]}));
    assert_eq!(refusals(&asks, &[]), ["tests: none", "sarif: none"]);
    let tests = Tests {
        passed: 1,
        ..Tests::default()
    };
    let there = [file(Format::Tap, Content::Tests(tests))];
    assert_eq!(refusals(&asks, &there), ["sarif: none"]);
}

#[test]
fn what_can_not_be_read_refuses() {
    let broken = File {
        key: "junit.xml".to_owned(),
        digest: digest("cut off"),
        said: Said::Broken("it is cut off".to_owned()),
    };
    assert_eq!(
        refusals(&EvidencePolicy::default(), &[broken]),
        ["evidence: it is cut off"]
    );
}

#[test]
fn tests_of_all_reports_are_taken_together() {
    let of = |passed, failed, skipped| {
        let tests = Tests {
            passed,
            failed,
            skipped,
            ..Tests::default()
        };
        file(Format::Junit, Content::Tests(tests))
    };
    let default = EvidencePolicy::default();
    assert!(refusals(&default, &[of(3, 0, 1), of(0, 0, 0)]).is_empty());
    assert_eq!(refusals(&default, &[of(3, 0, 0), of(3, 1, 0)]).len(), 1);
    assert_eq!(refusals(&default, &[of(0, 0, 9)]).len(), 1, "no test ran");
    let strict = policy(&serde_json::json!({"tests": {"max_skipped": 0}}));
    assert_eq!(refusals(&strict, &[of(3, 0, 1)]).len(), 1);
}

#[test]
fn a_report_that_is_named_again_counts_once() {
    let tests = Tests {
        passed: 1,
        ..Tests::default()
    };
    let once = file(Format::Junit, Content::Tests(tests));
    let again = File {
        key: "again.xml".to_owned(),
        ..once.clone()
    };
    let asks = policy(&serde_json::json!({"tests": {"min": 2}}));
    let all = [once.clone(), once, again];
    assert_eq!(refusals(&asks, &all).len(), 1);
    let told = judged(&asks, &all).checks;
    let repeated = told.iter().filter(|check| check.name == "evidence");
    let repeated: Vec<&str> = repeated.map(|check| check.found.as_str()).collect();
    assert_eq!(repeated, ["the content of `junit.report` once more"; 2]);
}

#[test]
fn a_report_that_proves_nothing_is_shown_and_meets_no_requirement() {
    let mut idle = scan(vec![]);
    if let Said::Reading(reading) = &mut idle.said {
        reading.idle = Some("a scan of nothing".to_owned());
    }
    let asks = policy(&serde_json::json!({"require": ["findings"]}));
    let files = [idle];
    assert_eq!(refusals(&asks, &files), ["findings: none"]);
    let first = &judged(&asks, &files).checks[0];
    assert_eq!(
        (first.outcome, first.found.as_str()),
        (CheckOutcome::NotRun, "a scan of nothing")
    );
}

#[test]
fn limits_are_of_all_reports_and_scans_together() {
    let one = |id: &str| scan(vec![finding(id, Severity::High)]);
    let asks = policy(&serde_json::json!({"findings": {"high": 2}}));
    assert!(refusals(&asks, &[one("A"), one("B")]).is_empty());
    let three = [one("A"), one("B"), one("C")];
    assert_eq!(refusals(&asks, &three).len(), 3);
    let checks = judged(&asks, &three).checks;
    let expected = &checks.last().expect("a check").expected;
    assert!(
        expected.ends_with("in all 3 reports, which have 3 high"),
        "{expected}"
    );
    let (artifacts, found) = (artifacts(), |file: &File| match &file.said {
        Said::Reading(Reading {
            content: Content::Findings(found),
            ..
        }) => Ok(found.clone()),
        _ => Err("no scan".to_owned()),
    });
    let scans = BTreeMap::from([("shop@sha256:00".to_owned(), found(&three[2]))]);
    let context = Context {
        today: TODAY,
        artifacts: &artifacts,
        scans: &scans,
        absent_keys: &[],
        coverage_before: None,
    };
    let with_scan = assess(&asks, &three[..2], &context);
    assert_eq!(with_scan.refusals().count(), 3);
}

#[test]
fn no_number_of_failures_adds_up_to_none() {
    let tests = Tests {
        passed: 1,
        failed: u64::MAX,
        errored: 1,
        ..Tests::default()
    };
    let file = file(Format::Junit, Content::Tests(tests));
    assert_eq!(refusals(&EvidencePolicy::default(), &[file]).len(), 1);
}

#[test]
fn coverage_has_a_least_share_and_may_not_drop() {
    let of = |covered| {
        let lines = Counter {
            covered,
            total: 100,
        };
        let coverage = Coverage {
            lines,
            branches: None,
        };
        [file(Format::Lcov, Content::Coverage(coverage))]
    };
    let default = EvidencePolicy::default();
    assert!(refusals(&default, &of(80)).is_empty());
    assert_eq!(refusals(&default, &of(79)), ["coverage: 79.00 %"]);
    let nearly = Coverage {
        lines: Counter {
            covered: 79_999,
            total: 100_000,
        },
        branches: None,
    };
    let nearly = file(Format::Lcov, Content::Coverage(nearly));
    assert_eq!(refusals(&default, &[nearly]), ["coverage: 79.999 %"]);
    let steady = policy(&serde_json::json!({"coverage": {"max_drop": 1}}));
    assert!(refusals(&steady, &of(89)).is_empty());
    assert_eq!(refusals(&steady, &of(88)), ["coverage drop: 88.00 %"]);
    let nothing = file(Format::Lcov, Content::Coverage(Coverage::default()));
    assert_eq!(
        refusals(&default, &[nothing]).len(),
        1,
        "nothing to cover is no coverage"
    );
}

#[test]
fn a_waiver_holds_until_its_day_and_for_its_place() {
    let waiver = |expires: Date, place: Option<&str>| EvidencePolicy {
        waivers: vec![Waiver {
            id: "CVE-1".to_owned(),
            place: place.map(str::to_owned),
            reason: "not reachable".to_owned(),
            owner: "ada".to_owned(),
            expires,
        }],
        ..EvidencePolicy::default()
    };
    let found = [scan(vec![finding("CVE-1", Severity::Critical)])];
    let outcome = |policy: &EvidencePolicy| judged(policy, &found).outcome;
    assert_eq!(outcome(&waiver(TODAY, None)), CheckOutcome::Pass);
    assert_eq!(
        outcome(&waiver(TODAY, Some("zlib 1"))),
        CheckOutcome::Refuse
    );
    let over = waiver(date(2026, 5, 3), None);
    assert_eq!(outcome(&over), CheckOutcome::Refuse);
    let told = refusals(&over, &found).join("; ");
    assert!(
        told.contains("a waiver that ran out on 2026-05-03"),
        "{told}"
    );
    let used = judged(&waiver(TODAY, None), &found);
    assert!(
        used.checks
            .iter()
            .any(|check| check.outcome == CheckOutcome::Waived)
    );
}

#[test]
fn of_two_waivers_of_one_finding_the_longer_counts() {
    let policy = policy(&serde_json::json!({"waivers": [
        {"id": "CVE-1", "reason": "then", "owner": "ada", "expires": "2026-05-01"},
        {"id": "CVE-1", "reason": "now", "owner": "bob", "expires": "2026-06-01"}]}));
    let found = [scan(vec![finding("CVE-1", Severity::Critical)])];
    assert!(refusals(&policy, &found).is_empty());
}

#[test]
fn a_waiver_that_ran_out_refuses_also_what_a_limit_would_let_stand() {
    let policy = policy(&serde_json::json!({"findings": {"high": 5}, "waivers": [
        {"id": "CVE-1", "reason": "then", "owner": "ada", "expires": "2026-05-01"}]}));
    let found = [scan(vec![finding("CVE-1", Severity::High)])];
    assert_eq!(refusals(&policy, &found).len(), 1);
    assert!(refusals(&policy, &[scan(vec![finding("CVE-2", Severity::High)])]).is_empty());
}

#[test]
fn what_is_waived_is_told_once_for_each_waiver() {
    let policy = policy(&serde_json::json!({"waivers": [
        {"id": "CVE-1", "reason": "now", "owner": "bob", "expires": "2026-06-01"}]}));
    let found = vec![finding("CVE-1", Severity::Critical); 1000];
    let checks = judged(&policy, &[scan(found)]).checks;
    let waived = checks
        .iter()
        .filter(|check| check.outcome == CheckOutcome::Waived);
    let told: Vec<&str> = waived.map(|check| check.found.as_str()).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("and 995 more"), "{told:?}");
}

#[test]
fn a_secret_refuses_unless_somebody_answers_for_it() {
    let found = [finding("jwt", Severity::Critical)];
    let lax = policy(&serde_json::json!({"findings": {"critical": null}}));
    let outcome =
        |policy: &EvidencePolicy| Assessment::of(assess_secrets(policy, &found, TODAY)).outcome;
    assert_eq!(outcome(&lax), CheckOutcome::Refuse);
    let waived = policy(&serde_json::json!({"waivers": [
        {"id": "jwt", "reason": "a sample of the docs", "owner": "ada", "expires": "2026-05-04"}]}));
    assert_eq!(outcome(&waived), CheckOutcome::Pass);
}

#[test]
fn what_is_called_by_an_unknown_word_is_kept_and_told() {
    let unknown = "pentest".parse::<Called>().expect_err("unknown");
    let file = File {
        key: "pentest.pdf".to_owned(),
        digest: digest("pdf"),
        said: Said::NotRead(unknown),
    };
    let assessment = judged(&EvidencePolicy::default(), &[file]);
    assert_eq!(assessment.outcome, CheckOutcome::Pass);
    assert!(assessment.checks[0].found.contains("`pentest`"));
}

fn any_severity() -> impl Strategy<Value = Severity> {
    proptest::sample::select(Severity::ALL.to_vec())
}

fn any_findings() -> impl Strategy<Value = Vec<Finding>> {
    proptest::collection::vec(("CVE-[1-3]", any_severity()), 0..8).prop_map(|all| {
        all.into_iter()
            .map(|(id, severity)| finding(&id, severity))
            .collect()
    })
}

fn any_policy() -> impl Strategy<Value = EvidencePolicy> {
    let limit = || proptest::option::of(0_u64..3);
    (limit(), limit(), limit(), limit(), "CVE-[1-3]", 0_i8..3).prop_map(
        |(critical, high, medium, low, id, day)| EvidencePolicy {
            findings: crate::evidence::FindingPolicy {
                critical,
                high,
                medium,
                low,
                unknown: critical,
            },
            waivers: vec![Waiver {
                id,
                place: None,
                reason: "why".to_owned(),
                owner: "ada".to_owned(),
                expires: date(2026, 5, 3 + day),
            }],
            ..EvidencePolicy::default()
        },
    )
}

proptest! {
    #[test]
    fn one_more_finding_never_makes_it_better(
        policy in any_policy(),
        findings in any_findings(),
        id in "CVE-[1-4]",
        severity in any_severity(),
        place in 0_usize..8,
    ) {
        let before = judged(&policy, &[scan(findings.clone())]).outcome;
        let mut more = findings;
        let place = place.min(more.len());
        more.insert(place, finding(&id, severity));
        let after = judged(&policy, &[scan(more)]).outcome;
        prop_assert!(after >= before, "{before:?} became {after:?}");
    }

    #[test]
    fn the_order_of_findings_changes_nothing(policy in any_policy(), findings in any_findings()) {
        let mut turned = findings.clone();
        turned.reverse();
        prop_assert_eq!(
            judged(&policy, &[scan(findings)]).outcome,
            judged(&policy, &[scan(turned)]).outcome
        );
    }
}
