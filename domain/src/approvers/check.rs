//! Whether what settings say of approvals can be meant: it is told before a release waits for
//! somebody who never comes.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApprovalPolicy, Approver, Assurance, LONGEST_ITEM, MOST, MOST_ITEMS, SlackUser};
use crate::approval::quorum::seated;
use crate::document::{LONGEST_WAIT, Problem, check_name, check_range};

impl ApprovalPolicy {
    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        let most = self.approvers.len().clamp(1, MOST);
        check_range("approval.quorum", self.quorum, 1, most, problems);
        if self.approvers.is_empty() {
            problems.push(Problem::new(
                "approval.approvers",
                "found none; expected at least as many as the quorum",
            ));
        }
        if self.approvers.len() > MOST {
            let found = self.approvers.len();
            let message = format!("found {found}; expected {MOST} at most");
            problems.push(Problem::new("approval.approvers", message));
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
            let earlier = &self.approvers[..index];
            check_approver(&path, approver, earlier, problems);
            let proves = approver.totp_parameter.is_some() || !approver.principals.is_empty();
            if self.assurance == Assurance::Proven && approver.slack.is_some() && !proves {
                let message = "could never vote: `assurance` is `proven`, and a click in Slack proves nobody; \
                     expected `totp_parameter` or `principals`, too";
                problems.push(Problem::new(path, message));
            }
        }
        self.check_slots(problems);
        self.check_delegations(problems);
        self.check_checklist(problems);
        self.check_escalation(problems);
    }

    /// Whether there are people enough, even where all of them vote yes.
    fn check_slots(&self, problems: &mut Vec<Problem>) {
        let before = problems.len();
        let mut seen = BTreeSet::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let path = format!("approval.slots[{index}]");
            check_name(&format!("{path}.role"), &slot.role, 64, problems);
            check_range(&format!("{path}.count"), slot.count, 1, MOST, problems);
            if !seen.insert(&slot.role) {
                let message = format!("names `{}` again; expected each role once", slot.role);
                problems.push(Problem::new(path, message));
            }
        }
        if problems.len() > before {
            return;
        }
        let people: Vec<BTreeSet<&str>> = (self.approvers.iter())
            .map(|one| one.roles.iter().map(String::as_str).collect())
            .collect();
        let seats = self.seats();
        let filled = seated(&seats, &people);
        let mut empty: BTreeMap<&str, usize> = BTreeMap::new();
        for (role, _) in seats.iter().zip(&filled).filter(|(_, by)| by.is_none()) {
            *empty.entry(role.unwrap_or("any role")).or_default() += 1;
        }
        if !empty.is_empty() {
            let named: Vec<String> = empty
                .iter()
                .map(|(role, count)| format!("{count} of `{role}`"))
                .collect();
            let message = format!(
                "could never be filled: {} would be missing if all approvers said yes, since one person fills one \
                 slot; name more approvers of these roles",
                named.join(", ")
            );
            problems.push(Problem::new("approval.slots", message));
        }
    }

    fn check_delegations(&self, problems: &mut Vec<Problem>) {
        for (index, one) in self.delegations.iter().enumerate() {
            let path = format!("approval.delegations[{index}]");
            for (field, name) in [("from", &one.from), ("to", &one.to)] {
                self.check_person(&format!("{path}.{field}"), name, problems);
            }
            if one.from == one.to {
                let message = "names one person twice; expected somebody else";
                problems.push(Problem::new(&path, message));
            }
            if one.since.is_some_and(|since| since >= one.until) {
                let message = "ends before it begins; expected `until` to be later than `since`";
                problems.push(Problem::new(&path, message));
            }
        }
    }

    fn check_checklist(&self, problems: &mut Vec<Problem>) {
        if self.checklist.len() > MOST_ITEMS {
            let found = self.checklist.len();
            let message = format!("found {found} items; expected {MOST_ITEMS} at most");
            problems.push(Problem::new("approval.checklist", message));
        }
        for (index, item) in self.checklist.iter().enumerate() {
            let path = format!("approval.checklist[{index}]");
            check_name(&format!("{path}.name"), &item.name, 64, problems);
            let length = item.text.trim().chars().count();
            let text = format!("{path}.text");
            check_range(&text, length, 1, LONGEST_ITEM, problems);
            let earlier = &self.checklist[..index];
            if earlier.iter().any(|other| other.name == item.name) {
                let message = format!("names `{}` again; expected each name once", item.name);
                problems.push(Problem::new(path, message));
            }
        }
    }

    fn check_escalation(&self, problems: &mut Vec<Problem>) {
        let Some(escalation) = &self.escalation else {
            return;
        };
        let path = "approval.escalation.after_seconds";
        let longest = self.expires_seconds.saturating_sub(1).max(1);
        check_range(path, escalation.after_seconds, 1, longest, problems);
        for (index, name) in escalation.people.iter().enumerate() {
            let path = format!("approval.escalation.people[{index}]");
            self.check_person(&path, name, problems);
        }
        if escalation.people.is_empty() && escalation.topic_arn.is_none() {
            let message = "asks nobody; expected `people`, `topic_arn` or both";
            problems.push(Problem::new("approval.escalation", message));
        }
    }

    fn check_person(&self, path: &str, name: &str, problems: &mut Vec<Problem>) {
        if self.approver(name).is_none() {
            let message = format!("found `{name}`; expected the `name` of an approver");
            problems.push(Problem::new(path, message));
        }
    }
}

fn check_approver(
    path: &str,
    approver: &Approver,
    earlier: &[Approver],
    problems: &mut Vec<Problem>,
) {
    check_name(&format!("{path}.name"), &approver.name, 64, problems);
    let addresses = std::iter::once(("email".to_owned(), &approver.email));
    let aliases = approver.aliases.iter().enumerate();
    let aliases = aliases.map(|(index, alias)| (format!("aliases[{index}]"), alias));
    for (field, address) in addresses.chain(aliases) {
        if !is_address(address) {
            problems.push(Problem::new(
                format!("{path}.{field}"),
                format!(
                    "found `{address}`; expected an address such as ada@example.com, by which authors are known"
                ),
            ));
        }
    }
    for (index, role) in approver.roles.iter().enumerate() {
        check_name(&format!("{path}.roles[{index}]"), role, 64, problems);
    }
    if let Some(user) = &approver.slack {
        check_slack(path, user, problems);
    }
    for (index, pattern) in approver.principals.iter().enumerate() {
        if let Some(found) = wrong(pattern) {
            let path = format!("{path}.principals[{index}]");
            let message = format!(
                "found `{pattern}`{found}; expected a pattern for the ARN that STS answers, with an \
                 account written out, such as \
                 arn:aws:sts::123456789012:assumed-role/release-managers/ada"
            );
            problems.push(Problem::new(path, message));
        }
    }
    let ways = [
        approver.totp_parameter.is_some(),
        approver.slack.is_some(),
        !approver.principals.is_empty(),
    ];
    if !ways.contains(&true) {
        let message = "could never vote; expected `totp_parameter`, `slack` or `principals`";
        problems.push(Problem::new(path, message));
    }
    for (index, other) in earlier.iter().enumerate() {
        if let Some(what) = other.shares(approver) {
            let name = &other.name;
            let message = format!(
                "has the same {what} as `{name}` (approvers[{index}]); expected each person once"
            );
            problems.push(Problem::new(path, message));
        }
    }
}

/// What is wrong with a pattern for people of one account. None: nothing.
fn wrong(pattern: &str) -> Option<&'static str> {
    if pattern.contains(":role/") {
        return Some(", a role, and STS names whoever has assumed it");
    }
    (!is_pattern(pattern)).then_some("")
}

fn is_pattern(pattern: &str) -> bool {
    let mut parts = pattern.splitn(6, ':');
    let is_arn = parts.next() == Some("arn");
    let account = parts.nth(3).unwrap_or_default();
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    is_arn && is_account && parts.next().is_some() && pattern.len() <= 2048
}

fn check_slack(path: &str, user: &SlackUser, problems: &mut Vec<Problem>) {
    for (field, id, first) in [("team", &user.team, "TE"), ("user", &user.user, "UW")] {
        let is_id = id.starts_with(|letter| first.contains(letter))
            && (2..=20).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !is_id {
            let path = format!("{path}.slack.{field}");
            let message = format!(
                "found `{id}`; expected Slack's own ID, such as {}0123ABCD: a name can be taken by others",
                &first[..1]
            );
            problems.push(Problem::new(path, message));
        }
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
