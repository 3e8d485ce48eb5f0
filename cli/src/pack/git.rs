//! What git knows of a folder. Best effort: a build without a checkout passes
//! the same facts on the command line. Who must not approve a release is no best effort: what
//! is not known of them is refused or told.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};
use sluice_domain::manifest::Person;

use super::RELEASE_JSON;
use super::origin::Origin;
use crate::error::{Error, Result};

/// The last commit of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its full id.
    pub commit: String,
    /// Who wrote it.
    pub author: Person,
    /// Who wrote it with them, from `Co-authored-by`.
    pub co_authors: Vec<Person>,
    /// Everybody who wrote or merged a commit since the release before.
    pub contributors: Vec<Person>,
    /// Why some of them may be missing. None: they are all there.
    pub cut: Option<Cut>,
    /// The branch and the tag that it is on.
    pub origin: Origin,
    /// Whether the folder holds changes that the commit doesn't.
    pub is_dirty: bool,
}

/// What a shallow checkout lacks of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The tag of the release before, so that the last commit stands alone.
    Tag,
    /// Commits since the release before.
    Commits,
}

/// How to have the commits that a shallow checkout lacks.
const DEEPEN: &str = "check out the whole history (`fetch-depth: 0` for actions/checkout, else `git fetch --unshallow --tags`)";

/// The most people of a release that a manifest names.
const MOST: usize = 500;

impl Facts {
    /// Asks git. The release before is at `since`, or else at the last tag before this
    /// commit; where there is none, the last commit stands alone. None: there is no git, no
    /// checkout or no commit.
    ///
    /// # Errors
    /// When `since` is no commit that git knows, or not all commits since then are there.
    pub fn read(folder: &Path, since: Option<&str>) -> Result<Option<Self>> {
        let Some((commit, author, co_authors)) = last_commit(folder) else {
            return match since {
                Some(since) => Err(without_history(folder, since)),
                None => Ok(None),
            };
        };
        let before = match since {
            Some(since) => Some(commit_of(folder, since)?),
            None => last_tag(folder),
        };
        let before = before.as_deref();
        let cut = Cut::of(folder, before);
        if let (Some(since), Some(_)) = (since, cut) {
            return Err(Error::Usage(format!(
                "--since: found `{since}`, and a shallow checkout that lacks commits since then; expected all \
                 of them, since whoever wrote or merged one can't approve this release: {DEEPEN}"
            )));
        }
        let is_dirty = git(folder, &["status", "--porcelain", "--", "."])
            .is_some_and(|changes| !changes.trim().is_empty());
        Ok(Some(Self {
            commit,
            author,
            co_authors,
            contributors: contributors(folder, before)?,
            cut,
            origin: Origin::of_git(folder),
            is_dirty,
        }))
    }

    /// Adds the contributors to those that a template names: whoever may change it can't
    /// leave anybody out.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn name_contributors(
        &self,
        template: &mut Map<String, Value>,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        const FIELD: &str = "contributors";
        let mut people = match template.get(FIELD) {
            Some(Value::Array(written)) => written.clone(),
            // Refused when it is read.
            Some(_) => return Ok(()),
            None => Vec::new(),
        };
        for person in &self.contributors {
            let is_same = |one: &Value| {
                let email = one["email"].as_str().unwrap_or_default();
                email.eq_ignore_ascii_case(&person.email)
            };
            if !people.iter().any(is_same) {
                people.push(json!(person));
            }
        }
        let found = people.len();
        if found > MOST {
            return Err(Error::Usage(format!(
                "found {found} people who wrote or merged a commit since the release before; expected {MOST} \
                 at most: say with --since where a later release is"
            )));
        }
        notes.extend(self.cut.map(Cut::note));
        if !people.is_empty() {
            template.insert(FIELD.to_owned(), Value::Array(people));
        }
        Ok(())
    }
}

impl Cut {
    /// What a checkout lacks of the commits since `before`.
    fn of(folder: &Path, before: Option<&str>) -> Option<Self> {
        let is_shallow = git(folder, &["rev-parse", "--is-shallow-repository"])?;
        if is_shallow.trim() != "true" {
            return None;
        }
        let Some(before) = before else {
            return Some(Self::Tag);
        };
        let is_whole = has_all_parents(folder, before).unwrap_or(false);
        (!is_whole).then_some(Self::Commits)
    }

    fn note(self) -> String {
        let known = match self {
            Self::Tag => {
                "holds no tag before this commit: only the people of the last commit are known"
            }
            Self::Commits => {
                "lacks commits since the tag before this one: only the people of the others are known"
            }
        };
        format!(
            "the checkout is shallow and {known}, and whoever else wrote or merged this release could \
             approve it; {DEEPEN}, or say with --since where the release before is"
        )
    }
}

/// The id of the last commit, who wrote it, and who wrote it with them.
fn last_commit(folder: &Path) -> Option<(String, Person, Vec<Person>)> {
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
    Some((commit, author, lines.filter_map(person).collect()))
}

fn without_history(folder: &Path, since: &str) -> Error {
    Error::Usage(format!(
        "--since: found `{since}`, and no git history of {} to look it up in; expected a checkout: pack in \
         one, or leave --since out and name `contributors` in {RELEASE_JSON}",
        folder.display()
    ))
}

/// The id of the commit that `since` names.
fn commit_of(folder: &Path, since: &str) -> Result<String> {
    let commit = format!("{since}^{{commit}}");
    let id = git(folder, &["rev-parse", "--verify", "--quiet", &commit]);
    let id = id.ok_or_else(|| {
        Error::Usage(format!(
            "--since: found `{since}`, which this checkout does not know; expected a tag or a commit of its \
             history: look at how it is spelled, and {DEEPEN}"
        ))
    })?;
    Ok(id.trim().to_owned())
}

/// The last tag before this commit.
fn last_tag(folder: &Path) -> Option<String> {
    let tag = git(folder, &["describe", "--tags", "--abbrev=0", "HEAD^"])?;
    Some(tag.trim().to_owned())
}

fn contributors(folder: &Path, before: Option<&str>) -> Result<Vec<Person>> {
    let range = before.map_or_else(|| "-1".to_owned(), since_then);
    let people = "--format=%an <%ae>%n%cn <%ce>%n%(trailers:key=Co-authored-by,valueonly)";
    let log = git(folder, &["log", people, &range, "--"]).ok_or_else(|| {
        Error::Pack(format!(
            "found no answer of `git log {range}` in {}; expected who wrote or merged this release: look at \
             what git says there",
            folder.display()
        ))
    })?;
    let mut seen = BTreeSet::new();
    let people = log.lines().filter_map(person);
    let new = people.filter(|person| seen.insert(person.email.to_lowercase()));
    Ok(new.collect())
}

/// Whether a shallow checkout holds the parents of all commits since `before`. None: git
/// doesn't say.
fn has_all_parents(folder: &Path, before: &str) -> Option<bool> {
    let file = git(folder, &["rev-parse", "--git-path", "shallow"])?;
    let orphans = fs::read_to_string(folder.join(file.trim_end())).ok()?;
    let orphans: BTreeSet<&str> = orphans.lines().collect();
    let commits = git(folder, &["rev-list", &since_then(before), "--"])?;
    Some(!commits.lines().any(|commit| orphans.contains(commit)))
}

/// The commits since this one, as git takes them.
fn since_then(before: &str) -> String {
    format!("{before}..HEAD")
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
