//! Brings one function to its new version: looks, does the one thing that is
//! missing, looks again.

use sluice_domain::alias::Alias;
use sluice_domain::journal::Published;
use sluice_domain::manifest::Configuration;
use sluice_domain::owner::mover;
use sluice_domain::plan::FunctionPlan;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_platform::patience::Waiting;

use crate::work::Job;
use crate::{Change, ChangeError, Code, Deployed, Error, Inspect, Records, Status};

/// Publishes the functions of one promotion.
pub(crate) struct Publisher<'a, A, R> {
    pub(crate) account: &'a A,
    pub(crate) records: &'a R,
    pub(crate) promotion: &'a PromotionId,
    pub(crate) generation: Generation,
    pub(crate) waiting: Waiting,
}

/// What a function's `$LATEST` lacks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Next<'a> {
    Configure(&'a Configuration),
    UpdateCode,
    Publish,
}

/// What was last changed: it answers for a function that then fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changed {
    Configuration,
    Code,
}

/// Decides what to do next. A function that failed before is mended by its new
/// code first.
fn next<'a>(latest: &Deployed, plan: &'a FunctionPlan, code: &Code) -> Next<'a> {
    match &plan.configuration {
        _ if matches!(latest.status, Status::Failed(_)) => Next::UpdateCode,
        Some(wanted) if !latest.configuration.has(wanted) => Next::Configure(wanted),
        _ if latest.code.as_ref() != Some(code.digest()) => Next::UpdateCode,
        _ => Next::Publish,
    }
}

impl<A: Inspect + Change, R: Records> Publisher<'_, A, R> {
    /// Publishes one function, or finds that it stays as it is.
    pub(crate) async fn publish(&self, job: Job) -> Result<(String, Published), Error> {
        let Job {
            name,
            plan,
            code,
            description,
        } = job;
        let alias = self.account.alias(&plan.arn, &plan.alias).await?;
        check_alias(self.promotion, &plan, alias.as_ref())?;
        let stable = alias.as_ref().map(|alias| alias.routing.version.clone());
        let version = match (code, &plan.current) {
            (None, Some(current)) => current.version.clone(),
            (None, None) => return Err(Error::FunctionMissing(plan.arn)),
            (Some(code), _) => {
                let version = self.make_version(&plan, &code, &description).await?;
                self.check_version(&plan, &code, &version).await?;
                version
            }
        };
        let published = Published {
            changed: stable.as_ref() != Some(&version),
            name: plan.name,
            arn: plan.arn,
            alias: plan.alias,
            version,
            stable,
            revision: alias.map(|alias| alias.revision),
        };
        Ok((name, published))
    }

    /// Publishes a version as the plan wants it. What the manifest configures
    /// is for that version: the function gets its own back, whatever came of it.
    async fn make_version(
        &self,
        plan: &FunctionPlan,
        code: &Code,
        description: &str,
    ) -> Result<String, Error> {
        let Some(wanted) = &plan.configuration else {
            return self.converge(plan, code, description).await;
        };
        let version = self.converge(plan, code, description).await;
        let given_back = self.give_back(&plan.arn, wanted).await;
        let version = version?;
        given_back?;
        Ok(version)
    }

    /// Changes `$LATEST` until it is what the plan wants, then publishes it.
    /// Each change is made once: if its effect isn't there afterwards, somebody
    /// else writes here too, and overwriting each other mends nothing.
    async fn converge(
        &self,
        plan: &FunctionPlan,
        code: &Code,
        description: &str,
    ) -> Result<String, Error> {
        let function = &plan.arn;
        let mut pauses = self.waiting.pauses();
        let mut changes: Vec<Changed> = Vec::new();
        let mut before = None;
        loop {
            let latest = self.settled(function, before.as_deref()).await?;
            check_outcome(function, &latest, changes.last())?;
            check_plan(plan, &latest)?;
            check_environment(plan, &latest)?;
            let next = next(&latest, plan, code);
            check_progress(function, &latest, code, next, &changes)?;
            if let Next::Configure(wanted) = next {
                self.remember(function, &latest, wanted).await?;
            }
            self.records
                .check_fence(self.promotion, self.generation)
                .await?;
            let (change, result) = match next {
                Next::Configure(wanted) => {
                    let result = self
                        .account
                        .configure(function, wanted, &latest.revision)
                        .await;
                    (Changed::Configuration, result)
                }
                Next::UpdateCode => {
                    let result = self
                        .account
                        .update_code(function, code, &latest.revision)
                        .await;
                    (Changed::Code, result)
                }
                Next::Publish => match self.account.publish(function, &latest, description).await {
                    Ok(version) => return Ok(version),
                    Err(error) => (Changed::Code, Err(error)),
                },
            };
            match result {
                Ok(()) => {
                    changes.push(change);
                    before = Some(latest.revision);
                }
                Err(ChangeError::Conflict) if pauses.pause().await => {}
                Err(ChangeError::Conflict) => {
                    return Err(self.not_ready(function, "changes by somebody else", "none"));
                }
                Err(ChangeError::Refused(reason)) => return Err(refused(function, change, reason)),
                Err(ChangeError::Unsigned(reason)) => return Err(unsigned(function, reason)),
                Err(ChangeError::Unreadable(reason)) => {
                    return Err(unreadable(function, code, reason));
                }
                Err(ChangeError::Fault(fault)) => return Err(fault.into()),
            }
        }
    }

    /// Writes down what the function itself has where the manifest is about to be
    /// laid over it. The change is conditional on what was read here: whatever
    /// it overwrites is written down.
    async fn remember(
        &self,
        function: &str,
        latest: &Deployed,
        wanted: &Configuration,
    ) -> Result<(), Error> {
        let remembered = self.records.own(self.promotion, function).await?;
        let own = latest.configuration.beneath(wanted, remembered.as_ref());
        if remembered.as_ref() != Some(&own) {
            self.records
                .remember(self.promotion, self.generation, function, Some(&own))
                .await?;
        }
        Ok(())
    }

    /// Takes away from `$LATEST` what this or an earlier try laid over it, and
    /// tries again while it may help.
    async fn give_back(&self, function: &str, laid_over: &Configuration) -> Result<(), Error> {
        let mut pauses = self.waiting.pauses();
        loop {
            match self.try_to_give_back(function, laid_over).await {
                Err(error) if error.may_pass() && pauses.pause().await => {}
                given_back => return given_back,
            }
        }
    }

    /// What is not there any more was given back, or somebody else has other
    /// plans for the function, or this look does not show it yet: so nothing is
    /// wiped then.
    async fn try_to_give_back(
        &self,
        function: &str,
        laid_over: &Configuration,
    ) -> Result<(), Error> {
        let remembered = self.records.own(self.promotion, function).await?;
        let Some(remembered) = remembered else {
            return Ok(());
        };
        let latest = self.settled(function, None).await?;
        let own = latest.configuration.beneath(laid_over, Some(&remembered));
        if latest.configuration.has(&own) {
            return Ok(());
        }
        self.records
            .check_fence(self.promotion, self.generation)
            .await?;
        let given = self.account.configure(function, &own, &latest.revision);
        given.await.map_err(|error| match error {
            ChangeError::Conflict => self.not_ready(function, "changes by somebody else", "none"),
            ChangeError::Refused(reason) | ChangeError::Unreadable(reason) => {
                let reason = format!("its own can't be given back: {reason}");
                refused(function, Changed::Configuration, reason)
            }
            ChangeError::Unsigned(reason) => unsigned(function, reason),
            ChangeError::Fault(fault) => fault.into(),
        })?;
        self.records
            .remember(self.promotion, self.generation, function, None)
            .await?;
        Ok(())
    }

    /// `$LATEST`, once Lambda no longer works on it, and no longer shows how it
    /// was `before` a change.
    async fn settled(&self, function: &str, before: Option<&str>) -> Result<Deployed, Error> {
        let mut pauses = self.waiting.pauses();
        loop {
            let latest = self.account.deployed(function, None).await?;
            let latest = latest.ok_or_else(|| Error::FunctionMissing(function.to_owned()))?;
            if latest.status != Status::Pending && before != Some(latest.revision.as_str()) {
                return Ok(latest);
            }
            if !pauses.pause().await {
                return Err(self.not_ready(function, "an update in progress", "its end"));
            }
        }
    }

    /// Waits until a published version can be invoked, and looks at its code.
    async fn check_version(
        &self,
        plan: &FunctionPlan,
        code: &Code,
        version: &str,
    ) -> Result<(), Error> {
        let name = format!("{}:{version}", plan.arn);
        let mut pauses = self.waiting.pauses();
        loop {
            // A version that was published a moment ago may not be found yet.
            let found = self.account.deployed(&plan.arn, Some(version)).await?;
            match found {
                Some(found) if found.status == Status::Ready => {
                    return check_code(&name, &found, code);
                }
                Some(Deployed {
                    status: Status::Failed(reason),
                    ..
                }) => {
                    return Err(Error::PackageRefused {
                        function: name,
                        reason,
                    });
                }
                _ if pauses.pause().await => {}
                _ => return Err(self.not_ready(&name, "state Pending", "Active")),
            }
        }
    }

    fn not_ready(&self, function: &str, found: &'static str, expected: &'static str) -> Error {
        Error::NotReady {
            function: function.to_owned(),
            seconds: self.waiting.seconds(),
            found,
            expected,
        }
    }
}

/// The journal will say where the alias stood: that must be what was approved,
/// and one version alone.
fn check_alias(
    promotion: &PromotionId,
    plan: &FunctionPlan,
    alias: Option<&Alias>,
) -> Result<(), Error> {
    let expected = plan.current.as_ref().map(|current| &current.version);
    let is_settled = alias.is_none_or(|alias| alias.routing.is_settled());
    if is_settled && alias.map(|alias| &alias.routing.version) == expected {
        return Ok(());
    }
    let found = match alias {
        None => "no alias".to_owned(),
        Some(alias) if alias.routing.is_settled() => format!("version {}", alias.routing.version),
        Some(alias) => {
            let others: Vec<_> = alias.routing.weights.keys().map(String::as_str).collect();
            format!(
                "version {} shared with {}",
                alias.routing.version,
                others.join(", ")
            )
        }
    };
    Err(Error::AliasChanged {
        function: plan.arn.clone(),
        alias: plan.alias.clone(),
        found,
        expected: expected.map_or("no alias".to_owned(), |version| {
            format!("version {version} alone")
        }),
        mover: alias.map_or("Somebody else deleted it".to_owned(), |alias| {
            let mover = mover(alias.description.as_deref(), promotion);
            format!("It was moved by {mover}")
        }),
    })
}

/// What the manifest leaves out comes from the function itself: that must be
/// what was approved, too.
fn check_plan(plan: &FunctionPlan, latest: &Deployed) -> Result<(), Error> {
    let found = latest.configuration.with(plan.configuration.as_ref());
    let found = found.digest();
    match &plan.configuration_digest {
        Some(expected) if *expected != found => Err(Error::PlanChanged {
            function: plan.arn.clone(),
            found,
            expected: expected.clone(),
        }),
        _ => Ok(()),
    }
}

/// What can't be read can't be given back.
fn check_environment(plan: &FunctionPlan, latest: &Deployed) -> Result<(), Error> {
    let names_it = |wanted: &Configuration| wanted.environment.is_some();
    if latest.configuration.environment.is_none()
        && plan.configuration.as_ref().is_some_and(names_it)
    {
        return Err(Error::EnvironmentUnreadable(plan.arn.clone()));
    }
    Ok(())
}

/// A change that Lambda took may fail later.
fn check_outcome(function: &str, latest: &Deployed, last: Option<&Changed>) -> Result<(), Error> {
    match (&latest.status, last) {
        (Status::Failed(reason), Some(change)) => Err(refused(function, *change, reason.clone())),
        _ => Ok(()),
    }
}

/// A change that was made and has to be made again did not take.
fn check_progress(
    function: &str,
    latest: &Deployed,
    code: &Code,
    next: Next<'_>,
    changes: &[Changed],
) -> Result<(), Error> {
    match next {
        Next::Configure(_) if changes.contains(&Changed::Configuration) => {
            let reason = "it was applied, but the function has other values now".to_owned();
            Err(refused(function, Changed::Configuration, reason))
        }
        Next::UpdateCode if changes.contains(&Changed::Code) => check_code(function, latest, code),
        _ => Ok(()),
    }
}

fn check_code(function: &str, found: &Deployed, code: &Code) -> Result<(), Error> {
    if found.code.as_ref() == Some(code.digest()) {
        return Ok(());
    }
    Err(Error::CodeMismatch {
        function: function.to_owned(),
        found: found
            .code
            .as_ref()
            .map_or("without a digest".to_owned(), ToString::to_string),
        expected: code.digest().clone(),
    })
}

fn refused(function: &str, change: Changed, reason: String) -> Error {
    let function = function.to_owned();
    match change {
        Changed::Configuration => Error::ConfigurationRefused { function, reason },
        Changed::Code => Error::PackageRefused { function, reason },
    }
}

fn unsigned(function: &str, reason: String) -> Error {
    let function = function.to_owned();
    Error::SignatureRefused { function, reason }
}

fn unreadable(function: &str, code: &Code, reason: String) -> Error {
    Error::CodeUnreadable {
        function: function.to_owned(),
        place: code.to_string(),
        reason,
    }
}
