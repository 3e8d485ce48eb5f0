//! Reading the ledger. Only `record` writes it.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use semver::Version;
use serde::{Deserialize, Serialize};
use sluice_domain::ledger::{Entry, Kind};
use sluice_platform::fault::Fault;

use crate::error::{Error, Exit, Result};
use crate::paint::Output;

/// Reads chains of the ledger table.
#[derive(Clone)]
pub struct LedgerReader {
    client: Client,
    table: String,
}

/// The chain of a release: what was asked for, and what was refused.
#[must_use]
pub fn release_chain(application: &str, version: &Version) -> String {
    format!("release/{application}/{version}")
}

/// The chain of requests that name no release.
pub const UNKNOWN_RELEASE: &str = "release/unknown";

impl LedgerReader {
    /// The table of this name.
    #[must_use]
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        Self {
            client: Client::new(config),
            table: table.into(),
        }
    }

    /// The entries of a chain after this sequence, in order. 0: all of them.
    ///
    /// # Errors
    /// When DynamoDB fails, or an entry can't be read.
    pub async fn entries(&self, chain: &str, after: u64) -> Result<Vec<Entry>, Fault> {
        let operation = || format!("reading the ledger's chain {chain}");
        let mut items = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :chain AND sk > :after")
            .expression_attribute_values(":chain", AttributeValue::S(chain.to_owned()))
            .expression_attribute_values(":after", AttributeValue::N(after.to_string()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut entries = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| Fault::new(operation(), error))?;
            let text = item
                .get("entry")
                .and_then(|entry| entry.as_s().ok())
                .map_or("", String::as_str);
            entries.push(
                serde_json::from_str(text).map_err(|error| Fault::other(operation(), error))?,
            );
        }
        Ok(entries)
    }
}

/// The refusal that an entry tells of, if it is about this folder.
pub(crate) fn refusal(entry: &Entry, folder: &str, must_name_it: bool) -> Option<Error> {
    let facts = &entry.event.facts;
    if entry.event.kind != Kind::ReleaseRefused
        || (must_name_it && !facts.to_string().contains(folder))
    {
        return None;
    }
    let text = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| facts.get(name)?.as_str())
            .map(str::to_owned)
    };
    Some(Error::Refused {
        name: text(&["error", "name"]).unwrap_or_else(|| entry.event.kind.name()),
        message: text(&["message", "cause", "reason"]).unwrap_or_else(|| facts.to_string()),
    })
}

/// Why a version that came started nothing, though that is no mistake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SetAside {
    /// `superseded` or `held`.
    pub(crate) outcome: String,
    /// Why, for people.
    pub(crate) reason: String,
}

impl SetAside {
    /// Says so. That a person begins it is no failure of an upload.
    pub(crate) fn answer(&self, output: &Output) -> Result<Exit> {
        output.answer(self, |_| vec![self.reason.clone()])?;
        Ok(match self.outcome.as_str() {
            "held" => Exit::Ok,
            _ => Exit::NotApproved,
        })
    }
}

/// What an entry tells of a version that was set aside, if it does.
pub(crate) fn set_aside(entry: &Entry) -> Option<SetAside> {
    let is_set_aside = entry.event.kind == Kind::ReleaseSetAside;
    is_set_aside
        .then(|| serde_json::from_value(entry.event.facts.clone()).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::timeline::samples::entry;

    #[test]
    fn a_refusal_is_told_in_intakes_own_words() {
        let refused = entry(
            1,
            Kind::ReleaseRefused,
            json!({"error": "UnknownApplication", "message": "shop has no environment"}),
        );
        let error = refusal(&refused, "shop/1.1.0", false).expect("a refusal");
        assert_eq!(
            error.to_string(),
            "refused: shop has no environment (UnknownApplication)"
        );
        assert!(
            refusal(&refused, "shop/1.1.0", true).is_none(),
            "it may be about another bundle"
        );
        assert!(
            refusal(
                &entry(1, Kind::ReleaseStarted, json!({})),
                "shop/1.1.0",
                false
            )
            .is_none()
        );
    }

    #[test]
    fn a_version_that_was_set_aside_is_told_with_the_reason() {
        let facts = json!({"outcome": "held", "reason": "A person begins prod", "key": "k"});
        let held = set_aside(&entry(1, Kind::ReleaseSetAside, facts.clone())).expect("set aside");
        assert_eq!(
            (held.outcome.as_str(), held.reason.as_str()),
            ("held", "A person begins prod")
        );
        assert_eq!(set_aside(&entry(1, Kind::ReleaseRefused, facts)), None);
    }
}
