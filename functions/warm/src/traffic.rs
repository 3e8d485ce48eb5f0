//! No calls while a database is put back to a backup, and calls again after it.
//!
//! What a function had is noted by function before it is taken: the promotion that takes
//! it may end before it can give it back, and a later one goes on. Only what Sluice's note
//! says is given back, and only where what Sluice set still stands.

use std::collections::BTreeMap;
use std::future::Future;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_domain::migrations::{Progress, Restoring, Stopped};
use sluice_domain::plan::{FunctionPlan, Plan};
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_platform::fault::Fault;
use sluice_platform::pace::IN_FLIGHT;
use sluice_platform::store::StoreError;

use crate::{Error, Open, Output, Record, Records, Warm};

/// The longest that Lambda lets a call take, in seconds (Lambda's quotas).
const LONGEST_CALL: u64 = 900;

/// How many calls a function may get.
pub trait Reserving {
    /// The concurrency that is reserved for it. None: none. Reads only.
    fn reserved(&self, function: &str) -> impl Future<Output = Result<Option<u32>, Fault>>;

    /// Reserves so much; None: nothing any more. Safe to repeat.
    fn reserve(
        &self,
        function: &str,
        executions: Option<u32>,
    ) -> impl Future<Output = Result<(), Fault>>;

    /// How long a call of this alias may take, in seconds. None: nobody says. Reads only.
    fn longest_call(
        &self,
        function: &str,
        alias: &str,
    ) -> impl Future<Output = Result<Option<u64>, Fault>>;
}

/// What is noted of a restore.
pub trait Stops {
    /// How far a promotion's restore is. None: it has none. Reads only.
    fn restoring(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Restoring>, StoreError>>;

    /// Notes it if this generation may still write, in one transaction. Safe to repeat.
    fn save_restoring(
        &self,
        id: &PromotionId,
        generation: Generation,
        restoring: &Restoring,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Notes that the database stays as it is, if this generation may still write and how
    /// far it is was not changed since it was read, in one transaction: whoever works on the
    /// database by then was faster. Safe to repeat.
    fn replace_restoring(
        &self,
        id: &PromotionId,
        generation: Generation,
        read_new: (&Restoring, &Restoring),
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// What is noted of a function, by its ARN. Reads only.
    fn stopped(&self, function: &str) -> impl Future<Output = Result<Option<Stopped>, StoreError>>;

    /// Notes it if this generation may still write, in one transaction. Safe to repeat.
    fn save_stopped(
        &self,
        id: &PromotionId,
        generation: Generation,
        noted: (&str, &Stopped),
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// A function of the plan, what is noted of it, and what it has.
struct Found<'a> {
    name: &'a str,
    plan: &'a FunctionPlan,
    noted: Option<Stopped>,
    reserved: Option<u32>,
}

impl Found<'_> {
    /// The note, where what Sluice set stands. Somebody may have let traffic in since.
    fn held(&self) -> Option<&Stopped> {
        let noted = self.noted.as_ref()?;
        (noted.stands && self.reserved == Some(0)).then_some(noted)
    }
}

impl<A: Open, R: Records, L: Record> Warm<A, R, L> {
    /// Takes all calls off the functions of the environment. Safe to repeat.
    pub(crate) async fn stop(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<Output, Error> {
        let work = self.records.work(id).await?;
        let plan = work.ok_or_else(|| StoreError::Missing(format!("plan of {id}")))?;
        let plan = plan.plan;
        self.records.check_fence(id, generation).await?;
        let account = self.accounts.open(plan.role.as_ref(), id).await;
        let found = self.find(&account, &plan).await?;
        let restoring = self.begin(id, generation, &found).await?;
        let stopped = stream::iter(&found).map(async |one| {
            let own = (id, generation, &restoring.origin);
            self.stop_one(&account, own, one).await
        });
        let before: Vec<_> = stopped.buffered(IN_FLIGHT).try_collect().await?;
        let times = stream::iter(&found)
            .map(async |one| account.longest_call(&one.plan.arn, &one.plan.alias).await)
            .buffered(IN_FLIGHT)
            .try_collect::<Vec<_>>();
        let longest = times
            .await?
            .into_iter()
            .map(|time| time.unwrap_or(LONGEST_CALL));
        let wait_seconds = longest.max().unwrap_or_default();
        let before: BTreeMap<&str, Option<u32>> = before.into_iter().collect();
        let facts = json!({ "functions": before, "wait_seconds": wait_seconds });
        self.ledger
            .record(id, Kind::TrafficStopped, "traffic", facts)
            .await?;
        Ok(Output::Stopped {
            stopped: found.len(),
            wait_seconds,
        })
    }

    /// Writes down whose restore this is: its own, or one that an earlier promotion left.
    async fn begin(
        &self,
        id: &PromotionId,
        generation: Generation,
        found: &[Found<'_>],
    ) -> Result<Restoring, Error> {
        if let Some(begun) = self.records.restoring(id).await? {
            return Ok(begun);
        }
        let mut earlier = found.iter().filter_map(Found::held);
        let earlier = earlier.find(|noted| noted.by != *id);
        let left = match earlier {
            Some(noted) => self.records.restoring(&noted.by).await?,
            None => None,
        };
        let restoring = match left {
            // It was left in the middle.
            Some(left) if left.progress != Progress::Checked => Restoring {
                began_at: None,
                progress: match left.progress {
                    // It let in some of them.
                    Progress::Resumed => Progress::Stopped,
                    progress => progress,
                },
                ..left
            },
            _ => Restoring {
                origin: id.clone(),
                backup: None,
                began_at: None,
                progress: Progress::Stopped,
            },
        };
        self.records
            .save_restoring(id, generation, &restoring)
            .await?;
        Ok(restoring)
    }

    /// Notes what a function has, and takes its calls off. Answers what it had.
    async fn stop_one<'a>(
        &self,
        account: &A::Account,
        (id, generation, origin): (&PromotionId, Generation, &PromotionId),
        found: &'a Found<'_>,
    ) -> Result<(&'a str, Option<u32>), Error> {
        let arn = found.plan.arn.as_str();
        let before = found.held().map_or(found.reserved, |noted| noted.before);
        let note = Stopped {
            origin: origin.clone(),
            by: id.clone(),
            before,
            stands: true,
        };
        if found.noted.as_ref() != Some(&note) {
            let noted = (arn, &note);
            self.records.save_stopped(id, generation, noted).await?;
        }
        if found.reserved != Some(0) {
            // It may have been taken over while others took their turn.
            self.records.check_fence(id, generation).await?;
            match account.reserve(arn, Some(0)).await {
                Err(fault) if !fault.is_throttling() && !fault.is_unavailable() => {
                    return Err(Error::NotStopped {
                        function: arn.to_owned(),
                        found: fault.to_string(),
                    });
                }
                asked => asked?,
            }
        }
        Ok((found.name, before))
    }

    /// Lets traffic in again, where the database is as it was or as its backup has it.
    /// Where it may be in between, none is let in, and people are told. Safe to repeat.
    pub(crate) async fn resume(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<Output, Error> {
        let work = self.records.work(id).await?;
        let restoring = self.records.restoring(id).await?;
        let (Some(work), Some(restoring)) = (work, restoring) else {
            return Ok(Output::Resumed {
                resumed: 0,
                stopped: 0,
                said: "No traffic was stopped.".to_owned(),
            });
        };
        self.records.check_fence(id, generation).await?;
        let plan = work.plan;
        let account = self.accounts.open(plan.role.as_ref(), id).await;
        let found = self.find(&account, &plan).await?;
        if restoring.progress == Progress::Swapping {
            return self.stay_off(id, &found).await;
        }
        if restoring.progress == Progress::Stopped {
            // A call that is late must not begin on the database while traffic comes.
            let resumed = Restoring {
                progress: Progress::Resumed,
                ..restoring.clone()
            };
            let read_new = (&restoring, &resumed);
            self.records
                .replace_restoring(id, generation, read_new)
                .await?;
        }
        let own = |one: &&Found<'_>| {
            let noted = one.noted.as_ref();
            noted.is_some_and(|noted| noted.stands && noted.origin == restoring.origin)
        };
        let resumed = stream::iter(found.iter().filter(own))
            .map(async |one| self.resume_one(&account, (id, generation), one).await)
            .buffered(IN_FLIGHT);
        let resumed: Vec<_> = resumed.try_collect().await?;
        if !resumed.is_empty() {
            let resumed: BTreeMap<&str, Option<u32>> = resumed.iter().cloned().collect();
            let restored = restoring.progress == Progress::Checked;
            let facts = json!({ "functions": resumed, "restored": restored });
            self.ledger
                .record(id, Kind::TrafficResumed, &generation.to_string(), facts)
                .await?;
        }
        let said = match restoring.progress {
            Progress::Checked => "The database is restored, and traffic was let in again.",
            _ => "The database is as it was, and traffic was let in again.",
        };
        Ok(Output::Resumed {
            resumed: resumed.len(),
            stopped: 0,
            said: said.to_owned(),
        })
    }

    /// Gives a function back what it had. Answers what it has now.
    async fn resume_one<'a>(
        &self,
        account: &A::Account,
        (id, generation): (&PromotionId, Generation),
        found: &'a Found<'_>,
    ) -> Result<(&'a str, Option<u32>), Error> {
        let arn = found.plan.arn.as_str();
        let mut now = found.reserved;
        if let Some(noted) = found.held() {
            if noted.before != Some(0) {
                self.records.check_fence(id, generation).await?;
                account.reserve(arn, noted.before).await?;
            }
            now = noted.before;
        }
        if let Some(noted) = &found.noted {
            let note = Stopped {
                stands: false,
                ..noted.clone()
            };
            let noted = (arn, &note);
            self.records.save_stopped(id, generation, noted).await?;
        }
        Ok((found.name, now))
    }

    /// People are told, once, and everything stays as it is.
    async fn stay_off(&self, id: &PromotionId, found: &[Found<'_>]) -> Result<Output, Error> {
        let stopped = found.iter().filter_map(|one| Some((one.name, one.held()?)));
        let stopped: BTreeMap<&str, Option<u32>> =
            stopped.map(|(name, noted)| (name, noted.before)).collect();
        let said = if stopped.is_empty() {
            "The restore was not finished, and somebody else has let traffic in."
        } else {
            STAYS_OFF
        };
        if !stopped.is_empty() {
            let facts = json!({ "reason": said, "traffic": stopped });
            self.tell(id, facts).await?;
        }
        Ok(Output::Resumed {
            resumed: 0,
            stopped: stopped.len(),
            said: said.to_owned(),
        })
    }

    /// Lets traffic in when the promotion ends, as [`Self::resume`] does. Whatever keeps it
    /// from that is told to people: functions would stay without calls.
    pub(crate) async fn resume_at_the_end(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<(), Error> {
        let Err(error) = self.resume(id, generation).await else {
            return Ok(());
        };
        if !matches!(error, Error::Store(StoreError::Fenced { .. })) {
            let reason = format!("traffic may still be off: {error}");
            let facts = json!({ "reason": reason, "traffic": {} });
            self.tell(id, facts).await?;
        }
        Err(error)
    }

    async fn tell(&self, id: &PromotionId, facts: Value) -> Result<(), Fault> {
        self.ledger
            .record(id, Kind::Stranded, "traffic", facts)
            .await
    }

    async fn find<'a>(
        &self,
        account: &A::Account,
        plan: &'a Plan,
    ) -> Result<Vec<Found<'a>>, Error> {
        let found = stream::iter(&plan.functions).map(async |(name, plan)| {
            let noted = self.records.stopped(&plan.arn).await?;
            let reserved = account.reserved(&plan.arn).await?;
            Ok::<_, Error>(Found {
                name,
                plan,
                noted,
                reserved,
            })
        });
        found.buffered(IN_FLIGHT).try_collect().await
    }
}

impl Output {
    /// How it stands, behind what went wrong before.
    pub(crate) fn after(self, failed: Option<String>) -> Self {
        match (self, failed) {
            (
                Self::Resumed {
                    resumed,
                    stopped,
                    said,
                },
                Some(failed),
            ) => Self::Resumed {
                resumed,
                stopped,
                said: format!("{failed}. {said}"),
            },
            (output, _) => output,
        }
    }
}

/// What people read where no traffic may come yet.
const STAYS_OFF: &str = "Traffic stays off: the database may be between what it was and its backup. Ask for the same \
    restore again, which goes on; or put it right and let traffic in by hand: docs/migrations.md#restore.";
