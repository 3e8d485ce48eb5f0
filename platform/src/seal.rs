//! Seals on votes: message authentication codes.
//!
//! Of a KMS key (HMAC-SHA-256), who makes them may not be who looks at them: IAM gives one
//! `kms:GenerateMac` and the other `kms:VerifyMac`. Of a key in Secrets Manager, which costs
//! less, whoever looks at seals could make them, too.
//!
//! Environment: `SLUICE_SEAL_KEY`, the ARN of the KMS key or of the secret.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::MacAlgorithmSpec;
use aws_smithy_types::base64;
use ring::hmac;
use sluice_domain::approval::{Request, Seal, Sealed, Vote};
use sluice_domain::digest::Digest;
use tokio::sync::OnceCell;

use crate::fault::Fault;
use crate::lambda::{MissingVariable, variable};

/// Makes seals, and looks at them.
#[derive(Debug, Clone)]
pub struct Seals {
    key: String,
    with: Key,
    /// Those that were made here.
    made: Arc<Mutex<HashSet<Known>>>,
}

/// What was sealed, and the code that came of it.
type Known = (String, String);

/// So many seals are kept in mind.
const KNOWN: usize = 10_000;

/// What makes them.
#[derive(Debug, Clone)]
enum Key {
    Kms(aws_sdk_kms::Client),
    Secret(Box<Secret>),
}

/// A key out of Secrets Manager, read once.
#[derive(Clone)]
struct Secret {
    client: aws_sdk_secretsmanager::Client,
    key: OnceCell<hmac::Key>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The shortest text that is taken for a key: nobody guesses it.
const SHORTEST: usize = 32;

/// The votes of a request, by whether their seals hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// Those that were cast as they are.
    pub votes: Vec<Vote>,
    /// Whose are not: somebody wrote them who takes no votes.
    pub forged: Vec<String>,
}

impl Seals {
    /// With the key that the environment names.
    ///
    /// # Errors
    /// When it names none.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self::new(config, variable("SLUICE_SEAL_KEY")?))
    }

    /// With the key of this ARN.
    #[must_use]
    pub fn new(config: &SdkConfig, key: String) -> Self {
        let with = match key.split(':').nth(2) {
            Some("secretsmanager") => Key::Secret(Box::new(Secret {
                client: aws_sdk_secretsmanager::Client::new(config),
                key: OnceCell::new(),
            })),
            _ => Key::Kms(aws_sdk_kms::Client::new(config)),
        };
        Self {
            key,
            with,
            made: Arc::default(),
        }
    }

    /// Seals a vote on this request.
    ///
    /// # Errors
    /// When the key can't be used.
    pub async fn seal(&self, request: &Request, vote: Vote) -> Result<Sealed, Fault> {
        let message = message(request, &vote)?;
        let known = message.clone();
        let mac = match &self.with {
            Key::Secret(secret) => {
                let tag = hmac::sign(secret.key(&self.key).await?, message.as_bytes());
                tag.as_ref().to_vec()
            }
            Key::Kms(kms) => {
                let made = kms
                    .generate_mac()
                    .key_id(&self.key)
                    .mac_algorithm(MacAlgorithmSpec::HmacSha256)
                    .message(Blob::new(message))
                    .send()
                    .await
                    .map_err(|error| Fault::new("kms:GenerateMac of a vote", error))?;
                made.mac().map(Blob::as_ref).unwrap_or_default().to_vec()
            }
        };
        let seal = Seal {
            key: self.key.clone(),
            mac: base64::encode(mac),
        };
        self.note((known, seal.mac.clone()));
        Ok(Sealed { vote, seal })
    }

    /// Looks at the seals of all votes on a request.
    ///
    /// # Errors
    /// When the key can't be used. A seal that does not hold is none.
    pub async fn open(&self, request: &Request, sealed: Vec<Sealed>) -> Result<Opened, Fault> {
        let looks = sealed.iter().map(|one| self.holds(request, one));
        let held = futures_util::future::try_join_all(looks).await?;
        let mut opened = Opened::default();
        for (one, holds) in sealed.into_iter().zip(held) {
            if holds {
                opened.votes.push(one.vote);
            } else {
                tracing::error!(promotion = %request.promotion, person = one.vote.person, "a vote has no seal that holds");
                opened.forged.push(one.vote.person);
            }
        }
        Ok(opened)
    }

    /// The votes on a request that whoever makes seals made, by making their seals once more:
    /// who may only make them need not be allowed to look at them. Each is made again once.
    ///
    /// # Errors
    /// When the key can't be used. A seal that does not hold is none.
    pub async fn own(&self, request: &Request, sealed: Vec<Sealed>) -> Result<Vec<Sealed>, Fault> {
        let mut own = Vec::with_capacity(sealed.len());
        for one in sealed {
            let cast = as_cast(&one.vote);
            let known = (message(request, &cast)?, one.seal.mac.clone());
            if !self.is_made(&known) {
                let made = self.seal(request, cast).await?;
                if made.seal != one.seal {
                    tracing::error!(promotion = %request.promotion, person = one.vote.person, "a vote has no seal that holds");
                    continue;
                }
            }
            own.push(one);
        }
        Ok(own)
    }

    fn is_made(&self, known: &Known) -> bool {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.contains(known)
    }

    /// Keeps in mind that this seal was made here.
    fn note(&self, known: Known) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= KNOWN {
            made.clear();
        }
        made.insert(known);
    }

    async fn holds(&self, request: &Request, sealed: &Sealed) -> Result<bool, Fault> {
        let (Ok(mac), true) = (
            base64::decode(&sealed.seal.mac),
            sealed.seal.key == self.key,
        ) else {
            return Ok(false);
        };
        let message = message(request, &as_cast(&sealed.vote))?;
        let kms = match &self.with {
            Key::Secret(secret) => {
                let key = secret.key(&self.key).await?;
                return Ok(hmac::verify(key, message.as_bytes(), &mac).is_ok());
            }
            Key::Kms(kms) => kms,
        };
        let looked = kms
            .verify_mac()
            .key_id(&self.key)
            .mac_algorithm(MacAlgorithmSpec::HmacSha256)
            .message(Blob::new(message))
            .mac(Blob::new(mac))
            .send()
            .await;
        match looked {
            Ok(found) => Ok(found.mac_valid()),
            Err(error) => {
                let fault = Fault::new("kms:VerifyMac of a vote", error);
                let is_wrong = ["KMSInvalidMacException", "ValidationException"];
                if is_wrong.iter().any(|code| fault.is(code)) {
                    return Ok(false);
                }
                Err(fault)
            }
        }
    }
}

impl Secret {
    async fn key(&self, arn: &str) -> Result<&hmac::Key, Fault> {
        self.key.get_or_try_init(|| self.read(arn)).await
    }

    async fn read(&self, arn: &str) -> Result<hmac::Key, Fault> {
        let operation = "secretsmanager:GetSecretValue of the key of seals";
        let found = self.client.get_secret_value().secret_id(arn).send().await;
        let found = found.map_err(|error| Fault::new(operation, error))?;
        let text = found.secret_string().unwrap_or_default();
        if text.len() < SHORTEST {
            let found = text.len();
            let why = format!("found {found} characters; expected {SHORTEST} or more");
            return Err(Fault::other(operation, why));
        }
        Ok(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))
    }
}

/// A vote that was taken back keeps the seal that it was cast with.
fn as_cast(vote: &Vote) -> Vote {
    Vote {
        withdrawn_at: None,
        ..vote.clone()
    }
}

fn message(request: &Request, vote: &Vote) -> Result<String, Fault> {
    let digest: Digest = request
        .message(vote)
        .map_err(|error| Fault::other("sealing a vote", error))?;
    Ok(digest.to_string())
}
