use serde_json::json;

use super::*;

fn minimal() -> Value {
    json!({
        "schema": 1,
        "application": "shop",
        "version": "1.0.0",
        "commit": "0123456789012345678901234567890123456789",
        "author": {"name": "Ada", "email": "ada@example.com"},
        "functions": {"api": {"zip": {"key": "api.zip", "digest": Digest::of(b"api")}}}
    })
}

fn parse(value: &Value) -> Result<Manifest, crate::document::Invalid> {
    Manifest::parse("release.json", value.to_string().as_bytes())
}

fn problem_of(change: impl FnOnce(&mut Value)) -> String {
    let mut value = minimal();
    change(&mut value);
    parse(&value).expect_err("must be refused").to_string()
}

#[test]
fn a_minimal_manifest_is_read() {
    let manifest = parse(&minimal()).expect("valid");
    assert_eq!(manifest.version, Version::new(1, 0, 0));
    assert_eq!(manifest.artifacts().count(), 1);
}

#[test]
fn an_unknown_field_is_refused_with_its_path() {
    let error = problem_of(|m| m["functions"]["api"]["zipp"] = json!("x"));
    assert!(error.contains("functions.api"), "{error}");
    assert!(error.contains("unknown field `zipp`"), "{error}");
}

#[test]
fn a_field_of_the_wrong_type_is_refused_with_what_was_found_and_expected() {
    let error =
        problem_of(|m| m["functions"]["api"]["configuration"] = json!({"memory_mb": "lots"}));
    assert!(
        error.contains("functions.api.configuration.memory_mb"),
        "{error}"
    );
    assert!(error.contains("string \"lots\", expected u32"), "{error}");
}

#[test]
fn every_problem_is_listed_not_only_the_first() {
    let error = problem_of(|m| {
        m["application"] = json!("Shop!");
        m["commit"] = json!("main");
        m["source"] = json!("javascript:alert(1)");
    });
    for part in [
        "application: found `Shop!`",
        "commit: found `main`",
        "source: found `javascript",
    ] {
        assert!(error.contains(part), "{part} not in {error}");
    }
}

#[test]
fn a_version_is_as_long_as_fits_into_the_description_of_an_alias() {
    let version = |length: usize| format!("1.0.0-{}", "x".repeat(length - "1.0.0-".len()));
    let mut longest = minimal();
    longest["version"] = json!(version(LONGEST_VERSION));
    assert!(parse(&longest).is_ok());
    let error = problem_of(|m| m["version"] = json!(version(LONGEST_VERSION + 1)));
    assert!(
        error.contains("version: found 101 characters; expected at most 100"),
        "{error}"
    );
}

#[test]
fn a_key_that_leaves_the_bundle_is_refused() {
    for key in [
        "../secret",
        "/etc/passwd",
        "a/../../b",
        "a//b",
        "",
        "release.json",
        "a\\b",
    ] {
        let error = problem_of(|m| m["functions"]["api"]["zip"]["key"] = json!(key));
        assert!(error.contains("inside the bundle"), "{key}: {error}");
    }
}

#[test]
fn an_image_is_named_by_digest_and_never_by_tag() {
    let image = |repository: &str| {
        let repository = repository.to_owned();
        move |m: &mut Value| {
            m["functions"]["api"] =
                json!({"image": {"repository": repository, "digest": Digest::of(b"i")}});
        }
    };
    let mut value = minimal();
    image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api")(&mut value);
    parse(&value).expect("valid");
    let error = problem_of(image(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:latest",
    ));
    assert!(error.contains("without tag or digest"), "{error}");
}

#[test]
fn a_smoke_test_of_an_unknown_function_is_refused() {
    let error = problem_of(|m| m["smoke_tests"] = json!([{"name": "x", "function": "nope"}]));
    assert!(
        error.contains("smoke_tests[0].function: found `nope`; expected one of `api`"),
        "{error}"
    );
}

#[test]
fn a_function_without_code_is_refused() {
    let error = problem_of(|m| m["functions"]["api"] = json!({}));
    assert!(error.contains("neither `zip` nor `image`"), "{error}");
}

#[test]
fn a_branch_and_a_tag_are_short_names() {
    for name in ["main", "feature/a-b", "v1.0.0"] {
        let mut manifest = minimal();
        manifest["branch"] = json!(name);
        manifest["tag"] = json!(name);
        let read = parse(&manifest).expect("valid");
        assert_eq!(
            (read.branch.as_deref(), read.tag.as_deref()),
            (Some(name), Some(name))
        );
    }
    for name in ["", "refs/heads/main", "two words", "line\nbreak"] {
        for field in ["branch", "tag"] {
            let error = problem_of(|manifest| manifest[field] = json!(name));
            assert!(
                error.contains(&format!("{field}: found `{name}`")),
                "{error}"
            );
        }
    }
}

#[test]
fn an_image_has_a_digest_and_no_tag_such_as_latest() {
    for repository in [
        "1.dkr.ecr.eu-west-1.amazonaws.com/shop:latest",
        "shop:v1.0.0",
    ] {
        let image = json!({"repository": repository, "digest": Digest::of(b"image")});
        let error = problem_of(|manifest| manifest["functions"]["api"] = json!({"image": image}));
        assert!(error.contains("without tag or digest"), "{error}");
    }
    let image = json!({"repository": "1.dkr.ecr.eu-west-1.amazonaws.com/shop", "digest": "latest"});
    let error = problem_of(|manifest| manifest["functions"]["api"] = json!({"image": image}));
    assert!(error.contains("functions.api.image.digest"), "{error}");
}
