//! The ports on AWS, through the platform.

use aws_config::SdkConfig;
use serde_json::{Value, json};
use sluice_domain::approval::{Matter, Reminder, Request, State, Vote};
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{BundleRef, Promotion, PromotionId};
use sluice_domain::settings::Settings;
use sluice_platform::bundle::BundleReader;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::MissingVariable;
use sluice_platform::ledger::Ledger;
use sluice_platform::people::{Message, Topics};
use sluice_platform::seal::Seals;
use sluice_platform::settings::SettingsReader;
use sluice_platform::store::{OpenRequest, Part, Store, TaskToken};
use sluice_platform::task::{Resumed, Tasks};

use crate::{Asked, Ballot, Environments, Error, Ids, Machine, People, Record, Requests, Subjects};

/// All ports on AWS.
pub struct Aws {
    store: Store,
    bundles: BundleReader,
    settings: SettingsReader,
    ledger: Ledger,
    topics: Topics,
    seals: Seals,
    tasks: Tasks,
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
            settings: SettingsReader::new(config),
            ledger: Ledger::from_env(config, "approval")?,
            topics: Topics::from_env(config)?,
            seals: Seals::from_env(config)?,
            tasks: Tasks::new(config),
        })
    }
}

impl Subjects for Aws {
    async fn promotion(&self, id: &PromotionId) -> Result<Promotion, Error> {
        Ok(self.store.promotion(id).await?.0)
    }

    async fn plan(&self, id: &PromotionId) -> Result<Plan, Error> {
        Ok(self.store.required_part(id, Part::Plan).await?)
    }

    async fn asked(&self, id: &PromotionId) -> Result<Option<Asked>, Error> {
        let attempts = self.store.releases(&id.application, &id.version).await?;
        let attempt = attempts.into_iter().find(|one| one.attempt == id.attempt);
        Ok(attempt.map(|attempt| Asked {
            by: attempt.principal,
            operates: attempt.operation.is_some(),
        }))
    }

    async fn beside(&self, id: &PromotionId) -> Result<Vec<Promotion>, Error> {
        let open = self.store.open_promotions().await?.into_iter();
        let open = open.map(|(promotion, _)| promotion);
        let is_beside = |other: &Promotion| {
            other.id.application == id.application && other.id.environment == id.environment
        };
        Ok(open.filter(is_beside).collect())
    }

    async fn manifest(&self, bundle: &BundleRef) -> Result<Manifest, Error> {
        Ok(self.bundles.manifest(bundle).await?)
    }
}

impl Environments for Aws {
    async fn settings(&self, id: &PromotionId) -> Result<Settings, Error> {
        Ok(self.settings.read(&id.application, &id.environment).await?)
    }
}

impl Ids for Aws {
    fn fresh(&self) -> Result<String, Error> {
        let mut bytes = [0; 20];
        getrandom::getrandom(&mut bytes).map_err(Error::NoRandomness)?;
        Ok(base32(&bytes))
    }

    async fn known(&self, id: &PromotionId, matter: Matter) -> Result<Option<String>, Error> {
        Ok(self.store.part(id, Part::of_request(matter)).await?)
    }

    async fn note(&self, id: &PromotionId, matter: Matter, request: &str) -> Result<String, Error> {
        let request = request.to_owned();
        Ok(self
            .store
            .put_part_once(id, Part::of_request(matter), &request)
            .await?)
    }
}

/// RFC 4648 base32 in lower case: 20 bytes are 32 letters and digits, without padding.
fn base32(bytes: &[u8; 20]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let (groups, _) = bytes.as_chunks::<5>();
    let mut text = String::with_capacity(32);
    for group in groups {
        let bits = group
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for place in (0..8).rev() {
            let index = (bits >> (5 * place)) & 31;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

impl Requests for Aws {
    async fn open(&self, request: &Request, token: Option<&TaskToken>) -> Result<bool, Error> {
        Ok(self.store.open_request(request, token).await?)
    }

    async fn tokens(&self, id: &str) -> Result<Vec<TaskToken>, Error> {
        Ok(self.store.tokens(id).await?)
    }

    async fn find(&self, id: &str) -> Result<Option<OpenRequest>, Error> {
        Ok(self.store.request(id).await?)
    }

    async fn note_reminder(&self, id: &str, reminder: Reminder) -> Result<bool, Error> {
        Ok(self.store.note_reminder(id, reminder).await?)
    }

    async fn forget_reminder(&self, id: &str, reminder: Reminder) -> Result<(), Error> {
        Ok(self.store.forget_reminder(id, reminder).await?)
    }
}

impl Ballot for Aws {
    async fn votes(&self, request: &Request) -> Result<Vec<Vote>, Error> {
        let sealed = self.store.votes(&request.id).await?;
        Ok(self.seals.open(request, sealed).await?.votes)
    }

    async fn decide(&self, id: &str, state: State, counted: &[&str]) -> Result<bool, Error> {
        Ok(self.store.decide(id, state, counted).await?)
    }
}

impl People for Aws {
    async fn tell(&self, topic: Option<&str>, message: &Message) -> Result<(), Fault> {
        self.topics.tell(topic, message).await
    }
}

impl Machine for Aws {
    async fn resume(&self, token: &TaskToken) -> Result<Resumed, Fault> {
        // What was decided is read from the record, not from here.
        let output = json!({ "approval": "decided" });
        self.tasks.succeed(token, &output).await
    }
}

impl Record for Aws {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.ledger.append(id, kind, key, facts).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::base32;

    #[test]
    fn base32_is_that_of_the_rfc_in_lower_case() {
        // RFC 4648 section 10: "fooba" is MZXW6YTB.
        assert_eq!(base32(b"foobafoobafoobafooba"), "mzxw6ytb".repeat(4));
        assert_eq!(base32(&[0; 20]), "a".repeat(32));
        assert_eq!(base32(&[255; 20]), "7".repeat(32));
    }
}
