//! Who may start a release where.

use sluice_domain::caller::{Principal, Refused};
use sluice_platform::caller::CallerError;
use sluice_platform::fault::Fault;

use super::path::promoted;
use super::*;

const CHAIN: &str = "release/storefront/1.1.0";
const FROM_PROD: &str = include_str!("../../../events/intake/manual-from.json");
const SCHEDULE: &str = include_str!("../../../events/intake/schedule.json");
const MANAGERS: &str = "arn:aws:sts::123456789012:assumed-role/managers/*";

/// A bundle, and environments whose settings say who may start what.
fn world(may: &[(&str, Value)]) -> World {
    let world = World::with_bundle("storefront", "1.1.0");
    for (order, (environment, patterns)) in (1..).zip(may) {
        let functions = json!({"checkout": {"name": format!("storefront-checkout-{environment}")}});
        let settings =
            json!({"schema": 1, "order": order, "functions": functions, "may": patterns});
        world.set("storefront", environment, &settings);
    }
    world
}

/// Uploads may begin dev and staging, managers prod.
fn world_of_managers() -> World {
    world(&[
        ("dev", json!({})),
        ("staging", json!({"start": ["s3:123456789012", MANAGERS]})),
        ("prod", json!({"start": [MANAGERS]})),
    ])
}

fn by(role: &str, session: &str) -> Caller {
    let arn = format!("arn:aws:sts::123456789012:assumed-role/{role}/{session}");
    Ok(Some(Principal::of_arn(&arn)?))
}

fn with(request: &str, fields: Value) -> String {
    let mut request: Value = serde_json::from_str(request).expect("JSON");
    for (name, value) in fields.as_object().expect("fields") {
        request[name] = value.clone();
    }
    request.to_string()
}

/// Must be refused, and recorded; nothing may have started.
async fn refused(world: &World, request: &str, caller: Caller) -> (&'static str, String) {
    let error = hand_as(world, request, caller).await.expect_err("refused");
    assert_eq!(world.starts(), 0, "something started");
    let (chain, kind, facts) = world.last_entry().expect("it is recorded");
    assert_eq!(
        (kind, &facts["error"]),
        (Kind::ReleaseRefused, &json!(error.name())),
        "{chain}"
    );
    (error.name(), error.to_string())
}

#[tokio::test]
async fn an_upload_stops_before_the_first_environment_that_it_may_not_start() {
    let world = world_of_managers();
    let output = hand(&world, UPLOADED).await.expect("started");
    let release = &world.releases()[0];
    assert_eq!(release.environments, ["dev", "staging"]);
    let principal = release.principal.as_ref().map(Principal::as_str);
    assert_eq!(principal, Some("s3:123456789012"));
    for part in [
        "s3:123456789012 may not start a promotion into prod",
        "`sluice promote storefront 1.1.0 prod`",
    ] {
        assert!(output.message.contains(part), "{part}: {}", output.message);
    }
}

#[tokio::test]
async fn an_upload_that_may_not_start_even_the_first_environment_is_refused() {
    let free = json!({});
    let world = world(&[
        ("dev", json!({"start": [MANAGERS]})),
        ("staging", free.clone()),
        ("prod", free),
    ]);
    let said = refusal(&world, UPLOADED, "NotAllowed", CHAIN).await;
    for part in ["s3:123456789012", "dev", MANAGERS, "sluice env put"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn who_may_starts_it_under_the_name_that_sts_says_whatever_they_call_themselves() {
    let world = world_of_managers();
    let output = hand_as(&world, MANUAL, by("managers", "grace")).await;
    assert_eq!(output.expect("started").outcome, Outcome::Started);
    let release = &world.releases()[0];
    assert_eq!(release.environments, ["dev", "staging", "prod"]);
    let grace = "arn:aws:sts::123456789012:assumed-role/managers/grace";
    assert_eq!(release.requested_by, grace);
    let (_, kind, facts) = world.last_entry().expect("recorded");
    assert_eq!(kind, Kind::ReleaseStarted);
    assert_eq!(facts["requested_by"], grace);
}

#[tokio::test]
async fn a_named_environment_is_refused_to_who_may_not_start_it_also_on_the_way_back() {
    let world = world_of_managers();
    let prod = json!({"environments": ["dev", "prod"]});
    for request in [
        FROM_PROD.to_owned(),
        with(MANUAL, prod),
        MANUAL_ROLLBACK.to_owned(),
    ] {
        let (name, said) = refused(&world, &request, by("interns", "bob")).await;
        assert_eq!(name, "NotAllowed");
        assert!(
            said.contains("assumed-role/interns/bob may not start a promotion into prod"),
            "{said}"
        );
    }
    let known = world.entries();
    for (who, entries) in [("bob", known), ("eve", known + 1), ("eve", known + 1)] {
        refused(&world, FROM_PROD, by("interns", who)).await;
        assert_eq!(world.entries(), entries, "each of them once");
    }
    let dev = with(MANUAL, json!({"environments": ["dev"]}));
    let output = hand_as(&world, &dev, by("interns", "bob")).await;
    assert_eq!(output.expect("started").outcome, Outcome::Started);
}

#[tokio::test]
async fn where_somebody_may_a_request_without_a_proof_is_told_to_update_the_command() {
    let world = world_of_managers();
    let (name, said) = refused(&world, FROM_PROD, Ok(None)).await;
    assert_eq!(name, "NotAllowed");
    assert!(said.contains("newer `sluice`"), "{said}");
    let output = hand(&world, MANUAL).await.expect("as far as anybody may");
    assert_eq!(output.outcome, Outcome::Started);
    assert_eq!(world.releases()[0].environments, ["dev"]);
}

#[tokio::test]
async fn a_proof_that_proves_nothing_is_refused_also_where_anybody_may() {
    let world = World::with_bundle("storefront", "1.1.0");
    let code = "ExpiredToken".to_owned();
    let expired = CallerError::Refused(Refused::BySts { code });
    let (name, said) = refused(&world, MANUAL, Err(expired)).await;
    assert_eq!(name, "ProofRefused");
    assert!(said.contains("sign in again"), "{said}");
}

#[tokio::test]
async fn a_proof_that_could_not_be_looked_at_is_no_refusal() {
    let world = World::with_bundle("storefront", "1.1.0");
    let fault = Fault {
        operation: "sts:GetCallerIdentity".to_owned(),
        code: Some("NoAnswer".to_owned()),
        message: String::new(),
    };
    let error = hand_as(&world, MANUAL, Err(fault.into())).await;
    assert_eq!(error.expect_err("unknown").name(), "AwsUnavailable");
    assert!(world.last_entry().is_none(), "recorded");
}

#[tokio::test]
async fn a_schedule_is_a_principal_of_its_own() {
    let request: Value = serde_json::from_str(SCHEDULE).expect("JSON");
    assert_eq!(request["promote"]["environment"], "prod");
    for (patterns, allowed) in [(json!(["schedule"]), true), (json!([MANAGERS]), false)] {
        let (dev, staging) = (("dev", json!({})), ("staging", json!({})));
        let world = world(&[dev, staging, ("prod", json!({"start": patterns}))]);
        hand(&world, UPLOADED).await.expect("started");
        world.end(Status::Succeeded);
        world.note_promotions([promoted(&world, "staging", "1.1.0", 1, 10)]);
        match hand(&world, SCHEDULE).await {
            Ok(output) => assert!(allowed && output.outcome == Outcome::Started),
            Err(error) => assert_eq!((error.name(), allowed), ("NotAllowed", false)),
        }
    }
}
