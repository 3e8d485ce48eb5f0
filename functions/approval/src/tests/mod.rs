//! The function with hand-written ports: how it asks, and how it reads the answer.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluice_domain::approval::{Choice, Method, Reminder, Vote};
use sluice_domain::caller::Principal;
use sluice_domain::digest::Digest;
use sluice_domain::document::Document as _;
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::MigrationPlan;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{BundleRef, Outcome, Promotion};
use sluice_domain::settings::Settings;

use sluice_platform::people::Message;

use super::*;

const TALLY: &str = include_str!("../../../../events/approval/tally.json");
const REQUEST: &str = include_str!("../../../../events/approval/request.json");
const STEP: &str = include_str!("../../../../events/approval/step.json");
const CONCLUDE: &str = include_str!("../../../../events/approval/conclude.json");
const WITHDRAW: &str = include_str!("../../../../events/approval/withdraw.json");
const NAME: &str = "mzxw6ytbmzxw6ytbmzxw6ytbmzxw6ytb";
const COMMIT: &str = "1111111111111111111111111111111111111111";

/// All ports in memory.
struct World {
    settings: Settings,
    /// The ids of requests, by promotion and what is asked about.
    known: RefCell<BTreeMap<(PromotionId, String), String>>,
    open: RefCell<BTreeMap<String, OpenRequest>>,
    /// Each with the id of its request.
    tokens: RefCell<Vec<(String, TaskToken)>>,
    /// Each with the id of its request.
    votes: RefCell<Vec<(String, Vote)>>,
    told: RefCell<Vec<(Option<String>, Message)>>,
    resumed: RefCell<Vec<String>>,
    facts: RefCell<BTreeMap<String, Value>>,
    deaf: Cell<bool>,
    nobody_waits: Cell<bool>,
    /// The token whose signal fails.
    throttled: Cell<Option<&'static str>>,
    /// How long the plan gives approvers of a step.
    approval_seconds: Cell<Option<u64>>,
    /// Whether there is no plan yet.
    unplanned: Cell<bool>,
    goes_back: Cell<bool>,
    migrations: RefCell<Option<MigrationPlan>>,
    /// How the promotion ended.
    ended: Cell<Option<Outcome>>,
    /// Decides this just before the function does.
    overtaken_by: Cell<Option<State>>,
    /// Who takes their vote back right before a decision is written, and when.
    withdraws: RefCell<Option<(&'static str, Timestamp)>>,
    /// Who began the release.
    requester: RefCell<Option<Principal>>,
    /// Whether promotions work on the database alone.
    operates: Cell<bool>,
    /// The open promotions into the environment.
    beside: RefCell<Vec<Promotion>>,
}

fn manifest() -> Manifest {
    let text = json!({
        "schema": 1, "application": "storefront", "version": "1.1.0", "commit": COMMIT,
        "author": {"name": "Eve", "email": "eve@example.com"},
        "functions": {"checkout": {"zip": {"key": "checkout.zip", "digest": Digest::of(b"new")}}},
    });
    Manifest::parse("release.json", text.to_string().as_bytes()).expect("manifest")
}

fn plan() -> Plan {
    let plan = json!({
        "bundle": Digest::of(b"bundle"),
        "functions": {"checkout": {
            "name": "storefront-checkout-prod", "arn": "arn:checkout", "alias": "live",
            "current": {"version": "7", "code": Digest::of(b"old")},
            "code": Digest::of(b"new"), "configuration": null, "change": "update",
            "configuration_changes": ["memory: 128 MB -> 256 MB"],
        }},
        "steps": [{"weight": 100.0, "bake_seconds": 60}],
        "judge": sluice_domain::settings::JudgePolicy::default(),
    });
    serde_json::from_value(plan).expect("plan")
}

fn world(quorum: usize, approvers: &[&str]) -> Approval<World> {
    let approver = |name: &&str| {
        json!({
            "name": name, "email": format!("{name}@example.com"), "totp_parameter": format!("/codes/{name}"),
        })
    };
    let mut settings = json!({"schema": 1, "order": 3, "functions": {"checkout": {"name": "storefront-checkout-prod"}}});
    settings["approval"] = json!({
        "approvers": approvers.iter().map(approver).collect::<Vec<_>>(), "quorum": quorum, "expires_seconds": 3600,
    });
    let ports = World {
        settings: serde_json::from_value(settings).expect("settings"),
        known: RefCell::default(),
        open: RefCell::default(),
        tokens: RefCell::default(),
        votes: RefCell::default(),
        told: RefCell::default(),
        resumed: RefCell::default(),
        facts: RefCell::default(),
        deaf: Cell::default(),
        nobody_waits: Cell::default(),
        throttled: Cell::default(),
        approval_seconds: Cell::default(),
        unplanned: Cell::default(),
        goes_back: Cell::default(),
        migrations: RefCell::default(),
        ended: Cell::default(),
        overtaken_by: Cell::default(),
        withdraws: RefCell::default(),
        requester: RefCell::default(),
        operates: Cell::default(),
        beside: RefCell::default(),
    };
    Approval { ports }
}

impl World {
    /// The request that was opened, of a promotion that has no other.
    fn opened(&self) -> OpenRequest {
        let open = self.open.borrow();
        assert_eq!(open.len(), 1, "{open:?}");
        open.values().next().cloned().expect("open")
    }

    /// Takes a vote on the request of the promotion, or of one of its steps.
    fn cast(&self, step: Option<usize>, vote: Vote) {
        let matter = step.map_or(Matter::Promotion, Matter::Step);
        self.cast_on(matter, vote);
    }

    /// Takes a vote on the request about this.
    fn cast_on(&self, matter: Matter, vote: Vote) {
        let request = self.known.borrow()[&(own(), key(matter))].clone();
        self.votes.borrow_mut().push((request, vote));
    }
}

/// What is asked about, as a key.
fn key(matter: Matter) -> String {
    format!("{matter:?}")
}

impl Subjects for World {
    async fn promotion(&self, id: &PromotionId) -> Result<Promotion, Error> {
        let bundle = BundleRef {
            bucket: "artifacts".into(),
            key: "storefront/1.1.0/release.json".into(),
            version_id: "v1".into(),
            digest: Digest::of(b"bundle"),
        };
        let execution_arn = "arn:execution".to_owned();
        Ok(Promotion {
            id: id.clone(),
            bundle,
            execution_arn,
            opened_at: at(0),
            outcome: self.ended.get(),
            reason: None,
            closed_at: None,
        })
    }

    async fn asked(&self, _: &PromotionId) -> Result<Option<Asked>, Error> {
        Ok(Some(Asked {
            by: self.requester.borrow().clone(),
            operates: self.operates.get(),
        }))
    }

    async fn beside(&self, _: &PromotionId) -> Result<Vec<Promotion>, Error> {
        Ok(self.beside.borrow().clone())
    }

    async fn plan(&self, _: &PromotionId) -> Result<Plan, Error> {
        if self.unplanned.get() {
            return Err(StoreError::Missing("part#plan".to_owned()).into());
        }
        Ok(Plan {
            approval_seconds: self.approval_seconds.get(),
            goes_back: self.goes_back.get(),
            migrations: self.migrations.borrow().clone(),
            ..plan()
        })
    }

    async fn manifest(&self, _: &BundleRef) -> Result<Manifest, Error> {
        Ok(manifest())
    }
}

impl Environments for World {
    async fn settings(&self, _: &PromotionId) -> Result<Settings, Error> {
        Ok(self.settings.clone())
    }
}

impl Ids for World {
    fn fresh(&self) -> Result<String, Error> {
        Ok(match self.known.borrow().len() {
            0 => NAME.to_owned(),
            before => format!("request{before}"),
        })
    }

    async fn known(&self, id: &PromotionId, matter: Matter) -> Result<Option<String>, Error> {
        Ok(self.known.borrow().get(&(id.clone(), key(matter))).cloned())
    }

    async fn note(&self, id: &PromotionId, matter: Matter, request: &str) -> Result<String, Error> {
        let mut known = self.known.borrow_mut();
        let noted = known
            .entry((id.clone(), key(matter)))
            .or_insert_with(|| request.to_owned());
        Ok(noted.clone())
    }
}

impl Requests for World {
    async fn open(&self, request: &Request, token: Option<&TaskToken>) -> Result<bool, Error> {
        let token = token.map(|token| (request.id.clone(), token.clone()));
        self.tokens.borrow_mut().extend(token);
        let mut open = self.open.borrow_mut();
        if open.contains_key(&request.id) {
            return Ok(false);
        }
        let new = OpenRequest {
            request: request.clone(),
            state: State::Pending,
            reminded: BTreeSet::new(),
        };
        open.insert(request.id.clone(), new);
        Ok(true)
    }

    async fn tokens(&self, id: &str) -> Result<Vec<TaskToken>, Error> {
        let tokens = self.tokens.borrow();
        let own = tokens.iter().filter(|(request, _)| request == id);
        Ok(own.map(|(_, token)| token.clone()).collect())
    }

    async fn find(&self, id: &str) -> Result<Option<OpenRequest>, Error> {
        Ok(self.open.borrow().get(id).cloned())
    }

    async fn note_reminder(&self, id: &str, reminder: Reminder) -> Result<bool, Error> {
        let mut open = self.open.borrow_mut();
        let open = open.get_mut(id).expect("open");
        Ok(open.state == State::Pending && open.reminded.insert(reminder))
    }

    async fn forget_reminder(&self, id: &str, reminder: Reminder) -> Result<(), Error> {
        let mut open = self.open.borrow_mut();
        open.get_mut(id).expect("open").reminded.remove(&reminder);
        Ok(())
    }
}

impl Ballot for World {
    async fn votes(&self, request: &Request) -> Result<Vec<Vote>, Error> {
        let votes = self.votes.borrow();
        let on_it = votes.iter().filter(|(id, _)| *id == request.id);
        Ok(on_it.map(|(_, vote)| vote.clone()).collect())
    }

    async fn decide(&self, id: &str, state: State, counted: &[&str]) -> Result<bool, Error> {
        let stands = |person: &str| {
            let votes = self.votes.borrow();
            let mut own = votes.iter().filter(|(_, vote)| vote.person == person);
            own.any(|(_, vote)| vote.withdrawn_at.is_none())
        };
        if let Some((person, at)) = self.withdraws.take() {
            let mut votes = self.votes.borrow_mut();
            let own = votes.iter_mut().filter(|(_, vote)| vote.person == person);
            own.for_each(|(_, vote)| vote.withdrawn_at = Some(at));
        }
        if !counted.iter().all(|person| stands(person)) {
            return Ok(false);
        }
        let mut open = self.open.borrow_mut();
        let open = open.get_mut(id).expect("open");
        if let Some(first) = self.overtaken_by.take() {
            open.state = first;
        }
        if open.state != State::Pending {
            return Ok(false);
        }
        open.state = state;
        Ok(true)
    }
}

impl People for World {
    async fn tell(&self, topic: Option<&str>, message: &Message) -> Result<(), Fault> {
        if self.deaf.get() {
            return Err(Fault::other("sns:Publish", "no such topic"));
        }
        self.told
            .borrow_mut()
            .push((topic.map(str::to_owned), message.clone()));
        Ok(())
    }
}

impl Machine for World {
    async fn resume(&self, token: &TaskToken) -> Result<Resumed, Fault> {
        if self.throttled.get() == Some(&token.0) {
            return Err(Fault::other("states:SendTaskSuccess", "throttled"));
        }
        self.resumed.borrow_mut().push(token.0.clone());
        Ok(if self.nobody_waits.get() {
            Resumed::NobodyWaits
        } else {
            Resumed::Resumed
        })
    }
}

impl Record for World {
    async fn record(
        &self,
        _: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.facts
            .borrow_mut()
            .entry(format!("{}/{key}", kind.name()))
            .or_insert(facts);
        Ok(())
    }
}

/// The promotion that people are asked about.
fn own() -> PromotionId {
    "storefront/prod/1.1.0/1".parse().expect("an id")
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn vote(person: &str, choice: Choice, second: i64) -> Vote {
    Vote {
        person: person.into(),
        choice,
        comment: String::new(),
        at: at(second),
        method: Method::Totp,
        attested: Vec::new(),
        shown: None,
        from: None,
        withdrawn_at: None,
    }
}

fn input(event: &str) -> Input {
    serde_json::from_str(event).expect("the event is understood")
}

fn request_with(token: &str) -> Input {
    Input::Request {
        promotion: "storefront/prod/1.1.0/1".parse().expect("id"),
        task_token: TaskToken(token.into()),
        desk_url: None,
    }
}

/// Runs one operation at this second.
fn run(approval: &Approval<World>, input: Input, second: i64) -> Result<Output, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("runtime");
    runtime.block_on(approval.handle(input, at(second)))
}

mod asking;
mod deciding;
mod hostile;
mod reminding;
mod steps;
mod superseding;
mod wishes;
