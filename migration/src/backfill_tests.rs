use super::*;
use crate::lint::{Assessed, Lint, lint};
use crate::read::{Options, Source, read};
use crate::tool::Tool;

fn lint_of(tool: Tool, text: &str) -> Lint {
    let source = Source {
        path: "1_a.sql",
        bytes: text.as_bytes(),
    };
    let options = Options {
        tool: Some(tool),
        whole: true,
        ..Options::default()
    };
    lint(&read(&[source], &options))
}

fn only(text: &str) -> Assessed {
    let mut lint = lint_of(Tool::Plain, text);
    assert_eq!(lint.refused, []);
    lint.files.remove(0).statements.remove(0)
}

fn narrowed(text: &str) -> String {
    let one = only(text);
    let backfill = one.backfill.expect("a backfill");
    backfill.narrowed(text, one.range, "\"id\" > 1")
}

/// What was found that is refused.
fn refused(text: &str) -> String {
    let lint = lint_of(Tool::Plain, text);
    assert_eq!(lint.refused.len(), 1, "{text}: {:?}", lint.refused);
    lint.refused[0].found.clone()
}

#[test]
fn a_comment_before_an_update_says_how_it_goes_in_batches() {
    let text = "-- Names.\n-- sluice: backfill key=Id batch=500 pause=2s\n-- Slow.\nUPDATE ONLY s.t SET a = 1;";
    let backfill = only(text).backfill.expect("a backfill");
    let expected = Backfill {
        table: "s.t".to_owned(),
        only: true,
        key: "id".to_owned(),
        batch: 500,
        pause_ms: 2_000,
        condition: None,
    };
    assert_eq!(backfill, expected);
    let shortest = only("-- sluice: backfill key=\"Id\"\nDELETE FROM t;").backfill;
    let shortest = shortest.expect("a backfill");
    assert_eq!((shortest.batch, shortest.pause_ms), (1_000, 100));
    assert_eq!(shortest.key_sql(), "\"Id\"");
}

#[test]
fn what_fills_nulls_is_a_what_overwrites_is_b_and_what_is_opaque_stays_c() {
    let class = |statement: &str| {
        let one = only(&format!("-- sluice: backfill key=id\n{statement};"));
        assert_eq!(one.safer, None);
        one.class
    };
    for (statement, expected) in [
        ("UPDATE t SET a = b WHERE a IS NULL", Class::A),
        (
            "UPDATE t x SET a = b, c = 1 WHERE (b > 1 OR d) AND x.a IS NULL AND c is null",
            Class::A,
        ),
        ("UPDATE t SET a = b, c = 1 WHERE a IS NULL", Class::B),
        ("UPDATE t SET a = b WHERE a IS NULL OR b = 1", Class::B),
        ("UPDATE t SET a = b WHERE NOT a IS NULL", Class::B),
        ("UPDATE t SET a = b WHERE x = t.a IS NULL", Class::B),
        ("UPDATE t SET \"A\" = b WHERE A IS NULL", Class::B),
        ("UPDATE t SET a = b", Class::B),
        ("DELETE FROM t WHERE a IS NULL", Class::B),
        ("UPDATE t SET a = f(b) WHERE a IS NULL", Class::C),
    ] {
        assert_eq!(class(statement), expected, "{statement}");
    }
}

#[test]
fn a_batch_is_added_to_the_condition_whatever_it_and_the_comments_around_it_are() {
    for (statement, expected) in [
        (
            "UPDATE t SET a = 1 WHERE b = 1 OR c = 2;",
            "UPDATE t SET a = 1 WHERE (b = 1 OR c = 2) AND \"id\" > 1;",
        ),
        (
            "UPDATE t SET a = 1 -- all\n;",
            "UPDATE t SET a = 1 -- all\n\nWHERE \"id\" > 1",
        ),
        ("DELETE FROM t", "DELETE FROM t\nWHERE \"id\" > 1"),
        (
            "DELETE FROM t WHERE(a) -- done\n;",
            "DELETE FROM t WHERE((a)) AND \"id\" > 1 -- done\n;",
        ),
        (
            "DELETE FROM t WHERE a = 'é;' AND b IN (SELECT c FROM u WHERE u.d = t.d);",
            "DELETE FROM t WHERE (a = 'é;' AND b IN (SELECT c FROM u WHERE u.d = t.d)) AND \"id\" > 1;",
        ),
    ] {
        let text = format!("-- é\n-- sluice: backfill key=id\n{statement}");
        assert_eq!(narrowed(&text), expected);
    }
}

#[test]
fn what_is_cut_is_sql_again() {
    let texts = [
        "UPDATE t SET a = 1 WHERE b = 1 -- b\n;",
        "UPDATE t SET (a, b) = (1, 2) /* c */",
        "DELETE FROM t AS x WHERE x.b BETWEEN 1 AND 2",
    ];
    for text in texts.map(|text| format!("-- sluice: backfill key=id\n{text}")) {
        let again = narrowed(&text);
        assert_eq!(lint_of(Tool::Plain, &again).refused, [], "{again}");
    }
}

#[test]
fn what_can_not_be_cut_into_batches_is_refused_with_what_is_in_the_way() {
    for (statement, found) in [
        (
            "INSERT INTO t SELECT 1",
            "a statement that is no UPDATE and no DELETE",
        ),
        ("WITH x AS (SELECT 1) UPDATE t SET a = 1", "WITH"),
        (
            "UPDATE t SET a = u.a FROM u",
            "FROM or USING, which joins other tables",
        ),
        (
            "DELETE FROM t USING u WHERE t.a = u.a",
            "FROM or USING, which joins other tables",
        ),
        ("DELETE FROM t RETURNING a", "RETURNING"),
        ("DELETE FROM t WHERE CURRENT OF c", "WHERE CURRENT OF"),
        ("UPDATE t SET a = $1", "a parameter"),
        (
            "UPDATE t SET a = (SELECT max(a) FROM public.t)",
            "a query of the table that it changes: later batches would see earlier ones",
        ),
        (
            "UPDATE t SET a = 1, \"id\" = 2",
            "`id` is changed by the statement",
        ),
        (
            "UPDATE t SET (a, ID) = (1, 2)",
            "`id` is changed by the statement",
        ),
        (
            "DELETE FROM t; DELETE FROM u",
            "another statement on the same line",
        ),
    ] {
        let text = format!("-- sluice: backfill key=id\n{statement};");
        assert_eq!(refused(&text), found, "{statement}");
    }
    let shared = "SELECT 1; /*\n*/ -- sluice: backfill key=id\nDELETE FROM t;";
    assert_eq!(lint_of(Tool::Plain, shared).refused, []);
}

#[test]
fn options_that_are_not_understood_are_refused() {
    for (options, found) in [
        ("", "no `key=`"),
        ("batch=5", "no `key=`"),
        ("key=id size=5", "`size=5`"),
        ("key=id batch=0", "`batch=0`"),
        ("key=id batch=100001", "`batch=100001`"),
        ("key=id pause=61s", "`pause=61s`"),
        ("key=id pause=5", "`pause=5`"),
        ("key=id key=a", "`key=a`"),
        ("key=a,b", "`key=a,b`"),
        ("key=", "`key=`"),
        ("key=\"a\"\"b\"", "`key=\"a\"\"b\"`"),
        ("now", "`now`"),
    ] {
        let text = format!("-- sluice: backfill {options}\nDELETE FROM t;");
        assert_eq!(refused(&text), found, "{options}");
    }
}

#[test]
fn a_line_that_is_told_where_nobody_reads_it_is_refused() {
    let phase = "SELECT 1;\n-- sluice: phase contract\nSELECT 2;";
    assert_eq!(refused(phase), "`-- sluice: phase contract`");
    let misspelt = "SELECT 1;\n-- sluice: backfil key=id\nDELETE FROM t;";
    assert_eq!(refused(misspelt), "`-- sluice: backfil key=id`");
    let last = "DELETE FROM t;\n-- sluice: backfill key=id\n";
    assert_eq!(refused(last), "no statement below the line");
    let within = "DELETE FROM t\n-- sluice: backfill key=id\nWHERE a;";
    assert_eq!(refused(within), "no statement below the line");
    let twice = "-- sluice: backfill key=id\n-- sluice: backfill key=a\nDELETE FROM t;";
    assert_eq!(refused(twice), "`-- sluice: backfill key=a`");
    let quoted = "SELECT '\n-- sluice: phase contract\n';";
    assert_eq!(lint_of(Tool::Plain, quoted).refused, []);
}

#[test]
fn batches_are_a_unit_of_their_own_and_never_within_the_files_own_transaction() {
    let units = |tool, text: &str| {
        let lint = lint_of(tool, text);
        assert_eq!(lint.refused, []);
        let units = lint.files[0].units.iter();
        units
            .map(|unit| (unit.transaction, unit.statements.clone()))
            .collect::<Vec<_>>()
    };
    let mixed = "ALTER TABLE t ADD a int;\nSELECT 1;\n-- sluice: backfill key=id\nUPDATE t SET a = 1;\n\
                 -- sluice: backfill key=id\nDELETE FROM t;\nSELECT 2;";
    assert_eq!(
        units(Tool::Plain, mixed),
        [
            (true, vec![0, 1]),
            (false, vec![2]),
            (false, vec![3]),
            (true, vec![4])
        ]
    );
    let none = "-- no-transaction\n-- sluice: backfill key=id\nDELETE FROM t;";
    assert_eq!(units(Tool::Sqlx, none), [(false, vec![0])]);
    let wrapped = "BEGIN;\n-- sluice: backfill key=id\nDELETE FROM t;\nCOMMIT;";
    assert_eq!(
        refused(wrapped),
        "the file's own BEGIN and COMMIT around it"
    );
}

#[test]
fn a_plain_change_of_one_table_is_told_how_to_go_in_batches() {
    let safer = |text: &str| only(text).safer.expect("a safer way");
    assert!(safer("DELETE FROM t;").contains("-- sluice: backfill key="));
    assert!(!safer("DELETE FROM t USING u;").contains("backfill"));
}
