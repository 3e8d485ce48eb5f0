//! Migrations and SQL of other projects, as public packages ship them: packages.txt names
//! them. `make published` gets them.

use std::fs;
use std::path::{Path, PathBuf};

use sluice_migration::{Class, Lint, Options, Script, Source, Tool, lint, read, split};

/// The folder of what was fetched; nothing where it was left out.
fn fetched(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SLUICE_PUBLISHED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sluice/published"),
        PathBuf::from,
    );
    let folder = root.join("migrations").join(part);
    if std::env::var_os("SLUICE_OFFLINE").is_some_and(|it| it == "1") && !folder.exists() {
        eprintln!("left out: {part}");
        return None;
    }
    assert!(
        folder.exists(),
        "no {}: run `make published`",
        folder.display()
    );
    Some(folder)
}

/// All files below a folder, with their paths within it, in order.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let within = path.strip_prefix(folder).expect("within");
            let within = within.to_string_lossy().into_owned();
            files.push((within, fs::read(&path).expect("read")));
        }
    }
    files.sort();
    files
}

fn lint_of(files: &[(String, Vec<u8>)], tool: Option<Tool>) -> Lint {
    let sources = files.iter().map(|(path, bytes)| Source { path, bytes });
    let options = Options {
        tool,
        whole: true,
        ..Options::default()
    };
    lint(&read(&sources.collect::<Vec<_>>(), &options))
}

fn tell(what: &str, lint: &Lint) {
    let [a, b, c] = [Class::A, Class::B, Class::C].map(|class| lint.count(class));
    let (files, refused) = (lint.files.len(), lint.refused.len());
    eprintln!("{what}: {files} migrations, {a} A, {b} B, {c} C, {refused} refusals");
}

/// What lies between the statements of a text, and whether all is there.
fn between(text: &str) -> Result<String, String> {
    let script = Script {
        path: "f.sql".to_owned(),
        text: text.to_owned(),
        offset: 0,
        line: 1,
    };
    let statements = split(&script).map_err(|refusal| refusal.to_string())?;
    let (mut between, mut joined, mut at) = (String::new(), String::new(), 0);
    for one in statements {
        between.push_str(&text[at..one.range.start]);
        joined.push_str(&text[at..one.range.start]);
        joined.push_str(&text[one.range.clone()]);
        at = one.range.end;
    }
    between.push_str(&text[at..]);
    joined.push_str(&text[at..]);
    assert_eq!(joined, text);
    Ok(between)
}

const LEMMY: &str = "lemmy_db_schema-1.0.0-test-fix-publish-3/migrations";

#[test]
#[ignore = "needs migrations of other projects: make published"]
fn every_migration_of_a_real_project_is_read_split_and_told() {
    let Some(folder) = fetched(LEMMY) else { return };
    let files = files(&folder);
    let lint = lint_of(&files, None);
    tell(LEMMY, &lint);
    assert_eq!(lint.tool, Some(Tool::Diesel));
    assert_eq!(lint.files.len(), 336);
    // Nothing but what takes away: no file is no SQL, and no name does not fit.
    for refusal in &lint.refused {
        let expected = "the migration takes away what old code may use";
        assert_eq!(refusal.what, expected, "{refusal}");
    }
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".sql")) {
        let text = std::str::from_utf8(bytes).expect("UTF-8");
        let between = between(text).unwrap_or_else(|refused| panic!("{path}: {refused}"));
        let mut left = squawk_lexer::tokenize(&between);
        let is_code = left.find(|token| matches!(token.kind, squawk_lexer::TokenKind::Ident));
        assert!(is_code.is_none(), "{path}: {between}");
    }
}

#[test]
#[ignore = "needs migrations of other projects: make published"]
fn whatever_sql_there_is_it_is_split_or_refused_and_never_worse() {
    let Some(folder) = fetched("squawk-parser-2.68.0/tests/data") else {
        return;
    };
    let (mut whole, mut refused) = (0, 0);
    let mut numbered = Vec::new();
    for (path, bytes) in files(&folder) {
        let text = String::from_utf8_lossy(&bytes);
        match between(&text) {
            Ok(_) => whole += 1,
            Err(_) => refused += 1,
        }
        let name = path.replace(['/', '.'], "_");
        numbered.push((format!("{}_{name}.sql", numbered.len() + 1), bytes));
    }
    eprintln!("{whole} files split, {refused} refused");
    assert!(whole > 100 && refused > 10, "{whole} {refused}");
    tell("squawk-parser", &lint_of(&numbered, Some(Tool::Plain)));
}
