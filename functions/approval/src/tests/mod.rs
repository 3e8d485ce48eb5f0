//! The function with hand-written ports: how it asks, and how it reads the answer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use sluice_domain::digest::Digest;
use sluice_domain::document::Document as _;
use sluice_domain::migrations::MigrationPlan;
use sluice_domain::promotion::Outcome;
use sluice_domain::settings::Approver;
use sluice_platform::lambda::Named as _;

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
    /// The id of the promotion's request and of those of its steps.
    known: RefCell<BTreeMap<Option<usize>, String>>,
    open: RefCell<BTreeMap<String, OpenRequest>>,
    /// Those of the request.
    tokens: RefCell<Vec<TaskToken>>,
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
    goes_back: Cell<bool>,
    migrations: RefCell<Option<MigrationPlan>>,
    /// How the promotion ended.
    ended: Cell<Option<Outcome>>,
    /// Decides this just before the function does.
    overtaken_by: Cell<Option<State>>,
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
    let approver = |name: &&str| Approver {
        name: (*name).to_owned(),
        email: format!("{name}@example.com"),
        code_parameter: format!("/codes/{name}"),
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
        goes_back: Cell::default(),
        migrations: RefCell::default(),
        ended: Cell::default(),
        overtaken_by: Cell::default(),
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
        let request = self.known.borrow()[&step].clone();
        self.votes.borrow_mut().push((request, vote));
    }
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

    async fn plan(&self, _: &PromotionId) -> Result<Plan, Error> {
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

    async fn known(&self, _: &PromotionId, step: Option<usize>) -> Result<Option<String>, Error> {
        Ok(self.known.borrow().get(&step).cloned())
    }

    async fn note(
        &self,
        _: &PromotionId,
        step: Option<usize>,
        request: &str,
    ) -> Result<String, Error> {
        let mut known = self.known.borrow_mut();
        let noted = known.entry(step).or_insert_with(|| request.to_owned());
        Ok(noted.clone())
    }
}

impl Requests for World {
    async fn open(&self, request: &Request, token: Option<&TaskToken>) -> Result<bool, Error> {
        self.tokens.borrow_mut().extend(token.cloned());
        let mut open = self.open.borrow_mut();
        if open.contains_key(&request.id) {
            return Ok(false);
        }
        let new = OpenRequest {
            request: request.clone(),
            state: State::Pending,
        };
        open.insert(request.id.clone(), new);
        Ok(true)
    }

    async fn tokens(&self, _: &str) -> Result<Vec<TaskToken>, Error> {
        Ok(self.tokens.borrow().clone())
    }

    async fn find(&self, id: &str) -> Result<Option<OpenRequest>, Error> {
        Ok(self.open.borrow().get(id).cloned())
    }
}

impl Ballot for World {
    async fn votes(&self, id: &str) -> Result<Vec<Vote>, Error> {
        let votes = self.votes.borrow();
        let on_it = votes.iter().filter(|(request, _)| request == id);
        Ok(on_it.map(|(_, vote)| vote.clone()).collect())
    }

    async fn decide(&self, id: &str, state: State) -> Result<bool, Error> {
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

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn vote(person: &str, choice: Choice, second: i64) -> Vote {
    Vote {
        person: person.into(),
        choice,
        comment: String::new(),
        at: at(second),
        method: "code".into(),
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
mod steps;
