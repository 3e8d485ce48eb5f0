//! Asks people whether a promotion, or one of its steps, may go ahead, and reads
//! their decision.
//!
//! Decides: nothing about a vote itself (that is
//! [`sluice_domain::approval`]); only when people are asked, and when a request
//! has become a decision.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`, `SLUICE_TOPIC`
//! (told where the environment names no topic of its own). The page's address
//! comes with each request: the page calls this function, so that the template
//! can't tell both of each other.
//!
//! Never: takes a vote (`desk` does), lets what it sends to the state machine
//! decide anything, or writes a task token or a request's id into the ledger.

pub mod aws;
mod error;
mod message;
mod steps;

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_domain::approval::{Answer, AtStep, Choice, Request, State, Vote};
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{BundleRef, Promotion, PromotionId};
use sluice_domain::settings::{ApprovalPolicy, Settings};
use sluice_platform::fault::Fault;
use sluice_platform::people::Message;
use sluice_platform::store::{OpenRequest, StoreError, TaskToken};
use sluice_platform::task::Resumed;

pub use error::Error;
use message::Draft;

/// What is asked of this function.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// Ask people. From the state machine, which waits.
    Request {
        /// What would be promoted.
        promotion: PromotionId,
        /// What resumes the state machine.
        task_token: TaskToken,
        /// Where the page is. Left out: people are told of the command alone.
        #[serde(default)]
        desk_url: Option<String>,
    },
    /// Ask people about a step, unless they were asked, and count their votes. From
    /// `judge`, at each look at a step that waits for them.
    Step {
        /// Whose step.
        promotion: PromotionId,
        /// The step.
        step: AtStep,
        /// As above.
        #[serde(default)]
        desk_url: Option<String>,
    },
    /// Count the votes. From `desk`, after each of them, and from `watchdog`
    /// when their time is over or the promotion has ended without them.
    Tally {
        /// The request.
        approval: String,
    },
    /// Take the request of a step back, if it is open: the promotion goes back without
    /// it. From `judge`.
    Withdraw {
        /// Whose step.
        promotion: PromotionId,
        /// The step, from 0.
        step: usize,
    },
    /// Say what was decided. From the state machine, after the wait.
    Conclude {
        /// Whose request.
        promotion: PromotionId,
    },
}

/// What was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// People were asked, or everything is decided already.
    Requested {
        /// How the request stands.
        state: State,
    },
    /// The votes were counted.
    Tallied {
        /// How the request stands.
        state: State,
    },
    /// How people answered about a step.
    Answered(Answer),
    /// The wait is over.
    Concluded {
        /// How it ended. Never [`State::Pending`].
        decision: State,
    },
}

/// What a request is about. Reads only.
pub trait Subjects {
    /// The promotion.
    fn promotion(&self, id: &PromotionId) -> impl Future<Output = Result<Promotion, Error>>;

    /// The plan that people see.
    fn plan(&self, id: &PromotionId) -> impl Future<Output = Result<Plan, Error>>;

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
        step: Option<usize>,
    ) -> impl Future<Output = Result<Option<String>, Error>>;

    /// Notes an id unless there is one, and answers the one that holds. Safe to
    /// repeat, and by two at once: the first stays.
    fn note(
        &self,
        id: &PromotionId,
        step: Option<usize>,
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
}

/// Votes and what comes of them.
pub trait Ballot {
    /// The votes on a request. Reads only.
    fn votes(&self, id: &str) -> impl Future<Output = Result<Vec<Vote>, Error>>;

    /// Decides a pending request; false if it was decided already. Safe to
    /// repeat: the first decision stays.
    fn decide(&self, id: &str, state: State) -> impl Future<Output = Result<bool, Error>>;
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

/// Everything that the function needs: [`aws::Aws`], or one fake in tests.
pub trait Ports:
    Subjects + Environments + Ids + Requests + Ballot + People + Machine + Record
{
}

impl<P: Subjects + Environments + Ids + Requests + Ballot + People + Machine + Record> Ports for P {}

/// The function.
pub struct Approval<P> {
    /// Its ports.
    pub ports: P,
}

impl<P: Ports> Approval<P> {
    /// Handles one request at this time.
    ///
    /// # Errors
    /// With what stopped it. Every operation may be tried again.
    pub async fn handle(&self, input: Input, now: Timestamp) -> Result<Output, Error> {
        match input {
            Input::Request {
                promotion,
                task_token,
                desk_url,
            } => self
                .request(&promotion, &task_token, desk_url.as_deref(), now)
                .await
                .map(|state| Output::Requested { state }),
            Input::Step {
                promotion,
                step,
                desk_url,
            } => self
                .ask_about_step(&promotion, step, desk_url.as_deref(), now)
                .await
                .map(Output::Answered),
            Input::Tally { approval } => self
                .tally(&approval, now)
                .await
                .map(|state| Output::Tallied { state }),
            Input::Withdraw { promotion, step } => self
                .withdraw(&promotion, step, now)
                .await
                .map(|state| Output::Tallied { state }),
            Input::Conclude { promotion } => self
                .conclude(&promotion, now)
                .await
                .map(|decision| Output::Concluded { decision }),
        }
    }

    async fn request(
        &self,
        id: &PromotionId,
        token: &TaskToken,
        desk_url: Option<&str>,
        now: Timestamp,
    ) -> Result<State, Error> {
        let mut draft = self.draft(id, None, now).await?;
        if !self.ports.open(&draft.request, Some(token)).await? {
            // The task was tried again, or this is a first try that comes late:
            // what was asked stays, and whichever token is waited for counts.
            let open = self.find(&draft.request.id).await?;
            if open.state != State::Pending {
                self.ports.resume(token).await?;
                return Ok(open.state);
            }
            draft.request = open.request;
        }
        self.tell(&draft, desk_url).await?;
        Ok(State::Pending)
    }

    /// What people are asked, under the id that holds for it.
    async fn draft(
        &self,
        id: &PromotionId,
        step: Option<AtStep>,
        now: Timestamp,
    ) -> Result<Draft, Error> {
        let promotion = self.ports.promotion(id).await?;
        let plan = self.ports.plan(id).await?;
        let manifest = self.ports.manifest(&promotion.bundle).await?;
        let settings = self.ports.settings(id).await?;
        let mut policy = settings
            .approval
            .ok_or_else(|| Error::NobodyToAsk(id.clone()))?;
        let index = step.as_ref().map(|step| step.index);
        // The rollout has room for the time that was planned, not for a longer one.
        if let Some(planned) = plan.approval_seconds.filter(|_| step.is_some()) {
            policy.expires_seconds = planned;
        }
        let name = match self.ports.known(id, index).await? {
            Some(name) => name,
            None => self.ports.note(id, index, &self.ports.fresh()?).await?,
        };
        let hash = plan
            .hash()
            .map_err(|error| Error::Plan(id.clone(), error))?;
        let request = Request {
            id: name,
            promotion: id.clone(),
            bundle: promotion.bundle.digest,
            plan: hash,
            step,
            expires_at: deadline(&policy, now),
            authors: Request::authors_of(&manifest),
            policy,
            opened_at: now,
        };
        check_reachable(&request)?;
        Ok(Draft {
            starts: message::starts(&settings.windows, &plan, now)
                .filter(|_| request.step.is_none()),
            request,
            plan,
            manifest,
            topic: settings.channels.topic_arn,
        })
    }

    /// People who can't be reached don't void the request: the page and the
    /// command line still take votes. The ledger says whether they were told.
    async fn tell(&self, draft: &Draft, desk_url: Option<&str>) -> Result<(), Error> {
        let request = &draft.request;
        let message = message::ask(draft, desk_url);
        let told = self.ports.tell(draft.topic.as_deref(), &message).await;
        if let Err(fault) = &told {
            tracing::warn!(promotion = %request.promotion, %fault, "people were not told; the request stays open");
        }
        let approvers: Vec<&str> = request
            .policy
            .approvers
            .iter()
            .map(|approver| approver.name.as_str())
            .collect();
        let facts = json!({
            "bundle": request.bundle,
            "plan": request.plan,
            "step": request.step.as_ref().map(|step| step.index),
            "weight": request.step.as_ref().map(|step| step.weight),
            "rule": request.step.as_ref().map(|step| &step.verdict),
            "approvers": approvers,
            "quorum": request.policy.quorum,
            "expires_at": request.expires_at,
            "notified": told.is_ok(),
            "problem": told.err().map(|fault| fault.to_string()),
        });
        Ok(self
            .ports
            .record(
                &request.promotion,
                Kind::ApprovalRequested,
                &request.ledger_key("request"),
                facts,
            )
            .await?)
    }

    async fn tally(&self, name: &str, now: Timestamp) -> Result<State, Error> {
        let open = self.find(name).await?;
        let state = self.settle(open, State::Pending, now).await?.state;
        if state != State::Pending {
            // Read after the decision: the task may have been tried again meanwhile.
            self.resume_any(&self.ports.tokens(name).await?).await?;
        }
        Ok(state)
    }

    /// Resumes whichever try of the task is waited for: each has a token of its
    /// own. A signal that fails holds up no other.
    async fn resume_any(&self, tokens: &[TaskToken]) -> Result<(), Fault> {
        let (mut resumed, mut failed) = (false, Ok(()));
        for token in tokens {
            match self.ports.resume(token).await {
                Ok(answer) => resumed |= answer == Resumed::Resumed,
                Err(fault) => failed = Err(fault),
            }
        }
        if !resumed && failed.is_ok() && !tokens.is_empty() {
            tracing::info!(
                "the promotion does not wait any more; the record says what was decided"
            );
        }
        failed
    }

    async fn conclude(&self, id: &PromotionId, now: Timestamp) -> Result<State, Error> {
        let name = self.ports.known(id, None).await?;
        let name = name.ok_or_else(|| StoreError::Missing(format!("approval request of {id}")))?;
        let answer = self
            .settle(self.find(&name).await?, State::Expired, now)
            .await?;
        Ok(answer.state)
    }

    /// Counts the votes and writes down what they decide. `otherwise`: what a request
    /// has become that they leave pending.
    async fn settle(
        &self,
        mut open: OpenRequest,
        otherwise: State,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        let mut votes = self.ports.votes(&open.request.id).await?;
        if open.state == State::Pending {
            let counted = match open.request.tally(&votes, now) {
                State::Pending if self.has_ended(&open.request.promotion).await? => {
                    State::Superseded
                }
                State::Pending => otherwise,
                counted => counted,
            };
            if counted == State::Pending {
                return Ok(open.request.answer(State::Pending, &votes));
            }
            if self.ports.decide(&open.request.id, counted).await? {
                open.state = counted;
            } else {
                // Somebody else's decision came first: theirs holds.
                open = self.find(&open.request.id).await?;
                votes = self.ports.votes(&open.request.id).await?;
            }
        }
        let facts = json!({
            "state": open.state,
            "bundle": open.request.bundle,
            "plan": open.request.plan,
            "step": open.request.step.as_ref().map(|step| step.index),
            "weight": open.request.step.as_ref().map(|step| step.weight),
            "quorum": open.request.policy.quorum,
            "votes": votes,
        });
        self.ports
            .record(
                &open.request.promotion,
                Kind::ApprovalDecided,
                &open.request.ledger_key("decision"),
                facts,
            )
            .await?;
        Ok(open.request.answer(open.state, &votes))
    }

    /// Whether a promotion has ended, so that nothing is asked any more.
    async fn has_ended(&self, id: &PromotionId) -> Result<bool, Error> {
        Ok(self.ports.promotion(id).await?.has_ended())
    }

    async fn find(&self, name: &str) -> Result<OpenRequest, Error> {
        let found = self.ports.find(name).await?;
        // The id is a capability: it does not go into a message.
        Ok(found.ok_or_else(|| StoreError::Missing("approval request of this id".to_owned()))?)
    }
}

fn deadline(policy: &ApprovalPolicy, now: Timestamp) -> Timestamp {
    let seconds = i64::try_from(policy.expires_seconds).unwrap_or(i64::MAX);
    now.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

/// A request that its authors alone could decide would only expire.
fn check_reachable(request: &Request) -> Result<(), Error> {
    let may_approve = |name: &str| request.voter(name, Choice::Approve).is_ok();
    let eligible = request
        .policy
        .approvers
        .iter()
        .filter(|approver| may_approve(&approver.name))
        .count();
    if eligible >= request.policy.quorum {
        return Ok(());
    }
    Err(Error::OutOfReach {
        promotion: request.promotion.clone(),
        eligible,
        quorum: request.policy.quorum,
    })
}

#[cfg(test)]
mod tests;
