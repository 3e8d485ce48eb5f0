//! The world around the function, in memory. Every read or write of the real
//! one is a turn: a future that is polled by hand stops there, so that tests
//! can let others act in between.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::approval::{Choice, Method, Request, State as Standing, Vote};
use sluice_domain::caller::Principal;
use sluice_domain::configuration::FunctionConfiguration;
use sluice_domain::controls::Controls;
use sluice_domain::digest::Digest;
use sluice_domain::document::Document as _;
use sluice_domain::guards::Calls;
use sluice_domain::judge::AlarmState;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::Operation;
use sluice_domain::owner;
use sluice_domain::plan::{CurrentVersion, Observed, Plan};
use sluice_domain::promotion::{BundleRef, Generation, Outcome, Promotion, PromotionId};
use sluice_domain::settings::Settings;
use sluice_domain::start::Waiting;
use sluice_platform::bundle::BundleError;
use sluice_platform::seal::Opened;
use sluice_platform::settings::SettingsError;
use sluice_platform::store::{OpenRequest, StoreError, TaskToken, Ticket};
use sluice_platform::task::Resumed;

use crate::ports::{Approvals, Bundles, Environments, Promotions};
use crate::{Error, Guard};

#[path = "fakes/functions.rs"]
mod functions;
#[path = "fakes/line.rs"]
mod line;
#[path = "fakes/path.rs"]
mod path;
#[path = "fakes/signals.rs"]
mod signals;
#[path = "fakes/turns.rs"]
mod turns;
#[path = "fakes/waits.rs"]
mod waits;

pub(crate) use turns::Touch;

/// What there is.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) promotions: BTreeMap<PromotionId, (Promotion, Generation)>,
    /// Whose end the list of an application's promotions does not show yet.
    pub(crate) shown_late: BTreeSet<PromotionId>,
    /// Who is not looked after any more.
    pub(crate) settled: BTreeSet<PromotionId>,
    pub(crate) plans: BTreeMap<PromotionId, Plan>,
    /// The environments before production, of the application and of each attempt.
    pub(crate) before: Vec<String>,
    pub(crate) attempts_begin_earlier: bool,
    /// Who began the attempts, as far as that is known.
    pub(crate) principal: Option<Principal>,
    pub(crate) rollbacks: BTreeSet<PromotionId>,
    /// What is done to the database instead of releasing code.
    pub(crate) operations: BTreeMap<PromotionId, Operation>,
    /// How often the version before was called.
    pub(crate) old_calls: f64,
    /// `release.json` by its S3 version.
    pub(crate) bundles: BTreeMap<String, Vec<u8>>,
    pub(crate) settings: Value,
    /// Those of environments before production, where they differ.
    pub(crate) settings_before: BTreeMap<String, Value>,
    /// By name of the Lambda function.
    pub(crate) functions: BTreeMap<String, Observed>,
    /// By ARN of the Lambda function.
    pub(crate) standings: BTreeMap<String, owner::Standing>,
    /// Those of them whose alias has provisioned concurrency.
    pub(crate) provisioned: BTreeSet<String>,
    /// Their aliases, by ARN.
    pub(crate) aliases: BTreeMap<String, Vec<String>>,
    /// The compute platforms of deployment groups, by `application/group`.
    pub(crate) platforms: BTreeMap<String, String>,
    pub(crate) approvals: BTreeMap<PromotionId, (OpenRequest, Opened)>,
    /// Who waits for its time, and until when.
    pub(crate) scheduled: BTreeMap<PromotionId, Waiting>,
    pub(crate) controls: BTreeMap<PromotionId, Controls>,
    /// How alarms stand, by name.
    pub(crate) alarms: BTreeMap<String, AlarmState>,
    /// What the incident's parameter says, if there is one.
    pub(crate) incident: Option<String>,
    /// What was counted of each function.
    pub(crate) calls: BTreeMap<String, Calls>,
    /// Who holds which target.
    pub(crate) locks: BTreeMap<String, PromotionId>,
    targets: BTreeMap<PromotionId, Vec<String>>,
    pub(crate) line: Vec<Ticket>,
    /// The tokens under which somebody waits.
    pub(crate) waits: BTreeSet<String>,
    /// What was said to those who waited, in order.
    pub(crate) signals: Vec<String>,
    pub(crate) entries: Vec<(PromotionId, Kind, String, Rc<Value>)>,
    /// What does not work.
    pub(crate) broken: Option<&'static str>,
    /// What whoever was polled last touches next.
    next: Option<Touch>,
}

/// Everything `guard` works on, in memory.
#[derive(Default)]
pub(crate) struct World(pub(crate) RefCell<State>);

pub(crate) fn id(version: &str) -> PromotionId {
    format!("storefront/prod/{version}/1").parse().unwrap()
}

pub(crate) fn token(version: &str) -> TaskToken {
    TaskToken(format!("token of {version}"))
}

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:function:storefront-{name}-prod")
}

pub(crate) fn execution(version: &str) -> String {
    format!("arn:aws:states:eu-west-1:123456789012:execution:promote:{version}")
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + second).unwrap()
}

fn code(function: &str, version: &str) -> Digest {
    Digest::of(format!("{function} {version}").as_bytes())
}

/// A function whose alias serves the code of this version.
pub(crate) fn serving(function: &str, version: &str) -> Observed {
    let current = CurrentVersion {
        version: "3".to_owned(),
        code: code(function, version),
    };
    Observed {
        arn: arn(function),
        live: Some((current, FunctionConfiguration::default())),
        own: FunctionConfiguration::default(),
    }
}

/// `release.json` of a version: code of its own for `checkout`, and the code
/// of 1.0.0 for `orders`.
pub(crate) fn release(version: &str) -> Value {
    let zip = |function: &str, version: &str| json!({"zip": {"key": format!("{function}.zip"), "digest": code(function, version)}});
    json!({
        "schema": 1, "application": "storefront", "version": version,
        "commit": "0123456789012345678901234567890123456789",
        "author": {"name": "Ada", "email": "ada@example.com"},
        "functions": {"checkout": zip("checkout", version), "orders": zip("orders", "1.0.0")},
    })
}

/// 1.0.0 serves; 1.1.0 is being promoted.
pub(crate) fn guard() -> Guard<World> {
    let world = World::default();
    {
        let mut state = world.0.borrow_mut();
        state.settings = json!({"schema": 1, "order": 1, "functions": {
            "checkout": {"name": "storefront-checkout-prod"},
            "orders": {"name": "storefront-orders-prod"},
        }});
        for function in ["checkout", "orders"] {
            let name = format!("storefront-{function}-prod");
            state.functions.insert(name, serving(function, "1.0.0"));
        }
    }
    world.open("1.1.0");
    Guard { ports: world }
}

/// Polls a future to its end; nobody acts in between.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

impl World {
    /// Opens the promotion of a version.
    pub(crate) fn open(&self, version: &str) {
        let bytes = release(version).to_string().into_bytes();
        let promotion = Promotion {
            id: id(version),
            bundle: BundleRef {
                bucket: "artifacts".to_owned(),
                key: format!("storefront/{version}/release.json"),
                version_id: version.to_owned(),
                digest: Digest::of(&bytes),
            },
            execution_arn: execution(version),
            opened_at: at(0),
            outcome: None,
            reason: None,
            closed_at: None,
        };
        let mut state = self.0.borrow_mut();
        state.bundles.insert(version.to_owned(), bytes);
        let opened = (promotion, Generation(0));
        state.promotions.insert(id(version), opened);
    }

    /// Has a version been promoted at this second.
    pub(crate) fn promoted(&self, version: &str, second: i64) {
        self.open(version);
        let mut state = self.0.borrow_mut();
        let (promotion, generation) = state.promotions.get_mut(&id(version)).unwrap();
        promotion.outcome = Some(Outcome::Promoted);
        promotion.closed_at = Some(at(second));
        *generation = Generation(1);
    }

    /// A later attempt at 1.1.0 goes back to what another one promoted here.
    pub(crate) fn goes_back(&self, version: &str) {
        let mut state = self.0.borrow_mut();
        state.rollbacks.insert(id(version));
        let (mut earlier, _) = state.promotions[&id(version)].clone();
        earlier.id.attempt += 100;
        earlier.outcome = Some(Outcome::Promoted);
        earlier.closed_at = Some(at(0));
        let entry = (earlier.id.clone(), (earlier, Generation(1)));
        state.promotions.extend([entry]);
    }

    /// Lets a person vote on the request of 1.1.0 for its plan as it is kept now.
    pub(crate) fn asked(&self, votes: &[(&str, Choice)], state: Standing) {
        let settings = {
            let mut here = self.0.borrow_mut();
            here.settings["approval"] = json!({"quorum": 1, "approvers": [
                {"name": "bob", "email": "bob@example.com", "totp_parameter": "/codes/bob"},
                {"name": "ada", "email": "ada@example.com", "totp_parameter": "/codes/ada"},
            ]});
            read_settings(&here.settings).unwrap()
        };
        let mut here = self.0.borrow_mut();
        let request = Request {
            id: "request".to_owned(),
            promotion: id("1.1.0"),
            bundle: here.promotions[&id("1.1.0")].0.bundle.digest.clone(),
            plan: here.plans[&id("1.1.0")].hash().unwrap(),
            step: None,
            wish: None,
            policy: settings.approval.unwrap(),
            authors: vec!["ada@example.com".to_owned()],
            requester: here.principal.clone(),
            starter: None,
            desk_url: None,
            opened_at: at(0),
            expires_at: at(3600),
        };
        let votes = votes.iter().map(|(person, choice)| Vote {
            person: (*person).to_owned(),
            choice: *choice,
            comment: String::new(),
            at: at(60),
            method: Method::Totp,
            attested: Vec::new(),
            shown: None,
            from: None,
            withdrawn_at: None,
        });
        let open = OpenRequest {
            request,
            state,
            reminded: BTreeSet::new(),
        };
        let votes = Opened {
            votes: votes.collect(),
            forged: Vec::new(),
        };
        here.approvals.insert(id("1.1.0"), (open, votes));
    }

    pub(crate) fn freeze(&self) {
        self.0.borrow_mut().settings["frozen"] = json!({"by": "bob", "reason": "sale"});
    }

    pub(crate) fn outcome(&self, version: &str) -> Option<Outcome> {
        self.0.borrow().promotions[&id(version)].0.outcome
    }

    /// The version that holds `checkout`, if one does.
    pub(crate) fn holder(&self) -> Option<String> {
        let state = self.0.borrow();
        let holder = state.locks.get(&arn("checkout"));
        holder.map(|holder| holder.version.to_string())
    }

    /// The versions in line.
    pub(crate) fn line(&self) -> Vec<String> {
        let state = self.0.borrow();
        let versions = state.line.iter().map(|t| t.promotion.version.to_string());
        versions.collect()
    }

    pub(crate) fn signals(&self) -> Vec<String> {
        self.0.borrow().signals.clone()
    }

    pub(crate) fn recorded(&self, version: &str, kind: Kind) -> Vec<Value> {
        let state = self.0.borrow();
        let entries = state.entries.iter();
        entries
            .filter(|entry| entry.0 == id(version) && entry.1 == kind)
            .map(|entry| Value::clone(&entry.3))
            .collect()
    }

    fn found(&self, id: &PromotionId) -> Result<(Promotion, Generation), StoreError> {
        let state = self.0.borrow();
        let found = state.promotions.get(id).cloned();
        found.ok_or_else(|| StoreError::Missing(format!("promotion {id}")))
    }

    /// Signals who waits under a token, if somebody does.
    fn signal(&self, token: &TaskToken, said: String) -> Resumed {
        let mut state = self.0.borrow_mut();
        if state.waits.remove(&token.0) {
            state.signals.push(said);
            Resumed::Resumed
        } else {
            Resumed::NobodyWaits
        }
    }
}

fn read_settings(json: &Value) -> Result<Settings, SettingsError> {
    if json.is_null() {
        return Err(SettingsError::Missing("/sluice/storefront/prod".to_owned()));
    }
    Ok(Settings::parse("settings", json.to_string().as_bytes())?)
}

impl Promotions for World {
    async fn promotion(&self, id: &PromotionId) -> Result<(Promotion, Generation), StoreError> {
        let touch = Touch::Reads(format!("promotion {id}"));
        self.turn_for("promotion", touch).await?;
        self.found(id)
    }

    async fn promotions_of(&self, application: &str) -> Result<Vec<Promotion>, StoreError> {
        self.turn("promotions_of").await?;
        let state = self.0.borrow();
        let all = state.promotions.values().map(|found| found.0.clone());
        let mut all: Vec<_> = all
            .filter(|one| one.id.application == application)
            .collect();
        for late in all
            .iter_mut()
            .filter(|one| state.shown_late.contains(&one.id))
        {
            (late.outcome, late.closed_at) = (None, None);
        }
        Ok(all)
    }

    async fn plan_of(&self, id: &PromotionId) -> Result<Plan, StoreError> {
        let touch = Touch::Reads(format!("plan {id}"));
        self.turn_for("plan_of", touch).await?;
        let found = self.0.borrow().plans.get(id).cloned();
        found.ok_or_else(|| StoreError::Missing(format!("part#plan of {id}")))
    }

    async fn keep_plan(&self, id: &PromotionId, plan: &Plan) -> Result<(), StoreError> {
        let touch = Touch::Writes(format!("plan {id}"));
        self.turn_for("keep_plan", touch).await?;
        self.0.borrow_mut().plans.insert(id.clone(), plan.clone());
        Ok(())
    }

    async fn fence(&self, id: &PromotionId) -> Result<Generation, StoreError> {
        let touch = Touch::Writes(format!("promotion {id}"));
        self.turn_for("fence", touch).await?;
        let mut state = self.0.borrow_mut();
        let (_, generation) = state.promotions.get_mut(id).unwrap();
        generation.0 += 1;
        Ok(*generation)
    }

    async fn end(
        &self,
        id: &PromotionId,
        (outcome, reason): (Outcome, &str),
        under: Option<Generation>,
        now: Timestamp,
    ) -> Result<Promotion, StoreError> {
        let subject = format!("promotion {id}");
        self.turn_for("end", Touch::Reads(subject.clone())).await?;
        let (mut promotion, generation) = self.found(id)?;
        match promotion.outcome {
            Some(there) if there != Outcome::Stranded || outcome == Outcome::Stranded => {
                return Ok(promotion);
            }
            _ => {}
        }
        if under.is_some_and(|under| under != generation) {
            return Err(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            });
        }
        promotion.outcome = Some(outcome);
        promotion.reason = Some(reason.to_owned());
        promotion.closed_at = Some(now);
        self.turn_for("end", Touch::Writes(subject)).await?;
        if self.found(id)?.1 != generation {
            let promotion = id.clone();
            return Err(StoreError::Fenced {
                promotion,
                generation,
            });
        }
        let closed = (promotion.clone(), Generation(generation.0 + 1));
        self.0.borrow_mut().promotions.insert(id.clone(), closed);
        Ok(promotion)
    }

    async fn close_unopened(&self, closed: &Promotion) -> Result<bool, StoreError> {
        let touch = Touch::Writes(format!("promotion {}", closed.id));
        self.turn_for("close_unopened", touch).await?;
        let mut state = self.0.borrow_mut();
        let is_new = !state.promotions.contains_key(&closed.id);
        let record = (closed.clone(), Generation(1));
        state.promotions.entry(closed.id.clone()).or_insert(record);
        Ok(is_new)
    }

    async fn settle(&self, id: &PromotionId) -> Result<(), StoreError> {
        let touch = Touch::Writes(format!("settled {id}"));
        self.turn_for("settle", touch).await?;
        self.0.borrow_mut().settled.insert(id.clone());
        Ok(())
    }
}

impl Bundles for World {
    async fn manifest(&self, bundle: &BundleRef) -> Result<Manifest, Error> {
        self.turn_for("manifest", Touch::Nothing).await?;
        let bytes = self.0.borrow().bundles[&bundle.version_id].clone();
        let found = Digest::of(&bytes);
        if found != bundle.digest {
            let (key, expected) = (bundle.key.clone(), bundle.digest.clone());
            return Err(BundleError::DigestMismatch {
                key,
                found,
                expected,
            }
            .into());
        }
        Ok(Manifest::parse(&bundle.key, &bytes).map_err(BundleError::from)?)
    }
}

impl Environments for World {
    async fn settings(&self, id: &PromotionId) -> Result<Settings, Error> {
        self.turn_for("settings", Touch::Nothing).await?;
        let state = self.0.borrow();
        let earlier = state.settings_before.get(&id.environment);
        Ok(read_settings(earlier.unwrap_or(&state.settings))?)
    }
}

impl Approvals for World {
    async fn approval(
        &self,
        id: &PromotionId,
    ) -> Result<Option<(OpenRequest, Opened)>, StoreError> {
        self.turn_for("approval", Touch::Nothing).await?;
        Ok(self.0.borrow().approvals.get(id).cloned())
    }
}
