//! Code that migrations brought, by whatever it is reached.

use squawk_syntax::SourceFile;

use super::tests::told;
use super::*;

/// What the last statement does after files that each end with what is before it.
pub(super) fn after_files(files: &[&str]) -> Told {
    let mut known = Known::default();
    let mut last = None;
    for (at, text) in files.iter().enumerate() {
        known.next_file(&format!("{at}.sql"));
        let file = SourceFile::parse(text);
        assert_eq!(file.errors(), [], "{text}");
        for statement in file.tree().stmts() {
            last = Some(assess(&statement, &mut known));
        }
    }
    last.expect("a statement")
}

const BAD: &str = "RETURNS int LANGUAGE plpgsql AS 'BEGIN DROP TABLE t; RETURN 1; END';";

#[test]
fn code_of_the_migrations_is_seen_by_whatever_it_is_reached() {
    for (before, ways) in [
        (
            format!("CREATE FUNCTION public.lower(int) {BAD}"),
            &[
                "SELECT lower(1);",
                "SELECT \"lower\"('A');",
                "CREATE TABLE n AS SELECT lower(1);",
            ][..],
        ),
        (
            "CREATE AGGREGATE max(int, int) (sfunc = bad, stype = int);".to_owned(),
            &["SELECT max(a, b) FROM t;", "SELECT max(a) OVER () FROM t;"],
        ),
        (
            format!("CREATE FUNCTION bad(int) {BAD} ALTER FUNCTION bad(int) RENAME TO abs;"),
            &["SELECT abs(1);"],
        ),
        (
            format!("CREATE FUNCTION boom(account) {BAD}"),
            &[
                "SELECT a.boom FROM account a LIMIT 1;",
                "SELECT (a).Boom FROM account a;",
                "SELECT 1 FROM account ORDER BY account . /* x */ boom;",
                "INSERT INTO t SELECT a.boom FROM account a;",
                "UPDATE t SET a = 1 FROM account a WHERE a.boom = 1;",
            ],
        ),
        (
            "CREATE DOMAIN d AS int CHECK (bad(VALUE));".to_owned(),
            &[
                "SELECT 1::d;",
                "SELECT CAST(1 AS public.d);",
                "SELECT '{1}'::d[];",
                "SELECT d '1';",
                "CREATE DOMAIN e AS d; SELECT 1::e;",
                "CREATE TYPE pair AS (a d, b int); SELECT '(1,2)'::pair;",
                "ALTER DOMAIN d RENAME TO e; SELECT 1::e;",
                "CREATE TABLE n (a d); INSERT INTO n VALUES (1);",
            ],
        ),
        (
            "CREATE DOMAIN d AS int;".to_owned(),
            &["ALTER DOMAIN d ADD CHECK (bad(VALUE)); SELECT 1::d;"],
        ),
        (
            "CREATE OPERATOR # (function = bad, leftarg = int, rightarg = int);".to_owned(),
            &["SELECT 1 # 2;", "SELECT 1 OPERATOR(public.#) 2;"],
        ),
        (
            "CREATE OPERATOR = (function = bad, leftarg = int, rightarg = text);".to_owned(),
            &["SELECT 1 FROM t WHERE a IN ('1');", "SELECT 1 = '1'::text;"],
        ),
        (
            "CREATE CAST (text AS account) WITH FUNCTION bad(text);".to_owned(),
            &["SELECT 'x'::text::account;"],
        ),
        (
            "CREATE CAST (text AS int) WITH FUNCTION bad(text) AS ASSIGNMENT;".to_owned(),
            &["INSERT INTO t VALUES ('1'::text);"],
        ),
        (
            "CREATE VIEW v AS SELECT bad(1);".to_owned(),
            &[
                "SELECT * FROM v;",
                "CREATE TABLE n AS SELECT * FROM v;",
                "CREATE MATERIALIZED VIEW m AS SELECT * FROM v;",
                "CREATE MATERIALIZED VIEW m AS SELECT * FROM v WITH NO DATA; REFRESH MATERIALIZED VIEW m;",
                "ALTER VIEW v RENAME TO w; SELECT * FROM w;",
            ],
        ),
        (
            "SET search_path TO evil, pg_catalog;".to_owned(),
            &["SELECT lower('A');"],
        ),
        (
            format!("CREATE FUNCTION U&\"l\\006fwer\"(int) {BAD}"),
            &["SELECT lower(1);"],
        ),
    ] {
        for way in ways {
            let found = told(&format!("{before}{way}"));
            assert!(found.starts_with('C'), "{before}{way} {found}");
            // Another file does not make it harmless.
            let told = after_files(&[&before, way]);
            let is_session = before.starts_with("SET");
            let is_fired = way.contains("INSERT INTO n");
            let expected = if is_fired {
                Class::C
            } else {
                told.effect.class
            };
            assert!(
                is_session || told.effect.class == expected,
                "{before} / {way}"
            );
            assert!(
                is_session || told.effect.class > Class::A,
                "{before} / {way}"
            );
            assert!(
                is_session || told.effect.reason.contains("seen through"),
                "{told:?}"
            );
        }
    }
}

#[test]
fn what_only_looks_like_code_of_the_migrations_is_as_it_was() {
    let lower = format!("CREATE FUNCTION public.lower(int) {BAD}");
    for fine in [
        format!("{lower}SELECT pg_catalog.lower('A');"),
        format!("{lower}SELECT upper('a'), lower FROM t;"),
        format!("{lower}CREATE TABLE n (a text DEFAULT lower('A'));"),
        "CREATE DOMAIN d AS text CHECK (length(VALUE) > 3); SELECT 'long'::d;".to_owned(),
        "CREATE TYPE mood AS ENUM ('a'); DO $$ BEGIN END $$; SELECT 'a'::public.mood;".to_owned(),
        "CREATE CAST (varchar AS mood) WITH INOUT AS IMPLICIT; INSERT INTO t VALUES ('a');"
            .to_owned(),
        "CREATE TABLE n (a int); SELECT NULL::n;".to_owned(),
        "SET search_path TO pg_catalog, public; SELECT lower('A');".to_owned(),
    ] {
        let found = told(&fine);
        assert!(found.starts_with('A'), "{fine} {found}");
    }
    assert!(told("SELECT 'a'::never_seen;").starts_with('C'));
}

#[test]
fn code_that_rows_fire_is_c_until_another_file_and_b_from_then_on() {
    let insert = "INSERT INTO t (a) VALUES (1);";
    for attach in [
        "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f();",
        "CREATE RULE r AS ON INSERT TO t DO ALSO DELETE FROM u;",
        "CREATE POLICY p ON t USING (f());",
        "ALTER TABLE t ALTER COLUMN b SET DEFAULT f();",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (f(a)) NOT VALID;",
        "CREATE INDEX CONCURRENTLY i ON t (f(a));",
        "CREATE TRIGGER g AFTER INSERT ON part EXECUTE FUNCTION f(); ALTER TABLE t ATTACH PARTITION part DEFAULT;",
        "CREATE TABLE t (a int, b int DEFAULT f());",
        "CREATE TABLE like_it (b int DEFAULT f()); CREATE TABLE t (LIKE like_it INCLUDING ALL);",
    ] {
        let same = after_files(&[&format!("{attach}{insert}")]);
        assert_eq!(same.effect.class, Class::C, "{attach}");
        let next = after_files(&[attach, insert]);
        assert_eq!(next.effect.class, Class::B, "{attach}");
        assert!(next.effect.fires, "{attach}");
    }
    let through = "CREATE VIEW v AS SELECT * FROM t;";
    let trigger = "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f();";
    let view = after_files(&[through, trigger, "INSERT INTO v VALUES (1);"]);
    assert_eq!(view.effect.class, Class::B);
    let replace = "CREATE OR REPLACE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS '';";
    let anew = after_files(&[trigger, &format!("{replace}{insert}")]);
    assert_eq!(anew.effect.class, Class::C);
    let other = replace.replace("public.f", "public.g");
    let same = after_files(&[trigger, &format!("{other}{insert}")]);
    assert_eq!(same.effect.class, Class::B);
    let gone = after_files(&[trigger, "DROP TRIGGER g ON t;", insert]);
    assert_eq!(gone.effect.class, Class::A);
}

#[test]
fn code_that_runs_for_the_rows_that_are_there_is_c() {
    for statement in [
        "ALTER TABLE t ADD CONSTRAINT c CHECK (f(a));",
        "ALTER TABLE t ADD COLUMN b int DEFAULT f();",
        "ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (f(a)) STORED;",
        "CREATE INDEX CONCURRENTLY i ON t (f(a));",
        "CREATE INDEX CONCURRENTLY i ON t (a) WHERE f(a) > 1;",
        "CREATE INDEX i ON t (f(a));",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (f(a)) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c;",
        "ALTER TABLE t ADD CHECK (f(a)) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT t_check;",
        "CREATE TABLE p PARTITION OF t FOR VALUES FROM (f(1)) TO (f(2));",
    ] {
        let told = after_files(&[statement]);
        assert_eq!(told.effect.class, Class::C, "{statement}");
        assert!(
            told.effect.reason.contains("runs f()"),
            "{statement} {told:?}"
        );
    }
    let check = "ALTER TABLE t ADD CONSTRAINT c CHECK (f(a)) NOT VALID;";
    assert_eq!(after_files(&[check]).effect.class, Class::B);
    let other = after_files(&[check, "ALTER TABLE t VALIDATE CONSTRAINT d;"]);
    assert_eq!(other.effect.class, Class::A);
    let index = "CREATE INDEX CONCURRENTLY i ON t (f(a));";
    for again in [
        "REINDEX INDEX CONCURRENTLY i;",
        "ANALYZE t;",
        "VACUUM ANALYZE t;",
    ] {
        assert_eq!(
            after_files(&[index, again]).effect.class,
            Class::B,
            "{again}"
        );
    }
}

#[test]
fn every_change_of_the_schema_fires_an_event_trigger() {
    let event = "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();";
    let class = |files: &[&str]| after_files(files).effect.class;
    assert_eq!(class(&[event, "CREATE TABLE t ();"]), Class::B);
    assert_eq!(class(&[event, "INSERT INTO t VALUES (1);"]), Class::A);
    assert_eq!(
        class(&[event, "DROP EVENT TRIGGER e;", "CREATE TABLE t ();"]),
        Class::A
    );
}

#[test]
fn a_table_is_new_only_by_a_name_that_nothing_else_can_have_got() {
    for text in [
        "CREATE TABLE public.t (a int); ALTER TABLE t RENAME TO u; ALTER TABLE account RENAME TO t; DROP TABLE public.t;",
        "CREATE TABLE t (a int); ALTER TABLE account RENAME TO u; DROP TABLE u;",
        "CREATE TABLE t (a int); ALTER TABLE t RENAME TO account; DROP TABLE account;",
        "CREATE TABLE other.account (a int); DROP TABLE account;",
        "CREATE TABLE \"Account\" (a int); DROP TABLE account;",
        "CREATE TABLE Ä (a int); DROP TABLE ä;",
        "CREATE TABLE IF NOT EXISTS account (a int); DROP TABLE account;",
        "CREATE TABLE IF NOT EXISTS account AS SELECT 1; DROP TABLE account;",
        "CREATE TABLE account (a int); SET search_path TO other; DROP TABLE account;",
        "CREATE TABLE p (a int) PARTITION BY LIST (a); ALTER TABLE p ATTACH PARTITION account DEFAULT; DROP TABLE p;",
        "CREATE TABLE p (a int); ALTER TABLE account INHERIT p; TRUNCATE p;",
        "CREATE TABLE t (a int); ALTER SEQUENCE numbers OWNED BY t.a; DROP TABLE t;",
    ] {
        assert!(told(text).starts_with('C'), "{text} {}", told(text));
    }
    let dump =
        "CREATE TABLE t (a int); CREATE SEQUENCE s; ALTER SEQUENCE s OWNED BY t.a; DROP TABLE t;";
    assert_eq!(told(dump), "A, safe");
}

#[test]
fn what_a_temporary_table_hid_is_itself_again_once_the_session_is_over() {
    for create in [
        "CREATE TEMP TABLE account (a varchar(10));",
        "CREATE TEMPORARY TABLE account AS SELECT 'x'::varchar(10) AS a;",
        "CREATE TEMP TABLE t (a varchar(10)); ALTER TABLE t RENAME TO account;",
    ] {
        let wider = "ALTER TABLE account ALTER COLUMN a TYPE varchar(20);";
        let told = after_files(&[create, wider]);
        assert_eq!(told.effect.class, Class::C, "{create}");
    }
    let own = "CREATE TEMP TABLE account (a int); DROP TABLE account;";
    assert_eq!(told(own), "A, safe");
    assert!(told(&format!("{own}DROP TABLE account;")).starts_with('C'));
}
