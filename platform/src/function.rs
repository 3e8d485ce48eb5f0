//! What Lambda says of a function: what serves, and what its next version
//! would be made from. Reads only.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_alias::GetAliasOutput;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::operation::get_provisioned_concurrency_config::GetProvisionedConcurrencyConfigOutput;
use sluice_domain::alias::{Alias, Routing};
use sluice_domain::configuration::FunctionConfiguration;
use sluice_domain::digest::Digest;
use sluice_domain::plan::{CurrentVersion, Observed};
use sluice_domain::settings::Target;
use sluice_domain::versions::CodeStorage;

use crate::fault::Fault;

/// How a person finds out who moved an alias. The name of the event is CloudTrail's.
pub const WHO_MOVED_IT: &str = "CloudTrail names the caller some minutes later: `aws cloudtrail lookup-events \
    --lookup-attributes AttributeKey=EventName,AttributeValue=UpdateAlias20150331` in the functions' account";

/// How full the account's room for code is.
///
/// # Errors
/// When Lambda fails.
pub async fn code_storage(lambda: &Client) -> Result<CodeStorage, Fault> {
    let answer = lambda.get_account_settings().send().await;
    let found = answer.map_err(|error| Fault::new("lambda:GetAccountSettings", error))?;
    let used = found.account_usage().map(|usage| usage.total_code_size());
    let limit = found.account_limit().map(|limit| limit.total_code_size());
    Ok(CodeStorage {
        used: used.unwrap_or_default(),
        limit: limit.unwrap_or_default(),
    })
}

/// A function and what its alias serves. None: there is no such function.
///
/// # Errors
/// When Lambda fails, or names no digest of the code.
pub async fn observe(lambda: &Client, target: &Target) -> Result<Option<Observed>, Fault> {
    let Some(function) = find(lambda, &target.name, None).await? else {
        return Ok(None);
    };
    let live = match find(lambda, &target.name, Some(&target.alias)).await? {
        Some(live) => Some((current(&live)?, configuration(&live))),
        None => None,
    };
    Ok(Some(Observed {
        arn: unqualified(function.function_arn().unwrap_or_default()),
        live,
        own: configuration(&function),
    }))
}

/// The versions of a function that were published.
///
/// # Errors
/// When Lambda fails.
pub async fn versions(
    lambda: &Client,
    function: &str,
) -> Result<Vec<aws_sdk_lambda::types::FunctionConfiguration>, Fault> {
    let mut all = configurations(lambda, function).await?;
    all.retain(|one| one.version() != Some("$LATEST"));
    Ok(all)
}

/// The same, and `$LATEST`.
///
/// # Errors
/// When Lambda fails.
pub async fn configurations(
    lambda: &Client,
    function: &str,
) -> Result<Vec<aws_sdk_lambda::types::FunctionConfiguration>, Fault> {
    let request = lambda.list_versions_by_function().function_name(function);
    let pages = request.into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await;
    found.map_err(|error| {
        let operation = format!("lambda:ListVersionsByFunction of {function}");
        Fault::new(operation, error)
    })
}

/// A function's ARN. None: there is no such function.
///
/// # Errors
/// When Lambda fails.
pub async fn arn(lambda: &Client, function: &str) -> Result<Option<String>, Fault> {
    let found = find(lambda, function, None).await?;
    Ok(found.map(|found| unqualified(found.function_arn().unwrap_or_default())))
}

/// The function itself, or this version or alias of it. None: there is none.
///
/// # Errors
/// When Lambda fails.
pub async fn find(
    lambda: &Client,
    function: &str,
    qualifier: Option<&str>,
) -> Result<Option<GetFunctionConfigurationOutput>, Fault> {
    let request = lambda
        .get_function_configuration()
        .function_name(function)
        .set_qualifier(qualifier.map(str::to_owned));
    match request.send().await {
        Ok(found) => Ok(Some(found)),
        Err(error) => {
            let operation = format!("lambda:GetFunctionConfiguration of {function}");
            let fault = Fault::new(operation, error);
            if fault.is("ResourceNotFoundException") {
                Ok(None)
            } else {
                Err(fault)
            }
        }
    }
}

/// The provisioned concurrency of a version or an alias. None: it has none.
///
/// # Errors
/// When Lambda fails.
pub async fn provisioned(
    lambda: &Client,
    function: &str,
    qualifier: &str,
) -> Result<Option<GetProvisionedConcurrencyConfigOutput>, Fault> {
    let request = lambda
        .get_provisioned_concurrency_config()
        .function_name(function)
        .qualifier(qualifier);
    match request.send().await {
        Ok(found) => Ok(Some(found)),
        Err(error) => {
            let operation =
                format!("lambda:GetProvisionedConcurrencyConfig of {function}:{qualifier}");
            let fault = Fault::new(operation, error);
            if fault.is("ProvisionedConcurrencyConfigNotFoundException") {
                Ok(None)
            } else {
                Err(fault)
            }
        }
    }
}

/// An alias as it stands. None: there is none.
///
/// # Errors
/// When Lambda fails.
pub async fn alias(lambda: &Client, function: &str, alias: &str) -> Result<Option<Alias>, Fault> {
    let request = lambda.get_alias().function_name(function).name(alias);
    match request.send().await {
        Ok(found) => Ok(Some(read(found))),
        Err(error) => {
            let fault = Fault::new(format!("lambda:GetAlias of {function}:{alias}"), error);
            if fault.is("ResourceNotFoundException") {
                Ok(None)
            } else {
                Err(fault)
            }
        }
    }
}

fn read(found: GetAliasOutput) -> Alias {
    let weights = found
        .routing_config
        .and_then(|routing| routing.additional_version_weights);
    Alias {
        routing: Routing {
            version: found.function_version.unwrap_or_default(),
            weights: weights.into_iter().flatten().collect(),
        },
        revision: found.revision_id.unwrap_or_default(),
        description: found.description,
    }
}

/// What a version freezes, or the next one would, beside its code.
#[must_use]
pub fn configuration(found: &GetFunctionConfigurationOutput) -> FunctionConfiguration {
    let number = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let layers = found.layers().iter().filter_map(|layer| layer.arn());
    FunctionConfiguration {
        environment: match found.environment() {
            // Lambda can't decrypt them for us.
            Some(environment) if environment.error().is_some() => None,
            Some(environment) => {
                let variables = environment.variables().cloned().unwrap_or_default();
                Some(variables.into_iter().collect())
            }
            None => Some(BTreeMap::new()),
        },
        memory_mb: number(found.memory_size()),
        timeout_seconds: number(found.timeout()),
        layers: layers.map(str::to_owned).collect(),
        role: found.role().map(str::to_owned),
        dead_letters: found
            .dead_letter_config()
            .and_then(|letters| letters.target_arn())
            .filter(|arn| !arn.is_empty())
            .map(str::to_owned),
    }
}

/// The digest of code as Lambda writes it: Base64 for zip files, hex for images.
#[must_use]
pub fn code_digest(text: &str) -> Option<Digest> {
    if let Ok(digest) = format!("sha256:{text}").parse() {
        return Some(digest);
    }
    let bytes: [u8; 32] = aws_smithy_types::base64::decode(text)
        .ok()?
        .try_into()
        .ok()?;
    Some(Digest::from_hash(&bytes))
}

fn current(found: &GetFunctionConfigurationOutput) -> Result<CurrentVersion, Fault> {
    let code = found.code_sha256().unwrap_or_default();
    let digest = code_digest(code).ok_or_else(|| {
        let name = found.function_name().unwrap_or_default();
        let operation = format!("reading the code's digest of {name}");
        Fault::other(operation, format!("found `{code}`; expected a SHA-256"))
    })?;
    Ok(CurrentVersion {
        version: found.version().unwrap_or_default().to_owned(),
        code: digest,
    })
}

/// The ARN without the qualifier that was asked for.
fn unqualified(arn: &str) -> String {
    arn.split(':').take(7).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::{
        AliasRoutingConfiguration, DeadLetterConfig, EnvironmentError, EnvironmentResponse, Layer,
    };

    use super::*;

    #[test]
    fn code_digests_are_read_in_both_of_lambdas_spellings() {
        let digest = Digest::of(b"code");
        let base64 = aws_smithy_types::base64::encode(digest.bytes());
        assert_eq!(code_digest(&base64), Some(digest.clone()));
        assert_eq!(code_digest(digest.hex()), Some(digest));
        assert_eq!(code_digest("nonsense"), None);
        // The SHA-256 of nothing, as `openssl dgst -sha256 -binary | base64` writes it.
        let nothing = code_digest("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(nothing, Some(Digest::of(b"")));
        assert_eq!(code_digest(""), None);
    }

    #[test]
    fn an_alias_is_read_with_its_weights_and_description() {
        let weights = AliasRoutingConfiguration::builder().additional_version_weights("4", 0.1);
        let found = GetAliasOutput::builder()
            .function_version("3")
            .routing_config(weights.build())
            .revision_id("r1")
            .description("hot fix")
            .build();
        let expected = Alias {
            routing: Routing {
                version: "3".to_owned(),
                weights: BTreeMap::from([("4".to_owned(), 0.1)]),
            },
            revision: "r1".to_owned(),
            description: Some("hot fix".to_owned()),
        };
        assert_eq!(read(found), expected);
    }

    #[test]
    fn a_qualifier_is_taken_off_an_arn() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop-api";
        assert_eq!(unqualified(&format!("{arn}:live")), arn);
        assert_eq!(unqualified(arn), arn);
    }

    #[test]
    fn code_whose_digest_cannot_be_read_is_told_with_its_function() {
        let found = GetFunctionConfigurationOutput::builder()
            .function_name("shop-api")
            .code_sha256("?")
            .build();
        let fault = current(&found).unwrap_err().to_string();
        assert!(
            fault.contains("shop-api") && fault.contains("found `?`"),
            "{fault}"
        );
    }

    #[test]
    fn a_configuration_is_read_whole_and_variables_that_lambda_cannot_decrypt_are_unknown() {
        let whole = GetFunctionConfigurationOutput::builder()
            .memory_size(256)
            .timeout(30)
            .role("arn:role")
            .dead_letter_config(DeadLetterConfig::builder().target_arn("arn:queue").build())
            .layers(Layer::builder().arn("arn:layer:1").build())
            .environment(
                EnvironmentResponse::builder()
                    .variables("TABLE", "orders")
                    .build(),
            );
        let expected = FunctionConfiguration {
            environment: Some([("TABLE".to_owned(), "orders".to_owned())].into()),
            memory_mb: Some(256),
            timeout_seconds: Some(30),
            layers: vec!["arn:layer:1".to_owned()],
            role: Some("arn:role".to_owned()),
            dead_letters: Some("arn:queue".to_owned()),
        };
        assert_eq!(configuration(&whole.clone().build()), expected);
        let denied = EnvironmentError::builder().error_code("AccessDenied");
        let environment = EnvironmentResponse::builder().error(denied.build()).build();
        let unread = configuration(&whole.environment(environment).build());
        assert_eq!(unread.environment, None);
        let bare = configuration(&GetFunctionConfigurationOutput::builder().build());
        assert_eq!(bare.environment, Some(BTreeMap::new()));
    }
}
