//! The desk with hand-written ports: what it shows, and what it takes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use aws_lambda_events::http::header;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sluice_domain::approval::{AtStep, Choice, Seal};
use sluice_domain::document::Document as _;
use sluice_domain::promotion::{BundleRef, Outcome};

use super::*;

const SHOW: &str = include_str!("../../../../events/desk/show.json");
const VOTE: &str = include_str!("../../../../events/desk/vote.json");
const PROGRAM: &str = include_str!("../../../../events/desk/vote-by-program.json");
const OTHER_SITE: &str = include_str!("../../../../events/desk/vote-from-another-site.json");
const NOT_FOUND: &str = include_str!("../../../../events/desk/not-found.json");
const ID: &str = "mzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytb";
/// The secrets of one-time codes: Ada's is that of RFC 6238.
const ADA: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const BOB: &str = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U";

/// All ports in memory.
struct World {
    request: Request,
    state: Cell<State>,
    subject: RefCell<Subject>,
    votes: RefCell<Vec<Vote>>,
    codes: BTreeMap<&'static str, &'static str>,
    /// The last step of a code that was used, by its parameter.
    used: RefCell<BTreeMap<String, u64>>,
    /// By person and window.
    tries: RefCell<BTreeMap<(String, Window), u64>>,
    tallies: Cell<u32>,
    recorded: RefCell<Vec<Vote>>,
    /// Votes that were taken back, as they are recorded.
    withdrawn: RefCell<Vec<Vote>>,
    ledger_fails: Cell<bool>,
    tally_fails: Cell<bool>,
    /// Decided just before a vote is stored.
    overtaken: Cell<bool>,
    /// Whether the promotion has ended, though its request is open.
    ended: Cell<bool>,
    /// Slack's app.
    app: Arc<Found>,
    /// The dialogs that were opened in Slack.
    dialogs: RefCell<Vec<Value>>,
    /// By token.
    sessions: RefCell<BTreeMap<String, Session>>,
    standing: Vec<Standing>,
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

/// What would be applied to the database.
fn migrations() -> Value {
    json!({
        "digest": format!("sha256:{}", "0".repeat(64)), "phase": "expand", "tool": "sqlx", "place": "db:5432/shop",
        "server": "17.10", "applied": 3, "pending": 1, "files": ["4_drop.sql"], "waiting": 0,
        "classes": {"a": 0, "b": 0, "c": 1}, "more": 2,
        "statements": [{"place": "4_drop.sql:1", "kind": "DO", "class": "C",
            "reason": "it can't be seen through", "old_code": "nobody knows"}],
        "checks": ["nobody is lost: SELECT id FROM person"],
    })
}

fn promotion(outcome: Option<Outcome>) -> Promotion {
    let bundle = json!({"bucket": "b", "key": "p/release.json", "version_id": "v1", "digest": Digest::of(b"bundle")});
    let bundle: BundleRef = serde_json::from_value(bundle).expect("a bundle");
    Promotion {
        id: "storefront/prod/1.1.0/1".parse().expect("an id"),
        bundle,
        execution_arn: "arn:execution".to_owned(),
        opened_at: at(0),
        outcome,
        reason: outcome.map(|_| "step 1 <b>failed</b>".to_owned()),
        closed_at: outcome.map(|_| at(60)),
    }
}

fn parse(manifest: &Value) -> Manifest {
    Manifest::parse("release.json", manifest.to_string().as_bytes()).expect("manifest")
}

fn desk() -> Desk<World> {
    let approver = |name: &str| json!({"name": name, "email": format!("{name}@example.com"), "totp_parameter": format!("/codes/{name}")});
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
            ("/codes/ada", ADA),
            ("/codes/bob", BOB),
            ("/codes/eve", ADA),
        ]),
        used: RefCell::default(),
        tries: RefCell::default(),
        tallies: Cell::default(),
        recorded: RefCell::default(),
        withdrawn: RefCell::default(),
        ledger_fails: Cell::default(),
        tally_fails: Cell::default(),
        overtaken: Cell::default(),
        ended: Cell::default(),
        app: Arc::default(),
        dialogs: RefCell::default(),
        sessions: RefCell::default(),
        standing: Vec::new(),
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

    async fn votes(&self, _: &Request) -> Result<Vec<Sealed>, Error> {
        let votes = self.votes.borrow();
        Ok(votes.iter().cloned().map(sealed).collect())
    }

    async fn cast(&self, _: &Request, vote: &Vote) -> Result<bool, Error> {
        if self.overtaken.take() {
            self.state.set(State::Superseded);
        }
        let mut votes = self.votes.borrow_mut();
        let stands = |there: &Vote| there.person == vote.person && there.withdrawn_at.is_none();
        let stored = self.state.get() == State::Pending && !votes.iter().any(stands);
        if stored {
            votes.retain(|there| there.person != vote.person);
            votes.push(vote.clone());
        }
        Ok(stored)
    }

    async fn withdraw(&self, _: &str, vote: &Sealed) -> Result<bool, Error> {
        let mut votes = self.votes.borrow_mut();
        let mut stands = votes
            .iter_mut()
            .filter(|there| there.person == vote.vote.person && there.withdrawn_at.is_none());
        let there = stands.next().filter(|_| self.state.get() == State::Pending);
        Ok(there.map(|there| *there = vote.vote.clone()).is_some())
    }
}

fn sealed(vote: Vote) -> Sealed {
    let seal = Seal {
        key: "a key".to_owned(),
        mac: String::new(),
    };
    Sealed { vote, seal }
}

impl Subjects for World {
    async fn promotion(&self, _: &PromotionId) -> Result<Promotion, Error> {
        let outcome = self.ended.get().then_some(Outcome::Aborted);
        Ok(promotion(outcome))
    }

    async fn subject(&self, _: &Promotion) -> Result<Subject, Error> {
        Ok(self.subject.borrow().clone())
    }
}

impl Codes for World {
    async fn secret(&self, parameter: &str) -> Result<Option<OneTimeSecret>, Error> {
        let kept = self.codes.get(parameter);
        Ok(kept.and_then(|text| OneTimeSecret::parse(text).ok()))
    }

    async fn use_step(&self, parameter: &str, step: u64) -> Result<bool, Error> {
        let mut used = self.used.borrow_mut();
        let last = used.entry(parameter.to_owned()).or_default();
        let is_new = *last < step;
        *last = step.max(*last);
        Ok(is_new)
    }

    async fn count_try(&self, id: &str, person: &str, window: Window) -> Result<u64, Error> {
        let mut tries = self.tries.borrow_mut();
        let tries = tries.entry((format!("{id}/{person}"), window)).or_default();
        *tries += 1;
        Ok(*tries)
    }
}

impl Sessions for World {
    fn parameter_of(&self, person: &str) -> Option<String> {
        (!person.contains('/')).then(|| format!("/codes/{person}"))
    }

    async fn begin_session(&self, session: &Session) -> Result<String, Error> {
        let mut sessions = self.sessions.borrow_mut();
        let token = format!("token-{}", sessions.len());
        sessions.insert(token.clone(), session.clone());
        Ok(token)
    }

    async fn session(&self, token: &str) -> Result<Option<Session>, Error> {
        Ok(self.sessions.borrow().get(token).cloned())
    }

    async fn end_session(&self, token: &str) -> Result<(), Error> {
        self.sessions.borrow_mut().remove(token);
        Ok(())
    }

    async fn standing(&self) -> Result<Vec<Standing>, Error> {
        Ok(self.standing.clone())
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

    async fn vote_withdrawn(&self, _: &Request, vote: &Vote) -> Result<(), Fault> {
        if self.ledger_fails.get() {
            return Err(Fault::other("recording VoteWithdrawn", "out of reach"));
        }
        self.withdrawn.borrow_mut().push(vote.clone());
        Ok(())
    }
}

impl Chat for World {
    async fn app(&self) -> Result<Arc<Found>, Error> {
        Ok(Arc::clone(&self.app))
    }

    async fn open_dialog(&self, _: &Found, trigger: &str, view: &Value) -> Result<(), Error> {
        assert_eq!(
            trigger,
            "398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
        );
        self.dialogs.borrow_mut().push(view.clone());
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
    cookies: Vec<String>,
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
        cookies: response.cookies,
    }
}

/// The code of this secret at this second.
fn code(secret: &str, second: i64) -> String {
    let secret = OneTimeSecret::parse(secret).expect("a secret");
    secret.code_at(at(second))
}

/// A vote with the right code of this second.
fn vote(person: &str, choice: &str, second: i64) -> String {
    let secret = if person == "bob" { BOB } else { ADA };
    let code = code(secret, second);
    format!("person={person}&code={code}&choice={choice}&comment=as+I+said")
}

fn program(desk: &Desk<World>, fields: &str) -> Answered {
    run(desk, event(PROGRAM, form(fields)), 60)
}

/// Ada's vote, and Bob's.
fn approve() -> String {
    vote("ada", "approve", 60)
}

fn bob() -> String {
    vote("bob", "approve", 60)
}

mod codes;
mod hostile;
mod reading;
mod sessions;
mod signed;
mod slack;
mod voting;
