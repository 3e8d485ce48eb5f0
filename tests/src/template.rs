//! `template.yaml`, as data.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

use crate::machine::{items, strings};
use crate::text;

/// `template.yaml` with short tags in their long form: `!Ref A` reads as
/// `{"Ref": "A"}`, `!GetAtt A.B` as `{"Fn::GetAtt": ["A", "B"]}`, and any other
/// `!X` as `{"Fn::X": …}`.
///
/// # Panics
/// When it can't be read or is no YAML.
#[must_use]
pub fn template() -> Value {
    parse(&text("template.yaml"))
}

/// The template as AWS gets it: the branches of the condition `OnAws` that
/// apply there. The other ones are for endpoints that check permissions less
/// exactly; nothing of them is granted on AWS.
#[must_use]
pub fn template_on_aws() -> Value {
    on_aws(template())
}

fn on_aws(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => match fields.get_mut("Fn::If").and_then(Value::as_array_mut) {
            Some(branches) if branches.first() == Some(&json!("OnAws")) && branches.len() == 3 => {
                on_aws(branches.swap_remove(1))
            }
            _ => fields
                .into_iter()
                .map(|(key, value)| (key, on_aws(value)))
                .collect(),
        },
        Value::Array(values) => values.into_iter().map(on_aws).collect(),
        plain => plain,
    }
}

/// A template's text, read as [`template`] does.
///
/// # Panics
/// When it is no YAML.
#[must_use]
pub fn parse(text: &str) -> Value {
    let yaml: Yaml = serde_yaml_ng::from_str(text)
        .unwrap_or_else(|error| panic!("the template is not YAML: {error}"));
    long_form(yaml)
}

fn long_form(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::String(value) => Value::String(value),
        Yaml::Number(value) => json!(value),
        Yaml::Sequence(values) => values.into_iter().map(long_form).collect(),
        Yaml::Mapping(fields) => fields
            .into_iter()
            .map(|(key, value)| (key_of(&key), long_form(value)))
            .collect(),
        Yaml::Tagged(tagged) => function(&tagged.tag.to_string(), long_form(tagged.value)),
    }
}

/// Keys are text, though YAML reads some as numbers.
fn key_of(key: &Yaml) -> String {
    match long_form(key.clone()) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn function(tag: &str, value: Value) -> Value {
    let name = tag.trim_start_matches('!');
    let (name, value) = match (name, value) {
        ("Ref" | "Condition", value) => (name.to_owned(), value),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((&path, ""));
            ("Fn::GetAtt".to_owned(), json!([resource, attribute]))
        }
        (name, value) => (format!("Fn::{name}"), value),
    };
    Value::Object(Map::from_iter([(name, value)]))
}

/// A resource of the template.
#[derive(Debug, Clone, Copy)]
pub struct Resource<'a> {
    /// Its logical id.
    pub id: &'a str,
    /// Its type.
    pub kind: &'a str,
    /// Its whole definition.
    pub body: &'a Value,
}

impl<'a> Resource<'a> {
    /// One of its properties; null where it has none of that name.
    #[must_use]
    pub fn property(&self, name: &str) -> &'a Value {
        &self.body["Properties"][name]
    }
}

/// All resources, by logical id.
#[must_use]
pub fn resources(template: &Value) -> BTreeMap<&str, Resource<'_>> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    resources
        .map(|(id, body)| {
            let kind = body["Type"].as_str().unwrap_or_default();
            (id.as_str(), Resource { id, kind, body })
        })
        .collect()
}

/// The resources of a type, in order.
#[must_use]
pub fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<Resource<'a>> {
    resources(template)
        .into_values()
        .filter(|resource| resource.kind == kind)
        .collect()
}

/// Sluice's functions by the name of their binary, which is that of their
/// folder.
#[must_use]
pub fn functions(template: &Value) -> BTreeMap<String, Resource<'_>> {
    of_type(template, "AWS::Serverless::Function")
        .into_iter()
        .map(|function| {
            let binary = function.body["Metadata"]["BuildProperties"]["Binary"].as_str();
            (binary.unwrap_or(function.id).to_owned(), function)
        })
        .collect()
}

/// A function's property: its own, or the one that all functions share. Of the
/// variables of the environment it has both.
#[must_use]
pub fn effective(template: &Value, function: &Resource<'_>, property: &str) -> Value {
    let mut shared = template["Globals"]["Function"][property].clone();
    let own = function.property(property);
    if property == "Environment" {
        let own = own["Variables"].as_object().cloned().unwrap_or_default();
        match shared["Variables"].as_object_mut() {
            Some(variables) => variables.extend(own),
            None => shared = json!({ "Variables": own }),
        }
        return shared;
    }
    if own.is_null() { shared } else { own.clone() }
}

/// The state machines of the template, by the name of their file: `promote`.
#[must_use]
pub fn machines(template: &Value) -> BTreeMap<String, Resource<'_>> {
    resources(template)
        .into_values()
        .filter(is_machine)
        .map(|machine| {
            let file = definition_file(&machine).unwrap_or(machine.id);
            let name = file.rsplit('/').next().unwrap_or(file);
            (name.trim_end_matches(".asl.json").to_owned(), machine)
        })
        .collect()
}

/// Whether it is a state machine, written the way of SAM or of CloudFormation.
#[must_use]
pub fn is_machine(resource: &Resource<'_>) -> bool {
    let kinds = [
        "AWS::Serverless::StateMachine",
        "AWS::StepFunctions::StateMachine",
    ];
    kinds.contains(&resource.kind)
}

/// The file that a state machine's definition stands in.
#[must_use]
pub fn definition_file<'a>(machine: &Resource<'a>) -> Option<&'a str> {
    let fields = ["DefinitionUri", "DefinitionS3Location"].into_iter();
    fields
        .filter_map(|field| machine.property(field).as_str())
        .next()
}

/// The logical ids (and parameters) that a value refers to.
#[must_use]
pub fn references(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    visit(value, &mut |value| {
        let Some(fields) = value.as_object() else {
            return;
        };
        for (key, value) in fields {
            match (key.as_str(), value) {
                ("Ref", Value::String(id)) => drop(found.insert(head(id))),
                ("Fn::GetAtt", Value::Array(path)) => {
                    found.extend(path.first().and_then(Value::as_str).map(head));
                }
                ("Fn::Sub", value) => found.extend(substituted(value)),
                _ => {}
            }
        }
    });
    found
}

/// The logical ids in a `Fn::Sub`: `A` of `${A.Arn}`, without its own variables.
fn substituted(value: &Value) -> Vec<String> {
    let (text, own) = match value {
        Value::String(text) => (text.as_str(), &Value::Null),
        other => (other[0].as_str().unwrap_or_default(), &other[1]),
    };
    let names = text
        .split("${")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0));
    names
        .filter(|name| !name.starts_with("AWS::") && own.get(name).is_none())
        .map(head)
        .collect()
}

fn head(path: &str) -> String {
    path.split('.').next().unwrap_or(path).to_owned()
}

/// Calls something for a value and everything in it.
pub fn visit<'a>(value: &'a Value, seen: &mut impl FnMut(&'a Value)) {
    seen(value);
    match value {
        Value::Array(values) => values.iter().for_each(|value| visit(value, seen)),
        Value::Object(fields) => fields.values().for_each(|value| visit(value, seen)),
        _ => {}
    }
}

/// A statement of a policy.
#[derive(Debug, Clone)]
pub struct Statement<'a> {
    /// What it allows, or denies.
    pub actions: Vec<&'a str>,
    /// Upon what.
    pub resources: Vec<&'a Value>,
    /// Whether it allows.
    pub allows: bool,
    /// The partitions of a table that it is limited to, as patterns; none for all.
    pub partitions: Vec<&'a str>,
}

impl Statement<'_> {
    /// The logical ids that its resources refer to.
    #[must_use]
    pub fn references(&self) -> BTreeSet<String> {
        self.resources
            .iter()
            .flat_map(|resource| references(resource))
            .collect()
    }

    /// The text of its resources, placeholders as they stand.
    #[must_use]
    pub fn arns(&self) -> Vec<&str> {
        self.resources
            .iter()
            .flat_map(|resource| strings(resource))
            .collect()
    }
}

/// All statements in a value: a resource's policies, or the whole template.
#[must_use]
pub fn statements(value: &Value) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    visit(value, &mut |value| {
        let Some(effect) = value.get("Effect") else {
            return;
        };
        found.push(Statement {
            actions: texts(&value["Action"]),
            resources: list(&value["Resource"]),
            allows: effect == "Allow",
            partitions: texts(
                &value["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"],
            ),
        });
    });
    found
}

/// What a function or a state machine may do: its own policies, and those of the
/// role that it names.
#[must_use]
pub fn permissions<'a>(template: &'a Value, resource: &Resource<'a>) -> Vec<Statement<'a>> {
    let mut roles = references(resource.property("Role"));
    roles.extend(references(resource.property("RoleArn")));
    let all = resources(template);
    let of_roles = roles.iter().filter_map(|id| all.get(id.as_str()));
    statements(resource.property("Policies"))
        .into_iter()
        .chain(of_roles.flat_map(|role| statements(role.property("Policies"))))
        .collect()
}

/// What may be invoked by these statements.
#[must_use]
pub fn granted<'a>(statements: &'a [Statement<'a>], action: &str) -> Vec<&'a Statement<'a>> {
    statements
        .iter()
        .filter(|statement| statement.allows && statement.actions.contains(&action))
        .collect()
}

/// The texts of a list, or a single one.
fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().filter_map(Value::as_str).collect()
}

/// The items of a list, or a single item; of a choice all that it may be. What other
/// endpoints get is left as it is: [`template_on_aws`] has what applies.
pub fn list(value: &Value) -> Vec<&Value> {
    let branches = items(&value["Fn::If"]).collect::<Vec<_>>();
    match (value, branches.as_slice()) {
        (Value::Null, _) => Vec::new(),
        (Value::Array(_), _) => items(value).collect(),
        (_, [condition, one, other]) if *condition != "OnAws" => {
            list(one).into_iter().chain(list(other)).collect()
        }
        (single, _) => vec![single],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_read_as_their_long_form() {
        let read = parse("a: !Ref B\nc: !GetAtt D.E.F\ng: !Join ['', [!Sub 'x${H.Arn}', 1]]\n");
        let expected = json!({
            "a": {"Ref": "B"},
            "c": {"Fn::GetAtt": ["D", "E.F"]},
            "g": {"Fn::Join": ["", [{"Fn::Sub": "x${H.Arn}"}, 1]]}
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn references_are_found_wherever_they_stand() {
        let value = json!([
            {"Ref": "A.Version"}, {"Fn::GetAtt": ["B", "Arn"]},
            {"Fn::Sub": "${C.Arn}:${AWS::Region}"}, {"Fn::Sub": ["${own}/${D}", {"own": {"Ref": "E"}}]}
        ]);
        let found: Vec<String> = references(&value).into_iter().collect();
        assert_eq!(found, ["A", "B", "C", "D", "E"]);
    }
}
