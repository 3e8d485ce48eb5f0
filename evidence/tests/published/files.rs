//! The lists, and the files themselves.

use std::path::PathBuf;

/// Stands for a format where a file is refused.
pub(crate) const REFUSED: &str = "refused";

/// A line of `files.txt`.
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) format: String,
    /// What it says, or a part of why it is refused.
    pub(crate) says: String,
}

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.starts_with('#'))
}

pub(crate) fn listed() -> Vec<Listed> {
    let listed = |line: &str| {
        let fields: Vec<&str> = line.split(" | ").collect();
        let [_tool, name, format, says] = fields[..] else {
            panic!("four fields are expected: {line}");
        };
        Listed {
            name: name.to_owned(),
            format: format.to_owned(),
            says: says.to_owned(),
        }
    };
    lines(include_str!("files.txt")).map(listed).collect()
}

/// Name and version of each package.
pub(crate) fn packages() -> Vec<String> {
    let package = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        format!("{}-{}", fields[1], fields[2])
    };
    lines(include_str!("packages.txt")).map(package).collect()
}

/// The bytes of a file. None only where a person said that there is no network.
pub(crate) fn bytes(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("SLUICE_PUBLISHED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.sluice/published")),
        PathBuf::from,
    );
    let path = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if std::env::var("SLUICE_OFFLINE").as_deref() == Ok("1") => {
            eprintln!("SLUICE_OFFLINE=1: left out {}: {error}", path.display());
            None
        }
        Err(error) => panic!("{}: {error}; get it with `make published`", path.display()),
    }
}
