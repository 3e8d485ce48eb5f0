//! What a server of a test's own promises.

use std::net::TcpStream;

use sluice_postgres::{Database, Ending, Server};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("a session");
    tokio::spawn(connection);
    client
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_was_committed_is_there_after_a_crash() {
    let mut server = Server::start().expect("a server");
    let client = connect(&server.url("postgres")).await;
    client
        .batch_execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        .await
        .expect("the server does it");

    server.restart(Ending::Crash).expect("it starts again");

    assert!(client.batch_execute("SELECT 1").await.is_err());
    let client = connect(&server.url("postgres")).await;
    let row = client
        .query_one("SELECT n FROM kept", &[])
        .await
        .expect("a row");
    assert_eq!(row.get::<_, i32>(0), 7);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_server_ends_and_its_files_go_with_its_value() {
    let server = Server::start().expect("a server");
    let (port, data) = (server.port(), server.data());
    assert!(data.is_dir());

    drop(server);

    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!data.exists());
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn each_test_has_a_database_of_its_own() {
    let (one, other) = (
        Database::create().await.expect("a database"),
        Database::create().await.expect("a database"),
    );
    connect(one.url())
        .await
        .batch_execute("CREATE TABLE own (n int)")
        .await
        .expect("the server does it");

    let seen = connect(other.url())
        .await
        .query_one("SELECT to_regclass('own') IS NULL", &[])
        .await
        .expect("the server does it");
    assert!(seen.get::<_, bool>(0));
}
