//! A database and a folder to try things with.

use std::time::{Duration, Instant};

use sluice_migration::{Lint, Options, Phase, Reading, Source, Tool, lint, read};
use sluice_migrator::apply::{Folder, Limits, Step, apply};
use sluice_migrator::ledger::Holder;
use sluice_migrator::{Address, Result, Session, Trust, connect};
use sluice_postgres::{Database, Ending, Server};
use tokio_postgres::{Client, NoTls};

use crate::plot::{self, Files, Part};
use crate::seen::{Seen, look};
use crate::wire::Wire;

/// What Sluice's sessions call themselves.
pub(crate) const NAME: &str = "sluice-migrate";

/// Where a test's database is.
enum Home {
    /// On the server of all tests.
    Shared(Database),
    /// On one that the test may end.
    Own(Box<Server>),
}

/// A database of a test's own.
pub(crate) struct Bench {
    home: Home,
    pub(crate) tool: Tool,
    pub(crate) files: Files,
    pub(crate) limits: Limits,
}

impl Bench {
    pub(crate) async fn new(tool: Tool, files: &[(&str, &str)]) -> Self {
        let own = files.iter();
        let own = own.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Self::with(tool, own.collect()).await
    }

    pub(crate) async fn of(tool: Tool, parts: &[Part]) -> Self {
        Self::with(tool, plot::files(tool, parts)).await
    }

    async fn with(tool: Tool, files: Files) -> Self {
        Self {
            home: Home::Shared(Database::create().await.expect("a database")),
            tool,
            files,
            limits: Limits::default(),
        }
    }

    /// On a server that nobody else uses.
    pub(crate) fn on_own_server(tool: Tool, parts: &[Part]) -> Self {
        Self {
            home: Home::Own(Box::new(Server::start().expect("a server"))),
            tool,
            files: plot::files(tool, parts),
            limits: Limits::default(),
        }
    }

    pub(crate) fn url(&self) -> String {
        let url = match &self.home {
            Home::Shared(database) => database.url().to_owned(),
            Home::Own(server) => server.url("postgres"),
        };
        format!("{url}?sslmode=disable")
    }

    pub(crate) fn address(&self) -> Address {
        self.url().parse().expect("an address")
    }

    /// Its address at another port.
    pub(crate) fn url_at(&self, port: u16) -> String {
        let own = format!(":{}/", self.address().port);
        self.url().replace(&own, &format!(":{port}/"))
    }

    pub(crate) async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls)
            .await
            .expect("a client");
        tokio::spawn(connection);
        // The user is called like Sluice's schema, which comes first otherwise.
        let path = "SET search_path = public";
        client.batch_execute(path).await.expect("a search path");
        client
    }

    pub(crate) async fn session(&self) -> Session {
        let opened = connect(&self.address(), &Trust::Rds, self.limits.budget).await;
        opened.expect("a session")
    }

    /// Ends the server and starts it again.
    pub(crate) fn restart(&mut self, ending: Ending) {
        let Home::Own(server) = &mut self.home else {
            panic!("the shared server is not this test's to end");
        };
        server.restart(ending).expect("it starts again");
    }

    /// How large a file may get that a new session of the server writes.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        match &self.home {
            Home::Own(server) => server.limit_files(bytes).expect("a limit"),
            Home::Shared(_) => panic!("the shared server is not this test's"),
        }
    }

    pub(crate) fn folder(&self) -> Folder {
        self.linted().0
    }

    pub(crate) fn linted(&self) -> (Folder, Lint) {
        let (reading, lint) = reading(self.tool, &self.files);
        (Folder::new(reading, &lint).expect("a tool's"), lint)
    }

    /// One call, in a session of its own.
    pub(crate) async fn call(&self, generation: i64) -> Result<Step> {
        self.call_within(generation, self.limits).await
    }

    pub(crate) async fn call_within(&self, generation: i64, limits: Limits) -> Result<Step> {
        call(self.address(), self.folder(), generation, limits).await
    }

    /// One call through a wire.
    pub(crate) async fn call_through(&self, wire: &Wire) -> Result<Step> {
        let mut address = self.address();
        address.port = wire.address.port();
        call(address, self.folder(), 1, self.limits).await
    }

    /// Takes all that was applied away, for the next try.
    pub(crate) async fn reset(&self) {
        let all = "DROP SCHEMA IF EXISTS sluice CASCADE; DROP SCHEMA public CASCADE; \
                   CREATE SCHEMA public";
        let client = self.client().await;
        client.batch_execute(all).await.expect("an empty database");
    }

    /// Calls until nothing is left.
    pub(crate) async fn all(&self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            match self.call(1).await? {
                Step::Done => return Ok(steps),
                step => steps.push(step),
            }
        }
    }

    pub(crate) async fn look(&self) -> Seen {
        look(&self.client().await, self.tool).await
    }

    /// Waits until the server has no session of Sluice's in this database any more.
    pub(crate) async fn quiet(&self) {
        self.until("NOT EXISTS (SELECT FROM own)").await;
    }

    /// Waits until a condition holds; `own` are Sluice's sessions in this database.
    pub(crate) async fn until(&self, condition: &str) {
        let client = self.client().await;
        let query = format!(
            "WITH own AS (SELECT * FROM pg_stat_activity WHERE application_name = '{NAME}' \
             AND datname = current_database()) SELECT {condition}"
        );
        let begun = Instant::now();
        loop {
            let row = client.query_one(&query, &[]).await.expect("asked");
            if row.get(0) {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "not: {condition}"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

pub(crate) fn reading(tool: Tool, files: &Files) -> (Reading, Lint) {
    let sources: Vec<Source<'_>> = files
        .iter()
        .map(|(path, text)| Source {
            path,
            bytes: text.as_bytes(),
        })
        .collect();
    let options = Options {
        tool: Some(tool),
        whole: true,
        ..Options::default()
    };
    let reading = read(&sources, &options);
    assert!(reading.refused.is_empty(), "{:?}", reading.refused);
    let lint = lint(&reading);
    (reading, lint)
}

pub(crate) fn folder(tool: Tool, files: &Files) -> Folder {
    let (reading, lint) = reading(tool, files);
    Folder::new(reading, &lint).expect("nothing refused")
}

/// One call, in a session of its own.
pub(crate) async fn call(
    address: Address,
    folder: Folder,
    generation: i64,
    limits: Limits,
) -> Result<Step> {
    let session = connect(&address, &Trust::Rds, limits.budget).await?;
    next(&session, &folder, generation, limits).await
}

/// The next unit of what expands, or else of what contracts.
pub(crate) async fn next(
    session: &Session,
    folder: &Folder,
    generation: i64,
    limits: Limits,
) -> Result<Step> {
    let holder = holder(generation);
    let turn = apply(session, folder, Phase::Expand, &holder, limits).await?;
    if turn.step != Step::Done {
        return Ok(turn.step);
    }
    let turn = apply(session, folder, Phase::Contract, &holder, limits).await?;
    Ok(turn.step)
}

pub(crate) fn holder(generation: i64) -> Holder {
    Holder {
        promotion: format!("shop/prod/1.4.0/{generation}"),
        release: "shop 1.4.0".to_owned(),
        generation,
        epoch: generation,
        backup: None,
    }
}
