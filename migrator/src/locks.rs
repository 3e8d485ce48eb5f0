//! One at a time: advisory locks of the database, Sluice's own and the team's tool's.
//!
//! Asked for with `pg_try_advisory_lock` again and again: who waits inside of the server
//! for one that somebody holds who waits for CREATE INDEX CONCURRENTLY is in a deadlock.

use std::time::Duration;

use sluice_migration::Tool;
use tokio::time::{Instant, sleep};

use crate::books::locks_of;
use crate::connect::Session;
use crate::ledger::{Holder, Ledger};
use crate::{Error, Result};

/// "sluice" in ASCII.
const OWN: i64 = 0x736c_7569_6365;

/// How often a lock is asked for.
pub(crate) const PACE: Duration = Duration::from_millis(20);

/// Takes Sluice's lock for as long as the session lives.
///
/// A session of an earlier call may hold it that nobody waits for any more: on a server
/// that was not told that its client is gone, for as long as its statement takes. When the
/// time is up, it is ended, if it ran for this promotion or for one that was overtaken.
pub(crate) async fn take(
    session: &Session,
    ledger: &Ledger<'_>,
    holder: &Holder,
    patience: Duration,
) -> Result<()> {
    let until = Instant::now() + patience;
    let taken = take_one(session, OWN, "Sluice's lock", until).await;
    let Err(Error::Busy { .. }) = &taken else {
        return taken;
    };
    if !ledger.end_older(holder, OWN).await? {
        return taken;
    }
    take_one(session, OWN, "Sluice's lock", Instant::now() + patience).await
}

/// Takes the locks of the team's tool for as long as the session lives.
pub(crate) async fn take_of_tool(session: &Session, tool: Tool, patience: Duration) -> Result<()> {
    let until = Instant::now() + patience;
    for key in locks_of(tool, &session.database) {
        take_one(session, key, "the lock of the team's tool", until).await?;
    }
    Ok(())
}

async fn take_one(session: &Session, key: i64, lock: &'static str, until: Instant) -> Result<()> {
    loop {
        let asked = session
            .client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&key])
            .await;
        let row = asked.map_err(Error::server("asking for an advisory lock"))?;
        if row.get(0) {
            return Ok(());
        }
        if Instant::now() >= until {
            let holder = holder(session, key).await?;
            return Err(Error::Busy { lock, holder });
        }
        sleep(PACE).await;
    }
}

/// Who holds a lock, as people find them in `pg_stat_activity`.
async fn holder(session: &Session, key: i64) -> Result<String> {
    let row = session
        .client
        .query_opt(
            "SELECT format('process %s (%s of %s, since %s)', a.pid, \
             coalesce(nullif(a.application_name, ''), 'no name'), a.usename, \
             to_char(a.backend_start, 'HH24:MI:SS')) \
             FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND (l.classid::bigint << 32) | l.objid::bigint = $1",
            &[&key],
        )
        .await;
    let row = row.map_err(Error::server("asking who holds an advisory lock"))?;
    Ok(row.map_or_else(|| "a process that just ended".to_owned(), |row| row.get(0)))
}

/// Whose transaction is the oldest of all others in the database: most likely it holds what
/// a statement waited for in vain.
pub(crate) async fn oldest_beside(session: &Session) -> Result<String> {
    let row = session
        .client
        .query_opt(
            "SELECT format('the oldest transaction beside is that of process %s (%s of %s, \
             since %s)', pid, coalesce(nullif(application_name, ''), 'no name'), usename, \
             to_char(xact_start, 'HH24:MI:SS')) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND xact_start IS NOT NULL ORDER BY xact_start LIMIT 1",
            &[],
        )
        .await;
    let row = row.map_err(Error::server("asking who has a transaction open"))?;
    Ok(row.map_or_else(
        || "no transaction is open beside now".to_owned(),
        |row| row.get(0),
    ))
}
