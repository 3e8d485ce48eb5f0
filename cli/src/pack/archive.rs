//! Zip files that are the same bytes for the same files.

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::{Error, Result};

/// Lambda unpacks at most this many bytes.
const LARGEST_UNPACKED: u64 = 250 * 1024 * 1024;

/// The zip file that `path` is, or that the directory `path` becomes. `place`
/// names it in messages.
pub(super) fn of(place: &str, path: &Path) -> Result<Vec<u8>> {
    let facts = fs::metadata(path)
        .map_err(|error| Error::Pack(format!("{place}: can't read {}: {error}", path.display())))?;
    if facts.is_dir() {
        return zip_directory(place, path);
    }
    if path.extension().is_some_and(|extension| extension == "zip") {
        return fs::read(path).map_err(Error::file("read", path));
    }
    Err(Error::Pack(format!(
        "{place}: found the file {}; expected a directory or a .zip file",
        path.display()
    )))
}

/// Sorted entries, one fixed time, modes reduced to "may be run" or not.
fn zip_directory(place: &str, root: &Path) -> Result<Vec<u8>> {
    let mut files = Vec::new();
    collect(place, root, Path::new(""), &mut files)?;
    if files.is_empty() {
        return Err(Error::Pack(format!(
            "{place}: the directory {} is empty; expected files to pack",
            root.display()
        )));
    }
    let failed = |error: zip::result::ZipError| Error::Pack(format!("{place}: {error}"));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut unpacked = 0;
    for (name, path) in files {
        let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
        unpacked += bytes.len() as u64;
        if unpacked > LARGEST_UNPACKED {
            let message = format!(
                "{place}: {} holds more than {LARGEST_UNPACKED} bytes, which is all that Lambda unpacks",
                root.display()
            );
            return Err(Error::Pack(message));
        }
        let mode = fs::metadata(&path)
            .map_err(Error::file("read", &path))?
            .permissions()
            .mode();
        // Lambda runs `bootstrap`; a checkout that lost its mode must not matter.
        let may_run = name == "bootstrap" || mode & 0o111 != 0;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(if may_run { 0o755 } else { 0o644 });
        zip.start_file(name, options).map_err(failed)?;
        zip.write_all(&bytes)
            .map_err(|error| failed(error.into()))?;
    }
    Ok(zip.finish().map_err(failed)?.into_inner())
}

/// All files under `root`, sorted by name. Links are followed to files inside
/// the directory and refused otherwise: what is packed must be what is seen.
fn collect(
    place: &str,
    root: &Path,
    inner: &Path,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<()> {
    let folder = root.join(inner);
    let entries = fs::read_dir(&folder).map_err(Error::file("read", &folder))?;
    for entry in entries {
        let entry = entry.map_err(Error::file("read", &folder))?;
        let kind = entry
            .file_type()
            .map_err(Error::file("read", entry.path()))?;
        let inner = inner.join(entry.file_name());
        if kind.is_dir() {
            collect(place, root, &inner, files)?;
            continue;
        }
        if !kind.is_file() && !is_link_inside(root, &entry.path()) {
            let message = format!(
                "{place}: {} is neither a file nor a link to one inside the directory",
                entry.path().display()
            );
            return Err(Error::Pack(message));
        }
        let name = inner
            .to_str()
            .ok_or_else(|| Error::Pack(format!("{place}: {} is no UTF-8 name", inner.display())))?;
        files.push((name.to_owned(), entry.path()));
    }
    files.sort();
    Ok(())
}

fn is_link_inside(root: &Path, path: &Path) -> bool {
    match (root.canonicalize(), path.canonicalize()) {
        (Ok(root), Ok(end)) => end.starts_with(root) && end.is_file(),
        _ => false,
    }
}
