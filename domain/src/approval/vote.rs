//! One person's vote, and how they showed who they are.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::settings::Assurance;

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// How somebody showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A one-time code on the page (RFC 6238).
    Totp,
    /// A request signed with IAM credentials.
    Iam,
    /// A click in Slack, in a request that Slack signed.
    Slack,
}

impl Method {
    /// How sure it is who that was.
    #[must_use]
    pub fn assurance(self) -> Assurance {
        match self {
            Self::Totp | Self::Iam => Assurance::Proven,
            Self::Slack => Assurance::Vouched,
        }
    }

    /// As people read it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Totp => "a one-time code",
            Self::Iam => "a signed request",
            Self::Slack => "Slack",
        }
    }
}

/// One person's vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// The approver's name in the policy.
    pub person: String,
    /// Yes or no.
    pub choice: Choice,
    /// Why.
    #[serde(default)]
    pub comment: String,
    /// When.
    pub at: Timestamp,
    /// How the person showed who they are.
    pub method: Method,
    /// The items of the checklist that they said are so, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attested: Vec<String>,
    /// What they were shown: the digest of the facts on the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Digest>,
    /// Where it came from, shortened: a network, not a person's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When they took it back. None: it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
}

impl Vote {
    /// Whether it was not taken back.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.withdrawn_at.is_none()
    }
}
