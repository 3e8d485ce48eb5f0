//! What the tests share: the checkout and what stands in it, as data; and for
//! those that run on the engine, a [`world`] of their own.
//!
//! Decides: nothing; it reads. Whatever can't be read is a panic that names the
//! file, since no test can go on without it.
//!
//! Never: changes anything in the checkout.

pub mod action;
pub mod codedeploy;
pub mod faults;
pub mod machine;
pub mod registry;
pub mod template;
pub mod translated;
pub mod world;

use std::fs;
use std::path::{Path, PathBuf};

pub use machine::state_machines;
pub use template::template;
pub use world::World;

/// The checkout.
#[must_use]
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// The text of a file, by its path in the checkout.
///
/// # Panics
/// When it can't be read.
#[must_use]
pub fn text(path: impl AsRef<Path>) -> String {
    let path = repository().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
}

/// The names of the folders in a folder of the checkout, in order.
///
/// # Panics
/// When it can't be read.
#[must_use]
pub fn folders(path: impl AsRef<Path>) -> Vec<String> {
    entries(&repository().join(path))
        .into_iter()
        .filter(|entry| entry.is_dir())
        .map(|entry| file_name(&entry))
        .collect()
}

/// All files below a folder of the checkout with this extension, in order. A
/// folder that does not exist has none.
///
/// # Panics
/// When one can't be read.
#[must_use]
pub fn files(path: impl AsRef<Path>, extension: &str) -> Vec<PathBuf> {
    let path = repository().join(path);
    if !path.exists() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut folders = vec![path];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|found| found == extension) {
                found.push(entry);
            }
        }
    }
    found.sort();
    found
}

/// The last part of a path.
#[must_use]
pub fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Fails a test with all of its problems at once.
///
/// # Panics
/// When there are any.
#[track_caller]
pub fn expect_none(problems: impl IntoIterator<Item = String>) {
    let problems: Vec<String> = problems.into_iter().collect();
    assert!(
        problems.is_empty(),
        "{} found:\n  {}",
        problems.len(),
        problems.join("\n  ")
    );
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>, _>>()
    });
    let mut entries =
        entries.unwrap_or_else(|error| panic!("reading {}: {error}", folder.display()));
    entries.sort();
    entries
}
