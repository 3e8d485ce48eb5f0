//! Sluice's own tables: made where they are not there, and brought up to what is needed
//! where an older Sluice made them.

use crate::ledger::Ledger;
use crate::{Error, Result};

/// One after the other, and as one: who finds them there finds all of them. The lock is held
/// by nobody for longer than that, and asked for no longer than `lock_timeout`.
///
/// Whatever is added here is added to [`COMPLETE`] as well.
const OPEN: &str = "\
BEGIN;
SELECT pg_advisory_xact_lock(x'736c756963655462'::bigint);
CREATE SCHEMA IF NOT EXISTS sluice;
CREATE TABLE IF NOT EXISTS sluice.fence (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    generation bigint NOT NULL,
    promotion text NOT NULL
);
ALTER TABLE sluice.fence ADD COLUMN IF NOT EXISTS epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE sluice.fence ADD COLUMN IF NOT EXISTS closed boolean NOT NULL DEFAULT false;
CREATE TABLE IF NOT EXISTS sluice.catalog (line text NOT NULL);
CREATE TABLE IF NOT EXISTS sluice.migration (
    tool text NOT NULL,
    version text NOT NULL,
    unit integer NOT NULL,
    units integer NOT NULL,
    path text NOT NULL,
    phase text NOT NULL,
    sha256 text NOT NULL,
    state text NOT NULL,
    release text NOT NULL,
    promotion text NOT NULL,
    generation bigint NOT NULL,
    backup text,
    backend_pid integer,
    backend_start timestamptz,
    found boolean NOT NULL DEFAULT false,
    tries integer NOT NULL DEFAULT 1,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    progress jsonb,
    PRIMARY KEY (tool, version, unit)
);
ALTER TABLE sluice.migration ADD COLUMN IF NOT EXISTS undoing text;
ALTER TABLE sluice.migration ADD COLUMN IF NOT EXISTS cut text;
ALTER TABLE sluice.migration DROP CONSTRAINT IF EXISTS migration_state_check;
ALTER TABLE sluice.migration ADD CONSTRAINT migration_state_check
    CHECK (state IN ('running', 'done', 'adopted', 'reverted', 'undone'));
COMMENT ON SCHEMA sluice IS 'What Sluice did to this database. Written by its migrations alone.';
COMMIT";

/// Whether nothing of that is missing.
const COMPLETE: &str = "\
SELECT count(*) = 4 FROM pg_attribute WHERE NOT attisdropped AND (attrelid, attname) IN (
    (to_regclass('sluice.fence'), 'epoch'), (to_regclass('sluice.fence'), 'closed'),
    (to_regclass('sluice.migration'), 'undoing'), (to_regclass('sluice.migration'), 'cut'))";

impl Ledger<'_> {
    /// Makes its tables, where they are not there or were made by an older Sluice.
    ///
    /// # Errors
    /// Where the server refuses. Nothing was changed then.
    pub async fn open(&self) -> Result<()> {
        let client = &self.session.client;
        let asked = client.query_one(COMPLETE, &[]).await;
        let row = asked.map_err(Error::server("looking for the tables of `sluice`"))?;
        if row.get(0) {
            return Ok(());
        }
        let made = client.batch_execute(OPEN).await;
        if made.is_err() {
            // The session goes on, and the error is the one that counts.
            let _ = client.batch_execute("ROLLBACK").await;
        }
        made.map_err(Error::server("making the tables of the schema `sluice`"))
    }
}
