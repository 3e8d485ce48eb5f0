//! The rest of the template: what is kept, and what could be lost.

use serde_json::Value;
use sluice_tests::template::{
    Resource, functions, list, machines, of_type, references, resources, visit,
};
use sluice_tests::{expect_none, template};

#[test]
fn every_bucket_is_versioned_encrypted_and_private() {
    let template = template();
    let buckets = of_type(&template, "AWS::S3::Bucket");
    assert!(!buckets.is_empty());
    for bucket in buckets {
        let id = bucket.id;
        assert_eq!(
            bucket.property("VersioningConfiguration")["Status"],
            "Enabled",
            "{id}"
        );
        assert!(bucket.property("BucketEncryption").is_object(), "{id}");
        let access = bucket.property("PublicAccessBlockConfiguration");
        for block in [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ] {
            assert_eq!(access[block], true, "{id}: {block}");
        }
    }
}

#[test]
fn an_upload_into_the_artifacts_bucket_is_an_event() {
    let template = template();
    let functions = functions(&template);
    let bucket =
        &functions["intake"].property("Environment")["Variables"]["SLUICE_ARTIFACTS_BUCKET"];
    let id = references(bucket)
        .pop_first()
        .expect("intake names the bucket");
    let resources = resources(&template);
    let notifications = resources[id.as_str()].property("NotificationConfiguration");
    let configuration = &notifications["EventBridgeConfiguration"];
    assert!(configuration.is_object() && configuration["EventBridgeEnabled"] != false);
    let (_, pattern) = events(&functions["intake"])
        .into_iter()
        .map(|(_, event)| ((), &event["Properties"]["Pattern"]))
        .find(|(_, pattern)| pattern["source"][0] == "aws.s3")
        .expect("intake hears of uploads");
    assert_eq!(pattern["detail-type"][0], "Object Created");
    assert!(references(&pattern["detail"]["bucket"]).contains(&id));
}

#[test]
fn every_table_can_be_restored_to_any_second_and_is_encrypted() {
    let template = template();
    let tables = of_type(&template, "AWS::DynamoDB::Table");
    assert_eq!(tables.len(), 2, "the state and the ledger");
    for table in tables {
        let recovery = table.property("PointInTimeRecoverySpecification");
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{}", table.id);
        assert_eq!(
            table.property("SSESpecification")["SSEEnabled"],
            true,
            "{}",
            table.id
        );
    }
}

#[test]
fn what_is_kept_outlives_the_stack() {
    let template = template();
    let kept = ["AWS::DynamoDB::Table", "AWS::S3::Bucket"].into_iter();
    for resource in kept.flat_map(|kind| of_type(&template, kind)) {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(resource.body[policy], "Retain", "{}: {policy}", resource.id);
        }
    }
}

/// Twice: where an event does not reach its function, and where the function
/// does not take it.
#[test]
fn an_event_that_no_function_takes_is_kept() {
    let template = template();
    let mut problems = Vec::new();
    for (name, function) in functions(&template) {
        let events = events(&function);
        for (event, body) in &events {
            let properties = &body["Properties"];
            let kept = properties["DeadLetterConfig"].is_object()
                || properties["DestinationConfig"]["OnFailure"].is_object();
            if !kept {
                problems.push(format!("{name}: {event} has no dead-letter queue"));
            }
        }
        let taken = function.property("EventInvokeConfig")["DestinationConfig"]["OnFailure"]
            .is_object()
            || function.property("DeadLetterQueue").is_object();
        if !events.is_empty() && !taken {
            problems.push(format!("{name}: what it fails on is lost"));
        }
    }
    for stream in of_type(&template, "AWS::Lambda::EventSourceMapping") {
        let kept = stream.property("DestinationConfig")["OnFailure"]["Destination"].is_object();
        let parts = list(stream.property("FunctionResponseTypes"));
        if !kept || !parts.iter().any(|part| *part == "ReportBatchItemFailures") {
            problems.push(format!("{}: what its function fails on is lost", stream.id));
        }
    }
    for rule in of_type(&template, "AWS::Events::Rule") {
        let targets = list(rule.property("Targets"));
        if targets
            .iter()
            .any(|target| !target["DeadLetterConfig"].is_object())
        {
            problems.push(format!(
                "{} has a target without a dead-letter queue",
                rule.id
            ));
        }
    }
    expect_none(problems);
}

#[test]
fn every_queue_is_encrypted_and_its_rules_may_write_to_it() {
    let template = template();
    let policies = of_type(&template, "AWS::SQS::QueuePolicy");
    for queue in of_type(&template, "AWS::SQS::Queue") {
        let encrypted = queue.property("SqsManagedSseEnabled") == true
            || !queue.property("KmsMasterKeyId").is_null();
        assert!(encrypted, "{}", queue.id);
        let open = policies
            .iter()
            .any(|policy| references(policy.property("Queues")).contains(queue.id));
        assert!(
            open,
            "{} has no policy: EventBridge can't write to it",
            queue.id
        );
    }
}

/// Each rule that SAM makes of a function's event is named in the queue's policy.
#[test]
fn the_queue_knows_every_rule_that_writes_to_it() {
    let template = template();
    let policies = of_type(&template, "AWS::SQS::QueuePolicy");
    let known = policies
        .iter()
        .flat_map(|policy| references(policy.body))
        .collect::<Vec<_>>();
    expect_none(functions(&template).values().flat_map(|function| {
        let rules = events(function)
            .into_iter()
            .map(|(event, _)| format!("{}{event}", function.id));
        rules
            .filter(|rule| !known.contains(rule))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn uploads_and_pushes_reach_intake_and_ends_and_a_clock_reach_the_watchdog() {
    let template = template();
    let functions = functions(&template);
    let sources = |name: &str| -> Vec<&Value> {
        let events = events(&functions[name]);
        events
            .into_iter()
            .map(|(_, event)| &event["Properties"]["Pattern"]["source"][0])
            .collect()
    };
    for source in ["aws.s3", "aws.ecr"] {
        assert!(
            sources("intake").iter().any(|found| *found == source),
            "{source}"
        );
    }
    assert!(
        sources("watchdog")
            .iter()
            .any(|found| *found == "aws.states")
    );
    let clock = events(&functions["watchdog"])
        .into_iter()
        .find(|(_, event)| {
            event["Type"]
                .as_str()
                .is_some_and(|kind| kind.starts_with("Schedule"))
        });
    assert!(clock.is_some(), "events of Step Functions are best effort");
}

#[test]
fn the_watchdog_hears_of_every_way_an_execution_ends_badly() {
    let template = template();
    let functions = functions(&template);
    let ended = events(&functions["watchdog"])
        .into_iter()
        .map(|(_, event)| &event["Properties"]["Pattern"])
        .find(|pattern| pattern["source"][0] == "aws.states")
        .expect("the watchdog hears of executions");
    for status in ["FAILED", "TIMED_OUT", "ABORTED"] {
        assert!(
            list(&ended["detail"]["status"])
                .iter()
                .any(|found| *found == status),
            "{status}"
        );
    }
    let machines = machines(&template);
    assert!(references(&ended["detail"]).contains(machines["promote"].id));
}

#[test]
fn every_state_machine_is_traced_logged_without_data_and_encrypted() {
    let template = template();
    for (name, machine) in machines(&template) {
        assert_eq!(either(&machine, "Tracing")["Enabled"], true, "{name}");
        let logging = either(&machine, "Logging");
        assert!(logging["Destinations"].is_array(), "{name} has no log");
        assert_ne!(
            logging["IncludeExecutionData"], true,
            "{name}: a task token is no log line"
        );
        let encryption = machine.property("EncryptionConfiguration");
        assert_eq!(
            encryption["Type"], "CUSTOMER_MANAGED_KMS_KEY",
            "{name}: its data has task tokens"
        );
    }
}

#[test]
fn every_log_is_forgotten_after_the_same_time() {
    let template = template();
    expect_none(
        of_type(&template, "AWS::Logs::LogGroup")
            .into_iter()
            .filter_map(|group| {
                let retention = references(group.property("RetentionInDays"));
                retention.is_empty().then(|| group.id.to_owned())
            }),
    );
}

#[test]
fn every_parameter_and_every_output_is_described() {
    let template = template();
    expect_none(["Parameters", "Outputs"].into_iter().flat_map(|section| {
        let entries = template[section].as_object().into_iter().flatten();
        let bare =
            entries.filter(|(_, entry)| entry["Description"].as_str().is_none_or(str::is_empty));
        bare.map(|(name, _)| format!("{section}.{name}"))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn every_parameter_is_used() {
    let template = template();
    let mut used = references(&template["Resources"]);
    used.extend(references(&template["Globals"]));
    visit(&template["Conditions"], &mut |value| {
        used.extend(references(value))
    });
    let parameters = template["Parameters"].as_object().into_iter().flatten();
    expect_none(
        parameters
            .map(|(name, _)| name.clone())
            .filter(|name| !used.contains(name)),
    );
}

/// The events of a function, each with its name.
fn events<'a>(function: &Resource<'a>) -> Vec<(&'a str, &'a Value)> {
    let events = function
        .property("Events")
        .as_object()
        .into_iter()
        .flatten();
    events.map(|(name, event)| (name.as_str(), event)).collect()
}

/// A property that CloudFormation calls `…Configuration` and SAM does not.
fn either<'a>(machine: &Resource<'a>, name: &str) -> &'a Value {
    match machine.property(name) {
        Value::Null => machine.property(&format!("{name}Configuration")),
        found => found,
    }
}
