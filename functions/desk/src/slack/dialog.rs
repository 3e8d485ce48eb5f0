//! The dialogs (Slack: "modals") that take a vote and say what became of it. All text is
//! `plain_text`, in which nothing is a link, a mention or a command.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_domain::approval::{Choice, Request};
use sluice_domain::digest::Digest;
use sluice_domain::settings::Item;
use sluice_platform::slack::text::{
    LONGEST_BUTTON, LONGEST_LABEL, LONGEST_OPTION, LONGEST_SECTION, LONGEST_TITLE, MOST_OPTIONS,
    plain_text as text,
};

use crate::ballot::{LONGEST_COMMENT, Wish};

/// The block that takes the comment. What is wrong is said below it.
pub(super) const COMMENT: &str = "comment";
/// The block that takes the version.
pub(super) const VERSION: &str = "version";

/// What a dialog is about, which Slack keeps and hands back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// The request's name.
    pub(super) approval: String,
    /// What is done when it is submitted.
    pub(super) does: Does,
    /// The digest of the facts that the page shows.
    pub(super) shown: Digest,
}

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Does {
    Approve,
    Reject,
    Withdraw,
}

impl Does {
    /// The button of this name.
    pub(super) fn named(action: &str) -> Option<Self> {
        match action {
            "approve" => Some(Self::Approve),
            "reject" => Some(Self::Reject),
            _ => None,
        }
    }

    pub(super) fn wish(self) -> Wish {
        match self {
            Self::Approve => Wish::Vote(Choice::Approve),
            Self::Reject => Wish::Vote(Choice::Reject),
            Self::Withdraw => Wish::Withdraw,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Approve => "Approve",
            Self::Reject => "Reject",
            Self::Withdraw => "Take your vote back",
        }
    }
}

fn section(said: &str) -> Value {
    json!({"type": "section", "text": text(said, LONGEST_SECTION)})
}

/// Asks for what a vote needs.
pub(super) fn ask(request: &Request, about: &About) -> Value {
    let id = &request.promotion;
    let wish = request.wish.as_ref();
    let wish = wish.map(|asked| format!("{}: ", asked.wish.title()));
    let what = format!(
        "{}{} {} in {}\nBundle {}, plan {}\nWhat it changes is on the page.",
        wish.unwrap_or_default(),
        id.application,
        id.version,
        id.environment,
        request.bundle.short(),
        request.plan.short(),
    );
    let mut blocks = vec![section(&what)];
    blocks.extend(page(request));
    if about.does == Does::Approve {
        blocks.extend(checklist(request));
    }
    if about.does == Does::Approve && request.policy.type_version {
        blocks.push(json!({
            "type": "input", "block_id": VERSION,
            "label": text("Type the version that you approve", LONGEST_LABEL),
            "element": {"type": "plain_text_input", "action_id": "typed", "max_length": 100},
        }));
    }
    if about.does != Does::Withdraw {
        let is_optional = about.does == Does::Approve;
        let label = if is_optional { "Comment" } else { "Why" };
        blocks.push(json!({
            "type": "input", "block_id": COMMENT, "optional": is_optional,
            "label": text(label, LONGEST_LABEL),
            "element": {
                "type": "plain_text_input", "action_id": "typed", "multiline": true,
                "max_length": LONGEST_COMMENT,
            },
        }));
    }
    let submit = match about.does {
        Does::Withdraw => "Take it back",
        does => does.title(),
    };
    json!({
        "type": "modal", "callback_id": "vote",
        "private_metadata": json!(about).to_string(),
        "title": text(about.does.title(), LONGEST_TITLE),
        "submit": text(submit, LONGEST_TITLE),
        "close": text("Cancel", LONGEST_TITLE),
        "blocks": blocks,
    })
}

/// The way to the page, where it has an address.
fn page(request: &Request) -> Option<Value> {
    let link = request.link()?;
    let button = json!({
        "type": "button", "action_id": "review", "text": text("Open the page", LONGEST_BUTTON),
        "url": link,
    });
    Some(json!({"type": "actions", "elements": [button]}))
}

/// The items, each whole in a section of its own, and a box for each. Settings have so few
/// that they fit into a dialog.
fn checklist(request: &Request) -> Vec<Value> {
    let items = &request.policy.checklist;
    let whole = |item: &Item| section(&format!("• {}: {}", item.name, item.text));
    let mut blocks: Vec<Value> = items.iter().map(whole).collect();
    for (index, group) in items.chunks(MOST_OPTIONS).enumerate() {
        let options: Vec<Value> = group
            .iter()
            .map(|item| json!({"text": text(&item.name, LONGEST_OPTION), "value": item.name}))
            .collect();
        blocks.push(json!({
            "type": "input", "block_id": format!("attest-{index}"), "optional": true,
            "label": text("I say that this is so", LONGEST_LABEL),
            "element": {"type": "checkboxes", "action_id": "ticked", "options": options},
        }));
    }
    blocks
}

/// Says one thing.
pub(super) fn say(title: &str, said: &str) -> Value {
    json!({
        "type": "modal", "callback_id": "said",
        "title": text(title, LONGEST_TITLE), "close": text("Close", LONGEST_TITLE),
        "blocks": [section(said)],
    })
}
