//! What `sluice doctor` looks at, and what it makes of that.
//!
//! [`look`] asks AWS and brings facts back, [`judge`] makes findings of them
//! without asking anybody. Permissions are tried with calls that change nothing:
//! IAM answers before the service finds that there is nothing to do.

pub mod judge;
pub mod look;

use std::collections::BTreeMap;

use sluice_domain::document::Invalid;
use sluice_domain::settings::Settings;
use sluice_domain::versions::CodeStorage;
use sluice_platform::fault::Fault;

use crate::{aliases, settings_check};

/// Who asks.
#[derive(Debug)]
pub struct Identity {
    /// The region that is set.
    pub region: Option<String>,
    /// The caller's ARN. None: nobody was asked, for want of a region.
    pub caller: Option<Result<String, Fault>>,
}

/// A call that commands make, tried where it changes nothing.
#[derive(Debug)]
pub struct Tried {
    /// The permission that it takes: `states:StopExecution`.
    pub permission: &'static str,
    /// On what.
    pub resource: String,
    /// What does not work without it. None: no release does.
    pub loses: Option<&'static str>,
    /// What came of it.
    pub answer: Result<(), Fault>,
}

/// A part of the stack, with the calls that commands make there.
#[derive(Debug)]
pub struct Area {
    /// What it is.
    pub subject: String,
    /// What works if every call is allowed.
    pub works: &'static str,
    /// The calls.
    pub tried: Vec<Tried>,
}

/// How the artifacts bucket is set up.
#[derive(Debug)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Whether it keeps versions.
    pub keeps_versions: Result<bool, Fault>,
    /// Whether it tells EventBridge of uploads.
    pub sends_events: Result<bool, Fault>,
}

/// Who is told by the stack's topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscriptions {
    /// So many are.
    pub confirmed: u64,
    /// So many have not said yet that they want to be.
    pub pending: u64,
}

/// How the approval page answers.
#[derive(Debug)]
pub struct Desk {
    /// Where it was asked.
    pub url: String,
    /// The HTTP status, or why there is none.
    pub answer: Result<u16, String>,
}

/// How the stack stands.
#[derive(Debug)]
pub struct Stack {
    /// The artifacts bucket.
    pub bucket: Bucket,
    /// The topic.
    pub topic: Result<Subscriptions, Fault>,
    /// The approval page.
    pub desk: Desk,
    /// The room for new versions.
    pub code: Result<CodeStorage, Fault>,
    /// What the caller may do there.
    pub areas: Vec<Area>,
}

/// The settings of an environment, with what was found of the things they name.
#[derive(Debug)]
pub struct Environment {
    /// The application.
    pub application: String,
    /// The environment.
    pub name: String,
    /// None where the document is not valid.
    pub settings: Result<(Settings, settings_check::Facts), Invalid>,
    /// What was found of the aliases of its functions.
    pub aliases: BTreeMap<String, aliases::Facts>,
}
