//! What one state machine, or `intake`, starts another with is what that one
//! reads.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::digest::Digest;
use sluice_platform::store::Release;
use sluice_tests::machine::{State, all_states, expression, scopes, states, strings};
use sluice_tests::{expect_none, state_machines};

/// What Step Functions itself reads of a child's input, to link it to its parent.
const LINK: &str = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID";

/// What a state reads below `$states.input`, or below an item of its list.
fn read<'a>(state: &State<'a>, below: &str) -> BTreeSet<&'a str> {
    let own = state.body.as_object().into_iter().flatten();
    own.filter(|(field, _)| *field != "ItemProcessor")
        .flat_map(|(_, value)| strings(value))
        .filter_map(expression)
        .filter_map(|path| path.strip_prefix(below))
        .collect()
}

const INPUT: &str = "$states.input.";
const ITEM: &str = "$states.context.Map.Item.Value.";

fn keys(value: &Value) -> BTreeSet<&str> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(key, _)| key.as_str()).collect()
}

/// What a machine, or what a Map repeats, reads of its input: its first state's.
fn read_by_the_first(machine: &Value, within: Option<&str>) -> BTreeSet<String> {
    let scopes = scopes(machine);
    let scope = scopes.iter().find(|scope| scope.within == within);
    let scope = scope.expect("the machine has this scope");
    let first = scope.states.iter().find(|state| state.name == scope.start);
    let first = first.expect("it begins with one of its states");
    read(first, INPUT).into_iter().map(str::to_owned).collect()
}

/// A later state's input is what the one before put out, which is nothing here.
#[test]
fn only_the_first_state_reads_the_input() {
    let machines = state_machines();
    expect_none(machines.iter().flat_map(|(name, machine)| {
        let scopes = scopes(machine);
        let later = scopes.iter().flat_map(|scope| {
            let others = scope
                .states
                .iter()
                .filter(|state| state.name != scope.start);
            others.copied().collect::<Vec<_>>()
        });
        later
            .filter(|state| !read(state, INPUT).is_empty())
            .map(|state| format!("{name}.{}", state.name))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn a_child_machine_reads_exactly_what_its_parent_starts_it_with() {
    let machines = state_machines();
    let parents: Vec<_> = all_states(&machines)
        .into_iter()
        .filter(|(_, state)| state.runs_a_child())
        .collect();
    let children: BTreeSet<&str> = parents.iter().map(|(_, state)| state.calls()).collect();
    assert_eq!(
        children,
        BTreeSet::from([
            "MigrationsMachine",
            "PromoteMachine",
            "RehearsalMachine",
            "RestoreMachine",
            "RolloutMachine",
        ])
    );
    for (place, state) in parents {
        let name = state.calls().trim_end_matches("Machine").to_lowercase();
        let mut sent = keys(&state.body["Arguments"]["Input"]);
        assert!(sent.remove(LINK), "{place}: its child is not linked to it");
        let sent: BTreeSet<String> = sent.into_iter().map(str::to_owned).collect();
        assert_eq!(read_by_the_first(&machines[&name], None), sent, "{place}");
    }
}

#[test]
fn what_a_map_selects_is_what_its_items_read() {
    let machines = state_machines();
    let release = &machines["release"];
    let each = states(release).into_iter().find(|state| state.is("Map"));
    let each = each.expect("release goes through a list");
    let selected = keys(&each.body["ItemSelector"]);
    let selected: BTreeSet<String> = selected.into_iter().map(str::to_owned).collect();
    assert_eq!(read_by_the_first(release, Some(each.name)), selected);
}

#[test]
fn release_reads_what_intake_starts_it_with() {
    let input = started_with();
    let machines = state_machines();
    let release = &machines["release"];
    let missing = read_by_the_first(release, None)
        .into_iter()
        .filter(|field| input[field].is_null());
    expect_none(missing);
    let each = states(release).into_iter().find(|state| state.is("Map"));
    let each = each.expect("release goes through a list");
    let list = each.text("Items");
    assert_eq!(list, "{% $states.input.promotions %}");
    let item = &input["promotions"][0];
    let of_items = read(&each, ITEM);
    assert!(!of_items.is_empty(), "its items are read");
    expect_none(
        of_items
            .into_iter()
            .filter(|field| item[field].is_null())
            .map(|field| format!("{field} of {item}")),
    );
}

/// On its way through `release` and `promote` nothing of it changes.
#[test]
fn verify_takes_what_intake_starts_a_release_with() {
    let input = started_with();
    let payload = json!({
        "promotion": input["promotions"][0]["promotion"],
        "bundle": input["bundle"],
        "execution_arn": "arn:aws:states:eu-west-1:111122223333:execution:promote:a",
    });
    let taken = serde_json::from_value::<verify::Input>(payload).map(drop);
    assert_eq!(taken.map_err(|error| error.to_string()), Ok(()));
}

/// What `intake` starts `release` with.
fn started_with() -> Value {
    let release = Release {
        application: "shop".to_owned(),
        version: "1.4.0".parse().expect("a version"),
        bundle: serde_json::from_value(json!({
            "bucket": "artifacts",
            "key": "shop/1.4.0/release.json",
            "version_id": "v1",
            "digest": Digest::of(b"a manifest"),
        }))
        .expect("a bundle"),
        attempt: 1,
        environments: vec!["dev".to_owned(), "prod".to_owned()],
        rollback: false,
        operation: None,
        execution_arn: "arn:aws:states:eu-west-1:111122223333:execution:release:a".to_owned(),
        requested_by: "ada".to_owned(),
        principal: None,
        requested_at: Timestamp::UNIX_EPOCH,
    };
    let input = intake::attempt::ExecutionInput::of(&release);
    serde_json::to_value(input).expect("the input is JSON")
}
