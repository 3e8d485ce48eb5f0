//! All that migrations leave in a database, as text that can be compared.

use sluice_migration::Tool;
use sluice_migrator::books::Books;
use tokio_postgres::Client;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Every kind of object with all that is known of it, and all rows.
    pub(crate) schema: String,
    /// What Sluice says is through.
    pub(crate) ledger: String,
    /// Whether Sluice says that something was begun and is not through.
    pub(crate) is_running: bool,
    /// What the team's tool would say is through.
    pub(crate) books: String,
}

/// Objects of the team's own, line by line. Of indexes that can't be used, those of the
/// tables for long values as well.
const SCHEMA: &str = "\
WITH own AS (
    SELECT c.*, format('%s.%s', n.nspname, c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'sluice')
    AND c.relname NOT LIKE $1 || '%'
)
SELECT format('relation %s %s %s %s %s %s %s', name, relkind, relpersistence, relispartition,
    reloptions, relacl, obj_description(oid, 'pg_class')) FROM own
UNION ALL SELECT format('column %s %s %s %s %s', name, attname, format_type(atttypid, atttypmod),
    attnotnull, pg_get_expr(adbin, adrelid))
    FROM own JOIN pg_attribute ON attrelid = own.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = own.oid AND adnum = attnum
UNION ALL SELECT format('constraint %s %s %s %s', name, conname, pg_get_constraintdef(c.oid),
    convalidated) FROM own JOIN pg_constraint c ON conrelid = own.oid
UNION ALL SELECT format('index %s %s %s %s', pg_get_indexdef(indexrelid), indisvalid, indisready,
    indislive) FROM own JOIN pg_index ON indrelid = own.oid
UNION ALL SELECT format('invalid %s', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid
UNION ALL SELECT format('partition %s %s %s %s', inhparent::regclass, name, inhdetachpending,
    pg_get_expr(relpartbound, own.oid)) FROM own JOIN pg_inherits ON inhrelid = own.oid
UNION ALL SELECT format('trigger %s', pg_get_triggerdef(t.oid))
    FROM own JOIN pg_trigger t ON tgrelid = own.oid AND NOT tgisinternal
UNION ALL SELECT format('view %s %s', name, pg_get_viewdef(oid)) FROM own WHERE relkind IN ('v', 'm')
UNION ALL SELECT format('sequence %s', s) FROM pg_sequences s
UNION ALL SELECT format('enum %s %s %s', enumtypid::regtype, enumlabel,
    rank() OVER (PARTITION BY enumtypid ORDER BY enumsortorder)) FROM pg_enum
UNION ALL SELECT format('function %s', p.oid::regprocedure) FROM pg_proc p
    WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT format('extension %s', extname) FROM pg_extension
UNION ALL SELECT format('schema %s %s', nspname, nspacl) FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'sluice'
UNION ALL SELECT format('setting %s', setconfig) FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())";

const TABLES: &str = "\
SELECT coalesce(string_agg(format('SELECT ''row %1$s '' || t FROM %1$s t', c.oid::regclass),
    ' UNION ALL '), 'SELECT '''' WHERE false')
FROM pg_class c WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace
AND relname <> $1";

/// What differs from one run to the next: times, processes, how often it was tried.
const LEDGER: &str = "\
SELECT (to_jsonb(m) - '{backend_pid,backend_start,tries,started_at,finished_at,found}'::text[])
    || jsonb_build_object('finished', finished_at IS NOT NULL)
FROM sluice.migration m WHERE state <> 'running'";

/// What a tool's rows differ in.
const BOOKS: &str = "- '{installed_on,execution_time,applied_on,id,started_at,run_on}'::text[]";

/// Looks at everything.
pub(crate) async fn look(client: &Client, tool: Tool) -> Seen {
    let name = Books::of(tool).map_or("sluice", |books| books.name());
    let mut lines = texts(client, SCHEMA, &[&name]).await;
    let row = client
        .query_one(TABLES, &[&name])
        .await
        .expect("the tables");
    lines.extend(texts(client, row.get(0), &[]).await);
    lines.sort();
    let mut seen = Seen {
        schema: lines.join("\n"),
        ..Seen::default()
    };
    if is_there(client, "sluice.migration").await {
        let query = format!("SELECT line::text FROM ({LEDGER}) AS row (line)");
        seen.ledger = sorted(texts(client, &query, &[]).await);
        let asked = "SELECT EXISTS (SELECT FROM sluice.migration WHERE state = 'running')";
        let row = client.query_one(asked, &[]).await.expect("the ledger");
        seen.is_running = row.get(0);
    }
    if is_there(client, name).await {
        let query = format!("SELECT (to_jsonb(t) {BOOKS})::text FROM {name} t");
        let finished = |line: String| match line.split_once("\"finished_at\": \"") {
            Some((before, after)) => {
                let rest = after.split_once('"').map_or("", |(_, rest)| rest);
                format!("{before}\"finished_at\": \"…\"{rest}")
            }
            None => line,
        };
        let lines = texts(client, &query, &[]).await;
        seen.books = sorted(lines.into_iter().map(finished).collect());
    }
    seen
}

async fn texts(
    client: &Client,
    query: &str,
    values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Vec<String> {
    let rows = client.query(query, values).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error:?}: {query}"));
    rows.iter().map(|row| row.get(0)).collect()
}

fn sorted(mut lines: Vec<String>) -> String {
    lines.sort();
    lines.join("\n")
}

async fn is_there(client: &Client, name: &str) -> bool {
    let row = client
        .query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&name])
        .await;
    row.expect("asked").get(0)
}
