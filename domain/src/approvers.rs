//! The settings' `approval`: who is asked, whose word is needed, and for how long.

mod check;

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::caller::Principal;
use crate::glob;

/// The most people of one environment, and the most of them who must approve.
const MOST: usize = 50;
/// The most items of a checklist.
const MOST_ITEMS: usize = 20;
/// The most characters of an item's text.
const LONGEST_ITEM: usize = 300;

/// Who must say yes before a release enters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalPolicy {
    /// People who may vote.
    pub approvers: Vec<Approver>,
    /// How many of them must approve. One reject ends it.
    #[serde(default = "default_quorum")]
    pub quorum: usize,
    /// Of which roles they must be. Each approval counts for one of them. Where these are
    /// fewer than the quorum, the others may be of any role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<Slot>,
    /// Who stands in for whom, and until when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegations: Vec<Delegation>,
    /// What each who approves says is so, item by item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<Item>,
    /// Whether whoever approves types the version that they approve.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub type_version: bool,
    /// How sure it must be who votes.
    #[serde(default, skip_serializing_if = "Assurance::is_least")]
    pub assurance: Assurance,
    /// Who else is asked when nobody has decided for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// How long the request stays open, in seconds.
    #[serde(default = "default_expiry")]
    pub expires_seconds: u64,
}

/// A person who may vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    /// Short name, as typed on the page.
    pub name: String,
    /// E-mail address: how authors of a change are recognised as such.
    pub email: String,
    /// Further addresses that the person commits with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What the person is: `devops`, `pm`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The SecureString parameter that holds the secret of this person's one-time codes
    /// (TOTP). Left out: the person votes another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp_parameter: Option<String>,
    /// Who the person is in Slack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<SlackUser>,
    /// Who the person is in IAM: patterns for the ARN that STS answers, such as
    /// `arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Release_*/ada@example.com`. The
    /// account is written out: somebody else's has people of any name. Whoever may assume a
    /// role chooses the name of their session, unless its trust policy or IAM Identity Center
    /// does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<String>,
}

/// A person in Slack. Names there can be chosen; these can't.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackUser {
    /// The workspace's ID: `T0123ABCD`.
    pub team: String,
    /// The member's ID: `U0123ABCD`.
    pub user: String,
}

/// So many approvals of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// The role.
    pub role: String,
    /// How many people of it.
    pub count: usize,
}

/// One person's roles for another, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Whose roles, by name.
    pub from: String,
    /// Who has them, too, by name.
    pub to: String,
    /// From when on. Left out: from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// Until when.
    #[schemars(with = "String")]
    pub until: Timestamp,
}

/// What somebody who approves says is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its name in the record: `on-call`.
    pub name: String,
    /// What people tick: `Somebody is on call for the next two hours`.
    pub text: String,
}

/// Who else is asked, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// How long after people were asked, in seconds.
    pub after_seconds: u64,
    /// The topic that is told then. Left out: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_arn: Option<String>,
    /// Who may fill any slot from then on, by name. Before that they fill those of their
    /// own roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
}

/// How sure it is who votes.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// Somebody else's session says so: a click in Slack.
    #[default]
    Vouched,
    /// The person proved it for this vote: a one-time code, or a request signed with IAM
    /// credentials.
    Proven,
}

impl Assurance {
    fn is_least(&self) -> bool {
        *self == Self::default()
    }
}

fn default_quorum() -> usize {
    1
}

fn default_expiry() -> u64 {
    24 * 60 * 60
}

impl ApprovalPolicy {
    /// The approver of this name.
    #[must_use]
    pub fn approver(&self, name: &str) -> Option<&Approver> {
        self.approvers.iter().find(|one| one.name == name)
    }

    /// Of which role each of those who must approve has to be. None: of any.
    #[must_use]
    pub fn seats(&self) -> Vec<Option<&str>> {
        let of_roles = self.slots.iter();
        let of_roles = of_roles.flat_map(|slot| {
            let count = slot.count.min(MOST);
            std::iter::repeat_n(Some(slot.role.as_str()), count)
        });
        let mut seats: Vec<Option<&str>> = of_roles.collect();
        while seats.len() < self.quorum.min(MOST) {
            seats.push(None);
        }
        seats
    }

    /// The roles that a person has at this time, with those that others lend. Who `lends`
    /// nothing, lends none.
    #[must_use]
    pub fn roles_of<'a>(
        &'a self,
        approver: &'a Approver,
        at: Timestamp,
        lends: impl Fn(&Approver) -> bool,
    ) -> BTreeSet<&'a str> {
        let lent = self.delegations.iter();
        let lent = lent.filter(|one| one.to == approver.name && one.holds(at));
        let lent = lent
            .filter_map(|one| self.approver(&one.from))
            .filter(|from| lends(from))
            .flat_map(|from| &from.roles);
        let roles = approver.roles.iter().chain(lent);
        roles.map(String::as_str).collect()
    }

    /// Whether a person may fill any slot, so long after people were asked.
    #[must_use]
    pub fn is_escalated_to(&self, name: &str, seconds: i64) -> bool {
        self.escalation.as_ref().is_some_and(|escalation| {
            let is_time = u64::try_from(seconds).is_ok_and(|age| age >= escalation.after_seconds);
            is_time && escalation.people.iter().any(|person| person == name)
        })
    }
}

impl Delegation {
    fn holds(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && at < self.until
    }
}

impl Approver {
    /// Whether this address is this person's, however it is spelled.
    #[must_use]
    pub fn has_address(&self, email: &str) -> bool {
        let wanted = canonical_address(email);
        self.addresses().any(|own| canonical_address(own) == wanted)
    }

    /// Whether this is the person in IAM.
    #[must_use]
    pub fn is_principal(&self, principal: &Principal) -> bool {
        let name = principal.as_str();
        let mut patterns = self.principals.iter();
        patterns.any(|pattern| glob::fits(pattern, name))
    }

    /// Whether this may be the person in IAM, as far as anybody can tell: where it is not said
    /// who they are there, by the name of the session or of the user.
    #[must_use]
    pub fn may_be(&self, principal: &Principal) -> bool {
        let name = principal.as_str().rsplit('/').next().unwrap_or_default();
        self.is_principal(principal)
            || name.eq_ignore_ascii_case(&self.name)
            || self.has_address(name)
    }

    fn addresses(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.email).chain(&self.aliases)
    }

    /// What both have that only one person may have. None: they are two people.
    fn shares(&self, other: &Self) -> Option<&'static str> {
        let of_both = |own: &Option<String>, other: &Option<String>| own.is_some() && own == other;
        let has = |pattern: &String| self.principals.contains(pattern);
        let shared = [
            (self.name == other.name, "`name`"),
            (
                other.addresses().any(|address| self.has_address(address)),
                "address (case and a `+tag` don't count)",
            ),
            (self.slack.is_some() && self.slack == other.slack, "`slack`"),
            (
                of_both(&self.totp_parameter, &other.totp_parameter),
                "`totp_parameter`",
            ),
            (other.principals.iter().any(has), "pattern in `principals`"),
        ];
        let mut shared = shared.into_iter().filter(|(is_shared, _)| *is_shared);
        shared.next().map(|(_, what)| what)
    }
}

/// Addresses that reach the same mailbox compare equal: case and a `+tag` don't count.
fn canonical_address(email: &str) -> String {
    let email = email.trim().to_lowercase();
    match email.split_once('@') {
        Some((local, domain)) => {
            format!("{}@{domain}", local.split('+').next().unwrap_or_default())
        }
        None => email,
    }
}
