//! A session with the server itself, set up so that it waits for nobody too long.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::address::Address;
use crate::error::said;
use crate::tls::Trust;
use crate::{Error, Result};

/// What sessions call themselves on the server.
pub(crate) const NAME: &str = "sluice-migrate";

/// How long a session may take to open.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked for a pooler: one that others use as well may give the same
/// process twice by chance.
const ROUNDS: usize = 5;

/// The oldest version of PostgreSQL that is migrated: `client_connection_check_interval`
/// came with 14, and 13 has been without support since November 2025 (PostgreSQL's
/// versioning policy).
const OLDEST: i32 = 140_000;

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// A wait for a lock on a table. Who waits for one holds up all who come after.
    pub lock: Duration,
    /// A statement.
    pub statement: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            lock: Duration::from_millis(500),
            statement: Duration::from_secs(600),
        }
    }
}

/// A session. It ends when the value is dropped.
pub struct Session {
    pub(crate) client: Client,
    connection: JoinHandle<()>,
    /// `server_version_num`, 170010 for 17.10.
    pub version: i32,
    /// Where it goes.
    pub place: String,
    /// The name of the database.
    pub database: String,
    /// Where names without a schema are looked for.
    search_path: String,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Opens a session: verified, direct, and on a server that takes writes.
///
/// # Errors
/// Where there is none to be had, or what answers is a pooler, a replica or too old.
pub async fn connect(address: &Address, trust: &Trust, budget: Budget) -> Result<Session> {
    let mut config = Config::new();
    config
        .host(&address.host)
        .port(address.port)
        .dbname(&address.database)
        .user(&address.user)
        .password(address.password.reveal())
        .application_name(NAME)
        .connect_timeout(PATIENCE)
        .tcp_user_timeout(Duration::from_secs(30))
        .keepalives_idle(Duration::from_secs(15));
    let (client, connection) = if address.plain {
        config.ssl_mode(SslMode::Disable);
        let opened = config.connect(NoTls).await;
        let (client, connection) = opened.map_err(|error| unreachable(address, &error))?;
        (client, tokio::spawn(async { drop(connection.await) }))
    } else {
        config.ssl_mode(SslMode::Require);
        let opened = config.connect(trust.connector()?).await;
        let (client, connection) = opened.map_err(|error| unreachable(address, &error))?;
        (client, tokio::spawn(async { drop(connection.await) }))
    };
    let mut session = Session {
        client,
        connection,
        version: 0,
        place: address.place(),
        database: address.database.clone(),
        search_path: String::new(),
    };
    session.look().await?;
    session.limit(budget).await?;
    let path = "SELECT current_setting('search_path')";
    let row = session.client.query_one(path, &[]).await;
    session.search_path = row.map_err(Error::server("setting the session up"))?.get(0);
    Ok(session)
}

fn unreachable(address: &Address, error: &tokio_postgres::Error) -> Error {
    let why = match error.as_db_error() {
        Some(error) => said(error),
        None => chain(error),
    };
    Error::Unreachable {
        place: address.place(),
        why,
        code: error.code().map(|code| code.code().to_owned()),
    }
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let source_text = source.to_string();
        if !text.contains(&source_text) {
            text = format!("{text}: {source_text}");
        }
        next = source.source();
    }
    text
}

impl Session {
    async fn look(&mut self) -> Result<()> {
        let row = self
            .client
            .query_one(
                "SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), \
                 current_setting('default_transaction_read_only') = 'on'",
                &[],
            )
            .await
            .map_err(Error::server("asking what server this is"))?;
        self.version = row.get(0);
        let (is_replica, is_read_only): (bool, bool) = (row.get(1), row.get(2));
        let unsuitable = |found: String, next| {
            Err(Error::Unsuitable {
                place: self.place.clone(),
                found,
                next,
            })
        };
        if self.version < OLDEST {
            let found = format!("PostgreSQL {}", self.version / 10_000);
            return unsuitable(found, "upgrade it to PostgreSQL 14 or newer");
        }
        if is_replica {
            let next = "name the endpoint of the writer";
            return unsuitable("it is a replica".to_owned(), next);
        }
        if is_read_only {
            let next = "take `default_transaction_read_only` from its user or database";
            return unsuitable("sessions may only read".to_owned(), next);
        }
        Ok(())
    }

    /// Sets how long things may take in this session, and what depends on the server's
    /// own settings otherwise. PostgreSQL makes tables in the schema of the user's name
    /// where there is one: of a user `sluice` they would lie in Sluice's own.
    pub async fn limit(&self, budget: Budget) -> Result<()> {
        let text = format!(
            "SET lock_timeout = {}; SET statement_timeout = {}; \
             SET idle_in_transaction_session_timeout = '60s'; \
             SET client_connection_check_interval = '2s'; \
             SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; \
             SET tcp_keepalives_count = 3; \
             SET client_min_messages = warning; \
             SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET row_security = off; \
             SELECT set_config('search_path', coalesce(nullif(regexp_replace(\
             current_setting('search_path'), '\"\\$user\"\\s*,?\\s*', ''), ''), 'public'), false) \
             WHERE current_user = 'sluice'",
            budget.lock.as_millis(),
            budget.statement.as_millis()
        );
        self.client
            .batch_execute(&text)
            .await
            .map_err(Error::server("setting the session up"))
    }

    /// Takes back what a migration may have set: who it is, and where names are looked for.
    /// What is recorded after it has to come to the tables where it is looked for.
    pub(crate) async fn restore(&self) -> Result<()> {
        let action = "taking back what a migration set";
        let who = self
            .client
            .batch_execute("RESET SESSION AUTHORIZATION; RESET ROLE");
        who.await.map_err(Error::server(action))?;
        let path = "SELECT set_config('search_path', $1, false)";
        let set = self.client.query_one(path, &[&self.search_path]).await;
        set.map(|_| ()).map_err(Error::server(action))
    }

    /// Refuses a pooler that gives each transaction whatever session is free: what is set
    /// or locked for a session would be set or locked for somebody else's.
    ///
    /// While a second session holds a transaction open, a pooler serves both from one
    /// session, or moves the first to another.
    ///
    /// # Errors
    /// Where there is one.
    pub async fn refuse_pooler(&self, address: &Address, trust: &Trust) -> Result<()> {
        let other = Box::pin(connect(address, trust, Budget::default())).await?;
        for _ in 0..ROUNDS {
            if !self.is_apart(&other).await? {
                return Err(self.pooled());
            }
        }
        Ok(())
    }

    /// Whether this session stays with its process while another one has a transaction.
    async fn is_apart(&self, other: &Self) -> Result<bool> {
        let before = self.backend().await?;
        let begun = other.client.batch_execute("BEGIN").await;
        begun.map_err(Error::server("BEGIN"))?;
        let beside = other.backend().await?;
        let after = self.backend().await?;
        let ended = other.client.batch_execute("ROLLBACK").await;
        ended.map_err(Error::server("ROLLBACK"))?;
        Ok(before == after && before != beside)
    }

    /// What tells this database from every other: two sessions have the same exactly where
    /// they are in one database of one server, by whatever name they went there.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn identity(&self) -> Result<String> {
        let query = "SELECT extract(epoch FROM pg_postmaster_start_time())::text || ' ' || current_database()";
        let row = self.client.query_one(query, &[]).await;
        let row = row.map_err(Error::server("SELECT pg_postmaster_start_time"))?;
        row.try_get(0)
            .map_err(Error::server("SELECT pg_postmaster_start_time"))
    }

    fn pooled(&self) -> Error {
        Error::Unsuitable {
            place: self.place.clone(),
            found: "a pooler or proxy answers for it, and moves sessions from one server process \
                    to another"
                .to_owned(),
            next: "name the database's own endpoint",
        }
    }

    /// The server's process that answers. Asked without a prepared statement: to close one
    /// takes a process for a moment as well.
    async fn backend(&self) -> Result<Option<String>> {
        let asked = self.client.simple_query("SELECT pg_backend_pid()").await;
        let answer = asked.map_err(Error::server("asking which process answers"))?;
        Ok(answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }
}
