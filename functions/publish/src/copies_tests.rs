//! Where the code of new versions is taken from.

use sluice_domain::role::CodeCopy;
use sluice_platform::lambda::Named as _;

use super::fakes::{CATALOG, input, lambda, one_change, publish, work};
use super::*;

fn copied_to(version_id: Option<&str>) -> CodeCopy {
    CodeCopy {
        bucket: "code-us".to_owned(),
        key: "storefront/1.zip".to_owned(),
        version_id: version_id.map(str::to_owned),
    }
}

#[tokio::test]
async fn code_is_taken_from_its_copy_near_the_function_and_else_from_the_bundle() {
    let copy = copied_to;
    for (copy, place) in [
        (
            None,
            "s3://artifacts/storefront/1.1.0/checkout.zip version z1",
        ),
        (Some(copy(None)), "s3://code-us/storefront/1.zip"),
        (
            Some(copy(Some("v2"))),
            "s3://code-us/storefront/1.zip version v2",
        ),
    ] {
        let mut fixture = one_change(lambda());
        let copies = copy.map(|copy| ("checkout.zip".to_owned(), copy));
        fixture.records.work.copies = copies.into_iter().collect();
        fixture.handle(input()).await.expect("published");
        assert_eq!(*fixture.accounts.0.taken.borrow(), [place]);
    }
}

#[tokio::test]
async fn code_that_lambda_cannot_read_is_told_with_its_place() {
    let lambda = lambda();
    let said = "InvalidParameterValueException: S3 Error Code: NoSuchKey";
    lambda
        .failures
        .replace(vec![ChangeError::Unreadable(said.into())]);
    let mut fixture = one_change(lambda);
    let copy = ("checkout.zip".to_owned(), copied_to(None));
    fixture.records.work.copies = [copy].into();
    let error = fixture.handle(input()).await.expect_err("must be refused");
    assert_eq!(error.name(), "CodeUnreadable");
    let told = error.to_string();
    assert!(
        told.contains(said) && told.contains("s3://code-us/storefront/1.zip"),
        "{told}"
    );
}

#[tokio::test]
async fn a_copy_that_was_replaced_before_it_was_taken_is_never_published() {
    let mut lambda = lambda();
    lambda.other_code = Some(Digest::of(b"tampered"));
    let mut fixture = one_change(lambda);
    let copy = ("checkout.zip".to_owned(), copied_to(None));
    fixture.records.work.copies = [copy].into();
    let error = fixture.handle(input()).await.expect_err("must be refused");
    assert_eq!(error.name(), "CodeMismatch");
    let changes = fixture.accounts.0.changes();
    let is_publication = |change: &String| change.starts_with("publish");
    assert!(!changes.iter().any(is_publication), "{changes:?}");
}

#[tokio::test]
async fn an_image_is_taken_from_the_functions_own_region_and_the_roles_registry() {
    let of = |host: &str| {
        let digest = Digest::of(b"catalog 1.1.0");
        format!("{host}.amazonaws.com/catalog@{digest}")
    };
    let role = |registry: Option<&str>| Role {
        arn: "arn:aws:iam::222222222222:role/sluice".to_owned(),
        external_id: "e".to_owned(),
        region: Some("us-east-1".to_owned()),
        bucket: None,
        registry: registry.map(str::to_owned),
    };
    for (region, role, expected) in [
        ("eu-west-1", None, "111122223333.dkr.ecr.eu-west-1"),
        (
            "us-east-1",
            Some(role(None)),
            "111122223333.dkr.ecr.us-east-1",
        ),
        (
            "us-east-1",
            Some(role(Some("222222222222"))),
            "222222222222.dkr.ecr.us-east-1",
        ),
    ] {
        let lambda = lambda();
        let mut work = work(&lambda, b"catalog 1.1.0");
        let there = CATALOG.replace("eu-west-1", region);
        let catalog = (work.plan.functions.get_mut("catalog")).expect("catalog");
        catalog.arn.clone_from(&there);
        work.plan.role = role;
        let moved = lambda.functions.borrow_mut().remove(CATALOG);
        let moved = moved.expect("catalog");
        lambda.functions.borrow_mut().insert(there, moved);
        let fixture = publish(lambda, work);
        fixture.handle(input()).await.expect("published");
        let taken = fixture.accounts.0.taken.borrow().clone();
        assert!(taken.contains(&of(expected)), "{taken:?}");
    }
}
