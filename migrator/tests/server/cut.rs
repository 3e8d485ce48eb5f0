//! A connection that is cut at a message: as the server sees it, the client was killed
//! there, or the network was.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Where the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nowhere.
    Never,
    /// Before the server sees this message of the client, counted from 0.
    Before(usize),
    /// After the server saw it. Its answer is lost.
    After(usize),
}

/// Stands between a client and a server.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    seen: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    /// Forwards one connection to a port of this machine.
    pub(crate) async fn to(port: u16, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await;
                let server = server.expect("the server");
                // Messages are passed on one by one: none may wait for the next.
                for stream in [&client, &server] {
                    stream.set_nodelay(true).expect("TCP_NODELAY");
                }
                forward(client, server, cut, &counted).await;
            }
        });
        Self {
            address,
            seen,
            task,
        }
    }

    /// How many messages the client sent.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

async fn forward(client: TcpStream, server: TcpStream, cut: Cut, seen: &AtomicUsize) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut is_first = true;
    while let Some(message) = message(&mut from_client, is_first).await {
        is_first = false;
        let number = seen.fetch_add(1, Ordering::SeqCst);
        match cut {
            Cut::Before(at) if at == number => break,
            Cut::After(at) if at == number => {
                // The answer must not get through: nobody forwards any more.
                answers.abort();
                let _ = to_server.write_all(&message).await;
                let _ = to_server.flush().await;
                break;
            }
            _ => {
                if to_server.write_all(&message).await.is_err() {
                    break;
                }
            }
        }
    }
    answers.abort();
}

/// A message of the client (PostgreSQL's documentation, "Message Formats"): all but the
/// first begin with a letter.
async fn message(from: &mut (impl AsyncReadExt + Unpin), is_first: bool) -> Option<Vec<u8>> {
    let mut message = vec![0; if is_first { 4 } else { 5 }];
    from.read_exact(&mut message).await.ok()?;
    let length: [u8; 4] = message[message.len() - 4..].try_into().ok()?;
    let rest = usize::try_from(u32::from_be_bytes(length)).ok()? - 4;
    let head = message.len();
    message.resize(head + rest, 0);
    from.read_exact(&mut message[head..]).await.ok()?;
    Some(message)
}
