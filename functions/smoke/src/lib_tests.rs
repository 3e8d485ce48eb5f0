use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::json;
use sluice_domain::digest::Digest;
use sluice_domain::document::Document as _;
use sluice_domain::suites::Next;
use sluice_platform::lambda::Named as _;

use super::*;

/// Lambda and the web: both answer as they are told.
#[derive(Default)]
struct World {
    /// What was called, in order.
    calls: RefCell<Vec<String>>,
    payload: Value,
    /// The version that answers, instead of the right one.
    version: Option<&'static str>,
    /// Lambda itself fails with this code.
    code: Option<&'static str>,
    /// No function ever answers.
    silent: bool,
    /// The URL's status. None: nobody answers.
    status: Option<u16>,
}

#[derive(Clone)]
struct Here(Rc<World>);

impl Open for Here {
    type Functions = Here;

    async fn open(&self, _: Option<&Role>, _: &PromotionId) -> Here {
        self.clone()
    }
}

impl Call for Here {
    async fn invoke(
        &self,
        function: &str,
        qualifier: &str,
        payload: &Value,
    ) -> Result<Answer, Fault> {
        let name = function.rsplit(':').next().unwrap_or_default();
        self.0
            .calls
            .borrow_mut()
            .push(format!("{name}:{qualifier} {payload}"));
        if self.0.silent {
            std::future::pending::<()>().await;
        }
        if let Some(code) = self.0.code {
            let (operation, message) = ("lambda:Invoke".to_owned(), code.to_owned());
            return Err(Fault {
                operation,
                code: Some(code.to_owned()),
                message,
            });
        }
        let right = if name == "checkout-prod" { "8" } else { "3" };
        let version = Some(self.0.version.unwrap_or(right).to_owned());
        let body = self.0.payload.to_string().into_bytes();
        Ok(Answer {
            body,
            latency: Duration::from_millis(5),
            source: Source::Function {
                version,
                error: None,
            },
        })
    }
}

impl Fetch for Here {
    async fn fetch(&self, url: &str, _: Duration) -> Result<Answer, String> {
        self.0.calls.borrow_mut().push(url.to_owned());
        let status = self
            .0
            .status
            .ok_or("found no answer, expected one over https")?;
        Ok(Answer {
            source: Source::Url { status },
            ..Answer::default()
        })
    }
}

struct Table(Work);

impl Records for Table {
    async fn work(&self, _: &PromotionId) -> Result<Work, Error> {
        Ok(self.0.clone())
    }

    async fn probes(&self, _: &PromotionId) -> Result<Prober, Error> {
        let probes = json!([
            {"name": "checkout", "function": "checkout", "payload": {"probe": true}, "expect": {"status": 200}},
            {"name": "page", "url": "https://example.com/health?key=s3cret"},
            {"name": "gone", "function": "gone"},
        ]);
        Ok(Prober {
            probes: serde_json::from_value(probes).expect("probes"),
            versions: self.0.versions.clone(),
            role: None,
        })
    }
}

#[derive(Default)]
struct Book {
    recorded: Cell<u32>,
    last: RefCell<Vec<TestResult>>,
}

impl Record for Book {
    async fn tested(
        &self,
        _: &PromotionId,
        _: &'static str,
        _: Option<&str>,
        results: &[TestResult],
    ) -> Result<(), Fault> {
        self.recorded.set(self.recorded.get() + 1);
        self.last.replace(results.to_vec());
        Ok(())
    }
}

fn manifest() -> Manifest {
    let text = json!({
        "schema": 1,
        "application": "storefront",
        "version": "1.1.0",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "author": { "name": "Ada", "email": "ada@example.com" },
        "functions": {
            "checkout": { "zip": { "key": "checkout.zip", "digest": Digest::of(b"checkout") } },
            "catalog": { "zip": { "key": "catalog.zip", "digest": Digest::of(b"catalog") } }
        },
        "smoke_tests": [
            { "name": "an order is taken", "function": "checkout", "payload": { "order": 1 },
              "expect": { "json": { "$.ok": true } } },
            { "name": "the shop opens", "url": "https://shop.example.com/", "expect": { "status": 200 } },
            { "name": "the list is there", "function": "catalog" }
        ]
    });
    Manifest::parse("release.json", text.to_string().as_bytes()).expect("a valid manifest")
}

fn published(name: &str, version: &str, changed: bool) -> Published {
    Published {
        name: name.into(),
        arn: format!("arn:aws:lambda:eu-west-1:111122223333:function:{name}"),
        alias: "live".into(),
        version: version.into(),
        stable: Some("3".into()),
        revision: Some("a1".into()),
        changed,
    }
}

fn passed(passed: usize) -> Output {
    Output {
        passed,
        ..Output::default()
    }
}

/// What is answered where no suite follows.
fn going_on(passed: usize, next: Next) -> Output {
    Output {
        passed,
        follows: Some(Follows { next, suite: None }),
        ..Output::default()
    }
}

type Fixture = Smoke<Here, Here, Table, Book>;

/// 1.1.0: checkout is new as version 8, catalog stays on version 3.
fn smoke(world: World) -> Fixture {
    let versions = Versions::from([
        ("checkout".to_owned(), published("checkout-prod", "8", true)),
        ("catalog".to_owned(), published("catalog-prod", "3", false)),
    ]);
    let here = Here(Rc::new(world));
    Smoke {
        accounts: here.clone(),
        web: here,
        records: Table(Work {
            manifest: manifest(),
            versions,
            role: None,
            bundle: Digest::of(b"manifest"),
            suites: Vec::new(),
        }),
        ledger: Book::default(),
        limit: Duration::from_secs(30),
        spreads_within: Duration::ZERO,
        probes_within: Duration::from_millis(60),
    }
}

fn healthy() -> World {
    World {
        payload: json!({ "ok": true }),
        status: Some(200),
        ..World::default()
    }
}

fn new() -> Input {
    serde_json::from_str(include_str!("../../../events/smoke/new.json")).expect("an input")
}

fn live() -> Input {
    serde_json::from_str(include_str!("../../../events/smoke/live.json")).expect("an input")
}

fn calls(fixture: &Fixture) -> Vec<String> {
    fixture.web.0.calls.borrow().clone()
}

#[tokio::test]
async fn new_versions_are_called_by_number_and_urls_wait() {
    let fixture = smoke(healthy());
    let output = fixture.handle(new()).await.expect("passed");
    assert_eq!(output, going_on(2, Next::Shift));
    assert_eq!(
        calls(&fixture),
        [r#"checkout-prod:8 {"order":1}"#, "catalog-prod:3 null"]
    );
}

#[tokio::test]
async fn live_tests_use_the_alias_and_the_urls() {
    let fixture = smoke(healthy());
    let output = fixture.handle(live()).await.expect("passed");
    assert_eq!(output, going_on(3, Next::Bake));
    assert_eq!(
        calls(&fixture),
        [
            r#"checkout-prod:live {"order":1}"#,
            "https://shop.example.com/",
            "catalog-prod:live null"
        ]
    );
}

#[tokio::test]
async fn a_functions_own_tests_run_alone_without_any_url() {
    let text = include_str!("../../../events/smoke/of-a-function.json");
    let input = serde_json::from_str(text).expect("an input");
    let fixture = smoke(healthy());
    let output = fixture.handle(input).await.expect("passed");
    assert_eq!(output, passed(1));
    assert_eq!(calls(&fixture), [r#"checkout-prod:live {"order":1}"#]);
}

#[tokio::test]
async fn the_first_suite_of_the_stage_follows_on_tests_that_passed() {
    let mut fixture = smoke(healthy());
    let suite =
        |name: &str, stage: &str| json!({"name": name, "stage": stage, "function": "tests"});
    let written = json!([suite("page", "live"), suite("orders", "new")]);
    fixture.records.0.suites = serde_json::from_value(written).expect("suites");
    for (input, name) in [(new(), "orders"), (live(), "page")] {
        let output = fixture.handle(input).await.expect("passed");
        let answer = serde_json::to_value(&output).expect("json");
        assert_eq!(answer["next"], "function", "{answer}");
        assert_eq!(answer["suite"]["name"], name, "{answer}");
    }
}

#[tokio::test]
async fn every_failed_test_is_listed_with_what_was_found_and_expected() {
    let fixture = smoke(World {
        payload: json!({ "ok": false }),
        status: Some(503),
        ..healthy()
    });
    let error = fixture.handle(live()).await.expect_err("must fail");
    assert_eq!(error.name(), "SmokeTestFailed");
    assert_eq!(
        error.to_string(),
        "2 of 3 smoke tests failed: \
         `an order is taken` (checkout-prod:live): $.ok: found false, expected true | \
         `the shop opens` (https://shop.example.com/): status: found 503, expected 200"
    );
}

#[tokio::test]
async fn failed_tests_are_recorded_too() {
    let fixture = smoke(World {
        payload: json!({ "ok": false }),
        ..healthy()
    });
    fixture.handle(new()).await.expect_err("must fail");
    assert_eq!(fixture.ledger.recorded.get(), 1);
    let last = fixture.ledger.last.borrow();
    assert_eq!(last[0].problems, ["$.ok: found false, expected true"]);
    assert!(last[1].problems.is_empty());
}

#[tokio::test]
async fn an_alias_that_answers_with_another_version_fails_the_test() {
    let fixture = smoke(World {
        version: Some("7"),
        ..healthy()
    });
    let error = fixture
        .handle(live())
        .await
        .expect_err("must fail")
        .to_string();
    assert!(
        error.contains("executed version: found 7, expected 8"),
        "{error}"
    );
    assert!(
        error.contains("executed version: found 7, expected 3"),
        "{error}"
    );
}

#[tokio::test]
async fn a_url_that_does_not_answer_fails_its_test_alone() {
    let fixture = smoke(World {
        status: None,
        ..healthy()
    });
    let error = fixture
        .handle(live())
        .await
        .expect_err("must fail")
        .to_string();
    assert!(
        error.starts_with("1 of 3 smoke tests failed: `the shop opens`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_function_that_does_not_answer_in_time_fails_by_name() {
    let mut fixture = smoke(World {
        silent: true,
        ..healthy()
    });
    fixture.limit = Duration::from_millis(20);
    let error = fixture
        .handle(new())
        .await
        .expect_err("must fail")
        .to_string();
    assert!(error.starts_with("2 of 2 smoke tests failed"), "{error}");
    assert!(error.contains("found no answer"), "{error}");
}

#[tokio::test]
async fn throttling_is_no_verdict_on_the_release() {
    let fixture = smoke(World {
        code: Some("TooManyRequestsException"),
        ..healthy()
    });
    let error = fixture.handle(new()).await.expect_err("must fail");
    assert_eq!(error.name(), "Throttled");
    assert_eq!(fixture.ledger.recorded.get(), 0);
}

#[tokio::test]
async fn a_release_without_tests_passes_none() {
    let mut fixture = smoke(healthy());
    fixture.records.0.manifest.smoke_tests.clear();
    let output = fixture.handle(live()).await.expect("passed");
    assert_eq!(output, going_on(0, Next::Bake));
    assert_eq!(fixture.ledger.recorded.get(), 1);
}

#[tokio::test]
async fn a_function_that_was_not_published_is_named() {
    let mut fixture = smoke(healthy());
    fixture.records.0.versions.remove("catalog");
    let error = fixture.handle(new()).await.expect_err("must fail");
    assert_eq!(error.name(), "NotFound");
    assert!(error.to_string().contains("catalog"), "{error}");
}

#[test]
fn an_unknown_stage_is_refused_with_the_known_ones() {
    let input = json!({ "promotion": "storefront/prod/1.1.0/1", "stage": "old" });
    let error = serde_json::from_value::<Input>(input)
        .expect_err("must be refused")
        .to_string();
    assert!(error.contains("`new`, `live`, `probe`"), "{error}");
}

const PROBE: &str = include_str!("../../../events/smoke/probe.json");

/// What the probes find.
async fn probed(world: World) -> (Vec<String>, Vec<Probed>) {
    let smoke = smoke(world);
    let input = serde_json::from_str(PROBE).expect("an event");
    let output = smoke.handle(input).await.expect("what probes found");
    let calls = smoke.web.0.calls.borrow().clone();
    (calls, output.probes)
}

#[tokio::test]
async fn probes_call_the_new_version_and_urls_and_show_no_query_and_nothing_unreleased() {
    let world = World {
        payload: json!({"statusCode": 500}),
        status: Some(200),
        ..World::default()
    };
    let (calls, found) = probed(world).await;
    assert_eq!(
        calls,
        [
            "checkout-prod:8 {\"probe\":true}",
            "https://example.com/health?key=s3cret"
        ]
    );
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].target, "checkout-prod:8");
    assert_eq!(found[0].latency_ms, Some(5));
    assert!(
        found[0].problems[0].contains("found 500, expected 200"),
        "{found:?}"
    );
    assert!(found[1].problems.is_empty(), "{found:?}");
    assert_eq!(found[1].target, "https://example.com/health");
}

#[tokio::test]
async fn a_url_that_does_not_answer_failed_and_a_call_that_lambda_refuses_says_nothing() {
    let world = World {
        code: Some("TooManyRequestsException"),
        ..World::default()
    };
    let (_, found) = probed(world).await;
    let fault = found[0].fault.as_deref().unwrap_or_default();
    assert!(
        fault.contains("TooManyRequestsException") && found[0].problems.is_empty(),
        "{found:?}"
    );
    assert!(
        found[1].fault.is_none() && found[1].problems.len() == 1,
        "{found:?}"
    );
}

#[tokio::test]
async fn a_function_that_never_answers_a_probe_failed_it_in_time() {
    let world = World {
        silent: true,
        status: Some(200),
        ..World::default()
    };
    let (_, found) = probed(world).await;
    assert!(
        found[0].problems[0].starts_with("found no answer, expected one within "),
        "{found:?}"
    );
    assert!(
        found[0].fault.is_none() && found[1].problems.is_empty(),
        "{found:?}"
    );
}
