//! What is in a Lambda function's zip file, without unpacking it to disk.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use sluice_domain::evidence::Finding;
use zip::ZipArchive;
use zip::read::ZipFile;

use crate::directory::{MOST_ENTRIES, entries};
use crate::links::Links;
use crate::names::{clashes, plain};
use crate::secrets::Scanner;
use crate::text::brief;

/// The most that a function's code may come to, unpacked, in bytes (Lambda quotas:
/// "250 MB, the maximum size of the contents of a deployment package, including layers").
pub const LONGEST_UNPACKED: u64 = 250 * 1024 * 1024;

/// The longest zip file that is looked into, in bytes: what it unpacks to may not be
/// longer than [`LONGEST_UNPACKED`], and the rest is room for what a zip file adds.
pub const LONGEST_ZIP: u64 = 300 * 1024 * 1024;

/// The longest target of a symbolic link, in bytes (Linux, `PATH_MAX`).
const LONGEST_TARGET: u64 = 4096;

/// What is in a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// How many files.
    pub files: usize,
    /// How large they are together, in bytes, as counted.
    pub unpacked: u64,
    /// Files, without folders.
    pub names: BTreeSet<String>,
    /// The file `bootstrap`, if there is one.
    pub bootstrap: Option<Bootstrap>,
    /// What should not be in it.
    pub problems: Vec<String>,
    /// What looks like a secret.
    pub secrets: Vec<Finding>,
}

/// A custom runtime's entry point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Its Unix permissions, where the zip has them.
    pub mode: Option<u32>,
    /// The machine it is compiled for. None: no ELF, a script perhaps.
    pub machine: Option<Machine>,
}

/// What an ELF file is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// `x86_64` to Lambda.
    X86,
    /// `arm64` to Lambda.
    Arm,
    /// Something that Lambda does not run: `e_machine` of the ELF header.
    Other(u16),
}

impl Machine {
    /// As Lambda writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
            Self::Other(_) => "another machine",
        }
    }

    /// What the first bytes of a file say (ELF specification; values of `e_machine`:
    /// 62 is `EM_X86_64`, 183 `EM_AARCH64`).
    fn of(head: &[u8]) -> Option<Self> {
        let machine: [u8; 2] = head.get(18..20)?.try_into().ok()?;
        let is_little = head.get(5) == Some(&1);
        if !head.starts_with(b"\x7fELF") {
            return None;
        }
        let machine = if is_little {
            u16::from_le_bytes(machine)
        } else {
            u16::from_be_bytes(machine)
        };
        Some(match machine {
            62 => Self::X86,
            183 => Self::Arm,
            other => Self::Other(other),
        })
    }
}

impl Package {
    /// Whether a file's name begins so.
    pub(crate) fn has_one_like(&self, start: &str) -> bool {
        let first = self.names.range(start.to_owned()..).next();
        first.is_some_and(|name| name.starts_with(start))
    }
}

/// Why a package can't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// It has no end of a zip file.
    #[error("no zip file: it does not end like one")]
    NoZip,
    /// What it says of its own table of contents does not hold, or is not read.
    #[error("no zip file that can be relied on: its table of contents {0}")]
    Table(&'static str),
    /// Several entries have one name: which of them is unpacked is up to who unpacks.
    #[error("{0} entries for {1} names; each file has to be there once")]
    Twice(usize, usize),
    /// It is a broken zip file.
    #[error("not readable as a zip file: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// It can't be read.
    #[error("not readable: {0}")]
    Read(#[from] std::io::Error),
    /// An entry can't be unpacked.
    #[error("`{name}` can't be unpacked: {error}")]
    Entry {
        /// The entry's name.
        name: String,
        /// What is wrong with it.
        error: std::io::Error,
    },
    /// It is so long that what is in it must be longer than Lambda takes.
    #[error("{0} bytes; Lambda takes {LONGEST_UNPACKED} unpacked")]
    TooLong(u64),
    /// It unpacks to more than Lambda takes.
    #[error("it unpacks to more than {LONGEST_UNPACKED} bytes, Lambda's limit")]
    TooLarge,
    /// It has more entries than are looked at.
    #[error("{0} entries; at most {MOST_ENTRIES} are looked at")]
    TooMany(usize),
}

/// Looks at every entry of a zip file, unpacking each in bounded memory.
///
/// # Errors
/// When it can't be read as a whole, or is larger than Lambda takes.
pub(crate) fn inspect(zip: impl Read + Seek, scanner: &Scanner) -> Result<Package, PackageError> {
    inspect_up_to(LONGEST_UNPACKED, zip, scanner)
}

fn inspect_up_to(
    longest: u64,
    mut zip: impl Read + Seek,
    scanner: &Scanner,
) -> Result<Package, PackageError> {
    let count = entries(&mut zip)?;
    let mut archive = ZipArchive::new(zip)?;
    if archive.len() != count {
        return Err(PackageError::Twice(count, archive.len()));
    }
    let mut package = Package::default();
    let mut links = Links::default();
    let mut folders = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for index in 0..count {
        let entry = archive.by_index(index)?;
        let problem = problem(&entry);
        let name = plain(entry.name()).unwrap_or_else(|| entry.name().to_owned());
        let is_well = problem.is_none();
        package.problems.extend(problem);
        let is_new = match Type::of(&entry) {
            Type::Link => links.add(name.clone(), target(entry)?),
            Type::Folder => {
                package.problems.extend(content_of_folder(entry)?);
                folders.insert(name.clone());
                true
            }
            Type::File => package.add(&name, entry, longest, scanner)?,
        };
        if is_well && !is_new {
            twice.insert(name);
        }
    }
    package.problems.extend(links.problems());
    let clashes = clashes(&package.names, &folders, &twice);
    package.problems.extend(clashes);
    Ok(package)
}

/// What an entry becomes when it is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    File,
    Folder,
    Link,
}

/// The bits of a Unix mode that say what a file is (`S_IFMT` and so on, POSIX `sys/stat.h`).
const TYPE_BITS: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;

impl Type {
    /// What is neither a link nor named like a folder is a file, whatever its mode says.
    fn of<R: Read>(entry: &ZipFile<'_, R>) -> Self {
        match type_bits(entry) {
            LINK => Self::Link,
            _ if entry.is_dir() => Self::Folder,
            _ => Self::File,
        }
    }
}

fn type_bits<R: Read>(entry: &ZipFile<'_, R>) -> u32 {
    entry.unix_mode().unwrap_or(0) & TYPE_BITS
}

impl Package {
    /// Looks at a file. Whether it is the first of its name.
    fn add<R: Read>(
        &mut self,
        name: &str,
        mut entry: ZipFile<'_, R>,
        longest: u64,
        scanner: &Scanner,
    ) -> Result<bool, PackageError> {
        let mode = entry.unix_mode();
        let mut counted = Counted {
            inner: &mut entry,
            left: longest.saturating_sub(self.unpacked),
            is_over: false,
            read: 0,
        };
        let looked = look(name, &mut counted, scanner);
        if counted.is_over {
            return Err(PackageError::TooLarge);
        }
        let (head, secrets) = looked.map_err(|error| PackageError::Entry {
            name: brief(name),
            error,
        })?;
        self.secrets.extend(secrets);
        self.unpacked += counted.read;
        self.files += 1;
        if name == "bootstrap" {
            let machine = Machine::of(&head);
            self.bootstrap = Some(Bootstrap { mode, machine });
        }
        Ok(self.names.insert(name.to_owned()))
    }
}

/// The first bytes of a file, and the secrets in all of it.
fn look(
    name: &str,
    file: &mut impl Read,
    scanner: &Scanner,
) -> std::io::Result<(Vec<u8>, Vec<Finding>)> {
    let mut head = Vec::new();
    Read::take(&mut *file, 64).read_to_end(&mut head)?;
    let secrets = scanner.scan(name, &mut head.as_slice().chain(file))?;
    Ok((head, secrets))
}

/// Counts what is read, and stops at a limit: what an entry says of its own size is not
/// believed.
struct Counted<R> {
    inner: R,
    left: u64,
    is_over: bool,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                self.is_over = true;
                return Err(std::io::Error::other("it is larger than it may be"));
            }
        }
        Ok(read)
    }
}

/// What is wrong with an entry, whatever is in it.
fn problem<R: Read>(entry: &ZipFile<'_, R>) -> Option<String> {
    let name = entry.name();
    let shown = brief(name);
    if name.starts_with('/') || name.contains(['\\', ':']) || plain(name).is_none() {
        return Some(format!("`{shown}` leads up, or out of the package"));
    }
    if name.chars().any(char::is_control) {
        return Some(format!("the name of `{shown}` has control characters"));
    }
    // Where no type is set, the name tells.
    if !matches!(type_bits(entry), 0 | LINK | FOLDER | FILE) {
        return Some(format!(
            "`{shown}` is neither a file nor a folder nor a link"
        ));
    }
    let mode = entry.unix_mode().unwrap_or(0);
    let is_bootstrap = plain(name).as_deref() == Some("bootstrap");
    (is_bootstrap && mode & 0o002 != 0).then(|| {
        format!(
            "`bootstrap` may be written by everybody (mode {:o})",
            mode & 0o777
        )
    })
}

/// What a symbolic link points at.
fn target<R: Read>(entry: ZipFile<'_, R>) -> Result<String, PackageError> {
    let name = brief(entry.name());
    let mut target = String::new();
    let read = entry.take(LONGEST_TARGET + 1).read_to_string(&mut target);
    read.and_then(|_| match target.len() as u64 {
        0..=LONGEST_TARGET => Ok(target),
        _ => Err(std::io::Error::other(
            "the target of a symbolic link is longer than a path may be",
        )),
    })
    .map_err(|error| PackageError::Entry { name, error })
}

/// What is wrong with a folder that has bytes of its own: nobody would look at them.
fn content_of_folder<R: Read>(entry: ZipFile<'_, R>) -> Result<Option<String>, PackageError> {
    let name = brief(entry.name());
    let mut first = Vec::new();
    match entry.take(1).read_to_end(&mut first) {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(format!(
            "the folder `{name}` has content, like a file"
        ))),
        Err(error) => Err(PackageError::Entry { name, error }),
    }
}

#[cfg(test)]
#[path = "package_tests.rs"]
mod tests;
