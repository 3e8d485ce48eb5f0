use std::time::Duration;

use serde_json::json;
use sluice_domain::alias::Routing;
use sluice_platform::lambda::Named as _;

use super::fakes::*;
use super::*;

#[tokio::test]
async fn configuration_comes_before_code_and_code_before_the_version() {
    let fixture = one_change(Lambda {
        pending: 3,
        ..lambda()
    });
    let output = fixture.handle(input()).await.expect("published");
    assert_eq!(
        output,
        Output {
            published: 1,
            unchanged: 1
        }
    );
    let changes = fixture.accounts.0.changes();
    assert_eq!(
        changes,
        [
            "configure checkout-prod",
            "update checkout-prod",
            "publish checkout-prod",
            // Its own again.
            "configure checkout-prod"
        ]
    );
}

#[tokio::test]
async fn what_was_published_is_saved_with_where_the_alias_stood() {
    let fixture = one_change(lambda());
    fixture.handle(input()).await.expect("published");
    let published = checkout(&fixture);
    assert_eq!(
        (published.version.as_str(), published.stable.as_deref()),
        ("2", Some("1"))
    );
    assert_eq!(published.revision.as_deref(), Some("a1"));
    assert_eq!(published.arn, CHECKOUT);
    assert!(published.changed);
    let saved = fixture.records.saved.borrow();
    let catalog = &saved.as_ref().expect("saved")["catalog"];
    assert_eq!((catalog.version.as_str(), catalog.changed), ("1", false));
    assert_eq!(fixture.ledger.0.get(), 1);
}

#[tokio::test]
async fn publishing_again_finds_everything_done() {
    let fixture = one_change(lambda());
    let first = fixture.handle(input()).await.expect("published");
    let version = checkout(&fixture).version;
    fixture.accounts.0.changes.borrow_mut().clear();
    let second = fixture.handle(input()).await.expect("published again");
    assert_eq!((first, version), (second, checkout(&fixture).version));
    assert_eq!(fixture.accounts.0.changes(), [""; 0]);
}

#[tokio::test]
async fn a_try_that_was_cut_off_before_it_was_written_down_is_taken_up() {
    let lambda = lambda();
    let mut work = work(&lambda, b"catalog 1.1.0");
    work.plan.functions.remove("checkout");
    let fixture = publish(lambda, work);
    fixture.records.writes.set(2);
    let error = fixture.handle(input()).await.expect_err("cut off");
    assert_eq!(error.name(), "Fenced");
    fixture.accounts.0.changes.borrow_mut().clear();
    fixture.records.writes.set(100);
    fixture.handle(input()).await.expect("published");
    assert_eq!(fixture.accounts.0.changes(), ["publish catalog-prod"]);
    let saved = fixture.records.saved.borrow();
    assert_eq!(saved.as_ref().expect("saved")["catalog"].version, "2");
}

#[tokio::test]
async fn an_image_is_published_by_its_digest() {
    let lambda = lambda();
    let work = work(&lambda, b"catalog 1.1.0");
    let fixture = publish(lambda, work);
    let output = fixture.handle(input()).await.expect("published");
    assert_eq!(
        output,
        Output {
            published: 2,
            unchanged: 0
        }
    );
    assert!(
        fixture
            .accounts
            .0
            .changes()
            .contains(&"update catalog-prod".to_owned())
    );
}

#[tokio::test]
async fn a_first_deployment_has_no_stable_version() {
    let lambda = lambda();
    lambda
        .functions
        .borrow_mut()
        .get_mut(CHECKOUT)
        .expect("known")
        .alias = None;
    let fixture = one_change(lambda);
    fixture.handle(input()).await.expect("published");
    let published = checkout(&fixture);
    assert_eq!((published.stable, published.revision), (None, None));
    assert!(published.changed);
}

#[tokio::test]
async fn everything_that_is_missing_is_named_before_anything_is_changed() {
    let missing = vec!["secret payment-key".to_owned(), "parameter /tax".to_owned()];
    let fixture = one_change(Lambda {
        missing,
        ..lambda()
    });
    let error = fixture.handle(input()).await.expect_err("must be refused");
    assert_eq!(error.name(), "RequirementMissing");
    let message = error.to_string();
    assert!(
        message.contains("secret payment-key (of function checkout)"),
        "{message}"
    );
    assert!(message.contains("parameter /tax"), "{message}");
    assert!(fixture.accounts.0.changes().is_empty());
}

#[tokio::test]
async fn a_fenced_off_writer_changes_nothing_more() {
    let fixture = one_change(lambda());
    fixture.records.writes.set(2);
    let error = fixture
        .handle(input())
        .await
        .expect_err("must be fenced off");
    assert_eq!(error.name(), "Fenced");
    assert_eq!(fixture.accounts.0.changes(), ["configure checkout-prod"]);
    assert!(fixture.records.saved.borrow().is_none());
}

#[tokio::test]
async fn a_function_that_is_gone_is_named() {
    let lambda = lambda();
    let work = work(&lambda, b"catalog 1.0.0");
    lambda
        .functions
        .borrow_mut()
        .get_mut(CHECKOUT)
        .expect("known")
        .alias = None;
    let mut work = work;
    work.plan
        .functions
        .get_mut("checkout")
        .expect("known")
        .current = None;
    lambda.functions.borrow_mut().remove(CHECKOUT);
    let error = publish(lambda, work)
        .handle(input())
        .await
        .expect_err("must fail");
    assert_eq!(error.name(), "FunctionMissing");
    assert!(error.to_string().contains(CHECKOUT));
}

#[tokio::test]
async fn an_alias_that_moved_since_the_plan_stops_publishing() {
    let lambda = lambda();
    let work = work(&lambda, b"catalog 1.0.0");
    let moved = Alias {
        routing: Routing::only("7"),
        revision: "a2".into(),
        description: Some("hot fix".into()),
    };
    lambda
        .functions
        .borrow_mut()
        .get_mut(CHECKOUT)
        .expect("known")
        .alias = Some(moved);
    let fixture = publish(lambda, work);
    let error = fixture.handle(input()).await.expect_err("must stop");
    assert_eq!(error.name(), "AliasChanged");
    assert!(
        error
            .to_string()
            .contains("found version 7, expected version 1 alone. It was moved by somebody else: its description is `hot fix`"),
        "{error}"
    );
    assert!(fixture.accounts.0.changes().is_empty());
}

#[tokio::test]
async fn an_alias_that_shares_its_traffic_stops_publishing() {
    let lambda = lambda();
    let work = work(&lambda, b"catalog 1.0.0");
    let mut shared = on_version_one();
    shared.routing.weights.insert("6".into(), 0.1);
    lambda
        .functions
        .borrow_mut()
        .get_mut(CHECKOUT)
        .expect("known")
        .alias = Some(shared);
    let error = publish(lambda, work)
        .handle(input())
        .await
        .expect_err("must stop");
    assert!(
        error.to_string().contains("version 1 shared with 6"),
        "{error}"
    );
}

#[tokio::test]
async fn a_conflict_is_waited_out() {
    let lambda = lambda();
    lambda
        .failures
        .replace(vec![ChangeError::Conflict, ChangeError::Conflict]);
    let fixture = one_change(lambda);
    fixture.handle(input()).await.expect("published");
    assert_eq!(checkout(&fixture).version, "2");
}

#[tokio::test]
async fn a_look_that_does_not_show_the_change_yet_is_not_believed() {
    let fixture = one_change(Lambda {
        stale: 2,
        ..lambda()
    });
    fixture.handle(input()).await.expect("published");
    assert_eq!(fixture.accounts.0.changes().len(), 4);
}

#[tokio::test]
async fn a_function_that_never_settles_is_given_up_by_name() {
    let mut fixture = one_change(Lambda {
        pending: u32::MAX,
        ..lambda()
    });
    fixture.patience.total = Duration::from_millis(20);
    let error = fixture.handle(input()).await.expect_err("must give up");
    assert_eq!(error.name(), "NotReady");
    assert!(
        error.to_string().contains("found an update in progress"),
        "{error}"
    );
}

#[tokio::test]
async fn a_refused_configuration_and_a_refused_package_are_told_apart() {
    for (taken, name) in [(0, "ConfigurationRefused"), (1, "PackageRefused")] {
        let lambda = lambda();
        if taken == 1 {
            let mut functions = lambda.functions.borrow_mut();
            functions
                .get_mut(CHECKOUT)
                .expect("known")
                .latest
                .configuration
                .memory_mb = Some(256);
        }
        lambda.failures.replace(vec![ChangeError::Refused(
            "unzipped size is too large".into(),
        )]);
        let error = one_change(lambda)
            .handle(input())
            .await
            .expect_err("must be refused");
        assert_eq!(error.name(), name);
        assert!(
            error.to_string().contains("unzipped size is too large"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_refused_signature_is_told_with_what_lambda_said_and_what_to_do() {
    let lambda = lambda();
    let said = "CodeVerificationFailedException: the signature has expired";
    lambda
        .failures
        .replace(vec![ChangeError::Unsigned(said.into())]);
    let error = one_change(lambda).handle(input()).await;
    let error = error.expect_err("must be refused");
    assert_eq!(error.name(), "SignatureRefused");
    let told = error.to_string();
    assert!(told.contains(said) && told.contains("AWS Signer"), "{told}");
}

#[tokio::test]
async fn code_that_lambda_takes_and_then_cannot_use_is_refused_with_its_reason() {
    let after_update = Some(Status::Failed(
        "the image has the wrong architecture".into(),
    ));
    let error = one_change(Lambda {
        after_update,
        ..lambda()
    })
    .handle(input())
    .await
    .expect_err("must be refused");
    assert_eq!(error.name(), "PackageRefused");
    assert!(error.to_string().contains("wrong architecture"), "{error}");
}

#[tokio::test]
async fn a_function_that_failed_before_is_mended_by_the_new_code() {
    let lambda = lambda();
    let broken = Status::Failed("an earlier update failed".into());
    lambda
        .functions
        .borrow_mut()
        .get_mut(CHECKOUT)
        .expect("known")
        .latest
        .status = broken;
    let fixture = one_change(lambda);
    fixture.handle(input()).await.expect("published");
    assert_eq!(fixture.accounts.0.changes()[0], "update checkout-prod");
}

#[tokio::test]
async fn other_code_than_the_bundles_is_never_published() {
    let other_code = Some(Digest::of(b"somebody else's"));
    let fixture = one_change(Lambda {
        other_code,
        ..lambda()
    });
    let error = fixture.handle(input()).await.expect_err("must be refused");
    assert_eq!(error.name(), "CodeMismatch");
    assert!(
        error
            .to_string()
            .contains(Digest::of(b"somebody else's").hex()),
        "{error}"
    );
    assert!(
        !fixture
            .accounts
            .0
            .changes()
            .contains(&"publish checkout-prod".to_owned())
    );
}

#[tokio::test]
async fn a_plan_for_another_bundle_is_refused() {
    let lambda = lambda();
    let mut work = work(&lambda, b"catalog 1.0.0");
    work.bundle.digest = Digest::of(b"another manifest");
    let error = publish(lambda, work)
        .handle(input())
        .await
        .expect_err("must be refused");
    assert_eq!(error.name(), "BundleInvalid");
}

#[tokio::test]
async fn an_artifact_without_a_pin_is_refused_with_its_key() {
    let lambda = lambda();
    let mut work = work(&lambda, b"catalog 1.0.0");
    work.pins.clear();
    let error = publish(lambda, work)
        .handle(input())
        .await
        .expect_err("must be refused");
    assert_eq!(error.name(), "NotFound");
    assert!(error.to_string().contains("checkout.zip"), "{error}");
}

#[test]
fn an_input_with_an_unknown_field_is_refused() {
    let input = json!({ "promotion": "storefront/prod/1.1.0/1", "generation": 3, "force": true });
    let error = serde_json::from_value::<Input>(input).expect_err("must be refused");
    assert!(error.to_string().contains("force"), "{error}");
}
