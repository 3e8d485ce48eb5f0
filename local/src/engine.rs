//! Starts the engine process, waits until it is healthy, and stops it with all
//! that it started.
//!
//! It gets an environment of its own: neither a person's AWS profile nor their
//! proxy settings reach the functions. Its temporary folder, and so the code
//! folders of the functions, lie in the run folder. It keeps everything in
//! memory: when it ends, its buckets and tables are gone.
//!
//! It never listens beyond 127.0.0.1 and is told of no Docker.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Error, Result,
    process::Process,
    workspace::{RunFolder, Workspace, tail},
};

/// The region of the engine.
pub const REGION: &str = "us-east-1";
/// The access key and the secret of the engine's root user.
pub const ROOT_KEY: &str = "test";

/// What runs the engine, in its own Python.
const RUN: &str = include_str!("engine.py");

const HEALTHY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(5);
const ATTEMPTS_FOR_A_PORT: usize = 5;

/// How an engine is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port, or a free one.
    pub port: Option<u16>,
    /// Whether signatures and policies are enforced, as on AWS.
    pub enforce_iam: bool,
    /// What waits of state machines are multiplied with; 0 skips them.
    pub wait_scale: String,
    /// Whatever else its environment is to hold.
    pub more: Vec<(&'static str, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: None,
            enforce_iam: true,
            wait_scale: "1".to_owned(),
            more: Vec::new(),
        }
    }
}

/// An engine that runs.
#[derive(Debug)]
pub struct Engine {
    endpoint: String,
    process: Process,
    child: Option<Child>,
}

impl Engine {
    /// Starts an engine that keeps its files in `run`, and waits until it is healthy.
    ///
    /// It ends when the returned value is dropped, unless [`Engine::leave_running`] is called.
    pub async fn start(workspace: &Workspace, run: &RunFolder, options: &Options) -> Result<Self> {
        let python = workspace.tool("engine", "python")?;
        if let Some(port) = options.port {
            free_port(port)?;
        }
        let mut attempts = ATTEMPTS_FOR_A_PORT;
        loop {
            let port = free_port(options.port.unwrap_or(0))?;
            let mut command = detached(&python, &python);
            command.args(["-c", RUN]);
            let started = Self::start_on(port, command, run, options).await;
            attempts -= 1;
            // Somebody else may have taken the free port meanwhile.
            match started {
                Err(Error::NotStarted { tail, .. })
                    if options.port.is_none()
                        && attempts > 0
                        && tail.contains("already in use") => {}
                other => return other,
            }
        }
    }

    async fn start_on(
        port: u16,
        mut command: Command,
        run: &RunFolder,
        options: &Options,
    ) -> Result<Self> {
        let log = run.log("engine");
        let output = File::create(&log).map_err(Error::files("create", &log))?;
        let errors = output.try_clone().map_err(Error::files("open", &log))?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let child = command
            .env_clear()
            .envs(environment(&endpoint, port, run, options))
            .envs(options.more.iter().cloned())
            .current_dir(run.path())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(Error::files("start", command.get_program()))?;
        let not_started = |found: String| Error::NotStarted {
            found,
            log: log.clone(),
            tail: tail(&log, 15),
        };
        let process =
            Process::find(child.id()).ok_or_else(|| not_started("it ended at once".to_owned()))?;
        let engine = Self {
            endpoint,
            process,
            child: Some(child),
        };
        engine.wait_until_healthy().await.map_err(not_started)?;
        Ok(engine)
    }

    async fn wait_until_healthy(&self) -> std::result::Result<(), String> {
        let deadline = Instant::now() + HEALTHY_WITHIN;
        while !is_healthy(&self.endpoint).await {
            if !self.process.runs() {
                return Err("it ended".to_owned());
            }
            if Instant::now() >= deadline {
                return Err(format!(
                    "no healthy answer in {} s",
                    HEALTHY_WITHIN.as_secs()
                ));
            }
            sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> Process {
        self.process
    }

    /// Stops it and the function processes it started.
    pub async fn stop(mut self) -> Result<()> {
        let stopped = self.process.stop(STOPPED_WITHIN).await;
        self.reap();
        stopped
    }

    /// Lets it run on after this process has ended.
    pub fn leave_running(mut self) {
        self.child = None;
    }

    fn reap(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It has ended: this only takes its entry out of the process table.
            let _ = child.wait();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.process.kill();
            self.reap();
        }
    }
}

/// A command that outlives this process and its terminal.
///
/// It leads its own process group, ignores a hang-up, and gets none of the open
/// files of whoever called this process: a lock, say, that would then be held
/// for as long as the engine runs. Rust can do the latter only with unsafe code.
pub(crate) fn detached(python: &Path, program: &Path) -> Command {
    const SHED_AND_RUN: &str = "import os, signal, sys\n\
        signal.signal(signal.SIGHUP, signal.SIG_IGN)\n\
        os.closerange(3, 65536)\n\
        os.execv(sys.argv[1], sys.argv[1:])";
    let mut command = Command::new(python);
    command
        .args(["-c", SHED_AND_RUN])
        .arg(program)
        .process_group(0);
    command
}

/// Stops an engine that another process started.
pub async fn stop(process: Process) -> Result<()> {
    process.stop(STOPPED_WITHIN).await
}

/// The SDK configuration of the engine's root user: no retries hidden, no TLS.
#[must_use]
pub fn sdk_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new(ROOT_KEY, ROOT_KEY, None, None, "sluice-local");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

/// Whether an engine answers at `endpoint` and is healthy.
pub async fn is_healthy(endpoint: &str) -> bool {
    let Ok(uri) = format!("{endpoint}/_ministack/health").parse() else {
        return false;
    };
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = timeout(Duration::from_secs(5), client.get(uri)).await;
    matches!(answer, Ok(Ok(response)) if response.status().is_success())
}

/// A port of 127.0.0.1 that nobody uses: `wanted`, or any for 0.
pub(crate) fn free_port(wanted: u16) -> Result<u16> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, wanted)))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| Error::Port {
            port: wanted,
            source,
        })
}

fn environment(
    endpoint: &str,
    port: u16,
    run: &RunFolder,
    options: &Options,
) -> Vec<(&'static str, String)> {
    let temporary = run.temporary();
    let within = |name: &str| temporary.join(name).display().to_string();
    vec![
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("LANG", "C.UTF-8".to_owned()),
        // No person's ~/.aws may answer for a function without a role.
        ("HOME", temporary.display().to_string()),
        ("TMPDIR", temporary.display().to_string()),
        ("STATE_DIR", within("state")),
        ("S3_DATA_DIR", within("s3")),
        ("GATEWAY_PORT", port.to_string()),
        ("BIND_HOST", "127.0.0.1".to_owned()),
        // Compiled functions learn from this where their engine is.
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AUTH", options.enforce_iam.to_string()),
        ("SFN_WAIT_SCALE", options.wait_scale.clone()),
        // Listeners on fixed ports that a second engine would fight over.
        ("IOT_MTLS_ENABLED", "0".to_owned()),
        ("SFTP_ENABLED", "0".to_owned()),
        (
            "DOCKER_HOST",
            format!("unix://{}", within("no-docker.sock")),
        ),
        ("PYTHONUNBUFFERED", "1".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_in_the_error() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = free_port(port).unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error}");
    }

    #[test]
    fn everything_the_engine_writes_lies_in_its_run_folder() {
        let run = RunFolder::new("/somewhere/run");
        let environment = environment("http://127.0.0.1:1", 1, &run, &Options::default());
        for name in ["HOME", "TMPDIR", "STATE_DIR", "S3_DATA_DIR"] {
            let (_, value) = environment.iter().find(|(key, _)| *key == name).unwrap();
            assert!(value.starts_with("/somewhere/run/"), "{name} = {value}");
        }
    }

    #[tokio::test]
    async fn an_address_where_nobody_listens_is_not_healthy() {
        let port = free_port(0).unwrap();
        assert!(!is_healthy(&format!("http://127.0.0.1:{port}")).await);
    }
}
