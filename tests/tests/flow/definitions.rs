//! The definitions of the state machines, as they are deployed.

use aws_sdk_sfn::types::{
    ValidateStateMachineDefinitionResultCode, ValidateStateMachineDefinitionSeverity,
};
use serde_json::Value;
use sluice_tests::machine::placeholder;
use sluice_tests::{World, state_machines};

/// The engine takes any definition for valid here, but for an expression that
/// can't be parsed. AWS looks at all of it.
#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn every_definition_is_valid_with_its_placeholders_filled_in() {
    let world = World::new().await;
    for (name, definition) in state_machines() {
        let deployed = world.deployed(&name).await;
        assert_eq!(unlike(&definition, &deployed), None, "{name}");
        let request = world.executions().validate_state_machine_definition();
        let request = request.definition(deployed.to_string());
        let found = request.send().await.expect("an answer");
        let errors: Vec<_> = found
            .diagnostics()
            .iter()
            .filter(|found| found.severity == ValidateStateMachineDefinitionSeverity::Error)
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        let expected = ValidateStateMachineDefinitionResultCode::Ok;
        assert_eq!(found.result, expected, "{name}");
    }
}

/// Where a deployed definition is something else than its file, other than a
/// placeholder that is filled in.
fn unlike(file: &Value, deployed: &Value) -> Option<String> {
    match (file, deployed) {
        (Value::String(text), Value::String(filled)) if placeholder(text).is_some() => {
            let is_filled = filled.starts_with("arn:") || filled.starts_with("http");
            (!is_filled).then(|| format!("{text} is {filled}"))
        }
        (Value::Object(fields), Value::Object(found)) if fields.len() == found.len() => fields
            .iter()
            .find_map(|(name, value)| unlike(value, found.get(name).unwrap_or(&Value::Null))),
        (Value::Array(items), Value::Array(found)) if items.len() == found.len() => items
            .iter()
            .zip(found)
            .find_map(|(item, found)| unlike(item, found)),
        (file, deployed) => (file != deployed).then(|| format!("{file} is {deployed}")),
    }
}
