//! The migrations that a bundle brings: a zip file, unpacked in memory.

use std::io::{Cursor, Read as _};

use sluice_domain::migrations::{self as bundle, Migrations};
use zip::ZipArchive;

use crate::read::{LONGEST, MOST, Options, Reading, Source, read};
use crate::refusal::Refusal;
use crate::tool::Tool;

/// The longest zip file that is read, in bytes: text of several times that.
pub const LONGEST_ZIP: u64 = 16 * 1024 * 1024;

/// The most that is unpacked of it, in bytes.
const LONGEST_UNPACKED: u64 = 64 * 1024 * 1024;

/// A file of the archive: its path, and what is in it.
type Unpacked = (String, Vec<u8>);

/// Reads the zip file of a bundle's migrations, as its manifest says. `key` is what people
/// know the file by.
///
/// # Errors
/// With why it can't be unpacked. What is wrong with the files in it stands in the answer.
pub fn read_archive(
    key: &str,
    bytes: &[u8],
    migrations: &Migrations,
) -> Result<Reading, Box<Refusal>> {
    let files = unpack(bytes).map_err(|found| {
        Refusal::of(key, "the file has no migrations that can be read")
            .found(found)
            .expected("a zip file of them")
            .next("pack the folder with `sluice pack`")
    })?;
    let sources = files.iter().map(|(path, bytes)| Source { path, bytes });
    let sources: Vec<Source<'_>> = sources.collect();
    let options = Options {
        tool: migrations.tool.map(Tool::from),
        contract: migrations.contract.clone(),
        whole: true,
    };
    Ok(read(&sources, &options))
}

/// Unpacks an archive. What is longer than any migration may be is cut one byte after
/// that, which says that it is too long.
fn unpack(bytes: &[u8]) -> Result<Vec<Unpacked>, String> {
    if bytes.len() as u64 > LONGEST_ZIP {
        let length = bytes.len();
        return Err(format!(
            "{length} bytes, and at most {LONGEST_ZIP} are read"
        ));
    }
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    if zip.len() > MOST {
        let entries = zip.len();
        return Err(format!("{entries} entries, and at most {MOST} are read"));
    }
    let mut room = LONGEST_UNPACKED;
    let mut files = Vec::new();
    for index in 0..zip.len() {
        let entry = zip.by_index(index).map_err(|error| error.to_string())?;
        if entry.is_dir() {
            continue;
        }
        let path = entry.name().to_owned();
        let mut text = Vec::new();
        let most = (LONGEST as u64 + 1).min(room + 1);
        let read = entry.take(most).read_to_end(&mut text);
        read.map_err(|error| format!("{path}: {error}"))?;
        let length = text.len() as u64;
        if length > room {
            return Err(format!("more than {LONGEST_UNPACKED} bytes once unpacked"));
        }
        room -= length;
        files.push((path, text));
    }
    Ok(files)
}

impl From<bundle::Tool> for Tool {
    fn from(tool: bundle::Tool) -> Self {
        use bundle::Tool as Of;
        match tool {
            Of::Plain => Self::Plain,
            Of::Sqlx => Self::Sqlx,
            Of::Refinery => Self::Refinery,
            Of::Flyway => Self::Flyway,
            Of::Prisma => Self::Prisma,
            Of::Dbmate => Self::Dbmate,
            Of::GolangMigrate => Self::GolangMigrate,
            Of::Diesel => Self::Diesel,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;
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

    /// What the manifest of a bundle says of its migrations.
    fn manifest(more: &[(&str, &str)]) -> Migrations {
        let digest = format!("sha256:{}", "0".repeat(64));
        let mut said = json!({ "zip": { "key": "m.zip", "digest": digest } });
        for (name, value) in more {
            said[name] = serde_json::from_str(value).expect("JSON");
        }
        serde_json::from_value(said).expect("migrations")
    }

    #[test]
    fn files_come_with_their_paths_and_are_read_as_the_manifest_says() {
        let sql = |text: &str| text.as_bytes().to_vec();
        let bytes = zip(&[("1_a.sql", sql("SELECT 1")), ("2_b.sql", sql("SELECT 2"))]);
        let said = manifest(&[("tool", "\"sqlx\""), ("contract", "[\"2_*\"]")]);
        let reading = read_archive("m.zip", &bytes, &said).expect("unpacked");
        assert_eq!(reading.tool, Some(Tool::Sqlx));
        let files = reading.files.iter();
        let files: Vec<(&str, &str)> = files
            .map(|file| (file.path.as_str(), file.phase.name()))
            .collect();
        assert_eq!(files, [("1_a.sql", "expand"), ("2_b.sql", "contract")]);
    }

    #[test]
    fn a_manifest_calls_every_tool_as_the_command_line_does() {
        for tool in Tool::ALL {
            let named = format!("\"{tool}\"");
            let said = manifest(&[("tool", &named)]).tool;
            assert_eq!(said.map(Tool::from), Some(tool));
        }
    }

    #[test]
    fn what_is_no_zip_file_says_so_with_its_key() {
        let refusal = read_archive("m.zip", b"no zip", &manifest(&[])).expect_err("refused");
        let told = refusal.to_string();
        assert!(told.starts_with("m.zip: "), "{told}");
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused_before_it_is_all_in_memory() {
        let long = vec![b' '; LONGEST + 5];
        let names: Vec<String> = (0..34).map(|n| format!("{n}_x.sql")).collect();
        let files = names.iter().map(|name| (name.as_str(), long.clone()));
        let bytes = zip(&files.collect::<Vec<_>>());
        let found = unpack(&bytes).expect_err("refused");
        assert!(found.contains("more than 67108864 bytes"), "{found}");
    }

    #[test]
    fn a_file_that_is_too_long_stays_so_for_who_reads_it() {
        let bytes = zip(&[("1_a.sql", vec![b' '; LONGEST + 500])]);
        let files = unpack(&bytes).expect("unpacked");
        assert_eq!(files[0].1.len(), LONGEST + 1);
    }
}
