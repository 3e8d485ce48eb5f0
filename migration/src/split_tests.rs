use proptest::prelude::*;

use super::*;

fn script(text: &str) -> Script {
    Script {
        path: "f.sql".to_owned(),
        text: text.to_owned(),
        offset: 0,
        line: 1,
    }
}

fn texts(text: &str) -> Vec<&str> {
    let statements = split(&script(text)).expect("SQL");
    let texts = statements.into_iter().map(|one| &text[one.range]);
    texts.collect()
}

fn refusal(text: &str) -> Box<Refusal> {
    split(&script(text)).expect_err("refused")
}

#[test]
fn semicolons_in_strings_quotes_and_comments_split_nothing() {
    let text =
        "-- a; b\nSELECT ';', E'\\';', \"a;b\", $x$ ; $$ ; $x$ /* ; /* ; */ ; */;;\n;\nSELECT 2";
    let found = texts(text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("SELECT ';'") && found[0].ends_with(';'));
    assert_eq!(found[1], "SELECT 2");
}

#[test]
fn a_function_with_a_body_of_sql_is_one_statement() {
    let text = "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;\nSELECT 1;";
    assert_eq!(texts(text).len(), 2);
}

#[test]
fn a_statement_knows_its_line_in_the_file() {
    let later = Script {
        line: 10,
        ..script("\n-- x\nSELECT 1;\n\nSELECT\n2;")
    };
    let lines = split(&later).expect("SQL").into_iter().map(|one| one.line);
    assert_eq!(lines.collect::<Vec<_>>(), [12, 14]);
}

#[test]
fn an_error_is_told_with_its_place_its_line_and_a_caret() {
    let refused = refusal("SELECT 1;\nSELECT (1 + );\n");
    assert_eq!(refused.place(), "f.sql:2:12");
    let excerpt = refused.excerpt.expect("the line");
    assert_eq!(excerpt, "SELECT (1 + );\n           ^");
    let refused = refusal("CREATE TABEL t (id int);");
    assert!(refused.found.contains("TABEL t"), "{}", refused.found);
    assert_eq!(refusal("SELECT 'x").line, Some(1));
}

#[test]
fn commands_of_psql_are_refused_as_such() {
    for text in ["\\restrict x\nSELECT 1;", "SELECT 1;\n\\connect shop\n"] {
        let refused = refusal(text);
        assert_eq!(refused.what, "the file has a command of psql's", "{text}");
    }
}

#[test]
fn copy_with_data_of_the_client_is_refused_as_such() {
    for text in [
        "COPY t FROM STDIN;\n1\ta\\tb\n\\.\nSELECT 1;",
        "COPY t FROM stdin",
        "COPY t TO STDOUT;",
    ] {
        assert_eq!(refusal(text).what, "COPY needs a client", "{text}");
    }
    assert_eq!(texts("COPY t FROM '/tmp/x';").len(), 1);
}

#[test]
fn what_nests_too_deep_is_refused_and_what_nearly_does_is_parsed() {
    for (open, close) in [
        ("(", ")"),
        ("- ", ""),
        ("NOT ", ""),
        ("CASE WHEN 1 THEN ", " END"),
    ] {
        let of = |levels: usize| {
            let (open, close) = (open.repeat(levels), close.repeat(levels));
            format!("SELECT {open}1{close};")
        };
        assert_eq!(refusal(&of(DEEPEST)).what, "the file nests too deep");
        let mut levels = DEEPEST;
        while Look::at(&of(levels)).too_deep.is_some() {
            levels = levels * 9 / 10;
        }
        assert_eq!(texts(&of(levels)).len(), 1, "{open} {levels}");
    }
    let sum = format!("SELECT 1{};", " + 1".repeat(DEEPEST - 10));
    assert_eq!(texts(&sum).len(), 1);
    let joins = format!(
        "SELECT 1 FROM a{};",
        " JOIN a ON x".repeat((DEEPEST - 10) / 4)
    );
    assert_eq!(texts(&joins).len(), 1);
    let dots = format!("SELECT a{};", ".a".repeat((DEEPEST - 10) / 2));
    assert_eq!(texts(&dots).len(), 1);
    let schemas = "CREATE SCHEMA a ".repeat(DEEPEST / 3 - 1);
    let _ = split(&script(&schemas));
    let explains = format!("{}SELECT 1", "EXPLAIN ".repeat(DEEPEST - 10));
    let _ = split(&script(&explains));
}

/// What may stand between statements.
fn is_between(text: &str) -> bool {
    let mut tokens = squawk_lexer::tokenize(text).map(|token| token.kind);
    tokens.all(|kind| {
        matches!(
            kind,
            squawk_lexer::TokenKind::Whitespace
                | squawk_lexer::TokenKind::Semi
                | squawk_lexer::TokenKind::LineComment
                | squawk_lexer::TokenKind::BlockComment { .. }
        )
    })
}

const STATEMENTS: [&str; 8] = [
    "SELECT ';'",
    "INSERT INTO t VALUES ($$a;b$$, E'\\'', U&'d\\0061')",
    "CREATE FUNCTION f() RETURNS int AS $f$ BEGIN RETURN 1; END $f$ LANGUAGE plpgsql",
    "CREATE TABLE \"a;b\" (id int /* ; */, c text DEFAULT ';') -- ;\n",
    "DO $do$ BEGIN PERFORM 1; END $do$",
    "ALTER TABLE t ADD COLUMN x int",
    "COMMENT ON TABLE t IS 'it''s; /* no comment'",
    "UPDATE t SET a = 1 WHERE b = '--'",
];

const BETWEEN: [&str; 7] = [
    "\n",
    ";",
    " /* a ; /* b */ c */ ",
    "-- ; '\n",
    "\t\r\n",
    "--\n",
    ";;\n",
];

proptest! {
    #[test]
    fn statements_and_what_lies_between_make_up_the_script(
        parts in prop::collection::vec(
            (0..STATEMENTS.len(), prop::collection::vec(0..BETWEEN.len(), 0..4)),
            0..8,
        ),
    ) {
        let mut text = String::new();
        for (statement, between) in &parts {
            text.push_str(STATEMENTS[*statement]);
            text.push_str("\n;");
            text.extend(between.iter().map(|one| BETWEEN[*one]));
        }
        let found = split(&script(&text)).expect("SQL");
        prop_assert_eq!(found.len(), parts.len());
        let mut at = 0;
        for (one, (statement, _)) in found.iter().zip(&parts) {
            prop_assert!(is_between(&text[at..one.range.start]));
            let written = &text[one.range.clone()];
            prop_assert!(written.starts_with(STATEMENTS[*statement].trim_end()), "{}", written);
            prop_assert_eq!(one.line, text[..one.range.start].matches('\n').count() + 1);
            at = one.range.end;
        }
        prop_assert!(is_between(&text[at..]));
    }

    #[test]
    fn whatever_a_script_is_made_of_it_is_split_or_refused(
        parts in prop::collection::vec(prop::sample::select(vec![
            "SELECT", "(", ")", "'", "$$", "$a$", "\"", "--", "\n", "/*", "*/", ";", ",", "1",
            "a", ".", "CREATE", "TABLE", "ALTER", "ADD", "COLUMN", "INDEX", "ON", "FROM", "\\",
            "COPY", "STDIN", "E'", "::", "[", "]", "é", "\u{0}", "BEGIN", "END", "ATOMIC", "AS",
            "FUNCTION", "WITH", "$1", "U&\"", "=", "-", "CASE", "WHEN", "0x", "1e", "DO",
        ]), 0..40),
    ) {
        let text = parts.join(" ");
        if let Ok(found) = split(&script(&text)) {
            let mut at = 0;
            for one in found {
                prop_assert!(is_between(&text[at..one.range.start]));
                at = one.range.end;
            }
            prop_assert!(is_between(&text[at..]));
        }
    }
}
