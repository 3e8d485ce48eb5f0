//! Code that rows run, by whatever way they come to it.

use super::brought_tests::after_files;
use super::tests::told;
use super::*;

const BOOM: &str = "CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END';";

/// What is told of the last statement of a file, after a function that nobody knows.
fn class(text: &str) -> String {
    told(&format!("{BOOM}{text}"))
}

fn classes(files: &[&str]) -> Class {
    after_files(files).effect.class
}

#[test]
fn truncate_runs_the_triggers_that_it_fires_and_no_others() {
    let fired = "CREATE TRIGGER g BEFORE TRUNCATE ON n EXECUTE FUNCTION boom();";
    let rows =
        "CREATE TRIGGER g BEFORE INSERT OR UPDATE ON n FOR EACH ROW EXECUTE FUNCTION boom();";
    let table = "CREATE TABLE n (a int);";
    let partitioned =
        "CREATE TABLE n (a int) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF n DEFAULT;";
    for text in [
        format!("{table}{fired}TRUNCATE n;"),
        format!("{table}{fired}TRUNCATE public.n;"),
        format!("{partitioned}{}TRUNCATE n;", fired.replace(" n ", " p ")),
        format!(
            "{table}{}TRUNCATE n;",
            fired.replace("TRUNCATE", "INSERT OR TRUNCATE")
        ),
    ] {
        assert!(class(&text).starts_with('C'), "{text}");
    }
    for text in [
        format!("{table}{rows}TRUNCATE n;"),
        format!("{table}{fired}INSERT INTO n VALUES (1);"),
    ] {
        assert_eq!(class(&text), "A, safe", "{text}");
    }
    // By a key, CASCADE comes to what refers to a table.
    let child = "CREATE TABLE c (a int REFERENCES n);";
    let on_child = fired.replace(" n ", " c ");
    let told = after_files(&[&format!("{table}{child}{on_child}TRUNCATE n CASCADE;")]);
    assert!(told.effect.reason.contains("the trigger g"), "{told:?}");
}

#[test]
fn what_a_key_deletes_or_changes_fires_triggers_too() {
    let trigger =
        "CREATE TRIGGER g AFTER DELETE OR UPDATE ON c FOR EACH ROW EXECUTE FUNCTION boom();";
    let parent = "CREATE TABLE p (id int PRIMARY KEY);";
    for key in [
        "CREATE TABLE c (id int REFERENCES p ON DELETE CASCADE);",
        "CREATE TABLE c (id int, FOREIGN KEY (id) REFERENCES p ON DELETE SET NULL);",
        "CREATE TABLE c (id int); ALTER TABLE c ADD FOREIGN KEY (id) REFERENCES public.p ON DELETE CASCADE;",
        "CREATE TABLE c (); ALTER TABLE c ADD COLUMN id int REFERENCES p ON DELETE SET DEFAULT;",
        "CREATE TABLE b (id int PRIMARY KEY REFERENCES p ON DELETE CASCADE); CREATE TABLE c (id int REFERENCES b ON DELETE CASCADE);",
    ] {
        let text = format!("{parent}{key}{trigger}");
        let found = class(&format!("{text}DELETE FROM p;"));
        assert!(found.starts_with('C'), "{key} {found}");
        let updated = class(&format!("{text}UPDATE p SET id = 1;"));
        assert!(updated.starts_with('A'), "{key} {updated}");
        let inserted = class(&format!("{text}INSERT INTO p VALUES (1);"));
        assert!(inserted.starts_with('A'), "{key} {inserted}");
    }
    let update = "CREATE TABLE c (id int REFERENCES p ON UPDATE CASCADE);";
    for statement in [
        "UPDATE p SET id = 2;",
        "INSERT INTO p VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2;",
    ] {
        let found = class(&format!("{parent}{update}{trigger}{statement}"));
        assert!(found.starts_with('C'), "{statement} {found}");
    }
}

#[test]
fn what_changes_no_column_of_a_key_changes_nothing_by_it() {
    let trigger = "CREATE TRIGGER g AFTER UPDATE ON c FOR EACH ROW EXECUTE FUNCTION boom();";
    let parent = "CREATE TABLE p (id int PRIMARY KEY);";
    let child = "CREATE TABLE c (id int REFERENCES p ON UPDATE CASCADE);";
    let other = "UPDATE p SET name = 'x', (a, b) = (1, 2) WHERE id = 1;";
    let named = |column: &str| child.replace("ES p", &format!("ES p ({column})"));
    let apart = "CREATE TABLE c (id int, FOREIGN KEY (id) REFERENCES p (a) ON UPDATE CASCADE);";
    let renamed = format!("{child}ALTER TABLE p RENAME COLUMN id TO name;");
    let view = format!("{child}CREATE VIEW v AS SELECT id AS x FROM p;");
    for (parent, child, statement, expected) in [
        (parent, child, other, 'A'),
        (parent, &named("id"), other, 'A'),
        (parent, &named("name"), other, 'C'),
        (parent, apart, other, 'C'),
        (parent, &renamed, other, 'C'),
        (parent, &view, "UPDATE v SET x = 1;", 'C'),
        (
            "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));",
            child,
            other,
            'C',
        ),
        (
            "CREATE TABLE IF NOT EXISTS p (id int PRIMARY KEY);",
            child,
            other,
            'C',
        ),
        ("CREATE TABLE s.p (id int PRIMARY KEY);", child, other, 'C'),
    ] {
        let found = class(&format!("{parent}{child}{trigger}{statement}"));
        assert!(found.starts_with(expected), "{parent} {child} {found}");
    }
}

#[test]
fn a_key_that_does_nothing_fires_nothing() {
    let trigger = "CREATE TRIGGER g AFTER DELETE ON c FOR EACH ROW EXECUTE FUNCTION boom();";
    let parent = "CREATE TABLE p (id int PRIMARY KEY);";
    for (action, expected) in [
        ("", 'A'),
        ("ON DELETE NO ACTION", 'A'),
        ("ON DELETE RESTRICT", 'A'),
    ] {
        let child = format!("CREATE TABLE c (id int REFERENCES p {action});");
        let found = class(&format!("{parent}{child}{trigger}DELETE FROM p;"));
        assert!(found.starts_with(expected), "{action} {found}");
    }
}

#[test]
fn what_is_dropped_elsewhere_leaves_code_where_it_is() {
    let trigger = "CREATE TABLE public.n (a int); CREATE TRIGGER g BEFORE INSERT ON public.n FOR EACH ROW EXECUTE FUNCTION boom();";
    let insert = "INSERT INTO public.n VALUES (1);";
    for other in [
        "CREATE TABLE s.n (a int); DROP TABLE s.n;",
        "CREATE TABLE s.n (a int); CREATE TRIGGER g BEFORE INSERT ON s.n FOR EACH ROW EXECUTE FUNCTION boom(); DROP TRIGGER g ON s.n;",
        "CREATE RULE g AS ON INSERT TO s.n DO NOTHING; DROP RULE g ON s.n;",
        "CREATE TEMP TABLE n (a int); DROP TABLE n;",
        "CREATE VIEW s.n AS SELECT 1 AS a; DROP VIEW s.n;",
    ] {
        let found = class(&format!("{trigger}{other}{insert}"));
        assert!(found.starts_with('C'), "{other} {found}");
        assert_eq!(
            classes(&[BOOM, trigger, other, insert]),
            Class::B,
            "{other}"
        );
    }
    let bare = trigger.replace("public.", "");
    for other in [
        "SET search_path TO s; DROP TABLE n;",
        "CREATE TEMP TABLE n (a int); DROP TABLE n;",
        "ALTER TABLE n SET SCHEMA s; CREATE TABLE n (a int); DROP TABLE n;",
        "ALTER TABLE n RENAME TO m; CREATE TABLE n (a int); DROP TABLE n; ALTER TABLE m RENAME TO n;",
        "ALTER TRIGGER g ON n RENAME TO h; CREATE TRIGGER g BEFORE INSERT ON n EXECUTE FUNCTION boom(); DROP TRIGGER g ON n;",
        "CREATE SCHEMA s; DROP TABLE n;",
        "ALTER SCHEMA public RENAME TO old; CREATE TABLE n (a int); DROP TABLE n;",
    ] {
        let found = classes(&[BOOM, &bare, other, "INSERT INTO n VALUES (1);"]);
        assert_eq!(found, Class::B, "{other}");
    }
    let gone = classes(&[BOOM, &bare, "DROP TABLE n;", "INSERT INTO n VALUES (1);"]);
    assert_eq!(gone, Class::A);
    let view = "CREATE VIEW a.v AS SELECT bad(1); CREATE VIEW b.v AS SELECT 1; DROP VIEW b.v;";
    assert!(told(&format!("{view}SELECT * FROM a.v;")).starts_with('C'));
}

#[test]
fn a_function_that_is_replaced_is_tried_by_nobody_wherever_it_is_called() {
    let audits = "CREATE TRIGGER audit AFTER INSERT ON t1 EXECUTE FUNCTION f1(); CREATE TRIGGER audit AFTER INSERT ON t2 EXECUTE FUNCTION f2();";
    let replace = |name: &str| {
        format!("CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS '';")
    };
    let insert = |table: &str| format!("INSERT INTO {table} (a) VALUES (1);");
    for (function, table, expected) in [
        ("f1", "t1", Class::C),
        ("f1", "t2", Class::B),
        ("public.f2", "t2", Class::C),
        ("f2", "t1", Class::B),
    ] {
        let file = format!("{}{}", replace(function), insert(table));
        assert_eq!(classes(&[audits, &file]), expected, "{file}");
    }
    let calls = "CREATE FUNCTION f1() RETURNS trigger LANGUAGE plpgsql AS $body$BEGIN PERFORM helper(1); RETURN NEW; END$body$;";
    let file = format!("{}{}", replace("helper"), insert("t1"));
    assert_eq!(classes(&[calls, audits, &file]), Class::C);
    let renamed = format!("{}{}", replace("f3"), insert("t1"));
    let rename = "ALTER FUNCTION f1() RENAME TO f3;";
    assert_eq!(classes(&[audits, rename, &renamed]), Class::C);
    let check = "ALTER TABLE t ADD CHECK (f(a) AND h(a)) NOT VALID;";
    let second = format!("{}{}", replace("h"), insert("t"));
    assert_eq!(classes(&[check, &second]), Class::C);
}

#[test]
fn a_trigger_that_was_left_out_is_tried_by_nobody_until_it_ran() {
    let trigger = "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f();";
    let insert = "INSERT INTO t (a) VALUES (1);";
    let (off, on) = (
        "ALTER TABLE t DISABLE TRIGGER g;",
        "ALTER TABLE t ENABLE TRIGGER g;",
    );
    let all = "ALTER TABLE public.t ENABLE TRIGGER ALL;";
    for switch in [on, all] {
        let file = format!("{switch}{insert}");
        assert_eq!(classes(&[trigger, off, &file]), Class::C, "{switch}");
        let file = format!("{off}{switch}{insert}");
        assert_eq!(classes(&[trigger, &file]), Class::B, "{switch}");
    }
}

#[test]
fn rows_are_seen_by_whatever_name_and_way_they_came() {
    let new = "CREATE TABLE public.n (a int);";
    let runs = "ALTER TABLE public.n ALTER a TYPE int USING boom(a);";
    for rows in [
        "INSERT INTO n VALUES (1);",
        "CREATE VIEW v AS SELECT * FROM n; INSERT INTO v VALUES (1);",
        "CREATE VIEW v AS SELECT * FROM n; CREATE VIEW w AS TABLE v; INSERT INTO w VALUES (1);",
        "COPY n FROM '/tmp/x';",
        "MERGE INTO n USING u ON n.a = u.a WHEN NOT MATCHED THEN INSERT VALUES (1);",
        "WITH d AS (INSERT INTO n VALUES (1) RETURNING a) SELECT * FROM d;",
        "WITH d AS (INSERT INTO n VALUES (1) RETURNING a) SELECT * INTO e FROM d;",
        "CREATE TABLE p (a int); ALTER TABLE public.n INHERIT p; INSERT INTO n VALUES (1);",
    ] {
        let found = class(&format!("{new}{rows}{runs}"));
        assert!(found.starts_with('C'), "{rows} {found}");
    }
    let part = "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF p DEFAULT; INSERT INTO p VALUES (1);";
    for runs in [
        "ALTER TABLE part ADD CHECK (boom(a));",
        "CREATE INDEX ON part (boom(a));",
        "ALTER TABLE p ADD CHECK (boom(a));",
    ] {
        let found = class(&format!("{part}{runs}"));
        assert!(found.starts_with('C'), "{runs} {found}");
    }
    let merged = "CREATE TRIGGER g BEFORE INSERT ON n EXECUTE FUNCTION boom(); WITH q AS (SELECT * FROM u) MERGE INTO n USING q ON n.a = q.a WHEN NOT MATCHED THEN INSERT VALUES (1);";
    let told = after_files(&[merged]);
    assert!(told.effect.reason.contains("the trigger g"), "{told:?}");
    // Where nothing was written, nothing is run.
    let elsewhere = "INSERT INTO account VALUES (1);";
    let found = class(&format!("{new}{elsewhere}{runs}"));
    assert_eq!(found, "A, safe");
}

#[test]
fn a_name_is_the_same_however_it_is_spelled_and_no_escape_is_read() {
    for (create, call) in [
        ("\"wipe$\"", "SELECT u.wipe$ FROM users u;"),
        ("wipe$", "SELECT u.\"wipe$\" FROM users u;"),
        ("\"größe\"", "SELECT u.größe FROM users u;"),
        ("wipe", "SELECT u.U&\"w\\0069pe\" FROM users u;"),
        ("wipe", "SELECT u.u&\"w!0069pe\" UESCAPE '!' FROM users u;"),
        ("pg_catalog.lower", "SELECT pg_catalog.lower('A');"),
    ] {
        let create = format!("CREATE FUNCTION {create}(users) RETURNS int LANGUAGE plpgsql AS '';");
        let found = told(&format!("{create}{call}"));
        assert!(found.starts_with('C'), "{create} {call} {found}");
        assert_eq!(classes(&[&create, call]), Class::C, "{create} {call}");
    }
    for text in [
        "ALTER TABLE U&\"users\" ADD COLUMN a int;",
        "CREATE TABLE U&\"users\" (a int);",
        "CREATE TABLE n (a int); CREATE TRIGGER g BEFORE TRUNCATE ON U&\"n\" EXECUTE FUNCTION boom(); TRUNCATE n;",
    ] {
        assert!(told(text).starts_with('C'), "{text} {}", told(text));
    }
    assert!(told("INSERT INTO t VALUES (U&'d\\0061ta');").starts_with('A'));
}

#[test]
fn whatever_is_computed_again_runs_its_code() {
    let index = "CREATE INDEX CONCURRENTLY i ON t (f(a));";
    for again in [
        "ANALYZE;",
        "VACUUM;",
        "VACUUM ANALYZE;",
        "REINDEX INDEX CONCURRENTLY i;",
        "REINDEX INDEX CONCURRENTLY never_named;",
        "ALTER INDEX i RENAME TO j; REINDEX INDEX CONCURRENTLY j;",
        "ALTER TABLE t RENAME CONSTRAINT i TO j; REINDEX INDEX CONCURRENTLY j;",
    ] {
        let told = after_files(&[index, again]);
        assert_eq!(told.effect.class, Class::B, "{again}");
        assert!(told.effect.fires, "{again}");
    }
    let statistics = "CREATE STATISTICS s ON (boom(a)) FROM users;";
    assert_eq!(classes(&[statistics]), Class::B);
    for text in ["ANALYZE;", "ANALYZE users;", "VACUUM ANALYZE;"] {
        assert_eq!(
            classes(&[&format!("{statistics}{text}")]),
            Class::C,
            "{text}"
        );
        assert_eq!(classes(&[statistics, text]), Class::B, "{text}");
        assert_eq!(classes(&[text]), Class::A, "{text}");
    }
    let view = "CREATE MATERIALIZED VIEW m AS SELECT a FROM t; CREATE INDEX ON m (f(a));";
    let told = after_files(&[view, "REFRESH MATERIALIZED VIEW m;"]);
    assert!(told.effect.fires);
    let check = "CREATE TABLE t (a varchar(10)); ALTER TABLE t ADD CONSTRAINT c CHECK (f(a));";
    let told = after_files(&[check, "ALTER TABLE t ALTER a TYPE varchar(20);"]);
    assert!(told.effect.fires);
}

#[test]
fn a_constraint_keeps_its_code_under_another_name() {
    let check = "ALTER TABLE t ADD CONSTRAINT c CHECK (f(a)) NOT VALID; ALTER TABLE t RENAME CONSTRAINT c TO d;";
    assert_eq!(
        classes(&[check, "ALTER TABLE t VALIDATE CONSTRAINT d;"]),
        Class::C
    );
    assert_eq!(
        classes(&[check, "ALTER TABLE t VALIDATE CONSTRAINT e;"]),
        Class::A
    );
}

#[test]
fn code_that_comes_to_a_type_or_a_policy_runs_for_the_rows_that_have_it() {
    let insert = "INSERT INTO t VALUES (1);";
    for (table, code) in [
        (
            "CREATE DOMAIN d AS int; CREATE TABLE t (a d);",
            "ALTER DOMAIN d ADD CHECK (f(VALUE));",
        ),
        (
            "CREATE DOMAIN d AS int; ALTER TABLE t ADD COLUMN a d;",
            "ALTER DOMAIN d ADD CHECK (f(VALUE));",
        ),
        (
            "CREATE DOMAIN d AS int; CREATE DOMAIN e AS d; CREATE TABLE t (a e[]);",
            "ALTER DOMAIN public.d ADD CHECK (f(VALUE));",
        ),
        (
            "CREATE POLICY p ON t USING (true);",
            "ALTER POLICY p ON t USING (f(a));",
        ),
    ] {
        assert_eq!(classes(&[table, code, insert]), Class::B, "{code}");
        let file = format!("{code}{insert}");
        assert_eq!(classes(&[table, &file]), Class::C, "{code}");
    }
    let rule = "CREATE RULE \"_RETURN\" AS ON SELECT TO t DO INSTEAD SELECT f() AS a;";
    assert_eq!(classes(&[rule, "SELECT * FROM t;"]), Class::C);
}
