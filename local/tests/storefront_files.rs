//! The storefront's files are what Sluice's own documents allow.

use std::path::Path;

use sluice_cli::migrations::Place;
use sluice_cli::pack::{Bundle, Given};
use sluice_domain::{document::Document, manifest::Person, settings::Settings};
use sluice_local::storefront::{ALIAS, APPLICATION, FUNCTIONS, function_name};
use sluice_migration::{Class, Tool};

fn file(path: &str) -> Vec<u8> {
    let storefront = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/storefront");
    std::fs::read(storefront.join(path)).unwrap_or_default()
}

#[test]
fn the_settings_of_all_environments_are_valid_and_name_the_functions_of_the_template() {
    let template = String::from_utf8(file("template.yaml")).unwrap();
    for environment in ["dev", "staging", "prod"] {
        let text = file(&format!("settings/{environment}.json"));
        let settings = Settings::parse(environment, &text).unwrap();
        for function in FUNCTIONS {
            let target = &settings.functions[function];
            assert_eq!(target.name, function_name(function, environment));
            assert_eq!(target.alias, ALIAS);
            assert_eq!(target.stack.as_deref(), Some(APPLICATION), "its own stack");
            assert!(template.contains(&target.name), "{}", target.name);
        }
    }
}

/// SAM publishes again, and moves the alias, when this changes or is left out.
#[test]
fn the_stack_that_owns_the_aliases_never_moves_them() {
    let template = String::from_utf8(file("template.yaml")).unwrap();
    let count = |text: &str| template.matches(text).count();
    let functions = count("Type: AWS::Serverless::Function");
    assert_eq!(count("      AutoPublishCodeSha256: "), functions);
    assert_eq!(count("AutoPublishCodeSha256: &published_once"), 1);
    assert_eq!(
        count("AutoPublishCodeSha256: *published_once"),
        functions - 1
    );
}

#[test]
fn all_versions_can_be_packed_into_a_valid_bundle() {
    let storefront = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/storefront");
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        let bundle = Bundle::pack(&storefront.join(version), &given(), None).unwrap();
        assert_eq!(bundle.manifest.application, APPLICATION);
        assert_eq!(bundle.manifest.version.to_string(), version);
        assert!(
            FUNCTIONS
                .iter()
                .all(|function| bundle.manifest.functions.contains_key(*function))
        );
    }
}

/// Sluice refuses a folder in which what was applied is missing or differs.
#[test]
fn each_version_brings_the_migrations_of_the_one_before_and_only_adds() {
    let storefront = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/storefront");
    let of = |version: &str| {
        let folder = Place::Folder(storefront.join(version).join("migrations"));
        let lint = folder.lint(Some(Tool::Plain), Vec::new()).unwrap();
        assert_eq!(lint.refused, []);
        assert_eq!((lint.count(Class::B), lint.count(Class::C)), (0, 0));
        lint.files
    };
    let (before, after) = (of("1.1.0"), of("1.2.0"));
    assert_eq!(before, after[..1]);
    assert_eq!(after[1].path, "2_receipt.sql");
    for file in &before {
        let text = |version| self::file(&format!("{version}/migrations/{}", file.path));
        assert_eq!(text("1.1.0"), text("1.2.0"), "{}", file.path);
    }
}

fn given() -> Given {
    let author = Person {
        name: "Ada".into(),
        email: "ada@example.com".into(),
    };
    Given {
        version: None,
        commit: Some("0".repeat(40)),
        author: Some(author),
        ..Given::default()
    }
}
