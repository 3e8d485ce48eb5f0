//! How a preview goes: who asked, whether it is time, and which aliases are its own.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PreviewOf;
use crate::alias::Alias;
use crate::owner::signature;
use crate::promotion::PromotionId;

/// Who has a preview removed that nobody asked for any more.
pub const EXPIRY: &str = "expiry";

/// That a preview is to go. It stands in its settings until it is gone, so that whoever
/// finds it there can go on where another one broke off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// Who asked.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl PreviewOf {
    /// The removal that is due: one that was begun, or that of a preview that has expired.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Option<Removal> {
        let expired = || Removal {
            by: EXPIRY.to_owned(),
            reason: format!("expired at {}", self.expires_at),
            at: now,
        };
        let begun = self.removal.clone();
        begun.or_else(|| (self.expires_at <= now).then(expired))
    }
}

/// What becomes of an alias when its preview goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is gone already.
    Gone,
    /// It is deleted.
    Deleted {
        /// The version that it is on.
        version: String,
    },
    /// Sluice did not move it there for this preview: it stays.
    Stays {
        /// Its description.
        found: String,
    },
}

/// What becomes of an alias of a preview's name. It is deleted if a promotion into the
/// preview moved it last.
#[must_use]
pub fn fate(alias: Option<&Alias>, application: &str, preview: &str) -> Fate {
    let Some(alias) = alias else {
        return Fate::Gone;
    };
    let description = alias.description.clone().unwrap_or_default();
    match signature(&description) {
        Some(signed) if is_into(&signed.promotion, application, preview) => Fate::Deleted {
            version: alias.routing.version.clone(),
        },
        _ => Fate::Stays { found: description },
    }
}

/// Whether it promotes into this preview. One that does holds its functions while it
/// moves their aliases.
#[must_use]
pub fn is_into(promotion: &PromotionId, application: &str, preview: &str) -> bool {
    promotion.application == application && promotion.environment == preview
}

/// The chain of a preview in the ledger.
#[must_use]
pub fn chain(application: &str, preview: &str) -> String {
    format!("preview/{application}/{preview}")
}
