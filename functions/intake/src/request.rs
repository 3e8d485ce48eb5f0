//! What events and requests say, and the release they ask for.
//!
//! Events are AWS's: they may grow fields, so only what is read is checked.
//! Requests are ours: an unknown field is refused.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use semver::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_domain::caller::Principal;
use sluice_domain::digest::Digest;
use sluice_domain::manifest::Image;
use sluice_domain::migrations::Operation;
use sluice_domain::naming::{APPLICATION, is_application};
use sluice_domain::text::said;

use crate::Error;
use crate::attempt::Repeat;

/// What came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// An object was put into a bucket.
    Upload(Upload),
    /// Something happened to an image.
    Push(Push),
    /// Somebody asks.
    Manual(Manual),
    /// A schedule's time has come.
    Scheduled(Promote),
    /// Suites are to run, because a schedule's time has come or somebody asks.
    Test(Test),
}

/// To run the test suites of an environment that run on a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// The application.
    pub application: String,
    /// The environment.
    pub environment: String,
    /// Who asks, as they say. It counts where nobody proved anything. Left out: a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
}

impl Test {
    /// Who or what asks, for people.
    #[must_use]
    pub fn by(&self, caller: Option<&Principal>) -> String {
        match (caller, &self.requested_by) {
            (Some(principal), _) => principal.to_string(),
            (None, Some(said)) => said.clone(),
            (None, None) => Principal::schedule().to_string(),
        }
    }
}

/// What a schedule sends: to take what stands in the environment before into this one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promote {
    /// The application.
    pub application: String,
    /// The environment to enter.
    pub environment: String,
}

/// The input of a schedule's rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Schedule {
    promote: Promote,
}

/// The input of a rule that has suites run, and of who asks for that.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Testing {
    test: Test,
}

/// A request for a release, as the command line sends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// The application.
    pub application: String,
    /// The version.
    pub version: Version,
    /// Whether to begin a new attempt where an earlier one ended without
    /// promoting everywhere.
    #[serde(default)]
    pub again: bool,
    /// Whether it deliberately takes an older version back, though it was
    /// released before.
    #[serde(default)]
    pub rollback: bool,
    /// What to do to the database of one environment, instead of releasing code. Beside
    /// `environments`, and none of `again`, `rollback` and `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// The environments to enter, and no others. Left out: those of the path, in order,
    /// up to one that a person begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
    /// The environment to enter first, after an earlier attempt has promoted the version
    /// in the one before. Not beside `environments`, `again` and `rollback`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Who asks, as they say. It counts where nobody proved anything.
    pub requested_by: String,
    /// The key of `release.json`. Left out: `<application>/<version>/release.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// An object that was put into a bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// The bucket.
    pub bucket: String,
    /// The key, as it is: EventBridge does not encode it.
    pub key: String,
    /// Its version. Not every sender tells.
    pub version_id: Option<String>,
    /// The account that put it there.
    pub requester: Option<String>,
}

/// What happened to an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Push {
    /// `PUSH` or `DELETE`.
    pub action_type: String,
    /// `SUCCESS` or `FAILURE`.
    pub result: String,
    /// The repository's name.
    #[serde(rename = "repository-name")]
    pub repository: String,
    /// The image's digest.
    #[serde(rename = "image-digest")]
    pub digest: Digest,
    /// The tag. The parts of a multi-platform image have none.
    #[serde(rename = "image-tag", default)]
    pub tag: Option<String>,
}

/// The part of an `Object Created` event that is read.
#[derive(Debug, Serialize, Deserialize)]
struct ObjectCreated {
    bucket: Bucket,
    object: Object,
    #[serde(default)]
    requester: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Object {
    key: String,
    #[serde(default)]
    version_id: Option<String>,
}

impl Input {
    /// Reads an event or a request.
    ///
    /// # Errors
    /// `InvalidEvent`, with the field that is wrong.
    pub fn read(event: &Value) -> Result<Self, Error> {
        let text = |name| event.get(name).and_then(Value::as_str);
        match (text("source"), text("detail-type")) {
            (Some("aws.s3"), Some("Object Created")) => {
                let ObjectCreated {
                    bucket,
                    object,
                    requester,
                } = detail(event)?;
                Ok(Self::Upload(Upload {
                    bucket: bucket.name,
                    key: object.key,
                    version_id: object.version_id,
                    requester,
                }))
            }
            (Some("aws.ecr"), Some("ECR Image Action")) => Ok(Self::Push(detail(event)?)),
            (None, None) if event.get("promote").is_some() => {
                let Schedule { promote } = read(event)?;
                check_application("promote.application", &promote.application)?;
                Ok(Self::Scheduled(promote))
            }
            (None, None) if event.get("test").is_some() => {
                let Testing { mut test } = read(event)?;
                check_application("test.application", &test.application)?;
                let who = test.requested_by.as_deref();
                let who = who.map(|who| check_said("test.requested_by", who));
                test.requested_by = who.transpose()?;
                Ok(Self::Test(test))
            }
            (None, None) => Ok(Self::Manual(read(event)?)),
            (source, kind) => {
                let (source, kind) = (source.unwrap_or("nobody"), kind.unwrap_or("event"));
                Err(Error::InvalidEvent(format!(
                    "found a `{kind}` of `{source}`"
                )))
            }
        }
    }
}

fn detail<T: Serialize + DeserializeOwned>(event: &Value) -> Result<T, Error> {
    read::<EventBridgeEvent<T>>(event).map(|event| event.detail)
}

fn read<T: DeserializeOwned>(event: &Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(event).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        Error::InvalidEvent(if path == "." {
            inner.to_string()
        } else {
            format!("{path}: {inner}")
        })
    })
}

impl Push {
    /// The version that was pushed, or why it is none.
    ///
    /// # Errors
    /// With a sentence for people: this is no mistake, only no release.
    pub fn version(&self) -> Result<Version, String> {
        let Self {
            action_type,
            result,
            repository,
            ..
        } = self;
        if action_type != "PUSH" || result != "SUCCESS" {
            return Err(format!(
                "{action_type} in {repository} ended in {result}; \
                 a release starts with a PUSH that is a SUCCESS"
            ));
        }
        let tag = self.tag.as_deref().filter(|tag| !tag.is_empty());
        let tag =
            tag.ok_or_else(|| format!("an image was pushed to {repository} without a tag"))?;
        tag.strip_prefix('v').unwrap_or(tag).parse().map_err(|_| {
            let why = match tag {
                "latest" => "names another image after each push, so no release starts from it",
                _ => "is no version, so no release starts from it",
            };
            format!("{repository}:{tag} {why}; push the image as v1.2.3 and sha-<commit>, too")
        })
    }

    /// Whether this is the image that was pushed.
    #[must_use]
    pub fn is(&self, image: &Image) -> bool {
        let name = image.repository.split_once('/').map(|(_, name)| name);
        image.digest == self.digest && name == Some(self.repository.as_str())
    }
}

/// The parameter that names the application of an ECR repository.
#[must_use]
pub fn repository_parameter(repository: &str) -> String {
    format!("/sluice-repositories/{repository}")
}

/// An application's version, as folders and requests name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The application.
    pub application: String,
    /// The version.
    pub version: Version,
}

impl Subject {
    /// From `<application>/<version>/release.json`.
    fn of_key(key: &str) -> Result<Self, Error> {
        let mut parts = key.split('/');
        let mut read = || {
            let application = parts.next().filter(|name| is_application(name))?.to_owned();
            let version = parts.next()?.parse().ok()?;
            (parts.next() == Some("release.json") && parts.next().is_none()).then_some(Self {
                application,
                version,
            })
        };
        read().ok_or_else(|| Error::BundlePathMismatch {
            key: key.to_owned(),
            found: "a folder that names no application and version".to_owned(),
            expected: "one such as shop/1.2.3".to_owned(),
        })
    }

    /// The key of its manifest.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}/release.json", self.application, self.version)
    }

    /// Its chain in the ledger.
    #[must_use]
    pub fn chain(&self) -> String {
        format!("release/{}/{}", self.application, self.version)
    }
}

fn check_application(field: &str, name: &str) -> Result<(), Error> {
    if is_application(name) {
        return Ok(());
    }
    Err(Error::InvalidEvent(format!(
        "{field}: found `{name}`; expected an application: {APPLICATION}"
    )))
}

fn check_said(field: &str, text: &str) -> Result<String, Error> {
    said(text)
        .map_err(|unsaid| Error::InvalidEvent(format!("{field}: {unsaid}, which say who asks")))
}

/// Where a release is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// Into the environments of the path, as far as it goes by itself.
    Path,
    /// The same, from this environment on.
    From(String),
    /// Into these, in the order of the path.
    Only(Vec<String>),
}

/// The release that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// What.
    pub subject: Subject,
    /// The key of its manifest.
    pub key: String,
    /// The manifest's S3 version; None: the current one.
    pub version_id: Option<String>,
    /// The push that asks for it.
    pub image: Option<Push>,
    /// The environments to enter.
    pub to: To,
    /// Whether a further attempt may begin.
    pub repeat: Repeat,
    /// What to do to the database instead of releasing code.
    pub operation: Option<Operation>,
    /// Who or what asks.
    pub by: String,
    /// The same as settings name it. None: nobody proved who they are.
    pub principal: Option<Principal>,
}

impl Wanted {
    pub(crate) fn uploaded(upload: Upload) -> Result<Self, Error> {
        let principal = Principal::uploader(upload.requester.as_deref());
        Ok(Self {
            subject: Subject::of_key(&upload.key)?,
            key: upload.key,
            version_id: upload.version_id.filter(|version| !version.is_empty()),
            image: None,
            to: To::Path,
            repeat: Repeat::Delivered,
            operation: None,
            by: principal.to_string(),
            principal: Some(principal),
        })
    }

    /// Whether it is asked for by an object that was put into the bucket.
    pub(crate) fn is_upload(&self) -> bool {
        self.repeat == Repeat::Delivered && self.image.is_none()
    }

    pub(crate) fn pushed(push: Push, application: &str, version: Version) -> Result<Self, Error> {
        check_application(&repository_parameter(&push.repository), application)?;
        let subject = Subject {
            application: application.to_owned(),
            version,
        };
        let principal = Principal::repository(&push.repository);
        Ok(Self {
            by: format!("{principal}@{}", push.digest),
            principal: Some(principal),
            key: subject.key(),
            subject,
            version_id: None,
            image: Some(push),
            to: To::Path,
            repeat: Repeat::Delivered,
            operation: None,
        })
    }

    pub(crate) fn scheduled(promote: Promote, version: Version) -> Self {
        let Promote {
            application,
            environment,
        } = promote;
        let subject = Subject {
            application,
            version,
        };
        Self {
            key: subject.key(),
            subject,
            version_id: None,
            image: None,
            to: To::From(environment),
            repeat: Repeat::Onward,
            operation: None,
            by: Principal::schedule().to_string(),
            principal: Some(Principal::schedule()),
        }
    }

    /// Who asks is who proved it. Without a proof it is who they say they are.
    pub(crate) fn by_hand(manual: Manual, principal: Option<Principal>) -> Result<Self, Error> {
        let Manual {
            application,
            version,
            again,
            rollback,
            operation,
            environments,
            from,
            requested_by,
            key,
        } = manual;
        check_application("application", &application)?;
        let requested_by = check_said("requested_by", &requested_by)?;
        let subject = Subject {
            application,
            version,
        };
        let key = key.unwrap_or_else(|| subject.key());
        let there = Subject::of_key(&key)?;
        if there != subject {
            return Err(Error::BundlePathMismatch {
                key,
                found: format!("the folder of {} {}", there.application, there.version),
                expected: format!("that of {} {}", subject.application, subject.version),
            });
        }
        if let Some(operation) = &operation {
            let is_plain = !again && !rollback && from.is_none();
            let is_one = environments.as_ref().is_some_and(|only| only.len() == 1);
            if !is_plain || !is_one {
                return Err(Error::InvalidEvent(format!(
                    "operation: found `{operation}`; expected it beside one of `environments`, and without `again`, \
                     `rollback` and `from`"
                )));
            }
        }
        let repeat = match (rollback, again) {
            _ if operation.is_some() => Repeat::Operation,
            (false, false) if from.is_some() => Repeat::Onward,
            (true, _) => Repeat::Ended,
            (false, true) => Repeat::Unreleased,
            (false, false) => Repeat::Never,
        };
        let to = match (from, environments) {
            (None, None) => To::Path,
            (None, Some(only)) => To::Only(only),
            (Some(from), None) if repeat == Repeat::Onward => To::From(from),
            (Some(from), _) => {
                return Err(Error::InvalidEvent(format!(
                    "from: found `{from}` beside `environments`, `again` or `rollback`; expected it alone"
                )));
            }
        };
        Ok(Self {
            subject,
            key,
            version_id: None,
            image: None,
            to,
            repeat,
            operation,
            by: (principal.as_ref()).map_or(requested_by, Principal::to_string),
            principal,
        })
    }
}
