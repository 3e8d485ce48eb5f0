//! The plan: what a promotion would change, computed from what is there now.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::codedeploy::CodeDeploy;
use crate::configuration::FunctionConfiguration;
use crate::digest::Digest;
use crate::manifest::{Configuration, Function, Manifest};
use crate::migrations::{Callee, Database, Inapplicable, MigrationPlan, Operation, RestorePlan};
use crate::settings::{JudgePolicy, Role, Settings, Step, Target, WarmUp};
use crate::suites::{Suite, in_releases};
use crate::targets::together;

/// What a promotion would change. Approval binds to its [`Plan::hash`]; it is
/// computed again after the wait, and a different hash voids the approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The bundle digest.
    pub bundle: Digest,
    /// Per function of the manifest, what is there and what would be.
    pub functions: BTreeMap<String, FunctionPlan>,
    /// Whether it takes the environment back to a bundle that was promoted there before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub goes_back: bool,
    /// What is applied to the database before traffic moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<MigrationPlan>,
    /// What is done to the database instead of releasing code. None: code is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// What the settings say of the database, where it is worked on: what was planned
    /// against one is not done to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Digest>,
    /// The server of RDS that holds it: its region, its account and its name. None: the
    /// settings name none, or the plan is older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// What putting the database back to a backup would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestorePlan>,
    /// The role to assume for these functions, if they are in another account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The shift.
    pub steps: Vec<Step>,
    /// How long the approvers of a step have, in seconds. None: no step asks them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_seconds: Option<u64>,
    /// How many of a function's newest versions stay when it is over. None: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_versions: Option<usize>,
    /// The deployment groups that shift the functions, where CodeDeploy does. Then
    /// the one step is what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codedeploy: Option<CodeDeploy>,
    /// The test suites that run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<Suite>,
    /// How it is judged: the settings' policy, with the lag of these functions
    /// where the settings give none.
    pub judge: JudgePolicy,
}

/// What people are told of a plan that goes back.
pub const GOES_BACK: &str = "This is a rollback, to a bundle that was promoted here before: rules of entry, evidence, \
     alarms and error budgets do not hold it up.";

/// What is there and what would be, for one function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionPlan {
    /// The Lambda function's name or ARN, from the settings.
    pub name: String,
    /// The function's ARN: what is locked.
    pub arn: String,
    /// Its alias, from the settings.
    pub alias: String,
    /// The version that the alias points to. None: no alias yet, a first deployment.
    pub current: Option<CurrentVersion>,
    /// The SHA-256 of the code that the bundle brings.
    pub code: Digest,
    /// The configuration that the bundle brings.
    pub configuration: Option<Configuration>,
    /// The digest of all the configuration that the new version will have: the
    /// bundle's, laid over the function's own. None: the plan is older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_digest: Option<Digest>,
    /// How that configuration differs from what serves, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configuration_changes: Vec<String>,
    /// The calls that the new version gets before its first traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// What this promotion does to the function.
    pub change: Change,
}

/// The version that serves now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentVersion {
    /// The version's number.
    pub version: String,
    /// The SHA-256 of its code.
    pub code: Digest,
}

/// What a promotion does to a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Publish a new version and shift traffic to it.
    Update,
    /// Publish a version and create the alias: there is no baseline yet.
    First,
    /// Code and configuration are what already serves: left out of the shift.
    Unchanged,
}

/// What was found of one function.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The function's ARN, without a qualifier.
    pub arn: String,
    /// The alias's version with its code and configuration, if there is an alias.
    pub live: Option<(CurrentVersion, FunctionConfiguration)>,
    /// The function's own configuration: what the next version is made from.
    pub own: FunctionConfiguration,
}

impl Observed {
    /// How long a call may take, in seconds, of the version that serves or of the
    /// one that would be made with this configuration.
    #[must_use]
    pub fn longest_call(&self, built: Option<&Configuration>) -> u64 {
        let next = self.own.with(built);
        let serves = self.live.as_ref().map(|(_, configuration)| configuration);
        let timeouts = [Some(&next), serves].into_iter().flatten();
        let timeouts = timeouts.filter_map(|configuration| configuration.timeout_seconds);
        timeouts.map(u64::from).max().unwrap_or_default()
    }
}

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// A function of the bundle has no place in the environment.
    #[error(
        "release.json names function `{function}`, which the environment's settings don't; \
         add it under `functions` with `sluice env put`"
    )]
    UnknownFunction {
        /// The name in the manifest.
        function: String,
    },
    /// Lambda lets no alias be shared by the new version and the one that serves.
    #[error(
        "alias {alias} of {name} can't be shared by the version that serves and the new one, since Lambda wants \
         the role and the dead-letter queue of both to be the same: {}. Give the function back what it had, \
         or take this change in one step of 100 %, which shares nothing: \
         `\"steps\": [{{\"weight\": 100, \"bake_seconds\": 1800}}]` in the settings",
        .differs.join("; ")
    )]
    CannotShareAlias {
        /// The Lambda function's name or ARN, from the settings.
        name: String,
        /// Its alias.
        alias: String,
        /// What differs, with what serves and what would.
        differs: Vec<String>,
    },
    /// The environment's function was not looked at.
    #[error("nothing was observed of function `{function}`")]
    NotObserved {
        /// The name in the manifest.
        function: String,
    },
}

impl Plan {
    /// Makes the plan from what was built, what is wanted and what is there.
    ///
    /// # Errors
    /// When the manifest names a function that the settings or the
    /// observation lack, or a step would share an alias that can't be shared.
    pub fn make(
        bundle: Digest,
        manifest: &Manifest,
        settings: &Settings,
        observed: &BTreeMap<String, Observed>,
    ) -> Result<Self, NoPlan> {
        let mut functions = BTreeMap::new();
        let mut longest_call = 0;
        for (name, built) in &manifest.functions {
            let target = settings
                .functions
                .get(name)
                .ok_or_else(|| NoPlan::UnknownFunction {
                    function: name.clone(),
                })?;
            let found = observed.get(name).ok_or_else(|| NoPlan::NotObserved {
                function: name.clone(),
            })?;
            let code = match (&built.zip, &built.image) {
                (Some(zip), _) => zip.digest.clone(),
                (None, Some(image)) => image.digest.clone(),
                (None, None) => {
                    return Err(NoPlan::NotObserved {
                        function: name.clone(),
                    });
                }
            };
            let mut function = function(target, built, code, found);
            function.warm_up = (target.warm_up.as_ref())
                .or(settings.warm_up.as_ref())
                .cloned();
            if function.change != Change::Unchanged {
                refuse_if_unshareable(settings, target, found)?;
                longest_call = longest_call.max(found.longest_call(built.configuration.as_ref()));
            }
            functions.insert(name.clone(), function);
        }
        Ok(Self {
            bundle,
            functions,
            goes_back: false,
            database: None,
            migrations: None,
            operation: None,
            server: None,
            restore: None,
            role: settings.role.clone(),
            steps: settings.own_steps(),
            approval_seconds: settings.step_approval_seconds(),
            keep_versions: settings.keep_versions,
            codedeploy: settings
                .codedeploy
                .as_ref()
                .map(|codedeploy| codedeploy.of(manifest.functions.keys())),
            suites: in_releases(&settings.suites),
            judge: settings.judge.for_calls_of(longest_call),
        })
    }

    /// The plan of a promotion that works on the database instead: no code changes, and
    /// nothing is shifted or tested.
    #[must_use]
    pub fn of_operation(mut self, operation: Operation) -> Self {
        for function in self.functions.values_mut() {
            function.change = Change::Unchanged;
            function.configuration_changes.clear();
        }
        self.operation = Some(operation);
        self.steps.clear();
        self.suites.clear();
        self.approval_seconds = None;
        self.codedeploy = None;
        self
    }

    /// The plan's own digest.
    ///
    /// # Errors
    /// When a number of the plan can't be written as JSON (not a number).
    pub fn hash(&self) -> Result<Digest, serde_json::Error> {
        Digest::of_canonical(self)
    }

    /// How long its bakes take together, if none is extended and nobody has to say go.
    #[must_use]
    pub fn planned_bakes(&self) -> SignedDuration {
        planned_bakes(&self.steps, &self.judge)
    }

    /// How long it takes from when it begins: its migrations, as they took on a copy or else
    /// as they are estimated, and its bakes. Backups take what they take.
    #[must_use]
    pub fn takes(&self) -> SignedDuration {
        let pending = self.migrations.iter().filter(|one| one.pending > 0);
        let migrations = pending.map(|one| one.takes());
        migrations.fold(self.planned_bakes(), SignedDuration::saturating_add)
    }

    /// Whether a step leaves two versions on an alias, or CodeDeploy does.
    #[must_use]
    pub fn shares_aliases(&self) -> bool {
        self.codedeploy.is_some() || self.steps.iter().any(|step| step.weight < 100.0)
    }

    /// Whether there is a migration to apply.
    #[must_use]
    pub fn migrates(&self) -> bool {
        self.migrations.as_ref().is_some_and(|one| one.pending > 0)
    }

    /// What people have to know before all else, if it is more than a release.
    #[must_use]
    pub fn notice(&self) -> Option<&'static str> {
        let goes_back = self.goes_back.then_some(GOES_BACK);
        goes_back.or(self.operation.as_ref().map(Operation::notice))
    }

    /// Refuses to contract or undo what is not there to be, and to lose what was written
    /// where nobody is asked.
    ///
    /// # Errors
    /// Where nothing is pending, a restore would be approved by nobody, or another version
    /// serves than when it was planned what is undone.
    pub fn check_operation(
        &self,
        environment: &str,
        is_approved: bool,
        serves: Option<&str>,
    ) -> Result<(), Inapplicable> {
        let planned = self.migrations.as_ref();
        let planned = planned.and_then(|plan| plan.stays.as_deref());
        match &self.operation {
            Some(Operation::Undo {}) if self.migrates() && planned != serves => {
                Err(Inapplicable::OtherServes {
                    environment: environment.to_owned(),
                    serves: serves.unwrap_or("nothing").to_owned(),
                    planned: planned.unwrap_or("nothing").to_owned(),
                })
            }
            Some(Operation::Restore { .. }) if !is_approved => Err(Inapplicable::Unasked {
                environment: environment.to_owned(),
            }),
            Some(operation @ (Operation::Contract {} | Operation::Undo {})) if !self.migrates() => {
                Err(Inapplicable::NothingLeft {
                    operation: operation.clone(),
                    environment: environment.to_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Names the server that the database's backups are of, in the region and the account
    /// that the role, or else the functions, are in.
    pub fn name_server(&mut self, database: &Database) {
        let server = database.backup.place().filter(|place| place.is_server());
        let arn = self.functions.values().next();
        let arn = arn.map_or("", |function| function.arn.as_str());
        let of_arn = |at: usize| arn.split(':').nth(at).unwrap_or_default();
        let role = self.role.as_ref();
        let region = role.and_then(|role| role.region.as_deref());
        let account = role.and_then(Role::account);
        let region = region.unwrap_or_else(|| of_arn(3));
        let account = account.unwrap_or_else(|| of_arn(4));
        self.server = server.map(|server| format!("server {region} {account} {server}"));
    }

    /// What it locks: the functions that change, the database that is migrated, and its
    /// server: a restore alone, migrations together with those of other databases there.
    /// What works on the database keeps all functions as they are, and a restore those that
    /// get no calls, too.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        let is_held = |function: &&FunctionPlan| {
            self.operation.is_some() || function.change != Change::Unchanged
        };
        let functions = self.functions.values().filter(is_held);
        let functions = functions.map(|function| function.arn.clone());
        let mut functions: Vec<String> = functions.collect();
        let stopped = self.restore.iter().flat_map(|one| one.stops.values());
        let stopped = stopped.filter(|callee| !self.has(&callee.arn));
        functions.extend(stopped.map(|callee| callee.arn.clone()));
        let migrations = self.migrations.iter().filter(|one| one.pending > 0);
        let restored = self.restore.iter().filter_map(|one| one.place.as_ref());
        let databases = migrations.map(|one| &one.place).chain(restored);
        let databases = databases.map(|place| format!("database {place}"));
        let server = self.server.iter().filter_map(|server| match &self.restore {
            Some(_) => Some(server.clone()),
            None => self.migrates().then(|| together(server)),
        });
        functions
            .into_iter()
            .chain(databases)
            .chain(server)
            .collect()
    }

    fn has(&self, arn: &str) -> bool {
        self.functions.values().any(|function| function.arn == arn)
    }

    /// Whom a restore takes calls off, by the name that manifests use.
    #[must_use]
    pub fn stops(&self) -> BTreeMap<String, Callee> {
        let planned = self.restore.as_ref().map(|restore| &restore.stops);
        if let Some(stops) = planned.filter(|stops| !stops.is_empty()) {
            return stops.clone();
        }
        let own = self.functions.iter().map(|(name, function)| {
            let callee = Callee {
                arn: function.arn.clone(),
                alias: function.alias.clone(),
            };
            (name.clone(), callee)
        });
        own.collect()
    }

    /// The functions that change, in order.
    pub fn changes(&self) -> impl Iterator<Item = (&String, &FunctionPlan)> {
        self.functions
            .iter()
            .filter(|(_, function)| function.change != Change::Unchanged)
    }
}

/// How long the bakes of these steps take together, if none is extended and nobody has to
/// say go.
#[must_use]
pub fn planned_bakes(steps: &[Step], judge: &JudgePolicy) -> SignedDuration {
    let watched = steps.iter().filter(|step| step.bake_seconds > 0);
    let seconds = watched.map(|step| step.bake_seconds.saturating_add(judge.lag()));
    let seconds = seconds.fold(0_u64, u64::saturating_add);
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Whether a step of these settings leaves two versions on an alias, or CodeDeploy does.
#[must_use]
pub fn shares_aliases(settings: &Settings) -> bool {
    settings.codedeploy.is_some() || settings.steps.iter().any(|step| step.weight < 100.0)
}

/// A step below 100 % has two versions behind one alias. A first version has none
/// beside it.
fn refuse_if_unshareable(
    settings: &Settings,
    target: &Target,
    found: &Observed,
) -> Result<(), NoPlan> {
    let serves = found.live.as_ref().filter(|_| shares_aliases(settings));
    let differs = serves.map(|(_, serves)| found.own.unshareable_with(serves));
    match differs.unwrap_or_default() {
        differs if differs.is_empty() => Ok(()),
        differs => Err(NoPlan::CannotShareAlias {
            name: target.name.clone(),
            alias: target.alias.clone(),
            differs,
        }),
    }
}

fn function(target: &Target, built: &Function, code: Digest, found: &Observed) -> FunctionPlan {
    let configuration = found.own.with(built.configuration.as_ref());
    let nothing = FunctionConfiguration::default();
    let live = found.live.as_ref();
    let serves = live.map_or(&nothing, |(_, serves)| serves);
    FunctionPlan {
        name: target.name.clone(),
        arn: found.arn.clone(),
        alias: target.alias.clone(),
        current: live.map(|(version, _)| version.clone()),
        change: match live {
            None => Change::First,
            Some((current, _)) if current.code == code && *serves == configuration => {
                Change::Unchanged
            }
            Some(_) => Change::Update,
        },
        code,
        configuration: built.configuration.clone(),
        configuration_digest: Some(configuration.digest()),
        configuration_changes: configuration.changes_since(serves),
        warm_up: None,
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
