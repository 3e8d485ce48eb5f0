use super::*;
use crate::settings_source::defaults;

/// Minutes of a hundred calls of version 4 beside 900 of version 3.
fn minutes(count: u64, errors: u64) -> Minutes {
    let lines = (1..=count).map(|minute| format!("{minute},3,900,1\n{minute},4,100,{errors}\n"));
    let text = format!(
        "minute,version,invocations,errors\n{}",
        lines.collect::<String>()
    );
    Minutes::parse("past.csv", text.as_bytes()).expect("valid")
}

fn question(weight: Option<f64>, canary: Option<u64>) -> Question {
    Question {
        file: "past.csv".to_owned(),
        by: "the shipped defaults".to_owned(),
        weight,
        canary,
    }
}

fn replayed(minutes: &Minutes, question: Question) -> Result<Replayed> {
    Replayed::of(question, minutes, &defaults().expect("settings"))
}

#[test]
fn each_minute_shows_counts_rates_effect_interval_and_rule() {
    let replayed = replayed(&minutes(3, 8), question(None, None)).expect("a replay");
    let lines = replayed.lines(Style::PLAIN);
    assert_eq!(
        lines[0],
        "version 4 beside version 3, judged by the shipped defaults"
    );
    let headings = "minute verdict new: failed beside it effect interval rule";
    let row = |at: usize| lines[at].split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(row(2), headings);
    assert!(
        row(3).starts_with("1 fail 8 of 100 8.00 % 1 of 900 0.11 % +7.89 %"),
        "{lines:#?}"
    );
    assert!(row(3).contains("known to be worse by more than 0.05 %"));
    assert!(!row(3).contains("failed"), "counts stand in the row once");
    assert_eq!(replayed.exit(), Exit::RolledBack);
    let last = lines.last().map(String::as_str);
    assert_eq!(
        last,
        Some("a step of 10 % for 10 min would have been rolled back after minute 1")
    );
}

#[test]
fn a_replay_says_when_the_step_would_have_ended_and_passes() {
    let replayed = replayed(&minutes(12, 0), question(None, None)).expect("a replay");
    let lines = replayed.lines(Style::PLAIN);
    assert_eq!(
        lines.last().map(String::as_str),
        Some("a step of 10 % for 10 min would have ended after minute 10, and the next one begun")
    );
    let document = replayed.document();
    assert_eq!(document["outcome"], "pass");
    assert_eq!(document["follows"]["after_minute"], 10);
    assert_eq!(document["minutes"].as_array().map(Vec::len), Some(12));
    assert_eq!(document["minutes"][11]["canary"]["invocations"], 1200.0);
    assert_eq!(replayed.exit(), Exit::Ok);
}

#[test]
fn too_little_is_inconclusive_and_has_a_status_of_its_own() {
    let replayed = replayed(&minutes(1, 0), question(None, None)).expect("a replay");
    assert_eq!(replayed.exit(), Exit::Inconclusive);
    assert!(replayed.follows().ends_with("would still be watched"));
}

#[test]
fn the_higher_version_is_new_unless_another_is_named() {
    let of = |canary| {
        let replayed = replayed(&minutes(2, 0), question(None, canary)).expect("a replay");
        (replayed.canary, replayed.baseline, replayed.step.weight)
    };
    assert_eq!(of(None), (4, Some(3), 10.0));
    // With nine tenths of the calls, the nearest step is that of a half.
    assert_eq!(of(Some(3)), (3, Some(4), 50.0));
    let error = replayed(&minutes(2, 0), question(None, Some(9))).expect_err("refused");
    assert_eq!(error.exit(), Exit::Usage);
    assert!(error.to_string().contains("3, 4"), "{error}");
}

#[test]
fn at_one_hundred_percent_the_new_version_is_judged_alone() {
    let replayed = replayed(&minutes(12, 0), question(Some(100.0), None)).expect("a replay");
    assert_eq!((replayed.canary, replayed.baseline), (4, None));
    assert_eq!(replayed.outcome(), Outcome::Pass);
    let lines = replayed.lines(Style::PLAIN);
    assert!(lines[0].starts_with("version 4 alone"), "{lines:#?}");
    assert!(!lines[2].contains("beside"), "{lines:#?}");
}

#[test]
fn a_weight_that_no_step_has_and_versions_that_are_not_two_are_explained() {
    let error = replayed(&minutes(2, 0), question(Some(20.0), None)).expect_err("refused");
    assert_eq!(error.exit(), Exit::Usage);
    assert!(error.to_string().ends_with("10, 50, 100"), "{error}");
    for (lines, expected) in [
        ("1,3,9,0\n", "found version 3 alone; expected two"),
        (
            "1,1,9,0\n1,2,9,0\n1,3,9,0\n",
            "found 3 versions (1, 2, 3); expected two",
        ),
    ] {
        let text = format!("minute,version,invocations,errors\n{lines}");
        let minutes = Minutes::parse("past.csv", text.as_bytes()).expect("valid");
        let error = replayed(&minutes, question(None, None)).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
