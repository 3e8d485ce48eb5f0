//! `sluice doctor`: looks at everything that a release needs, and says how to
//! mend what is wrong. It changes nothing.

use aws_config::SdkConfig;
use aws_sdk_lambda::types::InvocationType;
use sluice_domain::document::Document as _;
use sluice_domain::settings::Settings;
use sluice_platform::fault::Fault;
use sluice_platform::settings::parameter;

use crate::context::Global;
use crate::error::{Error, Exit, Result};
use crate::paint::Output;
use crate::parameters;
use crate::reader::Reader;
use crate::resources::Resources;
use crate::settings_check::{Finding, check, gather, has_problem};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this application's settings
    application: Option<String>,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let config = sluice_platform::aws::config().await;
        let mut findings = vec![credentials(&config).await];
        if !has_problem(&findings) {
            match Resources::load(&config, &global.stack).await {
                Ok(resources) => findings.extend(stack(&config, &resources).await),
                Err(error) => findings.push(stackless(&global.stack, &error)),
            }
            findings.extend(settings(&config, self.application.as_deref()).await);
        }
        output.answer(&findings, |style| {
            findings
                .iter()
                .flat_map(|finding| finding.lines(style))
                .collect()
        })?;
        Ok(if has_problem(&findings) {
            Exit::Failed
        } else {
            Exit::Ok
        })
    }
}

async fn credentials(config: &SdkConfig) -> Finding {
    if config.region().is_none() {
        return Finding::problem(
            "region",
            "none is set",
            "set AWS_REGION, or a region in your profile",
        );
    }
    match aws_sdk_sts::Client::new(config)
        .get_caller_identity()
        .send()
        .await
    {
        Ok(identity) => Finding::ok("credentials", identity.arn.unwrap_or_default()),
        Err(error) => {
            let fault = Fault::new("sts:GetCallerIdentity", error);
            Finding::problem(
                "credentials",
                fault.message,
                "sign in with `aws sso login`, or set AWS_PROFILE or AWS_ACCESS_KEY_ID",
            )
        }
    }
}

fn stackless(name: &str, error: &Error) -> Finding {
    let mend = match error {
        Error::NoStack { .. } => {
            "deploy it with `make deploy`, or name yours with --stack or SLUICE_STACK"
        }
        _ => "allow cloudformation:DescribeStacks",
    };
    Finding::problem(format!("stack {name}"), error.to_string(), mend)
}

async fn stack(config: &SdkConfig, resources: &Resources) -> Vec<Finding> {
    let subject = format!("stack {}", resources.stack());
    let missing = resources.missing();
    if !missing.is_empty() {
        let message = format!("lacks the outputs {}", missing.join(", "));
        return vec![Finding::problem(
            subject,
            message,
            "it is older than this command: deploy it again with `make deploy`",
        )];
    }
    let mut findings = vec![Finding::ok(subject, "has all outputs")];
    let checks = [
        bucket(config, resources).await,
        intake(config, resources).await,
        topic(config, resources).await,
    ];
    findings.extend(
        checks
            .into_iter()
            .map(|check| check.unwrap_or_else(|error| output_error(&error))),
    );
    findings.extend(
        tables(config, resources)
            .await
            .unwrap_or_else(|error| vec![output_error(&error)]),
    );
    findings.extend(
        machines(config, resources)
            .await
            .unwrap_or_else(|error| vec![output_error(&error)]),
    );
    findings.push(desk(resources).unwrap_or_else(|error| output_error(&error)));
    findings
}

fn output_error(error: &Error) -> Finding {
    Finding::problem(
        "stack",
        error.to_string(),
        "deploy it again with `make deploy`",
    )
}

/// A finding from an AWS call that must succeed.
fn allowed<T>(
    subject: &str,
    said: impl Into<String>,
    answer: Result<T, Fault>,
    permission: &str,
) -> Finding {
    match answer {
        Ok(_) => Finding::ok(subject, said),
        Err(fault) => Finding::problem(
            subject,
            fault.to_string(),
            format!("allow {permission}, or deploy the stack again"),
        ),
    }
}

async fn bucket(config: &SdkConfig, resources: &Resources) -> Result<Finding> {
    let name = resources.artifacts_bucket()?;
    let subject = format!("bucket {name}");
    let client = aws_sdk_s3::Client::new(config);
    let versioning = match client.get_bucket_versioning().bucket(name).send().await {
        Ok(versioning) => versioning,
        Err(error) => {
            let fault = Fault::new("s3:GetBucketVersioning", error);
            return Ok(allowed::<()>(
                &subject,
                "",
                Err(fault),
                "s3:GetBucketVersioning and s3:PutObject",
            ));
        }
    };
    if versioning.status() != Some(&aws_sdk_s3::types::BucketVersioningStatus::Enabled) {
        return Ok(Finding::problem(
            subject,
            "is not versioned: a bundle could change after its approval",
            "deploy the stack again",
        ));
    }
    let events = client
        .get_bucket_notification_configuration()
        .bucket(name)
        .send()
        .await;
    Ok(match events {
        Ok(events) if events.event_bridge_configuration().is_none() => Finding::problem(
            subject,
            "sends no events to EventBridge: an upload starts nothing",
            "deploy the stack again",
        ),
        Ok(_) => Finding::ok(subject, "is versioned and sends events"),
        Err(error) => {
            let fault = Fault::new("s3:GetBucketNotification", error);
            Finding::note(
                subject,
                format!(
                    "is versioned; its events can't be looked at: {}",
                    fault.message
                ),
                "allow s3:GetBucketNotification to check it",
            )
        }
    })
}

async fn intake(config: &SdkConfig, resources: &Resources) -> Result<Finding> {
    let function = resources.intake_function()?;
    let client = aws_sdk_lambda::Client::new(config);
    // A dry run checks the permission and runs nothing.
    let answer = client
        .invoke()
        .function_name(function)
        .invocation_type(InvocationType::DryRun)
        .send()
        .await;
    let answer = answer.map_err(|error| Fault::new(format!("lambda:Invoke of {function}"), error));
    Ok(allowed(
        "intake",
        "may be asked for new attempts and rollbacks",
        answer,
        "lambda:InvokeFunction on it",
    ))
}

async fn topic(config: &SdkConfig, resources: &Resources) -> Result<Finding> {
    let arn = resources.topic_arn()?;
    let answer = aws_sdk_sns::Client::new(config)
        .get_topic_attributes()
        .topic_arn(arn)
        .send()
        .await;
    Ok(match answer {
        Ok(found) => {
            let count = |name: &str| {
                found
                    .attributes()
                    .and_then(|all| all.get(name)?.parse::<u64>().ok())
                    .unwrap_or_default()
            };
            let (confirmed, pending) = (
                count("SubscriptionsConfirmed"),
                count("SubscriptionsPending"),
            );
            let message = format!("{confirmed} subscribed, {pending} not confirmed");
            if confirmed == 0 {
                let mend = "nobody is told of requests and failures: subscribe people or a chat, and confirm";
                Finding::note("topic", message, mend)
            } else {
                Finding::ok("topic", message)
            }
        }
        Err(error) => {
            let fault = Fault::new("sns:GetTopicAttributes", error);
            Finding::note(
                "topic",
                fault.to_string(),
                "allow sns:GetTopicAttributes to check it",
            )
        }
    })
}

async fn tables(config: &SdkConfig, resources: &Resources) -> Result<Vec<Finding>> {
    let reader = Reader::new(config, resources)?;
    let state = reader.store.open_promotions().await;
    let ledger = reader
        .ledger
        .entries(crate::ledger::UNKNOWN_RELEASE, 0)
        .await;
    let permission = "dynamodb:Query and dynamodb:GetItem on it";
    let state = state.map_err(|error| Fault::other("reading the state table", error));
    Ok(vec![
        allowed("state table", "can be read", state, permission),
        allowed("ledger", "can be read", ledger, permission),
    ])
}

async fn machines(config: &SdkConfig, resources: &Resources) -> Result<Vec<Finding>> {
    let executions = crate::execution::Executions::new(config);
    let machines = [
        ("release", resources.release_machine()?),
        ("promote", resources.promote_machine()?),
        ("rollout", resources.rollout_machine()?),
    ];
    let mut findings = Vec::new();
    for (name, arn) in machines {
        let answer = executions.functions(arn).await;
        let permission = "states:DescribeStateMachine, states:DescribeExecution, states:GetExecutionHistory and states:StopExecution";
        findings.push(allowed(
            &format!("state machine {name}"),
            "can be read",
            answer,
            permission,
        ));
    }
    Ok(findings)
}

/// Any answer will do: the desk tells strangers nothing.
fn desk(resources: &Resources) -> Result<Finding> {
    let stored = resources.desk_url()?;
    let url = std::env::var("SLUICE_DESK_URL")
        .ok()
        .filter(|url| !url.is_empty())
        .unwrap_or_else(|| stored.to_owned());
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(std::time::Duration::from_secs(10)))
        .http_status_as_error(false)
        .build()
        .into();
    Ok(match agent.get(&url).call() {
        Ok(answer) if answer.status().as_u16() < 500 => Finding::ok("desk", url),
        Ok(answer) => Finding::problem(
            "desk",
            format!("{url} answers HTTP {}", answer.status().as_u16()),
            "look at the desk function's log",
        ),
        Err(error) => {
            let mend = "check the way to it, or say where it answers with SLUICE_DESK_URL";
            Finding::problem("desk", format!("{url} can't be reached: {error}"), mend)
        }
    })
}

async fn settings(config: &SdkConfig, application: Option<&str>) -> Vec<Finding> {
    let stored = match parameters::list(config, application).await {
        Ok(stored) => stored,
        Err(error) => {
            return vec![Finding::problem(
                "settings",
                error.to_string(),
                "allow ssm:GetParametersByPath on /sluice",
            )];
        }
    };
    if stored.is_empty() {
        return vec![Finding::note(
            "settings",
            "no environment has any",
            "write them with `sluice env put`",
        )];
    }
    let mut findings = Vec::new();
    for stored in stored {
        let name = parameter(&stored.application, &stored.environment);
        match Settings::parse(&name, stored.text.as_bytes()) {
            Ok(settings) => {
                findings.push(Finding::ok(&name, "the document is valid"));
                let found = check(&settings, &gather(config, &settings).await);
                findings.extend(found.into_iter().map(|finding| Finding {
                    subject: format!("{name} {}", finding.subject),
                    ..finding
                }));
            }
            Err(error) => findings.push(Finding::problem(
                &name,
                error.to_string(),
                "write it again with `sluice env put`",
            )),
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings_check::Level;

    #[test]
    fn a_missing_stack_and_a_missing_permission_are_mended_differently() {
        let absent = stackless(
            "sluice",
            &Error::NoStack {
                stack: "sluice".into(),
            },
        );
        assert!(absent.mend.contains("make deploy"), "{absent:?}");
        let denied = stackless(
            "sluice",
            &Error::Fault(Fault::other(
                "cloudformation:DescribeStacks",
                "AccessDenied",
            )),
        );
        assert!(
            denied.mend.contains("allow cloudformation:DescribeStacks"),
            "{denied:?}"
        );
    }

    #[test]
    fn a_failed_call_names_the_permission_that_it_needs() {
        let finding = allowed::<()>(
            "ledger",
            "",
            Err(Fault::other("dynamodb:Query", "AccessDenied")),
            "dynamodb:Query",
        );
        assert_eq!(
            (finding.level, finding.mend.as_str()),
            (
                Level::Problem,
                "allow dynamodb:Query, or deploy the stack again"
            )
        );
    }
}
