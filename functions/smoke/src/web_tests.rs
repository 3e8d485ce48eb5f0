use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::*;

/// Longer than any answer takes that comes.
const LONG: Duration = Duration::from_secs(30);

/// A web server of a test's own.
struct Server {
    address: String,
    heads: Receiver<String>,
}

impl Server {
    /// Answers each request for a path as it is told. It lives as long as the
    /// test's process.
    fn start(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let (seen, heads) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                let head = head(&mut stream);
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                // Nobody looks at it any more where the test is over.
                let _ = seen.send(head);
                answer(&path, &mut stream);
            }
        });
        Self { address, heads }
    }

    async fn fetch(&self, path: &str, within: Duration) -> Result<Answer, String> {
        let url = format!("http://{}{path}", self.address);
        let web = Https::with(config().proxy(None));
        web.fetch(&url, within).await
    }

    /// The heads of the requests that it got.
    fn requests(&self) -> Vec<String> {
        self.heads.try_iter().collect()
    }
}

/// The lines of a request up to the empty one.
fn head(stream: &mut TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join("\n").to_lowercase()
}

/// Says something, unless nobody listens any more.
fn say(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
}

/// Says nothing more until the other side hangs up.
fn hold(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// The head of an answer with a body of this length.
fn opening(status: &str, length: u64) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")
}

fn redirect(to: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

fn status(answer: &Answer) -> u16 {
    match answer.source {
        Source::Url { status } => status,
        Source::Function { .. } => panic!("found a function; expected a URL"),
    }
}

#[tokio::test]
async fn a_url_without_tls_is_not_fetched() {
    let error = Https::new()
        .fetch("http://127.0.0.1:9/", Duration::from_secs(5))
        .await
        .expect_err("must be refused");
    assert!(error.contains("https"), "{error}");
    assert!(!error.contains("onnect"), "{error}");
}

#[tokio::test]
async fn an_answer_is_its_status_and_its_body_whatever_the_status_is() {
    let server = Server::start(|path, stream| {
        let known = path == "/health";
        let status = if known { "200 OK" } else { "503 Busy" };
        say(stream, &(opening(status, 2) + "ok"));
    });
    for (path, expected) in [("/health", 200), ("/other", 503)] {
        let answer = server.fetch(path, LONG).await.expect("an answer");
        assert_eq!(
            (status(&answer), answer.body.as_slice()),
            (expected, &b"ok"[..])
        );
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert!(request.starts_with("get /"), "{request}");
        assert!(request.contains("user-agent: sluice-smoke"), "{request}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_no_answer() {
    let server = Server::start(|path, stream| {
        let length = BODY_LIMIT - u64::from(path == "/largest");
        let body = " ".repeat(usize::try_from(length).expect("a length"));
        say(stream, &(opening("200 OK", length) + &body));
    });
    let largest = server.fetch("/largest", LONG).await.expect("an answer");
    assert_eq!(largest.body.len() as u64, BODY_LIMIT - 1);
    let error = server.fetch("/larger", LONG).await.expect_err("too large");
    assert!(error.contains(&BODY_LIMIT.to_string()), "{error}");
}

#[tokio::test]
async fn latency_counts_to_the_end_of_the_body() {
    const PAUSE: Duration = Duration::from_millis(60);
    let server = Server::start(|_, stream| {
        say(stream, &(opening("200 OK", 2) + "o"));
        thread::sleep(PAUSE);
        say(stream, "k");
    });
    let answer = server.fetch("/", LONG).await.expect("an answer");
    assert_eq!(answer.body, b"ok");
    assert!(answer.latency >= PAUSE, "{:?}", answer.latency);
}

#[tokio::test]
async fn who_falls_silent_before_the_end_of_the_body_is_given_up_in_time() {
    let server = Server::start(|path, stream| {
        if path == "/half" {
            say(stream, &(opening("200 OK", 2) + "o"));
        }
        hold(stream);
    });
    for path in ["/nothing", "/half"] {
        let started = Instant::now();
        let error = server.fetch(path, Duration::from_millis(100)).await;
        let error = error.expect_err("no answer");
        assert!(error.contains("timeout"), "{path}: {error}");
        assert!(started.elapsed() < LONG, "{path}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_and_what_counts_is_the_last_answer() {
    let server = Server::start(|path, stream| match path {
        "/old" => say(stream, &redirect("/new")),
        _ => say(stream, &(opening("201 Created", 3) + "new")),
    });
    let answer = server.fetch("/old", LONG).await.expect("an answer");
    assert_eq!(
        (status(&answer), answer.body.as_slice()),
        (201, &b"new"[..])
    );
}

/// Whoever is redirected to need not be who was meant.
#[tokio::test]
async fn credentials_are_not_sent_to_where_a_redirect_leads() {
    let server = Server::start(|path, stream| match path {
        "/old" => say(stream, &redirect("/new")),
        _ => say(stream, &opening("200 OK", 0)),
    });
    let request = ureq::http::Request::get(format!("http://{}/old", server.address))
        .header("authorization", "Basic c2VjcmV0")
        .body(())
        .expect("a request");
    let Https(agent) = Https::with(config().proxy(None));
    tokio::task::spawn_blocking(move || agent.run(request))
        .await
        .expect("no panic")
        .expect("an answer");
    let sent: Vec<bool> = server
        .requests()
        .iter()
        .map(|request| request.contains("authorization: "))
        .collect();
    assert_eq!(sent, [true, false]);
}

#[tokio::test]
async fn redirects_without_an_end_are_no_answer() {
    let server = Server::start(|_, stream| say(stream, &redirect("/again")));
    let error = server.fetch("/", LONG).await.expect_err("no end");
    assert!(error.contains("redirect"), "{error}");
    assert_eq!(server.requests().len(), 6);
}
