use serde_json::json;

use super::*;

fn expect(text: Value) -> Expectation {
    serde_json::from_value(text).expect("a valid expectation")
}

fn function(version: &str, payload: &Value) -> Answer {
    Answer {
        body: payload.to_string().into_bytes(),
        latency: Duration::from_millis(40),
        source: Source::Function {
            version: Some(version.into()),
            error: None,
        },
    }
}

fn url(status: u16, body: &str) -> Answer {
    Answer {
        body: body.into(),
        latency: Duration::from_millis(40),
        source: Source::Url { status },
    }
}

fn messages(expect_: Value, answer: &Answer) -> Vec<String> {
    mismatches(&expect(expect_), answer, Some("7"))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn an_answer_as_expected_has_no_mismatch() {
    let answer = function(
        "7",
        &json!({ "statusCode": 200, "total_cents": 1200, "items": [{ "id": "a" }] }),
    );
    let expected = json!({
        "status": 200,
        "json": { "$.total_cents": 1200, "$.items[0].id": "a" },
        "latency_ms": 40
    });
    assert_eq!(messages(expected, &answer), Vec::<String>::new());
}

#[test]
fn nothing_expected_means_only_that_the_function_does_not_fail() {
    assert_eq!(
        messages(json!({}), &function("7", &json!(null))),
        Vec::<String>::new()
    );
}

#[test]
fn another_version_than_the_one_meant_is_a_mismatch() {
    let found = messages(json!({}), &function("6", &json!({})));
    assert_eq!(found, ["executed version: found 6, expected 7"]);
}

#[test]
fn an_answer_that_names_no_version_is_a_mismatch() {
    let found = messages(json!({}), &Answer::default());
    assert_eq!(found, ["executed version: found none named, expected 7"]);
}

#[test]
fn a_function_error_is_the_one_mismatch_whatever_was_expected_of_the_answer() {
    let mut answer = function(
        "7",
        &json!({ "errorType": "KeyError", "errorMessage": "'currency'" }),
    );
    answer.source = Source::Function {
        version: Some("7".into()),
        error: Some("Unhandled".into()),
    };
    let found = messages(json!({ "status": 200, "json": { "$.ok": true } }), &answer);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("function error: found Unhandled: "),
        "{found:?}"
    );
    assert!(found[0].contains("KeyError"), "{found:?}");
}

#[test]
fn the_status_of_a_function_is_its_status_code() {
    let found = messages(
        json!({ "status": 200 }),
        &function("7", &json!({ "statusCode": 503 })),
    );
    assert_eq!(found, ["statusCode: found 503, expected 200"]);
    let found = messages(
        json!({ "status": 200 }),
        &function("7", &json!({ "ok": true })),
    );
    assert_eq!(found, ["statusCode: found none, expected 200"]);
}

#[test]
fn the_status_of_a_url_is_its_http_status() {
    assert_eq!(
        messages(json!({ "status": 404 }), &url(404, "gone")),
        Vec::<String>::new()
    );
    assert_eq!(
        messages(json!({ "status": 200 }), &url(500, "")),
        ["status: found 500, expected 200"]
    );
}

#[test]
fn a_url_without_an_expected_status_must_succeed() {
    assert_eq!(messages(json!({}), &url(204, "")), Vec::<String>::new());
    assert_eq!(
        messages(json!({}), &url(302, "")),
        ["status: found 302, expected 200 to 299"]
    );
}

#[test]
fn every_path_that_does_not_match_is_listed() {
    let answer = function("7", &json!({ "ok": false, "currency": "EUR" }));
    let expected = json!({ "json": { "$.ok": true, "$.currency": "EUR", "$.total_cents": 1200 } });
    assert_eq!(
        messages(expected, &answer),
        [
            "$.ok: found false, expected true",
            "$.total_cents: found nothing, expected 1200"
        ]
    );
}

#[test]
fn a_path_that_selects_several_values_wants_all_of_them_to_match() {
    let answer = function(
        "7",
        &json!({ "items": [{ "stock": true }, { "stock": false }] }),
    );
    let found = messages(json!({ "json": { "$.items[*].stock": true } }), &answer);
    assert_eq!(found, ["$.items[*].stock: found false, expected true"]);
}

#[test]
fn filters_and_functions_of_rfc_9535_are_understood() {
    let answer = function(
        "7",
        &json!({ "items": [{ "id": "a", "n": 1 }, { "id": "bcd", "n": 5 }] }),
    );
    let expected =
        json!({ "json": { "$.items[?@.n > 2].id": "bcd", "$.items[?length(@.id) == 1].n": 1 } });
    assert_eq!(messages(expected, &answer), Vec::<String>::new());
}

#[test]
fn a_path_that_is_none_is_a_mismatch_that_says_so() {
    let found = messages(
        json!({ "json": { "total": 1 } }),
        &function("7", &json!({ "total": 1 })),
    );
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("`total`: "), "{found:?}");
    assert!(
        found[0].ends_with("expected a JSONPath (RFC 9535)"),
        "{found:?}"
    );
}

#[test]
fn an_answer_that_is_no_json_is_shown_only_where_json_is_expected() {
    let answer = url(200, "<html>");
    assert_eq!(
        messages(json!({ "status": 200 }), &answer),
        Vec::<String>::new()
    );
    let found = messages(json!({ "json": { "$.ok": true } }), &answer);
    assert_eq!(found, ["answer: found `<html>`, expected JSON"]);
}

#[test]
fn numbers_are_compared_by_value() {
    let answer = function("7", &json!({ "total": 12.0, "lines": [{ "n": 1.0 }] }));
    let expected = json!({ "json": { "$.total": 12, "$.lines": [{ "n": 1 }] } });
    assert_eq!(messages(expected, &answer), Vec::<String>::new());
}

#[test]
fn latency_is_a_limit_and_is_rounded_up_when_it_is_shown() {
    let mut answer = function("7", &json!({}));
    answer.latency = Duration::from_micros(40_001);
    assert_eq!(
        messages(json!({ "latency_ms": 40 }), &answer),
        ["latency: found 41 ms, expected at most 40 ms"]
    );
}

#[test]
fn long_answers_are_cut_at_a_character() {
    let found = messages(
        json!({ "json": { "$.a": 1 } }),
        &url(200, &"ü".repeat(5000)),
    );
    assert_eq!(
        found[0].chars().filter(|c| *c == 'ü').count(),
        LONGEST_EXCERPT
    );
}
