use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::json;

use super::*;

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:sluice-intake:live";
const ADA: &str = "arn:aws:sts::123456789012:assumed-role/release-managers/ada";

/// STS, which answers each request with the next of these, and the last for ever.
struct Sts {
    endpoint: String,
    asked: Receiver<String>,
}

fn sts(answers: Vec<String>) -> Sts {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    let (tell, asked) = channel();
    thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
            let mut request = String::new();
            while reader.read_line(&mut request).expect("a line") > 2 {}
            let length = request.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse().expect("a length"))
            });
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).expect("a body");
            request.push_str(&String::from_utf8(body).expect("UTF-8"));
            if tell.send(request).is_err() {
                return;
            }
            // Who reads no further may close it.
            let _ = stream.write_all(answers[count.min(answers.len() - 1)].as_bytes());
        }
    });
    Sts { endpoint, asked }
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn identity(arn: &str) -> String {
    let result =
        format!("<Arn>{arn}</Arn><UserId>AROA:ada</UserId><Account>123456789012</Account>");
    let result = format!("<GetCallerIdentityResult>{result}</GetCallerIdentityResult>");
    let xmlns = "https://sts.amazonaws.com/doc/2011-06-15/";
    let body = format!(
        r#"<GetCallerIdentityResponse xmlns="{xmlns}">{result}</GetCallerIdentityResponse>"#
    );
    answer("200 OK", &body)
}

fn refusal(code: &str, message: &str) -> String {
    let error = format!("<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>");
    let body = format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>");
    answer("403 Forbidden", &body)
}

/// As a function has it: with credentials of its own.
fn callers(sts: &Sts) -> Callers {
    let own = Credentials::new("AKIAOWN", "own secret", None, None, "test");
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(own))
        .endpoint_url(&sts.endpoint)
        .http_client(http)
        .build();
    Callers::new(&config)
}

fn now() -> Timestamp {
    "2030-01-01T00:00:10Z".parse().expect("a time")
}

fn request() -> Value {
    let signed = "content-type;host;x-amz-date;x-amz-security-token;x-sluice-audience;x-sluice-request-sha256";
    let scope = "20300101/eu-west-1/sts/aws4_request";
    let signature = "0".repeat(64);
    json!({
        "application": "shop",
        "proof": {
            "authorization": format!(
                "AWS4-HMAC-SHA256 Credential=ASIAADA/{scope}, SignedHeaders={signed}, Signature={signature}"
            ),
            "x-amz-date": "20300101T000000Z",
            "x-amz-security-token": "adas-token",
        },
    })
}

async fn ask(answers: Vec<String>) -> (Caller, Vec<String>) {
    let sts = sts(answers);
    let caller = callers(&sts).caller(FUNCTION, &mut request(), now()).await;
    (caller, sts.asked.try_iter().collect())
}

#[tokio::test]
async fn sts_is_sent_what_the_caller_signed_and_nothing_else() {
    let (caller, asked) = ask(vec![identity(ADA)]).await;
    let caller = caller.expect("asked").expect("a proof");
    assert_eq!(caller.as_str(), ADA);
    let [request] = &asked[..] else {
        panic!("{asked:?}")
    };
    let (head, body) = request.split_once("\r\n\r\n").expect("a body");
    assert_eq!(body, BODY);
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST / HTTP/1.1"));
    let headers: Vec<(String, &str)> = lines
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let value = |name: &str| {
        let mut found = headers.iter().filter(|(other, _)| other == name);
        let value = found.next().map(|(_, value)| *value);
        assert!(found.next().is_none(), "{name} twice");
        value.unwrap_or_default()
    };
    assert!(value("authorization").contains("Credential=ASIAADA/"));
    assert_eq!(value("x-amz-security-token"), "adas-token");
    assert_eq!(value("x-amz-date"), "20300101T000000Z");
    let audience = FUNCTION.trim_end_matches(":live");
    assert_eq!(value("x-sluice-audience"), audience);
    let bound = Challenge::new(FUNCTION, &json!({"application": "shop"}));
    assert_eq!(value("x-sluice-request-sha256"), bound.request.hex());
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "authorization",
            "content-length",
            "content-type",
            "host",
            "x-amz-date",
            "x-amz-security-token",
            "x-sluice-audience",
            "x-sluice-request-sha256",
        ]
    );
}

#[test]
fn what_is_signed_at_another_time_or_says_something_else_is_told_apart() {
    let (request, plain) = (request(), json!({"application": "shop"}));
    let signed_at = Proof::date_of(&request).expect("a time");
    assert_eq!(signed_at.to_string(), "2030-01-01T00:00:00Z");
    assert_eq!(Proof::date_of(&plain), None);
    let first = once(Some(signed_at), &plain).expect("it is signed");
    assert_eq!(once(Some(signed_at), &plain), Some(first.clone()));
    let later = "2030-01-01T00:00:01Z".parse().expect("a time");
    assert_ne!(once(Some(later), &plain), Some(first.clone()));
    let other = json!({"application": "other"});
    assert_ne!(once(Some(signed_at), &other), Some(first));
    assert_eq!(once(None, &plain), None);
}

#[tokio::test]
async fn a_request_without_a_proof_and_one_that_is_stale_ask_nobody() {
    let sts = sts(vec![identity(ADA)]);
    let callers = callers(&sts);
    let mut plain = json!({"application": "shop"});
    let caller = callers.caller(FUNCTION, &mut plain, now()).await;
    assert_eq!(caller.expect("nobody"), None);
    let late = "2030-01-01T00:05:01Z".parse().expect("a time");
    let caller = callers.caller(FUNCTION, &mut request(), late).await;
    assert_eq!(caller.expect_err("stale").name(), "ProofRefused");
    assert!(sts.asked.try_recv().is_err(), "STS was asked");
}

#[tokio::test]
async fn what_sts_refuses_is_refused_without_its_words_which_repeat_the_token() {
    let words = "The Canonical String should have been x-amz-security-token:adas-token";
    let (caller, asked) = ask(vec![refusal("SignatureDoesNotMatch", words)]).await;
    let error = caller.expect_err("refused");
    assert_eq!((error.name(), asked.len()), ("ProofRefused", 1));
    let said = format!("{error} {error:?}");
    assert!(said.contains("SignatureDoesNotMatch"), "{said}");
    assert!(!said.contains("adas-token"), "{said}");
}

#[tokio::test]
async fn an_sts_that_is_unwell_is_asked_again_and_refuses_nobody() {
    let unwell = answer("503 Service Unavailable", "");
    let (caller, asked) = ask(vec![unwell.clone(), identity(ADA)]).await;
    assert_eq!(asked.len(), 2);
    assert!(caller.expect("the second time").is_some());
    let (caller, _) = ask(vec![refusal("Throttling", "Rate exceeded")]).await;
    assert_eq!(caller.expect_err("throttled").name(), "Throttled");
    let (caller, _) = ask(vec![unwell]).await;
    assert!(matches!(caller, Err(CallerError::Fault(_))), "{caller:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = sts(vec![identity(ADA)]);
    let moved = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        elsewhere.endpoint
    );
    let (caller, _) = ask(vec![moved]).await;
    assert!(matches!(caller, Err(CallerError::Fault(_))), "{caller:?}");
    assert!(elsewhere.asked.try_recv().is_err(), "it was followed");
}

#[tokio::test]
async fn an_answer_that_never_ends_or_names_no_caller_proves_nothing() {
    let padding = "x".repeat(LONGEST_ANSWER);
    let long = identity(&format!("{ADA}</Arn><Padding>{padding}</Padding><Arn>"));
    let (caller, _) = ask(vec![long]).await;
    assert!(matches!(caller, Err(CallerError::Fault(_))), "{caller:?}");
    for arn in ["", "arn:aws:s3:::bucket"] {
        let (caller, _) = ask(vec![identity(arn)]).await;
        assert_eq!(caller.expect_err("nobody").name(), "ProofRefused");
    }
    let (caller, _) = ask(vec![answer("200 OK", "<html>a portal</html>")]).await;
    assert!(caller.is_err(), "{caller:?}");
}
