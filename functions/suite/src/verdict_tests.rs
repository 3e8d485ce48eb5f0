use serde_json::json;

use super::*;

fn suite() -> Suite {
    let written = json!({
        "name": "browser", "stage": "live", "project": "shop-browser",
        "report": "s3://reports/{run}.xml", "timeout_seconds": 600,
    });
    serde_json::from_value(written).expect("a suite")
}

fn tests(passed: u64, failed: u64, errored: u64, skipped: u64) -> Tests {
    let broken = (0..(failed + errored).min(20)).map(|n| format!("shop.orders::test_{n}"));
    Tests {
        passed,
        failed,
        errored,
        skipped,
        flaky: 0,
        broken: broken.collect(),
    }
}

/// What a suite's run came to that ended with this error and cause.
fn verdict(failed: Option<(&str, &str)>, report: Result<Tests, String>) -> Verdict {
    let ended = Ended {
        suite: &suite(),
        error: failed.map(|(error, _)| error.to_owned()),
        cause: failed.map(|(_, cause)| cause.to_owned()),
    };
    Verdict::of(&ended, report)
}

fn problem(failed: Option<(&str, &str)>, report: Result<Tests, String>) -> String {
    let verdict = verdict(failed, report);
    verdict.problem.unwrap_or_else(|| "none".to_owned())
}

#[test]
fn a_suite_passes_where_tests_ran_and_none_failed() {
    assert_eq!(problem(None, Ok(tests(12, 0, 0, 3))), "none");
}

#[test]
fn tests_that_fail_or_break_are_counted_and_named() {
    let found = problem(None, Ok(tests(12, 1, 1, 0)));
    let named = "`shop.orders::test_0`, `shop.orders::test_1`";
    assert_eq!(found, format!("2 of 14 tests failed: {named}"));
}

#[test]
fn of_many_failures_the_first_are_named() {
    let found = problem(None, Ok(tests(0, 30, 0, 0)));
    assert!(found.starts_with("30 of 30 tests failed: `"), "{found}");
    assert!(found.ends_with("test_4`, …"), "{found}");
    let nameless = Tests {
        broken: Vec::new(),
        ..tests(0, 2, 0, 0)
    };
    assert_eq!(problem(None, Ok(nameless)), "2 of 2 tests failed");
}

#[test]
fn a_suite_in_which_nothing_ran_shows_nothing() {
    for tests in [tests(0, 0, 0, 0), tests(0, 0, 0, 7)] {
        let skipped = tests.skipped;
        let expected = format!("no test ran ({skipped} skipped); expected one at least");
        assert_eq!(problem(None, Ok(tests)), expected);
    }
}

#[test]
fn a_run_that_failed_is_not_well_whatever_its_report_says() {
    let cause = json!({"errorType": "Timeout", "errorMessage": "ran out of time"}).to_string();
    let ended = Some(("States.TaskFailed", cause.as_str()));
    assert_eq!(
        problem(ended, Ok(tests(3, 0, 0, 0))),
        "its run failed: Timeout: ran out of time; its report has no failed test"
    );
    assert_eq!(
        problem(ended, Ok(tests(3, 1, 0, 0))),
        "1 of 4 tests failed: `shop.orders::test_0`; its run failed: Timeout: ran out of time"
    );
    assert_eq!(
        problem(ended, Err("no report".to_owned())),
        "its run failed: Timeout: ran out of time; no report"
    );
}

#[test]
fn a_run_that_timed_out_says_what_ran_for_how_long_and_what_to_do() {
    let timed_out = Some(("States.Timeout", ""));
    let told = "its run timed out: shop-browser ran for 600 s and did not end; expected an \
                end within its `timeout_seconds`, 600: see what it waits for, or give it longer";
    let unread = "nothing at s3://reports".to_owned();
    assert_eq!(problem(timed_out, Err(unread)), told);
    assert_eq!(
        problem(timed_out, Ok(tests(3, 1, 0, 0))),
        format!("1 of 4 tests failed: `shop.orders::test_0`; {told}")
    );
    let found = verdict(timed_out, Ok(tests(3, 0, 0, 0)));
    assert_eq!(found.timed_out_after_seconds, Some(600));
    let kept = serde_json::to_value(&found).expect("json");
    assert_eq!(kept["timed_out_after_seconds"], 600);
    let other = serde_json::to_value(verdict(None, Ok(tests(3, 0, 0, 0)))).expect("json");
    assert_eq!(other.get("timed_out_after_seconds"), None);
}

#[test]
fn long_texts_of_a_suite_are_cut_and_stay_on_their_line() {
    let cause = "a\n".repeat(20_000);
    let found = problem(Some(("Broken", &cause)), Err("no report".to_owned()));
    assert!(
        found.chars().count() < 600 && !found.contains('\n'),
        "{found}"
    );
    let mut tests = tests(0, 1, 0, 0);
    tests.broken = vec!["t".repeat(100_000)];
    let verdict = verdict(None, Ok(tests));
    let kept = serde_json::to_string(&verdict).expect("json");
    assert!(kept.len() < 2_000, "{}", kept.len());
}

#[test]
fn the_answers_report_is_junit_or_tap_as_text() {
    let junit = include_str!("../../../evidence/samples/junit-pytest.xml");
    let found = answered(&json!({ "report": junit })).expect("a report");
    assert_eq!((found.ran(), found.failed, found.skipped), (2, 1, 1));
    let tap = "TAP version 14\n1..1\nok 1 - orders\n";
    let found = answered(&json!({ "report": tap })).expect("a report");
    assert_eq!(found.passed, 1);
}

#[test]
fn an_answer_without_a_report_says_what_was_expected() {
    let answers = [
        (json!({}), "found none under `report`"),
        (json!(null), "found none under `report`"),
        (json!("fine"), "found none under `report`"),
        (
            json!({"report": {"passed": 3}}),
            "found no text under `report`",
        ),
    ];
    for (answer, expected) in answers {
        let problem = answered(&answer).expect_err("no report");
        assert!(problem.contains(expected), "{problem}");
        assert!(problem.contains("expected JUnit's XML or TAP"), "{problem}");
    }
}

#[test]
fn a_report_that_is_broken_or_about_something_else_can_not_be_used() {
    let cut_off = "<testsuites><testsuite name=\"a\"><testcase name=\"b\"/>";
    let coverage = include_str!("../../../evidence/samples/cobertura.xml");
    for report in [cut_off, coverage, "", "all well"] {
        let problem = read(report.as_bytes()).expect_err("no tests");
        assert!(
            problem.starts_with("its report can't be used: "),
            "{problem}"
        );
    }
}
