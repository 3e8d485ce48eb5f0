//! The message that asks people: plain text, the same for all subscribers.

use std::fmt::Write as _;

use jiff::Timestamp;
use sluice_domain::approval::Request;
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::MigrationPlan;
use sluice_domain::plan::{Change, Plan};
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
pub(crate) fn ask(draft: &Draft, desk_url: Option<&str>) -> Message {
    let request = &draft.request;
    let id = &request.promotion;
    let subject = match &request.step {
        None if draft.plan.goes_back => format!(
            "Approval needed: {} back to {} in {}",
            id.application, id.version, id.environment
        ),
        None => format!(
            "Approval needed: {} {} into {}",
            id.application, id.version, id.environment
        ),
        Some(step) => format!(
            "Approval needed: {} {} in {}, after step {}",
            id.application,
            id.version,
            id.environment,
            step.index + 1
        ),
    };
    let attributes = vec![
        ("application", id.application.clone()),
        ("environment", id.environment.clone()),
        ("kind", "ApprovalRequested".to_owned()),
    ];
    let body = body(draft, desk_url);
    Message::new(&subject, body, attributes)
}

fn body(draft: &Draft, desk_url: Option<&str>) -> String {
    let Draft {
        request,
        plan,
        manifest,
        starts,
        ..
    } = draft;
    let id = &request.promotion;
    let people: Vec<&str> = request
        .policy
        .approvers
        .iter()
        .map(|approver| approver.name.as_str())
        .collect();
    let ready = match &request.step {
        None => format!("is ready for {}.", id.environment),
        Some(step) => format!(
            "has had its time in {} at {step}, and waits there: without an approval it goes back. \
             The judge says: {}.",
            id.environment,
            one_line(&step.verdict),
        ),
    };
    let mut text = format!(
        "Release {} of {} {ready}\n\n\
         Until {} UTC, {} of these must approve: {}. One reject ends it, and nobody approves their own change.\n\n\
         Author: {}\nCommit: {}\nBundle: {}\nPlan: {}\n\nChanges\n",
        id.version,
        id.application,
        request.expires_at.strftime("%Y-%m-%d %H:%M:%S"),
        request.policy.quorum,
        people.join(", "),
        one_line(&manifest.author.name),
        manifest.commit,
        request.bundle.short(),
        request.plan.short(),
    );
    if let Some(notice) = plan.notice() {
        text.insert_str(0, &format!("{notice}\n\n"));
    }
    for (name, function) in &plan.functions {
        let now = function
            .current
            .as_ref()
            .map_or("nothing yet".to_owned(), |current| {
                format!("version {}", current.version)
            });
        let then = match function.change {
            Change::Unchanged => "unchanged".to_owned(),
            Change::Update | Change::First => format!("code {}", function.code.short()),
        };
        // Writing to a String can't fail.
        let _ = writeln!(text, "- {name}: {now} -> {then}");
        for change in &function.configuration_changes {
            let _ = writeln!(text, "  {}", one_line(change));
        }
    }
    if let Some(migrations) = &plan.migrations {
        text.push_str(&database(migrations));
    }
    if let Some(restore) = &plan.restore {
        let sentence = restore.sentence(request.opened_at);
        // Writing to a String can't fail.
        let _ = writeln!(text, "\nDatabase: {}", one_line(&sentence));
    }
    text.extend(starts.as_ref().map(waits));
    text.push_str(&how_to_vote(request, desk_url));
    text
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

fn how_to_vote(request: &Request, desk_url: Option<&str>) -> String {
    let command = format!("sluice approve {0}\n  sluice reject {0}", request.promotion);
    match desk_url {
        Some(url) => format!(
            "\nLook at it and vote with your approval code:\n  {}/r/{}\nor with\n  {command}\n",
            url.trim_end_matches('/'),
            request.id
        ),
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
