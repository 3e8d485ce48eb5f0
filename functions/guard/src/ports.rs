//! What `guard` works on.

use std::future::Future;

use sluice_domain::codedeploy::DeploymentGroup;
use sluice_domain::controls::Controls;
use sluice_domain::guards::{Checked, Guards};
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::OldCalls;
use sluice_domain::owner::Standing;
use sluice_domain::path::Place;
use sluice_domain::plan::{FunctionPlan, Observed, Plan};
use sluice_domain::promotion::{BundleRef, Generation, Outcome, Promotion, PromotionId};
use sluice_domain::settings::{Role, Settings, Target};
use sluice_domain::start::Waiting;
use sluice_platform::fault::Fault;
use sluice_platform::guards::Function;
use sluice_platform::seal::Opened;
use sluice_platform::store::{OpenRequest, Release, StoreError, TaskToken, Ticket};
use sluice_platform::task::Resumed;

use crate::Error;

/// Promotions and their plans.
pub trait Promotions {
    /// A promotion with its generation. Reads only.
    fn promotion(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<(Promotion, Generation), StoreError>>;

    /// All promotions of an application, how they end a moment late. Reads only.
    fn promotions_of(
        &self,
        application: &str,
    ) -> impl Future<Output = Result<Vec<Promotion>, StoreError>>;

    /// The plan that was made. Reads only.
    fn plan_of(&self, id: &PromotionId) -> impl Future<Output = Result<Plan, StoreError>>;

    /// Keeps a plan. Safe to repeat.
    fn keep_plan(
        &self,
        id: &PromotionId,
        plan: &Plan,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Raises the generation: who carries an older one writes no more. Safe to
    /// repeat.
    fn fence(&self, id: &PromotionId) -> impl Future<Output = Result<Generation, StoreError>>;

    /// Ends a promotion and fences off who still works on it. Answers it as it
    /// stands now: the first outcome stays. `Fenced` where it has not ended and has
    /// another generation than the one it is to end `under`. Safe to repeat.
    fn end(
        &self,
        id: &PromotionId,
        said: (Outcome, &str),
        under: Option<Generation>,
        now: jiff::Timestamp,
    ) -> impl Future<Output = Result<Promotion, StoreError>>;

    /// Writes the record of a promotion that nobody has opened, as one that has
    /// ended: whoever opens it later is refused. False if there is a record, which
    /// stays as it is. Safe to repeat.
    fn close_unopened(&self, closed: &Promotion) -> impl Future<Output = Result<bool, StoreError>>;

    /// Stops looking after a promotion that has ended. Safe to repeat.
    fn settle(&self, id: &PromotionId) -> impl Future<Output = Result<(), StoreError>>;
}

/// Bundles.
pub trait Bundles {
    /// The manifest, at its pinned version, checked against its digest. Reads only.
    fn manifest(&self, bundle: &BundleRef) -> impl Future<Output = Result<Manifest, Error>>;
}

/// Settings.
pub trait Environments {
    /// An environment's settings as they are now. Reads only.
    fn settings(&self, id: &PromotionId) -> impl Future<Output = Result<Settings, Error>>;
}

/// The way of releases through environments.
pub trait Paths {
    /// All environments of an application as they are now, in order. Reads only.
    fn path(&self, application: &str) -> impl Future<Output = Result<Vec<Place>, Error>>;

    /// The attempt that a promotion belongs to. Reads only.
    fn attempt(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Release>, StoreError>>;
}

/// What is there.
pub trait Lookup {
    /// A function and what its alias serves, or None if there is no such
    /// function. Reads only.
    fn look(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        target: &Target,
    ) -> impl Future<Output = Result<Option<Observed>, Fault>>;

    /// Whether an alias has provisioned concurrency of its own. Reads only.
    fn is_provisioned(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        function: &FunctionPlan,
    ) -> impl Future<Output = Result<bool, Fault>>;

    /// The names of a function's aliases. Reads only.
    fn aliases(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        function: &str,
    ) -> impl Future<Output = Result<Vec<String>, Fault>>;

    /// The compute platform of a deployment group, as CodeDeploy names it, or None
    /// if there is no such group. Reads only.
    fn platform(
        &self,
        group: &DeploymentGroup,
    ) -> impl Future<Output = Result<Option<String>, Fault>>;
}

/// Whose aliases are.
pub trait Owners {
    /// What is known of the alias of a function of the plan. Reads only.
    fn standing(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        function: &FunctionPlan,
    ) -> impl Future<Output = Result<Standing, StoreError>>;
}

/// Approvals.
pub trait Approvals {
    /// The request of a promotion with its votes, by whether their seals hold, if people
    /// were asked. Reads only.
    fn approval(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<(OpenRequest, Opened)>, StoreError>>;
}

/// What the guards of settings ask.
pub trait Signals {
    /// Asks all of these guards, those of the error budget for these functions.
    /// Reads only.
    fn signals(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        guards: &Guards,
        functions: &[Function<'_>],
        now: jiff::Timestamp,
    ) -> impl Future<Output = Result<Vec<Checked>, Fault>>;

    /// The calls in this time of all functions of the environment that were not of what
    /// serves. Reads only.
    fn old_calls(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        between: (jiff::Timestamp, jiff::Timestamp),
    ) -> impl Future<Output = Result<Vec<OldCalls>, Error>>;
}

/// Promotions that wait for their time.
pub trait Waits {
    /// Until when and why a promotion waits, if it ever did. Reads only.
    fn waiting_of(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Waiting>, StoreError>>;

    /// Keeps until when and why it waits. Safe to repeat.
    fn keep_waiting(
        &self,
        id: &PromotionId,
        waiting: &Waiting,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// What operators asked of a promotion. Reads only.
    fn controls(&self, id: &PromotionId) -> impl Future<Output = Result<Controls, StoreError>>;
}

/// Locks.
pub trait Locks {
    /// Takes all of these targets or none. Safe to repeat.
    fn lock(
        &self,
        id: &PromotionId,
        targets: &[String],
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Whether a promotion holds a target. Reads only.
    fn holds(
        &self,
        id: &PromotionId,
        target: &str,
    ) -> impl Future<Output = Result<bool, StoreError>>;

    /// Gives back all that a promotion holds. Safe to repeat.
    fn unlock(&self, id: &PromotionId) -> impl Future<Output = Result<(), StoreError>>;
}

/// The line in front of the locks.
pub trait Line {
    /// Puts a promotion in line. Safe to repeat.
    fn join(&self, ticket: &Ticket) -> impl Future<Output = Result<(), StoreError>>;

    /// Everybody who waits, first come first. Reads only.
    fn waiting(&self) -> impl Future<Output = Result<Vec<Ticket>, StoreError>>;

    /// Takes a promotion out of the line. Safe to repeat.
    fn leave(&self, ticket: &Ticket) -> impl Future<Output = Result<(), StoreError>>;
}

/// Executions that wait for their turn.
pub trait Executions {
    /// Lets one go on with its fencing generation. Safe to repeat.
    fn resume(
        &self,
        token: &TaskToken,
        generation: Generation,
    ) -> impl Future<Output = Result<Resumed, Fault>>;

    /// Ends one's wait because a newer one took its place. Safe to repeat.
    fn supersede(
        &self,
        token: &TaskToken,
        by: &PromotionId,
    ) -> impl Future<Output = Result<Resumed, Fault>>;
}

/// The ledger.
pub trait Record {
    /// Records a fact under a key. Safe to repeat.
    fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: serde_json::Value,
    ) -> impl Future<Output = Result<(), Fault>>;
}
