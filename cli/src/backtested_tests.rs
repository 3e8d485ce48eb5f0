use serde_json::{Value, json};
use sluice_domain::judge::replay::Side;

use super::*;
use crate::settings_source::defaults;

fn past(functions: &[(&str, u64)], minutes: usize) -> Past {
    let functions = functions.iter().map(|(name, invocations)| {
        let minute = Side {
            invocations: *invocations,
            errors: invocations / 500,
            slow: None,
        };
        ((*name).to_owned(), vec![minute; minutes])
    });
    functions.collect()
}

fn trial() -> Trial {
    Trial {
        place: "shop/prod".to_owned(),
        source: "past.csv".to_owned(),
        rollouts: 10,
        faults: vec![0.025, 0.1],
        seed: 1,
    }
}

fn backtested(past: &Past) -> Result<Backtested> {
    Backtested::of(trial(), defaults().expect("settings"), past)
}

#[test]
fn a_backtest_shows_false_alarms_and_how_soon_faults_are_found() {
    let found = backtested(&past(&[("api", 1000)], 120)).expect("a backtest");
    let text = found.lines(Style::PLAIN).join("\n");
    let expected = "\
shop/prod  10 % for 10 min, 50 % for 10 min, 100 % for 30 min
past.csv: 2 h, 10 rollouts that begin within them, seed 1
  api  1000 calls/min  0.20 % failed

a new version that is as good as the old one
  0 of 10 taken back by a false alarm: 0.0 % (0.0 to 27.8 %)
  10 of 10 promoted

a new version that fails more calls
  more failures  found     ";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.contains("\n  +2.5 points    10 of 10  100.0 % (72.2 to 100.0 %)"),
        "{text}"
    );
    assert!(text.contains("\n  +10 points "), "{text}");
}

#[test]
fn where_codedeploy_shifts_the_final_bake_alone_is_tried() {
    let settings = json!({
        "schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}},
        "codedeploy": {
            "functions": {"api": {"application": "shop", "deployment_group": "api-prod"}},
            "bake_seconds": 1200,
        },
    });
    let settings = serde_json::from_value(settings).expect("settings");
    let past = past(&[("api", 1000)], 120);
    let found = Backtested::of(trial(), settings, &past).expect("a backtest");
    let lines = found.lines(Style::PLAIN);
    assert_eq!(lines[0], "shop/prod  100 % for 20 min");
    assert_eq!(found.document()["steps"][0]["bake_seconds"], 1200);
    assert_eq!(found.document()["steps"][1], Value::Null);
}

#[test]
fn a_fault_is_tried_in_each_function_that_was_called() {
    let found = backtested(&past(&[("api", 600), ("web", 1200), ("idle", 0)], 60));
    let found = found.expect("a backtest");
    let document = found.document();
    let faults = document["faults"].as_array().expect("faults");
    let named: Vec<_> = faults
        .iter()
        .map(|fault| fault["function"].as_str())
        .collect();
    assert_eq!(named, ["api", "api", "web", "web"].map(Some));
    assert_eq!(
        document["as_good"]["undecided"], 10,
        "nobody calls one of them"
    );
    assert_eq!(document["functions"]["web"]["calls"], 72_000);
    let text = found.lines(Style::PLAIN).join("\n");
    assert!(text.contains("  function  more failures"), "{text}");
    assert!(text.contains("10 of 10 rolled back undecided"), "{text}");
    assert!(
        text.contains("  idle  not called: no step passes"),
        "{text}"
    );
}

#[test]
fn a_past_that_is_too_short_or_without_a_call_is_refused() {
    let error = |past| backtested(&past).expect_err("refused").to_string();
    let short = error(past(&[("api", 100)], 20));
    assert!(
        short.contains("has 20 minutes; expected at least the 56"),
        "{short}"
    );
    let idle = error(past(&[("api", 0)], 60));
    assert!(idle.contains("has no call"), "{idle}");
}
