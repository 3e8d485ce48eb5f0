//! Approvals: who may vote, and when a request is decided.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::promotion::PromotionId;
use crate::settings::{ApprovalPolicy, Approver};

/// A request to approve one promotion, bound to what was shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Its name, and the read-only capability in its link: 160 random bits.
    pub id: String,
    /// What would be promoted.
    pub promotion: PromotionId,
    /// The bundle digest that the vote is about.
    pub bundle: Digest,
    /// The hash of the plan that the vote is about.
    pub plan: Digest,
    /// Who may vote and how many must.
    pub policy: ApprovalPolicy,
    /// Addresses of those who wrote the change: they can't approve it.
    pub authors: Vec<String>,
    /// When people were asked.
    pub opened_at: Timestamp,
    /// When it ends undecided.
    pub expires_at: Timestamp,
}

/// How a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Open.
    Pending,
    /// Enough people said yes.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Time ran out.
    Expired,
    /// The promotion ended without it: a person stopped it, or a newer one took
    /// its place.
    Superseded,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Yes.
    Approve,
    /// No.
    Reject,
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
    pub method: String,
}

/// Why somebody can't vote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ineligible {
    /// The policy doesn't name them.
    #[error("`{0}` is not among the approvers of this environment")]
    Unknown(String),
    /// They wrote the change.
    #[error("`{0}` is an author of this change; somebody else must approve it")]
    Author(String),
}

impl Request {
    /// The addresses that must not approve a release: its author and co-authors.
    #[must_use]
    pub fn authors_of(manifest: &Manifest) -> Vec<String> {
        std::iter::once(&manifest.author)
            .chain(&manifest.co_authors)
            .map(|person| person.email.clone())
            .collect()
    }

    /// The approver of this name, if they may make this choice. Authors may
    /// reject their own change, not approve it.
    ///
    /// # Errors
    /// When they may not.
    pub fn voter(&self, person: &str, choice: Choice) -> Result<&Approver, Ineligible> {
        let approver = self
            .policy
            .approvers
            .iter()
            .find(|approver| approver.name == person)
            .ok_or_else(|| Ineligible::Unknown(person.to_owned()))?;
        let is_author = self
            .authors
            .iter()
            .any(|email| approver.same_address(email));
        if is_author && choice == Choice::Approve {
            return Err(Ineligible::Author(person.to_owned()));
        }
        Ok(approver)
    }

    /// How the request stands with these votes at this time: one reject ends
    /// it, enough approvals decide it, and votes after the deadline don't count.
    #[must_use]
    pub fn tally(&self, votes: &[Vote], now: Timestamp) -> State {
        let valid: Vec<&Vote> = votes
            .iter()
            .filter(|vote| {
                vote.at < self.expires_at && self.voter(&vote.person, vote.choice).is_ok()
            })
            .collect();
        if valid.iter().any(|vote| vote.choice == Choice::Reject) {
            return State::Rejected;
        }
        let mut people: Vec<&str> = valid.iter().map(|vote| vote.person.as_str()).collect();
        people.sort_unstable();
        people.dedup();
        if people.len() >= self.policy.quorum {
            State::Approved
        } else if now >= self.expires_at {
            State::Expired
        } else {
            State::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn request(quorum: usize) -> Request {
        let approver = |name: &str| Approver {
            name: name.into(),
            email: format!("{name}@example.com"),
            code_parameter: format!("/codes/{name}"),
        };
        Request {
            id: "r".into(),
            promotion: "shop/prod/1.0.0/1".parse().expect("id"),
            bundle: Digest::of(b"b"),
            plan: Digest::of(b"p"),
            policy: ApprovalPolicy {
                approvers: vec![approver("ada"), approver("bob"), approver("eve")],
                quorum,
                expires_seconds: 60,
            },
            authors: vec!["Eve+work@example.com".into()],
            opened_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(60),
        }
    }

    fn vote(person: &str, choice: Choice, second: i64) -> Vote {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        Vote {
            person: person.into(),
            choice,
            comment: String::new(),
            at,
            method: "code".into(),
        }
    }

    fn tally(quorum: usize, votes: &[Vote], second: i64) -> State {
        request(quorum).tally(
            votes,
            Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second),
        )
    }

    #[test]
    fn enough_different_people_approve() {
        let votes = [
            vote("ada", Choice::Approve, 1),
            vote("bob", Choice::Approve, 2),
        ];
        assert_eq!(tally(2, &votes[..1], 3), State::Pending);
        assert_eq!(tally(2, &votes, 3), State::Approved);
    }

    #[test]
    fn one_person_counts_once() {
        let votes = [
            vote("ada", Choice::Approve, 1),
            vote("ada", Choice::Approve, 2),
        ];
        assert_eq!(tally(2, &votes, 3), State::Pending);
    }

    #[test]
    fn one_reject_ends_it_whatever_the_others_say() {
        let votes = [
            vote("ada", Choice::Approve, 1),
            vote("bob", Choice::Reject, 2),
        ];
        assert_eq!(tally(1, &votes, 3), State::Rejected);
    }

    #[test]
    fn authors_cannot_approve_their_own_change_under_any_spelling_but_may_reject_it() {
        assert_eq!(
            tally(1, &[vote("eve", Choice::Approve, 1)], 3),
            State::Pending
        );
        assert_eq!(
            tally(1, &[vote("eve", Choice::Reject, 1)], 3),
            State::Rejected
        );
        assert_eq!(
            request(1).voter("eve", Choice::Approve),
            Err(Ineligible::Author("eve".into()))
        );
    }

    #[test]
    fn strangers_do_not_count() {
        assert_eq!(
            tally(1, &[vote("mallory", Choice::Reject, 1)], 3),
            State::Pending
        );
    }

    #[test]
    fn a_vote_after_the_deadline_does_not_count() {
        assert_eq!(
            tally(1, &[vote("ada", Choice::Approve, 60)], 61),
            State::Expired
        );
        assert_eq!(
            tally(1, &[vote("ada", Choice::Approve, 59)], 61),
            State::Approved
        );
    }
}
