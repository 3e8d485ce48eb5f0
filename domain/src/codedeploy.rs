//! CodeDeploy as the one that shifts: the deployment groups of an environment,
//! what a deployment is told, and what of it can still move an alias.
//!
//! A deployment for Lambda shifts one alias of one function, so a release group
//! is as many deployments. Rolling one back is another deployment.

mod ending;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::document::{LONGEST_WAIT, Problem, check_range};
use crate::journal::Entry;
use crate::promotion::{Generation, PromotionId};
use crate::settings::{Settings, Step};
use crate::steps::{FINAL_BAKE, default_steps};

pub use ending::{Ending, Look};

/// What CodeDeploy calls a compute platform of functions.
pub const LAMBDA: &str = "Lambda";

/// The longest shift of CodeDeploy, in seconds: 2,880 minutes from the first to
/// the last traffic, and an hour for each of two hooks (CodeDeploy's quotas).
const LONGEST_SHIFT: u64 = 2_880 * 60 + 2 * 3_600;

/// Following CodeDeploy for one period takes as many events of an execution's
/// history as this many looks of the judge, rounded up: 21 and 9.
const LOOKS_PER_FOLLOWING: u64 = 3;

/// The deployment groups that shift the aliases of an environment, in place of
/// steps: their deployment configurations say how fast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeDeploy {
    /// The deployment group of each function, by the name that manifests use.
    pub functions: BTreeMap<String, DeploymentGroup>,
    /// How long CodeDeploy may take, its hooks included, in seconds. What is not
    /// done by then is rolled back.
    #[serde(default = "default_shift")]
    pub shift_seconds: u64,
    /// How long the new versions are watched once all traffic is on them, in
    /// seconds: the final bake. 0: not watched and not judged.
    #[serde(default = "default_bake")]
    pub bake_seconds: u64,
}

/// A deployment group of CodeDeploy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeploymentGroup {
    /// The CodeDeploy application that it belongs to.
    pub application: String,
    /// Its name.
    pub deployment_group: String,
}

impl fmt::Display for DeploymentGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.deployment_group)
    }
}

/// The deployment of one function, in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Where it runs.
    #[serde(flatten)]
    pub group: DeploymentGroup,
    /// Its id. None: it was not created yet, or whoever created it could not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

fn default_shift() -> u64 {
    4 * 60 * 60
}

fn default_bake() -> u64 {
    FINAL_BAKE
}

impl CodeDeploy {
    /// The one step that is Sluice's own: all traffic on the new versions, watched.
    #[must_use]
    pub fn last_step(&self) -> Step {
        Step::new(100.0, self.bake_seconds)
    }

    /// These functions' part of it.
    #[must_use]
    pub fn of<'a>(&self, functions: impl IntoIterator<Item = &'a String>) -> Self {
        let group = |name: &String| Some((name.clone(), self.functions.get(name)?.clone()));
        Self {
            functions: functions.into_iter().filter_map(group).collect(),
            ..self.clone()
        }
    }

    /// How many looks of the judge its following counts as, at most.
    pub(crate) fn looks(&self, period_seconds: u64) -> u64 {
        self.shift_seconds.div_ceil(period_seconds.max(1)) * LOOKS_PER_FOLLOWING
    }

    pub(crate) fn check(&self, settings: &Settings, problems: &mut Vec<Problem>) {
        for name in settings.functions.keys() {
            if !self.functions.contains_key(name) {
                problems.push(Problem::new(
                    format!("codedeploy.functions.{name}"),
                    "found nothing; expected the deployment group of each function",
                ));
            }
        }
        for (name, group) in &self.functions {
            let path = format!("codedeploy.functions.{name}");
            if !settings.functions.contains_key(name) {
                problems.push(Problem::new(
                    path.clone(),
                    "is no function of these settings; expected one that stands under `functions`",
                ));
            }
            check_range(
                &format!("{path}.application"),
                group.application.len(),
                1,
                100,
                problems,
            );
            check_range(
                &format!("{path}.deployment_group"),
                group.deployment_group.len(),
                1,
                100,
                problems,
            );
        }
        // Steps that are the default may have been left out.
        if settings.steps != default_steps() {
            problems.push(Problem::new(
                "steps",
                "found together with `codedeploy`; expected one of the two: with `codedeploy` the \
                 deployment groups' configurations say how traffic shifts",
            ));
        }
        if settings.role.is_some() {
            problems.push(Problem::new(
                "codedeploy",
                "found together with `role`; expected functions of Sluice's own account: CodeDeploy calls \
                 no hook of another one. Leave out one of the two",
            ));
        }
        check_range(
            "codedeploy.shift_seconds",
            self.shift_seconds,
            60,
            LONGEST_SHIFT,
            problems,
        );
        check_range(
            "codedeploy.bake_seconds",
            self.bake_seconds,
            0,
            LONGEST_WAIT,
            problems,
        );
    }
}

/// The AppSpec of the deployment that shifts this alias from its stable version
/// to the new one. None: there is no alias yet, and CodeDeploy creates none.
///
/// The form is that of CodeDeploy's user guide, "AppSpec file example for an AWS
/// Lambda deployment".
#[must_use]
pub fn app_spec(entry: &Entry, hook: &str) -> Option<Value> {
    let function = entry.function_name();
    let resource = json!({
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Name": function,
            "Alias": entry.alias,
            "CurrentVersion": entry.stable.as_ref()?,
            "TargetVersion": entry.canary,
        },
    });
    Some(json!({
        "version": 0.0,
        "Resources": [{ function: resource }],
        "Hooks": [{ "BeforeAllowTraffic": hook }, { "AfterAllowTraffic": hook }],
    }))
}

/// The function that a deployment with this AppSpec shifts. None: the AppSpec is not
/// written as JSON.
#[must_use]
pub fn shifted_by(app_spec: &str) -> Option<String> {
    let app_spec: Value = serde_json::from_str(app_spec).ok()?;
    let resources = app_spec["Resources"].as_array()?.first()?;
    let (_, resource) = resources.as_object()?.iter().next()?;
    Some(resource["Properties"]["Name"].as_str()?.to_owned())
}

/// Says in a deployment's description whose it is. It is there from the moment
/// of the deployment's creation, so hooks and later tries know it by that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The promotion.
    pub promotion: PromotionId,
    /// The function, by the name that manifests use.
    pub function: String,
    /// The generation under which it was created.
    pub generation: Generation,
}

impl Mark {
    /// Whether both are of one promotion and function, whoever created them.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        self.promotion == other.promotion && self.function == other.function
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            promotion,
            function,
            generation,
        } = self;
        write!(
            f,
            "sluice {promotion} function {function} generation {generation}"
        )
    }
}

/// Why a text is no mark.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "found the description `{0}`; expected `sluice <promotion> function <name> generation <number>`"
)]
pub struct NoMark(String);

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let read = || match text.split(' ').collect::<Vec<_>>()[..] {
            [
                "sluice",
                promotion,
                "function",
                function,
                "generation",
                generation,
            ] => Some(Self {
                promotion: promotion.parse().ok()?,
                function: function.to_owned(),
                generation: Generation(generation.parse().ok()?),
            }),
            _ => None,
        };
        read().ok_or_else(|| NoMark(text.to_owned()))
    }
}

/// How a deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Created, queued, in progress or baking.
    Running,
    /// All traffic is on the new version.
    Succeeded,
    /// A hook, an alarm or CodeDeploy itself ended it.
    Failed,
    /// Somebody stopped it.
    Stopped,
}

/// A deployment as CodeDeploy tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// How it stands.
    pub status: Status,
    /// CodeDeploy's error code and message, if it has any.
    pub error: Option<String>,
    /// The deployment that rolls it back, once there is one.
    pub rollback: Option<String>,
}

impl Found {
    /// How it ended, if it ended badly: `d-1 was stopped: …`.
    fn failure(&self) -> Option<String> {
        let how = match self.status {
            Status::Running | Status::Succeeded => return None,
            Status::Failed => "failed",
            Status::Stopped => "was stopped",
        };
        let why = self
            .error
            .as_deref()
            .unwrap_or("CodeDeploy does not say why");
        Some(format!("{} {how}: {why}", self.id))
    }
}

/// How a group's deployments stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// At least one is under way, and none has failed.
    Running,
    /// All have succeeded.
    Succeeded,
    /// What became of those that failed, each with its function.
    Failed(Vec<String>),
}

/// How the deployments of a group stand together, by function: one that failed
/// fails the group.
#[must_use]
pub fn progress(found: &BTreeMap<String, Found>) -> Progress {
    let failed = |(function, found): (&String, &Found)| {
        let failure = found.failure()?;
        Some(format!("{function}: deployment {failure}"))
    };
    let failures: Vec<String> = found.iter().filter_map(failed).collect();
    if !failures.is_empty() {
        Progress::Failed(failures)
    } else if found.values().all(|one| one.status == Status::Succeeded) {
        Progress::Succeeded
    } else {
        Progress::Running
    }
}

#[cfg(test)]
#[path = "codedeploy/tests.rs"]
mod tests;
