//! Builds bundles: a folder with a template of `release.json` becomes one with
//! the manifest and its artifacts.
//!
//! The template is `release.json` as the manifest describes it, with less in
//! it: the `zip` of a function or of `migrations` names a directory or a `.zip` file,
//! relative to the folder; evidence names its files by `key` without a digest; `schema`,
//! `version`, `commit`, `branch`, `tag`, `author` and `co_authors` may be left out.
//! They come from the command line, branch and tag also from the build system's
//! variables, or from git. The same input gives the same bytes.

mod archive;
mod git;
mod origin;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use semver::Version;
use serde_json::{Map, Value, json};
use sluice_domain::digest::Digest;
use sluice_domain::document::Document as _;
use sluice_domain::manifest::{Manifest, Person};

pub(crate) use git::person;
pub use git::{Cut, Facts};
pub use origin::Origin;

use crate::error::{Error, Result};

/// The manifest's name in a bundle, and the template's in a folder.
pub const RELEASE_JSON: &str = "release.json";

/// The key of a bundle's migrations.
const MIGRATIONS: &str = "database/migrations.zip";

/// What the command line says of a release.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The version.
    pub version: Option<Version>,
    /// The commit.
    pub commit: Option<String>,
    /// Who wrote the change.
    pub author: Option<Person>,
    /// Where the release before is in git.
    pub since: Option<String>,
    /// The branch and the tag.
    pub origin: Origin,
    /// The preview that it is built for.
    pub preview: Option<String>,
    /// What the build system says of branch and tag, where neither command line nor template do.
    pub build: Origin,
}

impl Given {
    /// A packed bundle says all of this itself: what is given must be the same.
    fn check(&self, manifest: &Manifest) -> Result<()> {
        let differs = |what: &str, given: String, found: &str| {
            Err(Error::Usage(format!(
                "the folder holds a packed bundle: its {what} is {found}, and {given} was given; pack again to change it"
            )))
        };
        if let Some(version) = self
            .version
            .as_ref()
            .filter(|given| **given != manifest.version)
        {
            return differs(
                "version",
                version.to_string(),
                &manifest.version.to_string(),
            );
        }
        if let Some(commit) = self
            .commit
            .as_ref()
            .filter(|given| **given != manifest.commit)
        {
            return differs("commit", commit.clone(), &manifest.commit);
        }
        if let Some(author) = self
            .author
            .as_ref()
            .filter(|given| **given != manifest.author)
        {
            return differs("author", author.email.clone(), &manifest.author.email);
        }
        for (what, given, found) in [
            ("branch", &self.origin.branch, &manifest.branch),
            ("tag", &self.origin.tag, &manifest.tag),
            ("preview", &self.preview, &manifest.preview),
        ] {
            if let Some(given) = given.as_ref().filter(|_| given != found) {
                let found = found.as_deref().unwrap_or("not there");
                return differs(what, given.clone(), found);
            }
        }
        Ok(())
    }
}

/// A bundle in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The manifest.
    pub manifest: Manifest,
    /// The manifest's bytes: their digest is the bundle's.
    pub release_json: Vec<u8>,
    /// The other files, by key.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What a person should know of how it was made.
    pub notes: Vec<String>,
}

impl Bundle {
    /// The bundle digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.release_json)
    }

    /// The bundle in this folder: as it is if it was packed already, else packed.
    ///
    /// # Errors
    /// When it is neither.
    pub fn open(folder: &Path, given: &Given) -> Result<Self> {
        let text = read(&folder.join(RELEASE_JSON))?;
        if is_template(&text)? {
            let facts = git::Facts::read(folder, given.since.as_deref())?;
            Self::pack(folder, given, facts)
        } else {
            let packed = Self::packed(folder, text)?;
            given.check(&packed.manifest)?;
            Ok(packed)
        }
    }

    /// Packs the folder. `facts` is what git knows of it.
    ///
    /// # Errors
    /// When something is missing, or the result is no valid manifest.
    pub fn pack(folder: &Path, given: &Given, facts: Option<git::Facts>) -> Result<Self> {
        let text = read(&folder.join(RELEASE_JSON))?;
        let mut template = object(&text)?;
        let mut notes = Vec::new();
        fill(&mut template, given, facts, &mut notes)?;
        let mut files = BTreeMap::new();
        pack_functions(folder, &mut template, &mut files)?;
        pack_migrations(folder, &mut template, &mut files)?;
        pack_evidence(folder, &mut template, &mut files)?;
        let draft = Value::Object(template).to_string();
        let manifest = Manifest::parse(RELEASE_JSON, draft.as_bytes())?;
        let mut release_json =
            serde_json::to_vec_pretty(&manifest).map_err(|error| Error::Pack(error.to_string()))?;
        release_json.push(b'\n');
        Ok(Self {
            manifest,
            release_json,
            files,
            notes,
        })
    }

    /// A folder that was packed already: every file is checked against its digest.
    fn packed(folder: &Path, release_json: Vec<u8>) -> Result<Self> {
        let manifest = Manifest::parse(RELEASE_JSON, &release_json)?;
        let mut files = BTreeMap::new();
        for artifact in manifest.artifacts() {
            let bytes = read(&folder.join(&artifact.key))?;
            check_digest(&artifact.key, &bytes, &artifact.digest)?;
            files.insert(artifact.key, bytes);
        }
        Ok(Self {
            manifest,
            release_json,
            files,
            notes: Vec::new(),
        })
    }

    /// Writes the bundle, `release.json` last.
    ///
    /// # Errors
    /// When `out` is the folder of the template, or a file can't be written.
    pub fn write(&self, out: &Path) -> Result<()> {
        let manifest = out.join(RELEASE_JSON);
        if let Ok(there) = fs::read(&manifest)
            && is_template(&there).unwrap_or(true)
        {
            let message = format!(
                "{} is a template, which the bundle would overwrite; name another folder with --out",
                manifest.display()
            );
            return Err(Error::Pack(message));
        }
        for (key, bytes) in &self.files {
            write(&out.join(key), bytes)?;
        }
        write(&manifest, &self.release_json)
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::file("read", path))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    fs::write(path, bytes).map_err(Error::file("write", path))
}

fn object(text: &[u8]) -> Result<Map<String, Value>> {
    let invalid =
        |found: String| Error::Pack(format!("{RELEASE_JSON}: {found}; expected a JSON object"));
    match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(invalid(format!("found {other}"))),
        Err(error) => Err(invalid(error.to_string())),
    }
}

/// Whether anything is left for packing to fill in.
pub(crate) fn is_template(text: &[u8]) -> Result<bool> {
    let template = object(text)?;
    let lacks = |name: &str| !template.contains_key(name);
    let items = |name: &str| {
        template
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let functions = template
        .get("functions")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::values);
    let named = functions
        .chain(template.get("migrations"))
        .filter_map(|packed| packed.get("zip"))
        .any(Value::is_string);
    let undigested = items("evidence").any(|item| item.get("digest").is_none());
    Ok(named
        || undigested
        || ["schema", "version", "commit", "author"]
            .into_iter()
            .any(lacks))
}

fn fill(
    template: &mut Map<String, Value>,
    given: &Given,
    facts: Option<git::Facts>,
    notes: &mut Vec<String>,
) -> Result<()> {
    template.entry("schema").or_insert(json!(1));
    if let Some(version) = &given.version {
        template.insert("version".into(), json!(version));
    }
    if let Some(preview) = &given.preview {
        template.insert("preview".into(), json!(preview));
    }
    if !template.contains_key("version") {
        return Err(Error::Usage(format!(
            "{RELEASE_JSON} has no version; add it there or pass --version"
        )));
    }
    let lacks_commit = given.commit.is_none() && !template.contains_key("commit");
    let lacks_author = given.author.is_none() && !template.contains_key("author");
    fill_origin(template, given, facts.as_ref())?;
    let absent = |what: &str| {
        Error::Usage(format!(
            "{RELEASE_JSON} has no {what}, and the folder has no git history to take it from; pass --{what}"
        ))
    };
    if let Some(commit) = &given.commit {
        template.insert("commit".into(), json!(commit));
    } else if lacks_commit {
        let facts = facts.as_ref().ok_or_else(|| absent("commit"))?;
        template.insert("commit".into(), json!(facts.commit));
        if facts.is_dirty {
            notes.push(format!(
                "the folder has changes that commit {} does not hold",
                facts.commit.get(..12).unwrap_or(&facts.commit)
            ));
        }
    }
    if let Some(facts) = &facts {
        facts.name_contributors(template, notes)?;
    }
    if let Some(author) = &given.author {
        template.insert("author".into(), json!(author));
    } else if lacks_author {
        let facts = facts.ok_or_else(|| absent("author"))?;
        template.insert("author".into(), json!(facts.author));
        if !facts.co_authors.is_empty() {
            template
                .entry("co_authors")
                .or_insert(json!(facts.co_authors));
        }
    }
    Ok(())
}

/// The build system knows better than git, which often checks out a bare commit, and than
/// a template, which anybody may have written who can change the code.
fn fill_origin(
    template: &mut Map<String, Value>,
    given: &Given,
    facts: Option<&git::Facts>,
) -> Result<()> {
    let git = facts.map(|facts| facts.origin.clone()).unwrap_or_default();
    let said = if given.build == Origin::default() {
        git
    } else {
        given.build.clone()
    };
    for (name, chosen, built, said) in [
        (
            "branch",
            &given.origin.branch,
            &given.build.branch,
            said.branch,
        ),
        ("tag", &given.origin.tag, &given.build.tag, said.tag),
    ] {
        if let Some(chosen) = chosen {
            template.insert(name.into(), json!(chosen));
            continue;
        }
        let written = template.get(name).and_then(Value::as_str);
        match (written, built) {
            (Some(written), Some(built)) if written != built => {
                return Err(Error::Pack(format!(
                    "{RELEASE_JSON}: {name}: found `{written}`, and the build system says `{built}`; \
                     expected the same: leave `{name}` out, or say which with --{name}"
                )));
            }
            _ => {}
        }
        if let Some(said) = said {
            template.entry(name).or_insert(json!(said));
        }
    }
    Ok(())
}

fn pack_functions(
    folder: &Path,
    template: &mut Map<String, Value>,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<()> {
    let Some(functions) = template.get_mut("functions").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    for (name, function) in functions {
        let Some(zip) = function.get_mut("zip") else {
            continue;
        };
        let place = format!("{RELEASE_JSON}: functions.{name}.zip");
        pack_zip(folder, &place, (zip, format!("{name}.zip")), files)?;
    }
    Ok(())
}

fn pack_migrations(
    folder: &Path,
    template: &mut Map<String, Value>,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<()> {
    let migrations = template.get_mut("migrations");
    let Some(zip) = migrations.and_then(|migrations| migrations.get_mut("zip")) else {
        return Ok(());
    };
    let place = format!("{RELEASE_JSON}: migrations.zip");
    // In a folder of its own: no function's key has one.
    pack_zip(folder, &place, (zip, MIGRATIONS.to_owned()), files)
}

/// Makes a zip file of the folder that `zip` names, under this key, or takes in the file
/// that it names by `key`.
fn pack_zip(
    folder: &Path,
    place: &str,
    (zip, key): (&mut Value, String),
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<()> {
    let Some(path) = zip.as_str() else {
        return take_named(folder, place, zip, files);
    };
    let bytes = archive::of(place, &folder.join(path))?;
    *zip = json!({ "key": key, "digest": Digest::of(&bytes) });
    files.insert(key, bytes);
    Ok(())
}

fn pack_evidence(
    folder: &Path,
    template: &mut Map<String, Value>,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<()> {
    let Some(evidence) = template.get_mut("evidence").and_then(Value::as_array_mut) else {
        return Ok(());
    };
    for (index, item) in evidence.iter_mut().enumerate() {
        take_named(
            folder,
            &format!("{RELEASE_JSON}: evidence[{index}]"),
            item,
            files,
        )?;
    }
    Ok(())
}

/// Takes in the file that `item.key` names, and fills in or checks its digest.
fn take_named(
    folder: &Path,
    place: &str,
    item: &mut Value,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<()> {
    let Some(item) = item.as_object_mut() else {
        return Err(Error::Pack(format!(
            "{place}: found {item}; expected the path of a directory or a .zip file"
        )));
    };
    let Some(key) = item.get("key").and_then(Value::as_str).map(str::to_owned) else {
        return Err(Error::Pack(format!(
            "{place}: found no `key`; expected the path of a file in the folder"
        )));
    };
    let path = folder.join(&key);
    let bytes = fs::read(&path)
        .map_err(|error| Error::Pack(format!("{place}: can't read {}: {error}", path.display())))?;
    match item.get("digest").cloned() {
        None => drop(item.insert("digest".into(), json!(Digest::of(&bytes)))),
        Some(digest) => {
            let expected: Digest = serde_json::from_value(digest)
                .map_err(|error| Error::Pack(format!("{place}.digest: {error}")))?;
            check_digest(&key, &bytes, &expected)?;
        }
    }
    files.insert(key, bytes);
    Ok(())
}

fn check_digest(key: &str, bytes: &[u8], expected: &Digest) -> Result<()> {
    let found = Digest::of(bytes);
    if found == *expected {
        return Ok(());
    }
    Err(Error::Pack(format!(
        "{key} has digest {found}; {RELEASE_JSON} expects {expected}: pack it again"
    )))
}

#[cfg(test)]
#[path = "pack/tests.rs"]
mod tests;
