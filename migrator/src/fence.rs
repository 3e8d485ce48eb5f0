//! The row that says which promotion has a database.
//!
//! Promotions come in the order of their epochs: the time at which each got the locks of its
//! environment, which one alone has at a time. Who has a lower epoch than the row begins
//! nothing any more, however late its call comes. Each of a promotion's first calls gets a
//! generation besides, so that its own lost calls do nothing any more either. A row that is
//! closed is nobody's: what had that epoch was ended.

use sluice_migration::Tool;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;

use crate::apply::Limits;
use crate::connect::{NAME, Session};
use crate::ledger::{Holder, Ledger};
use crate::locks::PACE;
use crate::{Error, Result};

/// Whether a row `f` of the fence lets a promotion with an epoch in.
const LETS_IN: &str = "(f.epoch < $2 OR (f.epoch = $2 AND f.promotion = $1 AND NOT f.closed))";

/// The same row, also where an older Sluice made its table: what is in it came before.
const ROW: &str = "(SELECT generation, promotion, coalesce((to_jsonb(f)->>'epoch')::bigint, 0) \
    AS epoch, coalesce((to_jsonb(f)->>'closed')::boolean, false) AS closed FROM sluice.fence f) f";

/// Ends what was overtaken: sessions that run a unit of a generation before the row's, or of
/// the row's own if its epoch is none that comes later.
const END: &str = "\
SELECT pg_terminate_backend(a.pid, 5000) FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid() AND a.datname = current_database() AND a.application_name = $1
AND EXISTS (SELECT FROM sluice.migration m CROSS JOIN sluice.fence f
    WHERE (m.state = 'running' OR to_jsonb(m)->>'undoing' IS NOT NULL)
    AND m.backend_pid = a.pid AND m.backend_start = a.backend_start
    AND (m.generation < f.generation OR (m.generation = f.generation
        AND coalesce((to_jsonb(f)->>'epoch')::bigint, 0) <= $2)))";

/// Makes sure that nothing with this epoch of a promotion, or with a lower one, does anything
/// to a database any more, whether it ever began or not. A statement that runs is ended.
///
/// Safe to repeat. Where a promotion with a higher epoch has the database already, that one
/// is left alone.
///
/// # Errors
/// Where the server refuses, also to make the schema `sluice`, or a session does not end.
pub async fn fence(session: &Session, promotion: &str, epoch: i64, limits: Limits) -> Result<()> {
    // The row is of no tool.
    let ledger = Ledger::of(session, Tool::Plain);
    let until = Instant::now() + limits.patience;
    loop {
        // A unit that runs in a transaction holds the row.
        ledger.end_overtaken(epoch).await?;
        match ledger.close(promotion, epoch).await {
            Err(error) if is_held(&error) && Instant::now() < until => sleep(PACE).await,
            closed => break closed?,
        }
    }
    while ledger.end_overtaken(epoch).await? {
        if Instant::now() >= until {
            return Err(Error::Busy {
                lock: "a unit of the promotion that was ended",
                holder: "a session that does not end".to_owned(),
            });
        }
        sleep(PACE).await;
    }
    Ok(())
}

/// The same, where there is a schema `sluice`: where there is none, nobody ever began.
///
/// # Errors
/// As [`fence`].
pub async fn fence_if_begun(
    session: &Session,
    promotion: &str,
    epoch: i64,
    limits: Limits,
) -> Result<()> {
    match Ledger::of(session, Tool::Plain).exists().await? {
        true => fence(session, promotion, epoch, limits).await,
        false => Ok(()),
    }
}

/// Whether others hold what was asked for.
fn is_held(error: &Error) -> bool {
    let code = SqlState::LOCK_NOT_AVAILABLE;
    matches!(error, Error::Server { source, .. } if source.code() == Some(&code))
}

impl Ledger<'_> {
    /// Whether a promotion has the database, or had it last, under an epoch that is not
    /// higher than this one. The generation that it carries then.
    ///
    /// # Errors
    /// [`Error::Fenced`] where the promotion may not have it with this epoch.
    pub async fn may_take(&self, promotion: &str, epoch: i64) -> Result<Option<i64>> {
        if !self.exists().await? {
            return Ok(None);
        }
        let asked =
            format!("SELECT f.generation, {LETS_IN}, f.promotion = $1 AND NOT f.closed FROM {ROW}");
        let row = self
            .session
            .client
            .query_opt(&asked, &[&promotion, &epoch])
            .await;
        let row = row.map_err(Error::server("reading the fence"))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let (generation, lets_in, is_own): (i64, bool, bool) = (row.get(0), row.get(1), row.get(2));
        if !lets_in {
            return Err(Error::Fenced { own: epoch });
        }
        Ok(is_own.then_some(generation))
    }

    /// Gives the database to a promotion, under a generation that is higher than all
    /// before.
    ///
    /// # Errors
    /// [`Error::Fenced`] where a later one has it, or this one was ended.
    pub async fn issue(&self, promotion: &str, epoch: i64) -> Result<i64> {
        let given = format!(
            "INSERT INTO sluice.fence AS f (generation, promotion, epoch) VALUES (1, $1, $2) \
             ON CONFLICT (one) DO UPDATE SET generation = f.generation + 1, promotion = $1, \
             epoch = $2, closed = false WHERE {LETS_IN} RETURNING f.generation"
        );
        let row = self
            .session
            .client
            .query_opt(&given, &[&promotion, &epoch])
            .await;
        let row = row.map_err(Error::server("taking the fence"))?;
        let row = row.ok_or(Error::Fenced { own: epoch })?;
        Ok(row.get(0))
    }

    /// Takes the database from a promotion and all before it, if none came after it.
    async fn close(&self, promotion: &str, epoch: i64) -> Result<()> {
        self.open().await?;
        let closed = format!(
            "INSERT INTO sluice.fence AS f (generation, promotion, epoch, closed) \
             VALUES (1, $1, $2, true) ON CONFLICT (one) DO UPDATE SET \
             generation = f.generation + 1, promotion = $1, epoch = $2, closed = true WHERE {LETS_IN}"
        );
        let done = self
            .session
            .client
            .execute(&closed, &[&promotion, &epoch])
            .await;
        let done = done.map_err(Error::server("closing the fence"))?;
        tracing::info!(promotion, epoch, closed = done == 1, "fenced off");
        Ok(())
    }

    /// Ends the sessions that run a unit and are overtaken by whoever has this epoch. Whether
    /// there were any.
    async fn end_overtaken(&self, epoch: i64) -> Result<bool> {
        if !self.exists().await? {
            return Ok(false);
        }
        let ended = self.session.client.query(END, &[&NAME, &epoch]).await;
        let ended = ended.map_err(Error::server("ending what an ended promotion left running"))?;
        Ok(!ended.is_empty())
    }

    /// Whether nobody has taken the database over since.
    ///
    /// # Errors
    /// [`Error::Fenced`] where somebody has.
    pub async fn is_current(&self, generation: i64) -> Result<()> {
        let asked = "SELECT 1 FROM sluice.fence WHERE generation = $1";
        let row = self.session.client.query_opt(asked, &[&generation]).await;
        let row = row.map_err(Error::server("reading the fence"))?;
        row.map(|_| ()).ok_or(Error::Fenced { own: generation })
    }

    /// Takes the database for a promotion that was given a generation, or finds that a later
    /// one has it.
    ///
    /// # Errors
    /// [`Error::Fenced`] where it has.
    pub async fn take(&self, holder: &Holder) -> Result<()> {
        let taken = self
            .session
            .client
            .execute(
                "INSERT INTO sluice.fence AS f (generation, promotion, epoch) VALUES ($3, $1, $2) \
                 ON CONFLICT (one) DO UPDATE SET generation = $3, promotion = $1, epoch = $2, \
                 closed = false WHERE (f.generation < $3 AND (f.epoch < $2 \
                 OR (f.epoch = $2 AND f.promotion = $1 AND NOT f.closed))) \
                 OR (f.generation = $3 AND f.epoch = $2 AND f.promotion = $1 AND NOT f.closed)",
                &[&holder.promotion, &holder.epoch, &holder.generation],
            )
            .await
            .map_err(Error::server("taking the fence"))?;
        if taken == 1 {
            return Ok(());
        }
        Err(Error::Fenced { own: holder.epoch })
    }

    /// Holds the fence until the transaction ends: who takes it over waits for that.
    ///
    /// # Errors
    /// [`Error::Fenced`] where it was taken over.
    pub async fn hold(&self, holder: &Holder) -> Result<()> {
        let held = self
            .session
            .client
            .query_opt(
                "SELECT 1 FROM sluice.fence WHERE generation = $1 AND promotion = $2 \
                 AND NOT closed FOR SHARE",
                &[&holder.generation, &holder.promotion],
            )
            .await
            .map_err(Error::server("holding the fence"))?;
        held.map(|_| ()).ok_or(Error::Fenced { own: holder.epoch })
    }
}
