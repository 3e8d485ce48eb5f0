use serde_json::{Value, json};
use sluice_domain::document::Document as _;

use super::*;
use crate::finding::Level;

const STOCK: [(&str, &str); 6] = [
    (
        "ManagedFunctions",
        "arn:aws:lambda:*:*:function:sluice-managed-*",
    ),
    ("ManagedRoles", "arn:aws:iam::*:role/sluice-managed-*"),
    ("ManagedTopics", "arn:aws:sns:*:*:sluice-managed-*"),
    (
        "ManagedSuites",
        "arn:aws:lambda:*:*:function:sluice-managed-*,arn:aws:codebuild:*:*:project/sluice-managed-*",
    ),
    ("ManagedReports", "arn:aws:s3:::sluice-managed-*/*"),
    ("ApprovalCodeParameters", "/sluice-approvers/*"),
];

fn managed(parameters: &[(&str, &str)]) -> Managed {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let outputs = [("TopicArn", "arn:aws:sns:eu-west-1:111122223333:sluice")];
    let resources = Resources::new("sluice", outputs.iter().map(owned).collect())
        .with_parameters(parameters.iter().map(owned).collect());
    Managed::of(&resources).expect("a topic")
}

fn settings(more: Value) -> Settings {
    let mut document = json!({
        "schema": 1, "order": 1, "functions": {"api": {"name": "sluice-managed-api"}},
        "steps": [{"weight": 100, "bake_seconds": 0}],
    });
    for (name, value) in more.as_object().expect("an object") {
        document[name] = value.clone();
    }
    Settings::parse("/sluice/shop/prod", document.to_string().as_bytes()).expect("valid")
}

fn levels(findings: &[Finding]) -> Vec<(Level, &str)> {
    findings
        .iter()
        .map(|finding| (finding.level, finding.subject.as_str()))
        .collect()
}

#[test]
fn a_pattern_covers_what_iam_says_it_covers() {
    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:shop-api";
    for pattern in [
        arn,
        "*",
        "arn:aws:lambda:*",
        "arn:aws:lambda:*:*:function:shop-*",
        "arn:aws:lambda:eu-west-?:111122223333:function:*-api",
        "arn:*:function:s*p*i",
    ] {
        assert!(covers(pattern.as_bytes(), arn.as_bytes()), "{pattern}");
    }
    for pattern in [
        "",
        "shop-api",
        "arn:aws:lambda:*:*:function:shop",
        "arn:aws:lambda:*:*:function:Shop-*",
        "arn:aws:lambda:us-*:*:function:shop-*",
        "arn:aws:lambda:*:*:function:shop-api?",
        // A star within a segment stays in it.
        "arn:aws:lambda:e*n:shop-api",
        "arn?aws:lambda:*:*:function:shop-api",
    ] {
        assert!(!covers(pattern.as_bytes(), arn.as_bytes()), "{pattern}");
    }
}

#[test]
fn many_stars_take_no_more_time_than_one() {
    let name = "a".repeat(500);
    let pattern = "a*".repeat(100) + "b";
    assert!(!covers(pattern.as_bytes(), name.as_bytes()));
}

#[test]
fn settings_within_the_parameters_are_covered_and_say_by_what() {
    let approver = json!({"name": "ada", "email": "ada@example.com", "totp_parameter": "/sluice-approvers/ada"});
    let settings = settings(json!({
        "approval": {"approvers": [approver]},
        "channels": {"topic_arn": "arn:aws:sns:eu-west-1:111122223333:sluice-managed-prod"},
    }));
    let findings = managed(&STOCK).check(&settings);
    assert_eq!(
        levels(&findings),
        [
            (Level::Ok, "ManagedFunctions"),
            (Level::Ok, "ManagedTopics"),
            (Level::Ok, "ApprovalCodeParameters"),
        ]
    );
    assert_eq!(
        findings[2].message,
        "`/sluice-approvers/*` covers what the settings name (1)"
    );
}

#[test]
fn functions_that_sluice_may_not_touch_are_named_with_the_value_that_would_cover_them() {
    let other = "arn:aws:lambda:eu-west-1:999900001111:function:shop-worker";
    let settings = settings(json!({"functions": {
        "api": {"name": "shop-api"}, "fine": {"name": "sluice-managed-fine"},
        "mail": {"name": "444455556666:function:shop-mail"}, "worker": {"name": other},
    }}));
    let findings = managed(&STOCK).check(&settings);
    assert_eq!(levels(&findings), [(Level::Problem, "ManagedFunctions")]);
    let [api, mail] = [("111122223333", "api"), ("444455556666", "mail")]
        .map(|(account, name)| format!("arn:aws:lambda:eu-west-1:{account}:function:shop-{name}"));
    assert_eq!(
        findings[0].message,
        format!(
            "`arn:aws:lambda:*:*:function:sluice-managed-*` does not cover \
             functions.api ({api}), functions.mail ({mail}), functions.worker ({other})"
        )
    );
    assert_eq!(
        findings[0].mend,
        format!(
            "deploy Sluice again with \"ManagedFunctions=arn:aws:lambda:*:*:function:sluice-managed-*,\
             {api},{mail},{other}\" among the parameter_overrides in samconfig.toml"
        )
    );
}

#[test]
fn one_of_several_patterns_is_enough() {
    let patterns = "arn:aws:lambda:*:*:function:mail-*, arn:aws:lambda:*:*:function:shop-*";
    let settings = settings(json!({"functions": {"api": {"name": "shop-api"}}}));
    let findings = managed(&[("ManagedFunctions", patterns)]).check(&settings);
    assert_eq!(levels(&findings), [(Level::Ok, "ManagedFunctions")]);
}

#[test]
fn in_another_account_the_role_is_compared_and_not_the_functions() {
    let role =
        json!({"arn": "arn:aws:iam::444455556666:role/deploy", "external_id": "x", "region": null});
    let settings = settings(json!({"functions": {"api": {"name": "shop-api"}}, "role": role}));
    let findings = managed(&STOCK).check(&settings);
    assert_eq!(levels(&findings), [(Level::Problem, "ManagedRoles")]);
    let expected =
        "ManagedRoles=arn:aws:iam::*:role/sluice-managed-*,arn:aws:iam::444455556666:role/deploy";
    assert!(findings[0].mend.contains(expected), "{findings:?}");
}

#[test]
fn sluices_own_topic_needs_no_pattern_and_any_other_does() {
    let topic = |name: &str| {
        let arn = format!("arn:aws:sns:eu-west-1:111122223333:{name}");
        settings(json!({"channels": {"topic_arn": arn}}))
    };
    let managed = managed(&STOCK);
    assert_eq!(
        levels(&managed.check(&topic("sluice"))),
        [(Level::Ok, "ManagedFunctions")]
    );
    assert_eq!(
        levels(&managed.check(&topic("chat"))),
        [
            (Level::Ok, "ManagedFunctions"),
            (Level::Problem, "ManagedTopics")
        ]
    );
}

#[test]
fn the_topic_of_an_escalation_has_to_be_covered_like_the_environments() {
    let topic = |name: &str| format!("arn:aws:sns:eu-west-1:111122223333:{name}");
    let approver = json!({"name": "ada", "email": "ada@example.com", "totp_parameter": "/sluice-approvers/ada"});
    let settings = |name: &str| {
        let escalation = json!({"after_seconds": 60, "topic_arn": topic(name)});
        settings(json!({
            "approval": {"approvers": [approver], "escalation": escalation},
            "channels": {"topic_arn": topic("sluice-managed-prod")},
        }))
    };
    let managed = managed(&STOCK);
    let findings = managed.check(&settings("sluice-managed-leads"));
    let message = "`arn:aws:sns:*:*:sluice-managed-*` covers what the settings name (2)";
    assert_eq!(findings[1].message, message);
    assert_eq!(
        managed.check(&settings("sluice"))[1].message,
        message.replace('2', "1")
    );
    let findings = managed.check(&settings("leads"));
    assert_eq!(findings[1].level, Level::Problem);
    let uncovered = format!("approval.escalation.topic_arn ({})", topic("leads"));
    assert!(findings[1].message.ends_with(&uncovered), "{findings:?}");
}

#[test]
fn a_code_that_the_page_may_not_read_is_mended_by_its_name() {
    let approver =
        |code: &str| json!({"name": "ada", "email": "ada@example.com", "totp_parameter": code});
    let settings = settings(json!({"approval": {"approvers": [approver("/codes/ada")]}}));
    let findings = managed(&STOCK).check(&settings);
    assert_eq!(
        levels(&findings),
        [
            (Level::Ok, "ManagedFunctions"),
            (Level::Problem, "ApprovalCodeParameters")
        ]
    );
    let [message, mend] = [&findings[1].message, &findings[1].mend];
    assert!(
        message.contains("the codes of ada (/codes/ada)"),
        "{message}"
    );
    assert!(
        mend.contains("names that `/sluice-approvers/*` covers"),
        "{mend}"
    );
}

#[test]
fn what_suites_name_has_to_be_covered_whichever_kind_it_is() {
    let suites = |machine: &str, report: &str| {
        settings(json!({"suites": [
            {"name": "orders", "stage": "new", "function": "sluice-managed-tests"},
            {"name": "prices", "stage": "new", "state_machine": machine},
            {"name": "page", "stage": "live", "project": "sluice-managed-page", "report": report},
        ]}))
    };
    let machine = "arn:aws:states:eu-west-1:111122223333:stateMachine:prices";
    let findings = managed(&STOCK).check(&suites(machine, "s3://reports/{run}.xml"));
    let expected = [
        (Level::Ok, "ManagedFunctions"),
        (Level::Problem, "ManagedSuites"),
        (Level::Problem, "ManagedReports"),
    ];
    assert_eq!(levels(&findings), expected);
    let message = &findings[1].message;
    assert!(
        message.ends_with(&format!("does not cover suite prices ({machine})")),
        "{message}"
    );
    let message = &findings[2].message;
    assert!(
        message.contains("suite page (arn:aws:s3:::reports/{run}.xml)"),
        "{message}"
    );
    let wider = format!("{},arn:aws:states:*:*:stateMachine:prices", STOCK[3].1);
    let mut stock = STOCK;
    stock[3].1 = &wider;
    let findings = managed(&stock).check(&suites(machine, "s3://sluice-managed-reports/{run}.xml"));
    assert!(
        findings.iter().all(|finding| finding.level == Level::Ok),
        "{findings:?}"
    );
}

#[test]
fn a_stack_that_knows_no_such_parameter_is_noted_as_older() {
    let findings = managed(&[]).check(&settings(json!({})));
    assert_eq!(levels(&findings), [(Level::Note, "ManagedFunctions")]);
    assert!(findings[0].mend.contains("make deploy"), "{findings:?}");
}
