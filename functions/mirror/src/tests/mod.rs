//! What is shown in Slack and on GitHub, with hand-written ports.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::json;
use sluice_domain::approval::{Choice, Method};
use sluice_domain::digest::Digest;
use sluice_domain::ledger::{Event, Kind};
use sluice_domain::settings::{GithubDeployments, SlackChannel};

use super::*;

const ID: &str = "mzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytb";
const PROMOTION: &str = "storefront/prod/1.1.0/1";

/// All ports in memory.
struct World {
    channels: Channels,
    asked: RefCell<Option<Asked>>,
    /// What is asked of wishes, where that is something else.
    wished: RefCell<Option<Asked>>,
    /// What was read of requests, in order.
    reads: RefCell<Vec<&'static str>>,
    notes: RefCell<BTreeMap<String, Mirrored>>,
    /// What was posted, in order: its `ts` is its place, from 1.
    posts: RefCell<Vec<Value>>,
    /// What was put in the place of what, by `ts`.
    updates: RefCell<Vec<(String, Value)>>,
    /// What the next message is answered, and the next change of one.
    fails: Cell<Option<Error>>,
    change_fails: Cell<Option<SlackError>>,
    /// The messages that somebody deleted, by `ts`.
    deleted: RefCell<BTreeSet<String>>,
    /// The deployments that were made, and what was said of them, in order.
    deployments: RefCell<Vec<Value>>,
    statuses: RefCell<Vec<Value>>,
    /// Whether GitHub refuses.
    refuses: Cell<bool>,
}

fn at(second: i64) -> Timestamp {
    // 2026-11-21T10:00:00Z, and on.
    Timestamp::from_second(1_795_255_200).expect("time") + SignedDuration::from_secs(second)
}

fn asked() -> Asked {
    let approver = |name: &str, role: &str| json!({"name": name, "email": format!("{name}@example.com"), "roles": [role], "slack": {"team": "T1", "user": format!("U{name}").to_uppercase()}});
    let function = |change: &str| {
        json!({
            "name": "storefront-checkout-prod", "arn": "arn:checkout", "alias": "live",
            "current": {"version": "7", "code": Digest::of(b"old")}, "code": Digest::of(b"new"),
            "configuration": null, "change": change,
        })
    };
    let plan = json!({
        "bundle": Digest::of(b"bundle"), "functions": {"checkout": function("update"), "cart": function("unchanged")},
        "steps": [{"weight": 100.0, "bake_seconds": 0}],
        "judge": sluice_domain::settings::JudgePolicy::default(),
    });
    let request = json!({
        "id": ID, "promotion": PROMOTION, "bundle": Digest::of(b"bundle"), "plan": Digest::of(b"plan"),
        "policy": {
            "approvers": [approver("ada", "devops"), approver("bob", "pm")], "quorum": 2,
            "slots": [{"role": "devops", "count": 1}, {"role": "pm", "count": 1}], "expires_seconds": 86400,
        },
        "authors": ["eve@example.com"], "desk_url": "https://desk.example.com/",
        "opened_at": at(0), "expires_at": at(86_400),
    });
    Asked {
        request: serde_json::from_value(request).expect("a request"),
        state: State::Pending,
        votes: Vec::new(),
        plan: serde_json::from_value(plan).expect("a plan"),
    }
}

fn vote(person: &str, choice: Choice) -> Vote {
    Vote {
        person: person.to_owned(),
        choice,
        comment: String::new(),
        at: at(60),
        method: Method::Slack,
        attested: Vec::new(),
        shown: None,
        from: None,
        withdrawn_at: None,
    }
}

fn mirror() -> Mirror<World> {
    let slack = SlackChannel {
        channel: Some("C1".to_owned()),
        webhook_parameter: None,
    };
    let ports = World {
        channels: Channels {
            slack: Some(slack),
            ..Channels::default()
        },
        asked: RefCell::new(Some(asked())),
        wished: RefCell::default(),
        reads: RefCell::default(),
        notes: RefCell::default(),
        posts: RefCell::default(),
        updates: RefCell::default(),
        fails: Cell::default(),
        change_fails: Cell::default(),
        deleted: RefCell::default(),
        deployments: RefCell::default(),
        statuses: RefCell::default(),
        refuses: Cell::default(),
    };
    Mirror { ports }
}

impl Known for World {
    async fn channels(&self, _: &str, environment: &str) -> Result<Channels, Error> {
        Ok(match environment {
            "prod" => self.channels.clone(),
            _ => Channels::default(),
        })
    }

    async fn commit(&self, _: &PromotionId) -> Result<Option<String>, Error> {
        Ok(Some("0123456789abcdef".to_owned()))
    }

    async fn request(
        &self,
        _: &PromotionId,
        matter: Matter,
    ) -> Result<Option<(Request, State)>, Error> {
        self.reads.borrow_mut().push("request");
        let found = self.about(matter);
        Ok(found.map(|asked| (asked.request, asked.state)))
    }

    async fn asked(&self, _: &PromotionId, matter: Matter) -> Result<Option<Asked>, Error> {
        self.reads.borrow_mut().push("asked");
        Ok(self.about(matter))
    }
}

impl World {
    fn about(&self, matter: Matter) -> Option<Asked> {
        let wished = self.wished.borrow().clone();
        let wished = wished.filter(|_| matches!(matter, Matter::Wish(_)));
        wished.or_else(|| self.asked.borrow().clone())
    }
}

impl Notes for World {
    async fn mirrored(&self, _: &PromotionId) -> Result<Vec<(String, Mirrored)>, Error> {
        Ok(self.notes.borrow().clone().into_iter().collect())
    }

    async fn note(&self, _: &PromotionId, what: &str, made: &Mirrored) -> Result<(), Error> {
        let mut notes = self.notes.borrow_mut();
        notes.insert(what.to_owned(), made.clone());
        Ok(())
    }
}

impl super::Slack for World {
    async fn post(&self, place: &SlackPlace, message: &Value) -> Result<Option<Mirrored>, Error> {
        if let Some(error) = self.fails.take() {
            return Err(error);
        }
        check_limits(message);
        let mut posts = self.posts.borrow_mut();
        posts.push(message.clone());
        let id = posts.len().to_string();
        Ok(match place {
            SlackPlace::Channel(channel) => Some(Mirrored {
                place: channel.clone(),
                id,
            }),
            SlackPlace::Webhook(_) => None,
        })
    }

    async fn update(&self, posted: &Mirrored, message: &Value) -> Result<(), Error> {
        check_limits(message);
        if let Some(error) = self.change_fails.take() {
            return Err(error.into());
        }
        if self.deleted.borrow().contains(&posted.id) {
            return Err(refused("chat.update", "message_not_found").into());
        }
        let mut updates = self.updates.borrow_mut();
        updates.push((posted.id.clone(), message.clone()));
        Ok(())
    }
}

impl Github for World {
    async fn deploy(&self, repository: &str, deployment: &Value) -> Result<String, Error> {
        if self.refuses.get() {
            return Err(Error::Refused {
                what: "a deployment",
                repository: repository.to_owned(),
                why: "422 No ref found".to_owned(),
            });
        }
        let mut deployments = self.deployments.borrow_mut();
        deployments.push(deployment.clone());
        Ok(deployments.len().to_string())
    }

    async fn state(&self, deployment: &Mirrored, status: &Value) -> Result<(), Error> {
        let description = status["description"].as_str().expect("text");
        assert!((1..=140).contains(&description.chars().count()));
        let mut status = status.clone();
        status["of"] = json!([deployment.place, deployment.id]);
        self.statuses.borrow_mut().push(status);
        Ok(())
    }
}

/// Slack's limits: https://docs.slack.dev/reference/block-kit/blocks
fn check_limits(message: &Value) {
    assert_eq!(message["unfurl_links"], false);
    assert_eq!(message["unfurl_media"], false);
    let blocks = message["blocks"].as_array().expect("blocks");
    assert!((1..=50).contains(&blocks.len()));
    let length = |text: &Value| text["text"].as_str().expect("text").chars().count();
    for block in blocks {
        let most = if block["type"] == "header" {
            150
        } else {
            3_000
        };
        if !block["text"].is_null() {
            assert!((1..=most).contains(&length(&block["text"])), "{block}");
        }
        let fields = block["fields"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        assert!(fields.len() <= 10);
        for field in fields {
            assert!((1..=2_000).contains(&length(field)), "{field}");
        }
    }
    assert!(!message.to_string().contains("mrkdwn\":true"));
    assert!(!message.to_string().contains("\"type\":\"mrkdwn\""));
}

fn stream(entries: &[(&str, Kind, Value)]) -> StreamEvent {
    let record = |(number, (chain, kind, facts)): (usize, &(&str, Kind, Value))| {
        let event = Event {
            chain: (*chain).to_owned(),
            key: "key".into(),
            kind: *kind,
            actor: "guard".into(),
            facts: facts.clone(),
        };
        let entry = Entry::seal(event, None, Timestamp::UNIX_EPOCH).expect("sealed");
        let image = json!({"pk": {"S": chain}, "sk": {"N": "1"}, "entry": {"S": serde_json::to_string(&entry).expect("json")}});
        json!({
            "awsRegion": "eu-west-1", "eventID": number.to_string(), "eventName": "INSERT",
            "dynamodb": {"NewImage": image, "SequenceNumber": format!("s{number}"), "SizeBytes": 1},
        })
    };
    let records: Vec<Value> = entries.iter().enumerate().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).expect("the event is understood")
}

fn run(mirror: &Mirror<World>, event: StreamEvent, second: i64) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let handled = mirror.handle(event, at(second));
    runtime.block_on(handled).expect("it can be named")
}

/// Tells of one entry of the promotion's.
fn tell(mirror: &Mirror<World>, kind: Kind, facts: Value) {
    let told = run(mirror, stream(&[(PROMOTION, kind, facts)]), 60);
    assert_eq!(told, Told::default());
}

fn title(message: &Value) -> &str {
    let blocks = message["blocks"].as_array().expect("blocks");
    let text = &blocks[0]["text"]["text"];
    text.as_str().expect("text")
}

/// The buttons of a message, by what they do.
fn buttons(message: &Value) -> BTreeSet<String> {
    let blocks = message["blocks"].as_array().expect("blocks");
    let buttons = blocks
        .iter()
        .filter_map(|block| block["elements"].as_array())
        .flatten();
    let named = buttons.filter_map(|button| button["action_id"].as_str());
    named.map(str::to_owned).collect()
}

/// What Slack says no to.
fn refused(method: &'static str, error: &str) -> SlackError {
    SlackError::Refused {
        method,
        error: error.to_owned(),
    }
}

mod deployments;
mod ends;
mod hostile;
mod lost;
mod requests;
mod secrets;
mod threads;
