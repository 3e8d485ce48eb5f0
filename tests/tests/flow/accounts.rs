//! Environments whose functions are another account's, in another region, and one after
//! the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_domain::approval::Choice;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::Outcome;
use sluice_domain::role::copy_key;
use sluice_tests::World;
use sluice_tests::world::{Build, Ended, alone, healthy};

use crate::approvals::CODE;

const ACCOUNT: &str = "222222222222";
const ANOTHER: &str = "333333333333";
const HOME: &str = "us-east-1";
const EUROPE: &str = "eu-west-1";
const FUNCTIONS: [&str; 2] = ["api", "worker"];

/// An application whose functions serve version 1 in another account and region, and
/// the role that leads there.
async fn away(region: &str) -> (World, World, Build, Value) {
    let here = World::new().await;
    let first = here.healthy("1.0.0", &FUNCTIONS);
    let (there, role) = serve(&here, ACCOUNT, region, "prod", &first).await;
    (here, there, first, role)
}

/// Has an environment's functions serve version 1 in an account and region.
async fn serve(
    here: &World,
    account: &str,
    region: &str,
    environment: &str,
    first: &Build,
) -> (World, Value) {
    let (there, role) = here.in_account(account, region).await;
    for function in FUNCTIONS {
        there.create(environment, function, first).await;
        there.create_alias(environment, function).await;
    }
    (there, role)
}

/// A build whose smoke test passes only where this very code runs.
fn next(here: &World, version: &str) -> Build {
    let answers = json!({ "json": { "$.version": version } });
    let test = json!({ "name": "it is new", "function": "api", "expect": answers });
    let sources = FUNCTIONS.map(|function| (function, healthy(version)));
    here.build(version, &sources, json!({ "smoke_tests": [test] }))
}

/// Where the copies of a build's zip files lie, and what S3 must say of them.
fn copies(manifest: &Manifest) -> Vec<(String, String)> {
    let functions = manifest.functions.values();
    let zips = functions.filter_map(|function| function.zip.as_ref());
    zips.map(|zip| {
        let key = copy_key(&manifest.application, &zip.digest);
        (key, STANDARD.encode(zip.digest.bytes()))
    })
    .collect()
}

fn bucket(role: &Value) -> &str {
    role["bucket"].as_str().expect("a bucket")
}

/// Nothing was changed where the functions are.
async fn is_untouched(there: &World) {
    for function in FUNCTIONS {
        assert_eq!(there.alias("prod", function).await, alone("1"));
        assert_eq!(there.versions("prod", function).await, ["1"]);
    }
}

/// Uploads the next version, and answers how its promotion into prod ended.
async fn released(here: &World, version: &str) -> Ended {
    here.upload(&next(here, version)).await;
    here.ended(&here.promotion("prod", version)).await
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn functions_of_another_account_and_region_are_released_through_its_role() {
    let (here, there, first, role) = away(EUROPE).await;
    let steps = json!([{ "weight": 50, "bake_seconds": 1 }, { "weight": 100, "bake_seconds": 0 }]);
    let settings = json!({ "role": role, "steps": steps });
    here.settings("prod", &first, settings).await;

    let ended = released(&here, "1.1.0").await;
    ended.is(Outcome::Promoted);
    assert_eq!(ended.count(Kind::TrafficShifted), 2);
    assert!(ended.count(Kind::VerdictReached) > 0, "{:?}", ended.kinds());
    let published = &ended.entry(Kind::VersionsPublished).event.facts["functions"];
    for function in FUNCTIONS {
        assert_eq!(there.alias("prod", function).await, alone("2"));
        let arn = published[function]["arn"].as_str().unwrap_or_default();
        assert!(arn.contains(&format!("{EUROPE}:{ACCOUNT}")), "{published}");
        let holder = here.reader.store.holder(arn).await;
        assert_eq!(holder.expect("the lock"), None);
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn code_is_copied_once_and_going_back_to_it_copies_nothing() {
    let (here, there, first, role) = away(EUROPE).await;
    there.keep_versions(bucket(&role)).await;
    here.settings("prod", &first, json!({ "role": role })).await;

    let ended = released(&here, "1.1.0").await;
    ended.is(Outcome::Promoted);
    let recorded = &ended.entry(Kind::BundleVerified).event.facts["copies"];
    let expected = copies(&next(&here, "1.1.0").bundle.manifest);
    assert_eq!(there.versions_in(bucket(&role)).await.len(), expected.len());
    for (key, checksum) in expected {
        let found = there.checksum_of(bucket(&role), &key).await;
        assert_eq!(found, Some(checksum));
        assert!(recorded.to_string().contains(&key), "{recorded}");
    }

    released(&here, "1.2.0").await.is(Outcome::Promoted);
    assert_eq!(there.versions_in(bucket(&role)).await.len(), 4);
    let back = json!({ "rollback": true });
    here.ask("1.1.0", back).await.expect("it goes back");
    let ended = here.ended(&here.attempt("prod", "1.1.0", 2)).await;
    ended.is(Outcome::Promoted);
    assert_eq!(there.versions_in(bucket(&role)).await.len(), 4);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_release_takes_accounts_and_regions_as_waves_with_a_bake_between() {
    let here = World::new().await;
    let first = here.healthy("1.0.0", &FUNCTIONS);
    let (one, role) = serve(&here, ACCOUNT, HOME, "prod-us", &first).await;
    let settings = json!({ "order": 1, "role": role });
    here.settings("prod-us", &first, settings).await;
    let (two, role) = serve(&here, ANOTHER, EUROPE, "prod-eu", &first).await;
    let settings = json!({ "order": 2, "role": role, "entry": { "soak_seconds": 2 } });
    here.settings("prod-eu", &first, settings).await;

    here.upload(&next(&here, "1.1.0")).await;
    let us = here.ended(&here.promotion("prod-us", "1.1.0")).await;
    us.is(Outcome::Promoted);
    let eu = here.ended(&here.promotion("prod-eu", "1.1.0")).await;
    eu.is(Outcome::Promoted);
    for function in FUNCTIONS {
        assert_eq!(one.alias("prod-us", function).await, alone("2"));
        assert_eq!(two.alias("prod-eu", function).await, alone("2"));
    }
    let stood = us.entry(Kind::PromotionClosed).at;
    let shifted = eu.entry(Kind::TrafficShifted).at;
    let bake = shifted.duration_since(stood).as_secs();
    assert!(bake >= 2, "the second wave began after {bake} s");
    assert_eq!(here.attempts("1.1.0").await.len(), 1, "in one release");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_copy_that_was_replaced_before_lambda_took_it_reaches_no_caller() {
    let (here, there, first, role) = away(HOME).await;
    let ada = here.approver("ada", CODE).await;
    let approval = json!({ "approvers": [ada] });
    let settings = json!({ "role": role, "approval": approval });
    here.settings("prod", &first, settings).await;
    here.upload(&next(&here, "1.1.0")).await;
    let id = here.promotion("prod", "1.1.0");
    here.asked(&id).await;
    let other = next(&here, "6.6.6").bundle;
    let code = &other.files["api.zip"];
    for (key, _) in copies(&next(&here, "1.1.0").bundle.manifest) {
        there.replace(bucket(&role), &key, code.clone()).await;
    }
    let vote = here.vote(&id, Choice::Approve, CODE).await;
    vote.expect("a vote");

    let ended = here.ended(&id).await;
    ended.is(Outcome::RolledBack);
    let reason = ended.reason();
    assert!(reason.contains("CodeMismatch"), "{reason}");
    is_untouched(&there).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_bucket_that_the_role_may_not_write_or_is_elsewhere_is_refused_with_the_reason() {
    let (here, there, first, role) = away(EUROPE).await;
    let refused = async |version: &str, more: (&str, &str)| {
        let mut role = role.clone();
        role[more.0] = json!(more.1);
        here.settings("prod", &first, json!({ "role": role })).await;
        let ended = released(&here, version).await;
        ended.is(Outcome::Refused);
        ended.reason().to_owned()
    };
    let closed = there.closed_bucket().await;
    let denied = refused("1.1.0", ("bucket", &closed)).await;
    assert!(denied.contains("CopyRefused"), "{denied}");
    assert!(
        denied.contains("is denied") && denied.contains("s3:PutObject"),
        "{denied}"
    );
    let missing = refused("1.1.1", ("bucket", "no-such-bucket-of-sluice")).await;
    assert!(missing.contains("no such bucket"), "{missing}");
    let elsewhere = refused("1.2.0", ("region", "eu-central-1")).await;
    assert!(elsewhere.contains("CopyRefused"), "{elsewhere}");
    assert!(
        elsewhere.contains(EUROPE) && elsewhere.contains("eu-central-1"),
        "{elsewhere}"
    );
    is_untouched(&there).await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_role_lets_in_its_external_id_and_its_application_alone() {
    let (here, there, first, mut role) = away(HOME).await;
    role["external_id"] = json!("a guess");
    here.settings("prod", &first, json!({ "role": role })).await;
    let ended = released(&here, "1.1.0").await;
    ended.is(Outcome::Refused);
    let reason = ended.reason();
    assert!(
        reason.contains("AssumeRole") && reason.contains("`external_id`"),
        "{reason}"
    );
    is_untouched(&there).await;

    // Another application that learnt of the external id has other tags.
    let (_, role) = here.in_account(ANOTHER, HOME).await;
    let stranger = World::new().await;
    let first = stranger.healthy("1.0.0", &FUNCTIONS);
    stranger
        .settings("prod", &first, json!({ "role": role }))
        .await;
    let ended = released(&stranger, "1.1.0").await;
    ended.is(Outcome::Refused);
    assert!(ended.reason().contains("AssumeRole"), "{}", ended.reason());
}
