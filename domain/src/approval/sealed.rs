//! What a seal on a vote covers. Whoever takes votes makes seals, and whoever lets a release
//! go on can only look at them: who can write to the table alone can make no vote that counts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AskedWish, AtStep, Request, Vote};
use crate::caller::Principal;
use crate::digest::Digest;
use crate::promotion::PromotionId;
use crate::settings::ApprovalPolicy;

/// A message authentication code, and the key that it was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The key's ARN.
    pub key: String,
    /// The code, in base64.
    pub mac: String,
}

/// A vote as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The vote.
    pub vote: Vote,
    /// Its seal. Covers the vote with all that it is about.
    pub seal: Seal,
}

/// All that a vote is about, and the vote.
#[derive(Serialize)]
struct Facts<'a> {
    kind: &'static str,
    request: &'a str,
    promotion: &'a PromotionId,
    bundle: &'a Digest,
    plan: &'a Digest,
    step: Option<&'a AtStep>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wish: Option<&'a AskedWish>,
    policy: &'a ApprovalPolicy,
    authors: &'a [String],
    requester: Option<&'a Principal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starter: Option<&'a Principal>,
    opened_at: Timestamp,
    expires_at: Timestamp,
    vote: &'a Vote,
}

impl Request {
    /// What is sealed of a vote on this request: the digest of the vote and of everything
    /// that it is about.
    ///
    /// # Errors
    /// When they can't be written as JSON.
    pub fn message(&self, vote: &Vote) -> Result<Digest, serde_json::Error> {
        Digest::of_canonical(&Facts {
            kind: "sluice vote, 1",
            request: &self.id,
            promotion: &self.promotion,
            bundle: &self.bundle,
            plan: &self.plan,
            step: self.step.as_ref(),
            wish: self.wish.as_ref(),
            policy: &self.policy,
            authors: &self.authors,
            requester: self.requester.as_ref(),
            starter: self.starter.as_ref(),
            opened_at: self.opened_at,
            expires_at: self.expires_at,
            vote,
        })
    }
}
