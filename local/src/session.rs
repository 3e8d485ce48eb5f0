//! An engine with Sluice on it, from start to stop.
//!
//! What runs is written to `state.json` in the run folder, so that another
//! process can find it and stop it.

use std::{fs, io::ErrorKind, path::Path, process::Stdio, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    net::TcpStream,
    process::Command,
    time::{Instant, sleep},
};

use crate::{
    Error, Result,
    door::Door,
    engine::{self, Engine, Options, REGION, ROOT_KEY, sdk_config},
    outside::Outside,
    process::Process,
    sam::{self, Outputs, Stack},
    workspace::{RunFolder, Workspace, tail},
};

const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// What runs, as the state file keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Where the engine answers.
    pub endpoint: String,
    /// Where the alias front door answers.
    pub door: String,
    /// Where what is outside of AWS answers; nothing is, in an engine that stays.
    #[serde(default)]
    pub outside: Option<String>,
    /// The engine's process.
    pub engine: Process,
    /// The front door's process, unless it is the one that started the engine.
    pub door_process: Option<Process>,
    /// The name of Sluice's stack.
    pub stack: String,
    /// The outputs of that stack.
    pub outputs: Outputs,
}

impl State {
    /// The state in `run`, if an engine was started there.
    pub fn read(run: &RunFolder) -> Result<Option<Self>> {
        let path = run.state_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::files("read", path)(error)),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|source| Error::State { path, source })
    }

    fn write(&self, run: &RunFolder) -> Result<()> {
        let path = run.state_file();
        let text = serde_json::to_string_pretty(self).map_err(|source| Error::State {
            path: path.clone(),
            source,
        })?;
        fs::write(&path, text + "\n").map_err(Error::files("write", path))
    }

    /// The environment that points a command at this engine.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let fixed = [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", ROOT_KEY),
            ("AWS_SECRET_ACCESS_KEY", ROOT_KEY),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("SLUICE_DOOR_URL", self.door.as_str()),
            ("SLUICE_STACK", self.stack.as_str()),
        ];
        let mut all: Vec<(String, String)> = fixed
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let outside = self.outside.clone();
        all.extend(outside.map(|outside| ("SLUICE_OUTSIDE_URL".to_owned(), outside)));
        all.extend(
            self.outputs
                .iter()
                .map(|(key, value)| (output_variable(key), value.to_owned())),
        );
        all
    }
}

/// `ArtifactsBucket` becomes `SLUICE_ARTIFACTS_BUCKET`.
#[must_use]
pub fn output_variable(key: &str) -> String {
    let mut name = String::from("SLUICE");
    let mut after_lower = true;
    for letter in key.chars() {
        if letter.is_ascii_uppercase() && after_lower {
            name.push('_');
        }
        after_lower = !letter.is_ascii_uppercase();
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// How an engine with Sluice on it is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// How the engine is started.
    pub engine: Options,
    /// ARN patterns of the functions that Sluice may touch on it.
    pub managed_functions: String,
}

/// What [`Session::start`] is doing, for whoever shows progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Functions are compiled.
    Compile,
    /// The engine starts.
    Start,
    /// `sam build`.
    Build,
    /// `sam deploy`.
    Deploy,
}

/// An engine with Sluice on it that ends with this value.
#[derive(Debug)]
pub struct Session {
    run: RunFolder,
    engine: Engine,
    door: Door,
    state: State,
    /// Slack and GitHub, as long as the session lasts.
    _outside: Outside,
}

impl Session {
    /// Starts an engine in `run`, deploys Sluice to it and opens the front door.
    ///
    /// Tells `report` of each step as it begins.
    pub async fn start(
        workspace: &Workspace,
        run: RunFolder,
        setup: &Setup,
        mut report: impl FnMut(Step),
    ) -> Result<Self> {
        report(Step::Compile);
        sam::compile(workspace).await?;
        tidy_orphans(workspace).await;
        run.create()?;
        report(Step::Start);
        let engine = Engine::start(workspace, &run, &setup.engine).await?;
        let door = Door::open(&sdk_config(engine.endpoint()), 0).await?;
        let outside = Outside::open().await?;
        let mut state = State {
            endpoint: engine.endpoint().to_owned(),
            door: door.endpoint().to_owned(),
            outside: Some(outside.endpoint().to_owned()),
            engine: engine.process(),
            door_process: None,
            stack: "sluice".to_owned(),
            outputs: Outputs::new(),
        };
        // Written before the deployment: whoever finds this folder can stop the engine.
        state.write(&run)?;
        let mut stack = Stack::sluice(&run, &setup.managed_functions);
        stack.parameters.extend(outside.parameters());
        state.outputs = deploy(workspace, &run, engine.endpoint(), &stack, report).await?;
        state.write(&run)?;
        Ok(Self {
            run,
            engine,
            door,
            state,
            _outside: outside,
        })
    }

    /// What runs.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The front door.
    #[must_use]
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// The folder of its logs.
    #[must_use]
    pub fn run(&self) -> &RunFolder {
        &self.run
    }

    /// Stops everything and deletes the run folder.
    pub async fn stop(self) -> Result<()> {
        self.end().await?.remove()
    }

    /// Stops everything, moves the logs to `kept` and deletes the rest.
    pub async fn stop_and_keep_logs(self, kept: &Path) -> Result<()> {
        let run = self.end().await?;
        run.keep_logs(kept)?;
        run.remove()
    }

    async fn end(self) -> Result<RunFolder> {
        self.door.close().await;
        self.engine.stop().await?;
        Ok(self.run)
    }
}

/// Starts an engine with Sluice on it that stays when this process ends.
pub async fn up(
    workspace: &Workspace,
    setup: &Setup,
    door_port: Option<u16>,
    mut report: impl FnMut(Step),
) -> Result<State> {
    let run = workspace.run();
    if let Some(state) = State::read(&run)? {
        if state.engine.runs() {
            return Err(Error::AlreadyUp {
                endpoint: state.endpoint,
            });
        }
        down(workspace).await?;
    }
    report(Step::Compile);
    sam::compile(workspace).await?;
    run.create()?;
    report(Step::Start);
    let engine = Engine::start(workspace, &run, &setup.engine).await?;
    let endpoint = engine.endpoint().to_owned();
    let (door, door_process) = spawn_door(workspace, &run, &endpoint, door_port).await?;
    let mut state = State {
        endpoint,
        door,
        outside: None,
        engine: engine.process(),
        door_process: Some(door_process),
        stack: "sluice".to_owned(),
        outputs: Outputs::new(),
    };
    let deployed = async {
        // Written before the deployment: if this process is ended meanwhile,
        // `down` finds what it left.
        state.write(&run)?;
        let stack = Stack::sluice(&run, &setup.managed_functions);
        state.outputs = deploy(workspace, &run, &state.endpoint, &stack, report).await?;
        state.write(&run)
    };
    if let Err(error) = deployed.await {
        door_process.kill();
        return Err(error);
    }
    engine.leave_running();
    Ok(state)
}

/// Stops what [`up`] left running. Returns whether there was anything.
pub async fn down(workspace: &Workspace) -> Result<bool> {
    tidy_orphans(workspace).await;
    stop_run(&workspace.run()).await
}

async fn deploy(
    workspace: &Workspace,
    run: &RunFolder,
    endpoint: &str,
    stack: &Stack,
    mut report: impl FnMut(Step),
) -> Result<Outputs> {
    report(Step::Build);
    sam::build(workspace, run).await?;
    report(Step::Deploy);
    let outputs = sam::deploy(workspace, run, endpoint, stack).await?;
    let reachable = |value: String| function_url(endpoint, &value).unwrap_or(value);
    Ok(outputs
        .into_iter()
        .map(|(key, value)| (key, reachable(value)))
        .collect())
}

/// Where the engine itself serves a function URL, whose own host name resolves
/// to AWS.
fn function_url(endpoint: &str, url: &str) -> Option<String> {
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))?;
    let (id, rest) = host.split_once('.')?;
    rest.starts_with("lambda-url.")
        .then(|| format!("{endpoint}/_aws/lambda-url/{id}/"))
}

async fn stop_run(run: &RunFolder) -> Result<bool> {
    let Some(state) = State::read(run)? else {
        run.remove()?;
        return Ok(false);
    };
    if let Some(door) = state.door_process {
        door.stop(STOPPED_WITHIN).await?;
    }
    engine::stop(state.engine).await?;
    run.remove()?;
    Ok(true)
}

/// Stops engines whose owner was killed before it could. Best effort: an
/// engine that can't be stopped must not keep a new one from starting.
async fn tidy_orphans(workspace: &Workspace) {
    for run in workspace.orphaned_runs() {
        if let Err(error) = stop_run(&run).await {
            tracing::warn!(%error, "a left-over engine could not be tidied up");
        }
    }
}

/// Starts this program once more, as a front door of its own.
async fn spawn_door(
    workspace: &Workspace,
    run: &RunFolder,
    endpoint: &str,
    port: Option<u16>,
) -> Result<(String, Process)> {
    let program = std::env::current_exe().map_err(Error::files("find", "this program"))?;
    let port = engine::free_port(port.unwrap_or(0))?;
    let log = run.log("door");
    let output = fs::File::create(&log).map_err(Error::files("create", &log))?;
    let errors = output.try_clone().map_err(Error::files("open", &log))?;
    let mut child = Command::from(engine::detached(
        &workspace.tool("engine", "python")?,
        &program,
    ))
    .args(["door", "--engine", endpoint, "--port", &port.to_string()])
    .stdin(Stdio::null())
    .stdout(output)
    .stderr(errors)
    .spawn()
    .map_err(Error::files("start", &program))?;
    let not_started = |found: &str| Error::NotStarted {
        found: format!("the alias front door {found}"),
        log: log.clone(),
        tail: tail(&log, 15),
    };
    let process = child
        .id()
        .and_then(Process::find)
        .ok_or_else(|| not_started("ended at once"))?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if !matches!(child.try_wait(), Ok(None)) {
            return Err(not_started("ended"));
        }
        if Instant::now() >= deadline {
            process.kill();
            return Err(not_started("did not listen within 10 s"));
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok((format!("http://127.0.0.1:{port}"), process))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            endpoint: "http://127.0.0.1:1".to_owned(),
            door: "http://127.0.0.1:2".to_owned(),
            outside: None,
            engine: Process { pid: 1, started: 2 },
            door_process: None,
            stack: "sluice".to_owned(),
            outputs: Outputs::from([("ArtifactsBucket".to_owned(), "bucket".to_owned())]),
        }
    }

    #[test]
    fn a_function_url_is_reached_through_the_engine_and_other_outputs_stay() {
        let url = "https://abc123.lambda-url.us-east-1.on.aws/";
        let reached = function_url("http://127.0.0.1:4566", url);
        assert_eq!(
            reached.as_deref(),
            Some("http://127.0.0.1:4566/_aws/lambda-url/abc123/")
        );
        assert_eq!(
            function_url("http://127.0.0.1:4566", "https://example.com/"),
            None
        );
        assert_eq!(
            function_url("http://127.0.0.1:4566", "sluice-artifacts"),
            None
        );
    }

    #[test]
    fn a_state_survives_being_written_and_read() {
        let folder = std::env::temp_dir().join(format!("sluice-state-{}", std::process::id()));
        let run = RunFolder::new(&folder);
        run.create().unwrap();
        state().write(&run).unwrap();
        assert_eq!(State::read(&run).unwrap(), Some(state()));
        run.remove().unwrap();
        assert_eq!(State::read(&run).unwrap(), None);
    }

    #[test]
    fn outputs_become_variables_of_sluice() {
        assert_eq!(
            output_variable("ArtifactsBucket"),
            "SLUICE_ARTIFACTS_BUCKET"
        );
        assert_eq!(output_variable("DeskUrl"), "SLUICE_DESK_URL");
        assert_eq!(output_variable("DeskURL"), "SLUICE_DESK_URL");
        let environment = state().environment();
        assert!(environment.contains(&("SLUICE_ARTIFACTS_BUCKET".into(), "bucket".into())));
    }
}
