//! The watchdog with hand-written ports.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;
use sluice_domain::digest::Digest;
use sluice_domain::migrations::{Database, Migrating};
use sluice_domain::promotion::{BundleRef, Generation};
use sluice_platform::settings::SettingsError;
use sluice_platform::store::Release;

use super::*;

const SCHEDULE: &str = include_str!("../../../../events/watchdog/schedule.json");
const ABORTED: &str = include_str!("../../../../events/watchdog/execution-aborted.json");

/// What the watchdog did, in order.
type Log = RefCell<Vec<String>>;

/// Everything around the watchdog.
#[derive(Default)]
struct World {
    log: Log,
    /// What was last said of a closed promotion.
    reason: RefCell<String>,
    /// The generation that the last close named.
    closed_under: Cell<Option<Generation>>,
    /// As the lagging index lists them.
    open: Vec<Promotion>,
    /// As they really stand, where that differs.
    current: BTreeMap<String, Promotion>,
    /// Status by execution ARN. Those that aren't there run.
    owners: BTreeMap<String, Status>,
    /// Status of releases, by environment of their promotion. Those that aren't
    /// there run. `?` can't be read.
    releases: BTreeMap<String, Status>,
    /// What `shift` answers, by promotion; the rest were rolled back.
    settled: BTreeMap<String, Settled>,
    /// Errors of `shift`'s stable goal, by promotion.
    failing: BTreeMap<String, &'static str>,
    /// Ids of requests that are due, by environment of their promotion. `?` can't be read.
    due: BTreeMap<String, &'static str>,
    /// The same of requests about what an operator wants.
    wishes: BTreeMap<String, &'static str>,
    /// How requests stand once counted, by their id. Those that aren't there fail.
    counted: BTreeMap<String, State>,
    /// Environments whose promotion has gone on to its targets.
    rolling: Vec<&'static str>,
    /// What the watchdog does while somebody else ends its promotion in prod.
    ended_at: Option<&'static str>,
    /// Error of every `close`.
    close_fails: Option<&'static str>,
    retire_fails: Option<&'static str>,
    /// Environments whose promotion applied something to a database. `?` can't be read.
    migrating: Vec<&'static str>,
    /// What the settings name instead of the database that is migrated. `-` is none.
    names: Option<&'static str>,
    /// By how much the epoch of what is migrated is later than now.
    ahead: SignedDuration,
    /// Error of every call that ends migrations.
    database_fails: Option<&'static str>,
    has_stopped_traffic: bool,
    ledger_is_down: bool,
    /// What the ledger was told, by promotion and key.
    told: RefCell<BTreeMap<String, Value>>,
    queue_is_down: bool,
    /// Releases that were not seen to their end.
    open_releases: Vec<Release>,
    snapshots: Vec<Snapshot>,
    copies: Vec<CopiedServer>,
    /// The name of a snapshot that can't be deleted.
    undeletable: Option<&'static str>,
    /// Of what snapshots can't be listed.
    unlistable: Option<Server>,
}

impl World {
    fn did(&self, what: String) {
        self.log.borrow_mut().push(what);
    }
}

fn failed(name: &str) -> CallError {
    CallError::Failed {
        function: "shift (goal stable)",
        name: name.to_owned(),
        message: "it says why".to_owned(),
    }
}

impl Environments for &World {
    async fn database(&self, _: &PromotionId) -> Result<Option<Database>, SettingsError> {
        let named = self.names.unwrap_or("s");
        Ok((named != "-").then(|| database(named)))
    }
}

impl Promotions for &World {
    async fn open(&self) -> Result<Vec<Promotion>, StoreError> {
        Ok(self.open.clone())
    }

    async fn wants_targets(&self, id: &PromotionId) -> Result<bool, StoreError> {
        Ok(self.rolling.contains(&id.environment.as_str()))
    }

    async fn migrating(&self, id: &PromotionId) -> Result<Option<Migrating>, StoreError> {
        if self.migrating == ["?"] {
            return Err(Fault::other("dynamodb:GetItem", "down").into());
        }
        let is_there = self.migrating.contains(&id.environment.as_str());
        Ok(is_there.then(|| {
            let epoch = (now() + self.ahead).as_millisecond();
            Migrating::of(&database("s"), epoch).expect("json")
        }))
    }

    async fn current(&self, id: &PromotionId) -> Result<Promotion, StoreError> {
        let log = self.log.borrow();
        if self
            .ended_at
            .is_some_and(|did| log.iter().any(|done| done == did))
        {
            return Ok(Promotion {
                outcome: Some(Outcome::RolledBack),
                reason: Some("Unhealthy: it says why".to_owned()),
                ..promotion(&id.environment)
            });
        }
        let listed = || {
            self.open
                .iter()
                .find(|promotion| promotion.id == *id)
                .cloned()
        };
        let found = self.current.get(&id.to_string()).cloned().or_else(listed);
        found.ok_or_else(|| StoreError::Missing(format!("promotion {id}")))
    }

    async fn has_stopped_traffic(&self, _: &PromotionId) -> Result<bool, StoreError> {
        Ok(self.has_stopped_traffic)
    }

    async fn take_over(&self, id: &PromotionId) -> Result<Generation, StoreError> {
        let raised = format!("raise {}", id.environment);
        let before = self
            .log
            .borrow()
            .iter()
            .filter(|did| **did == raised)
            .count();
        self.did(raised);
        Ok(Generation(7 + u64::try_from(before).expect("few")))
    }
}

impl Releases for &World {
    async fn open_releases(&self) -> Result<Vec<Release>, StoreError> {
        Ok(self.open_releases.clone())
    }

    async fn settle_release(&self, release: &Release) -> Result<(), StoreError> {
        self.did(format!("settle release {}", release.version));
        Ok(())
    }
}

impl Executions for &World {
    async fn status(&self, arn: &str) -> Result<Status, Fault> {
        match self.owners.get(arn) {
            Some(Status::Ended(status)) if status == "?" => {
                Err(Fault::other("states:DescribeExecution", "down"))
            }
            found => Ok(found.cloned().unwrap_or(Status::Running)),
        }
    }

    async fn release_status(&self, promotion: &Promotion) -> Result<Status, Fault> {
        match self.releases.get(&promotion.id.environment) {
            Some(Status::Ended(status)) if status == "?" => {
                Err(Fault::other("states:DescribeExecution", "down"))
            }
            found => Ok(found.cloned().unwrap_or(Status::Running)),
        }
    }

    async fn stop(&self, promotion: &Promotion) -> Result<(), Fault> {
        self.did(format!("stop {}", promotion.id.environment));
        Ok(())
    }
}

impl Functions for &World {
    async fn settle(&self, id: &PromotionId, generation: Generation) -> Result<Settled, CallError> {
        self.did(format!("settle {} at {generation}", id.environment));
        if let Some(name) = self.failing.get(&id.environment) {
            return Err(failed(name));
        }
        let rolled_back = Settled {
            outcome: Outcome::RolledBack,
            touched: true,
        };
        Ok(self
            .settled
            .get(&id.environment)
            .copied()
            .unwrap_or(rolled_back))
    }

    async fn verify(&self, id: &PromotionId, _: Generation) -> Result<(), CallError> {
        self.did(format!("verify {}", id.environment));
        Ok(())
    }

    async fn end_migrations(
        &self,
        id: &PromotionId,
        database: &Database,
        _: i64,
    ) -> Result<(), CallError> {
        let secret = database.secret.as_deref().unwrap_or_default();
        self.did(format!("end migrations {} in {secret}", id.environment));
        match self.database_fails {
            Some(name) => Err(failed(name)),
            None => Ok(()),
        }
    }

    async fn retire(&self, id: &PromotionId, _: Generation) -> Result<(), CallError> {
        self.did(format!("retire {}", id.environment));
        match self.retire_fails {
            Some(name) => Err(failed(name)),
            None => Ok(()),
        }
    }

    async fn close(
        &self,
        id: &PromotionId,
        (outcome, why): (Outcome, &str),
        under: Option<Generation>,
    ) -> Result<(), CallError> {
        self.closed_under.set(under);
        self.did(format!("close {} {}", id.environment, outcome.title()));
        *self.reason.borrow_mut() = why.to_owned();
        if let Some(name) = self.close_fails {
            return Err(failed(name));
        }
        Ok(())
    }

    async fn close_unbegun(
        &self,
        _: &Release,
        environment: &str,
        outcome: Outcome,
        why: &str,
    ) -> Result<(), CallError> {
        self.did(format!("close unbegun {environment} {}", outcome.title()));
        *self.reason.borrow_mut() = why.to_owned();
        match self.close_fails {
            Some(name) => Err(failed(name)),
            None => Ok(()),
        }
    }

    async fn hand_over(&self) -> Result<u64, CallError> {
        self.did("hand over".to_owned());
        if self.queue_is_down {
            Err(failed("Throttled"))
        } else {
            Ok(2)
        }
    }
}

impl Approvals for &World {
    async fn due(
        &self,
        id: &PromotionId,
        asked: Asked,
        _: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let wishes = self.wishes.get(&id.environment);
        let all = match asked {
            Asked::Whatever => self.due.get(&id.environment),
            Asked::AboutWishes => None,
        };
        match all {
            Some(&"?") => Err(Fault::other("dynamodb:GetItem", "down").into()),
            all => Ok(all
                .into_iter()
                .chain(wishes)
                .map(|id| (*id).to_owned())
                .collect()),
        }
    }

    async fn tally(&self, approval: &str) -> Result<State, CallError> {
        self.did(format!("tally {approval}"));
        let counted = self.counted.get(approval).copied();
        counted.ok_or_else(|| failed("Throttled"))
    }
}

impl Copies for &World {
    async fn copies(&self, server: Server) -> Result<Vec<CopiedServer>, Fault> {
        let of_kind = self.copies.iter().filter(|one| one.server == server);
        Ok(of_kind.cloned().collect())
    }

    async fn delete_copy(&self, copy: &CopiedServer) -> Result<(), Fault> {
        self.did(format!("end {:?} {}", copy.server, copy.name));
        Ok(())
    }
}

impl Snapshots for &World {
    async fn snapshots(&self, server: Server) -> Result<Vec<Snapshot>, Fault> {
        if self.unlistable == Some(server) {
            return Err(Fault::other("rds:Describe", "down"));
        }
        let of_server = self.snapshots.iter().filter(|one| one.server == server);
        Ok(of_server.cloned().collect())
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), Fault> {
        if self.undeletable == Some(snapshot.name.as_str()) {
            return Err(Fault::other("rds:Delete", "it is being copied"));
        }
        self.did(format!("delete {:?} {}", snapshot.server, snapshot.name));
        Ok(())
    }
}

impl Facts for &World {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        if self.ledger_is_down {
            return Err(Fault::other("recording", "down"));
        }
        let key = format!("{id} {} {key}", kind.name());
        let mut told = self.told.borrow_mut();
        if let Some(there) = told.get(&key) {
            assert_eq!(*there, facts, "{key} was recorded with other facts");
            return Ok(());
        }
        told.insert(key, facts);
        self.did(format!("record {} {}", id.environment, kind.name()));
        Ok(())
    }
}

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().expect("time")
}

fn promotion(environment: &str) -> Promotion {
    let id: PromotionId = format!("storefront/{environment}/1.1.0/1")
        .parse()
        .expect("valid");
    Promotion {
        id,
        bundle: BundleRef {
            bucket: "bundles".into(),
            key: "storefront/1.1.0/release.json".into(),
            version_id: "v".into(),
            digest: Digest::of(b"bundle"),
        },
        execution_arn: environment.to_owned(),
        opened_at: now() - SignedDuration::from_mins(10),
        outcome: None,
        reason: None,
        closed_at: None,
    }
}

/// What settings say of a database that this secret opens.
fn database(secret: &str) -> Database {
    let said = serde_json::json!({ "secret": secret, "backup": { "before": "none" } });
    serde_json::from_value(said).expect("a database")
}

fn ended(status: &str) -> Status {
    Status::Ended(status.to_owned())
}

/// A world with these open promotions, by environment and how their owner stands.
fn world(owners: &[(&str, Status)]) -> World {
    World {
        open: owners
            .iter()
            .map(|(environment, _)| promotion(environment))
            .collect(),
        owners: owners
            .iter()
            .map(|(environment, status)| ((*environment).to_owned(), status.clone()))
            .collect(),
        ..World::default()
    }
}

async fn run(world: &World, event: &str) -> Result<Output, Error> {
    let watchdog = Watchdog {
        promotions: world,
        environments: world,
        executions: world,
        functions: world,
        approvals: world,
        ledger: world,
        snapshots: world,
    };
    watchdog
        .handle(
            serde_json::from_str(event).expect("an event file that is understood"),
            now(),
        )
        .await
}

mod counting;
mod ending;
mod keeping;
mod mending;
mod releases;
mod stranding;
mod unbegun;
