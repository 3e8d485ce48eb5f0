//! What goes into a preview, and what of it counts elsewhere.

use sluice_domain::caller::Principal;
use sluice_domain::digest::Digest;
use sluice_domain::promotion::PromotionId;

use super::*;
use crate::fakes::guard;

const VERSION: &str = "1.1.0-pr-7.1";

/// A build of preview `pr-7` that somebody promotes into this environment.
fn promoted_into(guard: &Guard<World>, environment: &str) -> PromotionId {
    guard.ports.open(VERSION);
    let mut state = guard.ports.0.borrow_mut();
    let manifest = state.bundles.get_mut(VERSION).unwrap();
    let mut changed: Value = serde_json::from_slice(manifest).unwrap();
    changed["preview"] = json!("pr-7");
    *manifest = changed.to_string().into_bytes();
    let digest = Digest::of(manifest);
    let (mut promotion, generation) = state.promotions.remove(&id(VERSION)).unwrap();
    promotion.bundle.digest = digest;
    promotion.id.environment = environment.to_owned();
    let promoted = promotion.id.clone();
    let entry = (promoted.clone(), (promotion, generation));
    state.promotions.extend([entry]);
    promoted
}

fn plan(guard: &Guard<World>, promotion: &PromotionId) -> Result<(), (&'static str, String)> {
    let promotion = promotion.clone();
    let answer = run(guard.handle(
        Input::Plan {
            promotion,
            migrations: None,
            restore: None,
        },
        at(20),
    ));
    answer
        .map(drop)
        .map_err(|error| (error.name(), error.to_string()))
}

#[test]
fn a_preview_enters_its_own_environment_whatever_the_path_says() {
    let guard = guard();
    guard.ports.0.borrow_mut().before = vec!["staging".to_owned()];
    guard.ports.0.borrow_mut().settings["entry"] = json!({"branches": ["main"]});
    let promotion = promoted_into(&guard, "pr-7");
    assert_eq!(plan(&guard, &promotion), Ok(()));
}

#[test]
fn who_may_start_a_preview_is_asked_again_by_its_own_settings_also_after_the_waits() {
    let guard = guard();
    let managers = "arn:aws:sts::123456789012:assumed-role/managers/*";
    guard.ports.0.borrow_mut().settings["may"] = json!({"start": [managers]});
    let promotion = promoted_into(&guard, "pr-7");
    let (name, message) = plan(&guard, &promotion).unwrap_err();
    assert_eq!(name, "NotAllowed");
    assert!(message.contains("start a promotion into pr-7"), "{message}");
    let manager = Principal::of_arn(&managers.replace('*', "ada")).unwrap();
    guard.ports.0.borrow_mut().principal = Some(manager);
    assert_eq!(plan(&guard, &promotion), Ok(()));
    let recheck = || {
        let input = Input::Recheck {
            promotion: promotion.clone(),
            generation: Generation(0),
        };
        run(guard.handle(input, at(20)))
    };
    recheck().unwrap();
    let others = json!({"start": ["arn:aws:sts::123456789012:assumed-role/others/*"]});
    guard.ports.0.borrow_mut().settings["may"] = others;
    assert_eq!(recheck().unwrap_err().name(), "NotAllowed");
}

#[test]
fn a_preview_enters_no_environment_of_the_path_whoever_starts_it() {
    let guard = guard();
    guard.ports.0.borrow_mut().settings["entry"] = json!({"pre_releases": true});
    let promotion = promoted_into(&guard, "prod");
    let (name, message) = plan(&guard, &promotion).unwrap_err();
    assert_eq!(name, "NotAdmitted");
    assert!(
        message.contains("found environment `prod`; expected `pr-7` alone"),
        "{message}"
    );
}

#[test]
fn an_environment_of_the_path_that_has_a_previews_name_keeps_its_rules() {
    let guard = guard();
    guard.ports.0.borrow_mut().before = vec!["dev".to_owned(), "pr-7".to_owned()];
    let promotion = promoted_into(&guard, "pr-7");
    assert_eq!(plan(&guard, &promotion).unwrap_err().0, "OutOfTurn");
}
