//! Each tool's table as the tool makes, reads and writes it.

use sluice_migration::{Checksum, File, Tool};
use tokio_postgres::types::ToSql;

use super::Took;

/// A table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Whether it has one row, for where the database stands.
    pub(super) is_mark: bool,
    /// As the tool makes it.
    pub(super) create: &'static str,
    /// Version, checksum, whether it is dirty, whether it is repeatable; in the order in
    /// which the tool applied them.
    pub(super) read: &'static str,
    /// What the tool writes of a file that it applied.
    pub(super) write: fn(&File, Took) -> Vec<Statement>,
    /// What the tool writes of a file that it took back, and after which file the database
    /// stands then. None of a tool that takes nothing back.
    pub(super) remove: Option<Remove>,
}

/// What is written of a file that was taken back; with the one before it, if there is one.
type Remove = fn(&File, Option<&File>) -> Vec<Statement>;

/// A statement with its values.
pub(super) struct Statement {
    pub(super) text: String,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Statement {
    fn new(text: &str, values: Vec<Box<dyn ToSql + Sync + Send>>) -> Self {
        Self {
            text: text.to_owned(),
            values,
        }
    }

    pub(super) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values
            .iter()
            .map(|value| value.as_ref() as &(dyn ToSql + Sync))
            .collect()
    }
}

impl Table {
    pub(super) fn of(tool: Tool) -> Option<Self> {
        match tool {
            Tool::Plain => None,
            Tool::Sqlx => Some(SQLX),
            Tool::Refinery => Some(REFINERY),
            Tool::Flyway => Some(FLYWAY),
            Tool::Prisma => Some(PRISMA),
            Tool::Dbmate => Some(DBMATE),
            Tool::GolangMigrate => Some(GOLANG_MIGRATE),
            Tool::Diesel => Some(DIESEL),
        }
    }
}

fn version(file: &File) -> String {
    file.version.as_str().to_owned()
}

fn checksum(file: &File) -> String {
    file.checksum.to_string()
}

/// sqlx 0.8, `sqlx-postgres/src/migrate.rs`. `execution_time` is in nanoseconds.
const SQLX: Table = Table {
    name: "_sqlx_migrations",
    is_mark: false,
    create: "CREATE TABLE IF NOT EXISTS _sqlx_migrations (\
             version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
             installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, \
             checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)",
    read: "SELECT version::text, encode(checksum, 'hex'), NOT success, false \
           FROM _sqlx_migrations ORDER BY version",
    write: |file, took| {
        vec![Statement::new(
            "INSERT INTO _sqlx_migrations \
             (version, description, success, checksum, execution_time) \
             VALUES ($1::text::bigint, $2, true, decode($3, 'hex'), $4)",
            vec![
                Box::new(version(file)),
                Box::new(file.description.clone()),
                Box::new(checksum(file)),
                Box::new(took.nanos),
            ],
        )]
    },
    remove: Some(|file, _| {
        vec![Statement::new(
            "DELETE FROM _sqlx_migrations WHERE version = $1::text::bigint",
            vec![Box::new(version(file))],
        )]
    }),
};

/// refinery 0.8, `refinery-core/src/traits/mod.rs`. `applied_on` is a text of RFC 3339.
const REFINERY: Table = Table {
    name: "refinery_schema_history",
    is_mark: false,
    create: "CREATE TABLE IF NOT EXISTS refinery_schema_history(\
             version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), \
             checksum VARCHAR(255))",
    read: "SELECT version::text, coalesce(checksum, ''), false, false \
           FROM refinery_schema_history ORDER BY version",
    write: |file, _| {
        vec![Statement::new(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
             VALUES ($1::text::int4, $2, \
             to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), $3)",
            vec![
                Box::new(version(file)),
                Box::new(file.description.clone()),
                Box::new(checksum(file)),
            ],
        )]
    },
    remove: None,
};

/// Flyway 10, `createMetaDataTable.sql` of its PostgreSQL support. `execution_time` is in
/// milliseconds; `installed_on` has no time zone and is the server's time.
const FLYWAY: Table = Table {
    name: "flyway_schema_history",
    is_mark: false,
    create: "CREATE TABLE flyway_schema_history (\
             installed_rank INT NOT NULL, version VARCHAR(50), description VARCHAR(200) NOT NULL, \
             type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, checksum INTEGER, \
             installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT now(), \
             execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL); \
             ALTER TABLE flyway_schema_history \
             ADD CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank); \
             CREATE INDEX flyway_schema_history_s_idx ON flyway_schema_history (success)",
    read: "SELECT coalesce(version, description), coalesce(checksum::text, ''), NOT success, \
           version IS NULL FROM flyway_schema_history \
           WHERE type NOT IN ('SCHEMA', 'BASELINE') ORDER BY installed_rank",
    write: |file, took| {
        let version = (!file.repeatable).then(|| version(file));
        let script = file.path.rsplit('/').next().unwrap_or_default().to_owned();
        let millis = i32::try_from(took.nanos / 1_000_000).unwrap_or(i32::MAX);
        let checksum = match file.checksum {
            Checksum::Crc32(sum) => Some(sum),
            _ => None,
        };
        vec![Statement::new(
            "INSERT INTO flyway_schema_history (installed_rank, version, description, type, \
             script, checksum, installed_by, execution_time, success) \
             SELECT coalesce(max(installed_rank), 0) + 1, $1, $2, 'SQL', $3, $4, current_user, \
             $5, true FROM flyway_schema_history",
            vec![
                Box::new(version),
                Box::new(file.description.clone()),
                Box::new(script),
                Box::new(checksum),
                Box::new(millis),
            ],
        )]
    },
    remove: None,
};

/// Prisma, `sql-schema-connector`'s `create_migrations_table` of PostgreSQL. A row without
/// `finished_at` that was not rolled back is a migration that failed.
const PRISMA: Table = Table {
    name: "_prisma_migrations",
    is_mark: false,
    create: "CREATE TABLE _prisma_migrations (\
             id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, \
             finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, \
             rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), \
             applied_steps_count INTEGER NOT NULL DEFAULT 0)",
    read: "SELECT migration_name, checksum, finished_at IS NULL, false \
           FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name",
    write: |file, took| {
        vec![Statement::new(
            "INSERT INTO _prisma_migrations \
             (id, checksum, finished_at, migration_name, started_at, applied_steps_count) \
             VALUES (gen_random_uuid()::text, $1, clock_timestamp(), $2, \
             clock_timestamp() - make_interval(secs => $3::float8 / 1e9), 1)",
            vec![
                Box::new(checksum(file)),
                Box::new(version(file)),
                #[expect(clippy::cast_precision_loss, reason = "a duration for people")]
                Box::new(took.nanos as f64),
            ],
        )]
    },
    remove: None,
};

/// dbmate 2, `pkg/driver/postgres`.
const DBMATE: Table = Table {
    name: "schema_migrations",
    is_mark: false,
    create: "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(128) PRIMARY KEY)",
    read: "SELECT version::text, '', false, false FROM schema_migrations ORDER BY version",
    write: |file, _| {
        vec![Statement::new(
            "INSERT INTO schema_migrations (version) VALUES ($1)",
            vec![Box::new(version(file))],
        )]
    },
    remove: Some(|file, _| {
        vec![Statement::new(
            "DELETE FROM schema_migrations WHERE version = $1",
            vec![Box::new(version(file))],
        )]
    }),
};

/// golang-migrate 4, `database/postgres`. It has one row: where the database stands.
const GOLANG_MIGRATE: Table = Table {
    name: "schema_migrations",
    is_mark: true,
    create: "CREATE TABLE IF NOT EXISTS schema_migrations \
             (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)",
    read: "SELECT version::text, '', dirty, false FROM schema_migrations ORDER BY version",
    write: |file, _| {
        vec![
            Statement::new("TRUNCATE schema_migrations", Vec::new()),
            Statement::new(
                "INSERT INTO schema_migrations (version, dirty) VALUES ($1::text::bigint, false)",
                vec![Box::new(version(file))],
            ),
        ]
    },
    remove: Some(|_, before| {
        let stands = before.map(|file| {
            Statement::new(
                "INSERT INTO schema_migrations (version, dirty) VALUES ($1::text::bigint, false)",
                vec![Box::new(version(file))],
            )
        });
        let none = Statement::new("TRUNCATE schema_migrations", Vec::new());
        std::iter::once(none).chain(stands).collect()
    }),
};

/// Diesel 2, `diesel/src/pg` and `diesel_migrations`.
const DIESEL: Table = Table {
    name: "__diesel_schema_migrations",
    is_mark: false,
    create: "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations \
             (version VARCHAR(50) PRIMARY KEY NOT NULL, \
             run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
    read: "SELECT version::text, '', false, false FROM __diesel_schema_migrations ORDER BY version",
    write: |file, _| {
        vec![Statement::new(
            "INSERT INTO __diesel_schema_migrations (version) VALUES ($1)",
            vec![Box::new(version(file))],
        )]
    },
    remove: Some(|file, _| {
        vec![Statement::new(
            "DELETE FROM __diesel_schema_migrations WHERE version = $1",
            vec![Box::new(version(file))],
        )]
    }),
};
