//! S3, Secrets Manager, and tokens for RDS.

use aws_config::{Region, SdkConfig};
use aws_sdk_rds::auth_token::{AuthTokenGenerator, Config};
use sluice_domain::migrations::{Archive, Hosts, IamUser};
use sluice_platform::fault::Fault;

use crate::{Archives, Keys};

/// Which hosts `DatabaseHosts` of the template lets the function connect to.
const HOSTS: &str = "SLUICE_DATABASE_HOSTS";

/// What the function may connect to: any host where the variable is empty or not set.
#[must_use]
pub fn hosts() -> Hosts {
    Hosts::of(&std::env::var(HOSTS).unwrap_or_default())
}

/// Objects in S3.
#[derive(Clone)]
pub struct Objects {
    client: aws_sdk_s3::Client,
}

impl Objects {
    /// Builds the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: aws_sdk_s3::Client::new(config),
        }
    }
}

impl Archives for Objects {
    async fn read(&self, archive: &Archive, most: u64) -> Result<Vec<u8>, Fault> {
        let Archive {
            bucket,
            key,
            version_id,
            ..
        } = archive;
        let operation = format!("s3:GetObject of s3://{bucket}/{key} version {version_id}");
        let answer = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .version_id(version_id)
            .send()
            .await
            .map_err(|error| Fault::new(&operation, error))?;
        let length = answer.content_length().unwrap_or(i64::MAX);
        if u64::try_from(length).unwrap_or(u64::MAX) > most {
            let why = format!("it has {length} bytes, and at most {most} are read");
            return Err(Fault::other(&operation, why));
        }
        let body = answer.body.collect().await;
        let body = body.map_err(|error| Fault::other(&operation, error))?;
        Ok(body.to_vec())
    }
}

/// Secrets Manager, and the function's own credentials.
#[derive(Clone)]
pub struct Keyring {
    secrets: aws_sdk_secretsmanager::Client,
    config: SdkConfig,
}

impl Keyring {
    /// Builds the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            secrets: aws_sdk_secretsmanager::Client::new(config),
            config: config.clone(),
        }
    }
}

impl Keys for Keyring {
    async fn secret(&self, name: &str) -> Result<String, Fault> {
        let operation = format!("secretsmanager:GetSecretValue of {name}");
        let answer = self.secrets.get_secret_value().secret_id(name).send().await;
        let answer = answer.map_err(|error| Fault::new(&operation, error))?;
        let text = answer.secret_string;
        text.ok_or_else(|| Fault::other(&operation, "it is binary; expected text"))
    }

    async fn token(&self, user: &IamUser, host: &str, port: u16) -> Result<String, Fault> {
        let failed = |error: String| Fault::other("making a token for RDS", error);
        let config = Config::builder().hostname(host).port(u64::from(port));
        let config = config.username(&user.user);
        let config = match &user.region {
            Some(region) => config.region(Region::new(region.clone())),
            None => config,
        };
        let config = config.build().map_err(|error| failed(error.to_string()))?;
        let token = AuthTokenGenerator::new(config)
            .auth_token(&self.config)
            .await;
        let token = token.map_err(|error| failed(error.to_string()))?;
        Ok(token.as_str().to_owned())
    }
}
