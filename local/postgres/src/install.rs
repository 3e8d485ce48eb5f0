//! Where the programs are, and as whom they run.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::{Error, Result};

const PASSWD: &str = "/etc/passwd";

/// The programs, where the user who runs them can reach them.
pub(crate) struct Installation {
    folder: PathBuf,
    user: Option<User>,
    /// A copy that goes with the server.
    _copy: Option<TempDir>,
}

/// Who runs the server when this is run by root.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct User {
    pub(crate) id: u32,
    pub(crate) group: u32,
}

impl Installation {
    /// Finds the programs, and copies them for another user where that one can't go.
    pub(crate) fn find() -> Result<Self> {
        let folder = env::var_os("SLUICE_POSTGRES").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.sluice/postgres"),
            PathBuf::from,
        );
        if !folder.join("bin/postgres").is_file() {
            return Err(Error::NotInstalled { folder });
        }
        let folder = folder
            .canonicalize()
            .map_err(Error::files("find", &folder))?;
        let user = if is_root()? {
            let passwd = fs::read_to_string(PASSWD).map_err(Error::files("read", PASSWD))?;
            Some(unprivileged(&passwd).ok_or(Error::NoUser { passwd: PASSWD })?)
        } else {
            None
        };
        if user.is_none() || folder.ancestors().all(open_to_all) {
            return Ok(Self {
                folder,
                user,
                _copy: None,
            });
        }
        let copy = temporary("programs", user)?;
        let programs = copy.path().join("postgres");
        let copied = Command::new("cp")
            .args(["--recursive", "--preserve=links,mode"])
            .args([&folder, &programs])
            .status();
        match copied {
            Ok(status) if status.success() => Ok(Self {
                folder: programs,
                user,
                _copy: Some(copy),
            }),
            Ok(status) => Err(std::io::Error::other(status.to_string())),
            Err(error) => Err(error),
        }
        .map_err(Error::files("copy", folder))
    }

    /// A program, run as the user who may do nothing else.
    pub(crate) fn command(&self, program: &str) -> Command {
        self.as_user(Command::new(self.program(program)))
    }

    /// Where a program is.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// Has a command run as the user of the server.
    pub(crate) fn as_user(&self, mut command: Command) -> Command {
        if let Some(user) = self.user {
            command.uid(user.id).gid(user.group);
        }
        // A person's own settings of PostgreSQL are not the tests'.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(name);
            }
        }
        command.current_dir("/").env("LC_ALL", "C");
        command
    }

    /// A folder that belongs to the user of the server and goes with the value.
    pub(crate) fn folder(&self) -> Result<TempDir> {
        temporary("server", self.user)
    }

    /// Gives a file to the user of the server.
    pub(crate) fn give(&self, path: &Path) -> Result<()> {
        give(path, self.user)
    }
}

fn temporary(what: &str, user: Option<User>) -> Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("sluice-postgres-{what}-"))
        .tempdir()
        .map_err(Error::files("make a folder in", env::temp_dir()))?;
    give(folder.path(), user)?;
    Ok(folder)
}

fn give(path: &Path, user: Option<User>) -> Result<()> {
    user.map_or(Ok(()), |user| {
        std::os::unix::fs::chown(path, Some(user.id), Some(user.group))
            .map_err(Error::files("give away", path))
    })
}

/// Whether this process is root: what it makes belongs to it.
fn is_root() -> Result<bool> {
    let own = tempfile::tempfile()
        .and_then(|file| file.metadata())
        .map_err(Error::files("make a file in", env::temp_dir()))?;
    Ok(own.uid() == 0)
}

fn open_to_all(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
}

fn unprivileged(passwd: &str) -> Option<User> {
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(User {
            id: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_runs_the_server_as_postgres_or_else_as_nobody() {
        let both = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:\npostgres:x:101:104::/:\n";
        let one = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:\n";

        assert_eq!(
            unprivileged(both),
            Some(User {
                id: 101,
                group: 104
            })
        );
        assert_eq!(
            unprivileged(one),
            Some(User {
                id: 65534,
                group: 65534
            })
        );
        assert_eq!(unprivileged("root:x:0:0::/:/bin/sh\n"), None);
    }
}
