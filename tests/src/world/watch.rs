//! Waiting for what Sluice does.

use aws_sdk_sfn::types::ExecutionStatus;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_cli::desk::{self, Answer, Ballot, Person};
use sluice_cli::error::Result;
use sluice_cli::view::Question;
use sluice_domain::approval::{Choice, State};
use sluice_domain::ledger::{Entry, Kind, verify};
use sluice_domain::promotion::{Outcome, Promotion, PromotionId};
use sluice_platform::store::{Release, StoreError};
use sluice_platform::totp::OneTimeSecret;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::{EVERY, PATIENCE, Refusal, World};

/// The last run of the watchdog that a flow had: when it began, and what it answered.
static RUN: Mutex<Option<(Instant, Result<Value, Refusal>)>> = Mutex::const_new(None);

/// A promotion that is over.
#[derive(Debug)]
pub struct Ended {
    /// Its record.
    pub promotion: Promotion,
    /// How its execution ended.
    pub status: ExecutionStatus,
    /// The name of the error that ended it.
    pub error: String,
    /// What the ledger says.
    pub entries: Vec<Entry>,
}

impl Ended {
    /// Its outcome.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.promotion.outcome
    }

    /// Why it ended so.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.promotion.reason.as_deref().unwrap_or_default()
    }

    /// The kinds of the ledger's entries, in order.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        self.entries.iter().map(|entry| entry.event.kind).collect()
    }

    /// How many entries there are of a kind.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        let kinds = self.kinds();
        kinds.into_iter().filter(|found| *found == kind).count()
    }

    /// The last entry of a kind.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn entry(&self, kind: Kind) -> &Entry {
        let found = self.entries.iter().rfind(|entry| entry.event.kind == kind);
        found.unwrap_or_else(|| panic!("no {kind:?} among {:?}", self.kinds()))
    }

    /// Checks that it ended in this way: FAILED or SUCCEEDED as it should, with
    /// an unbroken chain of entries that ends with its outcome.
    ///
    /// # Panics
    /// When it is not so.
    #[track_caller]
    pub fn is(&self, outcome: Outcome) -> &Self {
        assert_eq!(self.outcome(), Some(outcome), "{self:#?}");
        assert_eq!(verify(&self.entries), Ok(()));
        let status = if matches!(outcome, Outcome::Promoted | Outcome::Done) {
            ExecutionStatus::Succeeded
        } else {
            ExecutionStatus::Failed
        };
        // Whoever is stopped from outside has no error of its own.
        if self.status != ExecutionStatus::Aborted {
            assert_eq!(self.status, status, "{self:#?}");
        }
        if self.status == ExecutionStatus::Failed {
            // A stranded one is mended after its execution has ended.
            let stranded = self.kinds().contains(&Kind::Stranded);
            let outcome = if stranded { Outcome::Stranded } else { outcome };
            assert_eq!(self.error, outcome.title());
        }
        let closed = self.entry(Kind::PromotionClosed);
        assert_eq!(closed.event.facts["outcome"], json!(outcome), "{closed:?}");
        self
    }
}

impl World {
    /// A promotion of this application's first attempt.
    #[must_use]
    pub fn promotion(&self, environment: &str, version: &str) -> PromotionId {
        self.attempt(environment, version, 1)
    }

    /// A promotion of this application.
    ///
    /// # Panics
    /// When the version is none.
    #[must_use]
    pub fn attempt(&self, environment: &str, version: &str, attempt: u32) -> PromotionId {
        PromotionId {
            application: self.application.clone(),
            environment: environment.to_owned(),
            version: version.parse().expect("a version"),
            attempt,
        }
    }

    /// Waits until `look` sees something.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn wait<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            if Instant::now() >= deadline {
                panic!(
                    "{what} did not happen in {} s:\n{}",
                    PATIENCE.as_secs(),
                    self.standing().await
                );
            }
            sleep(EVERY).await;
        }
    }

    /// Everything that the ledger says of this application's promotions.
    async fn standing(&self) -> String {
        let mut lines = Vec::new();
        let promotions = self.reader.store.promotions_of(&self.application).await;
        for (promotion, _) in promotions.unwrap_or_default() {
            let state = self.reader.executions.state(&promotion.execution_arn).await;
            lines.push(format!("{} at {state:?}: {promotion:?}", promotion.id));
            for entry in self.ledger(&promotion.id.to_string()).await {
                lines.push(format!("  {:?} {}", entry.event.kind, entry.event.facts));
            }
        }
        lines.join("\n")
    }

    /// The entries of a chain of the ledger.
    ///
    /// # Panics
    /// When it can't be read.
    pub async fn ledger(&self, chain: &str) -> Vec<Entry> {
        let entries = self.reader.ledger.entries(chain, 0).await;
        entries.expect("the ledger")
    }

    /// The attempts at a version.
    ///
    /// # Panics
    /// When they can't be read.
    pub async fn attempts(&self, version: &str) -> Vec<Release> {
        let version = version.parse().expect("a version");
        let attempts = self.reader.store.releases(&self.application, &version);
        attempts.await.expect("the attempts")
    }

    /// Waits until the last attempt at a version is over: a promotion ends a moment before
    /// its release does, and until then a further attempt is refused or a repetition.
    pub async fn released(&self, version: &str) -> ExecutionStatus {
        let last = self.attempts(version).await.pop().expect("an attempt");
        self.execution_ended(&last.execution_arn).await
    }

    /// Waits until a promotion is opened, and answers its record.
    pub async fn opened(&self, id: &PromotionId) -> Promotion {
        self.wait(&format!("the beginning of {id}"), async || {
            match self.reader.store.promotion(id).await {
                Ok((promotion, _)) => Some(promotion),
                Err(StoreError::Missing(_)) => None,
                Err(error) => panic!("{error}"),
            }
        })
        .await
    }

    /// Waits until the ledger has an entry of this kind, and answers it.
    pub async fn happened(&self, id: &PromotionId, kind: Kind) -> Entry {
        self.wait(&format!("{kind:?} of {id}"), async || {
            let entries = self.ledger(&id.to_string()).await;
            entries.into_iter().find(|entry| entry.event.kind == kind)
        })
        .await
    }

    /// Runs the watchdog, once for all who ask for it meanwhile: it looks after every
    /// promotion there is, and of two runs at once each takes over what the other mends.
    async fn watchdog(&self) -> Result<Value, Refusal> {
        let asked = Instant::now();
        let mut run = RUN.lock().await;
        if let Some((began, answer)) = &*run
            && *began >= asked
        {
            return answer.clone();
        }
        let began = Instant::now();
        let answer = self.invoke("WatchdogFunction", &json!({})).await;
        *run = Some((began, answer.clone()));
        answer
    }

    /// Runs the watchdog until the ledger has an entry of this kind. It runs by
    /// itself, too; what one run answers depends on who came first.
    pub async fn watched(&self, id: &PromotionId, kind: Kind) {
        self.wait(&format!("{kind:?} of {id}"), async || {
            let _ = self.watchdog().await;
            let entries = self.ledger(&id.to_string()).await;
            entries
                .iter()
                .any(|entry| entry.event.kind == kind)
                .then_some(())
        })
        .await;
    }

    /// Runs the watchdog until it says that it could not put this one right.
    pub async fn watched_in_vain(&self, id: &PromotionId) {
        self.wait(&format!("a run that fails for {id}"), async || {
            let answer = self.watchdog().await;
            let refusal = answer.err()?;
            let named = refusal.message.contains(&id.to_string());
            (refusal.name == "Stranded" && named).then_some(())
        })
        .await;
    }

    /// Waits until people are asked, and answers the question.
    pub async fn asked(&self, id: &PromotionId) -> Question {
        self.wait(&format!("the question of {id}"), async || {
            let question = self.reader.question(id).await.expect("the question");
            question.filter(|question| question.state == State::Pending)
        })
        .await
    }

    /// Votes as `ada`, whose one-time codes have this secret, through the desk, as soon as
    /// people are asked.
    ///
    /// # Errors
    /// When the desk refuses.
    ///
    /// # Panics
    /// When nobody is asked in time.
    pub async fn vote(&self, id: &PromotionId, choice: Choice, secret: &str) -> Result<Answer> {
        let request = self.asked(id).await.request.id;
        let person = Person {
            name: "ada".to_owned(),
            code: self.code(secret).await,
        };
        let ballot = Ballot {
            choice: Some(choice),
            comment: "as I said".to_owned(),
            attested: Vec::new(),
            version: id.version.to_string(),
        };
        let desk = self.desk().to_owned();
        let voted =
            tokio::task::spawn_blocking(move || desk::vote(&desk, &request, (&person, &ballot)));
        voted.await.expect("the vote is sent")
    }

    /// A one-time code of this secret that was not used before: of now or, if that was, of
    /// the next step, which holds already. Once both were used, time has to go on.
    ///
    /// # Panics
    /// When it is no secret.
    pub async fn code(&self, secret: &str) -> String {
        let codes = OneTimeSecret::parse(secret).expect("a secret");
        let step = self
            .wait("a code that was not used", async || {
                let now = u64::try_from(Timestamp::now().as_second() / 30).expect("a step");
                let mut steps = self.steps.lock().expect("the steps");
                let last = steps.entry(secret.to_owned()).or_default();
                let next = now.max(*last + 1);
                (next <= now + 1).then(|| {
                    *last = next;
                    next
                })
            })
            .await;
        let seconds = i64::try_from(step * 30).expect("a time");
        codes.code_at(Timestamp::from_second(seconds).expect("a time"))
    }

    /// Waits until a promotion is over, in the ledger too, and its execution has
    /// ended.
    pub async fn ended(&self, id: &PromotionId) -> Ended {
        let promotion = self
            .wait(&format!("the end of {id}"), async || {
                let promotion = self.opened(id).await;
                let stands = self.reader.executions.standing(&promotion.execution_arn);
                let runs = stands.await.expect("the execution")?.runs();
                (promotion.outcome.is_some() && !runs).then_some(promotion)
            })
            .await;
        // Whoever closes it for its execution tells the ledger last.
        let told = match promotion.outcome {
            Some(Outcome::Stranded) => Kind::Stranded,
            _ => Kind::PromotionClosed,
        };
        self.happened(id, told).await;
        let execution = self
            .executions()
            .describe_execution()
            .execution_arn(&promotion.execution_arn)
            .send()
            .await
            .expect("the execution");
        Ended {
            entries: self.ledger(&id.to_string()).await,
            error: execution.error().unwrap_or_default().to_owned(),
            status: execution.status,
            promotion,
        }
    }

    /// Waits until an execution has ended, and answers how.
    pub async fn execution_ended(&self, arn: &str) -> ExecutionStatus {
        self.wait(&format!("the end of {arn}"), async || {
            let standing = self.reader.executions.standing(arn).await;
            let standing = standing.expect("the execution")?;
            (!standing.runs()).then_some(standing.status)
        })
        .await
    }
}
