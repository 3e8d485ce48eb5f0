use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A folder that ends with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "sluice-pack-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).expect("a folder");
        folder
    }

    fn with(self, name: &str, text: &str) -> Self {
        write(&self.0.join(name), text.as_bytes()).expect("a file");
        self
    }

    fn pack(&self) -> Result<Bundle> {
        Bundle::pack(&self.0, &Given::default(), Some(facts()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn facts() -> Facts {
    Facts {
        commit: "0123456789012345678901234567890123456789".into(),
        author: Person {
            name: "Ada".into(),
            email: "ada@example.com".into(),
        },
        co_authors: vec![Person {
            name: "Bob".into(),
            email: "bob@example.com".into(),
        }],
        contributors: vec![Person {
            name: "Eve".into(),
            email: "eve@example.com".into(),
        }],
        cut: None,
        origin: origin("main"),
        is_dirty: false,
    }
}

fn origin(branch: &str) -> Origin {
    Origin {
        branch: Some(branch.to_owned()),
        tag: None,
    }
}

const TEMPLATE: &str = r#"{"application": "shop", "version": "1.1.0", "functions": {"checkout": {"zip": "checkout"}}}"#;

fn shop() -> Folder {
    Folder::new()
        .with("release.json", TEMPLATE)
        .with("checkout/bootstrap", "#!/bin/sh")
        .with("checkout/lib/b.py", "b")
        .with("checkout/a.py", "a")
}

#[test]
fn a_template_becomes_a_manifest_with_digests_and_the_facts_of_git() {
    let bundle = shop().pack().expect("packed");
    let zip = bundle.manifest.functions["checkout"]
        .zip
        .clone()
        .expect("a zip");
    assert_eq!(zip.key, "checkout.zip");
    assert_eq!(zip.digest, Digest::of(&bundle.files["checkout.zip"]));
    assert_eq!(
        (bundle.manifest.schema, bundle.manifest.commit),
        (1, facts().commit)
    );
    assert_eq!(
        (bundle.manifest.author, bundle.manifest.co_authors),
        (facts().author, facts().co_authors)
    );
    assert_eq!(bundle.manifest.contributors, facts().contributors);
}

#[test]
fn everybody_who_wrote_or_merged_since_the_last_tag_is_a_contributor() {
    let folder = history();
    assert_eq!(
        known(&folder, None),
        emails(&["ada", "bob", "eve", "merger"])
    );
    assert_eq!(known(&folder, Some("HEAD^")), emails(&["eve", "merger"]));
}

/// A checkout with a tag, and what Ada, Bob and Eve wrote since.
fn history() -> Folder {
    let folder = shop();
    let commit = |person: &str, message: &str| {
        let commit = ["commit", "-q", "--allow-empty", "-m", message];
        run_git(&folder, &commit, person);
    };
    run_git(&folder, &["init", "-q"], "ada");
    commit("before", "long ago");
    run_git(&folder, &["tag", "v1.0.0"], "ada");
    commit("ada", "one\n\nCo-authored-by: Bob <bob@example.com>");
    commit("eve", "two");
    folder
}

fn run_git(folder: &Folder, arguments: &[&str], person: &str) {
    let done = std::process::Command::new("git")
        .arg("-C")
        .arg(&folder.0)
        .args(arguments)
        .envs([
            ("GIT_AUTHOR_NAME", person),
            ("GIT_AUTHOR_EMAIL", &format!("{person}@example.com")),
            ("GIT_COMMITTER_NAME", "Merger"),
            ("GIT_COMMITTER_EMAIL", "merger@example.com"),
        ])
        .output()
        .expect("git");
    assert!(done.status.success(), "{done:?}");
}

fn read_facts(folder: &Folder, since: Option<&str>) -> Facts {
    let facts = Facts::read(&folder.0, since).expect("all that was asked for");
    facts.expect("a checkout")
}

/// The addresses of the contributors.
fn known(folder: &Folder, since: Option<&str>) -> BTreeSet<String> {
    let people = read_facts(folder, since).contributors.into_iter();
    people.map(|person| person.email).collect()
}

fn emails(names: &[&str]) -> BTreeSet<String> {
    let names = names.iter();
    names.map(|name| format!("{name}@example.com")).collect()
}

#[test]
fn a_release_before_that_git_does_not_know_is_refused_and_no_release_without_contributors() {
    let folder = history();
    for since in ["v9.9.9", "--all", ""] {
        let error = Facts::read(&folder.0, Some(since)).expect_err("refused");
        assert_eq!(error.exit(), crate::error::Exit::Usage, "{since}");
        let error = error.to_string();
        let found = format!("--since: found `{since}`");
        assert!(
            error.starts_with(&found) && error.contains("`fetch-depth: 0`"),
            "{error}"
        );
    }
    let folder = shop();
    assert_eq!(Facts::read(&folder.0, None).expect("nobody to ask"), None);
    let error = Facts::read(&folder.0, Some("v1.0.0")).expect_err("no checkout");
    assert!(error.to_string().contains("no git history"), "{error}");
}

#[test]
fn a_shallow_checkout_says_whom_it_does_not_know_and_how_to_get_the_rest() {
    let folder = history();
    let shallow = Folder::new();
    let from = format!("file://{}", folder.0.display());
    run_git(&shallow, &["clone", "-q", "--depth=1", &from, "."], "ada");
    let shallow = shallow
        .with("release.json", TEMPLATE)
        .with("checkout/a.py", "a");
    let facts = read_facts(&shallow, None);
    assert_eq!(facts.cut, Some(Cut::Tag));
    assert_eq!(known(&shallow, None), emails(&["eve", "merger"]));
    let told = |text: &str| {
        let shallow = shop().with("release.json", text);
        let bundle = Bundle::pack(&shallow.0, &Given::default(), Some(facts.clone()));
        let notes = bundle.expect("packed").notes.join("\n");
        notes.contains("only the people of the last commit") && notes.contains("`fetch-depth: 0`")
    };
    assert!(told(TEMPLATE));
    let named = r#"{"contributors": [{"name": "Bob", "email": "bob@example.com"}], "#;
    assert!(told(&TEMPLATE.replacen('{', named, 1)));

    // Known by itself, a tag says nothing of the commits since then.
    let tag = "refs/tags/v1.0.0:refs/tags/v1.0.0";
    run_git(
        &shallow,
        &["fetch", "-q", "--depth=1", "origin", tag],
        "ada",
    );
    let error = Facts::read(&shallow.0, Some("v1.0.0")).expect_err("refused");
    assert!(error.to_string().contains("lacks commits"), "{error}");
    run_git(&shallow, &["fetch", "-q", "--unshallow", "--tags"], "ada");
    assert_eq!(read_facts(&shallow, None).cut, None);
    let all = emails(&["ada", "bob", "eve", "merger"]);
    assert_eq!(known(&shallow, None), all);
    assert_eq!(known(&shallow, Some("v1.0.0")), all);
}

#[test]
fn more_contributors_than_a_manifest_names_are_refused_and_not_cut() {
    let folder = shop();
    let packed = |count: usize| {
        let people = (0..count).map(|number| Person {
            name: "Eve".into(),
            email: format!("eve{number}@example.com"),
        });
        let facts = Facts {
            contributors: people.collect(),
            ..facts()
        };
        Bundle::pack(&folder.0, &Given::default(), Some(facts))
    };
    let most = packed(500).expect("packed").manifest.contributors;
    assert_eq!(most.len(), 500);
    let error = packed(501).expect_err("refused");
    assert_eq!(error.exit(), crate::error::Exit::Usage);
    let error = error.to_string();
    assert!(
        error.contains("found 501 people") && error.contains("--since"),
        "{error}"
    );
}

#[test]
fn the_same_files_give_the_same_bytes_whenever_and_wherever_they_are_packed() {
    let (one, two) = (shop(), shop());
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options()
        .write(true)
        .open(two.0.join("checkout/a.py"))
        .expect("open")
        .set_modified(old)
        .expect("aged");
    assert_eq!(one.pack().expect("packed"), two.pack().expect("packed"));
}

#[test]
fn entries_are_sorted_and_bootstrap_may_be_run_whatever_its_mode_was() {
    let bundle = shop().pack().expect("packed");
    let bytes = std::io::Cursor::new(bundle.files["checkout.zip"].clone());
    let mut zip = zip::ZipArchive::new(bytes).expect("a zip");
    let names: Vec<String> = zip.file_names().map(str::to_owned).collect();
    assert_eq!(names, ["a.py", "bootstrap", "lib/b.py"]);
    let mode = |name: &str, zip: &mut zip::ZipArchive<_>| {
        zip.by_name(name)
            .expect("there")
            .unix_mode()
            .expect("a mode")
            & 0o777
    };
    assert_eq!(mode("bootstrap", &mut zip), 0o755);
    assert_eq!(mode("a.py", &mut zip), 0o644);
}

#[test]
fn a_missing_directory_is_refused_with_its_place_and_path() {
    let error = Folder::new()
        .with("release.json", TEMPLATE)
        .pack()
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("functions.checkout.zip: can't read") && error.contains("checkout"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_no_zip_and_an_empty_directory_are_refused() {
    let file = Folder::new()
        .with("release.json", TEMPLATE)
        .with("checkout", "code");
    assert!(
        file.pack()
            .expect_err("refused")
            .to_string()
            .contains("expected a directory or a .zip file")
    );
    let empty = Folder::new().with("release.json", TEMPLATE);
    fs::create_dir(empty.0.join("checkout")).expect("a folder");
    assert!(
        empty
            .pack()
            .expect_err("refused")
            .to_string()
            .contains("is empty")
    );
}

#[test]
fn a_link_out_of_the_directory_is_refused() {
    let folder = shop();
    std::os::unix::fs::symlink("/etc/hostname", folder.0.join("checkout/link")).expect("a link");
    assert!(
        folder
            .pack()
            .expect_err("refused")
            .to_string()
            .contains("neither a file nor a link")
    );
}

#[test]
fn missing_evidence_is_refused_and_present_evidence_gets_its_digest() {
    let template = r#"{"application": "shop", "version": "1.1.0", "functions": {"checkout": {"zip": "checkout"}},
        "evidence": [{"kind": "junit", "key": "reports/junit.xml"}]}"#;
    let folder = shop().with("release.json", template);
    assert!(
        folder
            .pack()
            .expect_err("refused")
            .to_string()
            .contains("evidence[0]: can't read")
    );
    let bundle = folder
        .with("reports/junit.xml", "<x/>")
        .pack()
        .expect("packed");
    assert_eq!(bundle.manifest.evidence[0].digest, Digest::of(b"<x/>"));
    assert!(bundle.files.contains_key("reports/junit.xml"));
}

#[test]
fn without_git_the_command_line_must_name_commit_and_author() {
    let folder = shop();
    let error = Bundle::pack(&folder.0, &Given::default(), None).expect_err("refused");
    assert!(error.to_string().contains("pass --commit"), "{error}");
    let given = Given {
        commit: Some("a".repeat(40)),
        author: Some(facts().author),
        version: Some(Version::new(2, 0, 0)),
        ..Given::default()
    };
    let bundle = Bundle::pack(&folder.0, &given, None).expect("packed");
    assert_eq!(
        (bundle.manifest.version, bundle.manifest.commit),
        (Version::new(2, 0, 0), "a".repeat(40))
    );
}

#[test]
fn an_invalid_manifest_is_refused_with_its_field() {
    let folder = shop().with(
        "release.json",
        &TEMPLATE.replace("\"functions\"", "\"smoke\": 1, \"functions\""),
    );
    assert!(
        folder
            .pack()
            .expect_err("refused")
            .to_string()
            .contains("unknown field `smoke`")
    );
}

#[test]
fn a_packed_folder_is_opened_as_it_is_and_a_changed_artifact_is_refused() {
    let (folder, out) = (shop(), Folder::new());
    let bundle = folder.pack().expect("packed");
    bundle.write(&out.0).expect("written");
    let opened = Bundle::open(&out.0, &Given::default()).expect("opened");
    assert_eq!(
        (opened.digest(), &opened.files),
        (bundle.digest(), &bundle.files)
    );
    let other = Given {
        version: Some("9.9.9".parse().expect("a version")),
        ..Given::default()
    };
    let error = Bundle::open(&out.0, &other).expect_err("refused");
    assert_eq!(error.exit(), crate::error::Exit::Usage);
    let error = error.to_string();
    assert!(error.contains("9.9.9 was given; pack again"), "{error}");
    write(&out.0.join("checkout.zip"), b"other").expect("written");
    let error = Bundle::open(&out.0, &Given::default())
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("checkout.zip has digest") && error.contains("pack it again"),
        "{error}"
    );
}

#[test]
fn a_template_is_not_overwritten_by_its_bundle() {
    let folder = shop();
    let error = folder
        .pack()
        .expect("packed")
        .write(&folder.0)
        .expect_err("refused")
        .to_string();
    assert!(error.contains("name another folder with --out"), "{error}");
}

#[test]
fn people_are_read_as_git_writes_them() {
    assert_eq!(git::person("Ada <ada@example.com>"), Some(facts().author));
    for text in [
        "Ada",
        "<ada@example.com>",
        "Ada <ada>",
        "Ada <ada@example.com",
    ] {
        assert_eq!(git::person(text), None, "{text}");
    }
}

#[test]
fn the_branch_is_the_command_lines_or_the_build_systems_or_the_templates_or_gits() {
    let folder = shop();
    let packed = |folder: &Folder, given: &Given| {
        let bundle = Bundle::pack(&folder.0, given, Some(facts())).expect("packed");
        (bundle.manifest.branch, bundle.manifest.tag)
    };
    let branch = |name: &str| (Some(name.to_owned()), None);
    let mut given = Given::default();
    assert_eq!(packed(&folder, &given), branch("main"));

    // The build system knows all of it: git's branch does not stand beside its tag.
    given.build.tag = Some("v1.1.0".to_owned());
    assert_eq!(packed(&folder, &given), (None, given.build.tag.clone()));
    given.build = origin("build");
    assert_eq!(packed(&folder, &given), branch("build"));

    let written = shop().with(
        "release.json",
        &TEMPLATE.replacen('{', r#"{"branch": "template", "#, 1),
    );
    let error = Bundle::pack(&written.0, &given, Some(facts())).expect_err("refused");
    let expected = "release.json: branch: found `template`, and the build system says `build`";
    assert!(error.to_string().starts_with(expected), "{error}");
    given.origin = origin("line");
    assert_eq!(packed(&written, &given), branch("line"));
    assert_eq!(packed(&written, &Given::default()), branch("template"));
}

#[test]
fn a_packed_bundle_keeps_its_branch_whatever_builds_it_further_and_takes_no_other() {
    let out = Folder::new();
    shop()
        .pack()
        .expect("packed")
        .write(&out.0)
        .expect("written");
    let mut given = Given {
        build: origin("another"),
        ..Given::default()
    };
    let opened = Bundle::open(&out.0, &given).expect("opened");
    assert_eq!(opened.manifest.branch.as_deref(), Some("main"));
    given.origin = origin("another");
    let error = Bundle::open(&out.0, &given).expect_err("refused");
    assert!(
        error
            .to_string()
            .contains("its branch is main, and another was given"),
        "{error}"
    );
}
