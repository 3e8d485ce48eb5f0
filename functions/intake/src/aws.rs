//! Manifests through S3 and ECR, the catalogue through Parameter Store, attempts
//! through the state table, executions through Step Functions, facts through
//! `record`.

mod download;
mod shelf;

use aws_config::SdkConfig;
use aws_sdk_sfn::types::{ExecutionStatus, IncludedData};
use semver::Version;
use serde::Serialize;
use serde_json::Value;
use sluice_domain::digest::Digest;
use sluice_domain::ledger::Kind;
use sluice_domain::naming::execution_arn;
use sluice_domain::path::Place;
use sluice_domain::promotion::{Promotion, PromotionId};
use sluice_domain::settings::Settings;
use sluice_domain::test_run::TestRun;
use sluice_platform::fault::Fault;
use sluice_platform::ledger::Ledger;
use sluice_platform::settings::{SettingsError, SettingsReader};
use sluice_platform::settings_writer::SettingsWriter;
use sluice_platform::store::{Labelled, Release, Store, StoreError};

pub use shelf::Shelf;

use crate::attempt::ExecutionInput;
use crate::request::{Subject, repository_parameter};
use crate::{Attempts, Catalogue, Machine, Previews, Record, Status};

/// Settings and repositories in Parameter Store.
pub struct Parameters {
    settings: SettingsReader,
    writer: SettingsWriter,
    client: aws_sdk_ssm::Client,
}

impl Parameters {
    /// Builds the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            settings: SettingsReader::new(config),
            writer: SettingsWriter::new(config),
            client: aws_sdk_ssm::Client::new(config),
        }
    }
}

impl Previews for Parameters {
    async fn environments(
        &self,
        application: &str,
    ) -> Result<Vec<(String, Settings)>, SettingsError> {
        self.settings.path(application).await
    }

    async fn settings_of(
        &self,
        application: &str,
        preview: &str,
    ) -> Result<Option<Settings>, SettingsError> {
        self.settings.find(application, preview).await
    }

    async fn write(
        &self,
        application: &str,
        preview: &str,
        settings: &Settings,
    ) -> Result<(), SettingsError> {
        let written = self.writer.write(application, preview, settings);
        written.await.map(|_| ())
    }
}

impl Catalogue for Parameters {
    async fn path(&self, application: &str) -> Result<Vec<Place>, SettingsError> {
        self.settings.places(application).await
    }

    async fn application_of(&self, repository: &str) -> Result<Option<String>, Fault> {
        let name = repository_parameter(repository);
        match self.client.get_parameter().name(&name).send().await {
            Ok(answer) => Ok(answer
                .parameter()
                .and_then(|found| found.value())
                .map(|value| value.trim().to_owned())),
            Err(error) => {
                let fault = Fault::new(format!("ssm:GetParameter of {name}"), error);
                if fault.is("ParameterNotFound") {
                    Ok(None)
                } else {
                    Err(fault)
                }
            }
        }
    }
}

/// Attempts in the state table.
pub struct Table(pub Store);

impl Attempts for Table {
    async fn of(&self, application: &str, version: &Version) -> Result<Vec<Release>, StoreError> {
        self.0.releases(application, version).await
    }

    async fn begin(&self, release: &Release) -> Result<bool, StoreError> {
        self.0.begin_release(release).await
    }

    async fn note_label(&self, labelled: &Labelled) -> Result<(), StoreError> {
        self.0.note_label(labelled).await
    }

    async fn labelled(
        &self,
        subject: &Subject,
        digest: &Digest,
    ) -> Result<Option<Labelled>, StoreError> {
        let Subject {
            application,
            version,
        } = subject;
        self.0.labelled(application, version, digest).await
    }

    async fn promotion(&self, id: &PromotionId) -> Result<Option<Promotion>, StoreError> {
        match self.0.promotion(id).await {
            Ok((promotion, _)) => Ok(Some(promotion)),
            Err(StoreError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn promotions(&self, application: &str) -> Result<Vec<Promotion>, StoreError> {
        let found = self.0.promotions_of(application).await?;
        Ok(found.into_iter().map(|(promotion, _)| promotion).collect())
    }

    async fn running(&self, application: &str) -> Result<Vec<Release>, StoreError> {
        let mut open = self.0.open_releases().await?;
        open.retain(|release| release.application == application);
        Ok(open)
    }
}

/// The state machines `release` and `suites` in Step Functions.
pub struct Machines {
    client: aws_sdk_sfn::Client,
    release: String,
    suites: String,
}

/// The input of a `suites` execution. The same run always has the same.
#[derive(Serialize)]
struct TestInput<'a> {
    run: &'a TestRun,
}

impl Machines {
    /// For the machines with these ARNs.
    #[must_use]
    pub fn new(config: &SdkConfig, release: String, suites: String) -> Self {
        Self {
            client: aws_sdk_sfn::Client::new(config),
            release,
            suites,
        }
    }

    async fn begin<T: Serialize>(
        &self,
        machine: &str,
        name: &str,
        input: &T,
    ) -> Result<bool, Fault> {
        let operation = || format!("states:StartExecution of {name}");
        let input =
            serde_json::to_string(input).map_err(|error| Fault::other(operation(), error))?;
        let request = self
            .client
            .start_execution()
            .state_machine_arn(machine)
            .name(name)
            .input(input);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => {
                let fault = Fault::new(operation(), error);
                if fault.is("ExecutionAlreadyExists") {
                    Ok(false)
                } else {
                    Err(fault)
                }
            }
        }
    }
}

impl Machine for Machines {
    fn arn_of(&self, name: &str) -> String {
        execution_arn(&self.release, name)
    }

    async fn status(&self, execution_arn: &str) -> Result<Option<Status>, Fault> {
        match self
            .client
            .describe_execution()
            .execution_arn(execution_arn)
            // Input and output are encrypted, and not needed.
            .included_data(IncludedData::MetadataOnly)
            .send()
            .await
        {
            Ok(execution) => Ok(Some(match execution.status() {
                ExecutionStatus::Succeeded => Status::Succeeded,
                ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => {
                    Status::Failed
                }
                // Running, or about to be redriven.
                _ => Status::Running,
            })),
            Err(error) => {
                let fault = Fault::new(
                    format!("states:DescribeExecution of {execution_arn}"),
                    error,
                );
                if fault.is("ExecutionDoesNotExist") {
                    Ok(None)
                } else {
                    Err(fault)
                }
            }
        }
    }

    async fn start(&self, name: &str, input: &ExecutionInput) -> Result<bool, Fault> {
        self.begin(&self.release, name, input).await
    }

    fn arn_of_test(&self, name: &str) -> String {
        execution_arn(&self.suites, name)
    }

    async fn test(&self, name: &str, run: &TestRun) -> Result<bool, Fault> {
        self.begin(&self.suites, name, &TestInput { run }).await
    }
}

impl Record for Ledger {
    async fn record(&self, chain: &str, kind: Kind, key: &str, facts: Value) -> Result<(), Fault> {
        self.append_to(chain, kind, key, facts).await.map(|_| ())
    }
}
