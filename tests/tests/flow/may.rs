//! Who may start and operate promotions, by who STS says they are.

use jiff::SignedDuration;
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_tests::World;
use sluice_tests::world::{Colleague, Person};

const JUST_NOW: SignedDuration = SignedDuration::from_secs(1);

/// A production with these settings, and 1.1.0 on its way through its first step.
async fn shifting(world: &World, settings: Value) -> PromotionId {
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, settings).await;
    world.upload(&world.healthy("1.1.0", &["api"])).await;
    let id = world.promotion("prod", "1.1.0");
    world.happened(&id, Kind::TrafficShifted).await;
    id
}

/// Whether a name is that of this colleague, as STS says it.
fn is(name: &str, colleague: &Colleague) -> bool {
    let role = colleague.pattern.trim_end_matches('*');
    name.starts_with(role) && role.starts_with("arn:aws:sts::")
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_upload_stops_before_production_and_only_who_may_takes_it_there() {
    let world = World::new().await;
    let manager = world.colleague("manager").await;
    let intern = world.colleague("intern").await;
    let first = world.healthy("1.0.0", &["api"]);
    for (order, environment, may) in [
        (1, "dev", json!({ "start": ["s3:*"] })),
        (2, "prod", json!({ "start": [manager.pattern] })),
    ] {
        let settings = json!({ "order": order, "may": may });
        world.environment(environment, &first, settings).await;
    }
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let dev = world.ended(&world.promotion("dev", "1.1.0")).await;
    dev.is(Outcome::Promoted);
    let release = world.attempts("1.1.0").await.remove(0);
    assert_eq!(release.environments, ["dev"]);
    world.execution_ended(&release.execution_arn).await;

    let promote = ["promote", &world.application, "1.1.0", "prod"];
    for (who, refused) in [
        ("an intern", world.sluice(&promote).by(&intern.person)),
        ("root", world.sluice(&promote)),
    ] {
        let refused = refused.run().await;
        refused
            .is(6)
            .says("NotAllowed")
            .says("may not start a promotion into prod")
            .says(&manager.pattern);
        assert_eq!(world.attempts("1.1.0").await.len(), 1, "{who}");
    }
    let allowed = world.sluice(&promote).by(&manager.person).run().await;
    allowed.is(0);
    let prod = world.ended(&world.attempt("prod", "1.1.0", 2)).await;
    prod.is(Outcome::Promoted);
    let release = world.attempts("1.1.0").await.remove(1);
    assert!(is(&release.requested_by, &manager), "{release:?}");
    world.settled("prod", &build, "2").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn only_who_may_operates_a_rollout_and_is_recorded_as_sts_names_them() {
    let world = World::new().await;
    let operator = world.colleague("operator").await;
    let intern = world.colleague("intern").await;
    let steps =
        json!([{ "weight": 50, "bake_seconds": 600 }, { "weight": 100, "bake_seconds": 0 }]);
    let may = json!({ "operate": [operator.pattern] });
    let id = shifting(&world, json!({ "steps": steps, "may": may })).await;

    let name = id.to_string();
    for wish in ["pause", "promote-now"] {
        let asked = [wish, &name, "--reason", "the fair"];
        let refused = world.sluice(&asked).by(&intern.person).run().await;
        refused
            .is(6)
            .says("NotAllowed")
            .says("may not operate promotions into prod");
    }
    let noted = |wish| {
        let asked = [wish, name.as_str(), "--reason", "the fair", "--json"];
        world.sluice(&asked).by(&operator.person).run()
    };
    let paused = noted("pause").await;
    let by = paused.is(0).json()["asked"]["by"].clone();
    assert!(is(by.as_str().unwrap_or_default(), &operator), "{by}");
    noted("resume").await.is(0);
    noted("promote-now").await.is(0);

    let ended = world.ended(&id).await;
    ended.is(Outcome::Promoted);
    assert_eq!(ended.count(Kind::OperatorAsked), 3);
    let asked = &ended.entry(Kind::OperatorAsked).event;
    assert!(is(&asked.actor, &operator), "{asked:?}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn where_somebody_may_nobody_else_gets_in_without_a_proof_or_with_a_bad_one() {
    let world = World::new().await;
    let manager = world.colleague("manager").await;
    let first = world.healthy("1.0.0", &["api"]);
    let may = json!({ "start": [manager.pattern] });
    let settings = json!({ "may": may });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api"]);
    world.upload(&build).await;
    let request = json!({
        "application": world.application, "version": "1.1.0", "requested_by": "the manager",
    });
    let ask = async |request: &Value| world.invoke("IntakeFunction", request).await;

    let unproven = ask(&request).await.expect_err("no proof");
    assert_eq!(unproven.name, "NotAllowed");
    assert!(unproven.message.contains("newer `sluice`"), "{unproven:?}");
    let stale = SignedDuration::from_secs(301);
    let stale = world.proven("IntakeFunction", &manager, &request, stale);
    let stranger = Person::stranger();
    let stranger = Colleague {
        person: stranger,
        pattern: String::new(),
    };
    let stranger = world.proven("IntakeFunction", &stranger, &request, JUST_NOW);
    let mut cut = world
        .proven("IntakeFunction", &manager, &request, JUST_NOW)
        .await;
    cut["proof"]["authorization"] = json!("AWS4-HMAC-SHA256 Credential=a\r\nx-evil: b");
    for (request, said) in [
        (stale.await, "set the clock"),
        (stranger.await, "sign in again"),
        (cut, "`proof.authorization` can't be used"),
    ] {
        let refused = ask(&request).await.expect_err("refused");
        assert_eq!(refused.name, "ProofRefused", "{refused:?}");
        assert!(refused.message.contains(said), "{refused:?}");
    }
    assert!(world.attempts("1.1.0").await.is_empty());

    let proven = world.proven("IntakeFunction", &manager, &request, JUST_NOW);
    let started = ask(&proven.await).await.expect("a manager");
    assert_eq!(started["outcome"], "started");
    let prod = world.ended(&world.promotion("prod", "1.1.0")).await;
    prod.is(Outcome::Promoted);
    let chain = world.ledger(&world.release_chain("1.1.0")).await;
    let told = serde_json::to_string(&chain).expect("JSON");
    let proof = proven_values(&world, &manager, &request).await;
    for secret in proof {
        assert!(!told.contains(&secret), "a secret is in the ledger");
    }
    world.settled("prod", &build, "2").await;
}

/// What of a proof may stand nowhere: the token, and the key's name in the signature.
async fn proven_values(world: &World, by: &Colleague, request: &Value) -> Vec<String> {
    let proven = world.proven("IntakeFunction", by, request, JUST_NOW).await;
    let text = |name: &str| {
        proven["proof"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let signature = text("authorization");
    let credential = signature.split(['=', '/']).nth(1).unwrap_or_default();
    let values = vec![text("x-amz-security-token"), credential.to_owned()];
    assert!(values.iter().all(|value| value.len() > 10), "{values:?}");
    values
}
