//! The message that asks people: plain text, the same for all subscribers.

use std::fmt::Write as _;

use jiff::Timestamp;
use sluice_domain::approval::{Answer, Matter, Reminder, Request};
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::MigrationPlan;
use sluice_domain::plan::{Change, Plan};
use sluice_domain::settings::{ApprovalPolicy, Approver};
use sluice_domain::start::NotYet;
use sluice_domain::text;
use sluice_domain::windows::{Calendar, Standing, Window};
use sluice_platform::people::Message;

/// What people are to be asked, and with what they are told.
pub(crate) struct Draft {
    pub(crate) request: Request,
    pub(crate) plan: Plan,
    pub(crate) manifest: Manifest,
    /// Why it would not start at once, and when it would.
    pub(crate) starts: Option<NotYet>,
    /// None: Sluice's own.
    pub(crate) topic: Option<String>,
}

/// Asks for a vote. The link shows the request; it takes a code to vote.
pub(crate) fn ask(draft: &Draft) -> Message {
    let subject = format!("Approval needed: {}", subject(draft));
    message("ApprovalRequested", (&subject, body(draft)), draft)
}

/// Says once more that it waits.
pub(crate) fn remind(
    draft: &Draft,
    (reminder, answer): (Reminder, &Answer),
    now: Timestamp,
) -> Message {
    let request = &draft.request;
    let left = request.expires_at.duration_since(now);
    let (hours, minutes) = (left.as_hours(), left.as_mins() % 60);
    let mut text = format!(
        "It waits: {}. {hours} h {minutes} min are left; after that it has expired, and {}.\n",
        answer.because,
        match request.matter() {
            Matter::Promotion => "nothing is released",
            Matter::Step(_) => "all traffic goes back to what served before",
            Matter::Wish(_) => "it goes on as planned",
        },
    );
    let (what, escalation) = match reminder {
        Reminder::HalfTime | Reminder::LastTenth => ("Approval still needed", None),
        Reminder::Escalated => (
            "Approval needed of others",
            request.policy.escalation.as_ref(),
        ),
    };
    if let Some(escalation) = escalation.filter(|escalation| !escalation.people.is_empty()) {
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "From now on these may approve it as well, whatever their roles: {}.",
            text::one_line(&escalation.people.join(", "))
        );
    }
    let text = format!("{text}\n{}", body(draft));
    let subject = format!("{what}: {}", subject(draft));
    message("ApprovalReminded", (&subject, text), draft)
}

fn message(kind: &str, (subject, body): (&str, String), draft: &Draft) -> Message {
    let id = &draft.request.promotion;
    let attributes = vec![
        ("application", id.application.clone()),
        ("environment", id.environment.clone()),
        ("kind", kind.to_owned()),
    ];
    let approvers = draft.request.policy.approvers.iter();
    Message {
        approvers: approvers.map(|approver| approver.name.clone()).collect(),
        ..Message::new(subject, body, attributes)
    }
}

/// What would go where.
fn subject(draft: &Draft) -> String {
    let request = &draft.request;
    let id = &request.promotion;
    if let Some(asked) = &request.wish {
        return format!(
            "{} for {} {} in {}",
            asked.wish.title(),
            id.application,
            id.version,
            id.environment
        );
    }
    match &request.step {
        None if draft.plan.goes_back => format!(
            "{} back to {} in {}",
            id.application, id.version, id.environment
        ),
        None => format!("{} {} into {}", id.application, id.version, id.environment),
        Some(step) => format!(
            "{} {} in {}, after step {}",
            id.application,
            id.version,
            id.environment,
            step.index + 1
        ),
    }
}

/// Each function, and what becomes of it.
fn changes(plan: &Plan) -> String {
    let mut text = String::new();
    for (name, function) in &plan.functions {
        let now = function
            .current
            .as_ref()
            .map_or("nothing yet".to_owned(), |current| {
                format!("version {}", one_line(&current.version))
            });
        let then = match function.change {
            Change::Unchanged => "unchanged".to_owned(),
            Change::Update | Change::First => format!("code {}", function.code.short()),
        };
        // Writing to a String can't fail.
        let _ = writeln!(text, "- {}: {now} -> {then}", one_line(name));
        for change in &function.configuration_changes {
            let _ = writeln!(text, "  {}", one_line(change));
        }
    }
    text
}

fn body(draft: &Draft) -> String {
    let Draft {
        request,
        plan,
        manifest,
        starts,
        ..
    } = draft;
    let id = &request.promotion;
    let ready = match (&request.step, &request.wish) {
        (None, None) => format!("is ready for {}.", id.environment),
        (None, Some(asked)) => format!(
            "is under way in {}, and {} asks for this: {}. {} Without an approval it goes on as planned.\nWhy: {}",
            id.environment,
            one_line(&asked.by),
            asked.wish.title(),
            asked.wish.meaning(),
            one_line(&asked.reason),
        ),
        (Some(step), _) => format!(
            "has had its time in {} at {step}, and waits there: without an approval it goes back. \
             The judge says: {}.",
            id.environment,
            one_line(&step.verdict),
        ),
    };
    let mut text = format!(
        "Release {} of {} {ready}\n\n\
         Until {} UTC, {}. One reject ends it, and nobody approves their own change.\n\n\
         Author: {}\nCommit: {}\nBundle: {}\nPlan: {}\n\nChanges\n",
        id.version,
        id.application,
        request.expires_at.strftime("%Y-%m-%d %H:%M:%S"),
        text::one_line(&who_must(&request.policy)),
        one_line(&manifest.author.name),
        manifest.commit,
        request.bundle.short(),
        request.plan.short(),
    );
    if let Some(notice) = plan.notice() {
        text.insert_str(0, &format!("{notice}\n\n"));
    }
    text.push_str(&changes(plan));
    if let Some(migrations) = &plan.migrations {
        text.push_str(&database(migrations));
    }
    if let Some(restore) = &plan.restore {
        let sentence = restore.sentence(request.opened_at);
        // Writing to a String can't fail.
        let _ = writeln!(text, "\nDatabase: {}", one_line(&sentence));
    }
    text.extend(starts.as_ref().map(waits));
    text.push_str(&how_to_vote(request));
    text
}

/// Who must approve: `devops and pm must approve: ada (devops), bob (devops, pm)`.
fn who_must(policy: &ApprovalPolicy) -> String {
    let person = |approver: &Approver| match approver.roles.is_empty() {
        true => approver.name.clone(),
        false => format!("{} ({})", approver.name, approver.roles.join(", ")),
    };
    let people: Vec<String> = policy.approvers.iter().map(person).collect();
    let seats = policy.seats();
    let roles = seats.iter().map(|role| role.unwrap_or("anybody"));
    let asked = match policy.slots.is_empty() {
        true => format!("{} of these", seats.len()),
        false => roles.collect::<Vec<_>>().join(" and "),
    };
    format!("{asked} must approve: {}", people.join(", "))
}

/// The most statements that a message tells of: the page has more.
const STATEMENTS: usize = 10;

/// What is applied to the database, the statements that ask for care by name.
fn database(migrations: &MigrationPlan) -> String {
    let mut text = format!("\nDatabase: {}\n", one_line(&migrations.sentence()));
    for statement in migrations.statements.iter().take(STATEMENTS) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "- {}", one_line(&statement.sentence()));
    }
    let told = migrations.statements.len().min(STATEMENTS);
    match migrations.statements.len() + migrations.more - told {
        0 => {}
        more => {
            let _ = writeln!(text, "- and {more} more that ask for care");
        }
    }
    for check in &migrations.checks {
        let _ = writeln!(text, "- afterwards it is asked: {}", one_line(check));
    }
    text
}

/// That an approval now ships later.
fn waits(not_yet: &NotYet) -> String {
    let when = match not_yet.not_before {
        Some(time) => format!(
            "at {} UTC at the soonest",
            time.strftime("%Y-%m-%d %H:%M:%S")
        ),
        None => "at a time that is not known yet".to_owned(),
    };
    format!(
        "\nIf it is approved now, it starts {when}: {}.\n",
        one_line(&not_yet.why)
    )
}

fn how_to_vote(request: &Request) -> String {
    let command = format!(
        "{}\n  {}",
        request.command("approve"),
        request.command("reject")
    );
    match request.link() {
        Some(link) => {
            format!("\nLook at it and vote:\n  {link}\nor with\n  {command}\n")
        }
        None => format!("\nThe page has no address yet. Vote with\n  {command}\n"),
    }
}

/// What others wrote stays on its line.
fn one_line(text: &str) -> String {
    text::one_line(text).chars().take(200).collect()
}

/// Why a rollout of this plan would not start now. Windows that can't be read are refused
/// with their settings.
pub(crate) fn starts(windows: &[Window], plan: &Plan, now: Timestamp) -> Option<NotYet> {
    let calendar = Calendar::read(windows).ok()?;
    match calendar.standing(now, plan.takes()) {
        Standing::Open { .. } => None,
        Standing::Closed(not_yet) => Some(not_yet),
    }
}
