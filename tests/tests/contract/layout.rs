//! The checkout: what lies where, and what must not know of what.

use std::collections::BTreeSet;
use std::path::Path;

use sluice_tests::template::{functions, of_type};
use sluice_tests::{expect_none, files, folders, repository, template, text};

#[test]
fn the_folders_of_functions_are_the_functions_of_the_template() {
    let template = template();
    let of_template: Vec<String> = functions(&template).into_keys().collect();
    assert_eq!(of_template, folders("functions"));
    assert_eq!(
        of_type(&template, "AWS::Serverless::Function").len(),
        of_template.len(),
        "two functions run one binary"
    );
    assert!(of_type(&template, "AWS::Lambda::Function").is_empty());
}

#[test]
fn every_function_is_a_package_with_a_binary_of_its_folders_name() {
    expect_none(folders("functions").into_iter().filter(|function| {
        let manifest = text(format!("functions/{function}/Cargo.toml"));
        let named = manifest.contains(&format!("[package]\nname = \"{function}\"\n"));
        let main = repository().join(format!("functions/{function}/src/main.rs"));
        !named || manifest.contains("[[bin]]") || !main.exists()
    }));
}

#[test]
fn every_function_is_built_by_cargo_lambda() {
    let template = template();
    expect_none(functions(&template).into_values().filter_map(|function| {
        let method = &function.body["Metadata"]["BuildMethod"];
        let right = method == "rust-cargolambda" && function.property("CodeUri").is_null();
        (!right).then(|| function.id.to_owned())
    }));
    assert_eq!(template["Globals"]["Function"]["CodeUri"], ".");
}

#[test]
fn every_function_opens_with_what_it_decides_and_never_does() {
    expect_none(folders("functions").into_iter().flat_map(|function| {
        let opening = opening(&function);
        let missing = ["Decides: ", "Environment: ", "Never: "].into_iter();
        let missing = missing.filter(move |part| !opening.contains(&format!("\n//! {part}")));
        missing
            .map(move |part| format!("{function}: {part}"))
            .collect::<Vec<_>>()
    }));
}

/// The comment that opens a function's `lib.rs`.
pub(crate) fn opening(function: &str) -> String {
    let source = text(format!("functions/{function}/src/lib.rs"));
    source
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_domain_depends_on_no_aws_crate_and_no_runtime() {
    let manifest = text("domain/Cargo.toml");
    let foreign = [
        "aws",
        "lambda_",
        "tokio",
        "sluice-platform",
        "hyper",
        "ureq",
    ];
    expect_none(
        manifest
            .lines()
            .filter(|line| foreign.iter().any(|name| line.starts_with(name)))
            .map(str::to_owned),
    );
}

#[test]
fn the_domain_reads_no_clock_no_environment_and_waits_for_nothing() {
    let calls = [
        "Timestamp::now",
        "SystemTime::now",
        "Instant::now",
        "std::env",
        "env::var",
        "async fn",
    ];
    expect_none(mentions(&["domain/src"], &calls));
}

/// Local differs by endpoints and settings alone.
#[test]
fn product_code_does_not_know_the_local_engine() {
    let folders = ["domain", "platform", "functions", "cli/src"];
    let names = [
        "ministack",
        "localstack",
        "is_local",
        "local_engine",
        "SLUICE_LOCAL",
    ];
    let mut problems = mentions(&folders, &names);
    for file in files("statemachines", "json")
        .iter()
        .chain(&[repository().join("template.yaml")])
    {
        let text = text(file).to_lowercase();
        let known = names
            .iter()
            .filter(|name| text.contains(&name.to_lowercase()));
        problems.extend(known.map(|name| format!("{}: {name}", file.display())));
    }
    expect_none(problems);
}

/// Tests may release the example; the product releases any application alike.
#[test]
fn product_code_does_not_know_the_example() {
    let example = "storefront";
    let folders = ["domain", "platform", "functions", "cli/src"];
    let sources = folders.iter().flat_map(|folder| files(folder, "rs"));
    let sources = sources.filter(|file| !is_test_code(file));
    let wiring = files("statemachines", "json").into_iter();
    let wiring = wiring.chain([repository().join("template.yaml")]);
    expect_none(sources.chain(wiring).filter_map(|file| {
        let text = text(&file);
        // Modules with tests stand at the end of a file.
        let product = text.split("\n#[cfg(test)]").next().unwrap_or_default();
        let known = product.to_lowercase().contains(example);
        known.then(|| format!("{}: {example}", file.display()))
    }));
}

/// Whether a file holds nothing but what tests use, as its name says.
fn is_test_code(file: &Path) -> bool {
    let path = file.with_extension("");
    let path = path.strip_prefix(repository()).unwrap_or(&path);
    path.iter().any(|part| {
        let part = part.to_string_lossy();
        part.ends_with("tests") || part == "fakes" || part == "samples"
    })
}

/// The Rust files below these folders that have one of these words in them.
fn mentions(folders: &[&str], words: &[&str]) -> Vec<String> {
    let files: BTreeSet<_> = folders
        .iter()
        .flat_map(|folder| files(folder, "rs"))
        .collect();
    let found = files.iter().flat_map(|file| {
        let text = text(file).to_lowercase();
        let found = words
            .iter()
            .filter(move |word| text.contains(&word.to_lowercase()));
        found
            .map(|word| format!("{}: {word}", file.display()))
            .collect::<Vec<_>>()
    });
    found.collect()
}
