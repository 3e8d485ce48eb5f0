//! Whose configuration a version gets, and what the function keeps.

use std::cell::RefCell;
use std::time::Duration;

use sluice_platform::lambda::Named as _;

use super::fakes::*;
use super::*;

/// A function's own configuration, and what its versions froze.
fn memory(fixture: &Fixture) -> (Option<u32>, Vec<Option<u32>>) {
    let functions = fixture.accounts.0.functions.borrow();
    let checkout = &functions[CHECKOUT];
    let versions = checkout.versions.iter();
    let frozen = versions.map(|version| version.configuration.memory_mb);
    (checkout.latest.configuration.memory_mb, frozen.collect())
}

fn change_own(fixture: &Fixture, change: impl FnOnce(&mut FunctionConfiguration)) {
    let mut functions = fixture.accounts.0.functions.borrow_mut();
    let latest = &mut functions.get_mut(CHECKOUT).expect("known").latest;
    change(&mut latest.configuration);
    latest.revision.push('!');
}

#[tokio::test]
async fn the_version_has_what_the_manifest_names_and_the_function_keeps_its_own() {
    let fixture = one_change(lambda());
    fixture.handle(input()).await.expect("published");
    assert_eq!(
        memory(&fixture),
        (Some(128), vec![Some(128), Some(256)]),
        "the function's own, and its versions'"
    );
}

#[tokio::test]
async fn the_function_gets_its_own_back_also_where_no_version_came_of_it() {
    let fixture = one_change(Lambda {
        other_code: Some(Digest::of(b"somebody else's")),
        ..lambda()
    });
    let error = fixture.handle(input()).await.expect_err("must be refused");
    assert_eq!(error.name(), "CodeMismatch");
    assert_eq!(memory(&fixture), (Some(128), vec![Some(128)]));
}

#[tokio::test]
async fn whatever_changed_in_the_function_itself_since_the_plan_is_not_published() {
    let fixture = one_change(lambda());
    change_own(&fixture, |own| own.timeout_seconds = Some(60));
    let error = fixture.handle(input()).await.expect_err("must be refused");
    assert_eq!(error.name(), "PlanChanged");
    assert!(error.to_string().contains(CHECKOUT), "{error}");
    assert_eq!(fixture.accounts.0.changes(), [""; 0]);
}

#[tokio::test]
async fn a_field_that_the_manifest_names_may_change_in_the_function_itself() {
    let fixture = one_change(lambda());
    change_own(&fixture, |own| own.memory_mb = Some(512));
    fixture.handle(input()).await.expect("published");
    assert_eq!(
        memory(&fixture),
        (Some(512), vec![Some(128), Some(256)]),
        "the function's own, and its versions'"
    );
}

#[tokio::test]
async fn a_plan_from_before_configurations_were_kept_still_holds() {
    let lambda = lambda();
    let mut work = work(&lambda, b"catalog 1.0.0");
    for function in work.plan.functions.values_mut() {
        function.configuration_digest = None;
    }
    let fixture = publish(lambda, work);
    fixture.handle(input()).await.expect("published");
    assert_eq!(checkout(&fixture).version, "2");
}

/// A release whose give-back meets an AWS that failed by itself.
fn give_back_fails() -> Fixture {
    let unavailable = Fault {
        operation: "lambda:UpdateFunctionConfiguration".into(),
        code: Some("ServiceException".into()),
        message: "try again".into(),
    };
    one_change(Lambda {
        failures: RefCell::new(vec![unavailable.into()]),
        // Configuration, code, version.
        fails_after: 3,
        ..lambda()
    })
}

/// The same, and the try ends with it.
async fn cut_off() -> Fixture {
    let mut fixture = give_back_fails();
    fixture.patience.total = Duration::ZERO;
    let error = fixture.handle(input()).await.expect_err("must fail");
    assert_eq!(error.name(), "AwsUnavailable");
    assert_eq!(memory(&fixture).0, Some(256), "what was laid over its own");
    fixture
}

#[tokio::test]
async fn a_give_back_that_fails_is_tried_again_at_once() {
    let fixture = give_back_fails();
    fixture.handle(input()).await.expect("published");
    assert_eq!(memory(&fixture).0, Some(128));
}

#[tokio::test]
async fn a_retry_gives_back_what_the_try_before_it_found() {
    let fixture = cut_off().await;
    fixture.handle(input()).await.expect("published");
    assert_eq!(
        memory(&fixture),
        (Some(128), vec![Some(128), Some(256)]),
        "the function's own, and its versions'"
    );
    assert_eq!(checkout(&fixture).version, "2");
}

#[tokio::test]
async fn what_changed_in_the_function_itself_before_a_retry_stays() {
    let fixture = cut_off().await;
    change_own(&fixture, |own| own.memory_mb = Some(512));
    fixture.handle(input()).await.expect("published");
    assert_eq!(memory(&fixture).0, Some(512));
}

#[tokio::test]
async fn what_a_try_laid_over_is_given_back_also_if_it_was_stopped_in_the_middle() {
    let fixture = one_change(lambda());
    fixture.records.writes.set(2);
    let error = fixture.handle(input()).await.expect_err("fenced off");
    assert_eq!(error.name(), "Fenced");
    assert_eq!(memory(&fixture).0, Some(256), "nothing is written any more");
    let own = fixture.records.own.borrow().get(CHECKOUT).cloned();
    assert_eq!(own.expect("remembered").memory_mb, Some(128));

    fixture.records.writes.set(100);
    fixture.handle(input()).await.expect("published");
    assert_eq!(memory(&fixture).0, Some(128));
}

#[tokio::test]
async fn what_a_function_has_again_is_remembered_no_longer() {
    let fixture = one_change(lambda());
    fixture.handle(input()).await.expect("published");
    assert!(fixture.records.own.borrow().is_empty());
}

#[tokio::test]
async fn nothing_is_changed_before_a_functions_own_is_written_down() {
    let fixture = one_change(lambda());
    fixture.records.writes.set(0);
    let error = fixture.handle(input()).await.expect_err("fenced off");
    assert_eq!(error.name(), "Fenced");
    assert_eq!(fixture.accounts.0.changes(), [""; 0]);
}

#[tokio::test]
async fn an_environment_that_cannot_be_read_is_not_replaced() {
    let lambda = lambda();
    let mut work = work(&lambda, b"catalog 1.0.0");
    let plan = work.plan.functions.get_mut("checkout").expect("known");
    let named = plan.configuration.as_mut().expect("a configuration");
    named.environment = Some([("MODE".to_owned(), "fast".to_owned())].into());
    plan.configuration_digest = None;
    let fixture = publish(lambda, work);
    let error = fixture.handle(input()).await.expect_err("must be refused");
    assert_eq!(error.name(), "EnvironmentUnreadable");
    assert!(error.to_string().contains(CHECKOUT), "{error}");
    assert_eq!(fixture.accounts.0.changes(), [""; 0]);
}
