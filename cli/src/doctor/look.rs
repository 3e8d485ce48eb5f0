//! Asks AWS how things stand. Nothing here changes anything, and nothing is
//! judged.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_s3::types::BucketVersioningStatus;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use semver::Version;
use sluice_domain::digest::Digest;
use sluice_domain::document::Document as _;
use sluice_domain::naming::execution_arn;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Settings;
use sluice_platform::fault::Fault;
use sluice_platform::function;
use sluice_platform::settings::parameter;
use sluice_platform::store::{Store, StoreError};

use super::{Area, Bucket, Desk, Environment, Identity, Stack, Subscriptions, Tried};
use crate::aliases;
use crate::error::Result;
use crate::execution::Executions;
use crate::ledger::UNKNOWN_RELEASE;
use crate::parameters;
use crate::reader::Reader;
use crate::resources::Resources;
use crate::settings_check::gather;

/// No application is called this: their names start with a letter.
const NOBODY: &str = "-";
/// No execution and no object is called this: their names have a version in them.
const DOCTOR: &str = "sluice-doctor";

/// Asks who asks.
pub async fn identity(config: &SdkConfig) -> Identity {
    let region = config.region().map(ToString::to_string);
    let caller = match region {
        None => None,
        Some(_) => {
            let client = aws_sdk_sts::Client::new(config);
            let answer = client.get_caller_identity().send().await;
            Some(
                answer
                    .map(|identity| identity.arn.unwrap_or_default())
                    .map_err(|error| Fault::new("sts:GetCallerIdentity", error)),
            )
        }
    };
    Identity { region, caller }
}

/// Looks at a stack that has all outputs.
///
/// # Errors
/// When it lacks one all the same.
pub async fn stack(config: &SdkConfig, resources: &Resources) -> Result<Stack> {
    let s3 = aws_sdk_s3::Client::new(config);
    let bucket = resources.artifacts_bucket()?;
    let reader = Reader::new(config, resources)?;
    let areas = vec![
        uploads(&s3, bucket).await,
        asked(
            config,
            Asked {
                name: "intake",
                function: resources.intake_function()?,
                works: "may be asked for new attempts and rollbacks",
                loses: "`sluice rollback` and `sluice release --again` fail",
            },
        )
        .await,
        asked(
            config,
            Asked {
                name: "control",
                function: resources.control_function()?,
                works: "may be asked to pause, resume and hurry promotions",
                loses: "`sluice pause`, `resume`, `promote-now`, `skip-bake` and `emergency` fail",
            },
        )
        .await,
        state_table(&reader, resources.state_table()?).await,
        ledger(&reader, resources.ledger_table()?).await,
        machine(&reader.executions, "release", resources.release_machine()?).await,
        machine(&reader.executions, "promote", resources.promote_machine()?).await,
        machine(&reader.executions, "rollout", resources.rollout_machine()?).await,
    ];
    Ok(Stack {
        bucket: set_up(&s3, bucket).await,
        topic: topic(config, resources.topic_arn()?).await,
        desk: desk(resources.desk_url()?),
        code: function::code_storage(&aws_sdk_lambda::Client::new(config)).await,
        areas,
    })
}

async fn set_up(client: &aws_sdk_s3::Client, name: &str) -> Bucket {
    let versioning = client.get_bucket_versioning().bucket(name).send().await;
    let events = client
        .get_bucket_notification_configuration()
        .bucket(name)
        .send()
        .await;
    Bucket {
        name: name.to_owned(),
        keeps_versions: versioning
            .map(|found| found.status() == Some(&BucketVersioningStatus::Enabled))
            .map_err(|error| Fault::new("s3:GetBucketVersioning", error)),
        sends_events: events
            .map(|found| found.event_bridge_configuration().is_some())
            .map_err(|error| Fault::new("s3:GetBucketNotification", error)),
    }
}

/// An upload whose checksum is another content's: S3 refuses it once it has
/// found that the caller may upload, and keeps nothing.
async fn uploads(client: &aws_sdk_s3::Client, bucket: &str) -> Area {
    const WRONG: [&str; 3] = ["BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"];
    let answer = client
        .put_object()
        .bucket(bucket)
        .key(DOCTOR)
        .checksum_sha256(STANDARD.encode(Digest::of(b"another content").bytes()))
        .send()
        .await;
    let answer = answer.map_err(|error| Fault::new("s3:PutObject", error));
    let tried = Tried {
        permission: "s3:PutObject",
        resource: format!("arn:aws:s3:::{bucket}/*"),
        loses: None,
        answer: apart_from(&WRONG, answer),
    };
    Area {
        subject: format!("bucket {bucket}"),
        works: "takes uploads",
        tried: vec![tried],
    }
}

/// A function that commands invoke.
struct Asked<'a> {
    /// What people call it.
    name: &'a str,
    /// The function's name or ARN.
    function: &'a str,
    works: &'static str,
    loses: &'static str,
}

/// A dry run: Lambda checks the permission and runs nothing.
async fn asked(config: &SdkConfig, of: Asked<'_>) -> Area {
    let answer = aws_sdk_lambda::Client::new(config)
        .invoke()
        .function_name(of.function)
        .invocation_type(InvocationType::DryRun)
        .send()
        .await;
    let tried = Tried {
        permission: "lambda:InvokeFunction",
        resource: of.function.to_owned(),
        loses: Some(of.loses),
        answer: answer
            .map(drop)
            .map_err(|error| Fault::new("lambda:InvokeFunction", error)),
    };
    Area {
        subject: of.name.to_owned(),
        works: of.works,
        tried: vec![tried],
    }
}

/// One read of each kind that commands make.
async fn state_table(reader: &Reader, table: &str) -> Area {
    let store = &reader.store;
    let nothing = Version::new(0, 0, 0);
    let nobody = PromotionId {
        application: NOBODY.to_owned(),
        environment: NOBODY.to_owned(),
        version: nothing.clone(),
        attempt: 1,
    };
    let tried = |permission, place: &str, answer| Tried {
        permission,
        resource: format!("table {table}{place}"),
        loses: None,
        answer,
    };
    let open = absent_or(store.open_promotions().await);
    let of_application = absent_or(store.promotions_of(NOBODY).await);
    let releases = absent_or(store.releases(NOBODY, &nothing).await);
    let promotion = absent_or(store.promotion(&nobody).await);
    Area {
        subject: "state table".to_owned(),
        works: "can be read",
        tried: vec![
            tried("dynamodb:Query", "/index/open", open),
            tried("dynamodb:Query", "/index/application", of_application),
            tried("dynamodb:Query", "", releases),
            tried("dynamodb:GetItem", "", promotion),
        ],
    }
}

async fn ledger(reader: &Reader, table: &str) -> Area {
    let entries = reader.ledger.entries(UNKNOWN_RELEASE, u64::MAX).await;
    let tried = Tried {
        permission: "dynamodb:Query",
        resource: format!("table {table}"),
        loses: None,
        answer: entries.map(drop),
    };
    Area {
        subject: "ledger".to_owned(),
        works: "can be read",
        tried: vec![tried],
    }
}

/// Calls about an execution that does not exist.
async fn machine(executions: &Executions, name: &str, arn: &str) -> Area {
    const ABSENT: [&str; 1] = ["ExecutionDoesNotExist"];
    let nobody = execution_arn(arn, DOCTOR);
    let tried = |permission, loses, answer| Tried {
        permission,
        resource: execution_arn(arn, "*"),
        loses,
        answer,
    };
    let standing = executions.standing(&nobody).await.map(drop);
    let history = apart_from(&ABSENT, executions.state(&nobody).await);
    let mut all = vec![
        tried("states:DescribeExecution", None, standing),
        tried("states:GetExecutionHistory", Some(UNTOLD), history),
    ];
    // Promotions are stopped and not whole releases, whose states call no function.
    let is_release = name == "release";
    if !is_release {
        let stopped = executions.stop(&nobody, DOCTOR, DOCTOR).await;
        let stopped = apart_from(&ABSENT, stopped);
        let aborting = Some("`sluice abort` fails");
        all.push(tried("states:StopExecution", aborting, stopped));
        all.push(Tried {
            permission: "states:DescribeStateMachine",
            resource: arn.to_owned(),
            loses: Some(UNTOLD),
            answer: executions.functions(arn).await.map(drop),
        });
    }
    Area {
        subject: format!("state machine {name}"),
        works: if is_release {
            "its executions can be followed"
        } else {
            "its executions can be followed and stopped"
        },
        tried: all,
    }
}

/// What is missing where histories can't be read.
const UNTOLD: &str = "neither state nor cost of a release is shown";

async fn topic(config: &SdkConfig, arn: &str) -> Result<Subscriptions, Fault> {
    let answer = aws_sdk_sns::Client::new(config)
        .get_topic_attributes()
        .topic_arn(arn)
        .send()
        .await;
    let found = answer.map_err(|error| Fault::new("sns:GetTopicAttributes", error))?;
    let count = |name: &str| {
        let attributes = found.attributes();
        let count = attributes.and_then(|all| all.get(name)?.parse().ok());
        count.unwrap_or_default()
    };
    Ok(Subscriptions {
        confirmed: count("SubscriptionsConfirmed"),
        pending: count("SubscriptionsPending"),
    })
}

/// Any answer will do: the desk tells strangers nothing.
fn desk(stored: &str) -> Desk {
    let url = std::env::var("SLUICE_DESK_URL")
        .ok()
        .filter(|url| !url.is_empty())
        .unwrap_or_else(|| stored.to_owned());
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .build()
        .into();
    let answer = agent.get(&url).call();
    Desk {
        answer: answer
            .map(|answer| answer.status().as_u16())
            .map_err(|error| error.to_string()),
        url,
    }
}

/// All settings, or those of one application, and what they name.
///
/// # Errors
/// When Parameter Store fails.
pub async fn environments(
    config: &SdkConfig,
    store: Option<&Store>,
    application: Option<&str>,
) -> Result<Vec<Environment>> {
    let mut found = Vec::new();
    for stored in parameters::list(config, application).await? {
        let name = parameter(&stored.application, &stored.environment);
        let mut aliases = BTreeMap::new();
        let settings = match Settings::parse(&name, stored.text.as_bytes()) {
            Ok(settings) => {
                let facts = gather(config, &settings).await;
                let place = (stored.application.as_str(), stored.environment.as_str());
                aliases = aliases::gather(config, store, place, &settings).await;
                Ok((settings, facts))
            }
            Err(invalid) => Err(invalid),
        };
        found.push(Environment {
            application: stored.application,
            name: stored.environment,
            settings,
            aliases,
        });
    }
    Ok(found)
}

/// The service got as far as these errors: the call itself is allowed.
fn apart_from<T>(codes: &[&str], answer: Result<T, Fault>) -> Result<(), Fault> {
    match answer {
        Err(fault) if !codes.iter().any(|code| fault.is(code)) => Err(fault),
        _ => Ok(()),
    }
}

fn absent_or<T>(answer: Result<T, StoreError>) -> Result<(), Fault> {
    match answer {
        Ok(_) | Err(StoreError::Missing(_)) => Ok(()),
        Err(StoreError::Fault(fault)) => Err(fault),
        Err(error) => Err(Fault::other("reading the state table", error)),
    }
}
