use squawk_syntax::SourceFile;

use super::*;

/// What the last statement of a text does: `B SHARE on t, scans, safe`.
pub(super) fn told(text: &str) -> String {
    let file = SourceFile::parse(text);
    assert_eq!(file.errors(), [], "{text}");
    let mut known = Known::default();
    let mut last = None;
    for statement in file.tree().stmts() {
        last = Some(assess(&statement, &mut known));
    }
    shown(&last.expect("a statement").effect)
}

fn shown(effect: &Effect) -> String {
    let lock = effect.lock.as_ref().map(|lock| format!(" {lock}"));
    let mut shown = format!("{:?}{}", effect.class, lock.unwrap_or_default());
    let flags = [
        (effect.rewrites, "rewrites"),
        (effect.scans, "scans"),
        (!effect.in_transaction, "alone"),
    ];
    for (_, flag) in flags.into_iter().filter(|(is_set, _)| *is_set) {
        shown.push_str(&format!(", {flag}"));
    }
    match &effect.old_code {
        OldCode::Removed(_) => shown.push_str(", removes"),
        other => shown.push_str(&format!(", {}", other.name())),
    }
    shown
}

pub(super) fn expect(table: &[(&str, &str)]) {
    let found = table.iter().map(|(text, _)| (*text, told(text)));
    let wrong = found
        .zip(table)
        .filter(|((_, found), (_, expected))| found != expected);
    let wrong: Vec<String> = wrong
        .map(|((text, found), (_, expected))| {
            format!("{text}\n  found    {found}\n  expected {expected}")
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn columns_are_added_without_a_rewrite_unless_each_row_gets_a_value() {
    let (brief, rewrite) = (
        "A ACCESS EXCLUSIVE on t, safe",
        "C ACCESS EXCLUSIVE on t, rewrites, safe",
    );
    let scan = "B ACCESS EXCLUSIVE on t, scans, safe";
    let numbered = "C ACCESS EXCLUSIVE on t, rewrites, depends";
    let narrowing = "B ACCESS EXCLUSIVE on t, scans, depends";
    expect(&[
        ("ALTER TABLE t ADD COLUMN a int;", brief),
        ("ALTER TABLE t ADD a text DEFAULT 'x' NOT NULL;", brief),
        (
            "ALTER TABLE t ADD COLUMN a timestamptz DEFAULT now();",
            brief,
        ),
        (
            "ALTER TABLE t ADD COLUMN a timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL;",
            brief,
        ),
        (
            "ALTER TABLE t ADD COLUMN a jsonb DEFAULT '{}'::jsonb NOT NULL;",
            brief,
        ),
        (
            "ALTER TABLE t ADD COLUMN a int[] DEFAULT ARRAY[]::int[];",
            brief,
        ),
        ("ALTER TABLE t ADD COLUMN a int DEFAULT -1;", brief),
        ("ALTER TABLE t ADD COLUMN IF NOT EXISTS a int;", brief),
        (
            "ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid();",
            rewrite,
        ),
        (
            "ALTER TABLE t ADD COLUMN a timestamptz DEFAULT clock_timestamp();",
            rewrite,
        ),
        (
            "ALTER TABLE t ADD COLUMN a int DEFAULT f();",
            "C ACCESS EXCLUSIVE on t, rewrites, depends",
        ),
        ("ALTER TABLE t ADD COLUMN a bigserial;", numbered),
        (
            "ALTER TABLE t ADD COLUMN a int GENERATED ALWAYS AS IDENTITY;",
            rewrite,
        ),
        (
            "ALTER TABLE t ADD COLUMN a int GENERATED ALWAYS AS (b + 1) STORED;",
            rewrite,
        ),
        (
            "ALTER TABLE t ADD COLUMN a int NOT NULL;",
            "C ACCESS EXCLUSIVE on t, unsafe",
        ),
        (
            "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT NULL;",
            "C ACCESS EXCLUSIVE on t, unsafe",
        ),
        ("ALTER TABLE t ADD COLUMN a int UNIQUE;", scan),
        ("ALTER TABLE t ADD COLUMN a int CHECK (a > 0);", narrowing),
        (
            "ALTER TABLE t ADD COLUMN a int DEFAULT 1 UNIQUE;",
            "B ACCESS EXCLUSIVE on t, scans, unsafe",
        ),
        (
            "ALTER TABLE t ADD COLUMN a int REFERENCES u;",
            "A ACCESS EXCLUSIVE on t, depends",
        ),
        (
            "ALTER TABLE t ADD COLUMN a int DEFAULT 1 REFERENCES u;",
            narrowing,
        ),
        ("ALTER TABLE t ADD COLUMN a mood;", numbered),
        (
            "CREATE TYPE mood AS ENUM ('x'); ALTER TABLE t ADD COLUMN a mood;",
            brief,
        ),
        (
            "CREATE TYPE mood AS ENUM ('x'); DROP TYPE mood; CREATE DOMAIN mood AS text; \
             ALTER TABLE t ADD COLUMN a mood;",
            numbered,
        ),
        (
            "ALTER TABLE t ADD COLUMN a int, ADD COLUMN b bigserial;",
            numbered,
        ),
    ]);
}

#[test]
fn columns_are_altered_as_their_type_and_rows_allow() {
    let lock = "ACCESS EXCLUSIVE on t";
    expect(&[
        (
            "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1;",
            &format!("A {lock}, depends"),
        ),
        (
            "ALTER TABLE t ALTER a DROP DEFAULT;",
            &format!("A {lock}, depends"),
        ),
        (
            "ALTER TABLE t ALTER COLUMN a DROP NOT NULL;",
            &format!("A {lock}, depends"),
        ),
        (
            "ALTER TABLE t ALTER COLUMN a SET NOT NULL;",
            &format!("B {lock}, scans, depends"),
        ),
        (
            "ALTER TABLE t ALTER COLUMN a TYPE bigint;",
            &format!("C {lock}, rewrites, unsafe"),
        ),
        (
            "ALTER TABLE t ALTER COLUMN a SET DATA TYPE text;",
            &format!("C {lock}, rewrites, unsafe"),
        ),
        (
            "ALTER TABLE t ALTER COLUMN a SET STATISTICS 100;",
            "A SHARE UPDATE EXCLUSIVE on t, safe",
        ),
        (
            "ALTER TABLE t ALTER COLUMN a SET STORAGE EXTERNAL;",
            &format!("A {lock}, safe"),
        ),
        (
            "ALTER TABLE t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY;",
            &format!("B {lock}, depends"),
        ),
        (
            "ALTER TABLE t ALTER COLUMN a SET EXPRESSION AS (b * 2);",
            &format!("C {lock}, rewrites, depends"),
        ),
        (
            "ALTER TABLE t DROP COLUMN a;",
            &format!("C {lock}, removes"),
        ),
        (
            "ALTER TABLE t RENAME COLUMN a TO b;",
            &format!("C {lock}, removes"),
        ),
        (
            "ALTER TABLE t RENAME a TO b;",
            &format!("C {lock}, removes"),
        ),
    ]);
}

#[test]
fn constraints_are_read_of_all_rows_unless_they_are_not_valid_yet() {
    let lock = "ACCESS EXCLUSIVE on t";
    let both = "SHARE ROW EXCLUSIVE on t, u";
    expect(&[
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);",
            &format!("B {lock}, scans, depends"),
        ),
        (
            "ALTER TABLE t ADD CHECK (a > 0) NOT VALID;",
            &format!("A {lock}, depends"),
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (id);",
            &format!("B {both}, scans, depends"),
        ),
        (
            "ALTER TABLE ONLY t ADD FOREIGN KEY (a) REFERENCES u NOT VALID;",
            &format!("A {both}, depends"),
        ),
        (
            "ALTER TABLE t VALIDATE CONSTRAINT c;",
            "A SHARE UPDATE EXCLUSIVE on t, scans, safe",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a);",
            &format!("B {lock}, scans, depends"),
        ),
        (
            "ALTER TABLE t ADD PRIMARY KEY (a);",
            &format!("B {lock}, scans, depends"),
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i;",
            &format!("A {lock}, depends"),
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c PRIMARY KEY USING INDEX i;",
            &format!("B {lock}, scans, depends"),
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c EXCLUDE USING gist (a WITH =);",
            &format!("B {lock}, scans, depends"),
        ),
        (
            "ALTER TABLE t DROP CONSTRAINT c;",
            &format!("B {lock}, depends"),
        ),
        (
            "ALTER TABLE t DROP CONSTRAINT c CASCADE;",
            &format!("C {lock}, depends"),
        ),
        (
            "ALTER TABLE t RENAME CONSTRAINT c TO d;",
            &format!("B {lock}, depends"),
        ),
    ]);
}

#[test]
fn indexes_stop_writes_unless_they_are_built_concurrently() {
    expect(&[
        ("CREATE INDEX ON t (a);", "B SHARE on t, scans, safe"),
        (
            "CREATE UNIQUE INDEX i ON s.t (a);",
            "B SHARE on s.t, scans, depends",
        ),
        (
            "CREATE INDEX CONCURRENTLY i ON t (a);",
            "A SHARE UPDATE EXCLUSIVE on t, scans, alone, safe",
        ),
        ("DROP INDEX i;", "B ACCESS EXCLUSIVE on i, depends"),
        (
            "DROP INDEX CONCURRENTLY i;",
            "A SHARE UPDATE EXCLUSIVE on i, alone, depends",
        ),
        ("REINDEX TABLE t;", "B ACCESS EXCLUSIVE on t, scans, safe"),
        (
            "REINDEX INDEX CONCURRENTLY i;",
            "A SHARE UPDATE EXCLUSIVE on i, scans, alone, safe",
        ),
        ("REINDEX DATABASE d;", "C, scans, alone, safe"),
        (
            "ALTER INDEX i RENAME TO j;",
            "B SHARE UPDATE EXCLUSIVE on i, depends",
        ),
        (
            "ALTER INDEX i SET TABLESPACE x;",
            "C ACCESS EXCLUSIVE on i, depends",
        ),
    ]);
}

#[test]
fn what_is_created_is_used_by_nobody_yet() {
    expect(&[
        ("CREATE TABLE t (id int PRIMARY KEY);", "A, safe"),
        ("CREATE TABLE IF NOT EXISTS t (id int);", "A, safe"),
        (
            "CREATE TABLE t (u int REFERENCES u, FOREIGN KEY (v) REFERENCES v);",
            "A SHARE ROW EXCLUSIVE on u, v, depends",
        ),
        ("CREATE TABLE t (u int REFERENCES t);", "A, safe"),
        (
            "CREATE TABLE t () INHERITS (p);",
            "A SHARE UPDATE EXCLUSIVE on p, safe",
        ),
        (
            "CREATE TABLE t PARTITION OF p DEFAULT;",
            "B ACCESS EXCLUSIVE on p, scans, safe",
        ),
        ("CREATE TABLE t AS SELECT * FROM u;", "A, safe"),
        ("CREATE TABLE t AS SELECT f(a) FROM u;", "C, depends"),
        ("SELECT a INTO t FROM u;", "A, safe"),
        ("CREATE VIEW v AS SELECT f(1);", "A, safe"),
        (
            "CREATE OR REPLACE VIEW v AS SELECT 1;",
            "B ACCESS EXCLUSIVE on v, depends",
        ),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1;", "A, safe"),
        ("CREATE TYPE e AS ENUM ('a');", "A, safe"),
        ("CREATE DOMAIN d AS text;", "A, safe"),
        ("CREATE SEQUENCE s;", "A, safe"),
        ("CREATE SCHEMA s;", "A, safe"),
        ("CREATE SCHEMA s CREATE TABLE t (id int);", "C, depends"),
        ("CREATE EXTENSION IF NOT EXISTS citext;", "B, safe"),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
            "A, safe",
        ),
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
            "B, depends",
        ),
        (
            "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f();",
            "B SHARE ROW EXCLUSIVE on t, depends",
        ),
        (
            "CREATE POLICY p ON t USING (true);",
            "B ACCESS EXCLUSIVE on t, depends",
        ),
        (
            "CREATE STATISTICS s ON a, b FROM t;",
            "A SHARE UPDATE EXCLUSIVE on t, safe",
        ),
        (
            "COMMENT ON TABLE t IS 'x';",
            "A SHARE UPDATE EXCLUSIVE on t, safe",
        ),
        (
            "COMMENT ON COLUMN s.t.c IS 'x';",
            "A SHARE UPDATE EXCLUSIVE on s.t, safe",
        ),
        (
            "COMMENT ON CONSTRAINT c ON t IS 'x';",
            "A SHARE UPDATE EXCLUSIVE on t, safe",
        ),
        ("GRANT SELECT ON t TO app;", "A, safe"),
        ("CREATE RULE r AS ON INSERT TO t DO NOTHING;", "C, depends"),
        ("CREATE DATABASE d;", "C, alone, depends"),
        ("CREATE ROLE r;", "C, depends"),
    ]);
}

#[test]
fn what_is_dropped_or_called_otherwise_is_gone() {
    expect(&[
        ("DROP TABLE t;", "C ACCESS EXCLUSIVE on t, removes"),
        (
            "DROP TABLE IF EXISTS t, s.u CASCADE;",
            "C ACCESS EXCLUSIVE on t, s.u, whatever relies on it, removes",
        ),
        ("DROP VIEW v;", "C ACCESS EXCLUSIVE on v, removes"),
        ("DROP TYPE e;", "C, removes"),
        (
            "DROP SCHEMA s CASCADE;",
            "C ACCESS EXCLUSIVE on whatever relies on it, removes",
        ),
        ("DROP SEQUENCE s;", "C ACCESS EXCLUSIVE on s, removes"),
        ("DROP FUNCTION f(int);", "C, removes"),
        ("DROP TRIGGER g ON t;", "B ACCESS EXCLUSIVE on t, depends"),
        ("DROP POLICY p ON t;", "B ACCESS EXCLUSIVE on t, depends"),
        ("DROP DATABASE d;", "C, alone, removes"),
        ("REVOKE ALL ON t FROM app;", "C, removes"),
        (
            "ALTER TABLE t RENAME TO u;",
            "C ACCESS EXCLUSIVE on t, removes",
        ),
        (
            "ALTER TABLE t SET SCHEMA s;",
            "C ACCESS EXCLUSIVE on t, removes",
        ),
        (
            "ALTER VIEW v RENAME TO w;",
            "C ACCESS EXCLUSIVE on v, removes",
        ),
        ("ALTER TYPE e RENAME TO f;", "C, removes"),
        ("ALTER TYPE e RENAME VALUE 'a' TO 'b';", "C, removes"),
        ("ALTER TYPE e ADD VALUE 'a';", "A, depends"),
        ("ALTER TYPE c ADD ATTRIBUTE a int;", "C, depends"),
        (
            "ALTER SEQUENCE s RENAME TO r;",
            "C ACCESS EXCLUSIVE on s, removes",
        ),
        (
            "ALTER SEQUENCE s OWNED BY t.a;",
            "B SHARE ROW EXCLUSIVE on s, depends",
        ),
        ("ALTER FUNCTION f() RENAME TO g;", "C, removes"),
    ]);
}

#[test]
fn tables_as_a_whole_are_changed_with_the_locks_that_postgresql_takes() {
    let lock = "ACCESS EXCLUSIVE on t";
    expect(&[
        (
            "ALTER TABLE t SET UNLOGGED;",
            &format!("C {lock}, rewrites, safe"),
        ),
        (
            "ALTER TABLE t SET TABLESPACE x;",
            &format!("C {lock}, rewrites, safe"),
        ),
        (
            "ALTER TABLE t SET (fillfactor = 70);",
            "A SHARE UPDATE EXCLUSIVE on t, safe",
        ),
        (
            "ALTER TABLE t DISABLE TRIGGER g;",
            "B SHARE ROW EXCLUSIVE on t, depends",
        ),
        (
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY;",
            &format!("C {lock}, unsafe"),
        ),
        ("ALTER TABLE t OWNER TO app;", &format!("B {lock}, depends")),
        (
            "ALTER TABLE t REPLICA IDENTITY FULL;",
            &format!("B {lock}, safe"),
        ),
        (
            "ALTER TABLE t ATTACH PARTITION p DEFAULT;",
            "B ACCESS EXCLUSIVE on p, scans, safe",
        ),
        (
            "ALTER TABLE t DETACH PARTITION p;",
            "C ACCESS EXCLUSIVE on t, p, removes",
        ),
        (
            "ALTER TABLE t DETACH PARTITION p CONCURRENTLY;",
            "B ACCESS EXCLUSIVE on p, alone, removes",
        ),
        ("CLUSTER t USING i;", &format!("C {lock}, rewrites, safe")),
        (
            "VACUUM FULL t;",
            &format!("C {lock}, rewrites, alone, safe"),
        ),
        (
            "VACUUM t;",
            "A SHARE UPDATE EXCLUSIVE on t, scans, alone, safe",
        ),
        ("ANALYZE t;", "A SHARE UPDATE EXCLUSIVE on t, safe"),
        ("LOCK TABLE t IN SHARE MODE;", "C SHARE on t, safe"),
        ("LOCK t;", &format!("C {lock}, safe")),
        (
            "REFRESH MATERIALIZED VIEW v;",
            "B ACCESS EXCLUSIVE on v, rewrites, scans, safe",
        ),
        (
            "REFRESH MATERIALIZED VIEW CONCURRENTLY v;",
            "B EXCLUSIVE on v, scans, safe",
        ),
    ]);
}
