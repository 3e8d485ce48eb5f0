//! Slack, as a member of a workspace sees it: a channel with messages, buttons and dialogs.

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_local::outside::Call;
use sluice_platform::slack::SigningSecret;

use super::{EVERY, PATIENCE, World, variable};

/// The secrets of the app, the same for all tests of an engine.
const SIGNING: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const TOKEN: &str = "xoxb-of-the-tests";

/// A channel of one test's.
pub struct Channel {
    /// Its ID.
    pub id: String,
    desk: String,
    outside: String,
    trigger: String,
}

/// What came back from the desk.
type Answer = (u16, String);

impl World {
    /// A channel that the app is in.
    ///
    /// # Panics
    /// When the app's secrets can't be stored.
    pub async fn channel(&self) -> Channel {
        self.shared_parameter("/sluice-slack/signing-secret", SIGNING)
            .await;
        self.shared_parameter("/sluice-slack/bot-token", TOKEN)
            .await;
        Channel {
            id: format!("C{}", self.unique.to_uppercase()),
            desk: self.desk().trim_end_matches('/').to_owned(),
            outside: variable(&self.environment, "SLUICE_OUTSIDE_URL").to_owned(),
            trigger: format!("trigger-{}", self.unique),
        }
    }

    /// Waits until a message of a channel fits, as it reads now.
    ///
    /// # Panics
    /// When none does in time.
    pub async fn said(
        &self,
        channel: &Channel,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        self.wait(&format!("in Slack: {what}"), async || {
            let messages = channel.messages().await;
            messages.into_iter().find(|message| fits(message))
        })
        .await
    }
}

impl Channel {
    /// The setting that names it.
    #[must_use]
    pub fn setting(&self) -> Value {
        json!({"slack": {"channel": self.id}})
    }

    /// What is outside of AWS was called with, in order.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn calls(&self) -> Vec<Call> {
        let url = format!("{}/calls", self.outside);
        let calls = tokio::task::spawn_blocking(move || {
            let mut answer = ureq::get(&url).call().expect("an answer");
            answer.body_mut().read_to_string().expect("the calls")
        });
        let calls = calls.await.expect("they are read");
        serde_json::from_str(&calls).expect("calls")
    }

    /// The messages of the channel, each as it reads now.
    ///
    /// # Panics
    /// When nobody can be asked.
    pub async fn messages(&self) -> Vec<Value> {
        let calls = self.calls().await.into_iter().enumerate();
        let own = calls.filter(|(_, call)| call.body["channel"] == self.id.as_str());
        let mut messages: Vec<Value> = Vec::new();
        for (place, call) in own {
            assert_eq!(call.token.as_deref(), Some(TOKEN), "{}", call.path);
            let mut message = call.body;
            if call.path.ends_with("/chat.update") {
                let old = messages.iter_mut().find(|one| one["ts"] == message["ts"]);
                *old.expect("the message that is changed") = message;
            } else {
                // As Slack names the message.
                message["ts"] = json!(format!("1795255200.{:06}", place + 1));
                messages.push(message);
            }
        }
        messages
    }

    /// Somebody clicks a button of a message: the dialog that opens.
    ///
    /// # Panics
    /// When none does.
    pub async fn click(&self, user: &Value, action: &str, message: &Value) -> Value {
        let buttons = message["blocks"].as_array().into_iter().flatten();
        let mut buttons = buttons
            .filter_map(|block| block["elements"].as_array())
            .flatten();
        let button = buttons.find(|button| button["action_id"] == action);
        let button = button.unwrap_or_else(|| panic!("no button {action}: {message}"));
        let payload = json!({
            "type": "block_actions", "user": user, "team": {"id": user["team_id"]},
            "trigger_id": self.trigger, "actions": [button],
        });
        let (status, body) = self.heard(&payload).await;
        assert_eq!((status, body.as_str()), (200, ""));
        let mut calls = self.calls().await;
        calls.retain(|call| call.body["trigger_id"] == self.trigger.as_str());
        let opened = calls.pop().expect("a dialog");
        assert!(opened.path.ends_with("/views.open"), "{}", opened.path);
        opened.body["view"].clone()
    }

    /// Somebody submits a dialog, with this comment: the payload.
    #[must_use]
    pub fn submission(user: &Value, dialog: &Value, comment: &str) -> Value {
        json!({
            "type": "view_submission", "user": user, "team": {"id": user["team_id"]},
            "view": {
                "callback_id": dialog["callback_id"], "private_metadata": dialog["private_metadata"],
                "state": {"values": {"comment": {"typed": {"type": "plain_text_input", "value": comment}}}},
            },
        })
    }

    /// Sends the desk what Slack would, signed with its secret now.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn submit(&self, payload: &Value) -> Value {
        let (status, body) = self.send(payload, SIGNING, Timestamp::now()).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Sends the desk a payload. One that has looked for Slack's secrets before they were set
    /// looks again after a while.
    async fn heard(&self, payload: &Value) -> Answer {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let answer = self.send(payload, SIGNING, Timestamp::now()).await;
            if answer.0 != 404 || tokio::time::Instant::now() >= deadline {
                return answer;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Sends the desk a payload that is signed with this secret at this time.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn send(&self, payload: &Value, secret: &str, at: Timestamp) -> Answer {
        let secret = SigningSecret::parse(secret).expect("a secret");
        let mut form = form_urlencoded::Serializer::new(String::new());
        let body = form.append_pair("payload", &payload.to_string()).finish();
        let signature = secret.sign(at.as_second(), body.as_bytes());
        let url = format!("{}/slack", self.desk);
        let sent = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .build()
                .into();
            let mut answer = agent
                .post(&url)
                .header("content-type", "application/x-www-form-urlencoded")
                .header("x-slack-request-timestamp", at.as_second().to_string())
                .header("x-slack-signature", &signature)
                .send(&body)
                .expect("an answer");
            let text = answer.body_mut().read_to_string().expect("text");
            (answer.status().as_u16(), text)
        });
        sent.await.expect("it is sent")
    }
}
