//! Votes at the desk: through its page's door, the same one that browsers use, or signed with
//! IAM credentials.

use std::time::Duration;

use aws_config::SdkConfig;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_domain::approval::Choice;

use crate::error::{Error, Result};
use crate::function::ask;

/// Who votes, and their one-time code.
#[derive(Debug, Clone)]
pub struct Person {
    /// By the name in the settings.
    pub name: String,
    /// Sent, never shown or stored.
    pub code: String,
}

/// A vote.
#[derive(Debug, Clone)]
pub struct Ballot {
    /// Yes or no. None: they take their vote back.
    pub choice: Option<Choice>,
    /// Why.
    pub comment: String,
    /// What they say is so, by the names of the checklist's items.
    pub attested: Vec<String>,
    /// The version that they approve, where the environment wants it typed.
    pub version: String,
}

/// What the desk answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether the vote was taken.
    pub recorded: bool,
    /// How the request stands now.
    #[serde(default)]
    pub state: Option<String>,
    /// In a sentence.
    #[serde(default)]
    pub message: String,
}

/// Votes with credentials, of whomever these are.
///
/// # Errors
/// `Refused` when the desk says no; else when it can't be reached.
pub async fn vote_signed(
    config: &SdkConfig,
    function: &str,
    request: &str,
    ballot: &Ballot,
) -> Result<Answer> {
    let call = match ballot.choice {
        Some(choice) => json!({
            "op": "vote",
            "approval": request,
            "choice": choice,
            "comment": ballot.comment,
            "attested": ballot.attested,
            "version": ballot.version,
        }),
        None => json!({"op": "withdraw", "approval": request}),
    };
    let answer: Answer = ask(config, function, &call).await?;
    match answer.recorded {
        true => Ok(answer),
        false => Err(Error::Refused {
            name: "not recorded".to_owned(),
            message: answer.message,
        }),
    }
}

/// Votes on a request with a one-time code.
///
/// # Errors
/// `Refused` when the desk says no; else when it can't be reached.
pub fn vote(desk: &str, request: &str, (person, ballot): (&Person, &Ballot)) -> Result<Answer> {
    check_door(desk)?;
    // The link's last part is a capability: errors must not show it.
    let url = format!("{}/r/{request}", desk.trim_end_matches('/'));
    let failed = |message: String| Error::Http {
        url: desk.to_owned(),
        message,
    };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(60)))
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .into();
    let choice = match ballot.choice {
        Some(Choice::Approve) => "approve",
        Some(Choice::Reject) => "reject",
        None => "withdraw",
    };
    let form = [
        ("person", person.name.as_str()),
        ("code", &person.code),
        ("choice", choice),
        ("version", &ballot.version),
        ("comment", &ballot.comment),
    ];
    let attested = ballot.attested.iter();
    let form = form
        .into_iter()
        .chain(attested.map(|item| ("attest", item.as_str())));
    let mut response = agent
        .post(&url)
        .header("accept", "application/json")
        .send_form(form)
        .map_err(|error| failed(error.to_string()))?;
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .read_to_string()
        .map_err(|error| failed(error.to_string()))?;
    read_answer(desk, status, &body)
}

fn read_answer(desk: &str, status: u16, body: &str) -> Result<Answer> {
    let answer: Option<Answer> = serde_json::from_str(body).ok();
    match (status, answer) {
        (200..300, Some(answer)) if answer.recorded => Ok(answer),
        (400..500, Some(answer)) => Err(Error::Refused {
            name: format!("HTTP {status}"),
            message: answer.message,
        }),
        (200..300, Some(answer)) => Err(Error::Refused {
            name: "not recorded".to_owned(),
            message: answer.message,
        }),
        _ => {
            let message =
                format!("answered HTTP {status} without a vote's answer; is this the desk's URL?");
            Err(Error::Http {
                url: desk.to_owned(),
                message,
            })
        }
    }
}

/// Codes travel encrypted, or not beyond this machine.
fn check_door(desk: &str) -> Result<()> {
    let host = desk
        .strip_prefix("http://")
        .map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    match name {
        None if desk.starts_with("https://") => Ok(()),
        Some("localhost" | "127.0.0.1" | "[::1]") => Ok(()),
        Some(name) if name.ends_with(".localhost") => Ok(()),
        _ => Err(Error::Usage(format!(
            "found the desk at `{desk}`; expected an https:// URL, since it is sent a code"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn ada() -> Person {
        Person {
            name: "ada".into(),
            code: "a+b c".into(),
        }
    }

    fn ballot() -> Ballot {
        Ballot {
            choice: Some(Choice::Approve),
            comment: String::new(),
            attested: vec!["on-call".into()],
            version: "1.0.0".into(),
        }
    }

    /// A desk that answers once, and what it was sent.
    fn desk(status: &'static str, body: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut request = String::new();
            let mut buffer = [0; 4096];
            while !request.contains("attest=") {
                let read = stream.read(&mut buffer).expect("a request");
                request.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .expect("answered");
            request
        });
        (url, thread)
    }

    #[test]
    fn a_vote_is_posted_as_a_form_that_asks_for_json() {
        let (url, thread) = desk(
            "200 OK",
            r#"{"recorded": true, "state": "approved", "message": "thanks"}"#,
        );
        let answer = vote(&url, "request1", (&ada(), &ballot())).expect("recorded");
        assert_eq!(answer.state.as_deref(), Some("approved"));
        let request = thread.join().expect("served");
        assert!(
            request.starts_with("POST /r/request1 HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.to_lowercase().contains("accept: application/json"),
            "{request}"
        );
        assert!(
            request.contains("person=ada&code=a%2Bb")
                && request.contains("choice=approve")
                && request.contains("version=1.0.0")
                && request.contains("attest=on-call"),
            "{request}"
        );
    }

    #[test]
    fn a_wrong_code_is_a_refusal_with_the_desks_words() {
        let (url, thread) = desk(
            "403 Forbidden",
            r#"{"recorded": false, "state": "pending", "message": "the code is wrong"}"#,
        );
        let error = vote(&url, "request1", (&ada(), &ballot())).expect_err("refused");
        assert_eq!(error.exit(), crate::error::Exit::Refused);
        assert_eq!(error.to_string(), "refused: the code is wrong (HTTP 403)");
        thread.join().expect("served");
    }

    #[test]
    fn errors_show_neither_the_code_nor_the_requests_name() {
        let (url, thread) = desk("502 Bad Gateway", "oops");
        let error = vote(&url, "secretrequest", (&ada(), &ballot()))
            .expect_err("failed")
            .to_string();
        assert!(
            !error.contains("secretrequest") && !error.contains("a+b c"),
            "{error}"
        );
        thread.join().expect("served");
    }

    #[test]
    fn codes_are_not_sent_in_clear_beyond_this_machine() {
        for url in [
            "https://desk.example.com/",
            "http://127.0.0.1:4566/x/",
            "http://abc.localhost:1/",
            "http://[::1]:1/",
        ] {
            check_door(url).expect(url);
        }
        for url in [
            "http://desk.example.com/",
            "ftp://x/",
            "http://localhost.evil.example/",
            "",
        ] {
            check_door(url).expect_err(url);
        }
    }
}
