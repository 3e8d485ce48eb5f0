//! `sluice observe`: judges a rollout that somebody else drives (CodeDeploy, a
//! person), and says what Sluice would have done. It only reads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use judge::aws::CloudWatch;
use judge::{Approvers, Follows, Input, Judge, Metrics, Probes, Records, Verdicts};
use semver::Version;
use serde::Serialize;
use serde_json::{Value, json};
use shift::aws::Accounts;
use shift::{Account as _, Aliases};
use sluice_domain::approval::{self, AtStep};
use sluice_domain::controls::Controls;
use sluice_domain::digest::Digest;
use sluice_domain::journal::{Entry, Journal};
use sluice_domain::judge::{JudgePolicy, Outcome, Probed, Probing};
use sluice_domain::ledger::Kind;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Settings;
use sluice_platform::fault::Fault;
use sluice_platform::store::StoreError;

use crate::entries::verdict_tone;
use crate::error::{Error, Exit, Result};
use crate::failures::Failures;
use crate::observe::longest_calls;
use crate::onlooker::{Onlooker, Routings, Seen};
use crate::paint::{Output, Tone};
use crate::settings_source::{of_environment, of_file};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The application
    application: String,
    /// The environment
    environment: String,
    /// Settings that are not written yet, instead of what is stored
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// How long to wait for a rollout to begin, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    wait: u64,
}

/// How many looks in a row may fail before looking on ends.
const FAILURES: usize = 10;

/// How a rollout of somebody else's ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum End {
    /// The new versions serve everybody, and were watched for as long as the
    /// settings say.
    Finished,
    /// Whoever drove it took it back.
    TakenBack,
}

/// One look.
#[derive(Debug, Clone, Serialize)]
struct Look {
    at: Timestamp,
    weight: f64,
    outcome: Outcome,
    rule: String,
    next: Follows,
}

impl Args {
    pub(super) async fn run(self, output: &Output) -> Result<Exit> {
        let config = sluice_platform::aws::config().await;
        let settings = match &self.settings {
            Some(file) => of_file(file)?,
            None => of_environment(&config, &self.application, &self.environment).await?,
        };
        let id = PromotionId {
            application: self.application.clone(),
            environment: self.environment.clone(),
            version: Version::new(0, 0, 0),
            attempt: 1,
        };
        let accounts = Accounts::new(&config);
        let aliases = accounts.open(settings.role.as_ref(), &id).await;
        let longest_calls = longest_calls(&config, &settings).await?;
        let onlooker = Onlooker::new(&settings, &routings(&aliases, &settings).await?);
        let watch = Watch {
            judge: Judge {
                records: Seat::new(&settings, &onlooker.journal),
                metrics: CloudWatch::new(&config),
                functions: NotAsked,
                ledger: Unwritten,
            },
            aliases,
            onlooker,
            longest_calls,
            every: Duration::from_secs(settings.judge.period_seconds.max(1)),
            patience: Duration::from_secs(self.wait),
            waited: Duration::ZERO,
            settings,
            id,
            looks: Vec::new(),
        };
        watch.run(output).await
    }
}

/// Where the aliases of an environment point.
async fn routings(aliases: &impl Aliases, settings: &Settings) -> Result<Routings> {
    let mut found = Routings::new();
    for (name, target) in &settings.functions {
        let entry = Entry {
            name: target.name.clone(),
            alias: target.alias.clone(),
            stable: None,
            canary: String::new(),
            revision: None,
            deployment: None,
        };
        let alias = aliases.read(&entry).await?.ok_or_else(|| {
            Error::Absent(format!(
                "there is no alias {} of {}, which the settings name as `{name}`",
                target.alias, target.name
            ))
        })?;
        found.insert(name.clone(), alias.routing);
    }
    Ok(found)
}

/// A rollout that is looked on at.
struct Watch<A, M> {
    judge: Judge<Seat, M, NotAsked, Unwritten>,
    aliases: A,
    onlooker: Onlooker,
    /// How long a call of each function may take, in seconds.
    longest_calls: BTreeMap<String, u64>,
    /// How long between two looks.
    every: Duration,
    /// How long nothing may move.
    patience: Duration,
    /// For how long nothing has moved.
    waited: Duration,
    settings: Settings,
    id: PromotionId,
    looks: Vec<Look>,
}

impl<A: Aliases, M: Metrics> Watch<A, M> {
    async fn run(mut self, output: &Output) -> Result<Exit> {
        output.line("looking on; nothing is changed from here")?;
        let mut failures = Failures::fewer_than(FAILURES);
        loop {
            let seen = self.see(output).await;
            match failures.bear(seen)? {
                Ok(Some(end)) => return self.tell(output, end),
                Ok(None) => {}
                Err(error) => output.line(&format!("can't look: {error}; looking again"))?,
            }
            tokio::time::sleep(self.every).await;
        }
    }

    /// Looks at the aliases and, where they stand as they did, asks the judge. Safe
    /// to repeat.
    async fn see(&mut self, output: &Output) -> Result<Option<End>> {
        let found = routings(&self.aliases, &self.settings).await?;
        let now = Timestamp::now();
        match self.onlooker.see(&found, now) {
            Seen::Nothing if self.waited >= self.patience => Err(Error::TooLate(format!(
                "no alias moved in {} s; --wait says for how long to look",
                self.patience.as_secs()
            ))),
            Seen::Nothing => {
                self.waited += self.every;
                Ok(None)
            }
            Seen::Back => Ok(Some(End::TakenBack)),
            Seen::Step(_) => {
                output.line(&self.moved())?;
                Ok(None)
            }
            Seen::Same => self.look(output, now).await,
        }
    }

    fn moved(&self) -> String {
        let functions = self.onlooker.journal.functions.values();
        let functions: Vec<String> = functions
            .map(|entry| {
                let stable = entry.stable.as_deref().unwrap_or("none");
                format!("{} {stable} → {}", entry.name, entry.canary)
            })
            .collect();
        format!(
            "{:.0} % on the new version of {}",
            self.onlooker.journal.weight(),
            functions.join(", ")
        )
    }

    /// Asks the judge. The end, if the new versions serve everybody and it has
    /// seen enough.
    async fn look(&mut self, output: &Output, now: Timestamp) -> Result<Option<End>> {
        let journal = &self.onlooker.journal;
        let weight = journal.weight();
        let policy = self.onlooker.policy(&self.longest_calls);
        self.judge.records.sit(journal, policy);
        let promotion = self.id.clone();
        let judged = Box::pin(self.judge.handle(Input { promotion }, now)).await;
        let judged = judged.map_err(|error| match error {
            judge::Error::Fault(fault) => Error::Fault(fault),
            judge::Error::Store(error) => Error::Store(error),
            error @ judge::Error::NotShifted { .. } => Error::Absent(error.to_string()),
        })?;
        let look = Look {
            at: now,
            weight,
            outcome: judged.outcome,
            rule: judged.rule,
            next: judged.next,
        };
        let (tone, word) = verdict_tone(look.outcome);
        let time = now.strftime("%H:%M:%S").to_string();
        let style = output.style();
        output.line(&format!(
            "{}  {:>3.0} %  {}  {}",
            style.paint(Tone::Faint, &time),
            look.weight,
            style.paint(tone, word),
            look.rule
        ))?;
        let is_over = look.weight >= 100.0 && look.next != Follows::Bake;
        self.looks.push(look);
        Ok(is_over.then_some(End::Finished))
    }

    /// What Sluice would have done, beside what was done.
    fn tell(self, output: &Output, end: End) -> Result<Exit> {
        let back = self
            .looks
            .iter()
            .find(|look| look.next == Follows::RollBack);
        let outcome = self
            .looks
            .last()
            .map_or(Outcome::Inconclusive, |look| look.outcome);
        let document = json!({
            "application": self.id.application,
            "environment": self.id.environment,
            "end": end,
            "outcome": back.map_or(outcome, |look| look.outcome),
            "would_have_rolled_back_at": back.map(|look| look.at),
            "looks": self.looks,
        });
        let was = match end {
            End::Finished => "the new versions serve everybody",
            End::TakenBack => "it was taken back",
        };
        output.answer(&document, |_| {
            vec![match back {
                Some(look) => format!(
                    "{was}. Sluice would have rolled back at {}, at {:.0} %: {}",
                    look.at.strftime("%H:%M:%S"),
                    look.weight,
                    look.rule
                ),
                None => format!("{was}. Sluice would not have rolled back"),
            }]
        })?;
        Ok(Exit::of_verdict(back.map_or(outcome, |look| look.outcome)))
    }
}

/// The judge's view of a rollout that has no record.
struct Seat {
    plan: RefCell<Plan>,
    journal: RefCell<Journal>,
}

impl Seat {
    fn new(settings: &Settings, journal: &Journal) -> Self {
        Self {
            plan: RefCell::new(Plan {
                bundle: Digest::of(b""),
                functions: BTreeMap::new(),
                approval_seconds: None,
                keep_versions: None,
                goes_back: false,
                migrations: None,
                operation: None,
                restore: None,
                server: None,
                database: None,
                suites: Vec::new(),
                role: settings.role.clone(),
                steps: settings.own_steps(),
                codedeploy: None,
                judge: settings.judge.clone(),
            }),
            journal: RefCell::new(journal.clone()),
        }
    }

    /// Takes in how things stand, and how they are judged.
    fn sit(&self, journal: &Journal, policy: JudgePolicy) {
        self.journal.replace(journal.clone());
        self.plan.borrow_mut().judge = policy;
    }
}

impl Records for Seat {
    async fn plan(&self, _: &PromotionId) -> Result<Plan, StoreError> {
        Ok(self.plan.borrow().clone())
    }

    async fn journal(&self, _: &PromotionId) -> Result<Journal, StoreError> {
        Ok(self.journal.borrow().clone())
    }

    async fn controls(&self, _: &PromotionId) -> Result<Controls, StoreError> {
        Ok(Controls::default())
    }

    async fn probing(&self, _: &PromotionId) -> Result<Probing, StoreError> {
        Ok(Probing::default())
    }

    async fn keep(&self, _: &PromotionId, _: &Probing) -> Result<(), StoreError> {
        Ok(())
    }
}

/// No other functions: the policy that is judged by has no probes, and who looks on
/// asks nobody.
struct NotAsked;

impl Probes for NotAsked {
    async fn probe(&self, _: &PromotionId) -> Result<Vec<Probed>, Fault> {
        Ok(Vec::new())
    }
}

impl Approvers for NotAsked {
    async fn ask(&self, id: &PromotionId, _: &AtStep) -> Result<approval::Answer, Fault> {
        let operation = format!("asking the approvers of {id}");
        Err(Fault::other(operation, "who looks on asks nobody"))
    }

    async fn withdraw(&self, _: &PromotionId, _: usize) -> Result<(), Fault> {
        Ok(())
    }
}

/// No ledger: what is said here is told on the terminal alone.
struct Unwritten;

impl Verdicts for Unwritten {
    async fn record(&self, _: &PromotionId, _: Kind, _: &str, _: Value) -> Result<u64, Fault> {
        Ok(0)
    }
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
