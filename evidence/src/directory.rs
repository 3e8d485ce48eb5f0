//! A zip file's table of contents, looked at before memory is given to it.
//!
//! What reads zip files keeps all of the table in memory, looks for another end record
//! where the last one does not lead to a table, and drops all but the last of several
//! entries with one name. So here it is bounded first: the file ends with its end record,
//! which names a table that lies just before it, with so many entries and no more bytes
//! than are allowed. It has to be one piece that the table's own headers add up to.
//! Zip64, which files within Lambda's limits don't need, is refused.
//!
//! Layout: APPNOTE.TXT of PKWARE, 6.3.10, sections 4.3.12 and 4.3.16.

use std::io::{self, Read, Seek, SeekFrom};

use crate::package::PackageError;

/// How many entries a package may have. Lambda sets no limit; tens of thousands are
/// known from `node_modules`.
pub(crate) const MOST_ENTRIES: usize = 50_000;

/// The longest table that is read, in bytes: more than 600 for each entry, of which a
/// header takes 46 and the rest is names and what else is said of them. In memory each
/// byte may be there three times, and each entry takes some hundred bytes more.
const LONGEST: u64 = 32 * 1024 * 1024;

const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const LONGEST_COMMENT: usize = 0xffff;

const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;

/// What Zip64 puts where the number stands elsewhere.
const ELSEWHERE: u32 = 0xffff_ffff;

/// How many entries a zip file has, by its end record and by its table, which agree.
pub(crate) fn entries(zip: &mut (impl Read + Seek)) -> Result<usize, PackageError> {
    let end = EndRecord::find(zip)?;
    let count = usize::from(end.count);
    if count > MOST_ENTRIES {
        return Err(PackageError::TooMany(count));
    }
    if u64::from(end.length) > LONGEST {
        return Err(PackageError::Table("is longer than what is read of it"));
    }
    if u64::from(end.start) + u64::from(end.length) != end.at {
        return Err(PackageError::Table(
            "does not lie just before its end record",
        ));
    }
    zip.seek(SeekFrom::Start(end.start.into()))?;
    let mut table = io::BufReader::new(zip.take(end.length.into()));
    for _ in 0..count {
        pass_entry(&mut table)?;
    }
    match table.read(&mut [0])? {
        0 => Ok(count),
        _ => Err(PackageError::Table("has more entries than it says")),
    }
}

/// Passes over one entry of the table.
fn pass_entry(table: &mut impl Read) -> Result<(), PackageError> {
    let mut header = [0; ENTRY_LENGTH];
    table.read_exact(&mut header).map_err(cut)?;
    if !header.starts_with(ENTRY) {
        return Err(PackageError::Table("has something else than entries"));
    }
    let lengths = [28, 30, 32].map(|at| u64::from(number(&header, at)));
    let rest: u64 = lengths.iter().sum();
    let passed = io::copy(&mut table.take(rest), &mut io::sink())?;
    if passed < rest {
        return Err(PackageError::Table("is cut off"));
    }
    Ok(())
}

fn cut(error: io::Error) -> PackageError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => PackageError::Table("has fewer entries than it says"),
        _ => error.into(),
    }
}

/// What stands at the end of a zip file.
struct EndRecord {
    /// Where it begins.
    at: u64,
    count: u16,
    /// The table's length, in bytes.
    length: u32,
    /// Where the table begins.
    start: u32,
}

impl EndRecord {
    /// The last one, which the file must end with.
    fn find(zip: &mut (impl Read + Seek)) -> Result<Self, PackageError> {
        let file = zip.seek(SeekFrom::End(0))?;
        let tail = file.min((END_LENGTH + LONGEST_COMMENT) as u64);
        zip.seek(SeekFrom::Start(file - tail))?;
        let mut bytes = Vec::new();
        zip.take(tail).read_to_end(&mut bytes)?;
        let last = bytes.windows(END.len()).rposition(|part| part == END);
        let record = last.and_then(|at| Some((at, bytes.get(at..at + END_LENGTH)?)));
        let Some((at, record)) = record else {
            return Err(PackageError::NoZip);
        };
        let comment = usize::from(number(record, 20));
        if at + END_LENGTH + comment != bytes.len() {
            return Err(PackageError::Table("is followed by what is no comment"));
        }
        let [disk, first_disk, here, count] = [4, 6, 8, 10].map(|at| number(record, at));
        let [length, start] = [12, 16].map(|at| long_number(record, at));
        if start == ELSEWHERE || length == ELSEWHERE || count == u16::MAX {
            return Err(PackageError::Table("is one of Zip64, which is not read"));
        }
        if disk != 0 || first_disk != 0 || here != count {
            return Err(PackageError::Table("lies on several disks"));
        }
        Ok(Self {
            at: file - tail + at as u64,
            count,
            length,
            start,
        })
    }
}

fn number(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn long_number(bytes: &[u8], at: usize) -> u32 {
    u32::from(number(bytes, at)) | u32::from(number(bytes, at + 2)) << 16
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
