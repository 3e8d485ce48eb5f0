use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use proptest::prelude::*;
use ring::{digest, hmac};
use serde_json::json;

use super::*;

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:sluice-control:live";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HOST: &str = "sts.eu-west-1.amazonaws.com";

/// What STS does with a request to it: signs it as the documentation of Signature
/// Version 4 has it, and compares.
struct Received<'a> {
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
    secret: &'a str,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

impl Received<'_> {
    /// The signature that it should have.
    fn signature(&self, scope: &str, signed: &str) -> String {
        let value = |name: &str| {
            let mut headers = self.headers.iter();
            let found = headers.find(|(other, _)| *other == name);
            found.map_or("", |(_, value)| value.trim())
        };
        let mut canonical = "POST\n/\n\n".to_owned();
        for name in signed.split(';') {
            canonical.push_str(&format!("{name}:{}\n", value(name)));
        }
        canonical.push_str(&format!("\n{signed}\n{}", sha256(self.body)));
        let date = value("x-amz-date");
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(&canonical));
        let key = format!("AWS4{}", self.secret).into_bytes();
        let key = scope.split('/').fold(key, |key, part| hmac(&key, part));
        hex(&hmac(&key, &to_sign))
    }

    fn is_believed(&self) -> bool {
        let authorization = self
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization");
        let (_, authorization) = authorization.expect("it is signed");
        let part = |name: &str| {
            let from = authorization.split_once(name).expect("a part").1;
            from.split(',').next().expect("its value").to_owned()
        };
        let credential = part("Credential=");
        let (_, scope) = credential.split_once('/').expect("a scope");
        self.signature(scope, &part("SignedHeaders=")) == part("Signature=")
    }
}

#[test]
fn the_published_example_has_its_published_signature() {
    // aws-signing-test-suite, v4/post-x-www-form-urlencoded.
    let content = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
    let example = Received {
        headers: vec![
            ("content-length", "13"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("host", "example.amazonaws.com"),
            ("x-amz-content-sha256", content),
            ("x-amz-date", "20150830T123600Z"),
        ],
        body: "Param1=value1",
        secret: SECRET,
    };
    let signed = "content-length;content-type;host;x-amz-content-sha256;x-amz-date";
    assert_eq!(
        example.signature("20150830/us-east-1/service/aws4_request", signed),
        "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"
    );
}

fn config(token: Option<&str>) -> SdkConfig {
    let token = token.map(str::to_owned);
    let ada = Credentials::new("ASIAADA", SECRET, token, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        // Where the command is does not matter; where the function is does.
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(ada))
        .build()
}

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().expect("a time")
}

/// A proof of this request, as the function finds it.
fn shown(request: &Value, config: &SdkConfig) -> (Proof, Value) {
    let mut request = request.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let proved = prove(config, FUNCTION, &mut request, now());
    runtime
        .expect("a runtime")
        .block_on(proved)
        .expect("signed");
    let proof = Proof::take(&mut request).expect("a proof").expect("there");
    (proof, request)
}

/// Whether STS believes what the function sends to it at this host.
fn is_believed(proof: &Proof, challenge: &Challenge, host: &str, secret: &str) -> bool {
    let mut headers: Vec<_> = proof.headers(challenge).collect();
    headers.push(("host", host));
    let body = BODY;
    let received = Received {
        headers,
        body,
        secret,
    };
    received.is_believed()
}

#[test]
fn sts_believes_what_the_function_makes_of_a_proof() {
    let asked = json!({"promotion": "shop/prod/1.0.0/1", "wish": "pause", "step": null});
    for token in [None, Some("a/session+token==")] {
        let (proof, request) = shown(&asked, &config(token));
        assert_eq!(request, asked);
        let challenge = Challenge::new(FUNCTION, &request);
        assert_eq!(proof.check(&challenge, now()), Ok(()));
        assert!(is_believed(&proof, &challenge, HOST, SECRET));
        assert!(!is_believed(
            &proof,
            &challenge,
            "sts.amazonaws.com",
            SECRET
        ));
        assert!(!is_believed(&proof, &challenge, HOST, "another secret"));
    }
}

/// A crate that had serde_json keep the order of keys would break every proof.
#[test]
fn a_request_has_one_digest_in_whatever_order_its_fields_are_sent() {
    let digest = |text| {
        let request: Value = serde_json::from_str(text).expect("json");
        Challenge::new(FUNCTION, &request).request
    };
    let one = digest(r#"{"wish": "pause", "step": 1}"#);
    assert_eq!(one, digest(r#"{"step": 1, "wish": "pause"}"#));
}

#[test]
fn a_function_elsewhere_is_reached_with_a_signature_for_there() {
    let mut elsewhere = config(None).to_builder();
    elsewhere.set_endpoint_url(Some("http://127.0.0.1:4566".to_owned()));
    let (proof, request) = shown(&json!({}), &elsewhere.build());
    let challenge = Challenge::new(FUNCTION, &request);
    assert!(is_believed(&proof, &challenge, "127.0.0.1:4566", SECRET));
}

#[tokio::test]
async fn who_has_no_credentials_is_told_so() {
    let mut nobody = config(None).to_builder();
    nobody.set_credentials_provider(None);
    let proved = prove(&nobody.build(), FUNCTION, &mut json!({}), now()).await;
    assert!(proved.expect_err("refused").to_string().contains("sign in"));
}

proptest! {
    #[test]
    fn a_proof_of_another_request_for_another_function_or_time_is_believed_by_nobody(
        reason in "[a-z ]{1,20}", other in "[a-z ]{1,20}", name in "[a-z]{1,12}",
        seconds in 1_i64..200,
    ) {
        let (proof, request) = shown(&json!({"reason": reason}), &config(Some("token")));
        let challenge = Challenge::new(FUNCTION, &request);
        prop_assert!(is_believed(&proof, &challenge, HOST, SECRET));
        let of_other = Challenge::new(FUNCTION, &json!({"reason": other}));
        prop_assert_eq!(is_believed(&proof, &of_other, HOST, SECRET), other == reason);
        let to_other = Challenge::new(&FUNCTION.replace("control", &name), &request);
        prop_assert_eq!(is_believed(&proof, &to_other, HOST, SECRET), name == "control");
        let later = now() + jiff::SignedDuration::from_secs(seconds);
        let mut fresh = proof.clone();
        fresh.x_amz_date = later.strftime("%Y%m%dT%H%M%SZ").to_string();
        prop_assert!(fresh.check(&challenge, later).is_ok());
        prop_assert!(!is_believed(&fresh, &challenge, HOST, SECRET));
    }
}
