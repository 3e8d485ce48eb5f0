use super::*;

fn tests(text: &str) -> Tests {
    match read(text).expect("read").content {
        Content::Tests(tests) => tests,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_test_ends_as_the_worst_that_is_said_of_it() {
    let found = tests(
        r#"<testsuites name="nextest-run"><testsuite name="shop">
          <testcase name="passes"/>
          <testcase name="fails" classname="Cart"><failure message="1 != 2">at line 3</failure></testcase>
          <testcase name="breaks"><failure/><error/></testcase>
          <testcase name="waits"><skipped/></testcase>
          <testcase name="wavers"><flakyFailure/></testcase>
          <testcase name="keeps failing"><failure/><rerunFailure/></testcase>
        </testsuite></testsuites>"#,
    );
    let expected = Tests {
        passed: 2,
        failed: 2,
        errored: 1,
        skipped: 1,
        flaky: 1,
        broken: vec!["Cart fails".into(), "breaks".into(), "keeps failing".into()],
    };
    assert_eq!(found, expected);
}

#[test]
fn failures_that_a_suite_counts_without_naming_them_are_believed() {
    let found = tests(
        r#"<testsuite name="s" tests="3" failures="2" errors="1"><testcase name="a"><failure/></testcase></testsuite>"#,
    );
    assert_eq!(found.failed + found.errored, 3);
    let nested = tests(
        r#"<testsuites failures="2"><testsuite failures="2"><testcase name="a"><failure/></testcase></testsuite></testsuites>"#,
    );
    assert_eq!(
        nested.failed, 2,
        "once, not once for each element around it"
    );
}

#[test]
fn a_suite_that_broke_outside_its_tests_is_an_error() {
    assert_eq!(
        tests(r#"<testsuite name="s"><error>no database</error></testsuite>"#).errored,
        1
    );
}

#[test]
fn tests_that_a_suite_counts_and_does_not_list_have_not_passed() {
    let found = tests(
        r#"<testsuites tests="9"><testsuite name="s" tests="9" skipped="2"><testcase name="a"/></testsuite></testsuites>"#,
    );
    let found_of_each = (found.passed, found.errored, found.skipped);
    assert_eq!(found_of_each, (1, 6, 2), "counted once");
    assert_eq!(found.broken, ["6 of suite `s` are not listed"]);
}

#[test]
fn no_count_is_too_large() {
    let most = u64::MAX;
    let suite = format!(
        r#"<testsuite tests="{most}" skipped="1" failures="{most}" errors="{most}"><testcase name="a"><error/></testcase></testsuite>"#
    );
    let found = tests(&format!("<testsuites>{suite}{suite}<error/></testsuites>"));
    assert_eq!((found.failed, found.ran()), (most, most));
}

#[test]
fn what_google_test_did_not_run_is_skipped() {
    let found = tests(
        r#"<testsuites><testsuite><testcase name="a" status="notrun" result="suppressed"/><testcase name="b" status="run" result="completed"/></testsuite></testsuites>"#,
    );
    assert_eq!((found.passed, found.skipped), (1, 1));
}

#[test]
fn a_report_that_is_cut_off_is_no_report() {
    let error = read(r#"<testsuite><testcase name="a">"#)
        .err()
        .expect("refused");
    assert!(error.to_string().contains("cut off"), "{error}");
}

#[test]
fn entities_of_its_own_are_refused() {
    let text = r#"<!DOCTYPE t [<!ENTITY a "aaaa">]><testsuite name="&a;"/>"#;
    let error = read(text).err().expect("refused");
    assert!(error.to_string().contains("not allowed"), "{error}");
}

#[test]
fn nesting_is_bounded() {
    let text = "<testsuite>".repeat(100_000);
    assert_eq!(read(&text).err(), Some(Error::TooDeep));
}

#[test]
fn a_test_within_a_test_hides_no_failure() {
    let found = tests(
        r#"<testsuite name="s"><testcase name="outer"><failure/><testcase name="inner"/></testcase></testsuite>"#,
    );
    assert_eq!((found.passed, found.failed), (1, 1), "{found:?}");
    assert_eq!(found.broken, ["outer"]);
}

#[test]
fn a_status_that_is_not_known_is_no_pass() {
    for word in ["timedout", "aborted", "panicked", "interrupted"] {
        for attribute in ["status", "result"] {
            let found = tests(&format!(
                r#"<testsuite><testcase name="a" {attribute}="{word}"/></testsuite>"#
            ));
            assert_eq!((found.passed, found.errored), (0, 1), "{word}");
        }
    }
    let found =
        tests(r#"<testsuite><testcase name="a" status="run" result="completed"/></testsuite>"#);
    assert_eq!(found.passed, 1);
}
