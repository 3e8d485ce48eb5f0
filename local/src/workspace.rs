//! Where things are: the checkout, its virtual environments, its run folders.
//!
//! Every engine has a run folder of its own: `.sluice/run` for the one that
//! `up` leaves running, `.sluice/with-<pid>` for those that live as long as a
//! command. Nothing of an engine is written outside its run folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// A checkout of Sluice.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that `SLUICE_ROOT` names, or the one around the working directory.
    pub fn find() -> Result<Self> {
        if let Some(root) = env::var_os("SLUICE_ROOT") {
            return Self::at(Path::new(&root));
        }
        let from = env::current_dir().map_err(Error::files("read", "."))?;
        from.ancestors()
            .find_map(|folder| Self::at(folder).ok())
            .ok_or(Error::NoWorkspace { from })
    }

    /// The checkout whose root is `folder`.
    pub fn at(folder: &Path) -> Result<Self> {
        let is_root =
            folder.join("template.yaml").is_file() && folder.join("local/requirements").is_dir();
        if !is_root {
            return Err(Error::NoWorkspace {
                from: folder.to_owned(),
            });
        }
        let root = folder
            .canonicalize()
            .map_err(Error::files("read", folder))?;
        Ok(Self { root })
    }

    /// The root folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A program of the virtual environment `venv`.
    pub fn tool(&self, venv: &str, program: &str) -> Result<PathBuf> {
        let path = self.venv_bin(venv).join(program);
        if path.is_file() {
            Ok(path)
        } else {
            Err(Error::NoTool { path })
        }
    }

    /// The folder of programs of the virtual environment `venv`.
    #[must_use]
    pub fn venv_bin(&self, venv: &str) -> PathBuf {
        let venvs = env::var_os("SLUICE_VENVS")
            .filter(|value| !value.is_empty())
            .map_or_else(|| self.root.join(".sluice/venv"), PathBuf::from);
        self.root.join(venvs).join(venv).join("bin")
    }

    /// The run folder of the engine that `up` leaves running.
    #[must_use]
    pub fn run(&self) -> RunFolder {
        RunFolder {
            path: self.root.join(".sluice/run"),
        }
    }

    /// A run folder for an engine that this process stops itself.
    #[must_use]
    pub fn own_run(&self) -> RunFolder {
        RunFolder {
            path: self
                .root
                .join(format!(".sluice/with-{}", std::process::id())),
        }
    }

    /// A run folder for a test's engine, which the test stops itself.
    #[must_use]
    pub fn test_run(&self, test: &str) -> RunFolder {
        RunFolder {
            path: self
                .root
                .join(format!(".sluice/with-{}-{test}", std::process::id())),
        }
    }

    /// The run folders of engines whose owner was killed before it could tidy up.
    #[must_use]
    pub fn orphaned_runs(&self) -> Vec<RunFolder> {
        let Ok(entries) = fs::read_dir(self.root.join(".sluice")) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter(|entry| {
                let name = entry.file_name();
                name.to_str()
                    .and_then(|name| name.strip_prefix("with-"))
                    .and_then(|rest| rest.split('-').next()?.parse::<i32>().ok())
                    .is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
            })
            .map(|entry| RunFolder { path: entry.path() })
            .collect()
    }
}

/// The folder that holds everything one engine writes.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder at `path`, wherever that is.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A log file in it.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.log"))
    }

    /// The file that says what runs.
    #[must_use]
    pub fn state_file(&self) -> PathBuf {
        self.path.join("state.json")
    }

    /// Where the engine and the functions put their temporary files.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// Where `sam build` puts what is to be deployed.
    #[must_use]
    pub fn build(&self) -> PathBuf {
        self.path.join("build")
    }

    /// Makes the folder, empty.
    pub fn create(&self) -> Result<()> {
        self.remove()?;
        let temporary = self.temporary();
        fs::create_dir_all(&temporary).map_err(Error::files("create", &temporary))
    }

    /// Deletes the folder and all in it. A folder that is not there is fine.
    pub fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::files("delete", &self.path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// The last lines of a log, for an error message.
#[must_use]
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let all: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_template_is_no_checkout() {
        let error = Workspace::at(Path::new("/proc")).unwrap_err();
        assert!(error.to_string().contains("SLUICE_ROOT"), "{error}");
    }

    #[test]
    fn this_checkout_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        if root.join("template.yaml").exists() {
            let found = Workspace::at(&root).unwrap();
            assert!(found.root().join("local/requirements/engine.txt").exists());
        }
    }
}
