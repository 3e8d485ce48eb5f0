//! The ports on AWS: state table, bundles and ledger through the platform;
//! Parameter Store and the function that counts here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_domain::approval::{Request, Sealed, State, Vote};
use sluice_domain::digest::Digest;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::{Promotion, PromotionId};
use sluice_platform::bundle::{BundleError, BundleReader};
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{MissingVariable, variable};
use sluice_platform::ledger::Ledger;
use sluice_platform::seal::Seals;
use sluice_platform::settings::SettingsReader;
use sluice_platform::slack::{Found, Secrets, Slack};
use sluice_platform::store::{OpenRequest, Part, Session, Store};
use sluice_platform::totp::OneTimeSecret;

use crate::{
    Asks, Chat, Codes, Error, Promoted, Record, Requests, Sessions, Standing, Subject, Subjects,
    Tally, Window,
};

/// So many manifests are kept, of 100 KB at most as a rule.
const MANIFESTS: usize = 50;

/// How many promotions of an application are listed.
const LISTED: i32 = 10;

/// All ports on AWS.
pub struct Aws {
    store: Store,
    bundles: BundleReader,
    manifests: Mutex<BTreeMap<Digest, Manifest>>,
    ledger: Ledger,
    seals: Seals,
    ssm: aws_sdk_ssm::Client,
    lambda: aws_sdk_lambda::Client,
    approval: String,
    secrets: Secrets,
    slack: Slack,
    settings: SettingsReader,
    codes: String,
}

impl Aws {
    /// Builds the clients, once.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn from_env(config: &SdkConfig) -> Result<Self, MissingVariable> {
        Ok(Self {
            store: Store::from_env(config)?,
            bundles: BundleReader::new(config),
            manifests: Mutex::default(),
            ledger: Ledger::from_env(config, "desk")?,
            seals: Seals::from_env(config)?,
            ssm: aws_sdk_ssm::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            approval: variable("SLUICE_APPROVAL_FUNCTION")?,
            secrets: Secrets::from_env(config, sluice_platform::slack::Wanted::Both)?,
            slack: Slack::from_env()?,
            settings: SettingsReader::new(config),
            codes: variable("SLUICE_CODE_PARAMETERS")?,
        })
    }
}

impl Requests for Aws {
    async fn find(&self, id: &str) -> Result<Option<(Request, State)>, Error> {
        Ok(self
            .store
            .request(id)
            .await?
            .map(|open| (open.request, open.state)))
    }

    async fn votes(&self, request: &Request) -> Result<Vec<Sealed>, Error> {
        let stored = self.store.votes(&request.id).await?;
        Ok(self.seals.own(request, stored).await?)
    }

    async fn cast(&self, request: &Request, vote: &Vote) -> Result<bool, Error> {
        let sealed = self.seals.seal(request, vote.clone()).await?;
        if self.store.cast(&request.id, &sealed).await? {
            return Ok(true);
        }
        let stored = self.store.votes(&request.id).await?.into_iter();
        let there: Vec<Sealed> = stored
            .filter(|one| one.vote.person == vote.person)
            .collect();
        match there.first() {
            // Nobody cast it here, or with a key that is none any more: it makes way.
            Some(foreign) if self.seals.own(request, there.clone()).await?.is_empty() => {
                tracing::error!(promotion = %request.promotion, person = %vote.person, "a vote that the desk did not take makes way for one that it took");
                Ok(self.store.replace(&request.id, foreign, &sealed).await?)
            }
            _ => Ok(false),
        }
    }

    async fn withdraw(&self, id: &str, vote: &Sealed) -> Result<bool, Error> {
        Ok(self.store.withdraw(id, vote).await?)
    }
}

impl Subjects for Aws {
    async fn promotion(&self, id: &PromotionId) -> Result<Promotion, Error> {
        let (promotion, _) = self.store.promotion(id).await?;
        Ok(promotion)
    }

    async fn subject(&self, promotion: &Promotion) -> Result<Subject, Error> {
        let (plan, manifest) = tokio::join!(
            self.store.required_part(&promotion.id, Part::Plan),
            self.manifest(promotion),
        );
        Ok(Subject {
            bundle: promotion.bundle.digest.clone(),
            plan: plan?,
            manifest: manifest?,
        })
    }
}

impl Codes for Aws {
    async fn secret(&self, parameter: &str) -> Result<Option<OneTimeSecret>, Error> {
        let request = self.ssm.get_parameter().name(parameter);
        match request.with_decryption(true).send().await {
            Ok(answer) => {
                let found = answer.parameter().and_then(|found| found.value());
                let parsed = OneTimeSecret::parse(found.unwrap_or_default());
                let secret = parsed
                    .inspect_err(|error| tracing::error!(parameter, %error, "a person can't vote"));
                Ok(secret.ok())
            }
            Err(error) => {
                let fault = Fault::new(format!("ssm:GetParameter of {parameter}"), error);
                if fault.is("ParameterNotFound") {
                    Ok(None)
                } else {
                    Err(fault.into())
                }
            }
        }
    }

    async fn use_step(&self, parameter: &str, step: u64) -> Result<bool, Error> {
        Ok(self.store.use_step(parameter, step).await?)
    }

    async fn count_try(&self, id: &str, person: &str, window: Window) -> Result<u64, Error> {
        let (number, forgotten_at) = (window.number(), window.forgotten_at());
        let counted = self.store.count_try(id, person, number, forgotten_at);
        Ok(counted.await?)
    }
}

impl Sessions for Aws {
    fn parameter_of(&self, person: &str) -> Option<String> {
        let is_part = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let is_name = (1..=64).contains(&person.len()) && person.bytes().all(is_part);
        let path = self.codes.strip_suffix('*').filter(|_| is_name)?;
        Some(format!("{path}{person}"))
    }

    async fn begin_session(&self, session: &Session) -> Result<String, Error> {
        let mut bytes = [0; 32];
        getrandom::getrandom(&mut bytes).map_err(Error::NoRandomness)?;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        self.store.begin_session(&token, session).await?;
        Ok(token)
    }

    async fn session(&self, token: &str) -> Result<Option<Session>, Error> {
        Ok(self.store.session(token).await?)
    }

    async fn end_session(&self, token: &str) -> Result<(), Error> {
        Ok(self.store.end_session(token).await?)
    }

    async fn standing(&self) -> Result<Vec<Standing>, Error> {
        let mut standing = Vec::new();
        for application in self.settings.applications().await? {
            let last = self.store.last_promotions_of(&application, LISTED).await?;
            let mut promotions = Vec::new();
            for promotion in last {
                let asks = match promotion.outcome {
                    None => self.open_requests(&promotion.id).await?,
                    Some(_) => Vec::new(),
                };
                promotions.push(Promoted { promotion, asks });
            }
            standing.push(Standing {
                application,
                promotions,
            });
        }
        Ok(standing)
    }
}

impl Aws {
    /// The manifest of a promotion's bundle, which can't change: one of this digest is read
    /// once. None: it can't be shown.
    async fn manifest(&self, promotion: &Promotion) -> Result<Option<Manifest>, Error> {
        let bundle = &promotion.bundle;
        if let Some(known) = self.read().get(&bundle.digest) {
            return Ok(Some(known.clone()));
        }
        match self.bundles.manifest(bundle).await {
            Ok(manifest) => {
                let mut read = self.read();
                if read.len() >= MANIFESTS {
                    read.clear();
                }
                read.insert(bundle.digest.clone(), manifest.clone());
                Ok(Some(manifest))
            }
            Err(BundleError::Fault(fault)) => Err(fault.into()),
            Err(error) => {
                tracing::error!(promotion = %promotion.id, %error, "the manifest can't be shown");
                Ok(None)
            }
        }
    }

    /// The manifests that were read before.
    fn read(&self) -> MutexGuard<'_, BTreeMap<Digest, Manifest>> {
        self.manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What people are asked about a promotion now.
    async fn open_requests(&self, id: &PromotionId) -> Result<Vec<Asks>, Error> {
        let found = self.store.requests_of(id).await?.into_iter();
        let open = found.filter(|open| open.state == State::Pending);
        let asks = open.map(|OpenRequest { request, .. }| Asks {
            about: request.about(),
            id: request.id,
        });
        Ok(asks.collect())
    }
}

impl Record for Aws {
    async fn vote_cast(&self, request: &Request, vote: &Vote) -> Result<(), Fault> {
        let facts = request.facts(json!({
            "person": vote.person,
            "choice": vote.choice,
            "comment": vote.comment,
            "method": vote.method,
            "assurance": vote.method.assurance(),
            "attested": vote.attested,
            "shown": vote.shown,
            "from": vote.from,
            "at": vote.at,
            "bundle": request.bundle,
            "plan": request.plan,
        }));
        self.record((request, vote), Kind::VoteCast, facts).await
    }

    async fn vote_withdrawn(&self, request: &Request, vote: &Vote) -> Result<(), Fault> {
        let facts = request.facts(json!({
            "person": vote.person,
            "choice": vote.choice,
            "cast_at": vote.at,
            "at": vote.withdrawn_at,
        }));
        self.record((request, vote), Kind::VoteWithdrawn, facts)
            .await
    }
}

impl Aws {
    /// A person may vote again after taking a vote back: each vote has facts of its own.
    async fn record(
        &self,
        (request, vote): (&Request, &Vote),
        kind: Kind,
        facts: Value,
    ) -> Result<(), Fault> {
        let (person, promotion) = (&vote.person, &request.promotion);
        let of = format!("{person}@{}", vote.at.as_millisecond());
        let key = request.ledger_key(&of);
        self.ledger
            .append_as(person, promotion, kind, &key, facts)
            .await
            .map(drop)
    }
}

/// What `approval` answers.
#[derive(Deserialize)]
struct Tallied {
    state: State,
}

impl Tally for Aws {
    async fn tally(&self, id: &str) -> Result<State, Fault> {
        const OPERATION: &str = "counting the votes";
        let input = json!({"op": "tally", "approval": id}).to_string();
        let request = self
            .lambda
            .invoke()
            .function_name(&self.approval)
            .payload(Blob::new(input));
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::new(OPERATION, error))?;
        let body = answer.payload().map(Blob::as_ref).unwrap_or_default();
        if answer.function_error().is_some() {
            return Err(Fault::other(OPERATION, String::from_utf8_lossy(body)));
        }
        let tallied: Tallied =
            serde_json::from_slice(body).map_err(|error| Fault::other(OPERATION, error))?;
        Ok(tallied.state)
    }
}

impl Chat for Aws {
    async fn app(&self) -> Result<Arc<Found>, Error> {
        Ok(self.secrets.read().await?)
    }

    async fn open_dialog(&self, app: &Found, trigger: &str, view: &Value) -> Result<(), Error> {
        let token = app.bot.as_ref().ok_or(Error::NoBotToken)?;
        let asked = json!({"trigger_id": trigger, "view": view});
        self.slack.call(token, "views.open", &asked).await?;
        Ok(())
    }
}
