use std::collections::BTreeMap;

use serde_json::json;
use sluice_domain::configuration::FunctionConfiguration;
use sluice_domain::digest::Digest;
use sluice_domain::document::Document as _;
use sluice_domain::evidence::Check;
use sluice_domain::manifest::{Image, Manifest};
use sluice_domain::plan::{CurrentVersion, Observed};

use super::*;

fn settings() -> Settings {
    let function = |name: &str| json!({ "name": format!("shop-{name}") });
    let document = json!({
        "schema": 1, "order": 1,
        "functions": {"api": function("api"), "mail": function("mail"), "web": function("web")},
        "approval": {"approvers": [{"name": "ada", "email": "ada@example.com", "totp_parameter": "/codes/ada"}]},
        "frozen": {"by": "bob", "reason": "fair"},
    });
    Settings::parse("settings", document.to_string().as_bytes()).expect("valid")
}

fn bundle() -> Bundle {
    let zip = |name: &str| json!({"zip": {"key": format!("{name}.zip"), "digest": Digest::of(name.as_bytes())}});
    let mut document = json!({
        "schema": 1, "application": "shop", "version": "1.4.0",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "author": {"name": "Grace", "email": "grace@example.com"},
        "functions": {"api": zip("api"), "mail": zip("mail"), "web": zip("web")},
    });
    document["functions"]["api"]["configuration"] = json!({"memory_mb": 256});
    let release_json = document.to_string().into_bytes();
    Bundle {
        manifest: Manifest::parse("release.json", &release_json).expect("valid"),
        release_json,
        files: BTreeMap::new(),
        notes: Vec::new(),
    }
}

fn observed(live: Option<&str>) -> Observed {
    let own = FunctionConfiguration {
        memory_mb: Some(128),
        ..FunctionConfiguration::default()
    };
    let version = |code: &str| CurrentVersion {
        version: "3".to_owned(),
        code: Digest::of(code.as_bytes()),
    };
    Observed {
        arn: "arn:aws:lambda:eu-west-1:123456789012:function:shop".to_owned(),
        live: live.map(|code| (version(code), own.clone())),
        own,
    }
}

fn planned(release: bool) -> Planned {
    let bundle = bundle();
    let there = [("api", Some("old")), ("mail", None), ("web", Some("web"))];
    let there = there.map(|(name, live)| (name.to_owned(), observed(live)));
    let plan = Plan::make(
        bundle.digest(),
        &bundle.manifest,
        &settings(),
        &BTreeMap::from(there),
    );
    let plan = plan.expect("a plan");
    let release = release.then_some(Release { bundle, plan });
    let forecast = Forecast::of(&settings(), &BTreeMap::new());
    Planned::of("shop/prod".to_owned(), settings(), release, forecast)
}

#[test]
fn a_plan_says_what_codedeploy_shifts_and_what_follows() {
    let mut planned = planned(false);
    planned.settings.codedeploy = serde_json::from_value(json!({
        "functions": {"api": {"application": "shop", "deployment_group": "api-prod"}},
    }))
    .expect("valid");
    let text = planned.lines(Style::PLAIN).join("\n");
    assert!(
        text.contains("CodeDeploy shifts api through shop/api-prod; then 100 % for 30 min"),
        "{text}"
    );
}

#[test]
fn a_plan_counts_who_must_approve_by_roles_too() {
    let mut planned = planned(false);
    let approver = |name: &str, role: &str| json!({"name": name, "email": format!("{name}@example.com"), "roles": [role], "totp_parameter": format!("/codes/{name}")});
    planned.settings.approval = serde_json::from_value(json!({
        "approvers": [approver("ada", "devops"), approver("bob", "pm"), approver("eve", "pm")],
        "slots": [{"role": "devops", "count": 1}, {"role": "pm", "count": 1}],
    }))
    .expect("valid");
    let text = planned.lines(Style::PLAIN).join("\n");
    assert!(text.contains("asks 2 of ada, bob, eve"), "{text}");
}

#[test]
fn a_plan_says_which_test_suites_run_and_when() {
    let mut planned = planned(false);
    let suite = json!([{"name": "orders", "stage": "new", "function": "shop-tests"}]);
    planned.settings.suites = serde_json::from_value(suite).expect("valid");
    let text = planned.lines(Style::PLAIN).join("\n");
    let told = "suite orders, run by shop-tests before traffic";
    assert!(text.contains(told), "{text}");
    assert_eq!(planned.document()["suites"][0]["name"], "orders");
}

#[test]
fn a_plan_shows_what_changes_what_stays_and_what_is_there_for_the_first_time() {
    let planned = planned(true);
    let digest = planned.release.as_ref().map(|it| it.bundle.digest());
    let digest = digest.expect("a bundle").short().to_owned();
    let [old, api, mail] =
        ["old", "api", "mail"].map(|code| Digest::of(code.as_bytes()).short().to_owned());
    let expected = format!(
        "\
shop/prod  1.4.0  bundle {digest}, commit 0123456 by Grace
begins by itself
asks 1 of ada

function  version"
    );
    let lines = planned.lines(Style::PLAIN);
    let text = lines.join("\n");
    assert!(text.starts_with(&expected), "{text}");
    let row = |at: usize| lines[at].split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        row(5),
        format!("api 3 → new {old} → {api} memory: 128 MB -> 256 MB")
    );
    assert!(
        row(6).starts_with("mail its first: alias in the last step"),
        "{text}"
    );
    assert!(row(6).contains(&mail), "{text}");
    assert_eq!(row(7), "web 3 stays");
    assert!(
        text.contains("problem  frozen: bob froze the environment: fair"),
        "{text}"
    );
    let stays = "not undone by a rollback: 2 published versions, without traffic";
    assert!(text.contains(stays), "{text}");
}

#[test]
fn a_plan_counts_what_evidence_comes_to_and_names_what_refuses() {
    let assessment = Assessment::of(vec![
        Check::of("package", true, "2 files", "a zip file"),
        Check::of("tests", false, "none", "a report"),
    ]);
    let planned = planned(true).with_evidence(Some(assessment));
    let text = planned.lines(Style::PLAIN).join("\n");
    assert!(text.contains("evidence: 1 pass, 1 refuse\n"), "{text}");
    assert!(
        text.contains("problem  evidence: tests: found none"),
        "{text}"
    );
    assert_eq!(planned.document()["evidence"]["outcome"], "refuse");
}

#[test]
fn a_plan_says_who_begins_and_what_may_enter() {
    let rules =
        json!({"start": "manual", "soak_seconds": 3600, "branches": ["main"], "tags": ["v*"]});
    let rules = serde_json::from_value(rules).expect("rules");
    let said = "begun by a person, with `sluice promote`, 1 h after the environment before promoted it; \
                branches main; tags v*";
    assert_eq!(enters(&rules), said);
}

#[test]
fn the_document_has_the_plan_and_without_a_bundle_none() {
    let document = planned(true).document();
    let api = &document["release"]["functions"]["api"];
    assert_eq!(api["change"], "update", "{document:#}");
    assert_eq!(document["findings"][0]["level"], "problem");
    let document = planned(false).document();
    assert!(document["release"].is_null(), "{document:#}");
    let lines = planned(false).lines(Style::PLAIN);
    assert!(
        lines[0].starts_with("shop/prod  what a release can find out"),
        "{lines:#?}"
    );
}

#[test]
fn an_environment_elsewhere_says_where_its_functions_are_and_where_code_goes() {
    let mut planned = planned(true);
    let told = |planned: &Planned| planned.lines(Style::PLAIN).join("\n");
    assert!(
        !told(&planned).contains("functions in"),
        "{}",
        told(&planned)
    );
    let role = json!({"arn": "arn:aws:iam::444455556666:role/sluice", "external_id": "e", "region": "us-east-1", "bucket": "code"});
    planned.settings.role = Some(serde_json::from_value(role).expect("a role"));
    let expected = "functions in 444455556666, us-east-1; code is copied to the bucket code first";
    assert!(told(&planned).contains(expected), "{}", told(&planned));
}

#[test]
fn an_image_that_functions_take_from_a_registry_of_their_own_is_told_with_its_place() {
    let mut planned = planned(true);
    let image = |account: &str, region: &str| {
        let digest = Digest::of(b"image");
        (
            format!("{account}.dkr.ecr.{region}.amazonaws.com/shop"),
            digest,
        )
    };
    let release = planned.release.as_mut().expect("a release");
    let api = release.bundle.manifest.functions.get_mut("api");
    let (repository, digest) = image("123456789012", "eu-west-1");
    api.expect("a function").image = Some(Image { repository, digest });
    let told = |planned: &Planned| planned.lines(Style::PLAIN).join("\n");
    assert!(!told(&planned).contains("the image"), "{}", told(&planned));
    let role = json!({"arn": "arn:aws:iam::444455556666:role/sluice", "external_id": "e", "registry": "444455556666"});
    planned.settings.role = Some(serde_json::from_value(role).expect("a role"));
    let (repository, digest) = image("444455556666", "eu-west-1");
    let expected = format!("api: the image has to be at {repository}@{digest}");
    assert!(told(&planned).contains(&expected), "{}", told(&planned));
}

#[test]
fn a_plan_shows_what_migrations_come_to_and_that_a_rollback_leaves_them() {
    let mut bundle = bundle();
    let digest = Digest::of(b"no zip");
    let migrations = json!({ "zip": { "key": "m.zip", "digest": digest } });
    bundle.manifest.migrations = serde_json::from_value(migrations).expect("migrations");
    bundle.files.insert("m.zip".to_owned(), b"no zip".to_vec());
    let foreseen = Foreseen::of(&bundle, "prod", &settings());
    let mut planned = planned(true).with_migrations(foreseen);
    let text = planned.lines(Style::PLAIN).join("\n");
    assert!(
        text.contains("\n\nmigrations: no file of them can be read\n"),
        "{text}"
    );
    assert!(text.contains("name no database"), "{text}");
    let document = planned.document();
    assert!(
        document["migrations"]["refused"][0].is_object(),
        "{document:#}"
    );
    let stays = "not undone by a rollback: what its migrations change in the database";
    assert!(!text.contains(stays), "{text}");
    let migrations = planned.migrations.as_mut().expect("migrations");
    migrations.phases[0].files = 1;
    let text = planned.lines(Style::PLAIN).join("\n");
    assert!(text.contains(stays), "{text}");
}

#[test]
fn a_plan_says_that_a_bundle_without_migrations_leaves_the_database_as_it_is() {
    let told = "the bundle brings none, so a release leaves the database as it is";
    let mut planned = planned(true);
    let text = planned.lines(Style::PLAIN).join("\n");
    assert!(!text.contains(told), "{text}");
    let database = json!({ "secret": "s", "backup": { "before": "none" } });
    planned.settings.database = serde_json::from_value(database).expect("a database");
    let text = planned.lines(Style::PLAIN).join("\n");
    assert!(text.contains(told), "{text}");
    assert!(planned.document()["migrations"].is_null());
}
