//! What the function needs of the world: [`crate::aws::Aws`], or one fake in tests.

use std::future::Future;

use serde_json::Value;
use sluice_domain::approval::{Matter, Reminder, Request, State, Vote};
use sluice_domain::caller::Principal;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{BundleRef, Promotion, PromotionId};
use sluice_domain::settings::Settings;
use sluice_platform::fault::Fault;
use sluice_platform::people::Message;
use sluice_platform::store::{OpenRequest, TaskToken};
use sluice_platform::task::Resumed;

use crate::Error;

/// What somebody asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Who it was. None: nobody proved who they are.
    pub by: Option<Principal>,
    /// Whether it is about the database alone.
    pub operates: bool,
}

/// What a request is about. Reads only.
pub trait Subjects {
    /// The promotion.
    fn promotion(&self, id: &PromotionId) -> impl Future<Output = Result<Promotion, Error>>;

    /// The plan that people see.
    fn plan(&self, id: &PromotionId) -> impl Future<Output = Result<Plan, Error>>;

    /// Who asked for what. None: its attempt is not on record.
    fn asked(&self, id: &PromotionId) -> impl Future<Output = Result<Option<Asked>, Error>>;

    /// The open promotions into the same environment, this one among them.
    fn beside(&self, id: &PromotionId) -> impl Future<Output = Result<Vec<Promotion>, Error>>;

    /// The manifest, at its pinned version.
    fn manifest(&self, bundle: &BundleRef) -> impl Future<Output = Result<Manifest, Error>>;
}

/// The settings of environments. Reads only.
pub trait Environments {
    /// One environment's settings.
    fn settings(&self, id: &PromotionId) -> impl Future<Output = Result<Settings, Error>>;
}

/// Under which id the request of a promotion, or of one of its steps, stands.
pub trait Ids {
    /// A new id that nobody can guess.
    fn fresh(&self) -> Result<String, Error>;

    /// The id of this request, if there is one. Reads only.
    fn known(
        &self,
        id: &PromotionId,
        matter: Matter,
    ) -> impl Future<Output = Result<Option<String>, Error>>;

    /// Notes an id unless there is one, and answers the one that holds. Safe to
    /// repeat, and by two at once: the first stays.
    fn note(
        &self,
        id: &PromotionId,
        matter: Matter,
        request: &str,
    ) -> impl Future<Output = Result<String, Error>>;
}

/// Requests.
pub trait Requests {
    /// Opens a request, and keeps the token of whoever waits for it, beside those of
    /// other tries; false if it was open already. Safe to repeat, and in any order.
    fn open(
        &self,
        request: &Request,
        token: Option<&TaskToken>,
    ) -> impl Future<Output = Result<bool, Error>>;

    /// The token of each try of a request's task. Reads only.
    fn tokens(&self, id: &str) -> impl Future<Output = Result<Vec<TaskToken>, Error>>;

    /// A request as it stands now. Reads only.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<OpenRequest>, Error>>;

    /// Notes that people are told this of a pending request; false: they were, or it is
    /// decided. A second time is no.
    fn note_reminder(
        &self,
        id: &str,
        reminder: Reminder,
    ) -> impl Future<Output = Result<bool, Error>>;

    /// Takes such a note back. Safe to repeat.
    fn forget_reminder(
        &self,
        id: &str,
        reminder: Reminder,
    ) -> impl Future<Output = Result<(), Error>>;
}

/// Votes and what comes of them.
pub trait Ballot {
    /// The votes on a request whose seals hold, those that were taken back among them.
    /// Reads only.
    fn votes(&self, request: &Request) -> impl Future<Output = Result<Vec<Vote>, Error>>;

    /// Decides a pending request; false if it was decided already, or one of these people
    /// has taken their vote back. Safe to repeat: the first decision stays.
    fn decide(
        &self,
        id: &str,
        state: State,
        counted: &[&str],
    ) -> impl Future<Output = Result<bool, Error>>;
}

/// The way to people.
pub trait People {
    /// Tells whoever subscribed to the environment's topic (None: to Sluice's
    /// own). Repeating it tells them twice.
    fn tell(
        &self,
        topic: Option<&str>,
        message: &Message,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// The state machine that waits.
pub trait Machine {
    /// Lets it go on. It learns nothing but that something was decided. Safe to repeat.
    fn resume(&self, token: &TaskToken) -> impl Future<Output = Result<Resumed, Fault>>;
}

/// The ledger.
pub trait Record {
    /// Records a fact of the promotion. The same key again records nothing.
    fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// Everything that the function needs: [`crate::aws::Aws`], or one fake in tests.
pub trait Ports:
    Subjects + Environments + Ids + Requests + Ballot + People + Machine + Record
{
}

impl<P: Subjects + Environments + Ids + Requests + Ballot + People + Machine + Record> Ports for P {}
