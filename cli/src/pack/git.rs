//! What git knows of a folder. Best effort: a build without a checkout passes
//! the same facts on the command line.

use std::path::Path;
use std::process::Command;

use sluice_domain::manifest::Person;

use super::origin::Origin;

/// The last commit of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its full id.
    pub commit: String,
    /// Who wrote it.
    pub author: Person,
    /// Who wrote it with them, from `Co-authored-by`.
    pub co_authors: Vec<Person>,
    /// The branch and the tag that it is on.
    pub origin: Origin,
    /// Whether the folder holds changes that the commit doesn't.
    pub is_dirty: bool,
}

impl Facts {
    /// Asks git. None: there is no git, no checkout or no commit.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        let log = git(
            folder,
            &[
                "log",
                "-1",
                "--format=%H%n%an%n%ae%n%(trailers:key=Co-authored-by,valueonly)",
            ],
        )?;
        let mut lines = log.lines();
        let commit = lines.next()?.to_owned();
        let author = Person {
            name: lines.next()?.to_owned(),
            email: lines.next()?.to_owned(),
        };
        let co_authors = lines.filter_map(person).collect();
        let is_dirty = git(folder, &["status", "--porcelain", "--", "."])
            .is_some_and(|changes| !changes.trim().is_empty());
        Some(Self {
            commit,
            author,
            co_authors,
            origin: Origin::of_git(folder),
            is_dirty,
        })
    }
}

pub(super) fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let answer = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .ok()?;
    answer
        .status
        .success()
        .then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
}

/// A person as git writes them: `Ada Lovelace <ada@example.com>`.
pub(crate) fn person(text: &str) -> Option<Person> {
    let (name, rest) = text.trim().split_once('<')?;
    let email = rest.strip_suffix('>')?;
    let person = Person {
        name: name.trim().to_owned(),
        email: email.trim().to_owned(),
    };
    (!person.name.is_empty() && person.email.contains('@')).then_some(person)
}
