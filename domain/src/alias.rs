//! Where an alias should point, and what to do about where it does point.
//!
//! Shifting, finishing and rolling back are one update with different weights.

use std::collections::BTreeMap;

use crate::journal::Entry;

/// Weights closer than this are the same weight: Lambda stores fractions.
const SAME_WEIGHT: f64 = 1e-9;

/// Where an alias sends its callers.
#[derive(Debug, Clone)]
pub struct Routing {
    /// The main version.
    pub version: String,
    /// Other versions and their share, 0 to 1.
    pub weights: BTreeMap<String, f64>,
}

impl Routing {
    /// One version, no extra weight.
    #[must_use]
    pub fn only(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            weights: BTreeMap::new(),
        }
    }

    /// Whether the alias stands on one version.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.weights.values().all(|weight| *weight < SAME_WEIGHT)
    }

    fn mentions(&self, version: &str) -> bool {
        self.version == version || self.weights.contains_key(version)
    }
}

impl PartialEq for Routing {
    fn eq(&self, other: &Self) -> bool {
        let covers = |one: &Self, two: &Self| {
            one.weights.iter().all(|(version, weight)| {
                (weight - two.weights.get(version).copied().unwrap_or(0.0)).abs() < SAME_WEIGHT
            })
        };
        self.version == other.version && covers(self, other) && covers(other, self)
    }
}

/// An alias as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    /// Where it sends its callers.
    pub routing: Routing,
    /// Its RevisionId at that moment.
    pub revision: String,
    /// Its description: Sluice signs what it moves there.
    pub description: Option<String>,
}

/// Where the alias of this entry should point with this much weight (percent)
/// on the new version. None: it stays as it is, since nothing is to be shared yet,
/// or there is no baseline to share with until the new version takes all.
#[must_use]
pub fn intent(entry: &Entry, weight: f64) -> Option<Routing> {
    if weight <= 0.0 {
        return None;
    }
    if weight >= 100.0 {
        return Some(Routing::only(&entry.canary));
    }
    let stable = entry.stable.as_ref()?;
    let weights = BTreeMap::from([(entry.canary.clone(), weight / 100.0)]);
    Some(Routing {
        version: stable.clone(),
        weights,
    })
}

/// What to do on a forward step.
#[derive(Debug, Clone, PartialEq)]
pub enum Forward {
    /// Already as intended: an earlier try got through and its answer was lost.
    Done,
    /// Update the alias, on condition that it still has this RevisionId.
    Update {
        /// The RevisionId to send.
        revision: String,
    },
    /// Create the alias.
    Create,
    /// Somebody else moved it. A forward step must stop.
    Foreign {
        /// What stands there.
        found: Option<Routing>,
    },
}

/// Decides a forward step from the alias as it stands.
#[must_use]
pub fn forward(entry: &Entry, intent: &Routing, found: Option<&Alias>) -> Forward {
    match found {
        Some(alias) if alias.routing == *intent => Forward::Done,
        Some(alias) if entry.revision.as_deref() == Some(alias.revision.as_str()) => {
            Forward::Update {
                revision: alias.revision.clone(),
            }
        }
        None if entry.stable.is_none() && entry.revision.is_none() => Forward::Create,
        found => Forward::Foreign {
            found: found.map(|alias| alias.routing.clone()),
        },
    }
}

/// What to do when rolling back.
#[derive(Debug, Clone, PartialEq)]
pub enum Settle {
    /// Write this routing, on condition that the alias still has this RevisionId.
    /// Written even when it stands there already: the new RevisionId is what
    /// makes the write of a zombie fail.
    Update {
        /// Where the alias should point.
        routing: Routing,
        /// The RevisionId to send.
        revision: String,
        /// Whether somebody else's version stays in place.
        foreign: bool,
    },
    /// Delete the alias, which this promotion created.
    Delete,
    /// There is no alias, and there was none before.
    Gone,
    /// Somebody else deleted the alias that was there before.
    Missing,
}

/// The alias as the journal knows it, which holds if its RevisionId still does:
/// so putting it back takes one call. None: it has to be read, because there was
/// no alias before (deleting one depends on no RevisionId) or none was seen.
#[must_use]
pub fn as_journaled(entry: &Entry) -> Option<Alias> {
    let (stable, revision) = (entry.stable.as_ref()?, entry.revision.as_ref()?);
    Some(Alias {
        routing: Routing::only(stable),
        revision: revision.clone(),
        description: None,
    })
}

/// Decides how to take the new version out of an alias, whatever else is there.
#[must_use]
pub fn settle(entry: &Entry, found: Option<&Alias>) -> Settle {
    let Some(alias) = found else {
        return if entry.stable.is_some() {
            Settle::Missing
        } else {
            Settle::Gone
        };
    };
    let Some(stable) = &entry.stable else {
        return settle_first(entry, alias);
    };
    let ours = [stable.as_str(), entry.canary.as_str()];
    let foreign_main = !ours.contains(&alias.routing.version.as_str());
    let version = if foreign_main {
        alias.routing.version.clone()
    } else {
        stable.clone()
    };
    let weights: BTreeMap<String, f64> = alias
        .routing
        .weights
        .iter()
        .filter(|(other, _)| !ours.contains(&other.as_str()))
        .map(|(other, weight)| (other.clone(), *weight))
        .collect();
    let foreign = foreign_main || !weights.is_empty();
    Settle::Update {
        routing: Routing { version, weights },
        revision: alias.revision.clone(),
        foreign,
    }
}

/// The alias did not exist before: take it away again, unless others use it by now.
fn settle_first(entry: &Entry, alias: &Alias) -> Settle {
    let mut weights = alias.routing.weights.clone();
    weights.remove(&entry.canary);
    if alias.routing.version == entry.canary {
        return Settle::Delete;
    }
    Settle::Update {
        routing: Routing {
            version: alias.routing.version.clone(),
            weights,
        },
        revision: alias.revision.clone(),
        foreign: true,
    }
}

/// What to do about an alias whose promotion had committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Undo {
    /// Write this routing, on condition that the alias still has this RevisionId.
    Update {
        /// Where the alias should point.
        routing: Routing,
        /// The RevisionId to send.
        revision: String,
    },
    /// It stands on the version before already.
    Done,
    /// The promotion brought the function's first version: nothing was before it.
    NothingBefore,
    /// It is not as the promotion left it. Whoever moved it had a reason.
    Foreign {
        /// What stands there.
        found: Option<Routing>,
    },
}

/// Decides how to point an alias at the version that served before a promotion
/// which had committed.
#[must_use]
pub fn undo(entry: &Entry, found: Option<&Alias>) -> Undo {
    let Some(stable) = &entry.stable else {
        return Undo::NothingBefore;
    };
    let before = Routing::only(stable);
    match found {
        Some(alias) if alias.routing == before => Undo::Done,
        Some(alias) if alias.routing == Routing::only(&entry.canary) => Undo::Update {
            routing: before,
            revision: alias.revision.clone(),
        },
        found => Undo::Foreign {
            found: found.map(|alias| alias.routing.clone()),
        },
    }
}

/// Whether the new version of this entry still receives any traffic.
#[must_use]
pub fn serves_canary(entry: &Entry, found: Option<&Alias>) -> bool {
    found.is_some_and(|alias| alias.routing.mentions(&entry.canary))
}

#[cfg(test)]
#[path = "alias_tests.rs"]
mod tests;
