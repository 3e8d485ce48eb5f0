//! A connection that stands still at a message, so that something can be done at that very
//! moment: to the client, to the server, or to the connection itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Where the connection stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Before the server sees this message of the client, counted from 0.
    Before(usize),
    /// After the server saw it. Its answer is held back.
    After(usize),
}

/// Stands between a client and a server. What is between them is cut when it is dropped.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    stop: Option<Stop>,
    seen: AtomicUsize,
    /// Whether answers are held back.
    is_still: AtomicBool,
    reached: Semaphore,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    /// Forwards one connection after the other to a port of this machine.
    pub(crate) async fn to(port: u16, stop: Option<Stop>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            stop,
            seen: AtomicUsize::new(0),
            is_still: AtomicBool::new(false),
            reached: Semaphore::new(0),
        });
        let own = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                // Messages are passed on one by one: none may wait for the next.
                for stream in [&client, &server] {
                    stream.set_nodelay(true).expect("TCP_NODELAY");
                }
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::select! {
                    () = own.asks(from_client, to_server) => {}
                    () = own.answers(from_server, to_client) => {}
                }
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    /// How many messages the client sent.
    pub(crate) fn seen(&self) -> usize {
        self.state.seen.load(Ordering::SeqCst)
    }

    /// Waits until the connection stands still.
    pub(crate) async fn reached(&self) {
        let reached = timeout(Duration::from_secs(30), self.state.reached.acquire()).await;
        let _ = reached.expect("the message comes").expect("it is open");
    }
}

impl State {
    async fn asks(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut is_first = true;
        while let Some(message) = message(&mut from, is_first).await {
            is_first = false;
            let number = self.seen.fetch_add(1, Ordering::SeqCst);
            let is_after = self.stop == Some(Stop::After(number));
            if is_after {
                self.is_still.store(true, Ordering::SeqCst);
            }
            let is_before = self.stop == Some(Stop::Before(number));
            if !is_before && to.write_all(&message).await.is_err() {
                return;
            }
            if is_before || is_after {
                self.reached.add_permits(1);
                std::future::pending::<()>().await;
            }
        }
    }

    async fn answers(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length) = from.read(&mut buffer).await {
            if self.is_still.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }
}

/// A message of the client (PostgreSQL's documentation, "Message Formats"): all but the
/// first begin with a letter.
async fn message(from: &mut OwnedReadHalf, is_first: bool) -> Option<Vec<u8>> {
    let mut message = vec![0; if is_first { 4 } else { 5 }];
    from.read_exact(&mut message).await.ok()?;
    let length: [u8; 4] = message[message.len() - 4..].try_into().ok()?;
    let rest = usize::try_from(u32::from_be_bytes(length)).ok()? - 4;
    let head = message.len();
    message.resize(head + rest, 0);
    from.read_exact(&mut message[head..]).await.ok()?;
    Some(message)
}
