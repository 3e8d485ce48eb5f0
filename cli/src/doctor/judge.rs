//! Makes findings of facts. Nothing here asks anybody.

use sluice_domain::settings::Settings;
use sluice_domain::versions::CodeStorage;
use sluice_platform::fault::Fault;
use sluice_platform::settings::parameter;

use super::{Area, Bucket, Desk, Environment, Identity, Stack, Subscriptions, Tried};
use crate::aliases;
use crate::error::{Error, is_denial};
use crate::finding::Finding;
use crate::managed::Managed;
use crate::settings_check::{Facts, check, check_order};

/// Whether there is somebody to ask as.
#[must_use]
pub fn identity(identity: &Identity) -> Finding {
    match &identity.caller {
        None => Finding::problem(
            "region",
            "none is set",
            "set AWS_REGION, or a region in your profile",
        ),
        Some(Ok(arn)) => {
            let region = identity.region.as_deref().unwrap_or_default();
            Finding::ok("credentials", format!("{arn} in {region}"))
        }
        Some(Err(fault)) => Finding::problem(
            "credentials",
            &fault.message,
            "sign in with `aws sso login`, or set AWS_PROFILE or AWS_ACCESS_KEY_ID",
        ),
    }
}

/// A stack that can't be read.
#[must_use]
pub fn no_stack(name: &str, error: &Error) -> Finding {
    let mend = match error {
        Error::NoStack { .. } => {
            "deploy it with `make deploy`, or name yours with --stack or SLUICE_STACK"
        }
        Error::Fault(fault) if is_denial(fault) => "allow cloudformation:DescribeStacks",
        _ => "if the message does not say what to do, deploy it again with `make deploy`",
    };
    Finding::problem(format!("stack {name}"), error.to_string(), mend)
}

/// Whether the stack has every output that the command needs.
#[must_use]
pub fn outputs(name: &str, missing: &[&str]) -> Finding {
    let subject = format!("stack {name}");
    if missing.is_empty() {
        return Finding::ok(subject, "has all outputs");
    }
    Finding::problem(
        subject,
        format!("lacks the outputs {}", missing.join(", ")),
        "it is older than this command: deploy it again with `make deploy`",
    )
}

/// How the stack stands.
#[must_use]
pub fn stack(stack: &Stack) -> Vec<Finding> {
    let mut findings = bucket(&stack.bucket);
    findings.extend(stack.areas.iter().flat_map(area));
    findings.push(topic(&stack.topic));
    findings.push(desk(&stack.desk));
    findings.push(code(&stack.code));
    findings
}

/// Whether there is room for new versions.
fn code(found: &Result<CodeStorage, Fault>) -> Finding {
    const SUBJECT: &str = "Lambda code";
    let storage = match found {
        Ok(storage) => storage,
        Err(fault) => {
            let message = format!("can't be looked at: {fault}");
            return Finding::note(
                SUBJECT,
                message,
                "allow lambda:GetAccountSettings to check it",
            );
        }
    };
    let gigabytes = |bytes: i64| bytes as f64 / f64::from(1 << 30);
    let (used, limit) = (gigabytes(storage.used), gigabytes(storage.limit));
    let message = format!("takes {used:.1} of the {limit:.0} GB that this account may have");
    if !storage.is_crowded() {
        return Finding::ok(SUBJECT, message);
    }
    let mend = "delete versions that Sluice did not publish (of its own, releases keep only the newest two now unless `keep_versions` is null), or ask AWS for more";
    Finding::problem(SUBJECT, message, mend)
}

fn bucket(bucket: &Bucket) -> Vec<Finding> {
    let subject = format!("bucket {}", bucket.name);
    let look = |answer: &Result<bool, Fault>, good, bad, permission| match answer {
        Ok(true) => Finding::ok(&subject, good),
        Ok(false) => Finding::problem(&subject, bad, "deploy the stack again with `make deploy`"),
        Err(fault) => Finding::note(
            &subject,
            format!("can't be looked at: {fault}"),
            format!("allow {permission} to check it"),
        ),
    };
    vec![
        look(
            &bucket.keeps_versions,
            "keeps versions",
            "is not versioned: a bundle could change after its approval",
            "s3:GetBucketVersioning",
        ),
        look(
            &bucket.sends_events,
            "sends events",
            "sends no events to EventBridge: an upload starts nothing",
            "s3:GetBucketNotification",
        ),
    ]
}

fn area(area: &Area) -> Vec<Finding> {
    let failed = |tried: &Tried| {
        let fault = tried.answer.as_ref().err()?;
        Some(failed(&area.subject, tried, fault))
    };
    let findings: Vec<Finding> = area.tried.iter().filter_map(failed).collect();
    if findings.is_empty() {
        vec![Finding::ok(&area.subject, area.works)]
    } else {
        findings
    }
}

fn failed(subject: &str, tried: &Tried, fault: &Fault) -> Finding {
    let lost = tried.loses.map(|loses| format!("{loses}: "));
    let message = format!("{}{fault}", lost.unwrap_or_default());
    let mend = if fault.is("KmsAccessDeniedException") {
        "allow kms:Decrypt on the stack's key".to_owned()
    } else if is_denial(fault) {
        format!("allow {} on {}", tried.permission, tried.resource)
    } else if fault.is_throttling() {
        "run `sluice doctor` again in a minute".to_owned()
    } else {
        "if something is not there, deploy the stack again with `make deploy`".to_owned()
    };
    match tried.loses {
        None => Finding::problem(subject, message, mend),
        Some(_) => Finding::note(subject, message, mend),
    }
}

fn topic(topic: &Result<Subscriptions, Fault>) -> Finding {
    match topic {
        Ok(Subscriptions { confirmed, pending }) => {
            let message = format!("{confirmed} subscribed, {pending} not confirmed");
            if *confirmed > 0 {
                return Finding::ok("topic", message);
            }
            let mend =
                "nobody is told of requests and failures: subscribe people or a chat, and confirm";
            Finding::note("topic", message, mend)
        }
        Err(fault) => Finding::note(
            "topic",
            fault.to_string(),
            "allow sns:GetTopicAttributes to check it",
        ),
    }
}

fn desk(desk: &Desk) -> Finding {
    let url = &desk.url;
    match &desk.answer {
        Ok(status) if *status < 500 => Finding::ok("desk", url),
        Ok(status) => Finding::problem(
            "desk",
            format!("{url} answers HTTP {status}"),
            "look at the desk function's log",
        ),
        Err(error) => Finding::problem(
            "desk",
            format!("{url} can't be reached: {error}"),
            "check the way to it, or say where it answers with SLUICE_DESK_URL",
        ),
    }
}

/// Settings that can't be read.
#[must_use]
pub fn no_settings(error: &Error) -> Finding {
    Finding::problem(
        "settings",
        error.to_string(),
        "allow ssm:GetParametersByPath on /sluice",
    )
}

/// All settings: each document, its place, what it names, and whether the stack
/// may touch that. Without a stack the last is left out.
#[must_use]
pub fn environments(found: &[Environment], managed: Option<&Managed>) -> Vec<Finding> {
    if found.is_empty() {
        let mend = "write them with `sluice env put`";
        return vec![Finding::note("settings", "no environment has any", mend)];
    }
    found
        .iter()
        .flat_map(|environment| {
            let name = parameter(&environment.application, &environment.name);
            match &environment.settings {
                Ok((settings, facts)) => {
                    let others = others(found, environment);
                    let named = self::settings(settings, facts, others, managed);
                    let aliases = aliases::findings(settings, &environment.aliases);
                    let mut findings = vec![Finding::ok(&name, "the document is valid")];
                    let named = named.into_iter().chain(aliases);
                    findings.extend(named.map(|finding| finding.under(&name)));
                    findings
                }
                Err(invalid) => vec![Finding::problem(
                    &name,
                    invalid.to_string(),
                    "write it again with `sluice env put`",
                )],
            }
        })
        .collect()
}

fn others<'a>(found: &'a [Environment], own: &Environment) -> Vec<(&'a str, &'a Settings)> {
    let is_other =
        |other: &&Environment| other.application == own.application && other.name != own.name;
    let valid = |other: &'a Environment| {
        let (settings, _) = other.settings.as_ref().ok()?;
        Some((other.name.as_str(), settings))
    };
    found.iter().filter(is_other).filter_map(valid).collect()
}

/// One environment's settings, against the others', what is there, and what the
/// stack lets Sluice touch.
#[must_use]
pub fn settings<'a>(
    settings: &Settings,
    facts: &Facts,
    others: impl IntoIterator<Item = (&'a str, &'a Settings)>,
    managed: Option<&Managed>,
) -> Vec<Finding> {
    let mut findings = check_order(settings, others);
    findings.extend(check(settings, facts));
    findings.extend(managed.iter().flat_map(|managed| managed.check(settings)));
    findings
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
