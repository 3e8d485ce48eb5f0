use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::*;

const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn envelope(statement: &Value) -> String {
    json!({"payloadType": PAYLOAD_TYPE, "payload": BASE64.encode(statement.to_string()), "signatures": [{"sig": "AAAA"}]}).to_string()
}

fn statement(predicate_type: &str, predicate: &Value) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "checkout.zip", "digest": {"sha256": HEX}}],
        "predicateType": predicate_type, "predicate": predicate})
}

#[test]
fn slsa_provenance_of_both_versions_names_builder_and_source() {
    let v1 = json!({
        "buildDefinition": {"externalParameters": {"workflow": {"repository": "https://github.com/acme/shop"}},
            "resolvedDependencies": [{"uri": "git+https://github.com/acme/shop@refs/heads/main"}]},
        "runDetails": {"builder": {"id": "https://github.com/actions/runner"}}});
    let v02 = json!({"builder": {"id": "https://github.com/actions/runner"}, "invocation": {"configSource": {"uri": "https://github.com/acme/shop"}}});
    for (kind, predicate) in [
        ("https://slsa.dev/provenance/v1", v1),
        ("https://slsa.dev/provenance/v0.2", v02),
    ] {
        let read = super::read(&envelope(&statement(kind, &predicate))).expect("read");
        let Content::Provenance(found) = read.content else {
            panic!("provenance is expected");
        };
        assert_eq!(
            found.builder.as_deref(),
            Some("https://github.com/actions/runner")
        );
        assert_eq!(
            found.source.as_deref(),
            Some("https://github.com/acme/shop")
        );
        assert_eq!(
            found.subjects[0].digest.as_ref().map(Digest::hex),
            Some(HEX)
        );
    }
}

#[test]
fn the_reference_that_a_workflow_ran_for_is_part_of_its_source() {
    let workflow = json!({"repository": "https://github.com/acme/shop", "ref": "refs/tags/v1"});
    let predicate = json!({"buildDefinition": {"externalParameters": {"workflow": workflow}}});
    let statement = statement("https://slsa.dev/provenance/v1", &predicate);
    let read = super::read(&envelope(&statement)).expect("read");
    let Content::Provenance(found) = read.content else {
        panic!("provenance is expected");
    };
    let source = "https://github.com/acme/shop@refs/tags/v1";
    assert_eq!(found.source.as_deref(), Some(source));
}

#[test]
fn a_statement_of_another_kind_is_no_provenance() {
    let idle = |kind: &str| {
        let statement = statement(kind, &json!({}));
        super::read(&envelope(&statement)).expect("read").idle
    };
    for kind in PROVENANCE.iter().chain([&REVIEWS]) {
        assert_eq!(idle(kind), None);
    }
    for kind in [
        "https://cosign.sigstore.dev/attestation/vuln/v1",
        "https://in-toto.io/attestation/test-result/v0.1",
        "https://cyclonedx.org/bom",
        "https://slsa.dev/provenance/v1/../vuln",
    ] {
        let why = idle(kind).expect("idle");
        assert!(why.contains(kind), "{why}");
    }
}

#[test]
fn of_each_reviewer_the_last_word_counts_and_authors_have_none() {
    let review = |login: &str, state: &str| json!({"user": {"login": login}, "state": state});
    let predicate = json!({"authors": ["Ada"], "reviews": [
        review("ada", "APPROVED"), review("bob", "APPROVED"), review("bob", "COMMENTED"),
        review("cy", "APPROVED"), review("cy", "CHANGES_REQUESTED"), review("dee", "DISMISSED"), review("Eve", "APPROVED")]});
    let read = super::read(&envelope(&statement(REVIEWS, &predicate))).expect("read");
    let Content::Reviews(found) = read.content else {
        panic!("reviews are expected");
    };
    assert_eq!(found.approved_by, ["bob", "eve"]);
}

#[test]
fn a_sigstore_bundle_holds_an_envelope() {
    let inner: Value = serde_json::from_str(&envelope(&statement(
        "https://slsa.dev/provenance/v1",
        &json!({}),
    )))
    .expect("JSON");
    let bundle = json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": inner, "verificationMaterial": {}});
    assert!(super::read(&bundle.to_string()).is_ok());
}

#[test]
fn other_payloads_are_refused() {
    let other = json!({"payloadType": "text/plain", "payload": "", "signatures": []}).to_string();
    assert!(super::read(&other).is_err());
    assert!(
        super::read(&envelope(
            &json!({"_type": "x", "subject": [], "predicateType": ""})
        ))
        .is_err()
    );
}
