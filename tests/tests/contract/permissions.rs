//! Each role can only do what its row says, and no row says too much.

use std::collections::BTreeSet;

use sluice_domain::naming::BESIDE;
use sluice_tests::template::{
    Resource, Statement, functions, granted, list, permissions, references, resources, statements,
    template_on_aws,
};
use sluice_tests::{expect_none, template, text};

/// The actions for which AWS knows no resource that could be named.
const WITHOUT_RESOURCE: [&str; 28] = [
    // Asked about a resource, it names no stack.
    "cloudformation:DescribeStackResources",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "dynamodb:ListStreams",
    "inspector2:ListCoverage",
    "inspector2:ListFindings",
    "lambda:GetAccountSettings",
    "lambda:ListEventSourceMappings",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    // Listed, they name no snapshot and no server.
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "rds:DescribeDBSnapshots",
    "states:SendTaskFailure",
    "states:SendTaskHeartbeat",
    "states:SendTaskSuccess",
    "xray:GetSamplingRules",
    "xray:GetSamplingStatisticSummaries",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// What AWS does on a function's behalf with the function's permissions: no SDK
/// of the function's own calls these.
const ON_BEHALF: [&str; 10] = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "inspector2:",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "sqs:SendMessage",
];

#[test]
fn nothing_may_be_done_to_everything() {
    let template = template_on_aws();
    let mut problems = Vec::new();
    for (id, resource) in resources(&template) {
        // In a key's own policy, "*" is that key.
        if resource.kind == "AWS::KMS::Key" {
            continue;
        }
        for statement in statements(resource.body)
            .iter()
            .filter(|statement| statement.allows)
        {
            let named = |action: &&&str| WITHOUT_RESOURCE.contains(*action);
            let all_without =
                statement.actions.iter().filter(named).count() == statement.actions.len();
            let arns = statement.arns();
            let wide = arns.into_iter().filter(|arn| is_everything(arn));
            let wide = wide.filter(|arn| !(all_without && *arn == "*"));
            problems.extend(wide.map(|arn| format!("{id}: {:?} on {arn}", statement.actions)));
        }
    }
    expect_none(problems);
}

#[test]
fn no_statement_allows_whole_services() {
    let template = template();
    expect_none(resources(&template).into_iter().flat_map(|(id, resource)| {
        let statements = statements(resource.body);
        let allowed = statements.iter().filter(|statement| statement.allows);
        let actions = allowed.flat_map(|statement| statement.actions.clone());
        let wide = actions.filter(|action| *action == "*" || action.ends_with(":*"));
        wide.map(|action| format!("{id}: {action}"))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn every_statement_names_actions_and_resources_and_nothing_is_allowed_by_exclusion() {
    let text = text("template.yaml");
    assert!(!text.contains("NotAction") && !text.contains("NotResource"));
    let template = template();
    let empty = |statement: &Statement<'_>| statement.actions.is_empty();
    assert!(
        !statements(&template).iter().any(empty),
        "a statement without an action"
    );
}

/// What a function may do stands in the template; `translated` has what SAM adds.
#[test]
fn no_policy_comes_from_elsewhere() {
    let template = template();
    assert!(!text("template.yaml").contains("FullAccess"));
    expect_none(resources(&template).into_values().filter_map(|resource| {
        let of_sam = resource.kind.starts_with("AWS::Serverless::");
        let policies = list(resource.property("Policies")).into_iter();
        let mut foreign = policies.filter(|policy| of_sam && policy["Statement"].is_null());
        let managed = list(resource.property("ManagedPolicyArns"));
        let found = foreign.next().or(managed.into_iter().next())?;
        Some(format!("{}: {found}", resource.id))
    }));
}

#[test]
fn no_parameter_allows_everything_by_default() {
    let template = template();
    let parameters = template["Parameters"].as_object().expect("parameters");
    expect_none(parameters.iter().filter_map(|(name, parameter)| {
        let default = parameter["Default"].as_str()?;
        default
            .split(',')
            .any(|pattern| is_everything(pattern) || pattern == "/*")
            .then(|| format!("{name}: {default}"))
    }));
}

#[test]
fn what_everything_is_can_be_told() {
    for wide in [
        "*",
        "arn:aws:lambda:*:*:function:*",
        "arn:aws:iam::*:role/*",
        "arn:aws:s3:::*",
    ] {
        assert!(is_everything(wide), "{wide}");
    }
    for narrow in [
        "${Bucket.Arn}/*",
        "arn:${AWS::Partition}:states:${AWS::Region}:1:execution:${Machine.Name}:*",
        "arn:aws:lambda:*:*:function:sluice-managed-*",
        "${Function.Arn}:*",
    ] {
        assert!(!is_everything(narrow), "{narrow}");
    }
}

/// Whether a pattern names no resource: `*`, or a type with nothing but `*`.
fn is_everything(pattern: &str) -> bool {
    let pattern = pattern.replace("${AWS::", "${AWS-");
    if !pattern.starts_with("arn:") {
        return pattern == "*";
    }
    let parts: Vec<&str> = pattern.splitn(6, ':').collect();
    let (service, resource) = (parts[2], parts.get(5).copied().unwrap_or_default());
    // What a parameter of the template's stands for is in a type's place: a path.
    let name = match resource.split_once([':', '/']) {
        Some((kind, name)) if !kind.contains("${") => name,
        _ => resource,
    };
    resource.starts_with('*') || (service != "s3" && ["*", "*:*"].contains(&name))
}

#[test]
fn only_publish_changes_code_and_only_shift_moves_aliases() {
    let code = [
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
        "PublishVersion",
    ];
    assert_eq!(
        who_may("lambda:", &code),
        BTreeSet::from(["publish".to_owned()])
    );
    assert_eq!(
        who_may("lambda:", &["UpdateAlias", "CreateAlias"]),
        BTreeSet::from(["shift".to_owned()])
    );
    assert_eq!(
        who_may("lambda:", &["DeleteAlias"]),
        BTreeSet::from(["preview".to_owned(), "shift".to_owned()]),
        "a preview goes with its aliases"
    );
    for action in ["CreateFunction", "AddPermission"] {
        assert_eq!(who_may("lambda:", &[action]), BTreeSet::new(), "{action}");
    }
}

/// Of settings Sluice writes those of previews alone; all others are people's.
#[test]
fn settings_are_written_and_deleted_by_name_of_previews_alone() {
    let template = template_on_aws();
    for (name, function) in functions(&template) {
        let held = permissions(&template, &function);
        for action in ["ssm:PutParameter", "ssm:DeleteParameter"] {
            for statement in granted(&held, action) {
                let arns = statement.arns();
                let of_previews = |arn: &&str| arn.ends_with(":parameter/sluice/*/pr-*");
                assert!(
                    !arns.is_empty() && arns.iter().all(of_previews),
                    "{name}: {arns:?}"
                );
            }
        }
    }
    let put = BTreeSet::from(["intake".to_owned(), "preview".to_owned()]);
    assert_eq!(who_may("ssm:", &["PutParameter"]), put);
    let delete = BTreeSet::from(["preview".to_owned()]);
    assert_eq!(who_may("ssm:", &["DeleteParameter"]), delete);
}

/// `DeleteFunction` without a qualifier deletes the function with all versions.
#[test]
fn only_warm_deletes_versions_and_nobody_a_function() {
    let delete = "lambda:DeleteFunction";
    let warm = BTreeSet::from(["warm".to_owned()]);
    assert_eq!(who_may("", &[delete]), warm);
    let template = template_on_aws();
    let held = permissions(&template, &functions(&template)["warm"]);
    for statement in granted(&held, delete) {
        let text = format!("{:?}", statement.resources);
        assert!(
            text.contains("${Functions}:*") && text.contains("Split"),
            "{text}"
        );
    }
}

/// What was replaced by a backup stays, under another name.
#[test]
fn only_database_replaces_servers() {
    let replacing = [
        "ModifyDBCluster",
        "ModifyDBInstance",
        "RestoreDBClusterFromSnapshot",
        "RestoreDBInstanceFromDBSnapshot",
    ];
    let database = BTreeSet::from(["database".to_owned()]);
    assert_eq!(who_may("rds:", &replacing), database);
    let beside = format!("${{Beside}}{BESIDE}*");
    assert!(text("template.yaml").contains(&beside), "{beside}");
}

/// No call reaches a function without reserved concurrency.
#[test]
fn only_warm_takes_traffic_off_functions() {
    let actions = ["DeleteFunctionConcurrency", "PutFunctionConcurrency"];
    let warm = BTreeSet::from(["warm".to_owned()]);
    assert_eq!(who_may("lambda:", &actions), warm);
}

#[test]
fn what_may_be_released_is_a_parameter() {
    let template = template();
    let actions = [
        "UpdateFunctionCode",
        "UpdateAlias",
        "CreateAlias",
        "PublishVersion",
    ];
    expect_none(
        functions(&template)
            .into_iter()
            .flat_map(|(name, function)| {
                let held = permissions(&template, &function);
                let writing = held.iter().filter(|statement| {
                    statement
                        .actions
                        .iter()
                        .any(|action| actions.iter().any(|end| action.ends_with(end)))
                });
                let fixed = writing.filter(|statement| {
                    let parameters = statement.references();
                    parameters.is_empty()
                        || parameters
                            .iter()
                            .any(|id| template["Parameters"][id].is_null())
                });
                fixed
                    .map(|statement| format!("{name}: {:?}", statement.actions))
                    .collect::<Vec<_>>()
            }),
    );
}

/// IAM can't express "append only" otherwise.
#[test]
fn only_record_writes_the_ledger_and_it_only_appends() {
    let template = template();
    let functions = functions(&template);
    let ledger = &functions["record"].property("Environment")["Variables"]["SLUICE_LEDGER_TABLE"];
    let ledger = references(ledger)
        .pop_first()
        .expect("record names the ledger's table");
    let reading = [
        "GetItem",
        "Query",
        "Scan",
        "BatchGetItem",
        "DescribeTable",
        "DescribeStream",
        "GetRecords",
        "GetShardIterator",
        "ListStreams",
    ];
    expect_none(functions.iter().flat_map(|(name, function)| {
        let held = permissions(&template, function);
        let on_ledger = held
            .iter()
            .filter(|statement| statement.references().contains(&ledger));
        let actions = on_ledger.flat_map(|statement| statement.actions.clone());
        let wrong = actions.filter(|action| {
            let Some(action) = action.strip_prefix("dynamodb:") else {
                return false;
            };
            let appends = ["PutItem", "ConditionCheckItem"].contains(&action) && name == "record";
            !reading.contains(&action) && !appends
        });
        wrong
            .map(|action| format!("{name}: {action}"))
            .collect::<Vec<_>>()
    }));
}

/// It faces the internet.
#[test]
fn desk_reads_requests_and_writes_votes_and_nothing_else() {
    let template = template();
    let functions = functions(&template);
    let held = permissions(&template, &functions["desk"]);
    let allowed = [
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:ConditionCheckItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "kms:GenerateMac",
        "lambda:InvokeFunction",
        "s3:GetObject",
        "s3:GetObjectVersion",
        // Of the key of seals alone, in place of one of KMS's.
        "secretsmanager:GetSecretValue",
        "ssm:GetParameter",
        "ssm:GetParameters",
        "ssm:GetParametersByPath",
    ];
    let actions: BTreeSet<&str> = held
        .iter()
        .flat_map(|statement| statement.actions.clone())
        .collect();
    expect_none(
        actions
            .into_iter()
            .filter(|action| !allowed.contains(action))
            .map(str::to_owned),
    );
    let public = functions
        .iter()
        .filter(|(_, function)| function.property("FunctionUrlConfig").is_object());
    assert_eq!(
        public.map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["desk"]
    );
}

/// A function's manifest shows which services it uses; its row must agree.
#[test]
fn a_function_may_use_the_services_whose_sdk_it_links_and_no_others() {
    let template = template();
    expect_none(
        functions(&template)
            .into_iter()
            .filter_map(|(name, function)| {
                let held = permissions(&template, &function);
                let allowed: BTreeSet<&str> = held
                    .iter()
                    .flat_map(|statement| statement.actions.clone())
                    .filter(|action| !ON_BEHALF.iter().any(|behalf| action.starts_with(behalf)))
                    .filter_map(|action| Some(action.split_once(':')?.0))
                    // Who signs in to a database makes the token with the SDK of RDS.
                    .map(|service| if service == "rds-db" { "rds" } else { service })
                    // Every function links what assumes a role; only some may.
                    .filter(|service| *service != "sts")
                    .collect();
                let linked = services(&name);
                (allowed != linked)
                    .then(|| format!("{name} links {linked:?}, and may use {allowed:?}"))
            }),
    );
}

/// The services that a function's manifest links, by their prefix in IAM.
fn services(function: &str) -> BTreeSet<&'static str> {
    let manifest = text(format!("functions/{function}/Cargo.toml"));
    let dependencies = manifest
        .split("[dev-dependencies]")
        .next()
        .unwrap_or_default();
    let platform = dependencies
        .lines()
        .find(|line| line.starts_with("sluice-platform"));
    let platform = platform.unwrap_or_default();
    let crates = [
        ("aws-sdk-cloudwatch", "cloudwatch"),
        ("aws-sdk-codedeploy", "codedeploy"),
        ("aws-sdk-dynamodb", "dynamodb"),
        ("aws-sdk-ecr", "ecr"),
        ("aws-sdk-kms", "kms"),
        ("aws-sdk-lambda", "lambda"),
        ("aws-sdk-rds", "rds"),
        ("aws-sdk-s3", "s3"),
        ("aws-sdk-secretsmanager", "secretsmanager"),
        ("aws-sdk-sfn", "states"),
        ("aws-sdk-sns", "sns"),
        ("aws-sdk-ssm", "ssm"),
    ];
    let features = [
        ("\"bundle\"", "s3"),
        ("\"call\"", "lambda"),
        ("\"cloudwatch\"", "cloudwatch"),
        ("\"function\"", "lambda"),
        ("\"guards\"", "cloudwatch"),
        ("\"ledger\"", "lambda"),
        ("\"owner\"", "cloudformation"),
        ("\"people\"", "sns"),
        ("\"seal\"", "kms"),
        ("\"seal\"", "secretsmanager"),
        ("\"settings\"", "ssm"),
        ("\"store\"", "dynamodb"),
        ("\"task\"", "states"),
    ];
    let own = crates.into_iter().filter(|(name, _)| {
        dependencies.lines().any(|line| {
            line.starts_with(&format!("{name}.")) || line.starts_with(&format!("{name} "))
        })
    });
    let shared = features
        .into_iter()
        .filter(|(feature, _)| platform.contains(feature));
    own.chain(shared).map(|(_, service)| service).collect()
}

/// The functions whose role allows one of these actions of a service.
pub(crate) fn who_may(service: &str, actions: &[&str]) -> BTreeSet<String> {
    let template = template_on_aws();
    let may = |function: &Resource<'_>| {
        permissions(&template, function).iter().any(|statement| {
            statement.allows
                && actions.iter().any(|action| {
                    statement
                        .actions
                        .contains(&format!("{service}{action}").as_str())
                })
        })
    };
    functions(&template)
        .iter()
        .filter(|(_, function)| may(function))
        .map(|(name, _)| name.clone())
        .collect()
}

/// A build server uploads and looks: what it may ask for, code of others could ask for.
#[test]
fn who_uploads_bundles_calls_nothing_and_reads_no_functions_own_configuration() {
    let template = template();
    let statements =
        &template["Resources"]["ReleaserPolicy"]["Properties"]["PolicyDocument"]["Statement"];
    let text = statements.to_string();
    assert!(text.contains("s3:PutObject"), "{text}");
    for never in ["lambda:", "own#", "states:S", "dynamodb:P", "dynamodb:U"] {
        assert!(!text.contains(never), "{never}: {text}");
    }
}
