//! How many calls a function may get, changed by one request at a time.
//!
//! Lambda knows no condition on reserved concurrency: a request that comes late would
//! overwrite what came after it, and nobody would notice. So each is announced in the
//! function's note first, in one transaction with a check of the generation and of the
//! note as it was read, and given up when [`RESERVES_FOR`] is over. Whoever finds one
//! announced waits until it was answered, or can't come any more, before it reads what
//! the function has.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sluice_domain::migrations::{Callee, Stopped};
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_platform::fault::Fault;
use sluice_platform::pace::IN_FLIGHT;
use tokio::time::{Instant, timeout_at};

use crate::{Error, Open, Record, Records, Warm};

/// How long Lambda may take over a function's reserved concurrency.
pub const RESERVES_FOR: Duration = Duration::from_secs(30);
/// How long a request is waited for that somebody else has announced: all its time, and
/// what the network may keep it for.
pub const SETTLES_IN: Duration = Duration::from_secs(60);

/// How many calls a function may get.
pub trait Reserving {
    /// The concurrency that is reserved for it. None: none. Reads only.
    fn reserved(&self, function: &str) -> impl Future<Output = Result<Option<u32>, Fault>>;

    /// Reserves so much; None: nothing any more. Asks once: whoever is to ask again has to
    /// announce it again. Safe to repeat.
    fn reserve(
        &self,
        function: &str,
        executions: Option<u32>,
    ) -> impl Future<Output = Result<(), Fault>>;

    /// How long a call may take, of any version: some may have begun before an alias went on,
    /// or through another one. In seconds. None: nobody says. Reads only.
    fn longest_call(&self, function: &str) -> impl Future<Output = Result<Option<u64>, Fault>>;
}

/// A function that a restore takes calls off, what is noted of it, and what it has.
pub(crate) struct Found<'a> {
    pub(crate) name: &'a str,
    pub(crate) callee: &'a Callee,
    pub(crate) noted: Option<Stopped>,
    pub(crate) reserved: Option<u32>,
}

impl Found<'_> {
    /// The note, where what Sluice set stands. Somebody may have let traffic in since.
    pub(crate) fn held(&self) -> Option<&Stopped> {
        let noted = self.noted.as_ref()?;
        (noted.stands && self.reserved == Some(0)).then_some(noted)
    }

    /// The same, where calls were taken that it had: a function that the team keeps at 0
    /// says nothing of a restore.
    pub(crate) fn taken(&self) -> Option<&Stopped> {
        self.held().filter(|noted| noted.before != Some(0))
    }

    /// Whether it is noted so already, and nobody asks.
    pub(crate) fn is_noted(&self, note: &Stopped) -> bool {
        self.noted.as_ref().is_some_and(|noted| {
            let revision = noted.revision;
            *noted
                == Stopped {
                    revision,
                    ..note.clone()
                }
        })
    }

    /// What may be noted next.
    fn next(&self, note: &Stopped) -> Stopped {
        let read = self.noted.as_ref().map_or(0, |noted| noted.revision);
        Stopped {
            revision: read + 1,
            ..note.clone()
        }
    }
}

impl<A: Open, R: Records, L: Record> Warm<A, R, L> {
    /// What is noted of these functions, and what they have, once nobody asks Lambda for
    /// anything else. Reads only.
    pub(crate) async fn find<'a>(
        &self,
        account: &A::Account,
        stops: &'a BTreeMap<String, Callee>,
    ) -> Result<Vec<Found<'a>>, Error> {
        let found = stream::iter(stops).map(async |(name, callee)| {
            let noted = self.settled(&callee.arn).await?;
            let reserved = account.reserved(&callee.arn).await?;
            Ok::<_, Error>(Found {
                name,
                callee,
                noted,
                reserved,
            })
        });
        found.buffered(IN_FLIGHT).try_collect().await
    }

    /// A function's note, when no request that it announces can come any more.
    async fn settled(&self, arn: &str) -> Result<Option<Stopped>, Error> {
        let mut waited = None;
        loop {
            let noted = self.records.stopped(arn).await?;
            let Some(asking) = noted.as_ref().filter(|noted| noted.asking) else {
                return Ok(noted);
            };
            let mut pauses = match waited.take() {
                Some((revision, pauses)) if revision == asking.revision => pauses,
                _ => self.settles.start().pauses(),
            };
            if !pauses.pause().await {
                tracing::warn!(function = arn, "a request for its concurrency was cut off");
                return Ok(noted);
            }
            waited = Some((asking.revision, pauses));
        }
    }

    /// Announces a request, makes it, and notes what is so then. Where it is refused, the
    /// function stays noted as one that was not given back. Safe to repeat.
    pub(crate) async fn reserve(
        &self,
        account: &A::Account,
        (id, generation): (&PromotionId, Generation),
        found: &Found<'_>,
        (executions, then): (Option<u32>, &Stopped),
    ) -> Result<(), Error> {
        let arn = found.callee.arn.as_str();
        // From before it is announced: whoever reads that waits for longer.
        let until = Instant::now() + self.reserves_for;
        let announced = found.next(&Stopped {
            stands: true,
            asking: true,
            ..then.clone()
        });
        let noted = (arn, &announced);
        self.records.save_stopped(id, generation, noted).await?;
        let asked = timeout_at(until, account.reserve(arn, executions)).await;
        let asked = asked.unwrap_or_else(|_| Err(too_slow(arn, self.reserves_for)));
        if asked.as_ref().is_err_and(Fault::is_unavailable) {
            // It may still come.
            return Ok(asked?);
        }
        let answered = Stopped {
            stands: then.stands || asked.is_err(),
            asking: false,
            revision: announced.revision + 1,
            ..announced
        };
        let noted = (arn, &answered);
        self.records.save_stopped(id, generation, noted).await?;
        Ok(asked?)
    }

    /// Notes what is so without asking Lambda for anything. Safe to repeat.
    pub(crate) async fn note(
        &self,
        (id, generation): (&PromotionId, Generation),
        found: &Found<'_>,
        note: &Stopped,
    ) -> Result<(), Error> {
        if found.is_noted(note) {
            return Ok(());
        }
        let noted = (found.callee.arn.as_str(), &found.next(note));
        Ok(self.records.save_stopped(id, generation, noted).await?)
    }
}

fn too_slow(arn: &str, time: Duration) -> Fault {
    Fault {
        operation: format!("reserving the concurrency of {arn}"),
        // Whoever asked may try again.
        code: Some("RequestTimeout".to_owned()),
        message: format!("no answer within {} s", time.as_secs()),
    }
}
