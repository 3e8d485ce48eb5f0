//! What an environment asks of a bundle.

use sluice_domain::evidence::{Finding, Findings, Severity};
use sluice_evidence::Fitting;

use super::fakes::{junit, zip};
use super::*;

/// Hands over the bundle, which must be refused for what it is.
async fn refused(world: &World) -> String {
    let error = hand(world, BUNDLE).await.expect_err("must be refused");
    assert_eq!(error.name(), "EvidenceRefused", "{error}");
    assert!(world.verified().is_empty(), "it is not verified");
    assert_eq!(world.assessed()["outcome"], "refuse");
    error.to_string()
}

fn outcome_of(world: &World, name: &str) -> Value {
    let checks = world.assessed()["checks"].clone();
    let checks = checks.as_array().expect("checks").iter();
    let mut of = checks.filter(|check| check["name"] == name);
    of.next_back().expect("the check")["outcome"].clone()
}

/// Put together here, so that no scanner of a repository takes this file for a leak.
fn secret() -> String {
    format!("{}{}", "ghp_", "a1B2".repeat(9))
}

#[tokio::test]
async fn every_check_is_recorded_with_the_settings_that_judged() {
    let world = World::with_release("1.1.0");
    hand(&world, BUNDLE).await.expect("verified");
    assert_eq!(outcome_of(&world, "tests"), "pass");
    assert_eq!(outcome_of(&world, "coverage"), "not_run");
    assert_eq!(outcome_of(&world, "package"), "pass");
    assert_eq!(outcome_of(&world, "secrets"), "pass");
    let before = world.assessed()["settings"].clone();
    let other = World::with_release("1.1.0");
    other.ask(json!({"tests": {"max_skipped": 0}}));
    hand(&other, BUNDLE).await.expect("verified");
    assert_ne!(other.assessed()["settings"], before);
}

#[tokio::test]
async fn a_failed_test_refuses_with_file_found_expected_and_what_to_do() {
    let world = World::with_release("1.1.0");
    world.build("1.1.0", "tests/junit.xml", &junit("<failure/>"));
    let message = refused(&world).await;
    for part in [
        "tests: found 0 passed, 1 failed, 0 errored, 0 skipped, 0 flaky: pays; expected none failed",
        "is not what dev asks for",
        "mend the build and release it under a new version",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[tokio::test]
async fn what_is_required_and_missing_is_refused() {
    let world = World::with_release("1.1.0");
    world.ask(json!({"require": ["junit", "sbom"]}));
    let message = refused(&world).await;
    assert!(message.contains("sbom: found none"), "{message}");
    assert!(!message.contains("junit: found none"), "{message}");
}

#[tokio::test]
async fn a_secret_in_a_package_is_refused_and_never_told() {
    let world = World::with_release("1.1.0");
    let package = zip(&[("src/pay.js", format!("pay('{}')", secret()))]);
    world.build("1.1.0", "checkout.zip", &package);
    let message = refused(&world).await;
    let place = "github-token in src/pay.js of checkout.zip";
    assert!(message.contains(place), "{message}");
    assert!(!format!("{message} {}", world.told()).contains(&secret()));
}

#[tokio::test]
async fn a_secret_that_a_function_has_now_is_refused_and_never_told() {
    let world = World::with_release("1.1.0");
    let variables = [("TOKEN".to_owned(), secret())].into();
    *world.live.borrow_mut() = Some((Fitting::default(), variables));
    let message = refused(&world).await;
    let place = "github-token in environment variable TOKEN of storefront-checkout";
    assert!(message.contains(place), "{message}");
    assert!(!format!("{message} {}", world.told()).contains(&secret()));
}

#[tokio::test]
async fn a_package_that_the_function_can_not_run_is_refused() {
    let world = World::with_release("1.1.0");
    let fitting = Fitting {
        architecture: Some("arm64".to_owned()),
        handler: Some("bootstrap".to_owned()),
        runtime: Some("provided.al2023".to_owned()),
        has_layers: false,
    };
    *world.live.borrow_mut() = Some((fitting, Default::default()));
    let message = refused(&world).await;
    assert!(
        message.contains("package (checkout.zip): found no `bootstrap`"),
        "{message}"
    );
}

#[tokio::test]
async fn files_that_are_too_long_are_refused_unread_and_yet_hashed() {
    let world = World::with_release("1.1.0");
    world.lengthen("storefront/1.1.0/checkout.zip", 400 << 20);
    world.lengthen("storefront/1.1.0/tests/junit.xml", 60 << 20);
    world.forget_digest("storefront/1.1.0/checkout.zip");
    let message = refused(&world).await;
    assert!(
        message.contains("(checkout.zip): found 419430400 bytes"),
        "{message}"
    );
    assert!(
        message.contains("(tests/junit.xml): found 62914560 bytes"),
        "{message}"
    );
    assert_eq!(world.hashed().len(), 1);
}

#[tokio::test]
async fn coverage_is_compared_with_the_release_before_where_that_is_asked() {
    let coverage = b"SF:a.rs\nDA:1,1\nDA:2,1\nDA:3,1\nDA:4,1\nDA:5,0\nend_of_record\n";
    let world = World::with_release("1.1.0");
    world.add_evidence("1.1.0", 1);
    world.build("1.1.0", "evidence/0.json", coverage);
    world.call_evidence("coverage");
    world.promoted_with(90.0);
    hand(&world, BUNDLE).await.expect("80 % are enough");
    assert_eq!(
        world.last_remembered().and_then(|last| last.coverage),
        Some(80.0)
    );

    world.promoted_with(90.0);
    world.ask(json!({"coverage": {"max_drop": 5}}));
    let error = hand(&world, BUNDLE)
        .await
        .expect_err("it dropped")
        .to_string();
    assert!(error.contains("coverage drop: found 80.00 %"), "{error}");
}

#[tokio::test]
async fn a_scan_that_runs_is_waited_for_and_what_it_found_counts() {
    let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/storefront/checkout";
    let found = |severity| {
        let finding = Finding {
            id: "CVE-1".to_owned(),
            severity,
            place: "openssl 3.0.1".to_owned(),
            title: String::new(),
        };
        Scan::Complete(Findings {
            findings: vec![finding],
            suppressed: 0,
        })
    };
    let world = World::with_images("1.4.0", image);
    world.ask(json!({"image_scan": {}}));
    world.scan_as(&[Scan::Running, Scan::Running, found(Severity::Low)]);
    hand(&world, IMAGES).await.expect("verified");

    for (scan, told) in [
        (
            found(Severity::Critical),
            "1 critical: CVE-1 (openssl 3.0.1)",
        ),
        (
            Scan::None("UNSUPPORTED_IMAGE: no".to_owned()),
            "found UNSUPPORTED_IMAGE",
        ),
    ] {
        let world = World::with_images("1.4.0", image);
        world.ask(json!({"image_scan": {}}));
        world.scan_as(&[scan]);
        let error = hand(&world, IMAGES).await.expect_err("refused").to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_scan_that_never_ends_is_refused_after_the_time_for_it() {
    let image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/storefront/checkout";
    let world = World::with_images("1.4.0", image);
    world.ask(json!({"image_scan": {"wait_seconds": 0}}));
    let error = hand(&world, IMAGES).await.expect_err("refused").to_string();
    assert!(
        error.contains("no scan of the image that was over after 0 s"),
        "{error}"
    );
}

#[tokio::test]
async fn going_back_to_what_served_before_is_judged_and_refused_by_nothing_of_it() {
    let world = World::with_release("1.1.0");
    world.begin_rollback(BUNDLE, &["dev"]);
    world.promoted_before(BUNDLE);
    world.ask(json!({"require": ["sbom"]}));
    hand(&world, BUNDLE).await.expect("verified");
    let assessed = world.assessed();
    assert_eq!(
        (&assessed["outcome"], &assessed["rollback"]),
        (&json!("refuse"), &json!(true))
    );
}

#[tokio::test]
async fn what_is_called_a_rollback_and_never_served_there_is_held_to_what_is_asked() {
    let world = World::with_release("1.1.0");
    world.begin_rollback(BUNDLE, &["dev"]);
    world.promoted_before(&BUNDLE.replace("storefront/dev/", "storefront/staging/"));
    world.ask(json!({"require": ["sbom"]}));
    refused(&world).await;
    assert_eq!(world.assessed()["rollback"], false);
}

#[tokio::test]
async fn a_key_that_is_none_is_told_as_a_fault_of_the_settings() {
    let world = World::with_release("1.1.0");
    for key in [
        json!({"name": "ci", "pem": "none"}),
        json!({"name": "ci", "kms": "arn"}),
    ] {
        world.ask(json!({"provenance": {"keys": [key]}}));
        let message = refusal(&world, BUNDLE, "InvalidSettings").await;
        assert!(message.contains("the key `ci`"), "{message}");
    }
}
