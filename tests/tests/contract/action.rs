//! The action for GitHub's workflows: nothing that a workflow says is taken for a command,
//! and nothing of others runs that could be replaced.

use std::collections::BTreeSet;

use semver::Version;
use serde_json::Value;
use sluice_tests::action::{Action, input_of};
use sluice_tests::{expect_none, files, text};

#[test]
fn no_input_is_written_into_a_command() {
    let action = Action::read();
    let runs = action
        .runs
        .steps
        .iter()
        .filter_map(|step| step.run.as_ref());
    expect_none(runs.filter(|run| run.contains("${{")).cloned());
}

#[test]
fn every_input_is_used() {
    let action = Action::read();
    let page = text("action.yml");
    let unused = action.inputs.keys();
    expect_none(
        unused
            .filter(|name| !page.contains(&format!("inputs.{name} ")))
            .cloned(),
    );
    for step in &action.runs.steps {
        let inputs = step.env.values().chain(step.with.values());
        for name in inputs.filter_map(|value| input_of(value)) {
            assert!(action.inputs.contains_key(name), "no input `{name}`");
        }
    }
}

#[test]
fn a_steps_script_reads_exactly_the_variables_that_the_step_sets() {
    let action = Action::read();
    for name in ["install", "release"] {
        let set = action.step(name).env.keys();
        let set = set.filter(|name| name.starts_with("INPUT_"));
        let set: BTreeSet<String> = set.cloned().collect();
        let script = text(format!("action/{name}"));
        let words = script.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
        let read = words.filter(|word| word.starts_with("INPUT_"));
        let read: BTreeSet<String> = read.map(str::to_owned).collect();
        assert_eq!(set, read, "{name}");
    }
}

/// A tag can be moved to other code; a commit can't.
#[test]
fn actions_of_others_are_named_by_commit() {
    let workflows = files("examples/github", "yml").into_iter().map(text);
    let workflows: Vec<String> = workflows.collect();
    let used = workflows
        .iter()
        .flat_map(|workflow| workflow.lines())
        .filter_map(|line| line.split_once("uses: "));
    let mut used: Vec<String> = used.map(|(_, used)| used.to_owned()).collect();
    used.extend(
        Action::read()
            .runs
            .steps
            .into_iter()
            .filter_map(|step| step.uses),
    );
    let is_commit = |used: &String| {
        let commit = used.split_once('@').map_or("", |(_, commit)| commit);
        let commit = commit.split(' ').next().unwrap_or_default();
        commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit())
    };
    // Whoever writes the workflow says whose Sluice it is; `./` is their own repository.
    let others = used
        .iter()
        .filter(|used| !used.contains("YOUR-ORGANISATION/sluice@") && !used.starts_with("./"));
    expect_none(others.filter(|used| !is_commit(used)).cloned());
}

/// A pull request's title, branch or author is whatever its author likes: of what it says
/// only its number and the run's may reach a workflow that has credentials.
#[test]
fn of_a_pull_request_only_numbers_reach_the_workflow_of_previews() {
    let workflow = text("examples/github/preview.yml");
    let lines = workflow.lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with('#'));
    let workflow = lines.collect::<Vec<_>>().join("\n");
    let expressions = workflow.split("${{").skip(1);
    let used: BTreeSet<&str> = expressions
        .filter_map(|rest| Some(rest.split_once("}}")?.0.trim()))
        .collect();
    let expected = [
        "github.event.number",
        "github.run_attempt",
        "github.run_number",
    ];
    assert_eq!(used, BTreeSet::from(expected));
    assert!(!workflow.contains("pull_request_target"));
}

/// The jobs of a sample workflow.
fn jobs(name: &str) -> Value {
    let workflow = text(format!("examples/github/{name}.yml"));
    let mut workflow: Value = serde_yaml_ng::from_str(&workflow).expect("a workflow");
    workflow["jobs"].take()
}

/// What a job's step gives Sluice's action.
fn given<'a>(jobs: &'a Value, job: &str) -> &'a Value {
    let mut steps = jobs[job]["steps"].as_array().expect("steps").iter();
    let is_ours = |step: &&Value| {
        let uses = step["uses"].as_str().unwrap_or_default();
        uses.contains("/sluice@")
    };
    &steps.find(is_ours).expect("a step with the action")["with"]
}

/// A run that is run again has the number that it had, and its failed attempt's version is
/// taken by then.
#[test]
fn a_preview_that_is_run_again_has_a_version_of_its_own() {
    let jobs = jobs("preview");
    let version = given(&jobs, "release")["version"].as_str().expect("text");
    let number = |field: &str| format!("${{{{ github.{field} }}}}");
    let expected = ["event.number", "run_number", "run_attempt"].map(number);
    assert_eq!(version, format!("0.0.0-pr-{}", expected.join(".")));
    let version = version.replace(&number("event.number"), "7");
    let mut order = Vec::new();
    for (run, attempt) in [("9", "1"), ("9", "2"), ("10", "1")] {
        let version = version.replace(&number("run_number"), run);
        let version = version.replace(&number("run_attempt"), attempt);
        order.push(version.parse::<Version>().expect("a version"));
    }
    assert!(order.is_sorted_by(|one, next| one < next), "{order:?}");
}

/// A repository that is a fork itself has previews, and who deleted theirs is nobody.
#[test]
fn a_pull_request_has_a_preview_if_its_branch_is_the_repositorys_own() {
    let jobs = jobs("preview");
    let own = "github.event.pull_request.head.repo.full_name == github.repository";
    for job in ["build", "remove"] {
        let condition = jobs[job]["if"].as_str().expect("a condition");
        assert!(condition.ends_with(&format!(" && {own}")), "{condition}");
    }
    assert_eq!(jobs["release"]["needs"], "build", "or it runs without one");
}

/// Both release the folder that one build fills: its template names evidence, and a build
/// without it could not be packed.
#[test]
fn previews_and_releases_are_built_in_one_way() {
    for workflow in ["release", "preview"] {
        let jobs = jobs(workflow);
        assert_eq!(jobs["build"]["uses"], "./.github/workflows/build.yml");
        assert_eq!(jobs["release"]["needs"], "build", "{workflow}");
        assert_eq!(given(&jobs, "release")["folder"], "release", "{workflow}");
    }
    let built = jobs("build").to_string();
    for made in ["release/evidence/tests.xml", "release/checkout"] {
        assert!(built.contains(made), "{made}");
    }
    assert!(!built.contains("id-token"), "it runs code of others");
}

#[test]
fn the_command_is_compiled_in_the_job_before_there_are_credentials() {
    let steps = Action::read().runs.steps;
    let place = |what: &str| {
        let says = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains(what));
        steps
            .iter()
            .position(|step| says(&step.uses) || says(&step.run))
    };
    let installed = place("action/install").expect("it is installed");
    let assumed = place("configure-aws-credentials").expect("the role is assumed");
    assert!(installed < assumed && Some(assumed) < place("action/release"));
    assert_eq!(place("actions/cache"), None, "any job may have kept it");
}
