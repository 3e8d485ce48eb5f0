//! A vote as somebody means it, and who they say they are, whichever door it came through.

use aws_lambda_events::http::StatusCode;
use jiff::Timestamp;
use sluice_domain::approval::{Choice, Method, Request, Vote};
use sluice_domain::caller::Principal;
use sluice_domain::digest::Digest;
use sluice_domain::settings::{Approver, SlackUser};

use crate::vote::Taken;

/// Comments may be at most this long, in characters.
pub(crate) const LONGEST_COMMENT: usize = 1000;

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To vote so.
    Vote(Choice),
    /// To take their vote back.
    Withdraw,
}

/// A vote as it was sent.
pub(crate) struct Ballot {
    /// What is wanted.
    pub(crate) wish: Wish,
    /// Why.
    pub(crate) comment: String,
    /// What they say is so, by the names of items.
    pub(crate) attested: Vec<String>,
    /// The version that they typed.
    pub(crate) version: String,
    /// What they were shown, where a page says so.
    pub(crate) shown: Option<Digest>,
    /// The network that it came from.
    pub(crate) from: Option<String>,
}

impl Ballot {
    /// Refuses what can be no vote, before anything is looked up.
    pub(crate) fn check(&self) -> Result<(), Taken> {
        let invalid = |message: &str| Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, message));
        if self.comment.chars().count() > LONGEST_COMMENT {
            let message = format!("`comment` is longer than {LONGEST_COMMENT} characters.");
            return invalid(&message);
        }
        if self.wish == Wish::Vote(Choice::Reject) && self.comment.trim().is_empty() {
            return invalid("`comment` is missing; say why you reject it.");
        }
        Ok(())
    }

    /// The vote of this person. None: they take one back.
    pub(crate) fn vote(&self, person: &str, method: Method, now: Timestamp) -> Option<Vote> {
        let Wish::Vote(choice) = self.wish else {
            return None;
        };
        Some(Vote {
            person: person.to_owned(),
            choice,
            comment: self.comment.clone(),
            at: now,
            method,
            attested: self.attested.clone(),
            shown: self.shown.clone(),
            from: self.from.clone(),
            withdrawn_at: None,
        })
    }
}

/// How somebody says who they are.
#[derive(Clone, Copy)]
pub(crate) enum Voter<'a> {
    /// By name, with a one-time code.
    Code {
        /// Who says they vote.
        person: &'a str,
        /// What they typed as their code.
        code: &'a str,
    },
    /// By a signature, of which STS said whose it is.
    Signed {
        /// Whose.
        principal: &'a Principal,
        /// What tells what they signed from all else.
        once: &'a Digest,
    },
    /// By a click, of which Slack says whose it is.
    Slack {
        /// Who.
        user: &'a SlackUser,
        /// What tells it from all else that Slack signed.
        once: &'a Digest,
    },
}

impl Voter<'_> {
    /// How they show who they are.
    pub(crate) const fn method(self) -> Method {
        match self {
            Self::Code { .. } => Method::Totp,
            Self::Signed { .. } => Method::Iam,
            Self::Slack { .. } => Method::Slack,
        }
    }

    /// Which of a request's approvers they say they are, by name.
    ///
    /// # Errors
    /// With what people read, where they are none of them.
    pub(crate) fn person(self, request: &Request) -> Result<String, String> {
        let (name, field) = match self {
            Self::Code { person, .. } => return Ok(person.to_owned()),
            Self::Signed { principal, .. } => (principal.as_str().to_owned(), "principals"),
            Self::Slack { user, .. } => {
                let SlackUser { team, user } = user;
                (format!("{user} of {team} in Slack"), "slack")
            }
        };
        let approvers = request.policy.approvers.iter();
        let fits = approvers.filter(|approver| self.is(approver));
        let names: Vec<&str> = fits.map(|approver| approver.name.as_str()).collect();
        match names.as_slice() {
            [one] => Ok((*one).to_owned()),
            [] => Err(format!(
                "You are {name}, which is none of the approvers of this environment: expected one whose `{field}` fits it."
            )),
            several => Err(format!(
                "You are {name}, which may be any of {}: expected the `{field}` of one approver to fit it.",
                several.join(", ")
            )),
        }
    }

    /// Whether this approver is who votes.
    fn is(self, approver: &Approver) -> bool {
        match self {
            Self::Code { person, .. } => approver.name == person,
            Self::Signed { principal, .. } => approver.is_principal(principal),
            Self::Slack { user, .. } => approver.slack.as_ref() == Some(user),
        }
    }
}

/// Not taken, and why.
pub(crate) fn refuse(status: StatusCode, message: &str) -> Taken {
    Taken {
        status,
        recorded: false,
        state: None,
        message: format!("{message} Nothing was recorded."),
    }
}
