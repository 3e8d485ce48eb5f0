//! Environments whose functions are another account's.

use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Build, alone, healthy};

const ACCOUNT: &str = "222222222222";
const FUNCTIONS: [&str; 2] = ["api", "worker"];

/// An application whose functions serve version 1 in another account, and the
/// role that leads there.
async fn away() -> (World, World, Build, Value) {
    let here = World::new().await;
    let (there, role) = here.in_account(ACCOUNT).await;
    let first = there.healthy("1.0.0", &FUNCTIONS);
    for function in FUNCTIONS {
        there.create("prod", function, &first).await;
        there.create_alias("prod", function).await;
    }
    (here, there, first, role)
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn functions_of_another_account_are_released_through_its_role() {
    let (here, there, first, role) = away().await;
    let steps = json!([{ "weight": 50, "bake_seconds": 1 }, { "weight": 100, "bake_seconds": 0 }]);
    let settings = json!({ "role": role, "steps": steps });
    here.settings("prod", &first, settings).await;
    // An engine keeps buckets by account, so that Lambda finds no bundle in the
    // other one: the versions differ by their configuration alone.
    let test = json!({ "name": "it answers", "function": "api", "expect": { "json": { "$.version": "1.0.0" } } });
    let sources = FUNCTIONS.map(|function| (function, healthy("1.0.0")));
    let more = json!({ "configuration": { "memory_mb": 256 } });
    let functions = json!({ "api": more, "worker": more });
    let manifest = json!({ "smoke_tests": [test], "functions": functions });
    let next = here.build("1.1.0", &sources, manifest);
    here.upload(&next).await;

    let ended = here.ended(&here.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Promoted);
    assert_eq!(ended.count(Kind::TrafficShifted), 2);
    assert!(ended.count(Kind::VerdictReached) > 0, "{:?}", ended.kinds());
    let published = &ended.entry(Kind::VersionsPublished).event.facts["functions"];
    for function in FUNCTIONS {
        assert_eq!(there.alias("prod", function).await, alone("2"));
        let arn = published[function]["arn"].as_str().unwrap_or_default();
        assert!(arn.contains(ACCOUNT), "{published}");
        let holder = here.reader.store.holder(arn).await;
        assert_eq!(holder.expect("the lock"), None);
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_role_that_is_not_opened_by_its_external_id_lets_nobody_in() {
    let (here, there, first, mut role) = away().await;
    role["external_id"] = json!("a guess");
    here.settings("prod", &first, json!({ "role": role })).await;
    let next = here.healthy("1.1.0", &FUNCTIONS);
    here.upload(&next).await;

    let ended = here.ended(&here.promotion("prod", "1.1.0")).await;
    ended.is(Outcome::Refused);
    let reason = ended.reason();
    assert!(reason.contains("AssumeRole"), "{reason}");
    for function in FUNCTIONS {
        assert_eq!(there.alias("prod", function).await, alone("1"));
        assert_eq!(there.versions("prod", function).await, ["1"]);
    }
}
