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
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_platform::fault::Fault;
use sluice_platform::pace::IN_FLIGHT;
use sluice_platform::store::StoreError;

use crate::reserving::Found;
use crate::{Error, Open, Output, Record, Records, Reserving as _, Warm};

/// The longest that Lambda lets a call take, in seconds (Lambda's quotas).
const LONGEST_CALL: u64 = 900;

/// What is noted of a restore.
pub trait Stops {
    /// How far a promotion's restore is. None: it has none. Reads only.
    fn restoring(
        &self,
        id: &PromotionId,
    ) -> impl Future<Output = Result<Option<Restoring>, StoreError>>;

    /// Notes that it begins, if this generation may still write, in one transaction.
    /// `Fenced` also where it has begun: how far it is stays.
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

    /// Notes it if this generation may still write and nobody has noted anything since,
    /// in one transaction: its revision is the one after that which was read.
    fn save_stopped(
        &self,
        id: &PromotionId,
        generation: Generation,
        noted: (&str, &Stopped),
    ) -> impl Future<Output = Result<(), StoreError>>;
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
        let stops = plan.stops();
        let found = self.find(&account, &stops).await?;
        refuse_unless_free(id, generation, &found)?;
        let restoring = self.begin(id, generation, &found).await?;
        let stopped = stream::iter(&found).map(async |one| {
            let own = (id, generation, &restoring.origin);
            self.stop_one(&account, own, one).await
        });
        // All of them come to their end: a request that is given up may still come.
        let before: Vec<_> = stopped.buffered(IN_FLIGHT).collect().await;
        let before = before.into_iter().collect::<Result<Vec<_>, Error>>()?;
        let times = stream::iter(stops.values())
            .map(async |one| account.longest_call(&one.arn).await)
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
        let mut earlier = found.iter().filter_map(Found::taken);
        let earlier = earlier.find(|noted| noted.by != *id);
        let left = match earlier {
            Some(noted) => self.records.restoring(&noted.by).await?,
            None => None,
        };
        if let Some(left) = &left {
            refuse_if_let_in(left, found)?;
        }
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
                named_by: None,
                backup: None,
                began_at: None,
                progress: Progress::Stopped,
            },
        };
        let saved = self.records.save_restoring(id, generation, &restoring);
        match saved.await {
            Ok(()) => Ok(restoring),
            Err(fenced @ StoreError::Fenced { .. }) => {
                // Another call of this promotion's may have begun it.
                let begun = self.records.restoring(id).await?;
                Ok(begun.ok_or(fenced)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes what a function has, and takes its calls off. Answers what it had.
    async fn stop_one<'a>(
        &self,
        account: &A::Account,
        (id, generation, origin): (&PromotionId, Generation, &PromotionId),
        found: &'a Found<'_>,
    ) -> Result<(&'a str, Option<u32>), Error> {
        let before = found.held().map_or(found.reserved, |noted| noted.before);
        let note = Stopped {
            origin: origin.clone(),
            by: id.clone(),
            before,
            stands: true,
            asking: false,
            revision: 0,
        };
        if found.reserved == Some(0) {
            self.note((id, generation), found, &note).await?;
            return Ok((found.name, before));
        }
        let asked = self.reserve(account, (id, generation), found, (Some(0), &note));
        match asked.await {
            Err(Error::Fault(fault)) if !fault.is_throttling() && !fault.is_unavailable() => {
                return Err(Error::NotStopped {
                    function: found.callee.arn.clone(),
                    found: fault.to_string(),
                });
            }
            asked => asked?,
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
        let given = self.give_back((id, generation), &work.plan, &restoring);
        match given.await {
            Err(error @ (Error::TrafficOff { .. } | Error::Store(StoreError::Fenced { .. }))) => {
                Err(error)
            }
            Err(error) => {
                let stops = work.plan.stops();
                Err(Error::TrafficOff {
                    functions: stops.into_keys().collect::<Vec<_>>().join(", "),
                    found: error.to_string(),
                })
            }
            given => given,
        }
    }

    async fn give_back(
        &self,
        (id, generation): (&PromotionId, Generation),
        plan: &Plan,
        restoring: &Restoring,
    ) -> Result<Output, Error> {
        self.records.check_fence(id, generation).await?;
        let account = self.accounts.open(plan.role.as_ref(), id).await;
        let stops = plan.stops();
        let found = self.find(&account, &stops).await?;
        if restoring.progress == Progress::Swapping {
            return self.stay_off(id, restoring, &found).await;
        }
        if restoring.progress == Progress::Stopped {
            // A call that is late must not begin on the database while traffic comes.
            let resumed = Restoring {
                progress: Progress::Resumed,
                ..restoring.clone()
            };
            let read_new = (restoring, &resumed);
            self.records
                .replace_restoring(id, generation, read_new)
                .await?;
        }
        let is_own = |one: &&Found<'_>| {
            let noted = one.noted.as_ref();
            noted.is_some_and(|noted| noted.origin == restoring.origin)
        };
        let own: Vec<&Found<'_>> = found.iter().filter(is_own).collect();
        let resumed = stream::iter(&own)
            .map(async |one| self.resume_one(&account, (id, generation), one).await)
            .buffered(IN_FLIGHT);
        let resumed: Vec<Result<Resumed, Error>> = resumed.collect().await;
        let names = own.iter().map(|one| one.name);
        let resumed = all_back(names.zip(resumed))?;
        let given = resumed.values().filter(|one| one.given).count();
        if given > 0 {
            let now = resumed.iter().map(|(name, one)| (*name, one.now));
            let now: BTreeMap<&str, Option<u32>> = now.collect();
            let restored = restoring.progress == Progress::Checked;
            let facts = json!({ "functions": now, "restored": restored });
            self.ledger
                .record(id, Kind::TrafficResumed, &generation.to_string(), facts)
                .await?;
        }
        let said = match restoring.progress {
            Progress::Checked => "The database is restored, and traffic was let in again.",
            _ => "The database was not touched, and traffic was let in again.",
        };
        Ok(Output::Resumed {
            resumed: given,
            stopped: 0,
            said: said.to_owned(),
        })
    }

    /// Gives a function back what it had, unless it has that already.
    async fn resume_one(
        &self,
        account: &A::Account,
        own: (&PromotionId, Generation),
        found: &Found<'_>,
    ) -> Result<Resumed, Error> {
        let mut resumed = Resumed {
            now: found.reserved,
            given: false,
        };
        let Some(noted) = found.noted.as_ref().filter(|noted| noted.stands) else {
            return Ok(resumed);
        };
        resumed.given = true;
        let note = Stopped {
            stands: false,
            asking: false,
            ..noted.clone()
        };
        match found.held() {
            Some(held) if held.before != Some(0) => {
                let back = (held.before, &note);
                self.reserve(account, own, found, back).await?;
                resumed.now = held.before;
            }
            _ => self.note(own, found, &note).await?,
        }
        Ok(resumed)
    }

    /// People are told, once, and everything stays as it is.
    async fn stay_off(
        &self,
        id: &PromotionId,
        restoring: &Restoring,
        found: &[Found<'_>],
    ) -> Result<Output, Error> {
        let stopped = found.iter().filter_map(|one| Some((one.name, one.held()?)));
        let stopped: BTreeMap<&str, Option<u32>> =
            stopped.map(|(name, noted)| (name, noted.before)).collect();
        let is_its = |noted: &Stopped| noted.origin == restoring.origin;
        let was_stopped = |one: &Found<'_>| one.noted.as_ref().is_some_and(is_its);
        let called = found.iter().filter(|one| !one.held().is_some_and(is_its));
        let called: Vec<&str> = called.map(|one| one.name).collect();
        let said = match (stopped.is_empty(), called.is_empty()) {
            (true, _) if found.iter().all(was_stopped) => LET_IN.to_owned(),
            (_, true) => STAYS_OFF.to_owned(),
            // Somebody let them in, or it was cut off before it had stopped all of them.
            _ => format!("{STAYS_OFF} {} get calls all the same", called.join(", ")),
        };
        if said != LET_IN {
            let facts = json!({ "reason": said, "traffic": stopped, "called": called });
            self.tell(id, facts).await?;
        }
        Ok(Output::Resumed {
            resumed: 0,
            stopped: stopped.len(),
            said,
        })
    }

    async fn tell(&self, id: &PromotionId, facts: Value) -> Result<(), Fault> {
        self.ledger
            .record(id, Kind::Stranded, "traffic", facts)
            .await
    }
}

/// Refuses to stop what the restore of another environment holds, or what this very
/// promotion has given back: the call comes too late.
fn refuse_unless_free(
    id: &PromotionId,
    generation: Generation,
    found: &[Found<'_>],
) -> Result<(), Error> {
    for one in found {
        if let Some(noted) = one.taken().filter(|noted| noted.is_of_another(id)) {
            return Err(Error::StoppedElsewhere {
                function: one.callee.arn.clone(),
                by: noted.by.clone(),
            });
        }
        let noted = one.noted.as_ref();
        if noted.is_some_and(|noted| noted.by == *id && !noted.stands) {
            return Err(Error::Store(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            }));
        }
    }
    Ok(())
}

/// Refuses to go on between two databases where somebody has let a function in since: what
/// they made of the database is not known here.
fn refuse_if_let_in(left: &Restoring, found: &[Found<'_>]) -> Result<(), Error> {
    if left.progress != Progress::Swapping {
        return Ok(());
    }
    let is_its = |one: &&Found<'_>| {
        let noted = one.noted.as_ref();
        noted.is_some_and(|noted| noted.origin == left.origin && noted.before != Some(0))
    };
    let (off, open): (Vec<_>, Vec<_>) = found
        .iter()
        .filter(is_its)
        .partition(|one| one.taken().is_some());
    if open.is_empty() {
        return Ok(());
    }
    let names = |some: &[&Found<'_>]| {
        let names: Vec<&str> = some.iter().map(|one| one.name).collect();
        names.join(", ")
    };
    Err(Error::LetIn {
        by: Box::new(left.origin.clone()),
        open: names(&open),
        off: names(&off),
    })
}

/// What became of a function that had no calls.
struct Resumed {
    /// The concurrency that is reserved for it now. None: none.
    now: Option<u32>,
    /// Whether it was given back just now.
    given: bool,
}

/// What became of each function, unless one did not get its calls back.
fn all_back<'a>(
    each: impl Iterator<Item = (&'a str, Result<Resumed, Error>)>,
) -> Result<BTreeMap<&'a str, Resumed>, Error> {
    let (mut back, mut off, mut found) = (BTreeMap::new(), Vec::new(), None);
    for (name, resumed) in each {
        match resumed {
            Ok(resumed) => {
                back.insert(name, resumed);
            }
            Err(error) => {
                off.push(name);
                found.get_or_insert(error.to_string());
            }
        }
    }
    match found {
        None => Ok(back),
        Some(found) => Err(Error::TrafficOff {
            functions: off.join(", "),
            found,
        }),
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

/// What is said where nobody has to be told.
const LET_IN: &str = "The restore was not finished, and somebody else has let traffic in.";
