use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use super::*;

/// Longer than any answer takes that comes.
const LONG: Duration = Duration::from_secs(30);

/// Gets a file of at most four bytes from a server that answers so, once.
async fn got(answer: &'static str) -> Result<Vec<u8>, String> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let _head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        // Whoever has seen enough hangs up.
        let _ = stream.write_all(answer.as_bytes());
    });
    let url = format!("http://{address}/file?X-Amz-Signature=secret");
    let got = Downloads::new(LONG).get(&url, 4).await;
    server.join().expect("it answered");
    got
}

#[tokio::test]
async fn a_file_that_is_as_long_as_it_may_be_is_downloaded() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour";
    assert_eq!(got(answer).await, Ok(b"four".to_vec()));
}

#[tokio::test]
async fn a_longer_one_is_refused_whatever_it_says_of_its_length() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfive!",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nmuch more",
    ] {
        let why = got(answer).await.expect_err("too long");
        assert_eq!(why, "found more than 4 bytes");
    }
}

#[tokio::test]
async fn another_status_and_a_redirect_are_no_file() {
    for (answer, status) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            302,
        ),
    ] {
        let why = got(answer).await.expect_err("no file");
        assert_eq!(why, format!("found status {status}, expected 200"));
    }
}

#[tokio::test]
async fn no_error_tells_the_signed_url() {
    let downloads = Downloads::new(LONG);
    for url in [
        "http://127.0.0.1:1/file?X-Amz-Signature=secret",
        "ftp://127.0.0.1/file?X-Amz-Signature=secret",
        "no url?X-Amz-Signature=secret",
    ] {
        let why = downloads.get(url, 4).await.expect_err("no file");
        assert!(!why.contains("secret"), "{why}");
    }
}
