use serde_json::{Value, json};

use super::*;
use crate::document::Document as _;

fn manifest(code: &[u8]) -> Manifest {
    let json = json!({
        "schema": 1, "application": "shop", "version": "1.1.0",
        "commit": "0123456789012345678901234567890123456789",
        "author": {"name": "Ada", "email": "ada@example.com"},
        "functions": {"api": {
            "zip": {"key": "api.zip", "digest": Digest::of(code)},
            "configuration": {"memory_mb": 256}
        }}
    });
    Manifest::parse("release.json", json.to_string().as_bytes()).expect("valid")
}

fn settings() -> Settings {
    let json = json!({"schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}}});
    Settings::parse("settings", json.to_string().as_bytes()).expect("valid")
}

fn live(code: &[u8], memory: u32) -> BTreeMap<String, Observed> {
    let version = CurrentVersion {
        version: "3".into(),
        code: Digest::of(code),
    };
    let configuration = FunctionConfiguration {
        memory_mb: Some(memory),
        ..Default::default()
    };
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop-api".to_owned();
    BTreeMap::from([(
        "api".to_owned(),
        Observed {
            arn,
            own: configuration.clone(),
            live: Some((version, configuration)),
        },
    )])
}

fn make(
    code: &[u8],
    settings: &Settings,
    observed: &BTreeMap<String, Observed>,
) -> Result<Plan, NoPlan> {
    let bundle = Digest::of(b"bundle");
    Plan::make(bundle, &manifest(code), settings, observed)
}

fn plan(code: &[u8], observed: &BTreeMap<String, Observed>) -> Plan {
    make(code, &settings(), observed).expect("plan")
}

#[test]
fn new_code_is_an_update() {
    assert_eq!(
        plan(b"new", &live(b"old", 256)).functions["api"].change,
        Change::Update
    );
}

#[test]
fn new_configuration_alone_is_an_update() {
    assert_eq!(
        plan(b"same", &live(b"same", 128)).functions["api"].change,
        Change::Update
    );
}

#[test]
fn a_change_to_the_functions_own_configuration_is_an_update_that_the_plan_shows() {
    let mut observed = live(b"same", 256);
    observed.get_mut("api").expect("api").own.timeout_seconds = Some(9);
    let plan = plan(b"same", &observed);
    let api = &plan.functions["api"];
    assert_eq!(api.change, Change::Update);
    assert_eq!(api.configuration_changes, ["time-out: none -> 9 s"]);
    let with_own = observed["api"].own.with(api.configuration.as_ref());
    assert_eq!(api.configuration_digest, Some(with_own.digest()));
}

#[test]
fn what_the_bundle_names_holds_whatever_the_function_has_of_its_own() {
    let mut observed = live(b"new", 256);
    observed.get_mut("api").expect("api").own.memory_mb = Some(1024);
    let plan = plan(b"new", &observed);
    assert_eq!(plan.functions["api"].configuration_changes, [""; 0]);
}

#[test]
fn what_already_serves_is_left_out_of_the_shift() {
    let plan = plan(b"same", &live(b"same", 256));
    assert_eq!(plan.functions["api"].change, Change::Unchanged);
    assert_eq!(plan.changes().count(), 0);
}

#[test]
fn a_function_without_alias_is_a_first_deployment() {
    let mut observed = live(b"old", 256);
    observed.get_mut("api").expect("api").live = None;
    assert_eq!(
        plan(b"new", &observed).functions["api"].change,
        Change::First
    );
}

#[test]
fn the_hash_follows_what_is_there_now() {
    let before = plan(b"new", &live(b"old", 256)).hash().expect("hash");
    assert_eq!(
        before,
        plan(b"new", &live(b"old", 256)).hash().expect("hash")
    );
    assert_ne!(
        before,
        plan(b"new", &live(b"other", 256)).hash().expect("hash")
    );
    let mut observed = live(b"old", 256);
    let own = &mut observed.get_mut("api").expect("api").own;
    own.environment = Some([("TABLE".to_owned(), "orders".to_owned())].into());
    assert_ne!(before, plan(b"new", &observed).hash().expect("hash"));
}

#[test]
fn a_function_that_the_settings_lack_is_refused_with_what_to_do() {
    let mut settings = settings();
    settings.functions.clear();
    let error = Plan::make(Digest::of(b""), &manifest(b"x"), &settings, &live(b"x", 1))
        .expect_err("refused");
    assert!(error.to_string().contains("sluice env put"), "{error}");
}

/// A function whose stack gave it another role than the version that serves has.
fn with_another_role(code: &[u8]) -> BTreeMap<String, Observed> {
    let mut observed = live(code, 256);
    observed.get_mut("api").expect("api").own.role = Some("arn:role/new".to_owned());
    observed
}

#[test]
fn a_new_role_is_refused_where_steps_share_the_alias_and_ships_where_none_does() {
    let mut settings = settings();
    let observed = with_another_role(b"old");
    let error = make(b"new", &settings, &observed).expect_err("it can't be shared");
    let text = error.to_string();
    for told in [
        "live of shop-api",
        "none -> arn:role/new",
        "\"weight\": 100",
    ] {
        assert!(text.contains(told), "{text}");
    }

    settings.steps.retain(|step| step.weight >= 100.0);
    let plan = make(b"new", &settings, &observed).expect("nothing is shared");
    let told = &plan.functions["api"].configuration_changes;
    assert_eq!(told[0], "execution role: none -> arn:role/new");
}

#[test]
fn a_new_role_alone_is_an_update_and_of_a_first_version_it_shares_with_nobody() {
    let mut settings = settings();
    settings.steps.retain(|step| step.weight >= 100.0);
    let mut observed = with_another_role(b"same");
    let made = make(b"same", &settings, &observed).expect("a plan");
    assert_eq!(made.functions["api"].change, Change::Update);

    observed.get_mut("api").expect("api").live = None;
    let plan = plan(b"same", &observed);
    assert_eq!(plan.functions["api"].change, Change::First);
}

/// What is there of a function whose versions, the one that serves and the
/// next one, may take so many seconds.
fn taking(serves: u32, next: u32) -> BTreeMap<String, Observed> {
    let mut observed = live(b"old", 256);
    let api = observed.get_mut("api").expect("api");
    api.own.timeout_seconds = Some(next);
    let (_, configuration) = api.live.as_mut().expect("it serves");
    configuration.timeout_seconds = Some(serves);
    observed
}

#[test]
fn a_lag_that_settings_leave_out_is_the_longest_time_out_and_two_minutes() {
    let lag = |observed| plan(b"new", &observed).judge.lag_seconds;
    assert_eq!(lag(taking(30, 3)), Some(150), "the version that serves");
    assert_eq!(lag(taking(3, 900)), Some(1020), "the next one");
    assert_eq!(lag(live(b"old", 256)), Some(120), "no time-out is known");
}

#[test]
fn functions_that_do_not_change_make_nobody_wait_for_their_calls() {
    let plan = plan(b"old", &taking(30, 30));
    assert_eq!(plan.changes().count(), 0);
    assert_eq!(plan.judge.lag_seconds, Some(120));
}

#[test]
fn a_lag_that_settings_give_holds_whatever_the_time_outs() {
    let mut settings = settings();
    settings.judge.lag_seconds = Some(0);
    let observed = taking(900, 900);
    let plan = Plan::make(Digest::of(b""), &manifest(b"new"), &settings, &observed);
    assert_eq!(plan.expect("plan").judge.lag_seconds, Some(0));
}

#[test]
fn a_restore_stops_and_locks_what_it_names_and_an_older_plan_the_functions_of_the_release() {
    let operation = crate::migrations::Operation::Restore {
        backup: "nightly".parse().expect("an id"),
    };
    let mut plan = plan(b"old", &live(b"old", 256)).of_operation(operation);
    let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:123456789012:function:shop-{name}");
    let callee = |name: &str| json!({"arn": arn(name), "alias": "live"});
    let restore = json!({"backup": "nightly", "server": "cluster shop", "place": "db:5432/shop"});
    plan.restore = serde_json::from_value(restore.clone()).expect("a plan");
    assert_eq!(json!(plan.stops()), json!({"api": callee("api")}));
    let database = "database db:5432/shop".to_owned();
    assert_eq!(plan.targets(), [arn("api"), database.clone()]);
    let mut with_all = restore;
    with_all["stops"] = json!({"api": callee("api"), "mail": callee("mail")});
    plan.restore = serde_json::from_value(with_all.clone()).expect("a plan");
    assert_eq!(json!(plan.stops()), with_all["stops"]);
    assert_eq!(plan.targets(), [arn("api"), arn("mail"), database]);
}

#[test]
fn a_restore_has_its_server_alone_and_migrations_of_other_databases_there_have_it_together() {
    let with = |backup: Value, role: Option<Value>| {
        let mut plan = plan(b"new", &live(b"old", 256));
        plan.role = role.map(|role| serde_json::from_value(role).expect("a role"));
        let database = json!({"secret": "db", "backup": backup});
        plan.name_server(&serde_json::from_value(database).expect("a database"));
        plan
    };
    let migrations = json!({
        "digest": Digest::of(b"migrations"), "phase": "expand", "tool": "sqlx",
        "place": "db:5432/shop", "server": "17.10", "applied": 1, "pending": 1,
        "files": ["2_x.sql"], "waiting": 0, "classes": {"a": 1, "b": 0, "c": 0}, "more": 0,
        "statements": [],
    });
    let restore = json!({"backup": "nightly", "server": "cluster shop", "place": "db:5432/shop"});
    let last = |plan: &Plan| plan.targets().last().cloned().expect("a target");

    let mut plan = with(json!({"cluster": "shop"}), None);
    assert!(!last(&plan).contains("server"), "nothing is done there");
    plan.migrations = Some(serde_json::from_value(migrations.clone()).expect("a plan"));
    let server = "server eu-west-1 123456789012 cluster shop";
    assert_eq!(last(&plan), format!("shared {server}"));
    plan.migrations = None;
    plan.restore = Some(serde_json::from_value(restore).expect("a plan"));
    assert_eq!(last(&plan), server);

    let role = json!({"arn": "arn:aws:iam::999988887777:role/sluice", "external_id": "x", "region": "eu-north-1"});
    let mut elsewhere = with(json!({"instance": "shop"}), Some(role));
    elsewhere.migrations = Some(serde_json::from_value(migrations).expect("a plan"));
    let server = "shared server eu-north-1 999988887777 instance shop";
    assert_eq!(last(&elsewhere), server);
    let by_function = with(json!({"function": "saves"}), None);
    assert_eq!(by_function.server, None);
}

#[test]
fn migrations_that_go_take_their_time_as_on_a_copy_or_else_as_estimated() {
    let mut plan = plan(b"new", &live(b"old", 256));
    let bakes = plan.planned_bakes();
    assert_eq!(plan.takes(), bakes);
    let mut migrations = json!({
        "digest": Digest::of(b"migrations"), "phase": "expand", "tool": "sqlx",
        "place": "db:5432/shop", "server": "17.10", "applied": 1, "pending": 1,
        "files": ["2_x.sql"], "waiting": 0, "classes": {"a": 1, "b": 0, "c": 0}, "more": 0,
        "statements": [], "seconds": 600,
    });
    let mut more = |migrations: &Value| {
        plan.migrations = Some(serde_json::from_value(migrations.clone()).expect("a plan"));
        (plan.takes() - bakes).as_secs()
    };
    assert_eq!(more(&migrations), 600);
    let of = json!({"id": "nightly", "made_at": null});
    migrations["rehearsed"] = json!({"of": of, "units": [], "more": 0, "milliseconds": 1_001});
    assert_eq!(more(&migrations), 2);
    migrations["pending"] = json!(0);
    assert_eq!(more(&migrations), 0);
}
