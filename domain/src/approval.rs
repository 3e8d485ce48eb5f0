//! Approvals: who may vote, and when a request is decided.

mod about;
pub(crate) mod quorum;
mod reach;
mod reminder;
mod sealed;
mod vote;

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approval::quorum::seated;
use crate::caller::Principal;
use crate::controls::Wish;
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::promotion::PromotionId;
use crate::settings::{ApprovalPolicy, Approver};
use crate::text::one_line;

pub use about::{UnknownMatter, WishAnswer};
pub use reminder::Reminder;
pub use sealed::{Seal, Sealed};
pub use vote::{Choice, Method, Vote};

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
    /// What an operator asks of it that people have to approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<AskedWish>,
    /// Who may vote and how many must.
    pub policy: ApprovalPolicy,
    /// Addresses of those who wrote or merged the change: they can't approve it.
    pub authors: Vec<String>,
    /// Who wants it: they can't approve it either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Principal>,
    /// Who began the release, where somebody else wants more of it: no more can they.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starter: Option<Principal>,
    /// Where the desk answers. None: nobody knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_url: Option<String>,
    /// When people were asked.
    pub opened_at: Timestamp,
    /// When it ends undecided.
    pub expires_at: Timestamp,
}

/// What an operator asks, until people have approved it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedWish {
    /// What.
    pub wish: Wish,
    /// Who asks.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What of a promotion a request is about. Each is asked about once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// The promotion as a whole.
    Promotion,
    /// One of its steps, from 0.
    Step(usize),
    /// What an operator asks of it.
    Wish(Wish),
}

impl Matter {
    /// As facts of the ledger name it.
    #[must_use]
    pub fn of_facts(facts: &serde_json::Value) -> Self {
        let step = facts["step"].as_u64();
        if let Some(step) = step.and_then(|step| usize::try_from(step).ok()) {
            return Self::Step(step);
        }
        let wish = serde_json::from_value(facts["wish"].clone());
        wish.map_or(Self::Promotion, Self::Wish)
    }
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
    /// took its place, or harm was found. Or what it was asked by has changed since.
    Superseded,
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
            because:
                "its approvers are not asked any more: it has ended or goes back, or a newer one \
                      took its place"
                    .to_owned(),
        }
    }
}

/// Why somebody can't vote so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ineligible {
    /// The policy doesn't name them.
    #[error("`{0}` is not among the approvers of this environment")]
    Unknown(String),
    /// They wrote or merged the change.
    #[error("`{0}` is an author of this change; somebody else must approve it")]
    Author(String),
    /// They started the promotion.
    #[error("`{0}` started this promotion; somebody else must approve it")]
    Requester(String),
    /// No slot is for a role of theirs.
    #[error("`{person}` has none of the roles that are asked: {}", .asked.join(", "))]
    NoSlot {
        /// Who.
        person: String,
        /// Which roles are asked.
        asked: Vec<String>,
    },
    /// It is not sure enough who votes.
    #[error("this environment takes no vote by {}: vote with a one-time code on the page, or with the command line", .0.words())]
    Unsure(Method),
    /// They have not said that all is so.
    #[error("not ticked: {}; tick it if it is so, or reject", .0.join(", "))]
    Unattested(Vec<String>),
}

/// A slot, and whose approval fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled<'a> {
    /// Of which role somebody is asked. None: of any.
    pub role: Option<&'a str>,
    /// The vote that fills it. None: it waits.
    pub by: Option<&'a Vote>,
}

impl Request {
    /// The addresses that must not approve a release: of everybody who wrote or merged it.
    #[must_use]
    pub fn authors_of(manifest: &Manifest) -> Vec<String> {
        std::iter::once(&manifest.author)
            .chain(&manifest.co_authors)
            .chain(&manifest.contributors)
            .map(|person| person.email.clone())
            .collect()
    }

    /// The approver of this name, if they may make this choice now. Whoever wrote, merged or
    /// started it may reject it, not approve it.
    ///
    /// # Errors
    /// When they may not.
    pub fn voter(
        &self,
        person: &str,
        choice: Choice,
        at: Timestamp,
    ) -> Result<&Approver, Ineligible> {
        let unknown = || Ineligible::Unknown(person.to_owned());
        let approver = self.policy.approver(person).ok_or_else(unknown)?;
        if choice == Choice::Approve {
            self.refuse_own(approver)?;
            if self.roles(approver, at).is_none() {
                let asked = self.policy.slots.iter();
                return Err(Ineligible::NoSlot {
                    person: person.to_owned(),
                    asked: asked.map(|slot| slot.role.clone()).collect(),
                });
            }
        }
        Ok(approver)
    }

    /// Why a vote can't be taken as it is.
    ///
    /// # Errors
    /// With the reason.
    pub fn check(&self, vote: &Vote) -> Result<(), Ineligible> {
        self.voter(&vote.person, vote.choice, vote.at)?;
        self.takes(vote.method)?;
        let items = self.policy.checklist.iter();
        let missing = items.filter(|item| !vote.attested.contains(&item.name));
        let missing: Vec<String> = missing.map(|item| item.name.clone()).collect();
        if vote.choice == Choice::Approve && !missing.is_empty() {
            return Err(Ineligible::Unattested(missing));
        }
        Ok(())
    }

    /// Whether it is sure enough who votes so.
    ///
    /// # Errors
    /// When it is not.
    pub fn takes(&self, method: Method) -> Result<(), Ineligible> {
        if method.assurance() < self.policy.assurance {
            return Err(Ineligible::Unsure(method));
        }
        Ok(())
    }

    fn refuse_own(&self, approver: &Approver) -> Result<(), Ineligible> {
        if self.authors.iter().any(|email| approver.has_address(email)) {
            return Err(Ineligible::Author(approver.name.clone()));
        }
        let mut beginners = self.requester.iter().chain(&self.starter);
        if beginners.any(|one| approver.may_be(one)) {
            return Err(Ineligible::Requester(approver.name.clone()));
        }
        Ok(())
    }

    /// The roles in which a person's approval counts: their own, and those lent to them by
    /// somebody who may approve, too. None: there is no slot for them.
    fn roles<'a>(&'a self, approver: &'a Approver, at: Timestamp) -> Option<BTreeSet<&'a str>> {
        let seats = self.policy.seats();
        let age = at.duration_since(self.opened_at).as_secs();
        if self.policy.is_escalated_to(&approver.name, age) {
            return Some(seats.iter().copied().flatten().collect());
        }
        let lends = |from: &Approver| self.refuse_own(from).is_ok();
        let roles = self.policy.roles_of(approver, at, lends);
        let fits = |seat: &Option<&str>| seat.is_none_or(|role| roles.contains(role));
        seats.iter().any(fits).then_some(roles)
    }

    /// Under which key something of this request stands in the promotion's ledger:
    /// each step that asks has facts of its own.
    #[must_use]
    pub fn ledger_key(&self, of: &str) -> String {
        match self.matter() {
            Matter::Promotion => of.to_owned(),
            Matter::Step(step) => format!("{of}/{step}"),
            Matter::Wish(wish) => format!("{of}/{}", wish.name()),
        }
    }

    /// What of its promotion it is about.
    #[must_use]
    pub fn matter(&self) -> Matter {
        match (&self.step, &self.wish) {
            (Some(step), _) => Matter::Step(step.index),
            (None, Some(wish)) => Matter::Wish(wish.wish),
            (None, None) => Matter::Promotion,
        }
    }

    /// Where the page shows it. None: nobody knew where the desk answers.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        let desk = self.desk_url.as_deref()?.trim_end_matches('/');
        Some(one_line(&format!("{desk}/r/{}", self.id)))
    }

    /// A state of this request, and who or what made it so.
    #[must_use]
    pub fn answer(&self, state: State, votes: &[Vote]) -> Answer {
        let because = match state {
            State::Pending => self.progress(votes),
            State::Approved => format!("approved by {}", self.who(votes, Choice::Approve)),
            State::Rejected => format!("rejected by {}", self.who(votes, Choice::Reject)),
            State::Expired => format!("not approved until {}", self.expires_at),
            // Enough approved it, and it was not decided so.
            State::Superseded if self.tally(votes, self.opened_at) == State::Approved => format!(
                "approved by {}, but by what settings and contributors say now that is not enough: \
                 they changed since people were asked",
                self.who(votes, Choice::Approve)
            ),
            State::Superseded => return Answer::taken_back(),
        };
        Answer { state, because }
    }

    /// How far it is: `1 of 2 approvals so far; waiting for pm`.
    fn progress(&self, votes: &[Vote]) -> String {
        let slots = self.slots(votes);
        let filled = slots.iter().filter(|slot| slot.by.is_some()).count();
        let waiting = slots.iter().filter(|slot| slot.by.is_none());
        let waiting: BTreeSet<&str> = waiting.filter_map(|slot| slot.role).collect();
        let waiting = match waiting.is_empty() {
            true => String::new(),
            false => {
                let named: Vec<&str> = waiting.into_iter().collect();
                format!("; waiting for {}", named.join(", "))
            }
        };
        format!("{filled} of {} approvals so far{waiting}", slots.len())
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

    /// Each slot, and whose approval fills it. Whoever came first keeps one.
    #[must_use]
    pub fn slots<'a>(&'a self, votes: &'a [Vote]) -> Vec<Filled<'a>> {
        let counted = votes.iter().filter(|vote| self.counts(vote));
        let mut approvals: Vec<&Vote> = counted
            .filter(|vote| vote.choice == Choice::Approve)
            .collect();
        approvals.sort_by(|one, other| (one.at, &one.person).cmp(&(other.at, &other.person)));
        let mut seen = BTreeSet::new();
        approvals.retain(|vote| seen.insert(&vote.person));
        let people: Vec<BTreeSet<&str>> = (approvals.iter())
            .map(|vote| {
                let approver = self.policy.approver(&vote.person);
                let roles = approver.and_then(|approver| self.roles(approver, vote.at));
                roles.unwrap_or_default()
            })
            .collect();
        let seats = self.policy.seats();
        let filled = seated(&seats, &people);
        let slots = seats.into_iter().zip(filled);
        slots
            .map(|(role, by)| Filled {
                role,
                by: by.map(|person| approvals[person]),
            })
            .collect()
    }

    /// Whose votes make this state what it is: none of them may have been taken back when
    /// it is written down.
    #[must_use]
    pub fn deciders<'a>(&'a self, state: State, votes: &'a [Vote]) -> Vec<&'a str> {
        match state {
            State::Approved => {
                let slots = self.slots(votes).into_iter();
                let votes = slots.filter_map(|slot| slot.by);
                votes.map(|vote| vote.person.as_str()).collect()
            }
            State::Rejected => {
                let mut counted = votes.iter().filter(|vote| self.counts(vote));
                let reject = counted.find(|vote| vote.choice == Choice::Reject);
                reject.iter().map(|vote| vote.person.as_str()).collect()
            }
            State::Pending | State::Expired | State::Superseded => Vec::new(),
        }
    }

    /// Whether a vote stands, came in time, and from somebody who may vote so.
    fn counts(&self, vote: &Vote) -> bool {
        vote.stands() && vote.at < self.expires_at && self.check(vote).is_ok()
    }

    /// How the request stands with these votes at this time: one reject ends
    /// it, all slots filled decide it, and votes after the deadline don't count.
    #[must_use]
    pub fn tally(&self, votes: &[Vote], now: Timestamp) -> State {
        let mut rejects = votes.iter().filter(|vote| vote.choice == Choice::Reject);
        if rejects.any(|vote| self.counts(vote)) {
            return State::Rejected;
        }
        if self.slots(votes).iter().all(|slot| slot.by.is_some()) {
            State::Approved
        } else if now >= self.expires_at {
            State::Expired
        } else {
            State::Pending
        }
    }
}

#[cfg(test)]
#[path = "approval/tests.rs"]
mod tests;
