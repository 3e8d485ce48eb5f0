//! How a preview goes: who asked, whether it is time, where its aliases are, and which of
//! them are its own.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PreviewOf;
use crate::alias::Alias;
use crate::journal::Journal;
use crate::naming::function_name;
use crate::owner::signature;
use crate::promotion::PromotionId;
use crate::role::Role;
use crate::settings::Settings;

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

/// An alias that a preview may have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The Lambda function's name or ARN.
    pub function: String,
    /// The alias.
    pub alias: String,
}

/// `<function>:<alias>`, as people are told.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", function_name(&self.function), self.alias)
    }
}

/// Where a preview may have aliases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Where its settings lead, each once.
    pub here: Vec<Place>,
    /// In an account or a region that the settings led to before: each, and where it is.
    pub elsewhere: BTreeSet<String>,
}

/// Where a preview may have aliases: on the functions of its settings, and on those that
/// promotions into it moved. A function that its environment dropped is in these alone.
#[must_use]
pub fn places(settings: &Settings, journals: &[Journal]) -> Places {
    let mut places = Places::default();
    for target in settings.functions.values() {
        places.add(place(&target.name, &target.alias));
    }
    let here = led_to(settings.role.as_ref());
    for journal in journals {
        let there = led_to(journal.role.as_ref());
        for moved in journal.functions.values() {
            let place = place(&moved.name, &moved.alias);
            if there == here {
                places.add(place);
            } else {
                places.elsewhere.insert(format!("{place} (in {there})"));
            }
        }
    }
    places
}

impl Places {
    /// Settings and journals may name a function differently: by its name, by its ARN.
    fn add(&mut self, place: Place) {
        let is_it = |there: &Place| there.to_string() == place.to_string();
        if !self.here.iter().any(is_it) {
            self.here.push(place);
        }
    }
}

/// The account and the region that a role leads to, as people are told.
fn led_to(role: Option<&Role>) -> String {
    let Some(role) = role else {
        return "Sluice's own account and region".to_owned();
    };
    let account = role.account().unwrap_or("another account");
    let region = role.region.as_deref();
    format!("{account}, {}", region.unwrap_or("Sluice's own region"))
}

fn place(function: &str, alias: &str) -> Place {
    Place {
        function: function.to_owned(),
        alias: alias.to_owned(),
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
