//! Who calls a function past its alias: event sources, permissions and URLs of the
//! function itself. What goes there meets new code at once, unjudged. Reads only.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionUrlConfig};
use serde_json::Value;
use sluice_domain::settings::Target;
use sluice_platform::fault::Fault;

/// What was found of a function's ways in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Callers {
    /// Each way past the alias, in words.
    pub past: Vec<String>,
    /// Why some could not be looked at.
    pub untold: Vec<String>,
}

/// Looks for ways past an alias.
pub async fn look(lambda: &Client, target: &Target) -> Callers {
    let mut found = Callers::default();
    let all = [
        mappings(lambda, target).await,
        permissions(lambda, target).await,
        urls(lambda, target).await,
    ];
    for answer in all {
        match answer {
            Ok(past) => found.past.extend(past),
            Err(fault) => found.untold.push(fault.to_string()),
        }
    }
    found
}

async fn mappings(lambda: &Client, target: &Target) -> Result<Vec<String>, Fault> {
    let request = lambda
        .list_event_source_mappings()
        .function_name(&target.name);
    let pages = request.into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await;
    let found = found.map_err(|error| Fault::new("lambda:ListEventSourceMappings", error))?;
    let past = found.iter().filter_map(|mapping| sourced(mapping, target));
    Ok(past.collect())
}

async fn permissions(lambda: &Client, target: &Target) -> Result<Vec<String>, Fault> {
    let request = lambda.get_policy().function_name(&target.name);
    match request.send().await {
        Ok(found) => Ok(permitted(found.policy().unwrap_or_default())),
        Err(error) => {
            let fault = Fault::new("lambda:GetPolicy", error);
            // So it says that there is no policy.
            if fault.is("ResourceNotFoundException") {
                Ok(Vec::new())
            } else {
                Err(fault)
            }
        }
    }
}

async fn urls(lambda: &Client, target: &Target) -> Result<Vec<String>, Fault> {
    let request = lambda
        .list_function_url_configs()
        .function_name(&target.name);
    let pages = request.into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await;
    let found = found.map_err(|error| Fault::new("lambda:ListFunctionUrlConfigs", error))?;
    let past = found.iter().filter_map(|url| addressed(url, target));
    Ok(past.collect())
}

/// Whether an ARN is the alias's.
fn is_alias(arn: &str, target: &Target) -> bool {
    arn.split(':').nth(7) == Some(target.alias.as_str())
}

/// `event source arn:…` of a mapping that does not call the alias.
fn sourced(mapping: &EventSourceMappingConfiguration, target: &Target) -> Option<String> {
    let is_off = mapping.state().is_some_and(|state| state == "Disabled");
    if is_off || is_alias(mapping.function_arn().unwrap_or_default(), target) {
        return None;
    }
    let source = mapping.event_source_arn();
    let source = source.or(mapping.uuid()).unwrap_or_default();
    Some(format!("event source {source}"))
}

fn addressed(url: &FunctionUrlConfig, target: &Target) -> Option<String> {
    let past = !is_alias(url.function_arn(), target);
    past.then(|| format!("function URL {}", url.function_url()))
}

/// Who a function's own policy lets call it, past every alias: `events.amazonaws.com
/// for arn:…`. Permissions of a function's URL are the URL's.
fn permitted(policy: &str) -> Vec<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let calls = statements.filter(|statement| {
        let conditions = statement["Condition"].to_string();
        statement["Effect"] == "Allow"
            && invokes(&statement["Action"])
            && !conditions.contains("lambda:FunctionUrlAuthType")
            && !conditions.contains("lambda:InvokedViaFunctionUrl")
    });
    calls.map(caller).collect()
}

/// Whether actions, one or a list, let somebody invoke.
fn invokes(actions: &Value) -> bool {
    let all = actions
        .as_array()
        .map_or(std::slice::from_ref(actions), Vec::as_slice);
    all.iter().filter_map(Value::as_str).any(|action| {
        let action = action.to_ascii_lowercase();
        match action.strip_suffix('*') {
            // `*`, `lambda:*`, `lambda:Inv*`, `lambda:Invoke*`.
            Some(begun) => "lambda:invokefunction".starts_with(begun),
            None => action.starts_with("lambda:invoke"),
        }
    })
}

fn caller(statement: &Value) -> String {
    let principal = &statement["Principal"];
    let named = ["Service", "AWS"]
        .iter()
        .find_map(|kind| principal[kind].as_str());
    let named = named.or(principal.as_str()).unwrap_or("somebody");
    let conditions = statement["Condition"].as_object().into_iter().flatten();
    let mut sources = conditions.flat_map(|(_, keys)| keys.as_object().into_iter().flatten());
    let source = sources.find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"));
    match source.and_then(|(_, arn)| arn.as_str()) {
        Some(arn) => format!("{named} for {arn}"),
        None => named.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::FunctionUrlAuthType;
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shop-api";

    fn target() -> Target {
        serde_json::from_value(json!({"name": "shop-api"})).expect("a target")
    }

    #[test]
    fn an_event_source_that_does_not_call_the_alias_goes_past_it() {
        let mapping = |function: &str, state: &str| {
            let mapping = EventSourceMappingConfiguration::builder()
                .event_source_arn("arn:aws:sqs:eu-west-1:123456789012:orders")
                .function_arn(function)
                .state(state);
            sourced(&mapping.build(), &target())
        };
        let past = Some("event source arn:aws:sqs:eu-west-1:123456789012:orders".to_owned());
        assert_eq!(mapping(ARN, "Enabled"), past);
        assert_eq!(mapping(&format!("{ARN}:3"), "Enabled"), past);
        assert_eq!(mapping(&format!("{ARN}:live"), "Enabled"), None);
        assert_eq!(mapping(ARN, "Disabled"), None);
    }

    #[test]
    fn whom_a_functions_own_policy_lets_call_it_is_told_with_the_rule_or_api() {
        let rule = "arn:aws:events:eu-west-1:123456789012:rule/nightly";
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Action": "lambda:InvokeFunction",
             "Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnLike": {"AWS:SourceArn": rule}}},
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Principal": {"AWS": "210987654321"}},
            {"Effect": "Allow", "Action": "lambda:GetFunction", "Principal": "*"},
            {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Principal": "*"},
            {"Effect": "Allow", "Action": "lambda:InvokeFunctionUrl", "Principal": "*",
             "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}},
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Principal": "*",
             "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}},
        ]});
        let told = [
            format!("events.amazonaws.com for {rule}"),
            "210987654321".to_owned(),
        ];
        assert_eq!(permitted(&policy.to_string()), told);
        assert_eq!(permitted(""), [""; 0]);
    }

    #[test]
    fn an_action_with_a_wildcard_lets_call_too() {
        let caller = |action: Value| {
            let statement =
                json!({"Effect": "Allow", "Action": action, "Principal": {"AWS": "210987654321"}});
            permitted(&json!({ "Statement": [statement] }).to_string())
        };
        for action in [
            json!("*"),
            json!("lambda:*"),
            json!("lambda:Invoke*"),
            json!("Lambda:invokefunction"),
            json!(["lambda:GetFunction", "lambda:*"]),
        ] {
            assert_eq!(caller(action.clone()), ["210987654321"], "{action}");
        }
        for action in [
            json!("lambda:Get*"),
            json!(["lambda:GetFunction"]),
            Value::Null,
        ] {
            assert_eq!(caller(action.clone()), [""; 0], "{action}");
        }
    }

    #[test]
    fn a_url_of_the_function_itself_goes_past_the_alias() {
        let url = |arn: String| {
            let url = FunctionUrlConfig::builder()
                .function_url("https://x.lambda-url.eu-west-1.on.aws/")
                .function_arn(arn)
                .auth_type(FunctionUrlAuthType::None)
                .creation_time("")
                .last_modified_time("");
            addressed(&url.build().expect("a URL"), &target())
        };
        let past = "function URL https://x.lambda-url.eu-west-1.on.aws/";
        assert_eq!(url(ARN.to_owned()).as_deref(), Some(past));
        assert_eq!(url(format!("{ARN}:live")), None);
    }
}
