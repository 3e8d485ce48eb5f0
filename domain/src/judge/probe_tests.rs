use serde_json::{Value, json};

use super::*;
use crate::document::Document as _;
use crate::judge::{JudgePolicy, Observed};
use crate::settings::Settings;

fn probe(more: Value) -> Probe {
    let mut probe = json!({"name": "orders", "function": "api"});
    let fields = probe.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    serde_json::from_value(probe).expect("a probe")
}

fn found(problem: Option<&str>) -> Probed {
    Probed {
        name: "orders".to_owned(),
        target: "shop-api:4".to_owned(),
        latency_ms: Some(35),
        problems: problem.map(str::to_owned).into_iter().collect(),
        fault: None,
    }
}

fn faulty() -> Probed {
    Probed {
        fault: Some("lambda:Invoke failed: TooManyRequestsException".to_owned()),
        ..found(None)
    }
}

const WRONG: Option<&str> = Some("status: found 500, expected 200");

/// When the bake of a step began.
fn bake(step: i64) -> Timestamp {
    Timestamp::from_second(step * 600).expect("a time")
}

/// The verdict after these looks.
fn after(probe: &Probe, looks: Vec<Probed>) -> SignalVerdict {
    let mut probing = Probing::default();
    for (look, probed) in (1..).zip(looks) {
        assert!(!probing.is_of(bake(0), look));
        probing = probing.after(bake(0), look, vec![probed]);
        assert!(probing.is_of(bake(0), look));
    }
    let signals = probing.signals(std::slice::from_ref(probe));
    let Signal::Probe(signal) = &signals[0] else {
        panic!("no probe: {signals:?}");
    };
    judge(signal)
}

#[test]
fn three_failures_in_a_row_fail_the_step_and_say_what_was_found() {
    let verdict = after(&probe(json!({})), vec![found(WRONG); 3]);
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert_eq!(
        verdict.rule,
        "probe orders failed 3 times in a row (shop-api:4, 35 ms): status: found 500, expected 200"
    );
}

#[test]
fn fewer_failures_are_shown_and_nothing_else() {
    let verdict = after(&probe(json!({})), vec![found(WRONG); 2]);
    assert_eq!((verdict.outcome, verdict.warning), (Outcome::Pass, None));
    assert!(
        verdict.rule.contains("failed, 2 of 3 times in a row"),
        "{}",
        verdict.rule
    );
}

#[test]
fn an_answer_that_is_right_ends_the_row() {
    let looks = vec![
        found(WRONG),
        found(WRONG),
        found(None),
        found(WRONG),
        found(WRONG),
    ];
    assert_eq!(after(&probe(json!({})), looks).outcome, Outcome::Pass);
    let verdict = after(&probe(json!({})), vec![found(WRONG), found(None)]);
    assert_eq!(verdict.rule, "probe orders passed (shop-api:4, 35 ms)");
}

#[test]
fn a_probe_that_can_not_be_made_is_no_health_and_no_failure() {
    let verdict = after(&probe(json!({})), vec![found(None), faulty()]);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(
        verdict
            .rule
            .contains("could not be made: lambda:Invoke failed"),
        "{}",
        verdict.rule
    );
    let looks = vec![found(WRONG), found(WRONG), faulty(), found(WRONG)];
    assert_eq!(after(&probe(json!({})), looks).outcome, Outcome::Fail);
    let probes = [probe(json!({}))];
    let none = Probing::default().after_fault(bake(0), 1, &probes, "smoke does not answer");
    let Signal::Probe(signal) = &none.signals(&probes)[0] else {
        panic!("no probe");
    };
    assert_eq!(judge(signal).outcome, Outcome::Inconclusive);
}

#[test]
fn a_row_goes_on_in_the_next_step() {
    let probes = [probe(json!({"failures": 2}))];
    let first = Probing::default().after(bake(0), 7, vec![found(WRONG)]);
    assert!(first.is_of(bake(0), 7) && !first.is_of(bake(1), 7));
    let second = first.after(bake(1), 1, vec![found(WRONG)]);
    let Signal::Probe(signal) = &second.signals(&probes)[0] else {
        panic!("no probe");
    };
    assert_eq!(judge(signal).outcome, Outcome::Fail);
}

#[test]
fn a_probe_of_a_function_that_is_not_released_says_so_and_holds_nothing() {
    let verdict = after(&probe(json!({})), vec![]);
    assert_eq!(verdict.outcome, Outcome::Pass);
    assert!(
        verdict.rule.contains("not part of this release"),
        "{}",
        verdict.rule
    );
}

#[test]
fn a_probe_on_trial_is_shown_and_fails_nothing() {
    let probes = [probe(json!({"dry_run": true, "failures": 1}))];
    let probing = Probing::default().after(bake(0), 1, vec![found(WRONG)]);
    let observed = Observed {
        environment: probing.signals(&probes),
        ..Observed::default()
    };
    let verdict = super::super::judge(&JudgePolicy::default(), &observed, 1);
    assert_eq!(
        verdict.outcome,
        Outcome::Inconclusive,
        "nothing else was measured"
    );
    assert_eq!(verdict.signals[0].outcome, Outcome::Fail);
    assert!(verdict.signals[0].dry_run);
}

#[test]
fn a_policy_without_probes_is_written_as_ever_so_that_plans_keep_their_hash() {
    let written = serde_json::to_value(JudgePolicy::default()).expect("JSON");
    assert_eq!(written.get("probes"), None);
}

#[test]
fn what_is_wrong_with_probes_is_named_with_its_path() {
    let probes = json!([
        {"name": "a", "function": "web"},
        {"name": "a", "url": "http://example.com", "failures": 0},
        {"name": "b"},
    ]);
    let document = json!({
        "schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}}, "judge": {"probes": probes},
    });
    let refused = Settings::parse("x", document.to_string().as_bytes());
    let refused = refused.expect_err("refused").to_string();
    for problem in [
        "judge.probes[0].function: found `web`; expected one of `api`",
        "judge.probes[1].name: found `a`; expected a name, each once",
        "judge.probes[1].url: found `http://example.com`; expected an https:// URL with a host and no user",
        "judge.probes[1].failures: found 0; expected 1 to 10",
        "judge.probes[2]: found neither `function` nor `url`; expected one",
    ] {
        assert!(refused.contains(problem), "{problem}: {refused}");
    }
}

fn checked(probe: &Value) -> Result<Settings, String> {
    let settings = json!({
        "schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}}, "judge": {"probes": [probe]},
    });
    let settings = Settings::parse("/sluice/shop/prod", settings.to_string().as_bytes());
    settings.map_err(|invalid| invalid.to_string())
}

#[test]
fn a_probe_that_could_never_pass_is_refused() {
    let expecting = |path: &str| {
        let expect = json!({"json": {path: true}});
        checked(&json!({"name": "a", "function": "api", "expect": expect}))
    };
    assert!(expecting("$.items[?length(@.name) > 1]").is_ok());
    let refused = expecting("items[").expect_err("no JSONPath");
    for told in ["judge.probes[0].expect.json: found `items[`", "RFC 9535"] {
        assert!(refused.contains(told), "{refused}");
    }
    let fetching = |url: &str| checked(&json!({"name": "a", "url": url}));
    assert!(fetching("https://example.com:8443/health?deep=true").is_ok());
    for url in [
        "https://",
        "https:///health",
        "https://:443/",
        "https://exa mple.com/",
        "https://ada:s3cret@example.com/",
        "example.com",
    ] {
        let refused = fetching(url).expect_err(url);
        assert!(refused.contains("judge.probes[0].url: found"), "{refused}");
        assert!(!refused.contains("s3cret"), "{refused}");
    }
}

#[test]
fn a_misspelt_field_of_a_probe_is_refused_by_its_name() {
    let misspelt = checked(&json!({"name": "a", "function": "api", "failure": 2}));
    let refused = misspelt.expect_err("no such field");
    assert!(
        refused.contains("judge.probes[0]: unknown field `failure`"),
        "{refused}"
    );
    let expect = json!({"name": "a", "function": "api", "expect": {"state": 200}});
    let refused = checked(&expect).expect_err("no such field");
    assert!(
        refused.contains("judge.probes[0]: unknown field `state`"),
        "{refused}"
    );
}

#[test]
fn a_payload_is_not_for_urls() {
    let url = json!({"name": "a", "url": "https://example.com", "payload": {}});
    let refused = checked(&url).expect_err("a GET carries nothing");
    assert!(
        refused.contains("judge.probes[0].payload: found one beside `url`"),
        "{refused}"
    );
}
