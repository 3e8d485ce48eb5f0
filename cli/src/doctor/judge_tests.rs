use std::collections::BTreeMap;

use serde_json::json;
use sluice_domain::document::Document as _;

use super::*;
use crate::finding::Level;
use crate::resources::Resources;
use crate::settings_check::There;

fn fault(code: &str) -> Fault {
    Fault {
        operation: "asking".to_owned(),
        code: Some(code.to_owned()),
        message: format!("{code}: no"),
    }
}

fn levels(findings: &[Finding]) -> Vec<Level> {
    findings.iter().map(|finding| finding.level).collect()
}

#[test]
fn credentials_need_a_region_and_a_caller() {
    let identify = |region: Option<&str>, caller| {
        identity(&Identity {
            region: region.map(str::to_owned),
            caller,
        })
    };
    let nowhere = identify(None, None);
    assert_eq!(
        (nowhere.level, nowhere.subject.as_str()),
        (Level::Problem, "region")
    );
    let nobody = identify(Some("eu-west-1"), Some(Err(fault("ExpiredToken"))));
    assert_eq!(nobody.level, Level::Problem);
    assert!(nobody.mend.contains("aws sso login"), "{nobody:?}");
    let ada = identify(Some("eu-west-1"), Some(Ok("arn:ada".to_owned())));
    assert_eq!(
        (ada.level, ada.message.as_str()),
        (Level::Ok, "arn:ada in eu-west-1")
    );
}

#[test]
fn a_missing_stack_and_a_missing_permission_are_mended_differently() {
    let mend = |error| no_stack("sluice", &error).mend;
    let stack = "sluice".to_owned();
    assert!(mend(Error::NoStack { stack }).contains("--stack"));
    let denied = mend(Error::Fault(fault("AccessDenied")));
    assert_eq!(denied, "allow cloudformation:DescribeStacks");
    let broken = mend(Error::Fault(Fault::other("asking", "no connection")));
    assert!(!broken.contains("allow"), "{broken}");
}

#[test]
fn an_older_stack_is_a_problem_that_names_the_outputs_it_lacks() {
    assert_eq!(outputs("sluice", &[]).level, Level::Ok);
    let finding = outputs("sluice", &["DeskUrl", "TopicArn"]);
    assert_eq!(
        (finding.level, finding.message.as_str()),
        (Level::Problem, "lacks the outputs DeskUrl, TopicArn")
    );
}

#[test]
fn a_bucket_must_keep_versions_and_send_events_as_far_as_that_can_be_seen() {
    let look = |keeps_versions, sends_events| {
        bucket(&Bucket {
            name: "artifacts".to_owned(),
            keeps_versions,
            sends_events,
        })
    };
    assert_eq!(levels(&look(Ok(true), Ok(true))), [Level::Ok; 2]);
    let findings = look(Ok(false), Ok(true));
    assert_eq!(levels(&findings), [Level::Problem, Level::Ok]);
    assert!(findings[0].message.contains("not versioned"));
    let findings = look(Ok(true), Ok(false));
    assert_eq!(levels(&findings), [Level::Ok, Level::Problem]);
    assert!(findings[1].message.contains("an upload starts nothing"));
    let findings = look(Err(fault("AccessDenied")), Err(fault("AccessDenied")));
    assert_eq!(levels(&findings), [Level::Note; 2]);
    let mends: Vec<_> = findings.into_iter().map(|finding| finding.mend).collect();
    assert_eq!(
        mends,
        [
            "allow s3:GetBucketVersioning to check it",
            "allow s3:GetBucketNotification to check it"
        ]
    );
}

#[test]
fn the_room_for_code_is_a_problem_before_it_is_full() {
    let gigabytes = |used: i64| {
        code(&Ok(CodeStorage {
            used: used << 30,
            limit: 75 << 30,
        }))
    };
    let fine = gigabytes(12);
    let expected = "takes 12.0 of the 75 GB that this account may have";
    assert_eq!((fine.level, fine.message.as_str()), (Level::Ok, expected));
    let crowded = gigabytes(60);
    assert_eq!(crowded.level, Level::Problem);
    assert!(crowded.mend.contains("keep_versions"), "{crowded:?}");
    assert_eq!(code(&Err(fault("AccessDenied"))).level, Level::Note);
}

/// What an area comes to whose calls were answered like this.
fn tried(answers: Vec<(Option<&'static str>, Result<(), Fault>)>) -> Vec<Finding> {
    let tried = answers.into_iter().map(|(loses, answer)| Tried {
        permission: "states:StopExecution",
        resource: "arn:execution:*".to_owned(),
        loses,
        answer,
    });
    area(&Area {
        subject: "state machine rollout".to_owned(),
        works: "can be followed",
        tried: tried.collect(),
    })
}

#[test]
fn an_area_whose_calls_are_all_allowed_is_one_good_finding() {
    let findings = tried(vec![(None, Ok(())), (Some("aborting fails"), Ok(()))]);
    assert_eq!(levels(&findings), [Level::Ok]);
    assert_eq!(findings[0].message, "can be followed");
}

#[test]
fn each_call_that_is_denied_names_its_permission_and_what_is_lost() {
    let denied = || Err(fault("AccessDeniedException"));
    let findings = tried(vec![
        (None, denied()),
        (None, Ok(())),
        (Some("aborting fails"), denied()),
    ]);
    assert_eq!(levels(&findings), [Level::Problem, Level::Note]);
    let mend = "allow states:StopExecution on arn:execution:*";
    assert!(findings.iter().all(|finding| finding.mend == mend));
    assert_eq!(
        findings[1].message,
        "aborting fails: asking failed: AccessDeniedException: no"
    );
}

#[test]
fn a_call_that_fails_for_another_reason_asks_for_no_permission() {
    let mend = |code| tried(vec![(None, Err(fault(code)))]).remove(0).mend;
    let key = mend("KmsAccessDeniedException");
    assert_eq!(key, "allow kms:Decrypt on the stack's key");
    assert!(mend("ThrottlingException").contains("again in a minute"));
    assert!(mend("StateMachineDoesNotExist").contains("make deploy"));
}

#[test]
fn a_topic_that_nobody_reads_or_that_can_not_be_seen_is_noted() {
    let look = |confirmed, pending| topic(&Ok(Subscriptions { confirmed, pending }));
    assert_eq!(look(1, 0).level, Level::Ok);
    let unread = look(0, 2);
    assert_eq!(
        (unread.level, unread.message.as_str()),
        (Level::Note, "0 subscribed, 2 not confirmed")
    );
    let denied = topic(&Err(fault("AuthorizationError")));
    assert_eq!(denied.level, Level::Note);
    assert!(denied.mend.contains("sns:GetTopicAttributes"));
}

#[test]
fn a_page_that_fails_or_is_not_there_is_a_problem_and_any_other_answer_is_fine() {
    let look = |answer| {
        let url = "https://desk/".to_owned();
        desk(&Desk { url, answer })
    };
    assert_eq!(look(Ok(404)).level, Level::Ok);
    let failing = look(Ok(502));
    assert_eq!(
        (failing.level, failing.message.as_str()),
        (Level::Problem, "https://desk/ answers HTTP 502")
    );
    let gone = look(Err("refused".to_owned()));
    assert_eq!(gone.level, Level::Problem);
    assert!(gone.mend.contains("SLUICE_DESK_URL"));
}

fn environment(name: &str, order: u32) -> Environment {
    let document = json!({"schema": 1, "order": order, "functions": {"api": {"name": "shop-api"}}});
    let settings = Settings::parse(name, document.to_string().as_bytes()).expect("valid");
    let there = (Some(There::Yes), Some(There::Yes));
    let facts = Facts {
        functions: BTreeMap::from([("api".to_owned(), there)]),
        ..Facts::default()
    };
    Environment {
        application: "shop".to_owned(),
        name: name.to_owned(),
        settings: Ok((settings, facts)),
        aliases: BTreeMap::new(),
    }
}

fn managed(functions: &str) -> Managed {
    let owned = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let outputs = owned("TopicArn", "arn:aws:sns:eu-west-1:111122223333:sluice");
    let resources =
        Resources::new("sluice", outputs).with_parameters(owned("ManagedFunctions", functions));
    Managed::of(&resources).expect("a topic")
}

#[test]
fn settings_are_compared_with_what_is_there_and_with_what_the_stack_may_touch() {
    let found = [environment("prod", 1)];
    let subjects = |findings: &[Finding]| {
        let subjects = findings.iter().map(|finding| finding.subject.clone());
        subjects.collect::<Vec<_>>()
    };
    let covered = managed("arn:aws:lambda:*:*:function:shop-*");
    let findings = environments(&found, Some(&covered));
    assert_eq!(levels(&findings), [Level::Ok; 3], "{findings:?}");
    assert_eq!(
        subjects(&findings),
        [
            "/sluice/shop/prod",
            "/sluice/shop/prod functions.api",
            "/sluice/shop/prod ManagedFunctions"
        ]
    );
    let other = managed("arn:aws:lambda:*:*:function:sluice-managed-*");
    let findings = environments(&found, Some(&other));
    assert_eq!(
        levels(&findings),
        [Level::Ok, Level::Ok, Level::Problem],
        "{findings:?}"
    );
    let findings = environments(&found, None);
    assert_eq!(levels(&findings), [Level::Ok; 2], "{findings:?}");
}

#[test]
fn two_environments_of_an_application_in_one_place_are_a_problem_at_both() {
    let mut other = environment("prod", 1);
    other.application = "mail".to_owned();
    let found = [environment("dev", 1), environment("prod", 1), other];
    let findings = environments(&found, None);
    let problems: Vec<_> = findings
        .iter()
        .filter(|finding| finding.level == Level::Problem)
        .map(|finding| finding.subject.as_str())
        .collect();
    assert_eq!(
        problems,
        ["/sluice/shop/dev order", "/sluice/shop/prod order"]
    );
}

#[test]
fn settings_that_are_missing_unreadable_or_wrong_say_how_to_mend_that() {
    let none = environments(&[], None);
    assert_eq!(levels(&none), [Level::Note]);
    assert!(none[0].mend.contains("sluice env put"));
    let unreadable = no_settings(&Error::Fault(fault("AccessDeniedException")));
    assert_eq!(unreadable.level, Level::Problem);
    assert!(unreadable.mend.contains("ssm:GetParametersByPath"));
    let invalid = Settings::parse("/sluice/shop/prod", b"{}").expect_err("not valid");
    let wrong = Environment {
        settings: Err(invalid),
        ..environment("prod", 1)
    };
    let wrong = environments(&[wrong], None);
    assert_eq!(levels(&wrong), [Level::Problem]);
    assert!(wrong[0].message.contains("is not valid"), "{wrong:?}");
}

#[test]
fn a_stack_is_told_part_by_part() {
    let areas = ["uploads", "ledger"].map(|subject| Area {
        subject: subject.to_owned(),
        works: "works",
        tried: Vec::new(),
    });
    let found = Stack {
        bucket: Bucket {
            name: "artifacts".to_owned(),
            keeps_versions: Ok(true),
            sends_events: Ok(true),
        },
        topic: Err(fault("AuthorizationError")),
        desk: Desk {
            url: "https://desk/".to_owned(),
            answer: Ok(404),
        },
        code: Err(fault("AccessDenied")),
        areas: areas.into(),
    };
    let findings = stack(&found);
    let subjects: Vec<_> = findings
        .iter()
        .map(|finding| finding.subject.as_str())
        .collect();
    assert_eq!(
        subjects,
        [
            "bucket artifacts",
            "bucket artifacts",
            "uploads",
            "ledger",
            "topic",
            "desk",
            "Lambda code"
        ]
    );
}
