//! Sluice's own record of what it did to a database, kept in that database.
//!
//! A row for each unit of each file: written as `running` before the unit begins, and made
//! `done` in the unit's own transaction where it has one. The fence is a row, too: who
//! migrates for a promotion that has been overtaken finds a higher epoch there.

use sluice_migration::{File, Tool};
use tokio_postgres::types::ToSql;

use crate::backfill::Progress;
use crate::connect::{NAME, Session};
use crate::rows::entry;
use crate::{Error, Result};

pub(crate) use crate::rows::key_of_repeatable;
pub use crate::rows::{Entry, State, key};

/// For whom a database is migrated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The promotion, as people write it.
    pub promotion: String,
    /// The release, as people write it.
    pub release: String,
    /// What the database gave its first call.
    pub generation: i64,
    /// When it got the locks of its environment, in milliseconds: who has a later epoch comes
    /// after it.
    pub epoch: i64,
    /// The backup that was made before, if one was.
    pub backup: Option<String>,
}

/// The record in one database.
#[derive(Clone, Copy)]
pub struct Ledger<'a> {
    pub(crate) session: &'a Session,
    tool: Tool,
}

impl<'a> Ledger<'a> {
    /// The record of what was applied in a tool's way.
    #[must_use]
    pub const fn of(session: &'a Session, tool: Tool) -> Self {
        Self { session, tool }
    }

    pub(crate) async fn exists(&self) -> Result<bool> {
        let asked = "SELECT to_regclass('sluice.migration') IS NOT NULL";
        let row = self.session.client.query_one(asked, &[]).await;
        let row = row.map_err(Error::server("looking for the schema `sluice`"))?;
        Ok(row.get(0))
    }

    /// All rows of the tool, whichever promotion wrote them. None where nothing was
    /// recorded yet.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn entries(&self) -> Result<Vec<Entry>> {
        if !self.exists().await? {
            return Ok(Vec::new());
        }
        let rows = self
            .session
            .client
            .query(
                // A plan changes no table, also none that an older Sluice made.
                "SELECT version, unit, units, path, sha256, state, \
                 coalesce(to_jsonb(m)->>'undoing' = 'alone', false), phase = 'contract', \
                 coalesce((progress->>'batches')::bigint, 0) > 0, to_jsonb(m)->>'cut' \
                 FROM sluice.migration m \
                 WHERE tool = $1 ORDER BY started_at, unit",
                &[&self.tool.name()],
            )
            .await;
        let rows = rows.map_err(Error::server("reading sluice.migration"))?;
        Ok(rows.iter().map(entry).collect())
    }

    /// The tools in whose way anything was applied, whatever Sluice knows of them.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn tools(session: &'a Session) -> Result<Vec<Tool>> {
        if !Self::of(session, Tool::Plain).exists().await? {
            return Ok(Vec::new());
        }
        let asked = "SELECT DISTINCT tool FROM sluice.migration ORDER BY tool";
        let rows = session.client.query(asked, &[]).await;
        let rows = rows.map_err(Error::server("reading sluice.migration"))?;
        let names = rows.iter().map(|row| row.get::<_, &str>(0));
        Ok(names.filter_map(|name| name.parse().ok()).collect())
    }

    /// Ends the session that holds an advisory lock, if it runs a unit for this promotion or
    /// for one that it overtakes. Whether there was one.
    ///
    /// # Errors
    /// Where the server refuses.
    pub(crate) async fn end_older(&self, holder: &Holder, lock: i64) -> Result<bool> {
        if !self.exists().await? {
            return Ok(false);
        }
        let ended = self
            .session
            .client
            .query(
                "SELECT pg_terminate_backend(a.pid, 5000) FROM pg_stat_activity a \
                 JOIN pg_locks l ON l.pid = a.pid WHERE a.pid <> pg_backend_pid() \
                 AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
                 AND (l.classid::bigint << 32) | l.objid::bigint = $1 \
                 AND a.datname = current_database() AND a.application_name = $2 \
                 AND EXISTS (SELECT FROM sluice.migration m CROSS JOIN sluice.fence f \
                 WHERE (m.state = 'running' OR to_jsonb(m)->>'undoing' IS NOT NULL) \
                 AND m.backend_pid = a.pid AND m.backend_start = a.backend_start \
                 AND (m.generation < $3 OR (m.generation = $3 AND m.promotion = $4) \
                 OR (m.generation <= f.generation \
                 AND coalesce((to_jsonb(f)->>'epoch')::bigint, 0) < $5)))",
                &[
                    &lock,
                    &NAME,
                    &holder.generation,
                    &holder.promotion,
                    &holder.epoch,
                ],
            )
            .await;
        let ended = ended.map_err(Error::server("ending what an earlier call left running"))?;
        Ok(!ended.is_empty())
    }

    /// Records that a unit begins in this session. `found` says that what it is to do was
    /// there before. Whether that was so when the unit was begun first.
    ///
    /// # Errors
    /// [`Error::Fenced`] where another one has the database by now: who takes it over finds
    /// either no unit that begins, or this record. Where the server refuses.
    pub async fn begin(&self, unit: &Unit<'_>, holder: &Holder, found: bool) -> Result<bool> {
        if unit.file.repeatable {
            self.rename(unit.file).await?;
        }
        let index = number(unit.index);
        self.session
            .client
            .query_opt(
                "INSERT INTO sluice.migration (tool, version, unit, path, phase, sha256, state, \
                 release, promotion, generation, backup, units, found, cut, backend_pid, \
                 backend_start) \
                 SELECT $1, $2, $3, $4, $5, $6, 'running', $7, $8, $9, $10, $11, $12, $13, a.pid, \
                 a.backend_start FROM pg_stat_activity a CROSS JOIN sluice.fence f \
                 WHERE a.pid = pg_backend_pid() AND f.generation = $9 AND f.promotion = $8 \
                 AND NOT f.closed FOR SHARE OF f \
                 ON CONFLICT (tool, version, unit) DO UPDATE SET \
                 found = CASE WHEN migration.state = 'running' AND migration.sha256 = $6 \
                 AND coalesce(migration.cut, $13) = $13 THEN migration.found ELSE $12 END, path = $4, phase = $5, \
                 sha256 = $6, state = 'running', release = $7, promotion = $8, generation = $9, \
                 backup = $10, units = $11, cut = $13, backend_pid = excluded.backend_pid, \
                 backend_start = excluded.backend_start, tries = sluice.migration.tries + 1, \
                 started_at = CASE WHEN sluice.migration.state IN ('reverted', 'undone') \
                 THEN clock_timestamp() ELSE sluice.migration.started_at END, \
                 finished_at = NULL, undoing = NULL, progress = CASE WHEN sluice.migration.state = 'running' \
                 AND sluice.migration.sha256 = $6 \
                 AND coalesce(sluice.migration.cut, $13) = $13 THEN sluice.migration.progress END \
                 RETURNING found",
                &[
                    &self.tool.name(),
                    &key(unit.file),
                    &index,
                    &unit.file.path,
                    &unit.file.phase.name(),
                    &unit.sha256,
                    &holder.release,
                    &holder.promotion,
                    &holder.generation,
                    &holder.backup,
                    &number(unit.of),
                    &found,
                    &unit.cut,
                ],
            )
            .await
            .map_err(Error::server("recording that a unit begins"))?
            .map(|row| row.get(0))
            .ok_or(Error::Fenced { own: holder.epoch })
    }

    /// Has the row of a repeatable file that was written by its description alone found by
    /// its key.
    async fn rename(&self, file: &File) -> Result<()> {
        self.session
            .client
            .execute(
                "UPDATE sluice.migration SET version = $2 WHERE tool = $1 AND version = $3 \
                 AND path ~ '(^|/)R__[^/]*$'",
                &[&self.tool.name(), &key(file), &file.description],
            )
            .await
            .map(|_| ())
            .map_err(Error::server("naming a repeatable migration"))
    }

    /// Records that a unit is through. To be called in the unit's transaction, if it has
    /// one.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn finish(&self, unit: &Unit<'_>) -> Result<()> {
        self.session
            .client
            .execute(
                "UPDATE sluice.migration SET state = 'done', finished_at = clock_timestamp() \
                 WHERE tool = $1 AND version = $2 AND unit = $3",
                &[&self.tool.name(), &key(unit.file), &number(unit.index)],
            )
            .await
            .map(|_| ())
            .map_err(Error::server("recording that a unit is through"))
    }

    /// How far a unit that goes in batches is.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn progress(&self, unit: &Unit<'_>) -> Result<Progress> {
        let row = self
            .session
            .client
            .query_one(
                "SELECT progress->>'last', coalesce((progress->>'rows')::bigint, 0), \
                 coalesce((progress->>'batches')::bigint, 0) FROM sluice.migration \
                 WHERE tool = $1 AND version = $2 AND unit = $3",
                &[&self.tool.name(), &key(unit.file), &number(unit.index)],
            )
            .await
            .map_err(Error::server("asking how far a backfill is"))?;
        let number = |at: usize| u64::try_from(row.get::<_, i64>(at)).unwrap_or_default();
        Ok(Progress {
            last: row.get(0),
            rows: number(1),
            batches: number(2),
        })
    }

    /// Records how far a unit is. To be called in the transaction of its batch.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn advance(&self, unit: &Unit<'_>, progress: &Progress) -> Result<()> {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.session
            .client
            .execute(
                "UPDATE sluice.migration SET progress = jsonb_build_object('last', $4::text, \
                 'rows', $5::bigint, 'batches', $6::bigint) \
                 WHERE tool = $1 AND version = $2 AND unit = $3",
                &[
                    &self.tool.name(),
                    &key(unit.file),
                    &number(unit.index),
                    &progress.last,
                    &count(progress.rows),
                    &count(progress.batches),
                ],
            )
            .await
            .map(|_| ())
            .map_err(Error::server("recording how far a backfill is"))
    }

    /// How long ago the first unit of a file began, in nanoseconds.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn took(&self, file: &File) -> Result<i64> {
        let row = self
            .session
            .client
            .query_one(
                "SELECT coalesce((extract(epoch FROM clock_timestamp() - min(started_at)) \
                 * 1e9)::bigint, 0) FROM sluice.migration WHERE tool = $1 AND version = $2",
                &[&self.tool.name(), &key(file)],
            )
            .await
            .map_err(Error::server("asking how long a file took"))?;
        Ok(row.get(0))
    }

    /// Records that the team's own tool applied a file since.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn adopt(&self, unit: &Unit<'_>, holder: &Holder) -> Result<()> {
        self.begin(unit, holder, true).await?;
        self.mark(unit.file, State::Adopted).await
    }

    /// Records that the team's own tool took a file back since.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn revert(&self, file: &File) -> Result<()> {
        self.mark(file, State::Reverted).await
    }

    /// Records that taking a file back begins in this session: in a transaction, which leaves
    /// all of it or nothing, or `alone`.
    ///
    /// # Errors
    /// [`Error::Fenced`] where another one has the database by now, as of a unit that begins.
    pub(crate) async fn begin_undo(
        &self,
        first: &Unit<'_>,
        holder: &Holder,
        alone: bool,
    ) -> Result<()> {
        let way = if alone { "alone" } else { "transaction" };
        let begun = self
            .session
            .client
            .execute(
                "INSERT INTO sluice.migration (tool, version, unit, path, phase, sha256, state, \
                 release, promotion, generation, backup, units, undoing, backend_pid, \
                 backend_start) SELECT $1, $2, 0, $3, $4, $5, 'adopted', $6, $7, $8, $9, $10, \
                 $11, a.pid, a.backend_start FROM pg_stat_activity a CROSS JOIN sluice.fence f \
                 WHERE a.pid = pg_backend_pid() AND f.generation = $8 AND f.promotion = $7 \
                 AND NOT f.closed FOR SHARE OF f \
                 ON CONFLICT (tool, version, unit) DO UPDATE SET release = $6, promotion = $7, \
                 generation = $8, backup = $9, undoing = $11, \
                 backend_pid = excluded.backend_pid, backend_start = excluded.backend_start",
                &[
                    &self.tool.name(),
                    &key(first.file),
                    &first.file.path,
                    &first.file.phase.name(),
                    &first.sha256,
                    &holder.release,
                    &holder.promotion,
                    &holder.generation,
                    &holder.backup,
                    &number(first.of),
                    &way,
                ],
            )
            .await
            .map_err(Error::server("recording that an undo begins"))?;
        if begun == 0 {
            return Err(Error::Fenced { own: holder.epoch });
        }
        Ok(())
    }

    /// Records that Sluice took a file back, in one row. To be called in the transaction that
    /// did.
    ///
    /// # Errors
    /// Where the server refuses.
    pub(crate) async fn undone(&self, file: &File) -> Result<()> {
        let text = "WITH rest AS (DELETE FROM sluice.migration \
                    WHERE tool = $1 AND version = $2 AND unit > 0) \
                    UPDATE sluice.migration SET state = 'undone', undoing = NULL, progress = NULL, \
                    finished_at = clock_timestamp() WHERE tool = $1 AND version = $2 AND unit = 0";
        self.tell(text, file, "recording that a file is taken back")
            .await
    }

    /// Records that taking a file back failed and left all as it was.
    ///
    /// # Errors
    /// Where the server refuses.
    pub(crate) async fn not_undone(&self, file: &File) -> Result<()> {
        let text = "UPDATE sluice.migration SET undoing = NULL WHERE tool = $1 AND version = $2";
        self.tell(text, file, "recording that a file was not taken back")
            .await
    }

    async fn tell(&self, text: &str, file: &File, action: &'static str) -> Result<()> {
        let values: [&(dyn ToSql + Sync); 2] = [&self.tool.name(), &key(file)];
        let told = self.session.client.execute(text, &values).await;
        told.map(|_| ()).map_err(Error::server(action))
    }

    /// Has all units of a file stand the same: the tool knows none.
    async fn mark(&self, file: &File, state: State) -> Result<()> {
        self.session
            .client
            .execute(
                "UPDATE sluice.migration SET state = $3, finished_at = clock_timestamp() \
                 WHERE tool = $1 AND version = $2",
                &[&self.tool.name(), &key(file), &state.word()],
            )
            .await
            .map(|_| ())
            .map_err(Error::server("recording what the team's tool did"))
    }
}

/// What is applied as one: a whole file, or a part of it.
#[derive(Debug, Clone)]
pub struct Unit<'a> {
    /// The file.
    pub file: &'a File,
    /// Which of the file's units, from 0.
    pub index: usize,
    /// Of how many.
    pub of: usize,
    /// SHA-256 of what the file applies, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of what the unit sends, in hexadecimal.
    pub cut: String,
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
