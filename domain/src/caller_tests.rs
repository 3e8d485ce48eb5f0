use proptest::prelude::*;
use serde_json::json;

use super::*;

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:sluice-intake";
const SIGNED: &str =
    "content-type;host;x-amz-date;x-amz-security-token;x-sluice-audience;x-sluice-request-sha256";

fn challenge() -> Challenge {
    Challenge::new(FUNCTION, &json!({"application": "shop"}))
}

fn now() -> Timestamp {
    "2030-01-01T00:10:00Z".parse().expect("a time")
}

fn authorization(date: &str, scope: &str, headers: &str) -> String {
    let signature = "0".repeat(64);
    format!(
        "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/{date}/{scope}, SignedHeaders={headers}, Signature={signature}"
    )
}

fn proof_at(x_amz_date: &str) -> Proof {
    let day = x_amz_date.get(..8).unwrap_or_default();
    Proof {
        authorization: authorization(day, "eu-west-1/sts/aws4_request", SIGNED),
        x_amz_date: x_amz_date.to_owned(),
        x_amz_security_token: Some("token".to_owned()),
    }
}

fn proof() -> Proof {
    proof_at("20300101T001000Z")
}

fn refusal(proof: &Proof) -> Refused {
    proof.check(&challenge(), now()).expect_err("refused")
}

#[test]
fn a_proof_that_was_just_signed_for_this_is_worth_asking_sts() {
    assert_eq!(proof().check(&challenge(), now()), Ok(()));
    let mut of_a_user = proof();
    of_a_user.x_amz_security_token = None;
    of_a_user.authorization = of_a_user.authorization.replace("x-amz-security-token;", "");
    assert_eq!(of_a_user.check(&challenge(), now()), Ok(()));
}

#[test]
fn what_is_sent_is_what_was_signed() {
    let (proof, challenge) = (proof(), challenge());
    let mut sent: Vec<&str> = proof.headers(&challenge).map(|(name, _)| name).collect();
    sent.retain(|name| *name != AUTHORIZATION);
    sent.push("host");
    sent.sort_unstable();
    assert_eq!(sent.join(";"), SIGNED);
}

#[test]
fn a_proof_is_bound_to_the_function_whatever_its_qualifier_and_to_the_request() {
    let request = json!({"b": 1, "a": {"d": 2, "c": 3}});
    let bound = Challenge::new(FUNCTION, &request);
    assert_eq!(bound.audience, FUNCTION);
    assert_eq!(bound.region(), "eu-west-1");
    for qualifier in ["live", "7"] {
        let same = Challenge::new(&format!("{FUNCTION}:{qualifier}"), &request);
        assert_eq!(same, bound);
    }
    let reordered = serde_json::from_str(r#"{"a": {"c": 3, "d": 2}, "b": 1}"#).expect("json");
    assert_eq!(Challenge::new(FUNCTION, &reordered), bound);
    let other = FUNCTION.replace("intake", "control");
    assert_ne!(Challenge::new(&other, &request), bound);
}

#[test]
fn a_proof_that_is_too_old_or_from_the_future_is_refused_with_both_times() {
    for (date, is_fresh) in [
        ("20300101T000500Z", true),
        ("20300101T000459Z", false),
        ("20300101T001100Z", true),
        ("20300101T001101Z", false),
    ] {
        let checked = proof_at(date).check(&challenge(), now());
        assert_eq!(checked.is_ok(), is_fresh, "{date}: {checked:?}");
    }
    let said = refusal(&proof_at("20300101T000000Z")).to_string();
    for part in [
        "2030-01-01T00:00:00Z",
        "2030-01-01T00:10:00Z",
        "300 s",
        "clock",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_proof_that_covers_less_or_more_than_is_sent_is_refused() {
    for headers in [
        SIGNED.replace("x-sluice-audience;", ""),
        SIGNED.replace(";x-sluice-request-sha256", ""),
        SIGNED.replace("x-amz-date;", ""),
        SIGNED.replace("x-amz-security-token;", ""),
        SIGNED.replace("host;", ""),
        format!("{SIGNED};x-other"),
        String::new(),
    ] {
        let mut other = proof();
        let scope = "eu-west-1/sts/aws4_request";
        other.authorization = authorization("20300101", scope, &headers);
        let refused = refusal(&other);
        assert!(matches!(refused, Refused::Headers { .. }), "{refused}");
    }
}

#[test]
fn a_proof_for_another_day_region_or_service_is_refused() {
    for (day, scope) in [
        ("20291231", "eu-west-1/sts/aws4_request"),
        ("20300101", "eu-west-2/sts/aws4_request"),
        ("20300101", "eu-west-1/iam/aws4_request"),
    ] {
        let mut other = proof();
        other.authorization = authorization(day, scope, SIGNED);
        let refused = refusal(&other);
        assert!(matches!(refused, Refused::Scope { .. }), "{refused}");
    }
}

#[test]
fn what_is_no_signature_of_version_4_is_refused() {
    let good = proof().authorization;
    for bad in [
        "Bearer abc".to_owned(),
        good.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        good.replace(", SignedHeaders", ", SignedHeaders=host, SignedHeaders"),
        good.replace("ASIAEXAMPLE", ""),
        good.replace("Signature=00", "Signature=AA"),
        good[..good.len() - 1].to_owned(),
        format!("{good}, Credential=ASIAOTHER/20300101/eu-west-1/sts/aws4_request"),
    ] {
        let mut other = proof();
        other.authorization = bad.clone();
        let refused = refusal(&other);
        let is_of_it = matches!(&refused, Refused::Value { field, .. } if *field == AUTHORIZATION);
        assert!(is_of_it, "{bad}: {refused}");
    }
}

#[test]
fn no_value_breaks_out_of_its_header_or_is_longer_than_any() {
    for value in ["a\r\nx-evil: 1", "a\n", "\0", "tök", "", &"x".repeat(8193)] {
        let mut other = proof();
        other.x_amz_security_token = Some(value.to_owned());
        let refused = refusal(&other);
        assert!(matches!(refused, Refused::Value { .. }), "{refused}");
        let mut other = proof();
        other.authorization = format!("{}{value}", other.authorization);
        assert!(value.is_empty() || other.check(&challenge(), now()).is_err());
        other = proof();
        other.x_amz_date = value.to_owned();
        assert!(other.check(&challenge(), now()).is_err());
    }
}

#[test]
fn neither_refusals_nor_debug_output_show_what_was_shown() {
    let mut other = proof();
    other.x_amz_security_token = Some("hush\u{7}".to_owned());
    let mut shown = vec![format!("{other:?}"), refusal(&other).to_string()];
    other = proof();
    other.x_amz_date = "hush".to_owned();
    shown.push(refusal(&other).to_string());
    other = proof();
    other.authorization.push_str("hush");
    shown.push(refusal(&other).to_string());
    for text in shown {
        for secret in ["hush", "ASIA", &"0".repeat(16)] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_request_is_told_from_its_proof() {
    let mut request = json!({"application": "shop"});
    assert_eq!(Proof::take(&mut request), Ok(None));
    request[FIELD] = serde_json::to_value(proof()).expect("json");
    assert_eq!(Proof::take(&mut request), Ok(Some(proof())));
    assert_eq!(request, json!({"application": "shop"}));
    for bad in [
        json!("a proof"),
        json!({"authorization": "a"}),
        json!({"authorization": "a", "x-amz-date": 5}),
        json!({"authorization": "a", "x-amz-date": "b", "url": "https://example.com"}),
    ] {
        request[FIELD] = bad;
        assert_eq!(Proof::take(&mut request), Err(Refused::Shape));
    }
    assert_eq!(Proof::take(&mut json!([1])), Ok(None));
}

#[test]
fn a_caller_is_an_arn_of_sts_or_iam_in_an_account() {
    for arn in [
        "arn:aws:sts::123456789012:assumed-role/release-managers/ada",
        "arn:aws-us-gov:iam::123456789012:user/team/ada",
        "arn:aws-cn:sts::123456789012:federated-user/ada",
        "arn:aws:iam::123456789012:root",
    ] {
        let principal = Principal::of_arn(arn).expect("a caller");
        assert_eq!(principal.as_str(), arn);
    }
    for none in [
        "",
        "ada",
        "s3:123456789012",
        "schedule",
        "arn:aws:s3:::bucket",
        "arn:aws:sts::1234:assumed-role/a/b",
        "arn:aws:sts::123456789012:",
        "arn:aws:sts::123456789012:assumed-role/a/b\n",
        &format!("arn:aws:iam::123456789012:user/{}", "a".repeat(2048)),
    ] {
        let refused = Principal::of_arn(none).expect_err("refused");
        assert_eq!(refused.name(), "ProofRefused");
    }
}

#[test]
fn what_sts_refuses_comes_with_what_to_do() {
    for (code, advice) in [
        ("ExpiredToken", "sign in again"),
        ("InvalidClientTokenId", "does not know these credentials"),
        ("SignatureDoesNotMatch", "AWS_ENDPOINT_URL"),
        ("AccessDenied", "Ask again"),
    ] {
        let code = code.to_owned();
        let said = Refused::BySts { code }.to_string();
        assert!(said.contains(advice), "{said}");
    }
}

proptest! {
    #[test]
    fn any_other_request_is_another_challenge(
        key in "[a-z_]{1,12}", one in any::<i64>(), other in any::<i64>(), text in ".{0,20}",
    ) {
        let of = |value| Challenge::new(FUNCTION, &json!({&key: value, "reason": &text}));
        prop_assert_eq!(of(one) == of(other), one == other);
        let more = Challenge::new(FUNCTION, &json!({&key: one, "reason": format!("{text} ")}));
        prop_assert_ne!(of(one), more);
    }

    #[test]
    fn whatever_is_shown_is_sent_as_plain_headers_or_not_at_all(
        authorization in ".{0,60}", date in ".{0,20}", token in proptest::option::of("[ -~\r\n\u{0}-\u{1f}]{0,40}"),
        spoil in any::<bool>(),
    ) {
        let mut shown = proof();
        shown.x_amz_security_token = token;
        if spoil {
            shown.authorization = authorization;
            shown.x_amz_date = date;
        }
        if shown.check(&challenge(), now()).is_ok() {
            for (_, value) in shown.headers(&challenge()) {
                prop_assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", value);
            }
        }
    }
}
