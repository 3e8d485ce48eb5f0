//! What tools that are not run here would have written: their tables, and a row of each.

use sluice_migration::Tool;
use sluice_migrator::books::Books;
use tokio_postgres::Client;

use crate::bench::Bench;

/// A tool, what it makes its table with, and what it writes of the migration below. Times
/// and made-up keys are left out.
struct Golden {
    tool: Tool,
    file: &'static str,
    table: &'static str,
    row: &'static str,
}

const TEXT: &str = "CREATE TABLE person (id int);\n";

const ALL: [Golden; 4] = [
    // `getRawCreateScript` of Flyway's PostgreSQLDatabase.java; the checksum is the CRC-32 of
    // the line.
    Golden {
        tool: Tool::Flyway,
        file: "V1.2__add_person.sql",
        table: "CREATE TABLE flyway_schema_history (\
                \"installed_rank\" INT NOT NULL, \"version\" VARCHAR(50), \
                \"description\" VARCHAR(200) NOT NULL, \"type\" VARCHAR(20) NOT NULL, \
                \"script\" VARCHAR(1000) NOT NULL, \"checksum\" INTEGER, \
                \"installed_by\" VARCHAR(100) NOT NULL, \
                \"installed_on\" TIMESTAMP NOT NULL DEFAULT now(), \
                \"execution_time\" INTEGER NOT NULL, \"success\" BOOLEAN NOT NULL); \
                ALTER TABLE flyway_schema_history ADD CONSTRAINT \"flyway_schema_history_pk\" \
                PRIMARY KEY (\"installed_rank\"); \
                CREATE INDEX \"flyway_schema_history_s_idx\" ON flyway_schema_history (\"success\")",
        row: "{\"type\": \"SQL\", \"script\": \"V1.2__add_person.sql\", \"success\": true, \
              \"version\": \"1.2\", \"checksum\": 1409128202, \"description\": \"add person\", \
              \"installed_by\": \"sluice\", \"installed_rank\": 1}",
    },
    // `create_migrations_table` and sql_migration_persistence.rs of Prisma's
    // sql-schema-connector; the checksum is the file's SHA-256.
    Golden {
        tool: Tool::Prisma,
        file: "20260102030405_add_person/migration.sql",
        table: "CREATE TABLE _prisma_migrations (\
                id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, \
                finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, \
                rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), \
                applied_steps_count INTEGER NOT NULL DEFAULT 0)",
        row: "{\"logs\": null, \"checksum\": \
              \"dd3a174c3f6a1a5099e2c8b289247ea82ed71e2530100bb3184b7e65cbbbc244\", \
              \"migration_name\": \"20260102030405_add_person\", \"rolled_back_at\": null, \
              \"applied_steps_count\": 1}",
    },
    // `ensureVersionTable` and `SetVersion` of golang-migrate's database/postgres.
    Golden {
        tool: Tool::GolangMigrate,
        file: "000012_add_person.up.sql",
        table: "CREATE TABLE schema_migrations \
                (version bigint not null primary key, dirty boolean not null)",
        row: "{\"dirty\": false, \"version\": 12}",
    },
    // Diesel's migration/setup_migration_table.sql and `MigrationHarness::run_migration`.
    Golden {
        tool: Tool::Diesel,
        file: "2026-01-02-030405_add_person/up.sql",
        table: "CREATE TABLE __diesel_schema_migrations (\
                version VARCHAR(50) PRIMARY KEY NOT NULL, \
                run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
        row: "{\"version\": \"20260102030405\"}",
    },
];

/// A table's columns, constraints and indexes, without its schema.
pub(crate) async fn shape(client: &Client, schema: &str, table: &str) -> String {
    let query = "\
        WITH own AS (SELECT to_regclass($1::text || '.' || $2) AS oid)
        SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
            SELECT format('%s %s %s %s %s', attnum, attname, format_type(atttypid, atttypmod),
                attnotnull, pg_get_expr(adbin, adrelid)) AS line
            FROM own JOIN pg_attribute ON attrelid = own.oid AND attnum > 0
            LEFT JOIN pg_attrdef ON adrelid = own.oid AND adnum = attnum
            UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(c.oid))
            FROM own JOIN pg_constraint c ON conrelid = own.oid
            UNION ALL SELECT replace(pg_get_indexdef(indexrelid), $1::text || '.', '')
            FROM own JOIN pg_index ON indrelid = own.oid
        ) AS lines (line)";
    let row = client.query_one(query, &[&schema, &table]).await;
    row.expect("asked")
        .get::<_, Option<String>>(0)
        .expect("a table")
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn tables_and_rows_are_those_that_the_tools_themselves_would_have_written() {
    for golden in ALL {
        let Golden {
            tool,
            file,
            table,
            row,
        } = golden;
        let bench = Bench::new(tool, &[(file, TEXT)]).await;
        bench.all().await.expect("applied");
        let client = bench.client().await;
        let theirs = format!(
            "CREATE SCHEMA theirs; SET search_path = theirs; {table}; SET search_path = public"
        );
        client.batch_execute(&theirs).await.expect("their table");
        let name = Books::of(tool).expect("a table").name();
        let shapes = (
            shape(&client, "public", name).await,
            shape(&client, "theirs", name).await,
        );
        assert_eq!(shapes.0, shapes.1, "{tool}");
        let rows = format!(
            "SELECT string_agg((to_jsonb(t) - '{{id,installed_on,execution_time,started_at,\
             finished_at,run_on}}'::text[])::text, ';'), $1::text::jsonb::text FROM {name} t"
        );
        let found = client.query_one(&rows, &[&row]).await.expect("rows");
        assert_eq!(
            found.get::<_, String>(0),
            found.get::<_, String>(1),
            "{tool}"
        );
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn times_and_keys_are_of_the_tools_kinds() {
    let of = |tool| {
        ALL.into_iter()
            .find(|golden| golden.tool == tool)
            .expect("golden")
    };
    let checks = [
        (
            Tool::Flyway,
            "execution_time BETWEEN 0 AND 60000 AND installed_on <= now()",
        ),
        (
            Tool::Prisma,
            "id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' \
             AND started_at <= finished_at AND finished_at <= now()",
        ),
        (Tool::Diesel, "run_on <= now()"),
    ];
    for (tool, check) in checks {
        let bench = Bench::new(tool, &[(of(tool).file, TEXT)]).await;
        bench.all().await.expect("applied");
        let name = Books::of(tool).expect("a table").name();
        let client = bench.client().await;
        client
            .batch_execute("SET timezone = 'UTC'")
            .await
            .expect("set");
        let row = client
            .query_one(&format!("SELECT {check} FROM {name}"), &[])
            .await;
        assert!(row.expect("a row").get::<_, bool>(0), "{tool}: {check}");
    }
}
