//! The scripts of the action for GitHub's workflows, without Sluice: what code of crates
//! gets to see as the command is compiled, which ready-made command is taken, and which
//! inputs a removal needs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sluice_domain::digest::Digest;
use sluice_tests::repository;

/// What a step of a job with `id-token: write` and a role's credentials has in its
/// environment.
const OF_THE_JOB: [&str; 14] = [
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_RUNTIME_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_TOKEN",
    "INPUT_COMMAND",
    "SECRET_OF_ANOTHER_NAME",
];

/// A runner whose `cargo` writes down its environment.
struct Runner(PathBuf);

impl Runner {
    fn new(name: &str) -> Self {
        let folder = format!("sluice-install-{}-{name}", std::process::id());
        let runner = Self(std::env::temp_dir().join(folder));
        fs::create_dir_all(runner.file("bin")).expect("a folder");
        let cargo = runner.file("bin/cargo");
        let seen = runner.file("seen");
        fs::write(&cargo, format!("#!/bin/sh\nenv >{}\n", seen.display())).expect("written");
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("executable");
        runner
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs the step's script with these inputs.
    fn install(&self, command: &str, digest: &str) -> Output {
        let mut script = Command::new("bash");
        let path = format!("{}:/usr/bin:/bin", self.file("bin").display());
        script.env_clear();
        for name in OF_THE_JOB {
            script.env(name, "of the job");
        }
        script
            .arg(repository().join("action/install"))
            .env("PATH", path)
            .env("HOME", &self.0)
            .env("https_proxy", "http://proxy.example.com:3128")
            .env("RUNNER_TEMP", &self.0)
            .env("GITHUB_PATH", self.file("path"))
            .env("INPUT_COMMAND", command)
            .env("INPUT_COMMAND_DIGEST", digest);
        script.output().expect("bash runs")
    }

    /// What later steps find commands in.
    fn path(&self) -> Option<String> {
        fs::read_to_string(self.file("path")).ok()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // What stays behind is in a temporary folder.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn told(output: &Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{error}")
}

#[test]
fn crates_are_compiled_with_nothing_of_the_job_but_what_compiling_needs() {
    let runner = Runner::new("compiled");
    let done = runner.install("", "");
    assert!(done.status.success(), "{}", told(&done));
    let seen = fs::read_to_string(runner.file("seen")).expect("cargo ran");
    let names = seen.lines().filter_map(|line| line.split_once('='));
    let names: BTreeSet<&str> = names.map(|(name, _)| name).collect();
    // A shell adds some of its own.
    let own = ["PWD", "OLDPWD", "SHLVL", "_"];
    let given: Vec<&str> = names
        .into_iter()
        .filter(|name| !own.contains(name))
        .collect();
    assert_eq!(given, ["HOME", "PATH", "https_proxy"]);
    let there = runner.file("sluice-command/bin");
    assert_eq!(runner.path(), Some(format!("{}\n", there.display())));
}

#[test]
fn a_ready_made_command_is_taken_by_its_digest_and_nothing_is_compiled() {
    let runner = Runner::new("taken");
    let made = runner.file("made");
    fs::write(&made, "#!/bin/sh\necho sluice\n").expect("written");
    let digest = Digest::of(&fs::read(&made).expect("read"));
    let command = path(&made);
    for expected in [digest.to_string(), digest.hex().to_owned()] {
        let done = runner.install(command, &expected);
        assert!(done.status.success(), "{}", told(&done));
        let run = Command::new(runner.file("sluice-command/bin/sluice")).output();
        assert_eq!(run.expect("it runs").stdout, b"sluice\n");
    }
    assert!(!runner.file("seen").exists(), "cargo ran");
}

#[test]
fn a_ready_made_command_that_is_another_one_or_has_no_digest_ends_the_step() {
    let runner = Runner::new("refused");
    let made = runner.file("made");
    fs::write(&made, "another").expect("written");
    let found = Digest::of(b"another");
    for expected in [Digest::of(b"sluice").to_string(), String::new()] {
        let refused = runner.install(path(&made), &expected);
        assert_eq!(refused.status.code(), Some(2));
        let told = told(&refused);
        assert!(told.contains(found.hex()), "{told}");
        assert!(told.contains(&format!("expected `{expected}`")), "{told}");
        assert!(!runner.file("sluice-command/bin/sluice").exists());
    }
    assert_eq!(runner.path(), None);
}

#[test]
fn a_preview_is_not_removed_without_the_inputs_that_say_which() {
    for (application, preview, missing) in [("", "pr-7", "application"), ("shop", "", "preview")] {
        let mut script = Command::new("bash");
        script
            .arg(repository().join("action/release"))
            .env("INPUT_REMOVE", "true")
            .env("INPUT_APPLICATION", application)
            .env("INPUT_PREVIEW", preview);
        let refused = script.output().expect("bash runs");
        assert_eq!(refused.status.code(), Some(2));
        let told = told(&refused);
        assert!(
            told.contains(&format!("input `{missing}`: found nothing")),
            "{told}"
        );
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
