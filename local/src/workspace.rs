//! Where things are: the checkout, its virtual environments, its run folders.
//!
//! Every engine has a run folder of its own: `.sluice/run` for the one that
//! `up` leaves running, `.sluice/with-<pid>` for those that live as long as a
//! command. Nothing of an engine is written outside its run folder. Of a command
//! that failed the logs are moved to `.sluice/logs/<pid>`, and stay.

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

    /// Where this process keeps logs that are to outlive its engine.
    #[must_use]
    pub fn kept_logs(&self) -> PathBuf {
        self.root
            .join(format!(".sluice/logs/{}", std::process::id()))
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

    /// Moves the logs to the folder `kept`, in place of what lies there.
    pub fn keep_logs(&self, kept: &Path) -> Result<()> {
        remove(kept)?;
        fs::create_dir_all(kept).map_err(Error::files("create", kept))?;
        let entries = fs::read_dir(&self.path).map_err(Error::files("read", &self.path))?;
        let files = entries.flatten().map(|entry| entry.path());
        for log in files.filter(|file| file.extension().is_some_and(|found| found == "log")) {
            let name = log.file_name().unwrap_or_default();
            fs::rename(&log, kept.join(name)).map_err(Error::files("move", &log))?;
        }
        Ok(())
    }

    /// Deletes the folder and all in it. A folder that is not there is fine.
    pub fn remove(&self) -> Result<()> {
        remove(&self.path)
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::files("delete", folder)(error))
        }
        _ => Ok(()),
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
    fn logs_outlive_their_run_folder_when_they_are_kept() {
        let folder = env::temp_dir().join(format!("sluice-logs-{}", std::process::id()));
        let (run, kept) = (RunFolder::new(folder.join("run")), folder.join("logs/7"));
        run.create().unwrap();
        fs::write(run.log("engine"), "what it said").unwrap();
        fs::write(run.state_file(), "{}").unwrap();
        fs::create_dir_all(&kept).unwrap();
        fs::write(kept.join("sam.log"), "of an older process").unwrap();

        run.keep_logs(&kept).unwrap();
        run.remove().unwrap();

        let names = fs::read_dir(&kept).unwrap().flatten();
        let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["engine.log"]);
        fs::remove_dir_all(folder).unwrap();
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
