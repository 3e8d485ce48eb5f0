use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_domain::digest::Digest;
use sluice_domain::promotion::{BundleRef, Outcome};

use super::*;

const EVENT: &str = include_str!("../../../events/hook/lifecycle-event.json");
const OURS: &str = "sluice storefront/prod/1.1.0/1 function checkout generation 0";

/// Everything around the function. What is asked of it is written down.
struct World {
    told: Told,
    promotion: Option<(Promotion, Generation)>,
    routing: Routing,
    /// The code under which `smoke` fails.
    fails: Option<&'static str>,
    log: RefCell<Vec<String>>,
}

impl World {
    fn note(&self, line: impl Into<String>) {
        self.log.borrow_mut().push(line.into());
    }
}

impl Deployments for &World {
    async fn read(&self, id: &str) -> Result<Told, Fault> {
        assert_eq!(id, "d-9XKOZX1PF");
        Ok(self.told.clone())
    }

    async fn answer(&self, hook: &Input, may_go_on: bool) -> Result<(), Fault> {
        assert!(!hook.lifecycle_event_hook_execution_id.is_empty());
        self.note(if may_go_on { "Succeeded" } else { "Failed" });
        Ok(())
    }
}

impl Records for &World {
    async fn promotion(&self, id: &PromotionId) -> Result<(Promotion, Generation), StoreError> {
        let found = self.promotion.clone();
        found.ok_or_else(|| StoreError::Missing(format!("promotion {id}")))
    }

    async fn versions(&self, _: &PromotionId) -> Result<Versions, StoreError> {
        let published = Published {
            name: "storefront-checkout-prod".into(),
            arn: "arn:aws:lambda:eu-west-1:1:function:storefront-checkout-prod".into(),
            alias: "live".into(),
            version: "8".into(),
            stable: Some("7".into()),
            revision: None,
            changed: true,
        };
        Ok(Versions::from([("checkout".to_owned(), published)]))
    }
}

impl Aliases for &World {
    async fn routing(&self, _: &Published) -> Result<Routing, Fault> {
        Ok(self.routing.clone())
    }
}

impl Tests for &World {
    async fn run(&self, id: &PromotionId, stage: Stage, function: &str) -> Result<(), Fault> {
        self.note(format!("test {function} of {id} {stage:?}"));
        match self.fails {
            None => Ok(()),
            Some(code) => Err(Fault {
                operation: "testing".to_owned(),
                code: Some(code.to_owned()),
                message: "`an order is taken`: found 500".to_owned(),
            }),
        }
    }
}

fn promotion() -> Promotion {
    Promotion {
        id: "storefront/prod/1.1.0/1".parse().expect("an id"),
        bundle: BundleRef {
            bucket: "b".into(),
            key: "k".into(),
            version_id: "v".into(),
            digest: Digest::of(b""),
        },
        execution_arn: "arn".into(),
        opened_at: Timestamp::UNIX_EPOCH,
        outcome: None,
        reason: None,
        closed_at: None,
    }
}

/// A deployment of ours, before traffic moves.
fn world() -> World {
    World {
        told: Told {
            description: OURS.to_owned(),
            is_rollback: false,
        },
        promotion: Some((promotion(), Generation(0))),
        routing: Routing::only("7"),
        fails: None,
        log: RefCell::default(),
    }
}

async fn answer(world: &World) -> (Result<Output, Error>, Vec<String>) {
    let hook = Hook {
        deployments: world,
        records: world,
        aliases: world,
        tests: world,
    };
    let input = serde_json::from_str(EVENT).expect("an event of CodeDeploy's");
    let output = hook.handle(input).await;
    (output, world.log.take())
}

#[tokio::test]
async fn a_hook_that_is_called_again_decides_again_as_things_stand_then() {
    let mut world = world();
    assert!(answer(&world).await.0.expect("an answer").may_go_on);
    world.promotion = Some((promotion(), Generation(1)));
    let (output, log) = answer(&world).await;
    assert!(!output.expect("an answer").may_go_on);
    assert_eq!(log, ["Failed"], "no test runs for who was fenced off");
}

#[tokio::test]
async fn before_traffic_moves_the_exact_new_version_is_tested() {
    let (output, log) = answer(&world()).await;
    assert!(output.expect("an answer").may_go_on);
    let test = "test checkout of storefront/prod/1.1.0/1 New";
    assert_eq!(log, [test, "Succeeded"]);
}

#[tokio::test]
async fn once_all_traffic_is_there_the_alias_is_tested() {
    let mut world = world();
    world.routing = Routing::only("8");
    let (_, log) = answer(&world).await;
    let test = "test checkout of storefront/prod/1.1.0/1 Live";
    assert_eq!(log, [test, "Succeeded"]);
    world.routing.weights = BTreeMap::from([("7".to_owned(), 0.5)]);
    let (_, log) = answer(&world).await;
    assert!(log[0].ends_with("New"), "{log:?}");
}

#[tokio::test]
async fn a_smoke_test_that_fails_stops_the_deployment_and_is_no_failure_of_the_hook() {
    let world = World {
        fails: Some("SmokeTestFailed"),
        ..world()
    };
    let (output, log) = answer(&world).await;
    let output = output.expect("an answer");
    assert_eq!(output, Output::stop("`an order is taken`: found 500"));
    assert_eq!(log.last().map(String::as_str), Some("Failed"));
}

#[tokio::test]
async fn codedeploy_is_answered_before_the_hook_itself_fails() {
    let world = World {
        fails: Some("AwsUnavailable"),
        ..world()
    };
    let (output, log) = answer(&world).await;
    assert_eq!(output.expect_err("no answer").name(), "AwsUnavailable");
    assert_eq!(log.last().map(String::as_str), Some("Failed"));
}

#[tokio::test]
async fn a_deployment_that_nobody_knows_does_not_go_on_and_nothing_is_tested() {
    let mut by_hand = world();
    by_hand.told.description = "by hand".to_owned();
    let of_no_promotion = World {
        promotion: None,
        ..world()
    };
    let mut of_no_function = world();
    of_no_function.told.description = OURS.replace("checkout", "cart");
    for (world, because) in [
        (by_hand, "found the description `by hand`"),
        (of_no_promotion, "there is no promotion"),
        (of_no_function, "published no `cart`"),
    ] {
        let (output, log) = answer(&world).await;
        let output = output.expect("an answer");
        assert!(output.because.contains(because), "{}", output.because);
        assert_eq!(log, ["Failed"]);
    }
}

#[tokio::test]
async fn a_promotion_that_was_fenced_off_or_has_ended_moves_nothing_through_codedeploy() {
    let taken_over = World {
        promotion: Some((promotion(), Generation(1))),
        ..world()
    };
    let ended = Promotion {
        outcome: Some(Outcome::RolledBack),
        ..promotion()
    };
    let ended = World {
        promotion: Some((ended, Generation(0))),
        ..world()
    };
    for world in [taken_over, ended] {
        let (output, log) = answer(&world).await;
        assert!(!output.expect("an answer").may_go_on);
        assert_eq!(log, ["Failed"]);
    }
}

#[tokio::test]
async fn a_rollback_is_held_up_by_nothing() {
    let mut world = world();
    world.told = Told {
        description: String::new(),
        is_rollback: true,
    };
    let (output, log) = answer(&world).await;
    assert!(output.expect("an answer").may_go_on);
    assert_eq!(log, ["Succeeded"]);
}
