//! A database whose tables have rows, and who runs statements on it: its owner, who may do
//! nothing beyond it.

use std::time::Duration;

use sluice_postgres::Database;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};

const OWNER: &str = "sluice_oracle";
const USER: &str = "sluice_oracle_user";

/// A database, and who is in it.
pub(crate) struct Stage {
    pub(crate) owner: Client,
    /// Somebody who owns nothing and may do what everybody may. Waits for nobody.
    pub(crate) user: Client,
    /// Another of these, who may stand in the way.
    holder: Client,
    /// The server's superuser.
    pub(crate) admin: Client,
    /// Ends the database.
    _database: Database,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let database = Database::create().await.expect("a database");
        let config: Config = database.url().parse().expect("an address");
        let admin = client(&config).await;
        let name = config.get_dbname().expect("a name").to_owned();
        admin
            .batch_execute(&format!(
                "DO $$ BEGIN CREATE ROLE {OWNER} LOGIN PASSWORD '{OWNER}'; \
                 EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
                 DO $$ BEGIN CREATE ROLE {USER} LOGIN PASSWORD '{USER}'; \
                 EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
                 ALTER DATABASE {name} OWNER TO {OWNER};
                 SET session_replication_role = replica;"
            ))
            .await
            .expect("an owner");
        let as_role = |role: &str, more: &str| {
            let mut config = config.clone();
            config.user(role).password(role);
            config.options(format!(
                "-c statement_timeout=20s -c client_min_messages=error {more}"
            ));
            config
        };
        Self {
            owner: client(&as_role(OWNER, "")).await,
            user: client(&as_role(USER, "-c lock_timeout=20ms")).await,
            holder: client(&as_role(USER, "")).await,
            admin,
            _database: database,
        }
    }

    /// Rows for each table that has none, where its constraints let any in. What they refer
    /// to has the same numbers.
    pub(crate) async fn fill(&self) {
        let filled = self.admin.batch_execute(include_str!("fill.sql")).await;
        filled.expect("rows");
    }

    /// Takes all rows away.
    pub(crate) async fn empty(&self) {
        let emptied = "DO $$ DECLARE all_tables text; BEGIN \
            SELECT string_agg(oid::regclass::text, ', ') INTO all_tables FROM pg_class \
            WHERE relkind IN ('r', 'p') AND relnamespace NOT IN \
            (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_' OR nspname = 'information_schema'); \
            IF all_tables IS NOT NULL THEN EXECUTE 'TRUNCATE ' || all_tables || ' CASCADE'; END IF; \
            END $$";
        let emptied = self.admin.batch_execute(emptied).await;
        emptied.expect("no rows");
    }

    /// Somebody has written to tables, and not yet ended their transaction.
    pub(crate) async fn hold(&self) {
        let held = "BEGIN; UPDATE users SET age = age WHERE id = 150; \
            UPDATE logs SET line = line WHERE at = '2024-02-02'";
        self.holder.batch_execute(held).await.expect("rows held");
    }

    pub(crate) async fn release(&self) {
        let released = self.holder.batch_execute("ROLLBACK").await;
        released.expect("rows released");
    }

    /// The owner's session, if it waits for a lock.
    pub(crate) async fn waiting(&self) -> Option<String> {
        let waiting = format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
             AND usename = '{OWNER}' AND wait_event_type = 'Lock'"
        );
        let waiting = rows(&self.admin, &waiting).await.expect("who waits");
        Some(waiting.into_iter().next()?.concat())
    }

    /// Takes everything away.
    pub(crate) async fn clear(&self) {
        let fresh = "RESET SESSION AUTHORIZATION; DISCARD ALL";
        for one in fresh.split(';') {
            self.owner.batch_execute(one).await.expect("a new session");
        }
        let cleared = "DO $$ DECLARE each text; BEGIN \
            FOR each IN SELECT quote_ident(nspname) FROM pg_namespace \
            WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP \
            EXECUTE 'DROP SCHEMA ' || each || ' CASCADE'; END LOOP; END $$; \
            CREATE SCHEMA public AUTHORIZATION pg_database_owner; \
            GRANT USAGE ON SCHEMA public TO PUBLIC";
        self.admin.batch_execute(cleared).await.expect("no schemas");
    }
}

async fn client(config: &Config) -> Client {
    let mut config = config.clone();
    config.connect_timeout(Duration::from_secs(10));
    let (client, connection) = config.connect(NoTls).await.expect("a client");
    tokio::spawn(connection);
    client
}

/// What a query answers, as text. Nothing is prepared: a statement may change what names
/// mean, or end the session's memory.
pub(crate) async fn rows(client: &Client, query: &str) -> Result<Vec<Vec<String>>, Error> {
    let answer = client.simple_query(query).await?.into_iter();
    let rows = answer.filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let cells = (0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned());
            Some(cells.collect())
        }
        _ => None,
    });
    Ok(rows.collect())
}
