//! What says no, by how its callers react.

use sluice_domain::codedeploy::DeploymentGroup;
use sluice_domain::entry::NotAdmitted;
use sluice_domain::guards::{Checked, Guard, State};
use sluice_domain::may::NotAllowed;
use sluice_domain::migrations::{Inapplicable, Unfit};
use sluice_domain::owner::NotOurs;
use sluice_domain::path;
use sluice_domain::plan::NoPlan;
use sluice_domain::preview::NotPreviewed;
use sluice_domain::promotion::PromotionId;
use sluice_domain::start::{self, NotYet};
use sluice_platform::bundle::BundleError;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

/// What says no.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No plan can be made.
    #[error(transparent)]
    NoPlan(#[from] NoPlan),
    /// Nobody is foreseen who looks at what its migrations do.
    #[error(transparent)]
    MigrationsUnfit(#[from] Unfit),
    /// What is asked of the database can't be done of this release, or not now.
    #[error(transparent)]
    Inapplicable(#[from] Inapplicable),
    /// An alias is not Sluice's to move.
    #[error(transparent)]
    NotOurs(#[from] NotOurs),
    /// A Lambda function of the settings does not exist.
    #[error(
        "there is no Lambda function {name} (`{function}` in release.json); create it with your stack, then release again"
    )]
    FunctionMissing {
        /// The name in the manifest.
        function: String,
        /// The name in the settings.
        name: String,
    },
    /// Aliases have provisioned concurrency themselves and would have to share traffic.
    #[error(
        "{} has provisioned concurrency of its own, and Lambda does not share the traffic of such an alias \
         between versions; give it to the version that serves instead (Sluice moves it to each new one), or \
         shift in a single step of 100 %. Nothing was touched",
        .0.join(", ")
    )]
    AliasProvisioned(Vec<String>),
    /// CodeDeploy can't shift a function through the deployment group of the settings.
    #[error(
        "deployment group {group} of `{function}`: found {found}, expected one of the compute platform Lambda; \
         mend `codedeploy` with `sluice env put` or create the group, then release again"
    )]
    DeploymentGroupUnfit {
        /// The name in the manifest.
        function: String,
        /// The group in the settings.
        group: DeploymentGroup,
        /// What is there.
        found: String,
    },
    /// The database that was planned against may be another one now.
    #[error(
        "the settings of {0} say something else of `database` than when its migrations were planned; expected the same. \
         Nothing was touched. Release again, which plans them anew"
    )]
    DatabaseChanged(String),
    /// What the approval was bound to is not what is there now.
    #[error(
        "the plan changed since it was approved: found {found}, approved was {approved}; nothing was touched. Release again to ask for a new approval"
    )]
    PlanChanged {
        /// The plan's hash now.
        found: String,
        /// The hash that was approved.
        approved: String,
    },
    /// An approval is required and there is none that holds.
    #[error("this environment asks for an approval; {0}")]
    NotApproved(String),
    /// The line is stopped.
    #[error(
        "{environment} is frozen by {by}: {reason}; release again when `frozen` is gone from its settings"
    )]
    Frozen {
        /// The environment.
        environment: String,
        /// Who froze it.
        by: String,
        /// Why.
        reason: String,
    },
    /// It is not the time for releases, and it is known too long to wait for it, or the
    /// promotion is past its wait.
    #[error(
        "{environment} takes no release now: {}{}; release again then, or have the windows overridden with \
         `sluice override-windows`",
        .not_yet.why,
        .not_yet.not_before.map_or(" (no opening is known)".to_owned(), |time| format!(" (the next opening is at {time})"))
    )]
    OutsideWindow {
        /// The environment.
        environment: String,
        /// Why not, and when.
        not_yet: NotYet,
    },
    /// A guard of the settings says no.
    #[error("{}; release again when that is over (`guards` in the environment's settings)", .0.found)]
    Stopped(Checked),
    /// A guard of the environment before says no, while the release stands there.
    #[error(
        "in {before}, where the release stands first: {}; look at {before}, go back there with `sluice rollback` if need \
         be, and release again when that is over (`guards` in the settings of {before})",
        .checked.found
    )]
    StoppedBefore {
        /// The environment before.
        before: String,
        /// What its guard found.
        checked: Checked,
    },
    /// A newer version is already there.
    #[error(
        "{newer} was promoted already, which is newer; to go back to an older version use `sluice rollback`"
    )]
    OutOfOrder {
        /// The newer promotion.
        newer: PromotionId,
    },
    /// The environment before this one has not promoted the release.
    #[error("{before} has not promoted: it is {found}; a release takes its environments in order")]
    OutOfTurn {
        /// The promotion that comes first.
        before: PromotionId,
        /// How it stands.
        found: &'static str,
    },
    /// The environment's rules don't take the release.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// Who began the release may not start a promotion here (any more).
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// It is a preview, and this is not its place.
    #[error(transparent)]
    NotPreviewed(#[from] NotPreviewed),
    /// The environment before has not had it, or not for long enough.
    #[error(transparent)]
    NotYet(#[from] path::NotYet),
    /// It has not stood in the environment before for long enough yet.
    #[error(
        "{}, which is at {}; promote it after that",
        .0.why, .0.not_before.map_or("a time that is not known".to_owned(), |time| time.to_string())
    )]
    NotSoaked(start::NotYet),
    /// Somebody else holds a target, and the settings say not to wait.
    #[error(
        "{target} is held by {holder}, and this environment's queue policy is `refuse`; release again when it has ended"
    )]
    TargetsBusy {
        /// The target.
        target: String,
        /// Who holds it.
        holder: String,
    },
    /// The plan changed while it waited, and somebody else holds what it now
    /// changes too.
    #[error(
        "since this promotion was planned, {target} must change too, and {holder} holds it; nothing was touched. Release again when it has ended"
    )]
    NewTargetBusy {
        /// The target.
        target: String,
        /// Who holds it.
        holder: String,
    },
    /// The bundle can't be read as it was released.
    #[error(transparent)]
    Bundle(BundleError),
    /// The settings can't be used.
    #[error(transparent)]
    Settings(SettingsError),
    /// The state table refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<BundleError> for Error {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Fault(fault) => fault.into(),
            other => Self::Bundle(other),
        }
    }
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Fault(fault) => fault.into(),
            other => Self::Settings(other),
        }
    }
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::NoPlan(NoPlan::CannotShareAlias { .. }) => "CannotShareAlias",
            Self::NoPlan(NoPlan::UnknownFunction { .. } | NoPlan::NotObserved { .. }) => {
                "UnknownFunction"
            }
            Self::NotOurs(NotOurs::OwnedElsewhere { .. }) => "AliasOwnedElsewhere",
            Self::NotOurs(NotOurs::Drifted(_)) => "AliasDrifted",
            Self::FunctionMissing { .. } => "FunctionMissing",
            Self::AliasProvisioned(_) => "AliasProvisioned",
            Self::DeploymentGroupUnfit { .. } => "DeploymentGroupUnfit",
            Self::PlanChanged { .. } | Self::DatabaseChanged(_) => "PlanChanged",
            Self::MigrationsUnfit(_) => "MigrationsUnfit",
            Self::Inapplicable(refusal) => refusal.name(),
            Self::NotApproved(_) => "NotApproved",
            Self::Frozen { .. } => "Frozen",
            Self::OutsideWindow { .. } => "OutsideWindow",
            Self::Stopped(checked) | Self::StoppedBefore { checked, .. } => stopped(checked),
            Self::OutOfOrder { .. } => "OutOfOrder",
            Self::OutOfTurn { .. } => "OutOfTurn",
            Self::NotSoaked(_) => "NotSoaked",
            Self::NotAdmitted(refusal) => refusal.name(),
            Self::NotAllowed(refusal) => refusal.name(),
            Self::NotPreviewed(refusal) => refusal.name(),
            Self::NotYet(refusal) => refusal.name(),
            Self::TargetsBusy { .. } | Self::NewTargetBusy { .. } => "TargetsBusy",
            Self::Bundle(_) => "BundleInvalid",
            Self::Settings(_) => "InvalidSettings",
            Self::Store(error) => error.name(),
            Self::Fault(fault) => fault_name(fault),
        }
    }
}

/// The name of a guard that says no.
fn stopped(checked: &Checked) -> &'static str {
    match (checked.guard, checked.state) {
        (Guard::Incident, _) => "IncidentOpen",
        (Guard::Alarm, State::Missing) => "AlarmMissing",
        (Guard::Alarm, _) => "AlarmRaised",
        (Guard::ErrorBudget, _) => "ErrorBudgetSpent",
    }
}
