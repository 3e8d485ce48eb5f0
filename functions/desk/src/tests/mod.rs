//! The desk with hand-written ports: what it shows, and what it takes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use aws_lambda_events::http::header;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sluice_domain::approval::{AtStep, Choice};
use sluice_domain::document::Document as _;

use super::*;

const SHOW: &str = include_str!("../../../../events/desk/show.json");
const VOTE: &str = include_str!("../../../../events/desk/vote.json");
const PROGRAM: &str = include_str!("../../../../events/desk/vote-by-program.json");
const OTHER_SITE: &str = include_str!("../../../../events/desk/vote-from-another-site.json");
const NOT_FOUND: &str = include_str!("../../../../events/desk/not-found.json");
const ID: &str = "mzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytb";
const CODE: &str = "correct horse";

/// All ports in memory.
struct World {
    request: Request,
    state: Cell<State>,
    subject: RefCell<Subject>,
    votes: RefCell<Vec<Vote>>,
    codes: BTreeMap<&'static str, &'static str>,
    /// By person and window.
    tries: RefCell<BTreeMap<(String, Window), u64>>,
    tallies: Cell<u32>,
    recorded: RefCell<Vec<Vote>>,
    ledger_fails: Cell<bool>,
    tally_fails: Cell<bool>,
    /// Decided just before a vote is stored.
    overtaken: Cell<bool>,
    /// Whether the promotion has ended, though its request is open.
    ended: Cell<bool>,
}

fn at(second: i64) -> Timestamp {
    // 2026-11-21T10:00:00Z, and on.
    Timestamp::from_second(1_795_255_200).expect("time") + SignedDuration::from_secs(second)
}

fn manifest() -> Value {
    let code = Digest::of(b"new checkout");
    json!({
        "schema": 1, "application": "storefront", "version": "1.1.0", "commit": "0123456789abcdef0123456789abcdef01234567",
        "author": {"name": "Eve <script>alert(1)</script>", "email": "eve@example.com"},
        "co_authors": [{"name": "Mallory \u{202e}gpj.exe", "email": "mallory@example.com"}],
        "source": "https://git.example.com/storefront/pull/17",
        "functions": {
            "checkout": {"zip": {"key": "checkout.zip", "digest": code}},
            "cart": {"zip": {"key": "cart.zip", "digest": Digest::of(b"cart")}},
        },
        "smoke_tests": [{"name": "an order goes through", "function": "checkout", "payload": {}}],
        "evidence": [{"kind": "junit", "key": "evidence/tests.xml", "digest": code}],
        "notes": "Faster checkout.\nTotals are rounded per line & per order.",
    })
}

fn plan() -> Plan {
    let checkout = json!({
        "name": "storefront-checkout-prod", "arn": "arn:checkout", "alias": "live",
        "current": {"version": "7", "code": Digest::of(b"old checkout")}, "code": Digest::of(b"new checkout"),
        "configuration": {
            "memory_mb": 512, "environment": {"PRICES_TABLE": "secret-value"},
            "requires": {"secrets": ["payment-key"]},
        },
        "configuration_changes": ["memory: 128 MB -> 512 MB", "environment variable PRICES_\u{202e}TABLE: new"],
        "change": "update",
    });
    let cart = json!({
        "name": "storefront-cart-prod", "arn": "arn:cart", "alias": "live",
        "current": {"version": "3", "code": Digest::of(b"cart")}, "code": Digest::of(b"cart"),
        "configuration": null, "change": "unchanged",
    });
    let plan = json!({
        "bundle": Digest::of(b"bundle"),
        "functions": {"checkout": checkout, "cart": cart},
        "steps": [
            {"weight": 10.0, "bake_seconds": 600}, {"weight": 50.0, "bake_seconds": 600}, {"weight": 100.0, "bake_seconds": 0},
        ],
        "judge": sluice_domain::settings::JudgePolicy::default(),
    });
    serde_json::from_value(plan).expect("plan")
}

fn parse(manifest: &Value) -> Manifest {
    Manifest::parse("release.json", manifest.to_string().as_bytes()).expect("manifest")
}

fn desk() -> Desk<World> {
    let approver = |name: &str| json!({"name": name, "email": format!("{name}@example.com"), "code_parameter": format!("/codes/{name}")});
    let request = json!({
        "id": ID, "promotion": "storefront/prod/1.1.0/1", "bundle": Digest::of(b"bundle"), "plan": plan().hash().expect("hash"),
        "policy": {"approvers": [approver("ada"), approver("bob"), approver("eve")], "quorum": 2, "expires_seconds": 86400},
        "authors": ["eve@example.com", "mallory@example.com"], "opened_at": at(0), "expires_at": at(86_400),
    });
    let subject = Subject {
        bundle: Digest::of(b"bundle"),
        plan: plan(),
        manifest: Some(parse(&manifest())),
    };
    let ports = World {
        request: serde_json::from_value(request).expect("request"),
        state: Cell::new(State::Pending),
        subject: RefCell::new(subject),
        votes: RefCell::default(),
        codes: BTreeMap::from([
            ("/codes/ada", CODE),
            ("/codes/bob", "b"),
            ("/codes/eve", CODE),
        ]),
        tries: RefCell::default(),
        tallies: Cell::default(),
        recorded: RefCell::default(),
        ledger_fails: Cell::default(),
        tally_fails: Cell::default(),
        overtaken: Cell::default(),
        ended: Cell::default(),
    };
    Desk { ports }
}

/// The desk with a request about the second of three steps.
fn desk_at_a_step() -> Desk<World> {
    let mut desk = desk();
    desk.ports.request.step = Some(AtStep {
        index: 1,
        of: 3,
        weight: 50.0,
        verdict: "pass: checkout is <b>within</b> the margin".to_owned(),
    });
    desk
}

impl Requests for World {
    async fn find(&self, id: &str) -> Result<Option<(Request, State)>, Error> {
        Ok((id == self.request.id).then(|| (self.request.clone(), self.state.get())))
    }

    async fn votes(&self, _: &str) -> Result<Vec<Vote>, Error> {
        Ok(self.votes.borrow().clone())
    }

    async fn cast(&self, _: &str, vote: &Vote) -> Result<bool, Error> {
        if self.overtaken.take() {
            self.state.set(State::Superseded);
        }
        let mut votes = self.votes.borrow_mut();
        let stored = self.state.get() == State::Pending
            && votes.iter().all(|there| there.person != vote.person);
        if stored {
            votes.push(vote.clone());
        }
        Ok(stored)
    }
}

impl Subjects for World {
    async fn has_ended(&self, _: &PromotionId) -> Result<bool, Error> {
        Ok(self.ended.get())
    }

    async fn subject(&self, _: &PromotionId) -> Result<Subject, Error> {
        Ok(self.subject.borrow().clone())
    }
}

impl Codes for World {
    async fn code(&self, parameter: &str) -> Result<Option<Code>, Error> {
        Ok(self.codes.get(parameter).and_then(|code| Code::new(code)))
    }

    async fn count_try(&self, _: &str, person: &str, window: Window) -> Result<u64, Error> {
        let mut tries = self.tries.borrow_mut();
        let tries = tries.entry((person.to_owned(), window)).or_default();
        *tries += 1;
        Ok(*tries)
    }
}

impl Record for World {
    async fn vote_cast(&self, _: &Request, vote: &Vote) -> Result<(), Fault> {
        if self.ledger_fails.get() {
            return Err(Fault::other("recording VoteCast", "out of reach"));
        }
        self.recorded.borrow_mut().push(vote.clone());
        Ok(())
    }
}

impl Tally for World {
    async fn tally(&self, _: &str) -> Result<State, Fault> {
        if self.tally_fails.get() {
            return Err(Fault::other("counting the votes", "out of reach"));
        }
        self.tallies.set(self.tallies.get() + 1);
        if self.state.get() == State::Pending {
            let counted = self.request.tally(&self.votes.borrow(), at(1));
            self.state.set(counted);
        }
        Ok(self.state.get())
    }
}

/// The event, as the runtime hands it over, after a change.
fn event(text: &str, change: impl FnOnce(&mut Value)) -> LambdaFunctionUrlRequest {
    let mut event = serde_json::from_str(text).expect("json");
    change(&mut event);
    serde_json::from_value(event).expect("the event is understood")
}

fn as_sent(_: &mut Value) {}

/// Puts a form in the place of the event's own.
fn form(fields: &str) -> impl FnOnce(&mut Value) + '_ {
    move |event| {
        event["body"] = json!(fields);
        event["isBase64Encoded"] = json!(false);
    }
}

/// What came back: status, body, headers.
struct Answered {
    status: i64,
    body: String,
    headers: aws_lambda_events::http::HeaderMap,
}

impl Answered {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("json")
    }
}

fn run(desk: &Desk<World>, request: LambdaFunctionUrlRequest, second: i64) -> Answered {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("runtime");
    let response = runtime
        .block_on(desk.handle(request, at(second)))
        .expect("answered");
    Answered {
        status: response.status_code,
        body: response.body.unwrap_or_default(),
        headers: response.headers,
    }
}

fn program(desk: &Desk<World>, fields: &str) -> Answered {
    run(desk, event(PROGRAM, form(fields)), 60)
}

mod reading;
mod voting;
