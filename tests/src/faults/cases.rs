//! Which faults which states meet.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::Fault;
use crate::machine::{State, states};

/// How many functions the release groups have.
const GROUPS: [usize; 2] = [1, 3];

/// A fault in a state, while a group of functions is released or tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The machine's name: `promote`.
    pub machine: String,
    /// The state's name.
    pub state: String,
    /// What goes wrong.
    pub fault: Fault,
    /// How many functions are released, or tested, together.
    pub group: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            machine,
            state,
            fault,
            group,
        } = self;
        write!(text, "{machine}.{state} {} ({group})", fault.name())
    }
}

/// Every state that can fail × everything that can go wrong with it × every
/// size of a group.
#[must_use]
pub fn cases(machines: &BTreeMap<String, Value>) -> Vec<Case> {
    let spots = machines.iter().flat_map(|(machine, definition)| {
        let states = states(definition).into_iter();
        states.map(move |state| (machine, state))
    });
    let faults = spots.flat_map(|(machine, state)| {
        let faults = match state.text("Type") {
            "Task" if another_stands_for(&state) => vec![],
            "Task" => [&Fault::OF_TASKS[..], &Fault::ENDS[..]].concat(),
            "Choice" | "Wait" => vec![Fault::Expression],
            // These do nothing that could fail, or run the states in them.
            "Succeed" | "Fail" | "Pass" | "Map" | "Parallel" => vec![],
            kind => panic!("{machine}.{} is a {kind}: how does it fail?", state.name),
        };
        let name = state.name;
        faults.into_iter().map(move |fault| (machine, name, fault))
    });
    let cases = faults.flat_map(|(machine, state, fault)| {
        GROUPS.map(|group| Case {
            machine: machine.clone(),
            state: state.to_owned(),
            fault,
            group,
        })
    });
    cases.collect()
}

/// A suite is somebody else's: whatever it ends with is caught alike, so that a function
/// stands for state machines and builds.
fn another_stands_for(state: &State<'_>) -> bool {
    state.runs_a_suite() && state.body["Arguments"]["FunctionName"].is_null()
}

/// As few of them as hold each pair of state and fault, of state and group, and
/// of fault and group: groups take turns. Of the ends that are the same whichever
/// state they come after, each state has one.
#[must_use]
pub fn pairs(all: Vec<Case>) -> Vec<Case> {
    let mut places: Vec<(String, String)> = Vec::new();
    let mut chosen = all;
    chosen.retain(|case| {
        let spot = (case.machine.clone(), case.state.clone());
        let place = places.iter().position(|known| *known == spot);
        let place = place.unwrap_or_else(|| {
            places.push(spot);
            places.len() - 1
        });
        let end = Fault::ENDS.iter().position(|end| *end == case.fault);
        let is_its_turn = end.is_none_or(|end| place % Fault::ENDS.len() == end);
        is_its_turn && case.group == GROUPS[(place + case.fault as usize) % GROUPS.len()]
    });
    chosen
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::state_machines;

    #[test]
    fn every_task_meets_every_fault_in_every_group() {
        let machines = state_machines();
        let all = cases(&machines);
        for (machine, definition) in &machines {
            let tasks = states(definition).into_iter();
            let tasks = tasks.filter(|state| state.is("Task") && !another_stands_for(state));
            for state in tasks {
                for (fault, group) in Fault::OF_TASKS
                    .iter()
                    .flat_map(|fault| GROUPS.map(|group| (*fault, group)))
                {
                    let case = Case {
                        machine: machine.clone(),
                        state: state.name.to_owned(),
                        fault,
                        group,
                    };
                    assert!(all.contains(&case), "{case:?}");
                }
            }
        }
    }

    #[test]
    fn a_state_that_is_added_meets_every_fault_at_once() {
        let mut machines = state_machines();
        let rollout = machines.get_mut("rollout").unwrap();
        rollout["States"]["WarmUp"] = rollout["States"]["SmokeTestNew"].clone();
        let added = |case: &&Case| case.state == "WarmUp";
        let all = cases(&machines);
        let expected = (Fault::OF_TASKS.len() + Fault::ENDS.len()) * GROUPS.len();
        assert_eq!(all.iter().filter(added).count(), expected);
        let some = pairs(all);
        let expected = Fault::OF_TASKS.len() + 1;
        assert_eq!(some.iter().filter(added).count(), expected);
    }

    #[test]
    fn the_pairs_hold_each_pair_of_task_fault_and_group() {
        let all = cases(&state_machines());
        let some = pairs(all.clone());
        assert!(some.len() * 2 <= all.len());
        let of_tasks = |case: &&Case| Fault::OF_TASKS.contains(&case.fault);
        let pairs = |cases: &[Case]| {
            let cases = cases.iter().filter(of_tasks);
            cases
                .flat_map(|case| {
                    let state = format!("{}.{}", case.machine, case.state);
                    let (fault, group) = (case.fault.name(), case.group);
                    [
                        format!("{state} {fault}"),
                        format!("{state} {group}"),
                        format!("{fault} {group}"),
                    ]
                })
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(pairs(&some), pairs(&all));
    }
}
