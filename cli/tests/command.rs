//! The command `sluice` as a process, as far as it needs no AWS: exit statuses,
//! what stands on which stream, colour.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use serde_json::{Value, json};
use sluice_domain::digest::Digest;

/// `sluice` in an environment of its own, from which no AWS can be reached.
fn sluice(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command
        .args(arguments)
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

fn run(arguments: &[&str]) -> Output {
    sluice(arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn document(output: &Output) -> Value {
    let text = text(&output.stdout);
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A folder with the template of a release, gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn of(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("sluice-command-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("api")).expect("a folder");
        fs::write(folder.join("api/app.py"), "VERSION = 1\n").expect("the code");
        let template = json!({"application": "shop", "functions": {"api": {"zip": "api"}}});
        fs::write(folder.join("release.json"), template.to_string()).expect("the template");
        Self(folder)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }

    fn out(&self) -> PathBuf {
        self.0.join("bundle")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it any more.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The arguments that pack a folder.
fn packing<'a>(folder: &'a Folder, out: &'a Path) -> Vec<&'a str> {
    let out = out.to_str().expect("UTF-8");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let author = "Grace <grace@example.com>";
    let mut arguments = vec!["pack", folder.path(), "--out", out, "--version", "1.1.0"];
    arguments.extend(["--commit", commit, "--author", author]);
    arguments
}

#[test]
fn wrong_usage_ends_with_2_and_says_so_on_standard_error() {
    for line in [
        &[][..],
        &["nonsense"],
        &["watch"],
        &["watch", "shop/prod/x"],
        &["reject", "shop/prod"],
        &["history"],
        &["env", "put", "Shop", "prod", "/dev/null"],
    ] {
        let output = run(line);
        assert_eq!(output.status.code(), Some(2), "{line:?}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{line:?}");
        assert!(!output.stderr.is_empty(), "{line:?}");
    }
}

#[test]
fn a_failure_is_one_document_where_documents_are_asked_for() {
    let output = run(&["env", "put", "Shop", "prod", "/dev/null", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let failure = document(&output);
    assert_eq!(failure["exit"], 2);
    let said = failure["error"].as_str().expect("a sentence");
    assert!(said.contains("found the application `Shop`"), "{said}");
    assert!(text(&output.stderr).contains(said), "{output:?}");
}

#[test]
fn the_help_names_every_exit_status() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for line in [
        "0  promoted",
        "2  wrong usage",
        "3  rolled back",
        "4  rejected",
        "5  stranded",
        "6  refused",
    ] {
        assert!(help.contains(line), "{line}: {help}");
    }
}

#[test]
fn schemas_are_json_for_people_and_machines_alike() {
    for (name, field) in [("manifest", "smoke_tests"), ("settings", "functions")] {
        let output = run(&["schema", name]);
        assert_eq!(output.status.code(), Some(0));
        let schema = document(&output);
        assert!(schema["properties"][field].is_object(), "{schema}");
        assert_eq!(schema["additionalProperties"], false, "{schema}");
        assert_eq!(run(&["schema", name, "--json"]).stdout, output.stdout);
    }
}

#[test]
fn a_packed_bundle_is_the_one_that_is_told_of() {
    let folder = Folder::of("packs");
    let out = folder.out();
    let output = run(&[&packing(&folder, &out)[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = document(&output);
    let manifest = fs::read(out.join("release.json")).expect("the manifest");
    assert_eq!(told["digest"], json!(Digest::of(&manifest)));
    assert_eq!(
        (&told["application"], &told["version"]),
        (&json!("shop"), &json!("1.1.0"))
    );
    let size = fs::metadata(out.join("api.zip")).expect("the code").len();
    assert_eq!(told["files"], json!([{"key": "api.zip", "bytes": size}]));

    let again = run(&packing(&folder, &out));
    let lines = text(&again.stdout);
    assert!(lines.starts_with("shop 1.1.0  bundle "), "{lines}");
    assert!(!lines.contains('\x1b'), "{lines}");
}

#[test]
fn a_folder_that_lacks_something_is_no_bundle() {
    let folder = Folder::of("lacks");
    let out = folder.out();
    let mut arguments = packing(&folder, &out);
    arguments.retain(|argument| !["--version", "1.1.0"].contains(argument));
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("--version"), "{output:?}");
    assert!(!out.exists());
    let output = run(&["release", out.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("release.json"), "{output:?}");
}

#[test]
fn doctor_says_what_is_missing_before_it_asks_anybody() {
    let output = run(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let findings = document(&output);
    assert_eq!(findings[0]["level"], "problem", "{findings}");
    assert_eq!(findings[0]["subject"], "region", "{findings}");
    let mend = findings[0]["mend"].as_str().expect("a way to mend it");
    assert!(mend.contains("AWS_REGION"), "{mend}");
}

#[test]
fn a_reader_that_has_gone_away_is_told_nothing_more() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = sluice(&["schema", "settings"])
        .stdout(writer)
        .output()
        .expect("it runs");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_failure_that_names_what_others_wrote_moves_no_cursor() {
    let output = run(&["env", "check", "shop", "prod", "--file", "\x1b[2Jnone.json"]);
    let told = text(&output.stderr);
    assert!(told.contains("[2Jnone.json"), "{told:?}");
    assert!(!told.contains('\x1b'), "{told:?}");
}

/// What a command writes to a terminal.
fn on_a_terminal(mut command: Command) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("granted");
    unlockpt(&terminal).expect("unlocked");
    let far = ioctl_tiocgptpeer(&terminal, OpenptFlags::RDWR | OpenptFlags::NOCTTY);
    let mut child = command
        .stdout(far.expect("its other end"))
        .spawn()
        .expect("it runs");
    // The other end has to be closed for the reading to end.
    drop(command);
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    let mut terminal = fs::File::from(terminal);
    loop {
        match terminal.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => seen.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Linux's way to say that nobody holds the other end any more.
            Err(_) => break,
        }
    }
    assert!(child.wait().expect("an end").success());
    String::from_utf8(seen).expect("UTF-8")
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let folder = Folder::of("colours");
    let out = folder.out();
    let pack = |variable: Option<(&str, &str)>| {
        let mut command = sluice(&packing(&folder, &out));
        command.env("TERM", "xterm").envs(variable);
        on_a_terminal(command)
    };
    let coloured = pack(None);
    assert!(coloured.contains("\x1b[1mshop 1.1.0\x1b[0m"), "{coloured}");
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = pack(Some(variable));
        assert!(plain.contains("shop 1.1.0  bundle"), "{plain}");
        assert!(!plain.contains('\x1b'), "{variable:?}: {plain}");
    }
}

#[test]
fn a_bundle_is_verified_without_aws_and_refused_with_status_6() {
    let folder = Folder::of("verify");
    let out = folder.out();
    let bundle = out.to_str().expect("UTF-8");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let packed = run(&[
        "pack",
        folder.path(),
        "--out",
        bundle,
        "--version",
        "1.4.0",
        "--commit",
        commit,
        "--author",
        "Ada <ada@example.com>",
    ]);
    assert!(packed.status.success(), "{}", text(&packed.stderr));

    let verified = run(&["verify", bundle, "--json"]);
    assert_eq!(
        verified.status.code(),
        Some(0),
        "{}",
        text(&verified.stdout)
    );
    let document = document(&verified);
    assert_eq!(document["outcome"], "pass");
    let names = document["checks"].as_array().expect("checks").iter();
    let names: Vec<&str> = names.filter_map(|check| check["name"].as_str()).collect();
    assert!(
        names.contains(&"digest") && names.contains(&"package"),
        "{names:?}"
    );

    let zip = files(&out).into_iter().find(|path| path.ends_with(".zip"));
    let zip = zip.expect("a zip file");
    fs::write(out.join(&zip), "other bytes").expect("changed");
    fs::write(out.join("##[add-mask]stray.txt"), "stray").expect("written");
    let refused = run(&["verify", bundle]);
    assert_eq!(refused.status.code(), Some(6), "{}", text(&refused.stderr));
    let table = text(&refused.stdout);
    assert!(
        table.contains("refuse") && table.contains("##[add-mask]stray.txt"),
        "{table}"
    );
    assert!(!table.contains("::error"), "{table}");

    let in_job = sluice(&["verify", bundle])
        .env("GITHUB_ACTIONS", "true")
        .output()
        .expect("it runs");
    let annotation = format!("::error file={bundle}/{zip},title=Sluice%3A digest::found sha256%");
    let annotation = annotation.trim_end_matches('%');
    let told = text(&in_job.stdout);
    assert!(told.contains(annotation), "{told}");
    // A runner takes the name as it is for a command, wherever it stands in a line.
    assert!(told.contains("## [add-mask]stray"), "{told}");
    assert!(!told.contains("##["), "{told}");

    fs::write(out.join("release.json"), "{}").expect("changed");
    let refused = run(&["verify", bundle, "--json"]);
    assert_eq!(refused.status.code(), Some(6), "{}", text(&refused.stdout));
}

/// The paths of all files below a folder, relative to it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(folder).expect("below").to_str();
                found.push(path.expect("UTF-8").to_owned());
            }
        }
    }
    found
}
