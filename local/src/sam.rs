//! Builds and deploys with the real SAM CLI.
//!
//! One cargo build makes all functions; `sam build` then finds each of them
//! fresh and only copies. The template is deployed as it stands: what differs
//! on this machine are values of its parameters.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::Stdio,
};

use aws_sdk_cloudformation::{Client, error::DisplayErrorContext};
use tokio::process::Command;

use crate::{
    Error, Result,
    engine::{REGION, ROOT_KEY, sdk_config},
    workspace::{RunFolder, Workspace, tail},
};

/// The outputs of a stack.
pub type Outputs = BTreeMap<String, String>;

/// What is deployed, and under which name.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The name of the stack.
    pub name: String,
    /// Its template, built or not.
    pub template: PathBuf,
    /// Values for its parameters.
    pub parameters: Vec<(String, String)>,
}

impl Stack {
    /// Sluice itself, as [`build`] left it in `run`, for functions whose ARNs
    /// match these patterns.
    #[must_use]
    pub fn sluice(run: &RunFolder, managed_functions: &str) -> Self {
        Self {
            name: "sluice".to_owned(),
            template: run.build().join("template.yaml"),
            parameters: [
                ("Architecture", architecture().to_owned()),
                ("Endpoint", "plain".to_owned()),
                ("ManagedFunctions", managed_functions.to_owned()),
                // Where the databases of this machine are.
                ("DatabaseHosts", "127.0.0.1".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        }
    }
}

/// This machine's architecture, as Lambda calls it.
#[must_use]
pub fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    }
}

/// Compiles all functions with the quick profile, in one go.
///
/// The compiler's own messages go where this process's do.
pub async fn compile(workspace: &Workspace) -> Result<()> {
    let program = workspace.tool("sam", "cargo-lambda")?;
    let status = Command::new(&program)
        .args(["lambda", "build", "--quiet"])
        .current_dir(workspace.root())
        .env("PATH", path_with(workspace)?)
        .env("CARGO_LAMBDA_COMPILER", "cargo")
        .env("CARGO_LAMBDA_GLOBAL", compile_settings(workspace))
        .kill_on_drop(true)
        .status()
        .await
        .map_err(Error::files("start", &program))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command {
        command: "cargo lambda build".to_owned(),
        status: status.to_string(),
        log: PathBuf::from("(above)"),
        tail: String::new(),
    })
}

/// Runs `sam build` on the compiled functions; the result lies in `run`.
pub async fn build(workspace: &Workspace, run: &RunFolder) -> Result<()> {
    let arguments = [
        OsString::from("build"),
        "--template-file".into(),
        workspace.root().join("template.yaml").into(),
        "--build-dir".into(),
        run.build().into(),
        "--parameter-overrides".into(),
        format!("Architecture={}", architecture()).into(),
    ];
    sam(workspace, run, None, &arguments).await
}

/// Runs `sam deploy` against the engine at `endpoint` and reads the stack's outputs.
pub async fn deploy(
    workspace: &Workspace,
    run: &RunFolder,
    endpoint: &str,
    stack: &Stack,
) -> Result<Outputs> {
    let mut arguments = vec![
        OsString::from("deploy"),
        "--template-file".into(),
        stack.template.clone().into(),
        "--stack-name".into(),
        stack.name.clone().into(),
    ];
    let flags = [
        "--resolve-s3",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-progressbar",
        "--capabilities",
        "CAPABILITY_IAM",
        "CAPABILITY_NAMED_IAM",
    ];
    arguments.extend(flags.map(OsString::from));
    if !stack.parameters.is_empty() {
        arguments.push("--parameter-overrides".into());
        arguments.extend(
            stack
                .parameters
                .iter()
                .map(|(key, value)| format!("{key}={value}").into()),
        );
    }
    sam(workspace, run, Some(endpoint), &arguments).await?;
    outputs(endpoint, &stack.name).await
}

/// The outputs of the stack `name`.
pub async fn outputs(endpoint: &str, name: &str) -> Result<Outputs> {
    let failed = |message: String| Error::Engine {
        action: format!("reading the outputs of the stack {name}"),
        message,
    };
    let description = Client::new(&sdk_config(endpoint))
        .describe_stacks()
        .stack_name(name)
        .send()
        .await
        .map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
    let stack = description
        .stacks()
        .first()
        .ok_or_else(|| failed("there is no such stack".to_owned()))?;
    let pairs = stack.outputs().iter().filter_map(|output| {
        Some((
            output.output_key()?.to_owned(),
            output.output_value()?.to_owned(),
        ))
    });
    Ok(pairs.collect())
}

/// Makes cargo-lambda build what a plain `cargo build --workspace` builds.
fn compile_settings(workspace: &Workspace) -> PathBuf {
    workspace.root().join("local/cargo-lambda.toml")
}

async fn sam(
    workspace: &Workspace,
    run: &RunFolder,
    endpoint: Option<&str>,
    arguments: &[OsString],
) -> Result<()> {
    let program = workspace.tool("sam", "sam")?;
    let verb = arguments
        .first()
        .map(|verb| verb.to_string_lossy().into_owned());
    let log = run.log("sam");
    let (output, errors) = append(&log)?;
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .current_dir(workspace.root())
        .env("PATH", path_with(workspace)?)
        .env("SAM_CLI_TELEMETRY", "0")
        .env("SAM_CLI_POLL_DELAY", "0.25")
        .env("SAM_BUILD_MODE", "debug")
        .env("CARGO_LAMBDA_COMPILER", "cargo")
        .env("CARGO_LAMBDA_GLOBAL", compile_settings(workspace))
        .env("TMPDIR", run.temporary())
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .kill_on_drop(true);
    point_at_engine(&mut command, endpoint);
    let status = command
        .status()
        .await
        .map_err(Error::files("start", &program))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command {
        command: format!("sam {}", verb.unwrap_or_default()),
        status: status.to_string(),
        tail: tail(&log, 25),
        log,
    })
}

/// A person's own AWS settings must not decide where the command goes.
fn point_at_engine(command: &mut Command, endpoint: Option<&str>) {
    for name in [
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_CA_BUNDLE",
    ] {
        command.env_remove(name);
    }
    command
        .env("AWS_ACCESS_KEY_ID", ROOT_KEY)
        .env("AWS_SECRET_ACCESS_KEY", ROOT_KEY)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_REGION", REGION)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    if let Some(endpoint) = endpoint {
        command.env("AWS_ENDPOINT_URL", endpoint);
    }
}

fn append(log: &Path) -> Result<(File, File)> {
    let open = OpenOptions::new().create(true).append(true).open(log);
    let output = open.map_err(Error::files("open", log))?;
    let errors = output.try_clone().map_err(Error::files("open", log))?;
    Ok((output, errors))
}

/// The SAM CLI finds `cargo lambda` on the PATH.
fn path_with(workspace: &Workspace) -> Result<OsString> {
    let bin = workspace.venv_bin("sam");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(bin.clone()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).map_err(|error| {
        Error::files("put on the PATH", bin)(std::io::Error::other(error.to_string()))
    })
}
