//! `sluice-local`: the embedded engine as a command.
//!
//! It wires the library to a terminal: arguments, messages, signals and exit
//! statuses. Messages go to standard error, what a script wants to read goes to
//! standard output.

use std::{
    ffi::OsString,
    io::{self, Write},
    process::{ExitCode, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use clap::{Args, Parser, Subcommand};
use sluice_local::{
    Result, demo,
    door::Door,
    engine::{Options, is_healthy, sdk_config},
    session::{self, Session, Setup, State, Step},
    storefront,
    workspace::Workspace,
};
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};
use tracing_subscriber::EnvFilter;

/// Sluice's embedded engine: start it, deploy to it, run commands against it.
#[derive(Debug, Parser)]
#[command(name = "sluice-local", version)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the engine, deploy Sluice to it, and leave it running.
    Up(Up),
    /// Stop the engine that `up` started, and leave nothing behind.
    Down,
    /// Say what runs. Exits with 1 if nothing does.
    Status {
        /// Print the state file as it is.
        #[arg(long)]
        json: bool,
    },
    /// Run only the alias front door, in front of an engine that runs already.
    Door {
        /// The engine's endpoint.
        #[arg(long, env = "AWS_ENDPOINT_URL")]
        engine: String,
        /// The port of 127.0.0.1 to listen on; 0 for any.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Release the storefront twice on an engine of its own: promoted, then
    /// rolled back. Exits with 0 only if both happened.
    Demo {
        #[command(flatten)]
        engine: EngineArgs,
    },
    /// Run a command against an engine of its own, with Sluice deployed.
    With {
        #[command(flatten)]
        engine: EngineArgs,
        #[command(flatten)]
        managed: Managed,
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct Up {
    /// The engine's port; a free one if absent.
    #[arg(long, env = "SLUICE_PORT")]
    port: Option<u16>,
    /// The front door's port; a free one if absent.
    #[arg(long, env = "SLUICE_DOOR_PORT")]
    door_port: Option<u16>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    managed: Managed,
}

#[derive(Debug, Args)]
struct Managed {
    /// The functions that Sluice may touch, as ARN patterns; those of the example
    /// if absent.
    #[arg(
        long = "managed-functions",
        value_name = "PATTERNS",
        env = "SLUICE_MANAGED_FUNCTIONS",
        default_value = storefront::MANAGED_FUNCTIONS,
        hide_default_value = true
    )]
    functions: String,
}

#[derive(Debug, Args)]
struct EngineArgs {
    /// What waits of state machines are multiplied with; 0 skips them.
    #[arg(long, default_value = "1", env = "SLUICE_WAIT_SCALE")]
    wait_scale: String,
    /// Let every signature and every action pass.
    #[arg(long)]
    no_iam: bool,
}

impl EngineArgs {
    fn setup(&self, port: Option<u16>, managed_functions: &str) -> Setup {
        Setup {
            engine: Options {
                port,
                enforce_iam: !self.no_iam,
                wait_scale: self.wait_scale.clone(),
                more: Vec::new(),
            },
            managed_functions: managed_functions.to_owned(),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    match run(Cli::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Up(arguments) => up(&arguments).await,
        Verb::Down => down().await,
        Verb::Status { json } => status(json).await,
        Verb::Door { engine, port } => door(&engine, port).await,
        Verb::Demo { engine } => show(&engine.setup(None, storefront::MANAGED_FUNCTIONS)).await,
        Verb::With {
            engine,
            managed,
            command,
        } => with(&engine.setup(None, &managed.functions), &command).await,
    }
}

async fn up(arguments: &Up) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let setup = arguments
        .engine
        .setup(arguments.port, &arguments.managed.functions);
    let mut steps = Steps::default();
    let state = session::up(&workspace, &setup, arguments.door_port, |step| {
        steps.begin(step)
    })
    .await?;
    steps.end();
    describe(&state);
    Ok(ExitCode::SUCCESS)
}

async fn down() -> Result<ExitCode> {
    let stopped = session::down(&Workspace::find()?).await?;
    eprintln!(
        "{}",
        if stopped {
            "the engine is stopped"
        } else {
            "no engine was running"
        }
    );
    Ok(ExitCode::SUCCESS)
}

async fn status(json: bool) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let Some(state) = State::read(&workspace.run())? else {
        eprintln!("no engine runs; `make up` starts one");
        return Ok(ExitCode::from(1));
    };
    let healthy = state.engine.runs() && is_healthy(&state.endpoint).await;
    if json {
        let text = serde_json::to_string_pretty(&state).unwrap_or_default();
        print(&[text]);
    } else {
        describe(&state);
    }
    if !healthy {
        eprintln!("the engine does not answer; `make down` tidies up");
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

async fn door(engine: &str, port: u16) -> Result<ExitCode> {
    let door = Door::open(&sdk_config(engine), port).await?;
    print(&[door.endpoint().to_owned()]);
    if let Some(mut ends) = Ends::listen() {
        ends.next().await;
    }
    door.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn with(setup: &Setup, command: &[OsString]) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut ends = Ends::listen();
    let session = match start(&workspace, setup, &mut ends).await? {
        Started::Session(session) => session,
        Started::Interrupted(code) => return Ok(code),
    };
    let code = run_command(session.state(), command, &mut ends).await;
    stop(&workspace, *session, code).await
}

async fn show(setup: &Setup) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut ends = Ends::listen();
    let session = match start(&workspace, setup, &mut ends).await? {
        Started::Session(session) => session,
        Started::Interrupted(code) => return Ok(code),
    };
    let code = tokio::select! {
        outcome = demo::run(&workspace, &session) => match outcome {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
        code = interrupted(&mut ends) => code,
    };
    stop(&workspace, *session, code).await
}

enum Started {
    Session(Box<Session>),
    Interrupted(ExitCode),
}

async fn start(workspace: &Workspace, setup: &Setup, ends: &mut Option<Ends>) -> Result<Started> {
    let mut steps = Steps::default();
    let starting = Session::start(workspace, workspace.own_run(), setup, |step| {
        steps.begin(step);
    });
    // Dropping a half-started session ends its engine.
    let session = tokio::select! {
        session = starting => session?,
        code = interrupted(ends) => {
            workspace.own_run().remove()?;
            return Ok(Started::Interrupted(code));
        }
    };
    steps.end();
    Ok(Started::Session(Box::new(session)))
}

/// Stops the engine. If what ran on it failed, its logs stay.
async fn stop(workspace: &Workspace, session: Session, code: ExitCode) -> Result<ExitCode> {
    if code == ExitCode::SUCCESS {
        session.stop().await?;
    } else {
        let logs = workspace.kept_logs();
        session.stop_and_keep_logs(&logs).await?;
        eprintln!("the engine's logs are in {}", logs.display());
    }
    Ok(code)
}

/// Runs the command to its end, or ends it when this process is asked to end.
async fn run_command(state: &State, command: &[OsString], ends: &mut Option<Ends>) -> ExitCode {
    let Some((program, arguments)) = command.split_first() else {
        return ExitCode::from(2);
    };
    let spawned = Command::new(program)
        .args(arguments)
        .envs(state.environment())
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .stdin(Stdio::inherit())
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            eprintln!("error: could not start {}: {error}", program.display());
            return ExitCode::from(127);
        }
    };
    tokio::select! {
        status = child.wait() => status.map_or(ExitCode::FAILURE, exit_code),
        code = interrupted(ends) => {
            end(&mut child).await;
            code
        }
    }
}

/// A terminal's Ctrl-C has reached the command as well; a plain kill has not.
async fn end(child: &mut Child) {
    let process = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(id) = process.and_then(rustix::process::Pid::from_raw) {
        // It may have ended by itself meanwhile.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
    if timeout(Duration::from_secs(10), child.wait())
        .await
        .is_err()
    {
        let _ = child.kill().await;
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The signals that ask this process to end.
struct Ends {
    interrupt: Signal,
    terminate: Signal,
}

impl Ends {
    fn listen() -> Option<Self> {
        let interrupt = signal(SignalKind::interrupt()).ok()?;
        let terminate = signal(SignalKind::terminate()).ok()?;
        Some(Self {
            interrupt,
            terminate,
        })
    }

    async fn next(&mut self) -> ExitCode {
        tokio::select! {
            _ = self.interrupt.recv() => ExitCode::from(130),
            _ = self.terminate.recv() => ExitCode::from(143),
        }
    }
}

async fn interrupted(ends: &mut Option<Ends>) -> ExitCode {
    match ends {
        Some(ends) => ends.next().await,
        None => std::future::pending().await,
    }
}

/// Says on standard error what is being done and how long it took.
#[derive(Default)]
struct Steps {
    current: Option<Instant>,
}

impl Steps {
    fn begin(&mut self, step: Step) {
        self.end();
        let words = match step {
            Step::Compile => "compiling the functions",
            Step::Start => "starting the engine",
            Step::Build => "sam build",
            Step::Deploy => "sam deploy",
        };
        eprint!("{words} … ");
        self.current = Some(Instant::now());
    }

    fn end(&mut self) {
        if let Some(began) = self.current.take() {
            eprintln!("{:.1} s", began.elapsed().as_secs_f64());
        }
    }
}

/// What a person needs to work with the engine; `export` lines can be pasted.
fn describe(state: &State) {
    let mut lines = vec![
        format!("engine      {}", state.endpoint),
        format!("front door  {}", state.door),
    ];
    let width = state.outputs.keys().map(String::len).max().unwrap_or(0);
    lines.extend(
        state
            .outputs
            .iter()
            .map(|(key, value)| format!("{key:<width$}  {value}")),
    );
    lines.push(String::new());
    let environment = state.environment();
    lines.extend(
        environment
            .iter()
            .map(|(name, value)| format!("export {name}={value}")),
    );
    print(&lines);
}

/// Prints lines; a reader that has gone away is no failure.
fn print(lines: &[String]) {
    let mut output = io::stdout().lock();
    for line in lines {
        if writeln!(output, "{line}").is_err() {
            return;
        }
    }
}
