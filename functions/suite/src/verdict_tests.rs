use serde_json::json;

use super::*;

const WELL: Ended = Ended {
    error: None,
    cause: None,
};

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

fn problem(ended: &Ended, report: Result<Tests, String>) -> String {
    let verdict = Verdict::of(ended, report);
    verdict.problem.unwrap_or_else(|| "none".to_owned())
}

fn failed(error: &str, cause: &str) -> Ended {
    Ended {
        error: Some(error.to_owned()),
        cause: Some(cause.to_owned()),
    }
}

#[test]
fn a_suite_passes_where_tests_ran_and_none_failed() {
    assert_eq!(problem(&WELL, Ok(tests(12, 0, 0, 3))), "none");
}

#[test]
fn tests_that_fail_or_break_are_counted_and_named() {
    let found = problem(&WELL, Ok(tests(12, 1, 1, 0)));
    let named = "`shop.orders::test_0`, `shop.orders::test_1`";
    assert_eq!(found, format!("2 of 14 tests failed: {named}"));
}

#[test]
fn of_many_failures_the_first_are_named() {
    let found = problem(&WELL, Ok(tests(0, 30, 0, 0)));
    assert!(found.starts_with("30 of 30 tests failed: `"), "{found}");
    assert!(found.ends_with("test_4`, …"), "{found}");
    let nameless = Tests {
        broken: Vec::new(),
        ..tests(0, 2, 0, 0)
    };
    assert_eq!(problem(&WELL, Ok(nameless)), "2 of 2 tests failed");
}

#[test]
fn a_suite_in_which_nothing_ran_shows_nothing() {
    for tests in [tests(0, 0, 0, 0), tests(0, 0, 0, 7)] {
        let skipped = tests.skipped;
        let expected = format!("no test ran ({skipped} skipped); expected one at least");
        assert_eq!(problem(&WELL, Ok(tests)), expected);
    }
}

#[test]
fn a_run_that_failed_is_not_well_whatever_its_report_says() {
    let cause = json!({"errorType": "Timeout", "errorMessage": "ran out of time"}).to_string();
    let ended = failed("States.TaskFailed", &cause);
    assert_eq!(
        problem(&ended, Ok(tests(3, 0, 0, 0))),
        "its run failed: Timeout: ran out of time; its report has no failed test"
    );
    assert_eq!(
        problem(&ended, Ok(tests(3, 1, 0, 0))),
        "1 of 4 tests failed: `shop.orders::test_0`; its run failed: Timeout: ran out of time"
    );
    assert_eq!(
        problem(&ended, Err("no report".to_owned())),
        "its run failed: Timeout: ran out of time; no report"
    );
}

#[test]
fn long_texts_of_a_suite_are_cut_and_stay_on_their_line() {
    let ended = failed("Broken", &"a\n".repeat(20_000));
    let found = problem(&ended, Err("no report".to_owned()));
    assert!(
        found.chars().count() < 600 && !found.contains('\n'),
        "{found}"
    );
    let mut tests = tests(0, 1, 0, 0);
    tests.broken = vec!["t".repeat(100_000)];
    let verdict = Verdict::of(&WELL, Ok(tests));
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
