use serde_json::{Value, json};
use sluice_domain::document::Document as _;

use super::*;

fn settings(judge: Value) -> Settings {
    let document = json!({
        "schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}},
        "steps": [{"weight": 10, "bake_seconds": 300}, {"weight": 50, "bake_seconds": 0}, {"weight": 100, "bake_seconds": 600}],
        "judge": judge,
    });
    Settings::parse("settings", document.to_string().as_bytes()).expect("valid")
}

/// So many calls a minute, for a week.
fn forecast(settings: &Settings, per_minute: f64) -> Forecast {
    let calls = (per_minute > 0.0).then_some(Calls {
        count: per_minute * 10_080.0,
        seconds: 604_800,
    });
    Forecast::of(settings, &BTreeMap::from([("api".to_owned(), calls)]))
}

#[test]
fn each_step_says_what_it_can_exclude_and_how_it_ends_at_best() {
    let settings = settings(json!({}));
    let lines = forecast(&settings, 80.0).lines(Style::PLAIN).join("\n");
    let expected = "\
api  80 calls/min in the last 7 days
  step               calls  can exclude        must exclude  which takes  at best it
  10 % for 5 min     40     a rise of 15.57 %  2.00 %        37 min       passes when extended
  50 %, not watched                                                       not judged
  100 % for 10 min   800    a share of 0.69 %  5.00 %        1 min 22 s   passes in time

a rollout takes 19 min at least, 2 h 19 min if every step is extended";
    assert_eq!(lines, expected);
    assert_eq!(forecast(&settings, 80.0).findings(&settings), []);
}

#[test]
fn a_step_that_passes_because_less_is_asked_for_at_last_says_so() {
    let forecast = forecast(&settings(json!({"extend_seconds": 600})), 80.0);
    let step = &forecast.functions["api"].steps[0];
    assert_eq!(step.prospect, Prospect::PassesAtLast);
    let lines = forecast.lines(Style::PLAIN).join("\n");
    let expected = "passes, extended, if a rise of 15.00 % is excluded";
    assert!(lines.contains(expected), "{lines}");
}

#[test]
fn a_step_that_can_not_pass_is_a_problem_with_what_to_change() {
    let settings =
        settings(json!({"extend_seconds": 600, "errors": {"max_increase_extended": null}}));
    let findings = forecast(&settings, 80.0).findings(&settings);
    let lines = findings[0].lines(Style::PLAIN);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(
        lines[0].starts_with("problem  api, 10 % for 5 min: can't pass: it gets about 120 calls in 15 min, extended, and takes 37 min to exclude a rise of 2.00 %;"),
        "{lines:#?}"
    );
    assert!(
        lines[0].ends_with("it is rolled back though nothing fails"),
        "{lines:#?}"
    );
    for way in [
        "its `bake_seconds` to 22",
        "`errors.max_increase` to 0.0",
        "or `on_inconclusive`",
    ] {
        assert!(lines[1].contains(way), "{way}: {lines:#?}");
    }
}

#[test]
fn a_step_that_goes_on_undecided_is_noted() {
    let judge = json!({
        "extend_seconds": 600,
        "on_inconclusive": "advance",
        "errors": {"max_increase_extended": null},
    });
    let settings = settings(judge);
    let findings = forecast(&settings, 80.0).findings(&settings);
    let lines = findings[0].lines(Style::PLAIN);
    assert!(lines[0].starts_with("note "), "{lines:#?}");
    assert!(lines[0].ends_with("it goes on undecided"), "{lines:#?}");
    assert!(!lines[1].contains("on_inconclusive"), "{lines:#?}");
}

#[test]
fn a_step_that_waits_for_a_person_undecided_is_noted() {
    let asking = settings(json!({
        "extend_seconds": 600,
        "on_inconclusive": "pause",
        "errors": {"max_increase_extended": null},
    }));
    let lines = forecast(&asking, 80.0).findings(&asking)[0].lines(Style::PLAIN);
    assert!(lines[0].starts_with("note "), "{lines:#?}");
    assert!(
        lines[0].ends_with("it waits for a person's go, for a day at most"),
        "{lines:#?}"
    );
    let uncalled = forecast(&asking, 0.0).findings(&asking);
    assert_eq!(uncalled.len(), 1, "{uncalled:?}");
    assert!(
        uncalled[0]
            .message
            .ends_with("each step waits for a person, the first after 17 min"),
        "{uncalled:?}"
    );
}

#[test]
fn without_calls_it_is_said_once_and_what_follows() {
    let held = settings(json!({}));
    let forecast = forecast(&held, 0.0);
    let lines = forecast.lines(Style::PLAIN);
    assert_eq!(lines[..2], ["api  no call was counted", ""]);
    let findings = forecast.findings(&held);
    assert_eq!(findings.len(), 1);
    let found = &findings[0];
    assert!(
        found
            .message
            .ends_with("a release is rolled back 1 h 7 min after its first step at 10 %"),
        "{found:?}"
    );
    let advancing = settings(json!({"on_inconclusive": "advance"}));
    let forecast = super::Forecast::of(&advancing, &BTreeMap::from([("api".to_owned(), None)]));
    let findings = forecast.findings(&advancing);
    assert!(
        findings[0].message.contains("goes on undecided"),
        "{findings:?}"
    );
}

#[test]
fn calls_are_counted_since_the_first_of_them() {
    let at = |hour: i64| Timestamp::from_second(hour * 3600).expect("a time");
    let series = |hours: &[(i64, f64)]| -> Series {
        hours
            .iter()
            .map(|(hour, calls)| (at(*hour), *calls))
            .collect()
    };
    let young = series(&[(0, 0.0), (166, 60.0), (167, 60.0)]);
    let calls = Calls::of(&young, at(168)).expect("calls");
    assert_eq!((calls.count, calls.seconds), (120.0, 7200));
    assert_eq!(calls.words(), "1.0 calls/min in the last 2 h");
    assert_eq!(Calls::of(&series(&[(3, 0.0)]), at(168)), None);
}

#[test]
fn the_document_names_how_each_step_ends() {
    let settings = settings(json!({"extend_seconds": 0}));
    let document = json!(forecast(&settings, 8.0));
    let step = &document["functions"]["api"]["steps"][0];
    assert_eq!(step["prospect"], "rolls_back", "{step}");
    assert_eq!(step["weight"], 10.0);
    assert!(step["remedies"][0]["bake_seconds"].is_u64(), "{step}");
}
