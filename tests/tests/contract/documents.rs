//! What people read of the documents that they write, and of the command that
//! they type: the pages against the types.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use serde_json::{Value, json};
use sluice_cli::minutes::Minutes;
use sluice_cli::pack::{Bundle, Given};
use sluice_domain::document::Document as _;
use sluice_domain::manifest::{Manifest, Person};
use sluice_domain::settings::Settings;
use sluice_domain::steps::preset_names;
use sluice_tests::machine::items;
use sluice_tests::template::visit;
use sluice_tests::{expect_none, text};

use crate::pages::{Row, code_blocks, rows};

const SETTINGS: &str = "docs/settings.md";
const MANIFEST: &str = "docs/manifest.md";
const FORESIGHT: &str = "docs/foresight.md";

/// Each page, and the schema of the document that it describes.
fn documents() -> [(&'static str, Value); 2] {
    let settings = schemars::schema_for!(Settings);
    let manifest = schemars::schema_for!(Manifest);
    [
        (SETTINGS, settings.as_value().clone()),
        (MANIFEST, manifest.as_value().clone()),
    ]
}

/// A field of a document.
struct Field {
    schema: Value,
    required: bool,
}

/// All fields of a schema, by their path: `steps.weight`, whether of one step or
/// of each in a list.
fn fields(root: &Value) -> BTreeMap<String, Field> {
    let mut found = BTreeMap::new();
    collect(root, root, "", &mut found);
    found
}

fn collect(root: &Value, schema: &Value, path: &str, found: &mut BTreeMap<String, Field>) {
    for part in parts(root, schema) {
        let inner = [&part["items"], &part["additionalProperties"]].into_iter();
        for inner in inner.filter(|inner| inner.is_object()) {
            collect(root, inner, path, found);
        }
        for (name, schema) in part["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}").trim_start_matches('.').to_owned();
            collect(root, schema, &path, found);
            let field = Field {
                schema: schema.clone(),
                required: items(&part["required"]).any(|required| required == name),
            };
            found.insert(path, field);
        }
    }
}

/// A schema, what it refers to, and what it may be instead.
fn parts<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let referred = schema["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix('#'));
    let referred = referred.and_then(|path| root.pointer(path));
    let others = items(&schema["anyOf"]).chain(referred);
    let mut all = vec![schema];
    all.extend(others.flat_map(|other| parts(root, other)));
    all
}

/// Fields that have no fields of their own.
fn is_leaf(path: &str, fields: &BTreeMap<String, Field>) -> bool {
    let below = format!("{path}.");
    !fields.keys().any(|other| other.starts_with(&below))
}

#[test]
fn the_fields_of_a_document_are_the_ones_that_its_page_describes() {
    for (page, schema) in documents() {
        let (fields, rows) = (fields(&schema), rows(&text(page)));
        assert!(!fields.is_empty() && !rows.is_empty(), "{page}");
        let missing = fields
            .keys()
            .filter(|path| is_leaf(path, &fields) && !rows.contains_key(*path));
        let missing = missing.map(|path| format!("{page} lacks {path}"));
        let unknown = rows.keys().filter(|path| !fields.contains_key(*path));
        let unknown = unknown.map(|path| format!("{page} describes {path}, which there is not"));
        expect_none(missing.chain(unknown));
    }
}

#[test]
fn a_page_says_which_fields_are_required_and_what_the_others_are_by_default() {
    expect_none(documents().into_iter().flat_map(|(page, schema)| {
        let (fields, rows) = (fields(&schema), rows(&text(page)));
        let wrong = rows.into_iter().filter_map(move |(path, row)| {
            let (found, expected) = (row.default?, expected_default(fields.get(&path)?)?);
            (found.split('(').next() != Some(&expected))
                .then(|| format!("{page}: {path} is {found}; expected {expected}"))
        });
        wrong.collect::<Vec<_>>()
    }));
}

/// What a field's row has to say under "default". None: it is for people to word.
fn expected_default(field: &Field) -> Option<String> {
    match &field.schema["default"] {
        _ if field.required => Some("required".to_owned()),
        Value::String(word) if !word.is_empty() => Some(word.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        _ => None,
    }
}

#[test]
fn a_page_names_every_word_that_a_field_can_be() {
    expect_none(documents().into_iter().flat_map(|(page, schema)| {
        let (fields, rows) = (fields(&schema), rows(&text(page)));
        let unsaid = rows.into_iter().filter_map(|(path, Row { text, .. })| {
            let field = &fields.get(&path)?.schema;
            let kinds = parts(&schema, field).into_iter();
            let words = kinds.flat_map(|kind| items(&kind["oneOf"]).chain(items(&kind["enum"])));
            let mut words = words.filter_map(|word| word["const"].as_str().or(word.as_str()));
            let word = words.find(|word| !text.contains(&format!("`{word}`")))?;
            Some(format!("{page}: {path} can be {word}"))
        });
        unsaid.collect::<Vec<_>>()
    }));
}

#[test]
fn the_page_of_settings_names_every_preset() {
    let page = text(SETTINGS);
    let names = preset_names().filter(|name| !page.contains(&format!("\"{name}\"")));
    expect_none(names.map(str::to_owned));
}

/// A field that is misspelt must not be left out in silence.
#[test]
fn no_object_takes_a_field_that_it_does_not_know() {
    for (page, schema) in documents() {
        let mut objects = 0;
        let mut open = Vec::new();
        visit(&schema, &mut |part| {
            if part["properties"].is_object() && part["type"] == "object" {
                objects += 1;
                if part["additionalProperties"] != json!(false) {
                    open.push(format!("{page}: {}", part["description"]));
                }
            }
        });
        assert!(objects > 5, "{page}: {objects} objects");
        expect_none(open);
    }
}

#[test]
fn the_examples_of_settings_are_settings() {
    let page = text(SETTINGS);
    let examples = code_blocks(&page, "json");
    assert!(!examples.is_empty(), "{SETTINGS} has no example");
    expect_none(examples.into_iter().filter_map(|example| {
        let parsed = Settings::parse(SETTINGS, example.as_bytes());
        Some(parsed.err()?.to_string())
    }));
}

#[test]
fn the_examples_of_a_manifest_can_be_packed() {
    let page = text(MANIFEST);
    let examples = code_blocks(&page, "json");
    assert!(!examples.is_empty(), "{MANIFEST} has no example");
    expect_none(
        examples
            .into_iter()
            .enumerate()
            .filter_map(|(number, example)| {
                let folder =
                    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("example-{number}"));
                lay_out(&folder, example);
                let given = Given {
                    version: None,
                    commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
                    author: Some(Person {
                        name: "Ada".to_owned(),
                        email: "ada@example.com".to_owned(),
                    }),
                    ..Given::default()
                };
                Some(Bundle::pack(&folder, &given, None).err()?.to_string())
            }),
    );
}

#[test]
fn the_example_of_minutes_can_be_read_and_its_columns_are_described() {
    let page = text(FORESIGHT);
    let plain = page.split("```\n").skip(1).step_by(2);
    let examples: Vec<&str> = plain.filter(|block| block.starts_with("minute,")).collect();
    assert_eq!(examples.len(), 1, "{FORESIGHT}");
    let minutes = Minutes::parse(FORESIGHT, examples[0].as_bytes()).expect("an example");
    assert_eq!(minutes.versions().len(), 2);
    let columns = examples[0].lines().next().unwrap_or_default().split(',');
    expect_none(columns.filter_map(|column| {
        let row = format!("\n| `{column}` | ");
        (!page.contains(&row)).then(|| format!("{FORESIGHT} lacks {column}"))
    }));
}

/// A folder with this template and the files that it names.
fn lay_out(folder: &Path, template: &str) {
    let parsed: Value = serde_json::from_str(template).expect("the example is JSON");
    let functions = parsed["functions"].as_object().into_iter().flatten();
    for zip in functions.filter_map(|(_, function)| function["zip"].as_str()) {
        let path = folder.join(zip);
        let file = if zip.ends_with(".zip") {
            path
        } else {
            path.join("main.py")
        };
        let parent = file.parent().expect("a file in the folder");
        fs::create_dir_all(parent).expect("a folder for tests");
        fs::write(&file, "").expect("a file for tests");
    }
    fs::write(folder.join("release.json"), template).expect("a file for tests");
}

#[test]
fn the_readme_lists_the_commands_that_there_are() {
    let listed = listed_commands(&text("README.md"));
    let cli = sluice_cli::Cli::command();
    let known: BTreeMap<String, BTreeSet<String>> = cli
        .get_subcommands()
        .map(|command| (command.get_name().to_owned(), words_after(command)))
        .collect();
    assert_eq!(listed, known);
}

/// The commands of the README's table, each with the words that may follow it:
/// `env` and `put`, `get`, … of `` `sluice env put\|get` ``.
fn listed_commands(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let table = page
        .split_once("| command | what it does |")
        .expect("the table of commands")
        .1;
    let lines = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = lines.filter_map(|line| line.split(" | ").next());
    let usages = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    usages
        .map(|usage| {
            let mut words = usage.trim_start_matches("sluice ").split(' ');
            let command = words.next().unwrap_or_default().to_owned();
            let after = words.flat_map(|word| word.split("\\|"));
            (command, after.map(str::to_owned).collect())
        })
        .collect()
}

/// A command's own commands, or the words that its first argument can be.
fn words_after(command: &Command) -> BTreeSet<String> {
    let own = command
        .get_subcommands()
        .map(|own| own.get_name().to_owned());
    let argument = command.get_positionals().next();
    let words = argument
        .map(|argument| argument.get_possible_values())
        .unwrap_or_default();
    own.chain(words.iter().map(|word| word.get_name().to_owned()))
        .collect()
}

/// Advice to type what there is not is worse than none.
#[test]
fn every_command_that_a_page_tells_to_type_exists() {
    let cli = sluice_cli::Cli::command();
    let known: BTreeSet<&str> = cli.get_subcommands().map(Command::get_name).collect();
    let pages = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        SETTINGS,
        MANIFEST,
        FORESIGHT,
        "template.yaml",
        "template-migrate.yaml",
    ];
    expect_none(pages.into_iter().flat_map(|page| {
        let text = text(page);
        let typed = text.split("`sluice ").skip(1);
        let commands = typed.filter_map(|rest| rest.split([' ', '`', '\n']).next());
        commands
            .filter(|command| !known.contains(command))
            .map(|command| format!("{page}: sluice {command}"))
            .collect::<Vec<_>>()
    }));
}
