//! `sluice doctor`: what it finds of the stack, of who asks it and of settings, and how to
//! mend it.

use serde_json::{Value, json};
use sluice_tests::World;

use crate::approvals::CODE;
use crate::cli::{problems, serving};

/// The finding about this, with these words in how to mend it.
#[track_caller]
fn mended<'a>(findings: &'a Value, subject: &str, mend: &str) -> &'a Value {
    let is_it = |finding: &&Value| {
        let text = |name: &str| finding[name].as_str().unwrap_or_default();
        text("subject").contains(subject) && text("mend").contains(mend)
    };
    let all = findings.as_array().expect("findings");
    let found = all.iter().find(is_it);
    found.unwrap_or_else(|| panic!("no `{mend}` for {subject} in {findings:#}"))
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn the_doctor_finds_nothing_wrong_with_who_may_do_all_and_changes_nothing() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let ada = world.approver("ada", CODE).await;
    let settings = json!({ "approval": { "approvers": [ada] } });
    world.environment("prod", &first, settings).await;
    let doctor = ["doctor", &world.application, "--json"];
    let findings = world.sluice(&doctor).run().await.is(0).json();
    let unwell = problems(&findings);
    assert!(unwell.is_empty(), "{unwell:#?}");
    let healthy = |subject: &str| {
        let all = findings.as_array().expect("findings");
        let found = all.iter().find(|finding| {
            let found = finding["subject"].as_str().unwrap_or_default();
            found.contains(subject) && finding["level"] == "ok"
        });
        assert!(found.is_some(), "{subject} in {findings:#}");
    };
    for subject in [
        "credentials",
        "stack sluice",
        &format!("bucket {}", world.bucket()),
        "intake",
        "control",
        "state table",
        "ledger",
        "state machine release",
        "state machine promote",
        "state machine rollout",
        "desk",
        "/prod functions.api",
        "/prod ManagedFunctions",
        "/prod ApprovalCodeParameters",
    ] {
        healthy(subject);
    }
    let uploads = aws_sdk_s3::Client::new(&world.config)
        .list_objects_v2()
        .bucket(world.bucket())
        .prefix("sluice-doctor")
        .send();
    assert!(uploads.await.expect("the bucket").contents().is_empty());
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn the_doctor_names_every_permission_that_is_missing() {
    let world = serving(json!({})).await;
    let denied = [
        ("bucket", "s3:PutObject", true),
        ("intake", "lambda:InvokeFunction", false),
        ("control", "lambda:InvokeFunction", false),
        ("state table", "dynamodb:GetItem", true),
        ("state machine release", "states:DescribeExecution", true),
        ("state machine promote", "states:GetExecutionHistory", false),
        ("state machine rollout", "states:StopExecution", false),
        (
            "state machine rollout",
            "states:DescribeStateMachine",
            false,
        ),
        ("bucket", "s3:GetBucketVersioning", false),
    ];
    let person = world
        .person(&denied.map(|(_, permission, _)| permission))
        .await;
    let doctor = ["doctor", &world.application, "--json"];
    let findings = world.sluice(&doctor).by(&person).run().await.is(1).json();
    for (subject, permission, is_needed) in denied {
        let found = mended(&findings, subject, &format!("allow {permission} "));
        let level = if is_needed { "problem" } else { "note" };
        assert_eq!(found["level"], level, "{found}");
    }
    let lost = mended(&findings, "state machine rollout", "states:StopExecution");
    let lost = lost["message"].as_str().unwrap_or_default();
    assert!(lost.contains("`sluice abort` fails"), "{lost}");
    assert_eq!(problems(&findings).len(), 5, "{findings:#}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn the_doctor_finds_what_sluice_may_not_touch_and_says_what_to_deploy() {
    let world = World::new().await;
    let settings = json!({
        "schema": 1, "order": 1, "functions": { "api": { "name": "elsewhere-api" } },
        "approval": { "approvers": [{
            "name": "ada", "email": "ada@example.com", "totp_parameter": "/elsewhere/ada",
        }] },
    });
    world.write_settings("prod", &settings.to_string()).await;
    let doctor = ["doctor", &world.application, "--json"];
    let findings = world.sluice(&doctor).run().await.is(1).json();
    let covering = "arn:aws:lambda:us-east-1:000000000000:function:elsewhere-api\"";
    mended(&findings, "ManagedFunctions", covering);
    mended(
        &findings,
        "ApprovalCodeParameters",
        "another ApprovalCodeParameters",
    );
    mended(&findings, "functions.api", "create it");
    mended(
        &findings,
        "one-time codes of ada",
        "env enroll /elsewhere/ada",
    );
    let missing = world
        .sluice(&["doctor", "--stack", "nowhere", "--json"])
        .run();
    let missing = missing.await.is(1).json();
    mended(&missing, "stack nowhere", "--stack");
}
