//! A server of one's own.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificate::Certificate;
use crate::install::Installation;
use crate::{Error, Result};

/// How long a server may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often another port is tried when a program took one in between.
const PORTS: usize = 5;
const SUPERUSER: &str = "sluice";
/// Ends the server, and takes its files away, when whoever started it has gone, however
/// that happened: then nobody holds the other end of its input.
const GUARDIAN: &str = "\"$@\" & server=$!; read -r word; kill -QUIT $server 2>/dev/null; wait; \
                        [ \"$word\" = keep ] || rm -rf \"$0\"";

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Sessions are ended and transactions rolled back, then all is written.
    Fast,
    /// Everything ends at once. The next start recovers from the log.
    Crash,
}

impl Ending {
    fn signal(self) -> &'static str {
        match self {
            Self::Fast => "-INT",
            Self::Crash => "-QUIT",
        }
    }
}

/// A PostgreSQL server on 127.0.0.1, with a port, a password and a certificate of its own.
///
/// It ends, and its files go, when the value is dropped or the process ends.
pub struct Server {
    installation: Installation,
    folder: TempDir,
    password: String,
    authority: String,
    port: u16,
    settings: Vec<(String, String)>,
    guardian: Option<Child>,
}

impl Server {
    /// Starts an empty server.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts an empty server with settings as `postgresql.conf` would have them.
    pub fn start_with(settings: &[(&str, &str)]) -> Result<Self> {
        let installation = Installation::find()?;
        let folder = installation.folder()?;
        let mut server = Self {
            installation,
            folder,
            password: format!("{:032x}", rand::random::<u128>()),
            authority: String::new(),
            port: 0,
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            guardian: None,
        };
        server.initialize()?;
        server.certify()?;
        server.launch()?;
        Ok(server)
    }

    /// The address of one of its databases, as the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }

    /// The port on 127.0.0.1. Another one after a restart, if that one was taken meanwhile.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority that signed its certificate, in PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Where its files are.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Ends the server and starts it again on its files.
    pub fn restart(&mut self, ending: Ending) -> Result<()> {
        self.stop(ending)?;
        self.launch()
    }

    /// Ends the server. Its files stay.
    pub fn stop(&mut self, ending: Ending) -> Result<()> {
        if let Some(pid) = self.pid() {
            let _ = Command::new("kill").args([ending.signal(), &pid]).status();
            let begun = Instant::now();
            while self.pid().is_some() && begun.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.dismiss()
    }

    /// Bounds the files that sessions write from now on, in bytes, as a disk does that is
    /// full; `None` lifts it. Needs `prlimit`, of util-linux.
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--fsize={limit}:"))
            .arg("--pid")
            .arg(self.pid().unwrap_or_default());
        let done = self.installation.as_user(command).status();
        match done {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(std::io::Error::other(status.to_string())),
            Err(error) => Err(error),
        }
        .map_err(Error::files("run", "prlimit"))
    }

    /// Starts the server on its files.
    pub fn launch(&mut self) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.try_launch() {
                Err(Error::NotStarted { tail, .. })
                    if attempt < PORTS && tail.contains("could not bind") =>
                {
                    self.port = 0;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    fn initialize(&self) -> Result<()> {
        let password = self.folder.path().join("password");
        fs::write(&password, &self.password).map_err(Error::files("write", &password))?;
        self.installation.give(&password)?;
        let output = self
            .installation
            .command("initdb")
            .arg("--pgdata")
            .arg(self.data())
            .arg("--pwfile")
            .arg(&password)
            .args(["--username", SUPERUSER, "--auth=scram-sha-256"])
            .args(["--encoding=UTF8", "--locale-provider=builtin"])
            .args(["--builtin-locale=C.UTF-8", "--locale=C"])
            .args(["--no-sync", "--no-instructions"])
            // A password of 128 random bits needs no slow hash, and tests log in often.
            .args(["--set", "scram_iterations=1"])
            .output()
            .map_err(Error::files("run", self.installation.program("initdb")))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(Error::Initdb {
                status: output.status.to_string(),
                output: String::from_utf8_lossy(&output.stderr).into_owned(),
            })
        }
    }

    fn certify(&mut self) -> Result<()> {
        let certificate = Certificate::new()?;
        for (name, text) in [
            ("server.crt", certificate.chain),
            ("server.key", certificate.key),
        ] {
            let path = self.data().join(name);
            private(&path, text.as_bytes()).map_err(Error::files("write", &path))?;
            self.installation.give(&path)?;
        }
        self.authority = certificate.authority;
        Ok(())
    }

    fn try_launch(&mut self) -> Result<()> {
        if self.port == 0 {
            self.port = free_port()?;
        }
        let log = self.folder.path().join("log");
        let output = fs::File::create(&log).map_err(Error::files("write", &log))?;
        let errors = output.try_clone().map_err(Error::files("write", &log))?;
        let mut guardian = Command::new("sh");
        guardian
            .args(["-c", GUARDIAN])
            .arg(self.folder.path())
            .arg(self.installation.program("postgres"))
            .arg("-D")
            .arg(self.data());
        let own = [
            ("port", self.port.to_string()),
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", String::new()),
            ("ssl", "on".to_owned()),
            // What a test writes need not outlive the machine.
            ("fsync", "off".to_owned()),
        ];
        for (name, value) in own {
            guardian.arg("-c").arg(format!("{name}={value}"));
        }
        for (name, value) in &self.settings {
            guardian.arg("-c").arg(format!("{name}={value}"));
        }
        guardian.stdin(Stdio::piped()).stdout(output).stderr(errors);
        let child = self
            .installation
            .as_user(guardian)
            .spawn()
            .map_err(Error::files("run", "sh"))?;
        self.guardian = Some(child);
        self.await_ready(&log)
    }

    /// The server writes how it stands into the last line of its own file.
    fn await_ready(&mut self, log: &Path) -> Result<()> {
        let file = self.data().join("postmaster.pid");
        let begun = Instant::now();
        loop {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if text
                .lines()
                .nth(7)
                .is_some_and(|line| line.trim() == "ready")
            {
                return Ok(());
            }
            let written = fs::read_to_string(log).unwrap_or_default();
            let found = if written.contains("FATAL:") && text.is_empty() {
                "it ended".to_owned()
            } else if begun.elapsed() > PATIENCE {
                format!("it was not ready after {} s", PATIENCE.as_secs())
            } else {
                thread::sleep(Duration::from_millis(5));
                continue;
            };
            self.dismiss()?;
            let lines: Vec<&str> = written.lines().rev().take(20).collect();
            let tail = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
            return Err(Error::NotStarted { found, tail });
        }
    }

    fn pid(&self) -> Option<String> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        text.lines().next().map(str::to_owned)
    }

    /// Ends what still runs, and waits for it.
    fn dismiss(&mut self) -> Result<()> {
        let Some(mut guardian) = self.guardian.take() else {
            return Ok(());
        };
        if let Some(mut input) = guardian.stdin.take() {
            // One that has gone by itself kept the files as well.
            let _ = input.write_all(b"keep\n");
        }
        guardian
            .wait()
            .map(|_| ())
            .map_err(Error::files("wait for", "sh"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to hear of it.
        let _ = self.stop(Ending::Crash);
    }
}

fn private(path: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?
        .write_all(text)
}

fn free_port() -> Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(Error::files("find a port on", "127.0.0.1"))
}
