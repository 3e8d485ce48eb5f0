//! The storefront's database: a PostgreSQL of the demo's own, with a database for each
//! environment and a secret that opens it.

use aws_config::SdkConfig;
use serde_json::{Value, json};
use sluice_platform::fault::Fault;
use sluice_postgres::{Error, Server, secret};
use tokio_postgres::{Client, NoTls};

use super::DemoError;
use crate::storefront::APPLICATION;

/// The table that the storefront's migrations make.
pub(super) const TABLE: &str = "orders";

/// A server that ends with the value.
pub(super) struct Databases(Server);

impl Databases {
    /// Starts an empty server, which takes a second or two.
    pub(super) fn start() -> Result<Self, DemoError> {
        Ok(Self(tokio::task::block_in_place(Server::start)?))
    }

    /// Makes the database of an environment and the secret that opens it. Answers
    /// `database` of the environment's settings. Nothing is saved before migrations: no
    /// data is in it.
    pub(super) async fn create(
        &self,
        config: &SdkConfig,
        environment: &str,
    ) -> Result<Value, DemoError> {
        let database = name(environment);
        let statement = format!("CREATE DATABASE {database}");
        let client = self.session("postgres").await?;
        let made = client.batch_execute(&statement).await;
        made.map_err(sql("CREATE DATABASE"))?;
        // What the template lets Sluice read.
        let name = format!("sluice-database-{APPLICATION}-{environment}");
        let request = aws_sdk_secretsmanager::Client::new(config)
            .create_secret()
            .name(&name)
            .secret_string(secret(&self.0.url(&database))?.to_string());
        request
            .send()
            .await
            .map_err(|error| Fault::new(format!("secretsmanager:CreateSecret of {name}"), error))?;
        Ok(json!({
            "secret": name,
            "authority": self.0.authority(),
            "backup": { "before": "none" },
        }))
    }

    /// The names of the columns of [`TABLE`] in an environment, in order; none where there
    /// is no such table.
    pub(super) async fn columns(&self, environment: &str) -> Result<Vec<String>, DemoError> {
        let query = "SELECT column_name::text FROM information_schema.columns \
                     WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position";
        let client = self.session(&name(environment)).await?;
        let rows = client.query(query, &[&TABLE]).await;
        let rows = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
        Ok(rows.map_err(sql("reading the columns of a table"))?)
    }

    async fn session(&self, database: &str) -> Result<Client, DemoError> {
        let connected = tokio_postgres::connect(&self.0.url(database), NoTls).await;
        let (client, connection) = connected.map_err(sql("connecting to a database"))?;
        // It ends with the client, whose queries say what went wrong.
        tokio::spawn(connection);
        Ok(client)
    }
}

/// The database of an environment.
fn name(environment: &str) -> String {
    format!("{APPLICATION}_{environment}")
}

fn sql(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Error {
    move |source| Error::Sql { action, source }
}
