use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;
use sluice_domain::digest::Digest;
use sluice_domain::journal::Published;
use sluice_domain::promotion::{BundleRef, Outcome};
use sluice_domain::suites::Place;

use super::*;
use crate::ReadError;

const PASSED: &str = "1..1\nok 1 - places an order\n";
const FAILED: &str = "1..1\nnot ok 1 - places an order\n";

/// What stands in prod, and what was recorded.
struct World {
    suites: RefCell<Value>,
    promotions: RefCell<Vec<Promotion>>,
    published: RefCell<BTreeSet<String>>,
    asked: RefCell<Vec<String>>,
    ran: RefCell<Vec<(String, Option<String>)>>,
    ends: RefCell<Vec<End>>,
}

fn promotion(id: &str, outcome: Option<Outcome>) -> Promotion {
    Promotion {
        id: id.parse().expect("an id"),
        bundle: BundleRef {
            bucket: "artifacts".to_owned(),
            key: "k".to_owned(),
            version_id: "v".to_owned(),
            digest: Digest::of(id.as_bytes()),
        },
        execution_arn: "arn".to_owned(),
        opened_at: Timestamp::UNIX_EPOCH,
        outcome,
        reason: None,
        closed_at: outcome.map(|_| Timestamp::UNIX_EPOCH),
    }
}

/// Shop 1.4.0 serves in prod, which has two suites for the night and one for releases.
fn world() -> World {
    let suites = json!([
        {"name": "smoke", "stage": "new", "function": "shop-smoke"},
        {"name": "orders", "stage": "scheduled", "function": "shop-tests"},
        {"name": "browser", "stage": "scheduled", "project": "shop-browser", "report": "s3://reports/{run}.tap"},
    ]);
    World {
        suites: RefCell::new(suites),
        promotions: RefCell::new(vec![promotion(
            "shop/prod/1.4.0/1",
            Some(Outcome::Promoted),
        )]),
        published: RefCell::new(BTreeSet::from(["shop/prod/1.4.0/1".to_owned()])),
        asked: RefCell::default(),
        ran: RefCell::default(),
        ends: RefCell::default(),
    }
}

impl World {
    /// A promotion of 1.5.0 begins; traffic is about to move if it has published.
    fn open(&self, has_published: bool) {
        let next = promotion("shop/prod/1.5.0/1", None);
        if has_published {
            self.published.borrow_mut().insert(next.id.to_string());
        }
        self.promotions.borrow_mut().push(next);
    }

    fn function(&self) -> Scheduled<&Self, &Self, &Self> {
        Scheduled {
            environments: self,
            reports: self,
            ledger: self,
        }
    }

    async fn begun(&self) -> Tested {
        let asked = Asked { run: run() };
        self.function().begin(&asked).await.expect("it is known")
    }

    async fn after(&self, suite: &str, report: &str, failed: Vec<String>) -> Tested {
        let done = Done {
            run: run(),
            promotion: "shop/prod/1.4.0/1".parse().expect("an id"),
            suite: suite.to_owned(),
            answer: json!({ "report": report }),
            error: None,
            cause: None,
            failed,
        };
        self.function().follow_up(done).await.expect("it is known")
    }

    fn end(&self) -> End {
        self.ends.borrow().last().expect("it ended").clone()
    }
}

fn run() -> TestRun {
    TestRun {
        application: "shop".to_owned(),
        environment: "prod".to_owned(),
        minute: "2026-11-02T02:00:00Z".parse().expect("a time"),
        requested_by: "schedule".to_owned(),
    }
}

impl Environments for &World {
    async fn settings(&self, _: &str, _: &str) -> Result<Settings, SettingsError> {
        let functions = json!({"checkout": {"name": "shop-checkout-prod"}});
        let suites = self.suites.borrow().clone();
        let settings = json!({"schema": 1, "order": 1, "functions": functions, "suites": suites});
        Ok(serde_json::from_value(settings).expect("settings"))
    }

    async fn promotions(&self, _: &str) -> Result<Vec<Promotion>, StoreError> {
        Ok(self.promotions.borrow().clone())
    }

    async fn published(&self, id: &PromotionId) -> Result<Option<Versions>, StoreError> {
        let published = Published {
            name: "shop-checkout-prod".to_owned(),
            arn: "arn:checkout".to_owned(),
            alias: "live".to_owned(),
            version: "8".to_owned(),
            stable: None,
            revision: None,
            changed: true,
        };
        let has = self.published.borrow().contains(&id.to_string());
        Ok(has.then(|| Versions::from([("checkout".to_owned(), published)])))
    }
}

impl Reports for &World {
    async fn read(&self, place: &Place) -> Result<Vec<u8>, ReadError> {
        self.asked.borrow_mut().push(place.to_string());
        Ok(PASSED.as_bytes().to_vec())
    }
}

impl Chain for &World {
    async fn ran(&self, _: &TestRun, suite: &Suite, verdict: &Verdict) -> Result<(), Fault> {
        let fact = (suite.name.clone(), verdict.problem.clone());
        self.ran.borrow_mut().push(fact);
        Ok(())
    }

    async fn ended(&self, _: &TestRun, end: &End) -> Result<(), Fault> {
        self.ends.borrow_mut().push(end.clone());
        Ok(())
    }
}

#[test]
fn the_event_of_a_run_is_understood() {
    let text = include_str!("../../../events/suite/scheduled.json");
    let request: crate::Request = serde_json::from_str(text).expect("a request");
    assert_eq!(request, crate::Request::Begin(Asked { run: run() }));
}

#[tokio::test]
async fn suites_of_the_night_run_in_order_against_the_aliases_and_pass() {
    let world = world();
    let begun = world.begun().await;
    let start = begun.suite.expect("a suite");
    assert_eq!(
        (begun.next, start.name.as_str()),
        (Next::Function, "orders")
    );
    assert_eq!(start.input.functions["checkout"], "arn:checkout:live");
    assert_eq!(start.input.version, "1.4.0");
    let name = "shop/prod/1.4.0/1/scheduled/orders/20261102T0200Z";
    assert_eq!(start.input.run, name);

    let second = world.after("orders", PASSED, Vec::new()).await;
    assert_eq!(second.next, Next::Build);
    let over = world.after("browser", "", second.failed).await;
    assert_eq!((over.next, over.suite), (Next::Done, None));
    let report = "s3://reports/shop/prod/1.4.0/1/scheduled/browser/20261102T0200Z.tap";
    assert_eq!(*world.asked.borrow(), [report]);
    assert_eq!(world.end().outcome, TestOutcome::Passed);
    assert_eq!(world.ran.borrow().len(), 2);
}

#[tokio::test]
async fn a_suite_that_fails_is_remembered_and_the_next_one_runs_all_the_same() {
    let world = world();
    let second = world.after("orders", FAILED, Vec::new()).await;
    assert_eq!(second.next, Next::Build);
    let over = world.after("browser", "", second.failed).await;
    assert_eq!(over.next, Next::Failed);
    let End {
        outcome, failed, ..
    } = world.end();
    assert_eq!(outcome, TestOutcome::Failed);
    let said = "suite `orders`: 1 of 1 tests failed: `places an order`";
    assert_eq!(failed, [said]);
}

#[tokio::test]
async fn nothing_is_tested_where_nothing_is_to_be_or_traffic_moves() {
    let idle = world();
    *idle.suites.borrow_mut() = json!([]);
    let empty = world();
    empty.promotions.borrow_mut().clear();
    let busy = world();
    busy.open(true);
    for (world, why) in [
        (idle, "no suite of prod has the stage `scheduled`"),
        (empty, "nothing was promoted to prod yet"),
        (busy, "shop/prod/1.5.0/1 is being rolled out"),
    ] {
        let begun = world.begun().await;
        assert_eq!((begun.next, begun.suite), (Next::Done, None));
        let End {
            outcome, reason, ..
        } = world.end();
        assert_eq!(outcome, TestOutcome::SetAside);
        let reason = reason.expect("a reason");
        assert!(reason.starts_with(why), "{reason}");
    }
}

#[tokio::test]
async fn a_promotion_that_waits_for_people_keeps_no_suite_from_running() {
    let world = world();
    world.open(false);
    assert_eq!(world.begun().await.next, Next::Function);
}

#[tokio::test]
async fn what_begins_to_move_or_is_replaced_meanwhile_ends_a_run_without_a_verdict() {
    let moving = world();
    moving.open(true);
    let replaced = world();
    replaced.open(true);
    let promoted = Promotion {
        closed_at: Timestamp::from_second(1).ok(),
        ..promotion("shop/prod/1.5.0/1", Some(Outcome::Promoted))
    };
    replaced.promotions.borrow_mut()[1] = promoted;
    for (world, why) in [
        (&moving, "is being rolled out"),
        (&replaced, "shop/prod/1.5.0/1 took the place"),
    ] {
        let over = world.after("orders", FAILED, Vec::new()).await;
        assert_eq!(over.next, Next::Done);
        let End {
            outcome, reason, ..
        } = world.end();
        assert_eq!(outcome, TestOutcome::SetAside);
        assert!(reason.expect("a reason").contains(why), "{why}");
        let problem = world.ran.borrow()[0].1.clone();
        assert!(problem.is_some(), "what the suite found is written down");
    }
}

#[tokio::test]
async fn a_suite_that_is_gone_from_the_settings_ends_a_run_without_a_verdict() {
    let world = world();
    *world.suites.borrow_mut() = json!([]);
    let over = world.after("orders", PASSED, Vec::new()).await;
    assert_eq!(over.next, Next::Done);
    assert_eq!(world.end().outcome, TestOutcome::SetAside);
}

#[tokio::test]
async fn a_run_that_breaks_off_has_failed_for_the_reason_that_is_known() {
    let world = world();
    let broken = BrokenOff {
        run: run(),
        error: Some("AwsUnavailable".to_owned()),
        cause: None,
    };
    let over = world.function().give_up(&broken).await.expect("recorded");
    assert_eq!(over.next, Next::Failed);
    let End {
        outcome, reason, ..
    } = world.end();
    assert_eq!(outcome, TestOutcome::Failed);
    assert_eq!(
        reason.expect("a reason"),
        "the run broke off: AwsUnavailable"
    );
}
