use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::json;
use sluice_domain::digest::Digest;
use sluice_domain::judge::JudgePolicy;
use sluice_domain::suites::Next;
use sluice_platform::lambda::Named as _;

use super::*;

const PASSED: &str = r#"<testsuite name="orders"><testcase name="places an order"/></testsuite>"#;
const FAILED: &str = r#"<testsuite name="orders"><testcase name="places an order"><failure/></testcase></testsuite>"#;

struct Table(Vec<Suite>);

impl Records for Table {
    async fn work(&self, _: &PromotionId) -> Result<Work, StoreError> {
        let plan = Plan {
            bundle: Digest::of(b"manifest"),
            functions: BTreeMap::new(),
            role: None,
            steps: Vec::new(),
            approval_seconds: None,
            keep_versions: None,
            codedeploy: None,
            goes_back: false,
            migrations: None,
            operation: None,
            restore: None,
            server: None,
            database: None,
            suites: self.0.clone(),
            judge: JudgePolicy::default(),
        };
        Ok(Work {
            plan,
            versions: Versions::new(),
        })
    }
}

/// One object, or what S3 says instead.
#[derive(Default)]
struct Bucket {
    at: &'static str,
    object: &'static str,
    fault: Option<&'static str>,
}

impl Reports for Bucket {
    async fn read(&self, place: &Place) -> Result<Vec<u8>, ReadError> {
        if let Some(code) = self.fault {
            return Err(ReadError::Fault(Fault {
                operation: "s3:GetObject".to_owned(),
                code: Some(code.to_owned()),
                message: code.to_owned(),
            }));
        }
        if place.to_string() == self.at {
            return Ok(self.object.as_bytes().to_vec());
        }
        Err(ReadError::Unusable(format!("nothing at {place}")))
    }
}

#[derive(Default)]
struct Book {
    recorded: Cell<u32>,
    last: RefCell<Option<Verdict>>,
}

impl Record for Book {
    async fn ran(&self, _: &PromotionId, _: &Suite, verdict: &Verdict) -> Result<(), Fault> {
        self.recorded.set(self.recorded.get() + 1);
        self.last.replace(Some(verdict.clone()));
        Ok(())
    }
}

type Fixture = Suites<Table, Bucket, Book>;

/// Two suites before traffic, of which the second has a report in S3.
fn suites(reports: Bucket) -> Fixture {
    let written = json!([
        {"name": "orders", "stage": "new", "function": "shop-tests"},
        {"name": "browser", "stage": "new", "project": "shop-browser", "report": "s3://reports/{run}.xml"},
    ]);
    Suites {
        records: Table(serde_json::from_value(written).expect("suites")),
        reports,
        ledger: Book::default(),
    }
}

fn input(event: &str) -> Input {
    match serde_json::from_str(event) {
        Ok(Request::Report(input)) => input,
        other => panic!("not what a suite of a promotion ended with: {other:?}"),
    }
}

fn function() -> Input {
    input(include_str!("../../../events/suite/function.json"))
}

fn build() -> Input {
    input(include_str!("../../../events/suite/failed-build.json"))
}

#[tokio::test]
async fn after_a_suite_that_passed_the_next_one_of_its_stage_follows() {
    let fixture = suites(Bucket::default());
    let follows = fixture.handle(function()).await.expect("it passed");
    assert_eq!(follows.next, Next::Build);
    assert_eq!(follows.suite.expect("a suite").name, "browser");
    assert_eq!(fixture.ledger.recorded.get(), 1);
}

#[tokio::test]
async fn after_the_last_one_traffic_follows_and_a_build_is_known_by_its_report() {
    let fixture = suites(Bucket {
        at: "s3://reports/shop/prod/1.4.0/1/new/browser.xml",
        object: PASSED,
        fault: None,
    });
    let input = Input {
        error: None,
        cause: None,
        ..build()
    };
    let follows = fixture.handle(input).await.expect("it passed");
    assert_eq!((follows.next, follows.suite), (Next::Shift, None));
}

#[tokio::test]
async fn a_suite_that_failed_ends_it_once_that_is_recorded() {
    let fixture = suites(Bucket::default());
    let answer = json!({ "report": FAILED });
    let input = Input {
        answer,
        ..function()
    };
    let error = fixture.handle(input).await.expect_err("it failed");
    assert_eq!(error.name(), "SuiteFailed");
    assert_eq!(
        error.to_string(),
        "suite `orders` at stage new: 1 of 1 tests failed: `places an order`"
    );
    let recorded = fixture.ledger.last.take().expect("it is recorded");
    assert_eq!(recorded.tests.expect("counts").failed, 1);
}

#[tokio::test]
async fn a_build_that_failed_is_told_with_its_report_or_without() {
    let at = "s3://reports/shop/prod/1.4.0/1/new/browser.xml";
    for (at, expected) in [
        (
            at,
            "1 of 1 tests failed: `places an order`; its run failed: States.TaskFailed",
        ),
        (
            "s3://reports/elsewhere.xml",
            "nothing at s3://reports/shop/prod/1.4.0/1/new/browser.xml",
        ),
    ] {
        let fixture = suites(Bucket {
            at,
            object: FAILED,
            fault: None,
        });
        let error = fixture.handle(build()).await.expect_err("it failed");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fixture.ledger.recorded.get(), 1);
    }
}

#[tokio::test]
async fn a_build_that_did_not_end_in_its_time_has_an_error_of_its_own() {
    let fixture = suites(Bucket::default());
    let event = input(include_str!("../../../events/suite/timed-out.json"));
    let error = fixture.handle(event).await.expect_err("it timed out");
    assert_eq!(error.name(), "SuiteTimedOut");
    assert_eq!(
        error.to_string(),
        "suite `browser` at stage new: its run timed out: shop-browser ran for 3600 s and did \
         not end; expected an end within its `timeout_seconds`, 3600: see what it waits for, or give \
         it longer"
    );
    let recorded = fixture.ledger.last.take().expect("it is recorded");
    assert_eq!(recorded.timed_out_after_seconds, Some(3_600));
}

#[tokio::test]
async fn a_failure_of_s3_that_passes_is_no_verdict() {
    let fixture = suites(Bucket {
        fault: Some("SlowDown"),
        ..Bucket::default()
    });
    let error = fixture.handle(build()).await.expect_err("S3 is slow");
    assert_eq!(error.name(), "Throttled");
    assert_eq!(fixture.ledger.recorded.get(), 0);
}

#[tokio::test]
async fn a_suite_that_the_plan_does_not_have_is_missing() {
    let fixture = suites(Bucket::default());
    let input = Input {
        stage: Stage::Live,
        ..function()
    };
    let error = fixture.handle(input).await.expect_err("no such suite");
    assert_eq!(error.name(), "NotFound");
    assert!(
        error.to_string().contains("suite orders at stage live"),
        "{error}"
    );
}
