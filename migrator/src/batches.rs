//! A call's work on a unit that goes in batches.

use std::time::Duration;

use sluice_migration::Backfill;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;

use crate::apply::{Call, Step, failed};
use crate::backfill::{Key, Progress, key_of, unfit};
use crate::folder::{Piece, Prepared};
use crate::ledger::Unit;
use crate::{Error, Result};

/// A backfill that is being run.
struct Run<'a> {
    call: &'a Call<'a>,
    prepared: &'a Prepared,
    unit: &'a Unit<'a>,
    statement: &'a Piece,
    backfill: &'a Backfill,
    key: Key,
}

impl Call<'_> {
    /// Runs batches until no row is left, or the call's time is nearly over: then with how
    /// far it is. One batch at least.
    pub(crate) async fn batches(
        &self,
        prepared: &Prepared,
        unit: &Unit<'_>,
        statement: &Piece,
        backfill: &Backfill,
    ) -> Result<Option<Step>> {
        let key = self.key(prepared, statement, backfill).await?;
        let mut progress = self.ledger.progress(unit).await?;
        let run = Run {
            call: self,
            prepared,
            unit,
            statement,
            backfill,
            key,
        };
        let pause = Duration::from_millis(backfill.pause_ms.into());
        loop {
            let begun = Instant::now();
            let Some(next) = run.patiently(&progress).await? else {
                return Ok(None);
            };
            progress = next;
            // The next one may take longer than this one did.
            if Instant::now() + pause + 2 * begun.elapsed() > self.until {
                return Ok(Some(run.step(&progress)));
            }
            sleep(pause).await;
        }
    }

    async fn key(
        &self,
        prepared: &Prepared,
        statement: &Piece,
        backfill: &Backfill,
    ) -> Result<Key> {
        let found = key_of(self.session, backfill).await?;
        found.unwrap_or(Err("no such table")).map_err(|fault| {
            let path = &prepared.file.path;
            Error::Refused {
                place: self.session.place.clone(),
                refused: vec![unfit(path, statement.line, backfill, fault)],
            }
        })
    }
}

impl Run<'_> {
    fn step(&self, progress: &Progress) -> Step {
        Step::Progress {
            path: self.prepared.file.path.clone(),
            unit: self.unit.index,
            of: self.prepared.units.len(),
            rows: progress.rows,
            fraction: self.key.fraction(self.backfill, progress),
        }
    }

    /// Tries a batch again while others hold its rows.
    async fn patiently(&self, progress: &Progress) -> Result<Option<Progress>> {
        let tries = self.call.tries(&self.prepared.file, self.statement.line);
        loop {
            match self.batch(progress).await {
                Err(error) if is_deadlock(&error) && tries.are_left() => {
                    sleep(self.call.pause()).await;
                }
                Err(error) => tries.again(error).await?,
                done => return done,
            }
        }
    }

    /// Changes the rows of the next batch and records it, as one. None where no row is left.
    async fn batch(&self, progress: &Progress) -> Result<Option<Progress>> {
        let done = self.within(progress).await;
        let end = if matches!(done, Ok(Some(_))) {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        let ended = self.call.session.client.batch_execute(end).await;
        let done = done?;
        ended.map_err(Error::server("COMMIT"))?;
        Ok(done)
    }

    async fn within(&self, progress: &Progress) -> Result<Option<Progress>> {
        let client = &self.call.session.client;
        let left = self.call.budget().statement.as_millis();
        let begin =
            format!("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {left}");
        let begun = client.batch_execute(&begin).await;
        begun.map_err(Error::server("BEGIN"))?;
        self.call.ledger.hold(self.call.holder).await?;
        let is_first = progress.last.is_none();
        let bound = self.key.bound(self.backfill, is_first);
        let found = client.query_opt(&bound, &[&progress.last]).await;
        let found = found.map_err(Error::server("looking for the end of a batch"))?;
        let Some(upper) = found.map(|row| row.get::<_, Option<String>>(0)) else {
            return Ok(None);
        };
        let range = self.key.range(self.backfill, is_first);
        let script = &self.prepared.file.up.text;
        let own = self.statement.range.clone();
        let text = self.backfill.narrowed(script, own, &range);
        let changed = client.execute(&text, &[&progress.last, &upper]).await;
        let changed = changed.map_err(|source| {
            let line = self.statement.line;
            failed(&self.prepared.file, line, &text, source)
        })?;
        let next = Progress {
            last: upper,
            rows: progress.rows + changed,
            batches: progress.batches + 1,
        };
        self.call.ledger.advance(self.unit, &next).await?;
        Ok(Some(next))
    }
}

/// Whether others held rows and waited for this batch's: another try may go through.
fn is_deadlock(error: &Error) -> bool {
    let deadlock = SqlState::T_R_DEADLOCK_DETECTED.code();
    matches!(error, Error::Statement { code, .. } if code == deadlock)
}
