//! Whose configuration a version gets, and what the function keeps.

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
