//! A database whose tables have rows, and who runs statements on it: its owner, who may do
//! nothing beyond it.

use std::time::Duration;

use sluice_postgres::Database;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};

const OWNER: &str = "sluice_oracle";

/// A database, and its owner and the server's superuser in it.
pub(crate) struct Stage {
    pub(crate) owner: Client,
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
                 ALTER DATABASE {name} OWNER TO {OWNER};
                 SET session_replication_role = replica;"
            ))
            .await
            .expect("an owner");
        let mut theirs = config.clone();
        theirs.user(OWNER).password(OWNER);
        theirs.options("-c statement_timeout=20s -c client_min_messages=error");
        Self {
            owner: client(&theirs).await,
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
            CREATE SCHEMA public AUTHORIZATION pg_database_owner";
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
