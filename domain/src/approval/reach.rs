//! Whether those who are asked could approve at all, before anybody waits for them.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::Request;
use super::quorum::seated;
use crate::settings::Approver;

impl Request {
    /// Whether everybody together could still approve, each at some time until it ends.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        let able = self.policy.approvers.iter();
        let able = able.filter(|approver| self.refuse_own(approver).is_ok());
        let people: Vec<BTreeSet<&str>> = able
            .filter_map(|approver| self.roles_ever(approver))
            .collect();
        let filled = seated(&self.policy.seats(), &people);
        filled.iter().all(Option::is_some)
    }

    /// The roles in which a person's approval would count at any time while it is open.
    /// None: there is no slot for them at any.
    fn roles_ever<'a>(&'a self, approver: &'a Approver) -> Option<BTreeSet<&'a str>> {
        let moments = self.moments().into_iter();
        let roles = moments.filter_map(|at| self.roles(approver, at));
        roles.reduce(|mut all, more| {
            all.extend(more);
            all
        })
    }

    /// When somebody may have more roles than before: at first, as others lend theirs, and
    /// as others are asked, too.
    fn moments(&self) -> Vec<Timestamp> {
        let lent = self.policy.delegations.iter().filter_map(|one| one.since);
        let others = self.policy.escalation.iter().filter_map(|escalation| {
            let after = i64::try_from(escalation.after_seconds).ok()?;
            let after = SignedDuration::from_secs(after);
            self.opened_at.checked_add(after).ok()
        });
        let later = lent.chain(others);
        let while_open = later.filter(|at| self.opened_at < *at && *at < self.expires_at);
        std::iter::once(self.opened_at).chain(while_open).collect()
    }
}
