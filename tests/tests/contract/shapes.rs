//! Sample events of AWS's services have the shapes that AWS documents, and parse through
//! `aws_lambda_events`.

use std::collections::BTreeSet;

use aws_lambda_events::event::dynamodb;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::lambda_function_urls::LambdaFunctionUrlRequest;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluice_tests::{expect_none, file_name, files, folders, text};

/// The fields of a service's event, as its documentation shows them. What is marked with
/// `?` stands only in some.
struct Shape {
    source: &'static str,
    kind: &'static str,
    /// Of `detail`, with the fields of objects in it behind a dot.
    detail: &'static [&'static str],
}

/// <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>
const ENVELOPE: [&str; 9] = [
    "version",
    "id",
    "detail-type",
    "source",
    "account",
    "time",
    "region",
    "resources",
    "detail",
];

const SHAPES: [Shape; 4] = [
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    // Events were without `event-version` before; `version-id` is there in buckets that
    // keep versions.
    Shape {
        source: "aws.s3",
        kind: "Object Created",
        detail: &[
            "version",
            "event-version?",
            "bucket",
            "bucket.name",
            "object",
            "object.key",
            "object.size",
            "object.etag",
            "object.version-id?",
            "object.sequencer",
            "request-id",
            "requester",
            "source-ip-address",
            "reason",
        ],
    },
    // https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
    // The parts of an image of several platforms are pushed without a tag.
    Shape {
        source: "aws.ecr",
        kind: "ECR Image Action",
        detail: &[
            "result",
            "repository-name",
            "image-digest",
            "action-type",
            "image-tag?",
        ],
    },
    // https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    Shape {
        source: "aws.states",
        kind: "Step Functions Execution Status Change",
        detail: &[
            "executionArn",
            "stateMachineArn",
            "name",
            "status",
            "startDate",
            "stopDate",
            "input",
            "inputDetails",
            "inputDetails.included",
            "output",
            "outputDetails",
            "error?",
            "cause?",
        ],
    },
    // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
    Shape {
        source: "aws.events",
        kind: "Scheduled Event",
        detail: &[],
    },
];

/// Deliberately not of its shape: a test shows how it is refused.
const MALFORMED: &str = "malformed.json";

/// All sample events, each with its path.
fn samples() -> Vec<(String, Value)> {
    let mut samples = Vec::new();
    for function in folders("events") {
        for file in files(format!("events/{function}"), "json") {
            let event = serde_json::from_str(&text(&file)).expect("a sample is JSON");
            samples.push((format!("{function}/{}", file_name(&file)), event));
        }
    }
    samples
}

/// The fields of an object, and those of the objects in it.
fn fields(object: &Value, before: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        let name = format!("{before}{name}");
        all.extend(fields(value, &format!("{name}.")));
        all.insert(name);
    }
    all
}

fn problems(event: &Value, shape: &Shape) -> Vec<String> {
    let mut problems = Vec::new();
    let found: BTreeSet<&str> = (event.as_object().into_iter().flatten())
        .map(|(name, _)| name.as_str())
        .collect();
    if found != BTreeSet::from(ENVELOPE) {
        problems.push(format!("its envelope has {found:?}"));
    }
    let found = fields(&event["detail"], "");
    for field in shape.detail.iter().filter(|field| !field.ends_with('?')) {
        if !found.contains(*field) {
            problems.push(format!("`detail.{field}` is missing"));
        }
    }
    let known = |field: &&String| {
        let mut all = shape.detail.iter();
        !all.any(|known| known.trim_end_matches('?') == field.as_str())
    };
    for field in found.iter().filter(known) {
        problems.push(format!("`detail.{field}` is not documented"));
    }
    if let Err(error) = serde_json::from_value::<EventBridgeEvent>(event.clone()) {
        problems.push(error.to_string());
    }
    problems
}

#[test]
fn events_of_aws_have_the_fields_that_are_documented_and_parse_as_event_bridges() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, event) in samples() {
        let Some(source) = event["source"].as_str() else {
            continue;
        };
        let kind = event["detail-type"].as_str().unwrap_or_default();
        let mut shapes = SHAPES.iter();
        let Some(shape) = shapes.find(|shape| (shape.source, shape.kind) == (source, kind)) else {
            wrong.push(format!(
                "{path}: nothing is known of a `{kind}` of {source}"
            ));
            continue;
        };
        seen.insert(source.to_owned());
        let problems = problems(&event, shape);
        if path.ends_with(MALFORMED) {
            assert!(!problems.is_empty(), "{path} is as it should be");
        } else {
            wrong.extend(problems.iter().map(|problem| format!("{path}: {problem}")));
        }
    }
    expect_none(wrong);
    assert_eq!(seen.len(), SHAPES.len(), "{seen:?}");
}

/// Samples of a function that don't parse, and that there are some.
fn unparsed<T: DeserializeOwned>(function: &str) -> Vec<String> {
    let mut samples = samples();
    samples.retain(|(path, _)| path.starts_with(&format!("{function}/")));
    assert!(!samples.is_empty(), "{function} has no samples");
    let problem = |(path, event): (String, Value)| {
        let error = serde_json::from_value::<T>(event).err()?;
        Some(format!("{path}: {error}"))
    };
    samples.into_iter().filter_map(problem).collect()
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>
#[test]
fn requests_to_the_page_parse_as_those_of_a_function_url() {
    for (path, event) in samples() {
        // What is signed comes to the function itself, and says what is asked.
        let is_called = event.get("op").is_some();
        if path.starts_with("desk/") && !is_called {
            let parsed = serde_json::from_value::<LambdaFunctionUrlRequest>(event.clone());
            assert!(parsed.is_ok(), "{path}: {parsed:?}");
            assert_eq!(event["version"], "2.0", "{path}");
            assert!(
                event["requestContext"]["http"]["method"].is_string(),
                "{path}"
            );
        }
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
#[test]
fn records_of_the_ledgers_stream_parse_as_dynamodbs() {
    expect_none(unparsed::<dynamodb::Event>("notify"));
    expect_none(unparsed::<dynamodb::Event>("mirror"));
}
