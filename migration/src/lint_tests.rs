use serde_json::Value;

use super::*;
use crate::read::{Options, Source, read};

/// What a folder of files comes to.
fn lint_of(tool: Tool, files: &[(&str, &str)]) -> Lint {
    let sources = files.iter().map(|(path, text)| Source {
        path,
        bytes: text.as_bytes(),
    });
    let options = Options {
        tool: Some(tool),
        whole: true,
        ..Options::default()
    };
    lint(&read(&sources.collect::<Vec<_>>(), &options))
}

fn plain(text: &str) -> Lint {
    lint_of(Tool::Plain, &[("1_a.sql", text)])
}

/// The only refusal, as people read it.
fn refusal(lint: &Lint) -> String {
    assert_eq!(lint.refused.len(), 1, "{:?}", lint.refused);
    lint.refused[0].to_string()
}

/// Classes of the first file's statements.
fn classes(lint: &Lint) -> Vec<Class> {
    let statements = lint.files[0].statements.iter();
    statements.map(|one| one.class).collect()
}

fn units(lint: &Lint) -> Vec<(bool, Vec<usize>)> {
    let units = lint.files[0].units.iter();
    units
        .map(|unit| (unit.transaction, unit.statements.clone()))
        .collect()
}

#[test]
fn what_scripts_read_has_these_names() {
    let lint = plain("CREATE INDEX i ON t (a);");
    let document = serde_json::to_value(&lint).expect("JSON");
    assert_eq!(document["tool"], "plain");
    assert_eq!(document["refused"], Value::Array(Vec::new()));
    let file = &document["files"][0];
    assert_eq!(
        (&file["path"], &file["phase"]),
        (&"1_a.sql".into(), &"expand".into())
    );
    let statement = &file["statements"][0];
    for (name, expected) in [
        ("line", Value::from(1)),
        ("kind", "CREATE INDEX".into()),
        ("class", "B".into()),
        ("lock", "SHARE on t".into()),
        ("rewrites", false.into()),
        ("scans", true.into()),
        ("in_transaction", true.into()),
        ("old_code", "safe".into()),
        ("reason", "reads all rows while nobody writes".into()),
    ] {
        assert_eq!(statement[name], expected, "{name}");
    }
    assert!(
        statement["safer"]
            .as_str()
            .is_some_and(|it| it.contains("CONCURRENTLY"))
    );
    assert_eq!(
        statement["safer_sql"][0],
        "CREATE INDEX CONCURRENTLY i ON t (a);"
    );
}

#[test]
fn what_takes_away_is_refused_where_nothing_says_that_it_may() {
    for text in [
        "DROP TABLE t;",
        "ALTER TABLE t DROP COLUMN a;",
        "ALTER TABLE t RENAME COLUMN a TO b;",
        "ALTER TABLE t RENAME TO u;",
        "DROP VIEW v;",
        "TRUNCATE t;",
        "REVOKE SELECT ON t FROM app;",
        "ALTER TYPE e RENAME VALUE 'a' TO 'b';",
    ] {
        let lint = plain(text);
        let told = refusal(&lint);
        assert!(told.contains("later release"), "{told}");
        assert_eq!(lint.files[0].units, [], "{text}");
    }
    let contracts = plain("-- sluice: phase contract\nDROP TABLE t;");
    assert_eq!(contracts.refused, []);
    assert_eq!(classes(&contracts), [Class::C]);
}

#[test]
fn a_view_that_is_created_again_in_the_same_transaction_is_not_missed() {
    let lint = plain("DROP VIEW v;\nCREATE VIEW v AS SELECT 1;");
    assert_eq!(lint.refused, []);
    assert_eq!(lint.files[0].statements[0].old_code.name(), "depends");
    for text in [
        "DROP VIEW v CASCADE;\nCREATE VIEW v AS SELECT 1;",
        "DROP VIEW v;\nCREATE VIEW w AS SELECT 1;",
        "CREATE VIEW v AS SELECT 1;\nDROP VIEW v;",
        "-- sluice: no-transaction\nDROP VIEW v;\nCREATE VIEW v AS SELECT 1;",
    ] {
        assert_eq!(plain(text).refused.len(), 1, "{text}");
    }
}

#[test]
fn a_file_is_one_transaction_unless_its_tool_is_told_otherwise() {
    let two = "CREATE TABLE a (id int);\nCREATE TABLE b (id int);";
    assert_eq!(units(&plain(two)), [(true, vec![0, 1])]);
    let apart = [(false, vec![0]), (false, vec![1])];
    let told = format!("-- no-transaction\n{two}");
    let lint = lint_of(Tool::Sqlx, &[("1_a.sql", &told)]);
    assert_eq!(units(&lint), apart);
    let wrapped = format!("BEGIN;\n{two}\nCOMMIT;");
    let lint = plain(&wrapped);
    assert_eq!(units(&lint), [(true, vec![0, 1])]);
    assert_eq!(lint.files[0].statements[0].line, 2);
    let told = format!("-- no-transaction\n{wrapped}");
    let lint = lint_of(Tool::Sqlx, &[("1_a.sql", &told)]);
    assert_eq!(units(&lint), [(true, vec![0, 1])]);
}

#[test]
fn what_may_run_in_no_transaction_is_a_unit_of_its_own_where_its_tool_runs_it() {
    let index = "CREATE INDEX CONCURRENTLY i ON t (a);";
    let fine = [(false, vec![0])];
    assert_eq!(units(&plain(index)), fine);
    for (tool, path) in [
        (Tool::Flyway, "V1__a.sql"),
        (Tool::Prisma, "1_a/migration.sql"),
        (Tool::GolangMigrate, "1_a.up.sql"),
        (Tool::Refinery, "V1__a.sql"),
    ] {
        assert_eq!(units(&lint_of(tool, &[(path, index)])), fine, "{tool}");
    }
    for (tool, path, text, advice) in [
        (Tool::Sqlx, "1_a.sql", index, "`-- no-transaction`"),
        (
            Tool::Diesel,
            "1_a/up.sql",
            index,
            "`run_in_transaction = false`",
        ),
        (
            Tool::Dbmate,
            "1_a.sql",
            "-- migrate:up\nVACUUM t;",
            "transaction:false",
        ),
        (
            Tool::Prisma,
            "1_a/migration.sql",
            "VACUUM t;\nVACUUM u;",
            "file of its own",
        ),
        (
            Tool::Flyway,
            "V1__a.sql",
            "VACUUM t;\nSELECT 1;",
            "file of its own",
        ),
        (
            Tool::Plain,
            "1_a.sql",
            "BEGIN;\nVACUUM t;\nCOMMIT;",
            "without BEGIN",
        ),
        (
            Tool::Plain,
            "1_a.sql",
            "SELECT 1;\nDROP INDEX CONCURRENTLY i;",
            "file of its own",
        ),
    ] {
        let told = refusal(&lint_of(tool, &[(path, text)]));
        assert!(told.contains(advice), "{tool}: {told}");
    }
}

#[test]
fn a_file_that_handles_transactions_itself_is_refused_with_each_place() {
    let lint = plain("BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;\nSAVEPOINT s;\nROLLBACK TO s;");
    let lines: Vec<Option<usize>> = lint.refused.iter().map(|it| it.line).collect();
    assert_eq!(lines, [Some(1), Some(3), Some(5), Some(6)]);
    for text in [
        "BEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;\nCOMMIT;",
        "BEGIN;\nSELECT 1;\nROLLBACK;",
        "SELECT 1;\nPREPARE TRANSACTION 'x';",
    ] {
        assert!(!plain(text).refused.is_empty(), "{text}");
    }
}

#[test]
fn a_file_that_sets_what_sluice_sets_is_refused() {
    for text in [
        "SET lock_timeout = '5s';",
        "SET LOCAL statement_timeout TO 0;",
        "RESET lock_timeout;",
        "RESET ALL;",
        "DISCARD ALL;",
    ] {
        let told = refusal(&plain(text));
        assert!(told.contains("sets what Sluice sets"), "{told}");
    }
}

#[test]
fn what_takes_back_is_told_as_well_and_refuses_nothing() {
    let lint = lint_of(
        Tool::GolangMigrate,
        &[
            ("1_a.up.sql", "CREATE TABLE t (a int);"),
            ("1_a.down.sql", "BEGIN; DROP TABLE t; COMMIT;"),
        ],
    );
    assert_eq!(lint.refused, []);
    let down = &lint.files[0].down;
    assert_eq!((down.len(), down[0].class), (1, Class::C));
    assert_eq!(lint.count(Class::C), 0);
}

#[test]
fn an_empty_migration_is_refused_and_so_is_what_takes_back_if_it_is_no_sql() {
    assert!(refusal(&plain("-- nothing\n;;")).contains("no statement"));
    let lint = lint_of(
        Tool::GolangMigrate,
        &[("1_a.up.sql", "SELECT 1;"), ("1_a.down.sql", "SELEC 1;")],
    );
    assert!(refusal(&lint).starts_with("1_a.down.sql:1:1: "));
}

#[test]
fn what_takes_long_while_a_lock_is_held_is_at_least_b() {
    let held = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\nALTER TABLE t VALIDATE CONSTRAINT c;";
    let lint = plain(held);
    assert_eq!(classes(&lint), [Class::A, Class::B]);
    let reason = &lint.files[0].statements[1].reason;
    assert!(
        reason.contains("ACCESS EXCLUSIVE on t is held meanwhile, since line 1"),
        "{reason}"
    );
    let apart = format!("-- sluice: no-transaction\n{held}");
    assert_eq!(classes(&plain(&apart)), [Class::A, Class::A]);
    let lint = plain("CREATE TABLE n (t int REFERENCES t);\nINSERT INTO n SELECT id FROM t;");
    assert_eq!(classes(&lint), [Class::A, Class::B]);
    let lint = plain("CREATE TABLE n (t int);\nINSERT INTO n SELECT id FROM t;");
    assert_eq!(classes(&lint), [Class::A, Class::A]);
}

#[test]
fn a_value_of_an_enum_is_used_in_the_transaction_that_adds_it_by_what_fails() {
    let text = "ALTER TYPE e ADD VALUE 'x';\nUPDATE t SET s = 'x';";
    assert_eq!(classes(&plain(text)), [Class::A, Class::C]);
    assert_eq!(
        classes(&plain(&text.replace("= 'x'", "= 'y'"))),
        [Class::A, Class::B]
    );
    let apart = format!("-- sluice: no-transaction\n{text}");
    assert_eq!(classes(&plain(&apart)), [Class::A, Class::B]);
}

#[test]
fn types_of_columns_are_known_from_earlier_files() {
    let of = |last: &'static str| {
        let files = [
            ("1_a.sql", "CREATE TABLE t (a varchar(10));"),
            ("2_b.sql", "ALTER TABLE t ADD COLUMN b int;"),
            ("3_c.sql", last),
        ];
        lint_of(Tool::Plain, &files).files[2].statements[0].class
    };
    assert_eq!(
        of("ALTER TABLE t ALTER COLUMN a TYPE varchar(20);"),
        Class::B
    );
    assert_eq!(of("ALTER TABLE t ALTER a TYPE text;"), Class::B);
    assert_eq!(
        of("ALTER TABLE t ALTER COLUMN a TYPE varchar(5);"),
        Class::C
    );
    assert_eq!(of("ALTER TABLE t ALTER COLUMN b TYPE bigint;"), Class::C);
    assert_eq!(of("ALTER TABLE t ALTER COLUMN c TYPE text;"), Class::C);
    assert_eq!(
        of("ALTER TABLE t ALTER COLUMN a TYPE text USING lower(a);"),
        Class::C
    );
}

#[test]
fn what_is_set_for_the_rest_of_a_file_is_refused_where_the_rest_has_other_sessions() {
    let set = "SET search_path TO shop;\nCREATE TABLE t (a int);\n";
    assert_eq!(plain(set).refused, []);
    let cut = format!("-- no-transaction\n{set}CREATE INDEX CONCURRENTLY i ON t (a);\n");
    let told = refusal(&lint_of(Tool::Sqlx, &[("1_a.sql", &cut)]));
    assert!(
        told.contains("1_a.sql:2") && told.contains("does not reach"),
        "{told}"
    );
    let harmless = cut.replace("search_path TO shop", "client_min_messages TO warning");
    assert_eq!(lint_of(Tool::Sqlx, &[("1_a.sql", &harmless)]).refused, []);
}

#[test]
fn what_is_temporary_is_refused_where_the_parts_of_a_file_have_sessions_of_their_own() {
    let backfill = "-- sluice: backfill key=id\nUPDATE t SET b = a WHERE b IS NULL;\n";
    for temporary in [
        "CREATE TEMP TABLE account (id int);",
        "CREATE LOCAL TEMPORARY TABLE account (id int);",
        "CREATE TABLE pg_temp.account (id int);",
        "CREATE TABLE \"pg_temp\".account AS SELECT 1 AS id;",
        "SELECT 1 AS id INTO TEMP account;",
        "CREATE TEMP TABLE account AS SELECT 1 AS id;",
        "CREATE TEMP VIEW account AS SELECT 1 AS id;",
        "CREATE TEMP SEQUENCE account;",
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    ] {
        let contract = "-- sluice: phase contract\n";
        for text in [
            format!("{contract}-- sluice: no-transaction\n{temporary}\nDROP TABLE account;"),
            format!("{contract}{temporary}\n{backfill}DROP TABLE account;"),
        ] {
            let lint = plain(&text);
            let told = refusal(&lint);
            assert!(told.contains("what is temporary does not reach"), "{told}");
            assert_eq!(lint.files[0].units, [], "{text}");
            assert_eq!(classes(&lint).last(), Some(&Class::C), "{text}");
        }
        let one = plain(&format!("{temporary}\nCREATE TABLE n (id int);"));
        assert_eq!(one.refused, [], "{temporary}");
    }
}

#[test]
fn a_backfill_whose_rows_run_code_is_not_harmless() {
    let trigger = "CREATE TRIGGER g BEFORE UPDATE ON t EXECUTE FUNCTION f();";
    let fill = "-- sluice: backfill key=id\nUPDATE t SET b = a WHERE b IS NULL;";
    let lint = lint_of(Tool::Plain, &[("1_a.sql", trigger), ("2_b.sql", fill)]);
    let told = &lint.files[1].statements[0];
    assert_eq!(told.class, Class::C, "{told:?}");
    assert!(told.reason.contains("can't be seen through"), "{told:?}");
    assert_eq!(told.while_pending(|_| false).0, Class::B, "{told:?}");
}

#[test]
fn code_is_tried_by_nobody_as_long_as_a_file_that_brings_it_is_pending() {
    let table = "CREATE TABLE t (a int);";
    let trigger = "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f();";
    let check = "ALTER TABLE t ADD CHECK (f(a)) NOT VALID;";
    let insert = "INSERT INTO t VALUES (1);";
    let files = [
        ("1_a.sql", format!("{table}{trigger}")),
        ("2_b.sql", check.to_owned()),
        ("3_c.sql", insert.to_owned()),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let lint = lint_of(Tool::Plain, &files);
    let told = &lint.files[2].statements[0];
    assert_eq!(told.class, Class::C, "{told:?}");
    assert!(told.reason.contains("1_a.sql, 2_b.sql"), "{told:?}");
    for (pending, expected) in [
        (&["1_a.sql", "2_b.sql", "3_c.sql"][..], Class::C),
        (&["2_b.sql", "3_c.sql"], Class::C),
        (&["3_c.sql"], Class::B),
    ] {
        let (class, reason) = told.while_pending(|path| pending.contains(&path));
        assert_eq!(class, expected, "{pending:?}");
        assert!(reason.contains("can't be seen through"), "{reason}");
    }
}

#[test]
fn what_is_validated_is_told_until_another_statement_may_have_changed_it() {
    let validate = "ALTER TABLE s.t VALIDATE CONSTRAINT \"Named\";";
    let until = |last: &str| {
        let files = [("1_a.sql", validate), ("2_b.sql", last)];
        let lint = lint_of(Tool::Plain, &files);
        let told = lint.files[0].validated.clone();
        assert_eq!(told.len(), 1, "{last}");
        assert_eq!(
            (told[0].table.as_str(), told[0].constraint.as_str()),
            ("s.t", "Named")
        );
        told[0].until.clone()
    };
    assert_eq!(until("CREATE TABLE u (id int);"), None);
    assert_eq!(until(validate), None);
    for last in [
        "ALTER TABLE s.t DROP CONSTRAINT \"Named\";",
        "ALTER TABLE s.t RENAME CONSTRAINT \"Named\" TO other;",
        "DO $$ BEGIN END $$;",
    ] {
        assert_eq!(until(last).as_deref(), Some("2_b.sql"), "{last}");
    }
}
