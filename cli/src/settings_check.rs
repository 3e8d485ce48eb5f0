//! Checks an environment's settings against what is there: functions, aliases,
//! deployment groups, topics, secrets of one-time codes.
//!
//! The facts are gathered first and judged apart, so that the judging is pure.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use sluice_domain::settings::{Settings, Target};
use sluice_evidence::Key;
use sluice_platform::aws::PerAccount;
use sluice_platform::fault::Fault;

use crate::deployment_groups::{self, Group};
use crate::elsewhere::{self, Elsewhere};
use crate::finding::Finding;
use crate::topics::{Topic, topics};

/// Whether something is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There {
    /// It is.
    Yes,
    /// It isn't.
    No,
    /// That could not be read, for this reason.
    Unknown(String),
}

/// What was found of the things that settings name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Per function of the settings: the function, and its alias.
    pub functions: BTreeMap<String, (Option<There>, Option<There>)>,
    /// CodeDeploy's deployment groups, by function.
    pub groups: BTreeMap<String, Group>,
    /// Where its functions are, if that is elsewhere.
    pub elsewhere: Elsewhere,
    /// The topics that are named, by ARN.
    pub topics: BTreeMap<String, There>,
    /// Secrets of one-time codes, by parameter name; whether they are SecureStrings.
    pub codes: BTreeMap<String, Result<Option<bool>, String>>,
}

/// Judges settings by the facts.
#[must_use]
pub fn check(settings: &Settings, facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = settings
        .functions
        .iter()
        .map(|(name, target)| check_function(name, target, facts.functions.get(name)))
        .collect();
    findings.extend(elsewhere::finding(settings, &facts.elsewhere));
    findings.extend(deployment_groups::findings(settings, &facts.groups));
    findings.extend(check_keys(settings));
    let looked_at =
        topics(settings).filter_map(|topic| Some(check_topic(topic, facts.topics.get(topic.arn)?)));
    findings.extend(looked_at);
    for approver in settings
        .approval
        .iter()
        .flat_map(|approval| &approval.approvers)
    {
        let Some(parameter) = &approver.totp_parameter else {
            continue;
        };
        let subject = format!("one-time codes of {}", approver.name);
        findings.push(check_code(subject, parameter, facts.codes.get(parameter)));
    }
    if settings.judge.period_seconds < 60 {
        let message = format!(
            "the period is {} s; AWS's own Lambda metrics have 60 s",
            settings.judge.period_seconds
        );
        findings.push(Finding::note(
            "judge.period_seconds",
            message,
            "set 60 or a multiple unless something else writes finer metrics",
        ));
    }
    findings
}

/// A trusted key that is none ends every release: only who reads keys can tell.
fn check_keys(settings: &Settings) -> impl Iterator<Item = Finding> {
    let keys = settings.evidence.provenance.keys.iter().enumerate();
    keys.filter_map(|(index, key)| {
        let error = Key::from_pem(&key.name, key.pem.as_ref()?).err()?;
        Some(Finding::problem(
            format!("evidence.provenance.keys[{index}].pem"),
            error.to_string(),
            "write the public key as `openssl pkey -pubout` or `cosign public-key` prints it",
        ))
    })
}

/// Judges the place of an environment among the others of its application.
#[must_use]
pub fn check_order<'a>(
    settings: &Settings,
    others: impl IntoIterator<Item = (&'a str, &'a Settings)>,
) -> Vec<Finding> {
    others
        .into_iter()
        .filter(|(_, other)| on_path(other) && on_path(settings) && other.order == settings.order)
        .map(|(name, _)| {
            Finding::problem(
                "order",
                format!("found {}, which {name} has too", settings.order),
                "give each environment of an application a place of its own",
            )
        })
        .collect()
}

fn on_path(settings: &Settings) -> bool {
    settings.preview_of.is_none()
}

fn check_function(
    name: &str,
    target: &Target,
    facts: Option<&(Option<There>, Option<There>)>,
) -> Finding {
    let subject = format!("functions.{name}");
    let Target {
        name: function,
        alias,
        ..
    } = target;
    let unreadable = |why: &str| {
        Finding::note(
            &subject,
            format!("{function} can't be looked at: {why}"),
            "allow lambda:GetFunctionConfiguration and lambda:GetAlias to check it",
        )
    };
    match facts {
        Some((Some(There::No), _)) => Finding::problem(
            &subject,
            format!("there is no function {function}"),
            "create it with your own deployment: Sluice releases versions, it doesn't create functions",
        ),
        Some((Some(There::Yes), Some(There::Yes))) => {
            Finding::ok(&subject, format!("{function}, alias {alias}"))
        }
        Some((Some(There::Yes), Some(There::No))) => Finding::note(
            &subject,
            format!("{function} has no alias {alias}"),
            "the first release creates it, at once and without a way back; callers must use the alias",
        ),
        Some((Some(There::Unknown(why)), _) | (_, Some(There::Unknown(why)))) => unreadable(why),
        _ => unreadable("it was not looked at"),
    }
}

fn check_topic(topic: Topic<'_>, fact: &There) -> Finding {
    let Topic {
        field,
        arn,
        instead,
    } = topic;
    match fact {
        There::Yes => Finding::ok(field, arn),
        There::No => Finding::problem(
            field,
            format!("there is no topic {arn}"),
            format!("create it, or leave the field out to use {instead}"),
        ),
        There::Unknown(why) => Finding::note(
            field,
            format!("{arn} can't be looked at: {why}"),
            "allow sns:GetTopicAttributes to check it",
        ),
    }
}

fn check_code(
    subject: String,
    parameter: &str,
    fact: Option<&Result<Option<bool>, String>>,
) -> Finding {
    let write = format!("make one with `sluice env enroll {parameter}`");
    match fact {
        Some(Ok(Some(true))) => Finding::ok(subject, parameter),
        Some(Ok(Some(false))) => Finding::problem(
            subject,
            format!("{parameter} is no SecureString"),
            format!("delete it and {write}"),
        ),
        Some(Ok(None)) => {
            Finding::problem(subject, format!("there is no parameter {parameter}"), write)
        }
        Some(Err(why)) => Finding::note(
            subject,
            format!("{parameter} can't be looked at: {why}"),
            "allow ssm:GetParameters to check it",
        ),
        None => Finding::note(subject, format!("{parameter} was not looked at"), ""),
    }
}

/// Looks at what the settings name. Codes are never decrypted.
pub async fn gather(config: &SdkConfig, settings: &Settings) -> Facts {
    let lambda = PerAccount::new(config, aws_sdk_lambda::Client::new)
        .of(settings.role.as_ref(), "sluice-env-check")
        .await;
    let mut facts = Facts {
        groups: deployment_groups::gather(config, settings).await,
        elsewhere: elsewhere::gather(config, settings).await,
        ..Facts::default()
    };
    for (name, target) in &settings.functions {
        facts
            .functions
            .insert(name.clone(), look_at(&lambda, target).await);
    }
    let sns = aws_sdk_sns::Client::new(config);
    for topic in topics(settings) {
        let there = look_at_topic(&sns, topic.arn).await;
        facts.topics.insert(topic.arn.to_owned(), there);
    }
    let ssm = aws_sdk_ssm::Client::new(config);
    for approver in settings
        .approval
        .iter()
        .flat_map(|approval| &approval.approvers)
    {
        let Some(parameter) = &approver.totp_parameter else {
            continue;
        };
        let answer = ssm
            .get_parameters()
            .names(parameter)
            .with_decryption(false)
            .send()
            .await;
        let fact = match answer {
            Ok(found) => Ok(found.parameters().first().map(|found| {
                found.r#type() == Some(&aws_sdk_ssm::types::ParameterType::SecureString)
            })),
            Err(error) => Err(Fault::new("ssm:GetParameters", error).message),
        };
        facts.codes.insert(parameter.clone(), fact);
    }
    facts
}

async fn look_at_topic(sns: &aws_sdk_sns::Client, arn: &str) -> There {
    let answer = sns.get_topic_attributes().topic_arn(arn).send().await;
    there_or(
        answer.map_err(|error| Fault::new("sns:GetTopicAttributes", error)),
        &["NotFound", "NotFoundException"],
    )
}

async fn look_at(
    lambda: &aws_sdk_lambda::Client,
    target: &Target,
) -> (Option<There>, Option<There>) {
    const ABSENT: [&str; 1] = ["ResourceNotFoundException"];
    let function = lambda
        .get_function_configuration()
        .function_name(&target.name)
        .send()
        .await;
    let function = there_or(
        function.map_err(|error| Fault::new("lambda:GetFunctionConfiguration", error)),
        &ABSENT,
    );
    if function != There::Yes {
        return (Some(function), None);
    }
    let alias = lambda
        .get_alias()
        .function_name(&target.name)
        .name(&target.alias)
        .send()
        .await;
    let alias = there_or(
        alias.map_err(|error| Fault::new("lambda:GetAlias", error)),
        &ABSENT,
    );
    (Some(function), Some(alias))
}

fn there_or<T>(answer: Result<T, Fault>, absent: &[&str]) -> There {
    match answer {
        Ok(_) => There::Yes,
        Err(fault) if absent.iter().any(|code| fault.is(code)) => There::No,
        Err(fault) => There::Unknown(fault.message),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_domain::document::Document as _;
    use sluice_domain::evidence::TrustedKey;

    use super::*;
    use crate::finding::{Level, has_problem};

    fn settings(period: u64) -> Settings {
        let document = json!({
            "schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}}, "judge": {"period_seconds": period},
            "steps": [{"weight": 100, "bake_seconds": 0}], "channels": {"topic_arn": "arn:topic"},
            "approval": {"approvers": [{"name": "ada", "email": "ada@example.com", "totp_parameter": "/codes/ada"}]},
        });
        Settings::parse("/sluice/shop/prod", document.to_string().as_bytes()).expect("valid")
    }

    fn facts(function: There, alias: Option<There>, topic: There, code: Option<bool>) -> Facts {
        Facts {
            functions: BTreeMap::from([("api".to_owned(), (Some(function), alias))]),
            groups: BTreeMap::new(),
            elsewhere: Elsewhere::default(),
            topics: BTreeMap::from([("arn:topic".to_owned(), topic)]),
            codes: BTreeMap::from([("/codes/ada".to_owned(), Ok(code))]),
        }
    }

    fn levels(period: u64, facts: &Facts) -> Vec<Level> {
        check(&settings(period), facts)
            .iter()
            .map(|finding| finding.level)
            .collect()
    }

    #[test]
    fn settings_that_name_what_is_there_have_no_problem() {
        let facts = facts(There::Yes, Some(There::Yes), There::Yes, Some(true));
        assert_eq!(levels(60, &facts), [Level::Ok; 3]);
    }

    #[test]
    fn a_missing_function_topic_or_code_is_a_problem_that_says_how_to_mend_it() {
        let facts = facts(There::No, None, There::No, None);
        let findings = check(&settings(60), &facts);
        assert!(
            findings
                .iter()
                .all(|finding| finding.level == Level::Problem && !finding.mend.is_empty()),
            "{findings:?}"
        );
        assert!(has_problem(&findings));
        assert!(
            findings[2].mend.contains("sluice env enroll /codes/ada"),
            "{findings:?}"
        );
    }

    #[test]
    fn a_missing_topic_of_the_escalation_is_a_problem_and_the_environments_is_used_instead() {
        let mut settings = settings(60);
        let escalation = json!({"after_seconds": 60, "topic_arn": "arn:second"});
        let approval = settings.approval.as_mut().expect("an approval");
        approval.escalation = serde_json::from_value(escalation).expect("an escalation");
        let mut facts = facts(There::Yes, Some(There::Yes), There::Yes, Some(true));
        facts.topics.insert("arn:second".to_owned(), There::No);
        let findings = check(&settings, &facts);
        let second = &findings[2];
        assert_eq!(
            (second.level, second.subject.as_str()),
            (Level::Problem, "approval.escalation.topic_arn")
        );
        assert_eq!(second.message, "there is no topic arn:second");
        assert!(second.mend.ends_with("use the environment's"), "{second:?}");
        let problems = findings
            .iter()
            .filter(|finding| finding.level == Level::Problem);
        assert_eq!(problems.count(), 1);
    }

    #[test]
    fn a_missing_alias_is_a_first_deployment_and_only_noted() {
        let facts = facts(There::Yes, Some(There::No), There::Yes, Some(true));
        assert_eq!(levels(60, &facts), [Level::Note, Level::Ok, Level::Ok]);
    }

    #[test]
    fn a_code_in_plain_text_is_a_problem() {
        let facts = facts(There::Yes, Some(There::Yes), There::Yes, Some(false));
        assert_eq!(levels(60, &facts), [Level::Ok, Level::Ok, Level::Problem]);
    }

    #[test]
    fn what_may_not_be_read_is_noted_and_no_problem() {
        let denied = || There::Unknown("AccessDenied".into());
        let facts = facts(denied(), None, denied(), Some(true));
        assert_eq!(levels(60, &facts), [Level::Note, Level::Note, Level::Ok]);
    }

    #[test]
    fn a_period_finer_than_awss_own_metrics_is_noted() {
        let facts = facts(There::Yes, Some(There::Yes), There::Yes, Some(true));
        let findings = check(&settings(5), &facts);
        let last = findings.last().expect("a finding");
        assert_eq!(
            (last.level, last.subject.as_str()),
            (Level::Note, "judge.period_seconds")
        );
    }

    #[test]
    fn a_key_that_is_none_is_a_problem() {
        let of = |pem: &str| {
            let mut settings = settings(60);
            settings.evidence.provenance.keys = vec![TrustedKey {
                name: "ci".to_owned(),
                pem: Some(pem.to_owned()),
                kms: None,
            }];
            check_keys(&settings).collect::<Vec<_>>()
        };
        let found = of("junk");
        assert!(has_problem(&found));
        assert_eq!(found[0].subject, "evidence.provenance.keys[0].pem");
        assert!(found[0].message.contains("the key `ci`"), "{found:?}");
        // The public key of RFC 8410, section 10.1.
        let real = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        assert_eq!(of(real), []);
    }

    #[test]
    fn two_environments_in_one_place_are_a_problem_that_names_the_other() {
        let [prod, dev, mut late] = [60; 3].map(settings);
        late.order = 2;
        assert_eq!(check_order(&prod, [("late", &late)]), []);
        let findings = check_order(&prod, [("late", &late), ("dev", &dev)]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].message, "found 1, which dev has too");
    }
}
