use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use super::*;

/// What a server was sent.
struct Sent {
    head: Vec<String>,
    body: Value,
}

/// What was sent to a server that answers so, once, and what came of it.
async fn called(answer: &'static str) -> (Sent, Result<Value, SlackError>) {
    let (address, server) = server(answer);
    let token = BotToken::new("xoxb-secret");
    let slack = Slack::new(&format!("http://{address}/api/"), "http://127.0.0.1:1");
    let body = json!({"channel": "C1", "text": "größer"});
    let answer = slack.call(&token, "chat.postMessage", &body).await;
    (server.join().expect("it answered"), answer)
}

fn server(answer: &'static str) -> (std::net::SocketAddr, thread::JoinHandle<Sent>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a request");
        let mut reader = BufReader::new(&stream);
        let lines = reader.by_ref().lines().map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let length = head.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_it = name.eq_ignore_ascii_case("content-length");
            is_it.then(|| value.trim().parse::<usize>().ok())?
        });
        let mut body = vec![0; length.expect("a length")];
        reader.read_exact(&mut body).expect("the body");
        (&stream).write_all(answer.as_bytes()).expect("it is heard");
        let body = serde_json::from_slice(&body).expect("JSON");
        Sent { head, body }
    });
    (address, server)
}

#[tokio::test]
async fn a_method_is_called_with_the_token_and_its_answer_is_read() {
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{\"ok\":true,\"ts\":\"1.2\"}";
    let (sent, answer) = called(body).await;
    assert_eq!(answer, Ok(json!({"ok": true, "ts": "1.2"})));
    assert_eq!(sent.head[0], "POST /api/chat.postMessage HTTP/1.1");
    let bearer = "authorization: Bearer xoxb-secret";
    assert!(
        sent.head.iter().any(|line| line == bearer),
        "{:?}",
        sent.head
    );
    assert_eq!(sent.body["text"], "größer");
}

#[tokio::test]
async fn what_slack_refuses_is_told_from_what_it_can_not_do_now() {
    let refused =
        "HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\n{\"ok\":false,\"error\":\"not_in_channel\"}";
    let (_, answer) = called(refused).await;
    let error = answer.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "chat.postMessage was refused by Slack: not_in_channel; invite the app to the channel (`/invite`)"
    );
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{\"ok\":false,\"error\":\"ratelimited\"}",
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nX-RateLimit-Remaining: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        "",
    ] {
        let (_, answer) = called(answer).await;
        let error = answer.expect_err("not answered");
        assert!(matches!(error, SlackError::Unavailable { .. }), "{error}");
        assert!(!error.to_string().contains("xoxb"), "{error}");
    }
}

#[tokio::test]
async fn only_webhooks_of_slack_are_written_to_and_no_error_tells_them() {
    let (address, server) =
        server("HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nno_service");
    let slack = Slack::new("http://127.0.0.1:1/api", &format!("http://{address}"));
    for other in [
        "https://evil.example.com/services/T1",
        &format!("http://{address}.evil.example.com/services/T1"),
        &format!("http://{address}/"),
        "",
    ] {
        assert!(slack.hook(other).is_err(), "{other}");
    }
    let hook = slack.hook(&format!("http://{address}/services/T1/secret"));
    let hook = hook.expect("a webhook");
    let error = slack.notify(&hook, &json!({"text": "a"})).await;
    let error = error.expect_err("refused").to_string();
    assert_eq!(
        error,
        "an incoming webhook was refused by Slack: no_service"
    );
    assert_eq!(
        server.join().expect("it answered").body,
        json!({"text": "a"})
    );
}

#[test]
fn a_message_that_is_gone_is_told_from_one_that_is_refused_for_another_reason() {
    let refused = |error: &str| SlackError::Refused {
        method: "chat.update",
        error: error.to_owned(),
    };
    for error in ["message_not_found", "channel_not_found", "is_archived"] {
        assert!(refused(error).is_of_a_lost_message(), "{error}");
    }
    for error in ["invalid_blocks", "token_revoked", "not_in_channel"] {
        assert!(!refused(error).is_of_a_lost_message(), "{error}");
    }
    let unavailable = SlackError::Unavailable {
        method: "chat.update",
        why: "found `ratelimited`".to_owned(),
    };
    assert!(!unavailable.is_of_a_lost_message());
}
