//! Sample events: each is of a function, and used by one of its tests.

use std::collections::BTreeSet;

use sluice_tests::{expect_none, file_name, files, folders, text};

#[test]
fn every_function_has_events_and_every_event_is_of_a_function() {
    let functions: BTreeSet<String> = folders("functions").into_iter().collect();
    let with_events: BTreeSet<String> = folders("events")
        .into_iter()
        .filter(|function| !files(format!("events/{function}"), "json").is_empty())
        .collect();
    assert_eq!(with_events, functions);
}

#[test]
fn every_event_is_used_by_a_test_of_its_function() {
    let mut problems = Vec::new();
    for function in folders("events") {
        let sources: String = files(format!("functions/{function}/src"), "rs")
            .iter()
            .map(text)
            .collect();
        for event in files(format!("events/{function}"), "json") {
            let path = format!("/events/{function}/{}\")", file_name(&event));
            let used = sources.split("include_str!").skip(1).any(|rest| {
                let call = rest.split_once(')').map_or(rest, |(call, _)| call);
                format!("{call})").contains(&path)
            });
            if !used {
                problems.push(event.display().to_string());
            }
        }
    }
    expect_none(problems);
}
