//! Asks people whether a promotion, or one of its steps, may go ahead, and reads
//! their decision.
//!
//! Decides: nothing about a vote itself (that is
//! [`sluice_domain::approval`]); only when people are asked, and when a request
//! has become a decision.
//!
//! Environment: `SLUICE_STATE_TABLE`, `SLUICE_RECORD_FUNCTION`, `SLUICE_SEAL_KEY`,
//! `SLUICE_TOPIC` (told where the environment names no topic of its own). The page's address
//! comes with each request: the page calls this function, so that the template
//! can't tell both of each other.
//!
//! Never: takes a vote (`desk` does), lets what it sends to the state machine
//! decide anything, or writes a task token or a request's id into the ledger.

pub mod aws;
mod error;
mod message;
mod ports;
mod recount;
mod reminders;
mod steps;
mod supersede;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_domain::approval::{Answer, AskedWish, AtStep, Matter, Request, State, WishAnswer};
use sluice_domain::caller::Principal;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::ApprovalPolicy;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::Named as _;
use sluice_platform::store::{OpenRequest, StoreError, TaskToken};
use sluice_platform::task::Resumed;

pub use error::Error;
use message::Draft;
pub use ports::{
    Asked, Ballot, Environments, Ids, Machine, People, Ports, Record, Requests, Subjects,
};

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
    /// Ask people whether an operator may have what they ask, unless they were asked, and
    /// count their votes. From `control`.
    Wish {
        /// Of which promotion.
        promotion: PromotionId,
        /// What, by whom and why.
        wish: AskedWish,
        /// Whose wish it is, if that is proven: they don't approve it.
        #[serde(default)]
        requester: Option<Principal>,
        /// As above.
        #[serde(default)]
        desk_url: Option<String>,
    },
    /// Count the votes, and remind people where they leave it open. From `desk`, after each
    /// of them, and from `watchdog` when their time is over, when it is time to remind, or
    /// the promotion has ended without them.
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
    /// And about a wish.
    Wished(WishAnswer),
    /// The wait is over.
    Concluded {
        /// How it ended. [`State::Pending`]: its time is not over, whoever said that it is.
        decision: State,
    },
}

/// What people are to be asked about.
pub(crate) enum About {
    Promotion,
    Step(AtStep),
    Wish(AskedWish, Option<Principal>),
}

impl About {
    fn matter(&self) -> Matter {
        match self {
            Self::Promotion => Matter::Promotion,
            Self::Step(step) => Matter::Step(step.index),
            Self::Wish(asked, _) => Matter::Wish(asked.wish),
        }
    }
}

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
                .ask_once(&promotion, About::Step(step), desk_url.as_deref(), now)
                .await
                .map(Output::Answered),
            Input::Wish {
                promotion,
                wish,
                requester,
                desk_url,
            } => self
                .ask_about_wish(&promotion, (wish, requester), desk_url.as_deref(), now)
                .await
                .map(Output::Wished),
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
        let mut draft = self.draft(id, About::Promotion, desk_url, now).await?;
        if !self.ports.open(&draft.request, Some(token)).await? {
            // The task was tried again, or this is a first try that comes late:
            // what was asked stays, and whichever token is waited for counts.
            let open = self.find(&draft.request.id).await?;
            let open = about((id, Matter::Promotion), open)?;
            if open.state != State::Pending {
                self.ports.resume(token).await?;
                return Ok(open.state);
            }
            draft.request = open.request;
        }
        self.tell(&draft).await?;
        // People were told: what is wrong with an earlier one does not hold this one up,
        // unless it passes.
        match self.supersede_earlier(id, now).await {
            Err(error) if ["Throttled", "AwsUnavailable"].contains(&error.name()) => {
                return Err(error);
            }
            Err(error) => tracing::error!(promotion = %id, %error, "an earlier request stays open"),
            Ok(()) => {}
        }
        Ok(State::Pending)
    }

    /// What people are asked, under the id that holds for it.
    async fn draft(
        &self,
        id: &PromotionId,
        about: About,
        desk_url: Option<&str>,
        now: Timestamp,
    ) -> Result<Draft, Error> {
        let promotion = self.ports.promotion(id).await?;
        let plan = self.ports.plan(id).await?;
        let manifest = self.ports.manifest(&promotion.bundle).await?;
        let settings = self.ports.settings(id).await?;
        let mut policy = settings
            .approval
            .ok_or_else(|| Error::NobodyToAsk(id.clone()))?;
        let matter = about.matter();
        // The rollout has room for the time that was planned, not for a longer one.
        let planned = plan.approval_seconds;
        if let (Some(planned), Matter::Step(_)) = (planned, matter) {
            policy.expires_seconds = planned;
        }
        let name = match self.ports.known(id, matter).await? {
            Some(name) => name,
            None => self.ports.note(id, matter, &self.ports.fresh()?).await?,
        };
        let began = self.began(id).await?;
        let (step, wish, requester, starter) = match about {
            About::Wish(wish, requester) => (None, Some(wish), requester, began),
            About::Step(step) => (Some(step), None, began, None),
            About::Promotion => (None, None, began, None),
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
            wish,
            expires_at: deadline(&policy, now),
            authors: Request::authors_of(&manifest),
            requester,
            starter,
            desk_url: desk_url.map(str::to_owned),
            policy,
            opened_at: now,
        };
        check_reachable(&request)?;
        Ok(Draft {
            starts: message::starts(&settings.windows, &plan, now)
                .filter(|_| matter == Matter::Promotion),
            request,
            plan,
            manifest,
            topic: settings.channels.topic_arn,
        })
    }

    /// Who began the release of a promotion, if that is proven.
    async fn began(&self, id: &PromotionId) -> Result<Option<Principal>, Error> {
        let asked = self.ports.asked(id).await?;
        Ok(asked.and_then(|asked| asked.by))
    }

    /// People who can't be reached don't void the request: the page and the
    /// command line still take votes. The ledger says whether they were told.
    async fn tell(&self, draft: &Draft) -> Result<(), Error> {
        let request = &draft.request;
        let message = message::ask(draft);
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
        let facts = request.facts(json!({
            "bundle": request.bundle,
            "plan": request.plan,
            "rule": request.step.as_ref().map(|step| &step.verdict),
            "approvers": approvers,
            "quorum": request.policy.seats().len(),
            "slots": request.policy.slots,
            "expires_at": request.expires_at,
            "notified": told.is_ok(),
            "problem": told.err().map(|fault| fault.to_string()),
        }));
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
        let answer = self.settle(open.clone(), State::Pending, now).await?;
        if answer.state == State::Pending {
            self.remind(&open, &answer, now).await;
        } else {
            // Read after the decision: the task may have been tried again meanwhile.
            self.resume_any(&self.ports.tokens(name).await?).await?;
        }
        Ok(answer.state)
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
        let open = self.request_about(id, Matter::Promotion).await?;
        let open = open.ok_or_else(|| StoreError::Missing(format!("approval request of {id}")))?;
        Ok(self.settle(open, State::Pending, now).await?.state)
    }

    /// Counts the votes and writes down what they decide. `otherwise`: what a request
    /// has become that they leave pending.
    async fn settle(
        &self,
        mut open: OpenRequest,
        otherwise: State,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        let mut votes = self.ports.votes(&open.request).await?;
        let mut rounds = 0;
        while open.state == State::Pending {
            if rounds == ROUNDS {
                let why = format!("its votes changed {ROUNDS} times over");
                return Err(Fault::other("deciding an approval", why).into());
            }
            rounds += 1;
            let counted = match self.tally_of(&open.request, &votes, now).await? {
                State::Pending if self.has_ended(&open.request.promotion).await? => {
                    State::Superseded
                }
                State::Pending => otherwise,
                counted => counted,
            };
            if counted == State::Pending {
                return Ok(open.request.answer(State::Pending, &votes));
            }
            let who = open.request.deciders(counted, &votes);
            if self.ports.decide(&open.request.id, counted, &who).await? {
                open.state = counted;
            } else {
                // Somebody else's decision came first, which holds, or a vote was taken back.
                let (id, matter) = (&open.request.promotion, open.request.matter());
                open = about((id, matter), self.find(&open.request.id).await?)?;
            }
            // A reject may have come in while they were counted.
            votes = self.ports.votes(&open.request).await?;
        }
        let answer = self.earned(&open, &votes).await?;
        let facts = open.request.facts(json!({
            "state": answer.state,
            "bundle": open.request.bundle,
            "plan": open.request.plan,
            "quorum": open.request.policy.seats().len(),
            "slots": open.request.policy.slots,
            "votes": votes,
        }));
        self.ports
            .record(
                &open.request.promotion,
                Kind::ApprovalDecided,
                &open.request.ledger_key("decision"),
                facts,
            )
            .await?;
        Ok(answer)
    }

    /// Whether a promotion has ended, so that nothing is asked any more.
    async fn has_ended(&self, id: &PromotionId) -> Result<bool, Error> {
        Ok(self.ports.promotion(id).await?.has_ended())
    }

    /// The request about this of a promotion, if there is one.
    async fn request_about(
        &self,
        id: &PromotionId,
        matter: Matter,
    ) -> Result<Option<OpenRequest>, Error> {
        let Some(name) = self.ports.known(id, matter).await? else {
            return Ok(None);
        };
        let found = self.ports.find(&name).await?;
        found.map(|open| about((id, matter), open)).transpose()
    }

    async fn find(&self, name: &str) -> Result<OpenRequest, Error> {
        let found = self.ports.find(name).await?;
        // The id is a capability: it does not go into a message.
        Ok(found.ok_or_else(|| StoreError::Missing("approval request of this id".to_owned()))?)
    }
}

/// A request, if it is about this: what was approved of something else must not let it go on.
fn about((id, matter): (&PromotionId, Matter), open: OpenRequest) -> Result<OpenRequest, Error> {
    if open.request.promotion == *id && open.request.matter() == matter {
        return Ok(open);
    }
    tracing::error!(promotion = %id, %matter, "what is stored as a request is about something else");
    Err(Error::Altered {
        promotion: id.clone(),
        matter,
    })
}

/// How often a request is counted that changes meanwhile.
const ROUNDS: u32 = 10;

fn deadline(policy: &ApprovalPolicy, now: Timestamp) -> Timestamp {
    let seconds = i64::try_from(policy.expires_seconds).unwrap_or(i64::MAX);
    now.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

/// A request that nobody but its authors could decide would only expire.
fn check_reachable(request: &Request) -> Result<(), Error> {
    if request.is_reachable() {
        return Ok(());
    }
    let asked = request.policy.seats();
    let asked: Vec<&str> = asked.iter().map(|role| role.unwrap_or("any")).collect();
    let id = &request.promotion;
    let (what, again) = match request.matter() {
        Matter::Promotion => (id.to_string(), "release again"),
        matter @ Matter::Step(_) => (format!("{id} ({matter})"), "the next look asks them"),
        matter @ Matter::Wish(_) => (format!("{id} ({matter})"), "ask again"),
    };
    Err(Error::OutOfReach {
        what,
        again,
        slots: asked.join(", "),
    })
}

#[cfg(test)]
mod tests;
