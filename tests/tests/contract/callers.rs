//! The functions that people ask learn who asks, and need no permission for it.

use std::collections::BTreeSet;

use sluice_tests::template::{functions, granted, of_type, permissions, references, statements};
use sluice_tests::translated::translated;
use sluice_tests::{expect_none, folders, template, text};

/// The functions that `sluice` sends requests with a proof to.
const ASKED: [&str; 4] = ["control", "desk", "intake", "preview"];

#[test]
fn the_functions_that_people_ask_are_told_who_asks_and_no_others() {
    let asked = BTreeSet::from(ASKED.map(str::to_owned));
    let names = folders("functions");
    let with = |part: &str, file: &str| -> BTreeSet<String> {
        let has = |name: &&String| text(format!("functions/{name}/{file}")).contains(part);
        names.iter().filter(has).cloned().collect()
    };
    assert_eq!(with("\"caller\"", "Cargo.toml"), asked);
    assert_eq!(with("caller::serve(", "src/main.rs"), asked);
}

/// `sts:GetCallerIdentity` needs no permission, and the request that is sent is the
/// caller's own. In a VPC a function would need a way to STS.
#[test]
fn to_ask_sts_a_function_needs_neither_a_permission_nor_a_way_out_of_a_vpc() {
    let template = template();
    let functions = functions(&template);
    expect_none(ASKED.iter().flat_map(|name| {
        let held = permissions(&template, &functions[*name]);
        let actions = held.iter().flat_map(|statement| statement.actions.clone());
        let of_sts = actions.filter(|action| action.starts_with("sts:Get"));
        of_sts
            .map(|action| format!("{name}: {action}"))
            .collect::<Vec<_>>()
    }));
    let in_a_vpc = ASKED.iter().filter(|name| {
        let function = &functions[**name];
        function.property("VpcConfig").is_object()
    });
    expect_none(in_a_vpc.map(|name| (*name).to_owned()));
}

/// The aliases at which people ask, by their logical ids.
const PEOPLES_ALIASES: [(&str, &str, &str); 2] = [
    ("DeskForPeople", "DeskFunction", desk::PEOPLE),
    ("IntakeForPeople", "IntakeFunction", intake::PEOPLE),
];

/// The alias at which people ask `intake`, by its logical id.
const PEOPLES_ALIAS: &str = "IntakeForPeople";

#[test]
fn people_ask_intake_and_desk_at_aliases_of_their_own() {
    let template = template();
    let aliases = of_type(&template, "AWS::Lambda::Alias");
    assert_eq!(aliases.len(), PEOPLES_ALIASES.len(), "beside SAM's own");
    for (id, function, name) in PEOPLES_ALIASES {
        let alias = aliases.iter().find(|alias| alias.id == id);
        let alias = alias.expect("an alias for people");
        assert_eq!(alias.property("Name"), name);
        for property in ["FunctionName", "FunctionVersion"] {
            let of = references(alias.property(property));
            assert_eq!(of, BTreeSet::from([function.to_owned()]));
        }
        assert_ne!(template["Globals"]["Function"]["AutoPublishAlias"], name);
    }
    let asked = &template["Outputs"]["IntakeFunction"]["Value"];
    assert_eq!(
        references(asked),
        BTreeSet::from([PEOPLES_ALIAS.to_owned()])
    );
}

/// Who may call another address of `intake` can send it what looks like an upload.
#[test]
fn no_policy_for_people_lets_them_send_events_to_intake() {
    let template = template();
    let policies = of_type(&template, "AWS::IAM::ManagedPolicy");
    assert_eq!(policies.len(), 3);
    let calls = |id: &str| -> BTreeSet<String> {
        let policy = policies.iter().find(|policy| policy.id == id);
        let held = statements(policy.expect("a policy").body);
        let calls = granted(&held, "lambda:InvokeFunction").into_iter();
        calls.flat_map(|statement| statement.references()).collect()
    };
    let names = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    let asked = names(&[
        PEOPLES_ALIAS,
        "ControlFunction",
        "DeskForPeople",
        "PreviewFunction",
    ]);
    assert_eq!(calls("OperatorPolicy"), asked);
    assert_eq!(calls("PreviewerPolicy"), names(&["PreviewFunction"]));
    assert_eq!(calls("ReleaserPolicy"), names(&[]));
}

#[test]
#[ignore = "needs the SAM CLI: make test"]
fn no_rule_calls_the_alias_at_which_people_ask() {
    let translated = translated();
    for kind in ["AWS::Events::Rule", "AWS::Lambda::Permission"] {
        let senders = of_type(translated, kind);
        assert!(!senders.is_empty());
        let people = |body| references(body).contains(PEOPLES_ALIAS);
        let wrong = senders.iter().filter(|sender| people(sender.body));
        expect_none(wrong.map(|sender| sender.id.to_owned()));
    }
}
