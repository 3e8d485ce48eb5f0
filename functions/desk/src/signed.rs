//! Votes of programs that sign their requests with IAM credentials.
//!
//! They call the function itself, not its URL, with a proof of whose the credentials are
//! (`sluice_domain::caller`): one URL has one kind of authentication, and what an event says
//! of its sender could be made up by everybody who may call the function. Who votes follows
//! from the proof, never from an argument.

use aws_lambda_events::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluice_domain::approval::{Choice, State};
use sluice_platform::caller::Call;

use crate::ballot::{Ballot, Voter, Wish, refuse};
use crate::vote::Taken;
use crate::{Desk, Error, Ports};

/// The alias at which signed votes come in. An event that looks like a request to the URL is
/// refused there, and a vote elsewhere.
pub const PEOPLE: &str = "people";

/// What a program asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Signed {
    /// To vote so.
    Vote {
        /// The request's name.
        approval: String,
        /// Yes or no.
        choice: Choice,
        /// Why.
        #[serde(default)]
        comment: String,
        /// What they say is so, by the names of the checklist's items.
        #[serde(default)]
        attested: Vec<String>,
        /// The version that they approve, where the environment wants it typed.
        #[serde(default)]
        version: String,
    },
    /// To take a vote back.
    Withdraw {
        /// The request's name.
        approval: String,
    },
}

/// What became of a vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Whether it is stored.
    pub recorded: bool,
    /// How the request stands, if there is one.
    pub state: Option<State>,
    /// As people read it.
    pub message: String,
}

impl From<Taken> for Said {
    fn from(taken: Taken) -> Self {
        Self {
            recorded: taken.recorded,
            state: taken.state,
            message: taken.message,
        }
    }
}

impl<P: Ports> Desk<P> {
    /// Takes what somebody signed.
    ///
    /// # Errors
    /// When nobody knows who asks, or a call fails.
    pub(crate) async fn take_signed(
        &self,
        signed: Signed,
        call: Call,
        now: Timestamp,
    ) -> Result<Said, Error> {
        let (Some(principal), Some(once)) = (call.caller?, call.once) else {
            let message = "This request does not say who sends it: expected one that `sluice` signs with your credentials.";
            return Ok(refuse(StatusCode::UNAUTHORIZED, message).into());
        };
        let (id, ballot) = signed.read();
        if let Err(refused) = ballot.check() {
            return Ok(refused.into());
        }
        let voter = Voter::Signed {
            principal: &principal,
            once: &once,
        };
        Ok(self.vote(&id, (&ballot, voter), now).await?.into())
    }
}

impl Signed {
    /// The request that it is about, and the vote.
    fn read(self) -> (String, Ballot) {
        let ballot = |wish| Ballot {
            wish,
            comment: String::new(),
            attested: Vec::new(),
            version: String::new(),
            shown: None,
            from: None,
        };
        match self {
            Self::Vote {
                approval,
                choice,
                comment,
                attested,
                version,
            } => {
                let empty = ballot(Wish::Vote(choice));
                let ballot = Ballot {
                    comment,
                    attested,
                    version,
                    ..empty
                };
                (approval, ballot)
            }
            Self::Withdraw { approval } => (approval, ballot(Wish::Withdraw)),
        }
    }
}
