use super::*;
use crate::digest::Digest;
use crate::document::{Document as _, Problem};
use crate::settings::Settings;
use serde_json::{Value, json};

fn settings(database: Value) -> Result<Settings, Vec<Problem>> {
    let document = json!({
        "schema": 1, "order": 1,
        "functions": { "api": { "name": "shop-api" } },
        "database": database,
    });
    Settings::parse("settings", document.to_string().as_bytes()).map_err(|invalid| invalid.problems)
}

fn problems(database: Value) -> Vec<String> {
    let found = settings(database).expect_err("refused");
    found.iter().map(ToString::to_string).collect()
}

fn plan(b: usize, c: usize) -> MigrationPlan {
    MigrationPlan {
        digest: Digest::of(b"plan"),
        phase: Phase::Expand,
        tool: "sqlx".to_owned(),
        place: "db:5432/shop".to_owned(),
        server: "17.10".to_owned(),
        applied: 3,
        pending: 1,
        files: vec!["4_x.sql".to_owned()],
        stays: None,
        waiting: 0,
        classes: Counts { a: 1, b, c },
        statements: vec![PlannedStatement {
            place: "4_x.sql:1".to_owned(),
            kind: "DROP TABLE".to_owned(),
            class: "C".to_owned(),
            lock: None,
            reason: "rows are lost".to_owned(),
            old_code: String::new(),
        }],
        more: 0,
        checks: Vec::new(),
        seconds: None,
        rehearsed: None,
    }
}

#[test]
fn a_database_is_entered_with_a_secret_or_with_a_token_and_never_with_both() {
    let none = json!({ "before": "none" });
    for (database, message) in [
        (
            json!({ "backup": none }),
            "found neither `secret` nor `iam`",
        ),
        (
            json!({ "secret": "s", "iam": { "user": "u" }, "host": "h", "name": "n", "backup": none }),
            "found both `secret` and `iam`",
        ),
        (
            json!({ "iam": { "user": "u" }, "name": "n", "backup": none }),
            "found `iam` without `host`",
        ),
    ] {
        let found = problems(database);
        assert!(found.len() == 1 && found[0].contains(message), "{found:?}");
    }
    let read = settings(json!({ "secret": "shop/prod", "backup": none })).expect("settings");
    let database = read.database.expect("a database");
    assert_eq!(
        database.credentials(),
        Some(Credentials::Secret("shop/prod"))
    );
    assert_eq!(database.lock_timeout_ms, 500);
}

#[test]
fn who_says_nothing_of_backups_is_asked_where_they_are_made() {
    let found = problems(json!({ "secret": "s" }));
    assert!(
        found[0].contains("found 0 of `cluster`, `instance` and `function`"),
        "{found:?}"
    );
    let read = settings(json!({ "secret": "s", "backup": { "cluster": "shop" } }));
    let database = read.expect("settings").database.expect("a database");
    let policy = &database.backup;
    assert_eq!(
        begins_with_backup(policy, &plan(0, 0)),
        Some(Keeper::Cluster("shop"))
    );
}

#[test]
fn a_server_is_named_as_rds_keeps_its_name() {
    for field in ["cluster", "instance"] {
        let found = problems(json!({ "secret": "s", "backup": { field: "Shop-DB" } }));
        let said =
            format!("database.backup.{field}: `Shop-DB` has capital letters; expected `shop-db`");
        assert!(found.len() == 1 && found[0].contains(&said), "{found:?}");
    }
    let function = json!({ "secret": "s", "backup": { "function": "backUp" } });
    settings(function).expect("a function may have them");
}

#[test]
fn a_rehearsal_needs_a_server_of_aws_or_a_function_and_not_a_mixture() {
    let rehearsed = |backup: Value, rehearsal: Value| {
        settings(json!({ "secret": "s", "backup": backup, "rehearsal": rehearsal }))
    };
    let none = json!({ "before": "none" });
    let elsewhere = json!({ "function": "back-up" });
    for backup in [&none, &elsewhere] {
        let found = rehearsed(backup.clone(), json!({})).expect_err("refused");
        let told = found[0].to_string();
        assert!(told.contains("found no `function`, and neither"), "{told}");
        rehearsed(backup.clone(), json!({ "function": "copy" })).expect("settings");
    }
    let mixed = json!({ "function": "copy", "instance_class": "db.t4g.medium" });
    let found = rehearsed(none, mixed).expect_err("refused");
    assert!(found[0].to_string().contains("found `function` beside"));
    let odd = json!({ "instance_class": "t4g.medium", "security_groups": ["default"] });
    let found = rehearsed(json!({ "cluster": "shop" }), odd).expect_err("refused");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_copy_is_made_of_what_the_settings_name_and_is_entered_like_the_original() {
    let read = |more: Value| {
        let mut database = json!({ "secret": "s", "port": 6432, "name": "shop",
            "backup": { "instance": "shop" } });
        if !more.is_null() {
            database["rehearsal"] = more;
        }
        let settings = settings(database).expect("settings");
        settings.database.expect("a database")
    };
    assert_eq!(read(Value::Null).original(), None);
    let database = read(json!({}));
    assert_eq!(database.original(), Some(Keeper::Instance("shop")));
    let by_function = read(json!({ "function": "copy" }));
    assert_eq!(by_function.original(), Some(Keeper::Function("copy")));
    let place = CopyPlace {
        host: "copy.example".to_owned(),
        port: None,
        name: Some("shop_copy".to_owned()),
    };
    let copy = database.at(&place);
    assert_eq!(copy.host.as_deref(), Some("copy.example"));
    assert_eq!(
        (copy.port, copy.name.as_deref()),
        (Some(6432), Some("shop_copy"))
    );
    assert_eq!(copy.secret, database.secret);
}

#[test]
fn a_backup_before_b_and_c_is_made_before_no_migration_that_only_adds() {
    let policy = BackupPolicy {
        before: BackupRule::BAndC,
        instance: Some("shop".to_owned()),
        ..BackupPolicy::default()
    };
    assert_eq!(begins_with_backup(&policy, &plan(0, 0)), None);
    for risky in [plan(1, 0), plan(0, 1)] {
        assert_eq!(
            begins_with_backup(&policy, &risky),
            Some(Keeper::Instance("shop"))
        );
    }
}

#[test]
fn class_c_needs_approvers_and_a_maintenance_window() {
    let mut settings =
        settings(json!({ "secret": "s", "backup": { "before": "none" } })).expect("settings");
    assert_eq!(plan(2, 0).check("prod", &settings), Ok(()));
    let told = plan(0, 1)
        .check("prod", &settings)
        .expect_err("refused")
        .to_string();
    assert!(
        told.contains("neither `approval` nor a maintenance window"),
        "{told}"
    );
    assert!(told.contains("4_x.sql:1 DROP TABLE"), "{told}");
    let windows = json!([{ "kind": "maintenance", "time_zone": "Europe/Berlin",
        "reason": "at night", "starts": "2026-01-01T22:00", "lasts": "PT4H" }]);
    settings.windows = serde_json::from_value(windows).expect("windows");
    let told = plan(0, 1)
        .check("prod", &settings)
        .expect_err("refused")
        .to_string();
    assert!(told.contains("found no `approval`"), "{told}");
}

#[test]
fn people_read_a_plan_in_one_line() {
    assert_eq!(
        plan(2, 1).sentence(),
        "1 migration on db:5432/shop, statements of each class: 1 A, 2 B, 1 C"
    );
    let nothing = MigrationPlan {
        pending: 0,
        stays: None,
        waiting: 2,
        ..plan(0, 0)
    };
    assert_eq!(
        nothing.sentence(),
        "no migration to apply on db:5432/shop; 2 that contract wait"
    );
}
