//! Whom a session believes to be the server, and what an error gives away.

use sluice_migrator::{Address, Budget, Result, Session, Trust, connect};
use sluice_postgres::Server;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::NoTls;

use crate::bench::NAME;

fn address(server: &Server) -> Address {
    server.url("postgres").parse().expect("an address")
}

fn trust(server: &Server) -> Trust {
    Trust::Pem(server.authority().to_owned())
}

async fn open(address: &Address, trust: &Trust) -> Result<Session> {
    connect(address, trust, Budget::default()).await
}

/// The version of TLS that a session speaks, as the server says.
async fn version(server: &Server) -> Result<String> {
    let session = open(&address(server), &trust(server)).await?;
    let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls)
        .await
        .expect("a client");
    tokio::spawn(connection);
    let asked = "SELECT version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE application_name = $1";
    let row = client
        .query_one(asked, &[&NAME])
        .await
        .expect("one session");
    drop(session);
    Ok(row.get(0))
}

/// Why there is no session; checked to give no password away.
async fn refused(address: &Address, trust: &Trust, password: &str) -> String {
    let Err(error) = open(address, trust).await else {
        panic!("a session with {address:?}");
    };
    let said = error.to_string();
    assert!(!format!("{said} {error:?}").contains(password), "{said}");
    said
}

fn password(server: &Server) -> String {
    let url = server.url("postgres");
    let config: tokio_postgres::Config = url.parse().expect("a URL");
    String::from_utf8_lossy(config.get_password().expect("a password")).into_owned()
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_session_speaks_the_newest_tls_that_the_server_has_and_none_before_1_2() {
    let newest = Server::start().expect("a server");
    assert_eq!(version(&newest).await.expect("a session"), "TLSv1.3");
    let older = Server::start_with(&[("ssl_max_protocol_version", "TLSv1.2")]);
    let older = older.expect("a server");
    assert_eq!(version(&older).await.expect("a session"), "TLSv1.2");
    let old = Server::start_with(&[
        ("ssl_min_protocol_version", "TLSv1"),
        ("ssl_max_protocol_version", "TLSv1.1"),
    ]);
    let old = old.expect("a server");
    refused(&address(&old), &trust(&old), &password(&old)).await;
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_server_without_tls_or_with_a_certificate_of_others_is_refused() {
    let server = Server::start().expect("a server");
    let other = Server::start_with(&[("ssl", "off")]).expect("a server");
    for host in ["127.0.0.1", "localhost"] {
        let host = host.to_owned();
        let named = Address {
            host,
            ..address(&server)
        };
        open(&named, &trust(&server)).await.expect("its own name");
    }
    let said = refused(&address(&other), &trust(&other), &password(&other)).await;
    assert!(said.contains("does not support TLS"), "{said}");
    for stranger in [Trust::Rds, trust(&other)] {
        let said = refused(&address(&server), &stranger, &password(&server)).await;
        assert!(said.contains("invalid peer certificate"), "{said}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_certificate_for_another_name_is_refused() {
    let server = Server::start().expect("a server");
    // The same server at an address that its certificate does not name.
    let listener = TcpListener::bind("127.0.0.2:0").await.expect("a port");
    let beside = listener.local_addr().expect("an address");
    let port = server.port();
    let forwards = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            if let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        }
    });
    let elsewhere = Address {
        host: beside.ip().to_string(),
        port: beside.port(),
        ..address(&server)
    };
    let said = refused(&elsewhere, &trust(&server), &password(&server)).await;
    assert!(said.contains("not valid for name"), "{said}");
    forwards.abort();
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn no_error_of_a_session_gives_the_password_away() {
    let server = Server::start().expect("a server");
    let (own, trust) = (address(&server), trust(&server));
    let said = refused(
        &Address {
            database: "nowhere".to_owned(),
            ..own.clone()
        },
        &trust,
        &password(&server),
    )
    .await;
    assert!(said.contains("\"nowhere\" does not exist"), "{said}");
    for user in ["sluice", "nobody"] {
        let url = format!(
            "postgres://{user}:tops3cret@127.0.0.1:{}/postgres",
            server.port()
        );
        let wrong = url.parse().expect("an address");
        let said = refused(&wrong, &trust, "tops3cret").await;
        assert!(said.contains("password authentication failed"), "{said}");
    }
    let closed = Address { port: 1, ..own };
    refused(&closed, &trust, &password(&server)).await;
}
