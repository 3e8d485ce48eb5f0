//! Making the plan.

use super::*;
use crate::fakes::{arn, guard};
use sluice_domain::alias::{Alias, Routing};
use sluice_domain::ledger::Kind;
use sluice_domain::owner::{Left, Standing};

#[test]
fn a_plan_is_made_kept_and_recorded() {
    let guard = guard();
    let answer = send(&guard, PLAN).unwrap();
    let kept = guard.ports.0.borrow().plans[&id("1.1.0")].clone();
    let hash = kept.hash().unwrap();
    assert_eq!(
        answer,
        json!({"plan_hash": hash, "changes": 1, "approval_required": false, "approval_seconds": 0, "timed": false, "migrates": false, "approves": null})
    );
    let entries = guard.ports.recorded("1.1.0", Kind::ChangesPlanned);
    assert_eq!(entries, [json!({"plan": kept, "hash": hash})]);
}

#[test]
fn a_plan_says_whether_and_how_long_people_are_asked() {
    let guard = guard();
    send(&guard, PLAN).unwrap();
    guard
        .ports
        .asked(&[], sluice_domain::approval::State::Pending);
    let answer = send(&guard, PLAN).unwrap();
    assert_eq!(answer["approval_required"], true);
    assert_eq!(answer["approval_seconds"], 86_400);
}

#[test]
fn planning_again_finds_the_same_plan_and_records_it_once() {
    let guard = guard();
    assert_eq!(send(&guard, PLAN), send(&guard, PLAN));
    assert_eq!(guard.ports.recorded("1.1.0", Kind::ChangesPlanned).len(), 1);
}

#[test]
fn what_would_be_refused_is_not_admitted_and_what_is_admitted_is_not_planned_yet() {
    let guard = guard();
    let admitted = send(&guard, ADMIT).unwrap();
    assert_eq!(admitted, json!({"clear": true}));
    assert!(guard.ports.0.borrow().plans.is_empty());
    assert!(
        guard
            .ports
            .recorded("1.1.0", Kind::ChangesPlanned)
            .is_empty()
    );
    let freeze = json!({"by": "ada", "reason": "launch day"});
    guard.ports.0.borrow_mut().settings["frozen"] = freeze;
    assert_eq!(send(&guard, ADMIT), Err("Frozen"));
}

#[test]
fn what_was_planned_for_a_database_is_not_done_where_the_settings_name_another() {
    let guard = guard();
    let of = |secret: &str| json!({"secret": secret, "backup": {"before": "none"}});
    guard.ports.0.borrow_mut().settings["database"] = of("shop");
    let event: Value = serde_json::from_str(ADMIT).unwrap();
    send(&guard, &with_migrations(&event["migrations"])).expect("planned");
    send(&guard, ACQUIRE).expect("its turn");
    send(&guard, RECHECK).expect("it is as it was");
    guard.ports.0.borrow_mut().settings["database"] = of("elsewhere");
    assert_eq!(send(&guard, RECHECK), Err("PlanChanged"));
}

#[test]
fn an_alias_with_provisioned_concurrency_of_its_own_shares_no_traffic() {
    let guard = guard();
    let provision = |function: &str| {
        let mut world = guard.ports.0.borrow_mut();
        world
            .provisioned
            .insert(format!("storefront-{function}-prod"));
    };
    provision("checkout");
    assert_eq!(send(&guard, PLAN), Err("AliasProvisioned"));
    assert!(guard.ports.0.borrow().plans.is_empty());

    let at_once = json!([{"weight": 100, "bake_seconds": 600}]);
    guard.ports.0.borrow_mut().settings["steps"] = at_once;
    assert!(send(&guard, PLAN).is_ok());
}

#[test]
fn codedeploy_shares_an_alias_however_few_steps_are_sluices_own() {
    let guard = guard();
    let group = |name: &str| json!({"application": "shop", "deployment_group": name});
    {
        let mut world = guard.ports.0.borrow_mut();
        world.settings["codedeploy"] =
            json!({"functions": {"checkout": group("checkout"), "orders": group("orders")}});
        let platform = ("shop/checkout".to_owned(), "Lambda".to_owned());
        world.platforms.extend([platform]);
        world
            .provisioned
            .insert("storefront-checkout-prod".to_owned());
    }
    assert_eq!(send(&guard, PLAN), Err("AliasProvisioned"));
}

#[test]
fn an_alias_that_does_not_move_may_have_provisioned_concurrency() {
    let guard = guard();
    let orders = "storefront-orders-prod".to_owned();
    guard.ports.0.borrow_mut().provisioned.insert(orders);
    assert!(send(&guard, PLAN).is_ok(), "it stays as it is");
}

#[test]
fn a_frozen_environment_makes_no_plan() {
    let guard = guard();
    guard.ports.freeze();
    assert_eq!(send(&guard, PLAN), Err("Frozen"));
    assert!(guard.ports.0.borrow().plans.is_empty());
}

#[test]
fn a_function_that_the_settings_lack_is_refused() {
    let guard = guard();
    guard.ports.0.borrow_mut().settings["functions"] =
        json!({"checkout": {"name": "storefront-checkout-prod"}});
    assert_eq!(send(&guard, PLAN), Err("UnknownFunction"));
}

#[test]
fn what_codedeploy_shifts_needs_a_deployment_group_for_lambda_if_it_changes() {
    let guard = guard();
    let group = |name: &str| json!({"application": "shop", "deployment_group": name});
    guard.ports.0.borrow_mut().settings["codedeploy"] =
        json!({"functions": {"checkout": group("checkout"), "orders": group("orders")}});
    assert_eq!(send(&guard, PLAN), Err("DeploymentGroupUnfit"));
    let platform = |name: &str| {
        let mut state = guard.ports.0.borrow_mut();
        let key = "shop/checkout".to_owned();
        state.platforms.insert(key, name.to_owned());
    };
    platform("ECS");
    assert_eq!(send(&guard, PLAN), Err("DeploymentGroupUnfit"));
    platform("Lambda");
    let answer = send(&guard, PLAN).expect("a plan: `orders` does not change");
    assert_eq!(answer["changes"], 1);
}

#[test]
fn a_lambda_function_that_does_not_exist_is_refused_with_its_name() {
    let guard = guard();
    let missing = "storefront-orders-prod";
    guard.ports.0.borrow_mut().functions.remove(missing);
    let error = run(guard.handle(input(PLAN), at(0))).unwrap_err();
    assert_eq!(error.name(), "FunctionMissing");
    assert!(error.to_string().contains(missing), "{error}");
}

#[test]
fn a_function_with_a_new_role_is_refused_before_anything_moves() {
    let guard = guard();
    let name = "storefront-checkout-prod";
    {
        let mut state = guard.ports.0.borrow_mut();
        let function = state.functions.get_mut(name).unwrap();
        function.own.role = Some("arn:aws:iam::123456789012:role/new".to_owned());
    }
    assert_eq!(send(&guard, PLAN), Err("CannotShareAlias"));
    assert!(guard.ports.0.borrow().plans.is_empty());
}

/// An alias on version 3 that version 1.0.0 left on `left`.
fn stands(stack: Option<&str>, left: &str) -> Standing {
    Standing {
        alias: Some(Alias {
            routing: Routing::only("3"),
            revision: "r".to_owned(),
            description: None,
        }),
        stack: stack.map(str::to_owned),
        left: Some(Left {
            by: id("1.0.0"),
            on: left.to_owned(),
        }),
    }
}

#[test]
fn an_alias_that_is_not_sluices_is_refused_before_anything_moves_and_after_every_wait() {
    let cases = [
        (stands(None, "2"), "AliasDrifted"),
        (stands(Some("shop"), "3"), "AliasOwnedElsewhere"),
    ];
    for (foreign, name) in cases {
        let guard = guard();
        let found = |standing: &Standing| {
            let mut state = guard.ports.0.borrow_mut();
            let standing = standing.clone();
            state.standings.insert(arn("checkout"), standing);
        };
        found(&foreign);
        assert_eq!(send(&guard, PLAN), Err(name));
        assert!(guard.ports.0.borrow().plans.is_empty());

        found(&stands(None, "3"));
        assert!(send(&guard, PLAN).is_ok());
        found(&foreign);
        assert_eq!(send(&guard, RECHECK), Err(name));
    }
}

#[test]
fn an_alias_that_does_not_move_may_be_anybodys() {
    let guard = guard();
    {
        let mut state = guard.ports.0.borrow_mut();
        state.standings.insert(arn("orders"), stands(None, "2"));
    }
    assert!(send(&guard, PLAN).is_ok());
}

#[test]
fn settings_that_nobody_wrote_are_refused() {
    let guard = guard();
    guard.ports.0.borrow_mut().settings = Value::Null;
    assert_eq!(send(&guard, PLAN), Err("InvalidSettings"));
}

/// A plan of migrations with a statement of class C.
fn migrations() -> serde_json::Value {
    json!({
        "digest": sluice_domain::digest::Digest::of(b"migrations"), "phase": "expand", "tool": "sqlx",
        "place": "db:5432/shop", "server": "17.10", "applied": 1, "pending": 1, "files": ["2_x.sql"],
        "waiting": 0, "classes": {"a": 0, "b": 0, "c": 1}, "more": 0,
        "statements": [{"place": "2_x.sql:1", "kind": "UPDATE", "class": "C", "reason": "all rows"}],
    })
}

/// `plan`, with these migrations.
pub(super) fn with_migrations(migrations: &serde_json::Value) -> String {
    let mut event: serde_json::Value = serde_json::from_str(PLAN).unwrap();
    event["migrations"] = migrations.clone();
    event.to_string()
}

#[test]
fn what_migrations_do_is_part_of_the_plan_and_of_what_is_approved() {
    let guard = guard();
    let mut migrations = migrations();
    migrations["classes"]["c"] = json!(0);
    let without = send(&guard, PLAN).unwrap();
    let answer = send(&guard, &with_migrations(&migrations)).unwrap();
    assert_eq!(
        (&without["migrates"], &answer["migrates"]),
        (&json!(false), &json!(true))
    );
    assert_ne!(without["plan_hash"], answer["plan_hash"]);
    let kept = guard.ports.0.borrow().plans[&id("1.1.0")].clone();
    assert_eq!(kept.migrations.unwrap().files, ["2_x.sql"]);
}

#[test]
fn class_c_is_refused_where_nobody_is_asked_or_no_window_is_kept_for_it() {
    let guard = guard();
    let event = with_migrations(&migrations());
    assert_eq!(send(&guard, &event), Err("MigrationsUnfit"));
    assert!(guard.ports.0.borrow().plans.is_empty());
}

#[test]
fn a_database_is_locked_like_a_function() {
    let guard = guard();
    let mut migrations = migrations();
    migrations["classes"]["c"] = json!(0);
    send(&guard, &with_migrations(&migrations)).unwrap();
    send(&guard, ACQUIRE).unwrap();
    let world = guard.ports.0.borrow();
    assert!(
        world.locks.contains_key("database db:5432/shop"),
        "{:?}",
        world.locks
    );
}
