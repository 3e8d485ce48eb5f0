//! The storefront's files are what Sluice's own documents allow.

use std::path::Path;

use serde_json::{Value, json};
use sluice_domain::{document::Document, manifest::Manifest, settings::Settings};
use sluice_local::storefront::{ALIAS, APPLICATION, FUNCTIONS, function_name};

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
            assert!(template.contains(&target.name), "{}", target.name);
        }
    }
}

#[test]
fn the_smoke_tests_of_all_versions_fit_a_manifest() {
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        let tests: Value =
            serde_json::from_slice(&file(&format!("{version}/smoke-tests.json"))).unwrap();
        let digest = format!("sha256:{}", "0".repeat(64));
        let zip = |key: &str| json!({ "zip": { "key": key, "digest": digest } });
        let manifest = json!({
            "schema": 1,
            "application": APPLICATION,
            "version": version,
            "commit": "0".repeat(40),
            "author": { "name": "Ada", "email": "ada@example.com" },
            "functions": { "checkout": zip("checkout.zip"), "catalog": zip("catalog.zip") },
            "smoke_tests": tests,
        });
        Manifest::parse("release.json", manifest.to_string().as_bytes()).unwrap();
    }
}
