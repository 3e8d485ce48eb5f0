use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;
use sluice_domain::digest::Digest;
use sluice_domain::promotion::{BundleRef, Generation};

use super::*;

const SCHEDULE: &str = include_str!("../../../events/watchdog/schedule.json");
const ABORTED: &str = include_str!("../../../events/watchdog/execution-aborted.json");

/// What the watchdog did, in order.
type Log = RefCell<Vec<String>>;

/// Everything around the watchdog.
#[derive(Default)]
struct World {
    log: Log,
    /// As the lagging index lists them.
    open: Vec<Promotion>,
    /// As they really stand, where that differs.
    current: BTreeMap<String, Promotion>,
    /// Status by execution ARN. Those that aren't there run.
    owners: BTreeMap<String, Status>,
    /// What `shift` answers, by promotion; the rest were rolled back.
    settled: BTreeMap<String, Settled>,
    /// Errors of `shift`'s stable goal, by promotion.
    failing: BTreeMap<String, &'static str>,
    /// Ids of overdue requests, by environment of their promotion. `?` can't be read.
    overdue: BTreeMap<String, &'static str>,
    /// How requests stand once counted, by their id. Those that aren't there fail.
    counted: BTreeMap<String, State>,
    ledger_is_down: bool,
    queue_is_down: bool,
}

impl World {
    fn did(&self, what: String) {
        self.log.borrow_mut().push(what);
    }
}

fn failed(name: &str) -> CallError {
    CallError::Failed {
        function: "shift (goal stable)",
        name: name.to_owned(),
        message: "it says why".to_owned(),
    }
}

impl Promotions for &World {
    async fn open(&self) -> Result<Vec<Promotion>, StoreError> {
        Ok(self.open.clone())
    }

    async fn current(&self, id: &PromotionId) -> Result<Promotion, StoreError> {
        let listed = || {
            self.open
                .iter()
                .find(|promotion| promotion.id == *id)
                .cloned()
        };
        let found = self.current.get(&id.to_string()).cloned().or_else(listed);
        found.ok_or_else(|| StoreError::Missing(format!("promotion {id}")))
    }

    async fn take_over(&self, id: &PromotionId) -> Result<Generation, StoreError> {
        self.did(format!("raise {}", id.environment));
        Ok(Generation(7))
    }
}

impl Executions for &World {
    async fn status(&self, arn: &str) -> Result<Status, Fault> {
        match self.owners.get(arn) {
            Some(Status::Ended(status)) if status == "?" => {
                Err(Fault::other("states:DescribeExecution", "down"))
            }
            found => Ok(found.cloned().unwrap_or(Status::Running)),
        }
    }

    async fn stop_rollout(&self, promotion: &Promotion) -> Result<(), Fault> {
        self.did(format!("stop {}", promotion.id.environment));
        Ok(())
    }
}

impl Functions for &World {
    async fn settle(&self, id: &PromotionId, generation: Generation) -> Result<Settled, CallError> {
        self.did(format!("settle {} at {generation}", id.environment));
        if let Some(name) = self.failing.get(&id.environment) {
            return Err(failed(name));
        }
        let rolled_back = Settled {
            outcome: Outcome::RolledBack,
            touched: true,
        };
        Ok(self
            .settled
            .get(&id.environment)
            .copied()
            .unwrap_or(rolled_back))
    }

    async fn verify(&self, id: &PromotionId, _: Generation) -> Result<(), CallError> {
        self.did(format!("verify {}", id.environment));
        Ok(())
    }

    async fn close(&self, id: &PromotionId, outcome: Outcome, _: &str) -> Result<(), CallError> {
        self.did(format!("close {} {}", id.environment, outcome.title()));
        Ok(())
    }

    async fn hand_over(&self) -> Result<u64, CallError> {
        self.did("hand over".to_owned());
        if self.queue_is_down {
            Err(failed("Throttled"))
        } else {
            Ok(2)
        }
    }
}

impl Approvals for &World {
    async fn overdue(&self, id: &PromotionId, _: Timestamp) -> Result<Option<String>, StoreError> {
        match self.overdue.get(&id.environment) {
            Some(&"?") => Err(Fault::other("dynamodb:GetItem", "down").into()),
            found => Ok(found.map(|approval| (*approval).to_owned())),
        }
    }

    async fn tally(&self, approval: &str) -> Result<State, CallError> {
        self.did(format!("tally {approval}"));
        let counted = self.counted.get(approval).copied();
        counted.ok_or_else(|| failed("Throttled"))
    }
}

impl Facts for &World {
    async fn record(&self, id: &PromotionId, kind: Kind, _: &str, _: Value) -> Result<(), Fault> {
        if self.ledger_is_down {
            return Err(Fault::other("recording", "down"));
        }
        self.did(format!("record {} {}", id.environment, kind.name()));
        Ok(())
    }
}

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().expect("time")
}

fn promotion(environment: &str) -> Promotion {
    let id: PromotionId = format!("storefront/{environment}/1.1.0/1")
        .parse()
        .expect("valid");
    Promotion {
        id,
        bundle: BundleRef {
            bucket: "bundles".into(),
            key: "storefront/1.1.0/release.json".into(),
            version_id: "v".into(),
            digest: Digest::of(b"bundle"),
        },
        execution_arn: environment.to_owned(),
        opened_at: now() - SignedDuration::from_mins(10),
        outcome: None,
        reason: None,
        closed_at: None,
    }
}

fn ended(status: &str) -> Status {
    Status::Ended(status.to_owned())
}

/// A world with these open promotions, by environment and how their owner stands.
fn world(owners: &[(&str, Status)]) -> World {
    World {
        open: owners
            .iter()
            .map(|(environment, _)| promotion(environment))
            .collect(),
        owners: owners
            .iter()
            .map(|(environment, status)| ((*environment).to_owned(), status.clone()))
            .collect(),
        ..World::default()
    }
}

async fn run(world: &World, event: &str) -> Result<Output, Error> {
    let watchdog = Watchdog {
        promotions: world,
        executions: world,
        functions: world,
        approvals: world,
        ledger: world,
    };
    watchdog
        .handle(
            serde_json::from_str(event).expect("an event file that is understood"),
            now(),
        )
        .await
}

#[tokio::test]
async fn a_promotion_whose_execution_runs_is_left_alone() {
    let world = world(&[("prod", Status::Running)]);
    let output = run(&world, SCHEDULE).await.expect("nothing wrong");
    assert_eq!(
        output,
        Output {
            mended: vec![],
            expired: vec![],
            resumed: 2
        }
    );
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn a_request_whose_time_is_over_is_counted_and_its_promotion_told_of() {
    let mut world = world(&[("prod", Status::Running)]);
    world.overdue.insert("prod".into(), "first");
    world.counted.insert("first".into(), State::Expired);
    let output = run(&world, SCHEDULE).await.expect("nothing wrong");
    assert_eq!(
        serde_json::to_value(&output).expect("JSON"),
        serde_json::json!({"mended": [], "expired": ["storefront/prod/1.1.0/1"], "resumed": 2})
    );
    assert_eq!(*world.log.borrow(), ["tally first", "hand over"]);
}

#[tokio::test]
async fn votes_in_time_that_only_the_watchdog_had_counted_are_no_expiry() {
    let mut world = world(&[("prod", Status::Running)]);
    world.overdue.insert("prod".into(), "first");
    world.counted.insert("first".into(), State::Approved);
    let output = run(&world, SCHEDULE).await.expect("nothing wrong");
    assert!(output.expired.is_empty());
}

#[tokio::test]
async fn the_request_of_a_promotion_that_nobody_owns_is_not_counted() {
    for owner in [ended("ABORTED"), Status::Unknown] {
        let mut world = world(&[("prod", owner)]);
        world.overdue.insert("prod".into(), "first");
        let output = run(&world, SCHEDULE).await.expect("mended");
        assert_eq!(output.mended.len(), 1);
        let log = world.log.borrow();
        assert!(!log.contains(&"tally first".to_owned()), "{log:?}");
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_read_or_counted_does_not_keep_the_others_from_expiring() {
    for (broken, name) in [("?", "AwsCallFailed"), ("broken", "FunctionFailed")] {
        let mut world = world(&[
            ("staging", Status::Running),
            ("prod", Status::Running),
            ("dev", ended("FAILED")),
        ]);
        world.overdue.insert("staging".into(), broken);
        world.overdue.insert("prod".into(), "first");
        world.counted.insert("first".into(), State::Expired);
        let error = run(&world, SCHEDULE)
            .await
            .expect_err("one was not counted");
        assert_eq!(error.name(), name);
        let log = world.log.borrow();
        for done in ["tally first", "close dev RolledBack", "hand over"] {
            assert!(log.contains(&done.to_owned()), "{done} is not in {log:?}");
        }
    }
}

#[test]
fn a_request_is_overdue_from_its_deadline_on_unless_it_is_approved() {
    let before = now() - SignedDuration::from_secs(1);
    for (state, expected) in [
        (State::Pending, true),
        (State::Expired, true),
        (State::Rejected, true),
        (State::Superseded, true),
        (State::Approved, false),
    ] {
        assert_eq!(is_overdue(state, now(), now()), expected, "{state:?}");
        assert!(!is_overdue(state, now(), before), "{state:?}");
    }
}

#[tokio::test]
async fn an_aborted_promotion_is_fenced_put_back_checked_and_closed() {
    let world = world(&[("prod", ended("ABORTED"))]);
    let output = run(&world, ABORTED).await.expect("mended");
    assert_eq!(output.mended, [world.open[0].id.clone()]);
    assert_eq!(
        *world.log.borrow(),
        [
            "stop prod",
            "raise prod",
            "record prod TakenOver",
            "settle prod at 7",
            "verify prod",
            "close prod RolledBack",
            "hand over",
        ]
    );
}

#[tokio::test]
async fn an_execution_that_ended_without_closing_is_mended_however_it_ended() {
    for status in ["FAILED", "TIMED_OUT", "SUCCEEDED"] {
        let world = world(&[("prod", ended(status))]);
        assert_eq!(
            run(&world, SCHEDULE).await.expect("mended").mended.len(),
            1,
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_promotion_past_the_point_of_no_return_is_closed_as_promoted() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.settled.insert(
        "prod".into(),
        Settled {
            outcome: Outcome::Promoted,
            touched: true,
        },
    );
    run(&world, SCHEDULE).await.expect("mended");
    assert!(
        world
            .log
            .borrow()
            .contains(&"close prod Promoted".to_owned())
    );
}

#[tokio::test]
async fn a_promotion_that_touched_nothing_is_closed_as_aborted() {
    let mut world = world(&[("prod", ended("ABORTED"))]);
    world.settled.insert(
        "prod".into(),
        Settled {
            outcome: Outcome::RolledBack,
            touched: false,
        },
    );
    run(&world, SCHEDULE).await.expect("mended");
    assert!(
        world
            .log
            .borrow()
            .contains(&"close prod Aborted".to_owned())
    );
}

#[tokio::test]
async fn an_unknown_execution_is_given_five_minutes_to_appear() {
    let mut world = world(&[("prod", Status::Unknown)]);
    assert_eq!(run(&world, SCHEDULE).await.expect("mended").mended.len(), 1);
    world.open[0].opened_at = now() - SignedDuration::from_mins(4);
    assert!(run(&world, SCHEDULE).await.expect("left").mended.is_empty());
}

#[tokio::test]
async fn a_promotion_that_the_index_still_lists_but_has_ended_is_left_alone() {
    let mut world = world(&[("prod", ended("SUCCEEDED"))]);
    let closed = Promotion {
        outcome: Some(Outcome::Promoted),
        ..promotion("prod")
    };
    world.current.insert(closed.id.to_string(), closed);
    assert!(run(&world, SCHEDULE).await.expect("left").mended.is_empty());
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn one_that_cannot_be_mended_is_told_of_and_does_not_stop_the_others() {
    let mut world = world(&[("staging", ended("FAILED")), ("prod", ended("FAILED"))]);
    world.failing.insert("staging".into(), "RollbackIncomplete");
    let error = run(&world, SCHEDULE).await.expect_err("stranded");
    assert_eq!(error.name(), "Stranded");
    let text = error.to_string();
    assert!(
        text.starts_with("1 promotion could not be put right: storefront/staging/1.1.0/1: "),
        "{text}"
    );
    assert!(text.contains("RollbackIncomplete: it says why"), "{text}");
    let log = world.log.borrow();
    for done in [
        "record staging Stranded",
        "close staging Stranded",
        "close prod RolledBack",
        "hand over",
    ] {
        assert!(log.contains(&done.to_owned()), "{done} is not in {log:?}");
    }
}

#[tokio::test]
async fn a_stranded_promotion_is_tried_again_after_the_others_and_not_marked_again() {
    let mut world = world(&[("staging", ended("FAILED")), ("prod", ended("FAILED"))]);
    world.open[0].outcome = Some(Outcome::Stranded);
    world.failing.insert("staging".into(), "NotSettled");
    run(&world, SCHEDULE).await.expect_err("stranded");
    let order: Vec<String> = world
        .log
        .borrow()
        .iter()
        .filter(|did| did.starts_with("settle"))
        .cloned()
        .collect();
    assert_eq!(order, ["settle prod at 7", "settle staging at 7"]);
    assert!(
        !world
            .log
            .borrow()
            .contains(&"close staging Stranded".to_owned())
    );
    world.failing.clear();
    assert_eq!(
        run(&world, SCHEDULE)
            .await
            .expect("mended at last")
            .mended
            .len(),
        2
    );
}

#[tokio::test]
async fn a_fence_means_that_somebody_else_is_mending_it() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.failing.insert("prod".into(), "Fenced");
    assert!(
        run(&world, SCHEDULE)
            .await
            .expect("left to the other")
            .mended
            .is_empty()
    );
    assert!(
        !world
            .log
            .borrow()
            .contains(&"record prod Stranded".to_owned())
    );
}

#[tokio::test]
async fn mending_does_not_wait_for_the_ledger() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.ledger_is_down = true;
    assert_eq!(run(&world, SCHEDULE).await.expect("mended").mended.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_an_error_after_the_rest_was_done() {
    let world = world(&[("staging", ended("?")), ("prod", ended("FAILED"))]);
    let error = run(&world, SCHEDULE)
        .await
        .expect_err("not all was looked at");
    assert_eq!(error.name(), "AwsCallFailed");
    assert!(
        world
            .log
            .borrow()
            .contains(&"close prod RolledBack".to_owned())
    );
}

#[tokio::test]
async fn a_queue_that_cannot_be_woken_is_an_error() {
    let mut world = world(&[]);
    world.queue_is_down = true;
    let error = run(&world, SCHEDULE).await.expect_err("the queue stands");
    assert_eq!(error.name(), "FunctionFailed");
}
