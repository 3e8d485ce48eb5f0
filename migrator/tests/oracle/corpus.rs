//! Migrations and SQL of other projects, with what is said of each statement.
//! `migration/tests/published` fetches them and has their list.

use std::fs;
use std::path::{Path, PathBuf};

use sluice_migration::{Assessed, Options, Source, Tool, lint, read};

/// A statement with what is said of it.
pub(crate) struct Told {
    pub(crate) sql: String,
    pub(crate) assessed: Assessed,
}

/// A file's statements.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) statements: Vec<Told>,
}

/// The folder of what was fetched; nothing where it was left out.
pub(crate) fn fetched(part: &str) -> Option<PathBuf> {
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
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
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

/// What is said of migrations that follow each other. What is refused is told as well, but
/// for what is no SQL, or can't be sent to a server.
pub(crate) fn told(files: &[(String, Vec<u8>)], tool: Tool) -> Vec<File> {
    let sources = files.iter().map(|(path, bytes)| Source { path, bytes });
    let options = Options {
        tool: Some(tool),
        ..Options::default()
    };
    let reading = read(&sources.collect::<Vec<_>>(), &options);
    let linted = lint(&reading).files;
    let script = |path: &str| {
        let mut all = reading.files.iter();
        all.find(|file| file.path == path).map(|file| &file.up)
    };
    let files = linted.into_iter().filter_map(|file| {
        let text = &script(&file.path)?.text;
        let statements = file.statements.into_iter().map(|assessed| Told {
            sql: text[assessed.range.clone()].to_owned(),
            assessed,
        });
        Some(File {
            path: file.path.clone(),
            statements: statements.collect(),
        })
    });
    files.collect()
}

/// A statement with what is said of it where nothing is known of what is there.
pub(crate) fn alone(sql: &str) -> Option<Told> {
    let file = ("1_alone.sql".to_owned(), sql.as_bytes().to_vec());
    let file = told(&[file], Tool::Plain).into_iter().next()?;
    file.statements.into_iter().next()
}
