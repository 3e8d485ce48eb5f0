//! What a database is made of, a line for each thing, and how that changed.
//!
//! Lines are kept in the database itself: a schema can have hundreds of thousands of them,
//! and only those that differ are of interest.

use crate::connect::Session;
use crate::{Error, Result};

/// Everything but PostgreSQL's own, Sluice's, and the tables that tools keep.
const LINES: &str = "\
WITH own AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'sluice')
), relation AS (
    SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN own n ON n.oid = c.relnamespace
    WHERE c.relname NOT IN ('_sqlx_migrations', 'refinery_schema_history', '_prisma_migrations',
        'flyway_schema_history', 'schema_migrations', '__diesel_schema_migrations')
    AND c.relname !~ '_schema_history_|_migrations_pkey$'
)
SELECT CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view '
    WHEN 'S' THEN 'sequence ' ELSE 'table ' END || name AS line
FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
UNION ALL
SELECT format('column %s.%I %s%s%s', r.name, a.attname, format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
    coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), ''))
FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL
SELECT format('index on %s: %s%s', r.name, pg_get_indexdef(i.indexrelid),
    CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END)
FROM pg_index i JOIN relation r ON r.oid = i.indrelid
UNION ALL
SELECT format('constraint %I on %s: %s', c.conname, r.name, pg_get_constraintdef(c.oid))
FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
UNION ALL
SELECT format('trigger on %s: %s', r.name, pg_get_triggerdef(t.oid))
FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
SELECT format('policy %I on %s', p.polname, r.name)
FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
UNION ALL
SELECT format('function %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
FROM pg_proc p JOIN own n ON n.oid = p.pronamespace
UNION ALL
SELECT format('value %L of type %I.%I', e.enumlabel, n.nspname, t.typname)
FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN own n ON n.oid = t.typnamespace";

/// The most lines that are told.
const TOLD: i64 = 100;

/// How a database differs from what was remembered of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// `+ table public.person`, `- column …`, in order, as many as are told.
    pub(crate) told: Vec<String>,
    /// How many more there are.
    pub(crate) more: usize,
    /// What can't be used and could not be found before.
    pub(crate) invalid: Vec<String>,
    /// What could not be used before either.
    pub(crate) unusable: Vec<String>,
}

impl Differences {
    /// For people: what could not be used before either comes first.
    pub(crate) fn changes(&self) -> Vec<String> {
        let unusable = self.unusable.iter();
        let unusable = unusable.map(|line| format!("unusable since before: {line}"));
        unusable.chain(self.told.iter().cloned()).collect()
    }
}

/// Remembers what the database is made of now. To be called in the transaction that gives
/// the database to a promotion.
pub(crate) async fn remember(session: &Session) -> Result<()> {
    let text = format!("DELETE FROM sluice.catalog; INSERT INTO sluice.catalog (line) {LINES}");
    let done = session.client.batch_execute(&text).await;
    done.map_err(Error::server("remembering the catalog in sluice.catalog"))
}

/// How the database differs from what was remembered.
pub(crate) async fn differences(session: &Session) -> Result<Differences> {
    let text = format!(
        "WITH now AS ({LINES}), changed AS (\
         (SELECT '+ ' || line AS line FROM (SELECT line FROM now EXCEPT ALL SELECT line FROM sluice.catalog) AS added) \
         UNION ALL \
         (SELECT '- ' || line FROM (SELECT line FROM sluice.catalog EXCEPT ALL SELECT line FROM now) AS gone)) \
         SELECT line, count(*) OVER (), line LIKE '+ index on % INVALID' FROM changed \
         ORDER BY 3 DESC, substr(line, 3), line LIMIT $1"
    );
    let rows = session.client.query(&text, &[&TOLD]).await;
    let rows = rows.map_err(Error::server("comparing the catalog with sluice.catalog"))?;
    let text = format!(
        "WITH now AS ({LINES}) SELECT line FROM now WHERE line LIKE 'index on % INVALID' \
         INTERSECT SELECT line FROM sluice.catalog ORDER BY 1 LIMIT $1"
    );
    let before = session.client.query(&text, &[&TOLD]).await;
    let before = before.map_err(Error::server("comparing the catalog with sluice.catalog"))?;
    let all: i64 = rows.first().map_or(0, |row| row.get(1));
    let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let invalid = rows.iter().filter(|row| row.get(2));
    Ok(Differences {
        more: usize::try_from(all)
            .unwrap_or_default()
            .saturating_sub(told.len()),
        invalid: invalid.map(|row| row.get(0)).collect(),
        unusable: before.iter().map(|row| row.get(0)).collect(),
        told,
    })
}

/// Whether a table, by its name as SQL has it, has a constraint of this name that is not
/// valid.
pub(crate) async fn is_not_valid(session: &Session, table: &str, constraint: &str) -> Result<bool> {
    let query = "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass($1) \
                 AND conname = $2 AND NOT convalidated)";
    let row = session
        .client
        .query_one(query, &[&table, &constraint])
        .await;
    let row = row.map_err(Error::server("looking for a constraint in pg_constraint"))?;
    Ok(row.get(0))
}
