//! What statements do to rows and to the session.

use super::tests::expect;

#[test]
fn rows_are_changed_with_care_and_what_can_not_be_seen_through_is_c() {
    let lock = "ROW EXCLUSIVE on t";
    expect(&[
        (
            "INSERT INTO t VALUES (1, now());",
            &format!("A {lock}, depends"),
        ),
        (
            "INSERT INTO t SELECT * FROM u;",
            &format!("B {lock}, depends"),
        ),
        (
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2;",
            &format!("B {lock}, depends"),
        ),
        ("UPDATE t SET a = 1;", &format!("B {lock}, depends")),
        ("UPDATE t SET a = f(a);", "C, depends"),
        (
            "DELETE FROM ONLY t WHERE a = 1;",
            &format!("B {lock}, depends"),
        ),
        (
            "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE;",
            &format!("C {lock}, depends"),
        ),
        ("TRUNCATE t, u;", "C ACCESS EXCLUSIVE on t, u, removes"),
        ("COPY t FROM '/tmp/x';", "C, safe"),
        ("SELECT 1;", "A, safe"),
        ("SELECT * FROM t FOR UPDATE;", "B, safe"),
        ("SELECT f();", "C, depends"),
        (
            "SELECT pg_catalog.set_config('search_path', '', false);",
            "C, depends",
        ),
        ("SELECT * FROM s.f(1);", "C, depends"),
        (
            "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d;",
            &format!("B {lock}, depends"),
        ),
        ("DO $$ BEGIN END $$;", "C, depends"),
        ("CALL p();", "C, depends"),
        ("EXPLAIN ANALYZE DELETE FROM t;", "C, depends"),
        ("NOTIFY x;", "C, depends"),
        ("ALTER SYSTEM SET work_mem = 1;", "C, alone, depends"),
    ]);
}

#[test]
fn settings_are_known_or_c() {
    expect(&[
        ("SET client_min_messages = warning;", "A, safe"),
        ("SET search_path TO x;", "B, safe"),
        ("SET TIME ZONE 'UTC';", "B, safe"),
        ("SET standard_conforming_strings = on;", "A, safe"),
        ("SET standard_conforming_strings = off;", "C, depends"),
        ("SET session_replication_role = replica;", "C, depends"),
        ("SET ROLE app;", "C, depends"),
        ("SET SESSION AUTHORIZATION app;", "C, depends"),
        ("SET CONSTRAINTS ALL DEFERRED;", "C, depends"),
    ]);
}
