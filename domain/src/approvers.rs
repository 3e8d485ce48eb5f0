//! The settings' `approval`: who is asked, how many must approve, and for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{LONGEST_WAIT, Problem, check_name, check_range};

/// Who must say yes before a release enters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalPolicy {
    /// People who may vote.
    pub approvers: Vec<Approver>,
    /// How many of them must approve. One reject ends it.
    #[serde(default = "default_quorum")]
    pub quorum: usize,
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
    /// The SecureString parameter that holds this person's approval code.
    pub code_parameter: String,
}

fn default_quorum() -> usize {
    1
}

fn default_expiry() -> u64 {
    24 * 60 * 60
}

impl ApprovalPolicy {
    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        check_range(
            "approval.quorum",
            self.quorum,
            1,
            self.approvers.len().max(1),
            problems,
        );
        if self.approvers.is_empty() {
            problems.push(Problem::new(
                "approval.approvers",
                "found none; expected at least as many as the quorum",
            ));
        }
        check_range(
            "approval.expires_seconds",
            self.expires_seconds,
            1,
            LONGEST_WAIT,
            problems,
        );
        for (index, approver) in self.approvers.iter().enumerate() {
            let path = format!("approval.approvers[{index}]");
            check_name(&format!("{path}.name"), &approver.name, 64, problems);
            if !is_address(&approver.email) {
                problems.push(Problem::new(
                    format!("{path}.email"),
                    format!(
                        "found `{}`; expected an address such as ada@example.com, by which authors are known",
                        approver.email
                    ),
                ));
            }
            let earlier = &self.approvers[..index];
            if earlier
                .iter()
                .any(|other| other.name == approver.name || other.same_address(&approver.email))
            {
                problems.push(Problem::new(
                    path,
                    "names a person that stands above; expected each person once",
                ));
            }
        }
    }
}

impl Approver {
    /// Whether this address is this person's, however it is spelled.
    #[must_use]
    pub fn same_address(&self, email: &str) -> bool {
        canonical_address(&self.email) == canonical_address(email)
    }
}

/// Whether it has the form of an address: something on either side of one `@`.
fn is_address(email: &str) -> bool {
    let has_space = email.contains(|c: char| c.is_whitespace() || c.is_control());
    let sides = email.split_once('@');
    !has_space
        && sides
            .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty() && !host.contains('@'))
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
