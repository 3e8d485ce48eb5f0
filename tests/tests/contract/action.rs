//! The action for GitHub's workflows: nothing that a workflow says is taken for a command,
//! and nothing of others runs that could be replaced.

use std::collections::BTreeSet;

use sluice_tests::action::{Action, input_of};
use sluice_tests::{expect_none, text};

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
fn the_release_script_reads_exactly_the_variables_that_the_step_sets() {
    let step = Action::read();
    let step = step.step("release");
    let set = step.env.keys().filter(|name| name.starts_with("INPUT_"));
    let set: BTreeSet<String> = set.cloned().collect();
    let script = text("action/release");
    let words = script.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
    let read = words.filter(|word| word.starts_with("INPUT_"));
    let read: BTreeSet<String> = read.map(str::to_owned).collect();
    assert_eq!(set, read);
}

/// A tag can be moved to other code; a commit can't.
#[test]
fn actions_of_others_are_named_by_commit() {
    let workflows = ["release", "preview"].map(|name| text(format!("examples/github/{name}.yml")));
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
    // Whoever writes the workflow says whose Sluice it is.
    let others = used
        .iter()
        .filter(|used| !used.contains("YOUR-ORGANISATION/sluice@"));
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
    let expected = ["github.event.number", "github.run_number"];
    assert_eq!(used, BTreeSet::from(expected));
    assert!(!workflow.contains("pull_request_target"));
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
