//! One key of the stack's own encrypts messages and executions, another seals votes: who
//! may use them, and that those who have to, can.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_tests::template::{
    Resource, Statement, functions, granted, list, machines, of_type, permissions, references,
};
use sluice_tests::{expect_none, template};

use crate::permissions::who_may;

/// What reading and writing something encrypted takes.
const USE: [&str; 2] = ["kms:Decrypt", "kms:GenerateDataKey"];

#[test]
fn every_topic_and_every_state_machine_is_encrypted_with_the_key() {
    let template = template();
    let key = key(&template).id;
    let topics = of_type(&template, "AWS::SNS::Topic");
    assert!(!topics.is_empty());
    let of_topics = topics
        .iter()
        .map(|topic| (topic.id, topic.property("KmsMasterKeyId")));
    let machines = machines(&template);
    let of_machines = machines.values().map(|machine| {
        let encryption = machine.property("EncryptionConfiguration");
        (machine.id, &encryption["KmsKeyId"])
    });
    expect_none(of_topics.chain(of_machines).filter_map(|(id, found)| {
        let fits = references(found) == BTreeSet::from([key.to_owned()]);
        (!fits).then(|| format!("{id}: {found}"))
    }));
}

#[test]
fn the_key_is_renewed_and_outlives_the_stack() {
    let template = template();
    let key = key(&template);
    assert_eq!(key.property("EnableKeyRotation"), true);
    assert_eq!(key.body["DeletionPolicy"], "Retain");
    assert_eq!(key.body["UpdateReplacePolicy"], "Retain");
}

/// The account's policies say who else: nobody outside it may do anything.
#[test]
fn the_key_serves_this_account_alarms_and_the_delivery_of_logs_and_nobody_else() {
    let template = template();
    let account = json!({"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"});
    let principals: BTreeSet<String> = policy(&template)
        .map(|statement| statement["Principal"].to_string())
        .collect();
    let expected = [
        json!({ "AWS": account }),
        json!({"Service": "cloudwatch.amazonaws.com"}),
        json!({"Service": "delivery.logs.amazonaws.com"}),
    ];
    assert_eq!(
        principals,
        expected
            .iter()
            .map(Value::to_string)
            .collect::<BTreeSet<_>>()
    );
    assert!(may(&template, &json!({ "AWS": account }), &USE));
}

/// CloudWatch publishes to the encrypted topic in its own name, not in a role's.
#[test]
fn alarms_may_use_the_key_and_publish_to_the_topic() {
    let template = template();
    let cloudwatch = json!({"Service": "cloudwatch.amazonaws.com"});
    assert!(may(
        &template,
        &cloudwatch,
        &["kms:Decrypt", "kms:GenerateDataKey*"]
    ));
    let topics = of_type(&template, "AWS::SNS::TopicPolicy");
    let publishes = topics.iter().any(|policy| {
        list(&policy.property("PolicyDocument")["Statement"])
            .into_iter()
            .any(|statement| {
                statement["Principal"] == cloudwatch && statement["Action"] == "sns:Publish"
            })
    });
    assert!(publishes, "alarms can't be told");
}

/// The logs of executions are encrypted on their way.
#[test]
fn the_delivery_of_logs_may_decrypt_what_the_logs_of_this_account_carry() {
    let template = template();
    let delivery = json!({"Service": "delivery.logs.amazonaws.com"});
    assert!(may(&template, &delivery, &["kms:Decrypt*"]));
    let limits: Vec<&Value> = policy(&template)
        .filter(|statement| statement["Principal"] == delivery)
        .map(|statement| &statement["Condition"]["StringEquals"])
        .collect();
    let arn = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:*";
    let expected = json!({"kms:EncryptionContext:SourceArn": {"Fn::Sub": arn}});
    assert_eq!(limits, [&expected]);
}

#[test]
fn who_publishes_to_the_topic_or_runs_executions_may_use_the_key() {
    let template = template();
    let key = key(&template).id;
    let functions = functions(&template);
    let publishers = functions.values().filter(|function| {
        let held = permissions(&template, function);
        !granted(&held, "sns:Publish").is_empty()
    });
    let publishers: Vec<Resource<'_>> = publishers.copied().collect();
    assert!(!publishers.is_empty(), "somebody publishes");
    let users = publishers
        .into_iter()
        .chain(machines(&template).into_values());
    expect_none(users.flat_map(|user| {
        let held = permissions(&template, &user);
        let lacks = |action: &&str| !granted(&held, action).iter().any(|one| names(one, key));
        USE.into_iter()
            .filter(lacks)
            .map(|action| format!("{}: {action}", user.id))
            .collect::<Vec<_>>()
    }));
}

fn names(statement: &Statement<'_>, key: &str) -> bool {
    statement.references().contains(key)
}

/// Whether the key's own policy lets a principal do all of this.
fn may(template: &Value, principal: &Value, actions: &[&str]) -> bool {
    let own: Vec<&Value> = policy(template)
        .filter(|statement| statement["Principal"] == *principal && statement["Effect"] == "Allow")
        .flat_map(|statement| list(&statement["Action"]))
        .collect();
    actions
        .iter()
        .all(|action| own.iter().any(|found| *found == action))
}

fn policy(template: &Value) -> impl Iterator<Item = &Value> {
    list(&key(template).property("KeyPolicy")["Statement"]).into_iter()
}

fn key(template: &Value) -> Resource<'_> {
    let keys = of_type(template, "AWS::KMS::Key");
    let encrypts = |key: &Resource<'_>| key.property("KeyUsage").is_null();
    let keys: Vec<Resource<'_>> = keys.into_iter().filter(encrypts).collect();
    let [key] = keys.as_slice() else {
        panic!("found {} keys that encrypt; expected one", keys.len());
    };
    *key
}

/// Whoever may make what they look at could make a vote that nobody gave.
#[test]
fn seals_are_made_by_desk_alone_and_looked_at_by_who_lets_a_release_go_on() {
    let template = template();
    let keys = of_type(&template, "AWS::KMS::Key");
    let seals = keys
        .iter()
        .filter(|key| key.property("KeyUsage") == "GENERATE_VERIFY_MAC");
    let seals: Vec<&Resource<'_>> = seals.collect();
    let [key] = seals.as_slice() else {
        panic!("found {} keys for seals; expected one", seals.len());
    };
    assert_eq!(key.body["DeletionPolicy"], "Retain");
    assert_eq!(key.body["UpdateReplacePolicy"], "Retain");
    assert_eq!(who_may("kms", &[":GenerateMac"]), names_of(&["desk"]));
    assert_eq!(
        who_may("kms", &[":VerifyMac"]),
        names_of(&["approval", "guard"])
    );
    // A key in Secrets Manager is the weaker choice: who looks at seals can make them.
    let secret = of_type(&template, "AWS::SecretsManager::Secret");
    assert_eq!(secret.len(), 1);
    for (name, function) in functions(&template) {
        let held = permissions(&template, &function);
        let about_seals = held.iter().filter(|statement| {
            statement
                .actions
                .iter()
                .any(|action| action.ends_with("Mac"))
        });
        for statement in about_seals {
            assert!(names(statement, key.id), "{name} uses other keys for seals");
        }
    }
}

fn names_of(functions: &[&str]) -> BTreeSet<String> {
    functions.iter().map(|&name| name.to_owned()).collect()
}
