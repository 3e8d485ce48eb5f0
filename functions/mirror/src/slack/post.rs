//! Messages that say one thing. Text is `plain_text`: nothing in it is a link, a mention or
//! a command of Slack's.

use serde_json::{Value, json};
use sluice_domain::ledger::{Entry, Kind};
use sluice_domain::text::plain as harmless;
use sluice_platform::people::Message;
use sluice_platform::slack::text::{LONGEST_SECTION, clipped, plain_text};
use sluice_platform::store::Mirrored;

/// As much as a notification shows, in characters.
const LONGEST_NOTIFICATION: usize = 300;

/// A message, and where it is shown.
pub(super) struct Post {
    pub(super) message: Value,
    /// Whether the channel shows it, too, where it is in a thread.
    pub(super) broadcast: bool,
}

impl Post {
    /// The message in this thread, if there is one.
    pub(super) fn within(self, root: Option<&Mirrored>) -> Value {
        let mut message = self.message;
        if let Some(root) = root {
            message["thread_ts"] = json!(root.id);
            message["reply_broadcast"] = json!(self.broadcast);
        }
        message
    }
}

/// What a notification shows. Slack reads markup in it, so that what could be some is
/// escaped (https://docs.slack.dev/messaging/formatting-message-text).
pub(super) fn notification(said: &str) -> String {
    let said = clipped(&harmless(said).replace('\n', " "), LONGEST_NOTIFICATION);
    said.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A message of these blocks. No address in it is looked at by Slack: some of them are
/// secrets that only people may open.
pub(super) fn message(said: &str, blocks: Vec<Value>) -> Value {
    json!({
        "text": notification(said), "blocks": blocks, "mrkdwn": false,
        "unfurl_links": false, "unfurl_media": false,
    })
}

fn section(title: &str, said: &str) -> Value {
    let block = json!({"type": "section", "text": plain_text(said, LONGEST_SECTION)});
    message(title, vec![block])
}

/// What people hear of by other ways, too.
pub(super) fn plain(told: &Message) -> Value {
    section(&told.subject, &told.body)
}

/// The same in a thread.
pub(super) fn under(told: &Message) -> Post {
    Post {
        message: plain(told),
        broadcast: false,
    }
}

/// What became of a request, in its thread.
pub(super) fn of_request(entry: &Entry) -> Option<Post> {
    let facts = &entry.event.facts;
    let of = |name: &str| facts[name].as_str().unwrap_or_default().to_owned();
    let said = match entry.event.kind {
        Kind::VoteCast => {
            let did = match of("choice").as_str() {
                "approve" => "approved",
                _ => "rejected",
            };
            match of("comment") {
                none if none.trim().is_empty() => format!("{} {did}.", of("person")),
                comment => format!("{} {did}: {comment}", of("person")),
            }
        }
        Kind::VoteWithdrawn => format!("{} took their vote back.", of("person")),
        Kind::ApprovalReminded => format!("Still needed: {}.", of("waiting")),
        Kind::ApprovalDecided => format!("It is {}.", of("state")),
        _ => return None,
    };
    Some(Post {
        message: section(&said, &said),
        broadcast: entry.event.kind == Kind::ApprovalReminded,
    })
}
