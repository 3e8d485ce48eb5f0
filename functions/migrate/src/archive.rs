//! A bundle's migrations, unpacked in memory.

use std::io::{Cursor, Read as _};

use sluice_migration::{LONGEST, MOST, Source};
use zip::ZipArchive;

use crate::Error;

/// The longest zip file that is read, in bytes: text of several times that.
pub(crate) const LONGEST_ZIP: u64 = 16 * 1024 * 1024;

/// The most that is unpacked of it, in bytes.
const LONGEST_UNPACKED: u64 = 64 * 1024 * 1024;

/// A file of the archive: its path, and what is in it.
pub(crate) type Unpacked = (String, Vec<u8>);

/// What an archive's files are read as.
pub(crate) fn sources(files: &[Unpacked]) -> Vec<Source<'_>> {
    let files = files.iter();
    files.map(|(path, bytes)| Source { path, bytes }).collect()
}

/// Unpacks an archive. What is longer than any migration may be is cut one byte after
/// that, which says that it is too long.
pub(crate) fn unpack(key: &str, bytes: &[u8]) -> Result<Vec<Unpacked>, Error> {
    let unreadable = |why: String| Error::Archive {
        key: key.to_owned(),
        why,
    };
    let mut zip =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable(error.to_string()))?;
    if zip.len() > MOST {
        let why = format!("it has {} entries, and at most {MOST} are read", zip.len());
        return Err(unreadable(why));
    }
    let mut room = LONGEST_UNPACKED;
    let mut files = Vec::new();
    for index in 0..zip.len() {
        let entry = zip.by_index(index);
        let entry = entry.map_err(|error| unreadable(error.to_string()))?;
        if entry.is_dir() {
            continue;
        }
        let path = entry.name().to_owned();
        let mut text = Vec::new();
        let most = (LONGEST as u64 + 1).min(room + 1);
        let read = entry.take(most).read_to_end(&mut text);
        read.map_err(|error| unreadable(format!("{path}: {error}")))?;
        let length = text.len() as u64;
        if length > room {
            let why = format!("it unpacks to more than {LONGEST_UNPACKED} bytes");
            return Err(unreadable(why));
        }
        room -= length;
        files.push((path, text));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, bytes) in files {
            zip.start_file(*path, SimpleFileOptions::default())
                .expect("an entry");
            zip.write_all(bytes).expect("its content");
        }
        zip.finish().expect("a zip file").into_inner()
    }

    #[test]
    fn files_come_with_their_paths() {
        let bytes = zip(&[("1_a.sql", b"SELECT 1".to_vec()), ("down/x", Vec::new())]);
        let files = unpack("m.zip", &bytes).expect("unpacked");
        let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["1_a.sql", "down/x"]);
        assert_eq!(sources(&files)[0].bytes, b"SELECT 1");
    }

    #[test]
    fn what_is_no_zip_file_says_so_with_its_key() {
        let error = unpack("m.zip", b"no zip").expect_err("refused").to_string();
        assert!(error.starts_with("m.zip"), "{error}");
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused_before_it_is_all_in_memory() {
        let long = vec![b' '; LONGEST + 5];
        let names: Vec<String> = (0..34).map(|n| format!("{n}_x.sql")).collect();
        let files = names.iter().map(|name| (name.as_str(), long.clone()));
        let bytes = zip(&files.collect::<Vec<_>>());
        let error = unpack("m.zip", &bytes).expect_err("refused").to_string();
        assert!(error.contains("more than 67108864 bytes"), "{error}");
    }

    #[test]
    fn a_file_that_is_too_long_stays_so_for_who_reads_it() {
        let bytes = zip(&[("1_a.sql", vec![b' '; LONGEST + 500])]);
        let files = unpack("m.zip", &bytes).expect("unpacked");
        assert_eq!(files[0].1.len(), LONGEST + 1);
    }
}
