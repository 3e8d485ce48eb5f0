//! Poolers that give each transaction whatever session is free.

use std::sync::{Arc, Mutex, PoisonError};

use sluice_migration::Tool;
use sluice_migrator::{Address, Budget, Error, Trust, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::Bench;

/// Sessions that nobody uses now; the last one that came is the first to go, as with
/// PgBouncer.
type Pool = Arc<Mutex<Vec<TcpStream>>>;

/// What a message is, and all of it.
struct Message(u8, Vec<u8>);

impl Message {
    async fn read(from: &mut TcpStream) -> Option<Self> {
        let mut text = vec![0; 5];
        from.read_exact(&mut text).await.ok()?;
        let kind = text[0];
        rest(from, &mut text).await?;
        Some(Self(kind, text))
    }
}

async fn rest(from: &mut TcpStream, text: &mut Vec<u8>) -> Option<()> {
    let head = text.len();
    let length: [u8; 4] = text[head - 4..].try_into().ok()?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    text.resize(head + length - 4, 0);
    from.read_exact(&mut text[head..]).await.ok()?;
    Some(())
}

/// Pools transactions, as PgBouncer does with `pool_mode=transaction`: a client has a
/// session from its first message to the end of a transaction.
async fn pooler(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let own = listener.local_addr().expect("an address").port();
    let pool = Pool::default();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { serve(client, port, &pool).await });
        }
    });
    own
}

async fn serve(mut client: TcpStream, port: u16, pool: &Pool) -> Option<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let server = login(&mut client, server).await?;
    put(pool, server);
    loop {
        let mut message = Message::read(&mut client).await?;
        let mut server = take(pool)?;
        loop {
            let Message(kind, text) = message;
            server.write_all(&text).await.ok()?;
            if matches!(kind, b'Q' | b'S') {
                let ready = answer(&mut server, &mut client).await?;
                if ready.get(5) == Some(&b'I') {
                    // It is free before the client hears of it.
                    put(pool, server);
                    client.write_all(&ready).await.ok()?;
                    break;
                }
                client.write_all(&ready).await.ok()?;
            }
            message = Message::read(&mut client).await?;
        }
    }
}

/// Passes on how a client logs in, until the server is ready.
async fn login(client: &mut TcpStream, mut server: TcpStream) -> Option<TcpStream> {
    let mut hello = vec![0; 4];
    client.read_exact(&mut hello).await.ok()?;
    rest(client, &mut hello).await?;
    server.write_all(&hello).await.ok()?;
    loop {
        let Message(kind, text) = Message::read(&mut server).await?;
        client.write_all(&text).await.ok()?;
        match (kind, text.get(8)) {
            (b'Z', _) => return Some(server),
            // The server wants SASL, or more of it.
            (b'R', Some(10 | 11)) => {
                let Message(_, text) = Message::read(client).await?;
                server.write_all(&text).await.ok()?;
            }
            _ => {}
        }
    }
}

/// Passes on what the server says, up to its being ready, which it returns.
async fn answer(server: &mut TcpStream, client: &mut TcpStream) -> Option<Vec<u8>> {
    loop {
        let Message(kind, text) = Message::read(server).await?;
        if kind == b'Z' {
            return Some(text);
        }
        client.write_all(&text).await.ok()?;
    }
}

fn put(pool: &Pool, server: TcpStream) {
    pool.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(server);
}

fn take(pool: &Pool) -> Option<TcpStream> {
    pool.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

async fn look(address: &Address) -> sluice_migrator::Result<()> {
    let session = connect(address, &Trust::Rds, Budget::default()).await?;
    session.refuse_pooler(address, &Trust::Rds).await
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_pooler_of_transactions_is_refused_and_the_server_itself_is_not() {
    let bench = Bench::new(Tool::Plain, &[]).await;
    let direct = bench.address();
    look(&direct).await.expect("the server itself");
    let port = pooler(direct.port).await;
    let pooled = Address { port, ..direct };
    let found = look(&pooled).await;
    assert!(matches!(found, Err(Error::Unsuitable { .. })), "{found:?}");
    let said = found.expect_err("a pooler").to_string();
    assert!(said.ends_with("name the database's own endpoint"), "{said}");
}
