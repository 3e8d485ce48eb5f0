//! An environment's settings: one document in Parameter Store, at
//! `/sluice/<application>/<environment>`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::approvers::{
    ApprovalPolicy, Approver, Assurance, Delegation, Escalation, Item, SlackUser, Slot,
};
pub use crate::channels::{Channels, GithubDeployments, SlackChannel, SlackPlace};
use crate::codedeploy::CodeDeploy;
use crate::document::{Document, LONGEST_WAIT, Problem, check_name, check_range};
use crate::entry::EntryRules;
use crate::evidence::EvidencePolicy;
use crate::guards::Guards;
pub use crate::judge::{JudgePolicy, OnInconclusive};
use crate::judge::{MOST_LOOKS, looks_held, may_ask, probe};
use crate::may::May;
use crate::migrations::Database;
use crate::naming::function_name;
use crate::preview::{self, PreviewOf, PreviewRules};
pub use crate::role::Role;
use crate::steps;
pub use crate::steps::{Step, Then};
use crate::suites::{self, Suite};
use crate::windows::{Calendar, Window};

/// How releases enter one environment of one application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The version of this format. Always 1.
    pub schema: u32,
    /// The environment's place on the path: a release goes through the
    /// environments of an application in ascending order.
    pub order: u32,
    /// The functions of the release group, by the name that manifests use.
    pub functions: BTreeMap<String, Target>,
    /// A role to assume, for an environment in another account or region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Which releases may enter, and who begins it.
    #[serde(default)]
    pub entry: EntryRules,
    /// Who may start and operate promotions. Left out: whoever IAM lets call Sluice.
    #[serde(default, skip_serializing_if = "May::is_empty")]
    pub may: May,
    /// The shift: a list of steps, a preset's name, or a shape.
    #[serde(default = "steps::default_steps", deserialize_with = "steps::read")]
    #[schemars(with = "steps::Written")]
    pub steps: Vec<Step>,
    /// CodeDeploy shifts, through deployment groups that are there, and `steps` is
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codedeploy: Option<CodeDeploy>,
    /// How a step is judged.
    #[serde(default)]
    pub judge: JudgePolicy,
    /// What is asked of the evidence in a bundle.
    #[serde(default)]
    pub evidence: EvidencePolicy,
    /// Calls that each new version gets before its first traffic, so that callers
    /// meet no cold start. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// How many of a function's newest versions stay when a promotion is over. Of
    /// the older ones go those that Sluice published and nobody uses. Null: none.
    #[serde(default = "default_keep_versions")]
    pub keep_versions: Option<usize>,
    /// The PostgreSQL database that releases migrate. Left out: there is none, and a bundle
    /// with migrations is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// Test suites that run when a release enters, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<Suite>,
    /// Who must say yes. Left out: nobody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalPolicy>,
    /// Who is told.
    #[serde(default)]
    pub channels: Channels,
    /// What happens when another promotion holds the targets.
    #[serde(default)]
    pub queue: QueuePolicy,
    /// When promotions may start and take their steps: freezes, and maintenance windows.
    /// Left out: at any time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// How long a promotion may wait for its time to start, in seconds. One that would
    /// have to wait longer is refused.
    #[serde(default = "default_longest_wait")]
    pub longest_wait_seconds: u64,
    /// What must be so for a promotion to go on: no alarm is up, no incident is open,
    /// error budget is left.
    #[serde(default, skip_serializing_if = "Guards::is_empty")]
    pub guards: Guards,
    /// Set to stop the line: no promotion starts and none takes a further step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Freeze>,
    /// Set to let branches be tried out on these functions, each on aliases of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<PreviewRules>,
    /// What makes this a preview, which is no part of the path. Sluice alone writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_of: Option<PreviewOf>,
}

/// The Lambda function and alias that a name stands for in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The function's name or ARN, without a qualifier.
    pub name: String,
    /// The alias that its callers use.
    #[serde(default = "default_alias")]
    pub alias: String,
    /// A version that the alias may be on though Sluice did not put it there: what
    /// somebody moved it to, and is meant to serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<String>,
    /// The CloudFormation stack that the alias may belong to, because its template
    /// never moves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// This function's own calls before its first traffic, in place of the
    /// environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
}

/// Calls that warm a new version up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// How many at once: so many environments are started.
    pub invocations: usize,
    /// What they carry. The function runs on it as on any other call.
    #[serde(default = "nothing")]
    pub payload: Value,
}

/// What happens when another promotion holds the targets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueuePolicy {
    /// Wait in line, first come first served.
    #[default]
    Wait,
    /// Wait in line, and end the older ones of the same application and
    /// environment that wait there.
    Supersede,
    /// End at once.
    Refuse,
}

/// Why the line is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Who stopped it.
    pub by: String,
    /// Why.
    pub reason: String,
}

fn default_alias() -> String {
    "live".to_owned()
}

fn default_keep_versions() -> Option<usize> {
    Some(10)
}

fn default_longest_wait() -> u64 {
    LONGEST_WAIT
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A verdict with so many latencies takes most of the 400 KB of DynamoDB's items.
const MOST_LATENCIES: usize = 300;

impl Document for Settings {
    fn check(&self, problems: &mut Vec<Problem>) {
        if self.schema != 1 {
            problems.push(Problem::new(
                "schema",
                format!("found {}; expected 1", self.schema),
            ));
        }
        if self.functions.is_empty() {
            problems.push(Problem::new(
                "functions",
                "found none; expected at least one function",
            ));
        }
        // DynamoDB writes at most 100 items in one transaction: the locks of a
        // group are taken together or not at all.
        check_range("functions", self.functions.len(), 1, 100, problems);
        for (name, target) in &self.functions {
            check_name(&format!("functions.{name}"), name, 64, problems);
            target.check(&format!("functions.{name}"), problems);
        }
        self.entry.check(problems);
        self.may.check(problems);
        if let Some(role) = &self.role {
            role.check(problems);
        }
        self.check_targets_are_used_once(problems);
        self.check_versions(problems);
        match &self.codedeploy {
            None => {
                steps::check(&self.steps, problems);
                self.check_somebody_can_approve(problems);
            }
            Some(codedeploy) => codedeploy.check(self, problems),
        }
        self.check_something_is_seen(problems);
        self.check_looks(problems);
        self.check_size_of_verdicts(problems);
        self.judge.check(LONGEST_WAIT, problems);
        self.evidence.check("evidence", problems);
        probe::check(&self.judge.probes, &self.functions, problems);
        suites::check(&self.suites, problems);
        if let Some(database) = &self.database {
            database.check(problems);
        }
        if let Some(approval) = &self.approval {
            approval.check(problems);
        }
        problems.extend(Calendar::read(&self.windows).err().into_iter().flatten());
        check_range(
            "longest_wait_seconds",
            self.longest_wait_seconds,
            0,
            LONGEST_WAIT,
            problems,
        );
        self.channels.check(problems);
        self.guards.check(problems);
        preview::check(self, problems);
        if let Some(freeze) = &self.frozen {
            freeze.check(problems);
        }
    }
}

impl Settings {
    fn check_targets_are_used_once(&self, problems: &mut Vec<Problem>) {
        let mut seen = BTreeMap::new();
        for (name, target) in &self.functions {
            if let Some(other) = seen.insert(&target.name, name) {
                problems.push(Problem::new(
                    format!("functions.{name}.name"),
                    format!("found `{}`, which functions.{other} names too; expected each function once", target.name),
                ));
            }
        }
    }

    fn check_versions(&self, problems: &mut Vec<Problem>) {
        if let Some(warm_up) = &self.warm_up {
            warm_up.check("warm_up", problems);
        }
        if let Some(keep) = self.keep_versions {
            // The one that serves, and the one before.
            check_range("keep_versions", keep, 2, 10_000, problems);
        }
    }

    /// The ledger's entry of a verdict has to fit into one item of DynamoDB.
    fn check_size_of_verdicts(&self, problems: &mut Vec<Problem>) {
        let (functions, limits) = (self.functions.len(), self.judge.latency.len());
        if functions * limits > MOST_LATENCIES {
            problems.push(Problem::new(
                "judge.latency",
                format!(
                    "found {limits} for each of {functions} functions; expected {MOST_LATENCIES} together at most, \
                     or a verdict would not fit into the ledger: leave limits out, or release the functions as \
                     several applications"
                ),
            ));
        }
    }

    /// The steps that Sluice takes itself: those of the settings, or the last one
    /// alone where CodeDeploy shifts.
    #[must_use]
    pub fn own_steps(&self) -> Vec<Step> {
        match &self.codedeploy {
            None => self.steps.clone(),
            Some(codedeploy) => vec![codedeploy.last_step()],
        }
    }

    /// How long the approvers of a step have, in seconds. None: no step asks them.
    #[must_use]
    pub fn step_approval_seconds(&self) -> Option<u64> {
        let approval = self.approval.as_ref();
        approval
            .filter(|_| self.own_steps().iter().any(Step::asks_approvers))
            .map(|approval| approval.expires_seconds)
    }

    fn check_looks(&self, problems: &mut Vec<Problem>) {
        let steps = self.own_steps();
        let watched = steps.iter().filter(|step| step.bake_seconds > 0);
        let baking: u64 = watched
            .map(|step| self.judge.looks(step.bake_seconds))
            .sum();
        let approval = self.step_approval_seconds();
        let waiting: u64 = steps
            .iter()
            .filter(|step| may_ask(&self.judge, step))
            .map(|step| looks_held(&self.judge, step, approval))
            .sum();
        let following = self.codedeploy.as_ref();
        let following = following.map(|codedeploy| codedeploy.looks(self.judge.period_seconds));
        let looks = baking + waiting + following.unwrap_or_default();
        if looks > MOST_LOOKS {
            problems.push(Problem::new(
                following.map_or("steps", |_| "codedeploy"),
                format!(
                    "bakes, lag, extensions and steps that may wait for a person come to {looks} looks of the judge; one execution has room \
                     for {MOST_LOOKS}: shorten `extend_seconds`, the bakes, `approval.expires_seconds` or `codedeploy.shift_seconds`, or lengthen `judge.period_seconds`"
                ),
            ));
        }
    }

    fn check_somebody_can_approve(&self, problems: &mut Vec<Problem>) {
        let asking = self.steps.iter().position(Step::asks_approvers);
        if let (Some(index), None) = (asking, &self.approval) {
            let message = "found `approval`, and no `approval` of this environment; expected its `approvers` there, \
                           or a step that asks nobody";
            problems.push(Problem::new(format!("steps[{index}].then"), message));
        }
    }

    /// Metrics come in whole periods. The bake lasts longer by their lag, so it is
    /// the bake itself, with its extension, that must hold one.
    fn check_something_is_seen(&self, problems: &mut Vec<Problem>) {
        let judge = &self.judge;
        let least = judge.period_seconds.saturating_mul(2);
        for (index, step) in self.own_steps().iter().enumerate() {
            let longest = step.bake_seconds.saturating_add(judge.extend_seconds);
            let could_pass = longest >= least || judge.on_inconclusive != OnInconclusive::RollBack;
            if step.bake_seconds > 0 && !could_pass {
                let path = match self.codedeploy {
                    None => format!("steps[{index}].bake_seconds"),
                    Some(_) => "codedeploy.bake_seconds".to_owned(),
                };
                problems.push(Problem::new(
                    path,
                    format!(
                        "found {} and an `extend_seconds` of {}; expected two metric periods together, {least}, \
                         or 0: the step would end before a whole period was seen, and be rolled back",
                        step.bake_seconds, judge.extend_seconds
                    ),
                ));
            }
        }
    }
}

impl WarmUp {
    fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        let path = format!("{path}.invocations");
        check_range(&path, self.invocations, 1, 100, problems);
    }
}

impl Target {
    fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        if let Some(warm_up) = &self.warm_up {
            warm_up.check(&format!("{path}.warm_up"), problems);
        }
        let name = function_name(&self.name);
        let is_plain = !name.is_empty()
            && name.len() <= 64
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !is_plain {
            problems.push(Problem::new(
                format!("{path}.name"),
                format!(
                    "found `{}`; expected a function's name or ARN without a qualifier",
                    self.name
                ),
            ));
        }
        let alias_is_version = self.alias.bytes().all(|b| b.is_ascii_digit());
        if self.alias.starts_with('$') || alias_is_version {
            problems.push(Problem::new(
                format!("{path}.alias"),
                format!(
                    "found `{}`; expected an alias, neither a version nor $LATEST",
                    self.alias
                ),
            ));
        }
        let is_version =
            |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if let Some(adopt) = self.adopt.as_ref().filter(|adopt| !is_version(adopt)) {
            problems.push(Problem::new(
                format!("{path}.adopt"),
                format!("found `{adopt}`; expected the number of a published version"),
            ));
        }
        if let Some(stack) = self.stack.as_ref().filter(|stack| !is_stack(stack)) {
            problems.push(Problem::new(
                format!("{path}.stack"),
                format!("found `{stack}`; expected a stack's name, not its ARN"),
            ));
        }
    }
}

/// Whether CloudFormation would take it for a stack's name.
fn is_stack(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

impl Freeze {
    fn check(&self, problems: &mut Vec<Problem>) {
        for (field, text) in [("by", &self.by), ("reason", &self.reason)] {
            if text.trim().is_empty() {
                let message = "found nothing; expected what people are told";
                problems.push(Problem::new(format!("frozen.{field}"), message));
            }
        }
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
