//! What statements do to those after them, and what no text around them changes.

use proptest::prelude::*;
use squawk_syntax::SourceFile;

use super::tests::{expect, told};
use super::*;

#[test]
fn not_null_reads_no_row_once_a_validated_check_says_it() {
    let add = "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;";
    let validate = "ALTER TABLE t VALIDATE CONSTRAINT c;";
    let set = "ALTER TABLE t ALTER COLUMN a SET NOT NULL;";
    let fine = "A ACCESS EXCLUSIVE on t, depends";
    let scan = "B ACCESS EXCLUSIVE on t, scans, depends";
    expect(&[
        (&format!("{add}{validate}{set}"), fine),
        (&format!("{add}{set}"), scan),
        (
            &format!("{add}{validate}ALTER TABLE t DROP CONSTRAINT c;{set}"),
            scan,
        ),
        (&format!("{add}{validate}SET search_path TO x;{set}"), scan),
        (&format!("{add}{validate}DO $$ BEGIN END $$;{set}"), scan),
        (
            &format!("{add}{validate}{}", set.replace(" t ", " u ")),
            &scan.replace(" t,", " u,"),
        ),
        (
            &format!("{}{validate}{set}", add.replace("a IS", "b IS")),
            scan,
        ),
    ]);
}

#[test]
fn whatever_is_done_to_a_table_that_the_file_creates_is_a() {
    for statement in [
        "ALTER TABLE t ADD COLUMN b bigserial;",
        "ALTER TABLE t ALTER COLUMN a TYPE text;",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);",
        "ALTER TABLE t ADD COLUMN b int NOT NULL;",
        "ALTER TABLE t DROP COLUMN a;",
        "CREATE INDEX ON t (a);",
        "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f();",
        "UPDATE t SET a = 1;",
        "TRUNCATE t;",
        "DROP TABLE t;",
    ] {
        for create in [
            "CREATE TABLE t (a int);",
            "CREATE TABLE \"t\" AS SELECT 1 AS a;",
        ] {
            let found = told(&format!("{create}{statement}"));
            assert_eq!(found, "A, safe", "{create}{statement}");
        }
    }
}

#[test]
fn a_table_that_may_be_another_than_the_one_that_was_created_is_not_new() {
    let create = "CREATE TABLE t (a int);";
    for before in [
        "CREATE TABLE IF NOT EXISTS t (a int);",
        "CREATE TABLE s.t (a int);",
        "CREATE TABLE \"T\" (a int);",
        &format!("{create}DROP TABLE t;"),
        &format!("{create}ALTER TABLE t RENAME TO u; "),
        &format!("{create}ALTER TABLE t SET SCHEMA s;"),
        &format!("{create}SET search_path TO s;"),
        &format!("{create}SET ROLE app;"),
        &format!("{create}SELECT set_config('search_path', 's', true);"),
        &format!("{create}DO $$ BEGIN END $$;"),
        &format!("{create}CREATE SCHEMA s;"),
        &format!("{create}DROP SCHEMA s CASCADE;"),
    ] {
        let found = told(&format!("{before}CREATE INDEX ON t (a);"));
        assert_eq!(found, "B SHARE on t, scans, safe", "{before}");
    }
}

#[test]
fn a_new_table_that_refers_to_others_stops_their_writes_for_a_moment() {
    let create = "CREATE TABLE t (a int);";
    expect(&[
        (
            &format!("{create}ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u;"),
            "A SHARE ROW EXCLUSIVE on u, depends",
        ),
        (
            &format!("{create}ALTER TABLE t ADD COLUMN b int REFERENCES u;"),
            "A SHARE ROW EXCLUSIVE on u, depends",
        ),
        (
            &format!("{create}ALTER TABLE p ATTACH PARTITION t DEFAULT;"),
            "B ACCESS EXCLUSIVE on t, scans, safe",
        ),
        (
            &format!("{create}ALTER TABLE t INHERIT p;"),
            "B ACCESS EXCLUSIVE on t, p, depends",
        ),
    ]);
}

#[test]
fn a_new_table_with_rows_keeps_those_it_refers_to_waiting() {
    let create = "CREATE TABLE t AS SELECT * FROM old;";
    let insert = "CREATE TABLE t (a int); INSERT INTO t VALUES (1);";
    let key = "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u";
    let read = "B SHARE ROW EXCLUSIVE on u, scans, depends";
    expect(&[
        (&format!("{create}{key};"), read),
        (&format!("{insert}{key};"), read),
        (
            &format!("{create}{key} NOT VALID;"),
            "A SHARE ROW EXCLUSIVE on u, depends",
        ),
        (
            "CREATE TABLE t (a int REFERENCES u); DROP TABLE t;",
            "A ACCESS EXCLUSIVE on u, safe",
        ),
        (
            "CREATE TABLE t (a int REFERENCES u); ALTER TABLE t DROP COLUMN a;",
            "A ACCESS EXCLUSIVE on u, safe",
        ),
    ]);
}

#[test]
fn code_that_runs_when_rows_are_written_or_a_view_is_read_can_not_be_seen_through() {
    let trigger = "CREATE TRIGGER g AFTER INSERT ON s.t EXECUTE FUNCTION f();";
    let insert = "INSERT INTO t (a) VALUES (1);";
    let fired = "C ROW EXCLUSIVE on t, depends";
    expect(&[
        (&format!("{trigger}{insert}"), fired),
        (&format!("{trigger}DO $$ BEGIN END $$;{insert}"), fired),
        (
            &format!(
                "{trigger}ALTER TABLE s.t RENAME TO u;{}",
                insert.replace(" t ", " u ")
            ),
            &fired.replace(" t,", " u,"),
        ),
        (
            &format!("{trigger}DROP TRIGGER g ON s.t;{insert}"),
            "A ROW EXCLUSIVE on t, depends",
        ),
        (
            &format!("ALTER TABLE t ALTER COLUMN b SET DEFAULT f();{insert}"),
            fired,
        ),
        (
            "CREATE TABLE t (a int DEFAULT f()); INSERT INTO t DEFAULT VALUES;",
            "C, depends",
        ),
        (
            "CREATE TABLE t AS SELECT 1; ALTER TABLE t ADD b int DEFAULT f();",
            "C, depends",
        ),
        (
            "CREATE TABLE t AS SELECT 1 AS a; CREATE INDEX ON t (f(a));",
            "C, depends",
        ),
        (
            "CREATE VIEW v AS SELECT f(); CREATE VIEW w AS TABLE v; SELECT FROM w;",
            "C, depends",
        ),
    ]);
}

#[test]
fn a_safer_way_is_told_in_sql_with_the_names_of_the_statement() {
    let sql = |text: &str| {
        let file = SourceFile::parse(text);
        let statement = file.tree().stmts().next().expect("a statement");
        let safer = assess(&statement, &mut Known::default()).effect.safer;
        safer.expect("a safer way").sql
    };
    for (text, expected) in [
        (
            "create  unique index /* x */ i on s.t using btree (lower(a)) where b;",
            vec!["create unique index CONCURRENTLY i on s.t using btree (lower(a)) where b;"],
        ),
        (
            "DROP INDEX i, j;",
            vec!["DROP INDEX CONCURRENTLY i;", "DROP INDEX CONCURRENTLY j;"],
        ),
        (
            "ALTER TABLE t ADD FOREIGN KEY (a, b) REFERENCES u (c, d) ON DELETE CASCADE;",
            vec![
                "ALTER TABLE t ADD CONSTRAINT t_a_b_fkey FOREIGN KEY (a, b) REFERENCES u (c, d) ON DELETE CASCADE NOT VALID;",
                "ALTER TABLE t VALIDATE CONSTRAINT t_a_b_fkey;",
            ],
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);",
            vec![
                "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;",
                "ALTER TABLE t VALIDATE CONSTRAINT c;",
            ],
        ),
        (
            "ALTER TABLE t ADD UNIQUE (a, b);",
            vec![
                "CREATE UNIQUE INDEX CONCURRENTLY t_key ON t (a, b);",
                "ALTER TABLE t ADD CONSTRAINT t_key UNIQUE USING INDEX t_key;",
            ],
        ),
        (
            "ALTER TABLE t ADD COLUMN id uuid DEFAULT gen_random_uuid();",
            vec![
                "ALTER TABLE t ADD COLUMN id uuid;",
                "ALTER TABLE t ALTER COLUMN id SET DEFAULT gen_random_uuid();",
            ],
        ),
    ] {
        assert_eq!(sql(text), expected, "{text}");
        for one in expected {
            let file = SourceFile::parse(one);
            assert_eq!(file.errors(), [], "{one}");
        }
    }
}

/// One statement of each class, and of each way to tell it.
const SAMPLES: [&str; 12] = [
    "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT now ( )",
    "ALTER TABLE t ADD COLUMN b uuid DEFAULT gen_random_uuid ( )",
    "ALTER TABLE t ADD CONSTRAINT c CHECK ( a IS NOT NULL ) NOT VALID",
    "ALTER TABLE t ALTER COLUMN a TYPE varchar ( 10 )",
    "CREATE UNIQUE INDEX CONCURRENTLY i ON s . t ( a )",
    "CREATE TABLE u ( a int REFERENCES t )",
    "DROP TABLE t CASCADE",
    "UPDATE t SET a = f ( a ) WHERE b",
    "DELETE FROM t",
    "SET search_path TO x",
    "DO $$ BEGIN END $$",
    "CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION f ( )",
];

const COMMENTS: [&str; 5] = [
    " /* squawk-ignore */ ",
    " -- squawk-ignore-file\n",
    "\n-- squawk-ignore ban-drop-table, require-concurrent-index-creation\n",
    " /* ; /* nested */ */ ",
    " --\n",
];

proptest! {
    #[test]
    fn no_comment_anywhere_changes_what_a_statement_does(
        sample in prop::sample::select(SAMPLES.to_vec()),
        comments in prop::collection::vec(prop::option::of(0..COMMENTS.len()), 1..20),
    ) {
        let mut text = String::new();
        for (index, word) in sample.split(' ').enumerate() {
            let comment = comments[index % comments.len()];
            text.push_str(comment.map_or(" ", |comment| COMMENTS[comment]));
            text.push_str(word);
        }
        prop_assert_eq!(told(&text), told(sample), "{}", text);
    }

    #[test]
    fn an_unknown_statement_is_c_and_leaves_no_table_new(
        unknown in prop::sample::select(vec![
            "DO $$ BEGIN END $$", "CALL p()", "SELECT f()", "CREATE ROLE r", "NOTIFY x",
            "CREATE RULE r AS ON INSERT TO t DO NOTHING", "EXECUTE e", "SET ROLE app",
            "ALTER TRIGGER g ON t RENAME TO h", "CREATE CAST (a AS b) WITHOUT FUNCTION",
        ]),
        before in prop::collection::vec(prop::sample::select(SAMPLES.to_vec()), 0..3),
    ) {
        let before: String = before.iter().map(|one| format!("{one};\n")).collect();
        let text = format!("{before}CREATE TABLE n (a int);\n{unknown};\n");
        let found = told(&text);
        prop_assert!(found.starts_with('C'), "{} {}", unknown, found);
        let found = told(&format!("{text}CREATE INDEX ON n (a);"));
        prop_assert!(found.starts_with('B'), "{} {}", unknown, found);
    }
}
