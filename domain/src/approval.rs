//! Approvals: who may vote, and when a request is decided.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::promotion::PromotionId;
use crate::settings::{ApprovalPolicy, Approver};
use crate::text::one_line;

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
    /// The step that is not left without it. None: the promotion as a whole, before it
    /// moves anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<AtStep>,
    /// Who may vote and how many must.
    pub policy: ApprovalPolicy,
    /// Addresses of those who wrote the change: they can't approve it.
    pub authors: Vec<String>,
    /// When people were asked.
    pub opened_at: Timestamp,
    /// When it ends undecided.
    pub expires_at: Timestamp,
}

/// The step that a request is about, as it was when people were asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AtStep {
    /// Its place among the steps, from 0.
    pub index: usize,
    /// How many steps there are.
    pub of: usize,
    /// The new versions' share of the traffic, in percent.
    pub weight: f64,
    /// What the judge said of it.
    pub verdict: String,
}

impl fmt::Display for AtStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, weight, .. } = self;
        write!(
            f,
            "step {} of {of}, {weight} % of the traffic",
            self.index + 1
        )
    }
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
    /// The promotion ended or goes back without it: a person stopped it, a newer one
    /// took its place, or harm was found.
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

/// How a request stands, and who or what made it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// How it stands.
    pub state: State,
    /// For people: `approved by ada and bob`.
    pub because: String,
}

impl Answer {
    /// Nobody is asked: the promotion has ended or goes back.
    #[must_use]
    pub fn taken_back() -> Self {
        Self {
            state: State::Superseded,
            because: "its approvers are not asked any more: it has ended or goes back".to_owned(),
        }
    }
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

    /// Under which key something of this request stands in the promotion's ledger:
    /// each step that asks has facts of its own.
    #[must_use]
    pub fn ledger_key(&self, of: &str) -> String {
        match &self.step {
            Some(step) => format!("{of}/{}", step.index),
            None => of.to_owned(),
        }
    }

    /// A state of this request, and who or what made it so.
    #[must_use]
    pub fn answer(&self, state: State, votes: &[Vote]) -> Answer {
        let because = match state {
            State::Pending => {
                let found = self.people(votes, Choice::Approve).len();
                format!("{found} of {} approvals so far", self.policy.quorum)
            }
            State::Approved => format!("approved by {}", self.who(votes, Choice::Approve)),
            State::Rejected => format!("rejected by {}", self.who(votes, Choice::Reject)),
            State::Expired => format!("not approved until {}", self.expires_at),
            State::Superseded => return Answer::taken_back(),
        };
        Answer { state, because }
    }

    /// Whose votes of this choice count, with what they said.
    fn who(&self, votes: &[Vote], choice: Choice) -> String {
        let counted = votes.iter().filter(|vote| self.counts(vote));
        let said = counted.filter(|vote| vote.choice == choice).map(|vote| {
            match one_line(&vote.comment) {
                comment if comment.is_empty() => vote.person.clone(),
                comment => format!("{} ({comment})", vote.person),
            }
        });
        said.collect::<Vec<_>>().join(", ")
    }

    /// Who made this choice in a vote that counts: each person once.
    fn people<'a>(&self, votes: &'a [Vote], choice: Choice) -> BTreeSet<&'a str> {
        let counted = votes.iter().filter(|vote| self.counts(vote));
        counted
            .filter(|vote| vote.choice == choice)
            .map(|vote| vote.person.as_str())
            .collect()
    }

    /// Whether a vote came in time, from somebody who may make this choice.
    fn counts(&self, vote: &Vote) -> bool {
        vote.at < self.expires_at && self.voter(&vote.person, vote.choice).is_ok()
    }

    /// How the request stands with these votes at this time: one reject ends
    /// it, enough approvals decide it, and votes after the deadline don't count.
    #[must_use]
    pub fn tally(&self, votes: &[Vote], now: Timestamp) -> State {
        if !self.people(votes, Choice::Reject).is_empty() {
            return State::Rejected;
        }
        if self.people(votes, Choice::Approve).len() >= self.policy.quorum {
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
            step: None,
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
    fn an_answer_says_who_gave_it_and_leaves_out_whose_vote_does_not_count() {
        let mut votes = [
            vote("ada", Choice::Approve, 1),
            vote("eve", Choice::Approve, 2),
            vote("bob", Choice::Reject, 3),
        ];
        votes[2].comment = "too slow".into();
        let because = |state| request(1).answer(state, &votes).because;
        assert_eq!(because(State::Approved), "approved by ada");
        assert_eq!(because(State::Rejected), "rejected by bob (too slow)");
        assert_eq!(
            because(State::Expired),
            "not approved until 1970-01-01T00:01:00Z"
        );
    }

    #[test]
    fn each_step_that_asks_has_facts_of_its_own() {
        let step = AtStep {
            index: 1,
            of: 3,
            weight: 25.0,
            verdict: "pass".into(),
        };
        assert_eq!(step.to_string(), "step 2 of 3, 25 % of the traffic");
        let of_step = Request {
            step: Some(step),
            ..request(1)
        };
        assert_eq!(request(1).ledger_key("decision"), "decision");
        assert_eq!(of_step.ledger_key("decision"), "decision/1");
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
