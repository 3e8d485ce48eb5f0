use super::*;

#[test]
fn a_manifest_or_a_configuration_that_is_not_what_was_pushed_is_refused() {
    let manifest = json!({"config": {"digest": Digest::of(b"{}"), "size": 2}}).to_string();
    let digest = Digest::of(manifest.as_bytes());
    let blob = configuration_of(&manifest, &digest).expect("it is what was pushed");
    let other = configuration_of(&manifest, &Digest::of(b"other")).expect_err("another");
    assert!(
        other
            .to_string()
            .contains(&format!("manifest with digest {digest}"))
    );
    assert_eq!(label_of(b"{}", &blob).expect("no label"), None);
    let changed = label_of(b"{ }", &blob).expect_err("another");
    assert!(
        changed
            .to_string()
            .contains("its configuration with digest"),
        "{changed}"
    );
}

#[test]
fn what_is_no_image_is_refused_as_such() {
    for (manifest, told) in [
        ("no", "a manifest that can't be read"),
        ("{}", "names no configuration"),
        (r#"{"manifests": []}"#, "--provenance=false"),
    ] {
        let refused = configuration_of(manifest, &Digest::of(manifest.as_bytes()));
        let message = refused.expect_err("no image").to_string();
        assert!(message.contains(told), "{message}");
    }
}

#[test]
fn only_functions_without_code_get_the_image_and_the_file_is_always_the_same() {
    let image = Image {
        repository: "1.dkr.ecr.eu-west-1.amazonaws.com/shop".to_owned(),
        digest: Digest::of(b"image"),
    };
    let zip = json!({"key": "a.zip", "digest": Digest::of(b"zip")});
    let other = json!({"repository": "1.dkr.ecr.eu-west-1.amazonaws.com/other", "digest": Digest::of(b"other")});
    let template = json!({
        "schema": 1, "application": "shop", "version": "1.0.0",
        "commit": "0123456789012345678901234567890123456789",
        "author": {"name": "Ada", "email": "ada@example.com"},
        "functions": {"a": {"zip": zip}, "b": {"image": other}, "c": {}, "d": {"image": {"repository": image.repository}}},
    });
    let subject = Subject {
        application: "shop".to_owned(),
        version: "1.0.0".parse().expect("a version"),
    };
    let made = |text: &str| {
        let made = release_json(text, &image, &subject);
        made.expect("a manifest").bytes
    };
    let bytes = made(&template.to_string());
    assert_eq!(
        bytes,
        made(&format!("{template:#}")),
        "spaces change nothing"
    );
    let manifest = Manifest::parse("release.json", &bytes).expect("a manifest");
    let image_of = |name: &str| manifest.functions[name].image.clone();
    assert_eq!(image_of("a"), None);
    assert_eq!(
        image_of("b").map(|image| image.digest),
        Some(Digest::of(b"other"))
    );
    assert_eq!(
        (image_of("c"), image_of("d")),
        (Some(image.clone()), Some(image.clone()))
    );
}
