//! The message of a request: what it asks, who said what, and two buttons while it is open.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::approval::{AskedWish, Choice, Method, State, Vote};
use sluice_domain::plan::Change;
use sluice_platform::slack::text::{
    LONGEST_BUTTON, LONGEST_FIELD, LONGEST_HEADER, LONGEST_SECTION, plain_text as text,
};

use super::post::message;
use crate::Asked;

/// The most authors that are named.
const AUTHORS: usize = 5;

/// A request, and when it is looked at.
pub(super) struct Card<'a> {
    pub(super) asked: &'a Asked,
    pub(super) now: Timestamp,
}

impl Card<'_> {
    /// The message; with buttons that vote where clicks come back.
    pub(super) fn message(&self, takes_clicks: bool) -> Value {
        let title = self.title();
        let mut blocks = vec![
            json!({"type": "header", "text": text(&title, LONGEST_HEADER)}),
            json!({"type": "section", "fields": self.fields()}),
            json!({"type": "section", "text": text(&self.changes(), LONGEST_SECTION)}),
        ];
        let votes = self.votes();
        if !votes.is_empty() {
            blocks.push(json!({"type": "context", "elements": [text(&votes, LONGEST_FIELD)]}));
        }
        let buttons = self.buttons(takes_clicks);
        if !buttons.is_empty() {
            blocks.push(json!({"type": "actions", "block_id": "vote", "elements": buttons}));
        }
        message(&title, blocks)
    }

    fn is_open(&self) -> bool {
        self.asked.state == State::Pending && self.now < self.asked.request.expires_at
    }

    fn title(&self) -> String {
        let request = &self.asked.request;
        let id = &request.promotion;
        let within = format!("{} {} in {}", id.application, id.version, id.environment);
        let what = match (&request.step, &request.wish) {
            (Some(step), _) => format!("{within}, {step}"),
            (None, Some(asked)) => format!("{within}: {}", asked.wish.title()),
            (None, None) => format!("{} {} → {}", id.application, id.version, id.environment),
        };
        let how = match self.asked.state {
            State::Pending if self.is_open() => "Approval needed",
            State::Pending | State::Expired => "Expired",
            State::Approved => "Approved",
            State::Rejected => "Rejected",
            State::Superseded => "Not open any more",
        };
        format!("{how}: {what}")
    }

    fn fields(&self) -> Vec<Value> {
        let request = &self.asked.request;
        let mut authors: Vec<&str> = request.authors.iter().map(String::as_str).collect();
        let mut named = BTreeSet::new();
        authors.retain(|author| named.insert(*author));
        let more = authors.len().saturating_sub(AUTHORS);
        authors.truncate(AUTHORS);
        let mut authors = authors.join(", ");
        if more > 0 {
            authors = format!("{authors} and {more} more");
        }
        let mut fields = vec![
            (
                "Open until",
                request
                    .expires_at
                    .strftime("%Y-%m-%d %H:%M UTC")
                    .to_string(),
            ),
            ("Who must approve", self.slots()),
            ("Bundle", request.bundle.short().to_owned()),
            ("Plan", request.plan.short().to_owned()),
            ("Written by", authors),
        ];
        if let Some(requester) = &request.requester {
            fields.push(("Started by", requester.as_str().to_owned()));
        }
        let field =
            |(name, value): (&str, String)| text(&format!("{name}\n{value}"), LONGEST_FIELD);
        fields.into_iter().map(field).collect()
    }

    /// Each slot: `devops: ada; pm: waiting`.
    fn slots(&self) -> String {
        let slots = self.asked.request.slots(&self.asked.votes);
        let slots = slots.into_iter().map(|slot| {
            let who = slot.by.map_or("waiting", |vote| vote.person.as_str());
            format!("{}: {who}", slot.role.unwrap_or("anybody"))
        });
        slots.collect::<Vec<_>>().join("; ")
    }

    fn changes(&self) -> String {
        let plan = &self.asked.plan;
        let mut lines: Vec<String> = Vec::new();
        lines.extend(plan.notice().map(str::to_owned));
        let wish = self.asked.request.wish.as_ref();
        lines.extend(wish.map(|asked| {
            let AskedWish { wish, by, reason } = asked;
            format!("{by} asks for it: {reason}. {}", wish.meaning())
        }));
        let step = self.asked.request.step.as_ref();
        lines.extend(step.map(|step| format!("The judge says: {}.", step.verdict)));
        let (mut changed, mut same) = (Vec::new(), 0);
        for (name, function) in &plan.functions {
            match function.change {
                Change::Unchanged => same += 1,
                Change::Update | Change::First => changed.push(name.as_str()),
            }
        }
        lines.push(match changed.is_empty() {
            true => "No function changes.".to_owned(),
            false => format!("Functions: {} ({same} unchanged).", changed.join(", ")),
        });
        lines.push(match &plan.migrations {
            Some(migrations) => format!("Database: {}.", migrations.sentence()),
            None => "Database: no migrations.".to_owned(),
        });
        if let Some(restore) = &plan.restore {
            lines.push(restore.sentence(self.asked.request.opened_at));
        }
        lines.join("\n")
    }

    /// Who said what, and how they showed who they are.
    fn votes(&self) -> String {
        let said = |vote: &Vote| {
            let did = match vote.choice {
                Choice::Approve => "✓ approved",
                Choice::Reject => "✗ rejected",
            };
            let at = vote.at.strftime("%H:%M UTC");
            format!(
                "{did} by {}, {at}, with {}",
                vote.person,
                vote.method.words()
            )
        };
        let votes = self.asked.votes.iter().map(said);
        votes.collect::<Vec<_>>().join("\n")
    }

    fn buttons(&self, takes_clicks: bool) -> Vec<Value> {
        let request = &self.asked.request;
        let button = |action: &str, label: &str| {
            json!({
                "type": "button", "action_id": action, "text": text(label, LONGEST_BUTTON),
            })
        };
        let mut buttons = Vec::new();
        if let Some(link) = request.link() {
            let mut open = button("review", "Open the page");
            open["url"] = json!(link);
            buttons.push(open);
        }
        let is_taken = takes_clicks && request.takes(Method::Slack).is_ok();
        if self.is_open() && is_taken {
            for (action, label, style) in [
                ("reject", "Reject", "danger"),
                ("approve", "Approve", "primary"),
            ] {
                let mut vote = button(action, label);
                vote["style"] = json!(style);
                vote["value"] = json!(request.id);
                buttons.push(vote);
            }
        }
        buttons
    }
}
