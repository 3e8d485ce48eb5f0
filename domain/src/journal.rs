//! The journal: what must be known to put a release group back, written before
//! the first alias moves. Rolling back and the watchdog work from it alone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::codedeploy::Deployment;
use crate::naming::function_name;
use crate::settings::{Role, Step};

/// The journal of one promotion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// The functions that shift, by the name that manifests use.
    pub functions: BTreeMap<String, Entry>,
    /// The role to assume for these functions, if they are in another account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The steps of the plan.
    pub steps: Vec<Step>,
    /// When the first step that sends traffic to the new versions had reached every
    /// alias of the group: what was before is what was normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,
    /// The last step that was begun, from 0. None: no alias was touched yet.
    #[serde(default)]
    pub step: Option<usize>,
    /// When that step had reached every alias of the group.
    #[serde(default)]
    pub shifted_at: Option<Timestamp>,
    /// The point of no return: from here on nothing reverts.
    #[serde(default)]
    pub committed: bool,
}

/// One alias of the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The Lambda function's name or ARN.
    pub name: String,
    /// The alias.
    pub alias: String,
    /// The version that served before. None: there was no alias, and rolling
    /// back takes it away again.
    pub stable: Option<String>,
    /// The version that is being released.
    pub canary: String,
    /// The alias's RevisionId as Sluice last saw or made it.
    pub revision: Option<String>,
    /// The deployment that shifts it. None: Sluice does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
}

impl Entry {
    /// The function's bare name.
    #[must_use]
    pub fn function_name(&self) -> &str {
        function_name(&self.name)
    }
}

impl Journal {
    /// Whether CodeDeploy shifts aliases of this group.
    #[must_use]
    pub fn is_deployed(&self) -> bool {
        self.functions
            .values()
            .any(|entry| entry.deployment.is_some())
    }

    /// Whether the group's deployments are under way, or about to be created.
    #[must_use]
    pub fn is_deploying(&self) -> bool {
        self.is_deployed() && self.step.is_some() && self.shifted_at.is_none()
    }

    /// Since when deployments shift the group, while they do.
    #[must_use]
    pub fn deploying_since(&self) -> Option<Timestamp> {
        self.begun_at.filter(|_| self.is_deploying())
    }

    /// The weight of the step that was last begun, in percent.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.step
            .and_then(|step| self.steps.get(step))
            .map_or(0.0, |step| step.weight)
    }

    /// The step to take next, if one is left.
    #[must_use]
    pub fn next_step(&self) -> Option<(usize, &Step)> {
        let next = self.step.map_or(0, |step| step + 1);
        self.steps.get(next).map(|step| (next, step))
    }
}

/// A Lambda version that a promotion published, or found unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The Lambda function's name or ARN.
    pub name: String,
    /// The function's ARN, without a qualifier.
    pub arn: String,
    /// The alias.
    pub alias: String,
    /// The version that the release wants there.
    pub version: String,
    /// The version that the alias had when it was published. None: no alias yet.
    pub stable: Option<String>,
    /// The alias's RevisionId at that moment.
    pub revision: Option<String>,
    /// Whether the alias has to move at all.
    pub changed: bool,
}

/// What a promotion published, by the name that manifests use.
pub type Versions = BTreeMap<String, Published>;
