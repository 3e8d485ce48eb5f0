//! The check of Slack's signatures beside that of Slack's own library, `slack-sdk` of Python.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use sluice_platform::slack::SigningSecret;

const REQUESTS: usize = 10_000;
const NOW: i64 = 1_795_255_200;

/// What Slack's library says of each request, a line each.
const ORACLE: &str = r"
import json, sys
from slack_sdk.signature import Clock, SignatureVerifier

class Now(Clock):
    def now(self):
        return float(NOW)

for line in sys.stdin:
    one = json.loads(line)
    verifier = SignatureVerifier(one['secret'], Now())
    try:
        print(int(verifier.is_valid(one['body'], one['timestamp'], one['signature'])))
    except ValueError:
        print(0)
";

/// A request, as somebody may send it.
struct Sent {
    secret: String,
    body: String,
    timestamp: Option<String>,
    signature: Option<String>,
}

fn text(random: &mut StdRng, most: usize) -> String {
    let letters: Vec<char> = "abcXYZ019 =&%+:{}\"\n\u{e4}\u{1f600}\u{202e}"
        .chars()
        .collect();
    let length = random.random_range(0..most);
    let letters = (0..length).filter_map(|_| letters.choose(random));
    letters.collect()
}

/// A request that is signed now, or not quite.
fn sent(random: &mut StdRng) -> Sent {
    let secret: String = (0..32)
        .map(|_| char::from(random.random_range(b'a'..=b'z')))
        .collect();
    let body = text(random, 200);
    let second = NOW + random.random_range(-400..400);
    let signing = SigningSecret::parse(&secret).expect("a secret");
    let mut signature = Some(signing.sign(second, body.as_bytes()));
    let mut timestamp = Some(second.to_string());
    let mut sent_body = body.clone();
    match random.random_range(0..10) {
        0 => sent_body.push('x'),
        1 => timestamp = Some((second + 1).to_string()),
        2 => signature = signature.map(|text| text.replace('a', "b")),
        3 => signature = signature.map(|text| text.to_uppercase()),
        4 => signature = signature.map(|text| text[..text.len() - 1].to_owned()),
        5 => signature = signature.map(|text| text.replace("v0=", "v1=")),
        6 => {
            let other = SigningSecret::parse("another secret of theirs".replace(' ', "-").as_str());
            signature = other.ok().map(|other| other.sign(second, body.as_bytes()));
        }
        7 => match random.random_bool(0.5) {
            true => signature = None,
            false => timestamp = None,
        },
        _ => {}
    }
    Sent {
        secret,
        body: sent_body,
        timestamp,
        signature,
    }
}

#[test]
#[ignore = "needs slack-sdk: make test"]
fn what_slacks_own_library_takes_is_taken_and_nothing_else() {
    let venvs = std::env::var_os("SLUICE_VENVS").expect("`make test` sets SLUICE_VENVS");
    let python = PathBuf::from(venvs).join("moto/bin/python");
    let mut random = StdRng::seed_from_u64(20_261_121);
    let requests: Vec<Sent> = (0..REQUESTS).map(|_| sent(&mut random)).collect();
    let lines: String = requests
        .iter()
        .map(|one| {
            let Sent { secret, body, timestamp, signature } = one;
            let one = json!({"secret": secret, "body": body, "timestamp": timestamp, "signature": signature});
            format!("{one}\n")
        })
        .collect();
    let mut oracle = Command::new(python)
        .arg("-c")
        .arg(ORACLE.replace("NOW", &NOW.to_string()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python");
    let mut input = oracle.stdin.take().expect("its input");
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let said = oracle.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads all");
    let said = String::from_utf8(said.stdout).expect("text");
    let said: Vec<bool> = said.lines().map(|line| line == "1").collect();
    assert_eq!(said.len(), REQUESTS);

    let now = Timestamp::from_second(NOW).expect("a time");
    let mut taken = 0;
    for (one, theirs) in requests.iter().zip(said) {
        let secret = SigningSecret::parse(&one.secret).expect("a secret");
        let headers = (one.timestamp.as_deref(), one.signature.as_deref());
        let ours = secret.check(headers, one.body.as_bytes(), now);
        assert_eq!(ours.is_ok(), theirs, "{headers:?}: {ours:?}");
        taken += usize::from(theirs);
    }
    // Some of each, or nothing was compared.
    assert!(
        (REQUESTS / 10..REQUESTS * 9 / 10).contains(&taken),
        "{taken}"
    );
    println!("{REQUESTS} requests: {taken} taken and the others refused, by both");
}
