//! A bundle's folder, out of which nothing leads: a key that climbs, begins at the root
//! or passes through a symbolic link opens nothing.
//!
//! Each part of a key is opened within the folder before it, so that nothing can be put
//! in its place between a look and a read.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use tempfile::TempDir;

use crate::error::{Error, Result};

/// The most files that a folder is searched for: a bundle has a few.
pub(crate) const MOST: usize = 10_000;

/// A folder with a bundle.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The bundle in this folder.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the file with this key.
    ///
    /// # Errors
    /// When there is none, or the key leads out of the folder, through a link, or to
    /// something that is no file.
    pub fn open(&self, key: &str) -> io::Result<File> {
        let parts = parts(key).ok_or_else(|| {
            let why = "its key is not a path within the bundle";
            io::Error::new(io::ErrorKind::InvalidInput, why)
        })?;
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut within = openat(CWD, &self.0, folder, Mode::empty())?;
        let (name, folders) = parts.split_last().unwrap_or((&"", &[]));
        for part in folders {
            within = openat(&within, *part, folder | OFlags::NOFOLLOW, Mode::empty())?;
        }
        // A pipe that nobody writes would be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&within, *name, flags, Mode::empty())?);
        if file.metadata()?.is_file() {
            return Ok(file);
        }
        let why = "it is not a regular file";
        Err(io::Error::new(io::ErrorKind::InvalidInput, why))
    }

    /// The keys of all that lies in it, in order. Links are named and not followed.
    ///
    /// # Errors
    /// When a folder can't be listed, or there are very many files.
    pub fn keys(&self) -> io::Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else {
                    let path = entry.path();
                    let key = path.strip_prefix(&self.0).unwrap_or(&path);
                    keys.push(key.to_string_lossy().into_owned());
                }
                if keys.len() + folders.len() > MOST {
                    let why = format!("more than {MOST} files: is it a bundle's folder?");
                    return Err(io::Error::other(why));
                }
            }
        }
        keys.sort();
        Ok(keys)
    }
}

/// A folder that only this person may enter, and that is gone with the value.
pub(crate) fn scratch() -> Result<TempDir> {
    TempDir::with_prefix("sluice-").map_err(Error::file("make a folder in", std::env::temp_dir()))
}

/// The parts of a key that stays within its folder, on any system.
pub(crate) fn parts(key: &str) -> Option<Vec<&str>> {
    let strange = |c: char| c == '\\' || c.is_control();
    let starts_drive = key.as_bytes().get(1) == Some(&b':');
    if key.is_empty() || key.ends_with('/') || starts_drive || key.contains(strange) {
        return None;
    }
    let parts = Path::new(key).components().map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "outside";

    /// A folder beside a secret, with links that lead to it.
    fn tempting() -> (PathBuf, Folder) {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("sluice-folder-{}-{number}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let bundle = root.join("bundle");
        fs::create_dir_all(bundle.join("a/b")).expect("folders");
        fs::write(root.join("secret"), SECRET).expect("a secret");
        for file in ["f", "a/f", "a/b/f"] {
            fs::write(bundle.join(file), "inside").expect("a file");
        }
        symlink("../secret", bundle.join("link")).expect("a link");
        symlink(&root, bundle.join("a/out")).expect("a link");
        symlink("../../../secret", bundle.join("a/b/link")).expect("a link");
        (root, Folder::new(bundle))
    }

    fn text(folder: &Folder, key: &str) -> io::Result<String> {
        let mut text = String::new();
        folder.open(key)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn files_within_are_opened_and_links_and_folders_are_not() {
        let (root, folder) = tempting();
        for key in ["f", "a/f", "a/b/f"] {
            assert_eq!(text(&folder, key).expect("opened"), "inside");
        }
        let absolute = root.join("secret");
        let absolute = absolute.to_str().expect("UTF-8");
        for key in [
            "link",
            "a/out/secret",
            "a/b/link",
            "a",
            "",
            "../secret",
            absolute,
        ] {
            assert!(text(&folder, key).is_err(), "{key}");
        }
        let keys = folder.keys().expect("listed");
        assert_eq!(keys, ["a/b/f", "a/b/link", "a/f", "a/out", "f", "link"]);
        fs::remove_dir_all(root).expect("gone");
    }

    proptest! {
        #[test]
        fn no_key_reads_outside_the_bundle(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "..", ".", "", "a", "b", "f", "link", "out", "secret", "bundle", "/", "\\",
                    "..\\", "C:", "\\\\host", "\0",
                ]),
                0..7,
            ),
            separator in prop::sample::select(vec!["/", "\\", "//", "/./"]),
        ) {
            let (root, folder) = tempting();
            let key = parts.join(separator);
            if let Ok(text) = text(&folder, &key) {
                prop_assert_eq!(text, "inside", "{}", key);
            }
            fs::remove_dir_all(root).expect("gone");
        }
    }
}
