//! A database and a folder to try things with.

use sluice_migration::{Lint, Options, Phase, Source, Tool, lint, read};
use sluice_migrator::apply::{Folder, Limits, Step, apply};
use sluice_migrator::ledger::Holder;
use sluice_migrator::{Address, Budget, Result, Session, Trust, connect};
use sluice_postgres::Database;
use tokio_postgres::{Client, NoTls};

use crate::cut::Wire;

/// A database of a test's own.
pub(crate) struct Bench {
    pub(crate) database: Database,
    pub(crate) tool: Tool,
    pub(crate) files: Vec<(&'static str, String)>,
    pub(crate) limits: Limits,
}

impl Bench {
    pub(crate) async fn new(tool: Tool, files: &[(&'static str, &str)]) -> Self {
        let own = files.iter().map(|(path, text)| (*path, (*text).to_owned()));
        Self {
            database: Database::create().await.expect("a database"),
            tool,
            files: own.collect(),
            limits: Limits::default(),
        }
    }

    pub(crate) fn address(&self) -> Address {
        let url = format!("{}?sslmode=disable", self.database.url());
        url.parse().expect("an address")
    }

    pub(crate) async fn session(&self) -> Session {
        let opened = connect(&self.address(), &Trust::Rds, Budget::default()).await;
        opened.expect("a session")
    }

    pub(crate) async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(self.database.url(), NoTls)
            .await
            .expect("a client");
        tokio::spawn(connection);
        client
    }

    pub(crate) fn folder(&self) -> Folder {
        self.linted().0
    }

    pub(crate) fn linted(&self) -> (Folder, Lint) {
        let sources: Vec<Source<'_>> = self
            .files
            .iter()
            .map(|(path, text)| Source {
                path,
                bytes: text.as_bytes(),
            })
            .collect();
        let options = Options {
            tool: Some(self.tool),
            whole: true,
            ..Options::default()
        };
        let reading = read(&sources, &options);
        assert!(reading.refused.is_empty(), "{:?}", reading.refused);
        let lint = lint(&reading);
        (Folder::new(reading, &lint).expect("a tool's"), lint)
    }

    /// One call, in a session of its own.
    pub(crate) async fn call(&self, generation: i64) -> Result<Step> {
        let (session, folder) = (self.session().await, self.folder());
        next(&session, &folder, generation, self.limits).await
    }

    /// One call, through a wire that may be cut.
    pub(crate) async fn call_through(&self, wire: &Wire) -> Result<Step> {
        let mut address = self.address();
        address.port = wire.address.port();
        let session = connect(&address, &Trust::Rds, Budget::default()).await?;
        next(&session, &self.folder(), 1, self.limits).await
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
}

/// The next unit of what expands, or else of what contracts.
pub(crate) async fn next(
    session: &Session,
    folder: &Folder,
    generation: i64,
    limits: Limits,
) -> Result<Step> {
    let holder = holder(generation);
    match apply(session, folder, Phase::Expand, &holder, limits).await? {
        Step::Done => apply(session, folder, Phase::Contract, &holder, limits).await,
        step => Ok(step),
    }
}

pub(crate) fn holder(generation: i64) -> Holder {
    Holder {
        promotion: format!("shop/prod/1.4.0/{generation}"),
        release: "shop 1.4.0".to_owned(),
        generation,
        backup: None,
    }
}
