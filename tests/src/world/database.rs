//! The application's database: a real PostgreSQL, with TLS, opened by a secret.

use serde_json::{Value, json};
use sluice_postgres::Database;
use tokio_postgres::{Client, NoTls};

use super::build::{Build, healthy};
use super::{World, merge};

/// A database of a test's own.
pub struct Data {
    database: Database,
    secret: String,
    password: String,
}

impl World {
    /// Creates a database and the secret that opens it.
    ///
    /// # Panics
    /// When there is no server, or Secrets Manager refuses.
    pub async fn database(&self) -> Data {
        let database = Database::create().await.expect("a database");
        let secret = sluice_postgres::secret(database.url()).expect("its secret");
        let password = secret["password"].as_str().expect("a password").to_owned();
        let name = format!("sluice-database-{}", self.unique);
        aws_sdk_secretsmanager::Client::new(&self.config)
            .create_secret()
            .name(&name)
            .secret_string(secret.to_string())
            .send()
            .await
            .unwrap_or_else(|error| panic!("creating {name}: {error:?}"));
        Data {
            database,
            secret: name,
            password,
        }
    }

    /// The server and the database to which the secret leads by now, as [`Data::place`] says it.
    ///
    /// # Panics
    /// When there is no secret.
    pub async fn leads_to(&self, data: &Data) -> Value {
        let secrets = aws_sdk_secretsmanager::Client::new(&self.config);
        let found = secrets.get_secret_value().secret_id(&data.secret);
        let found = found.send().await.expect("the secret");
        let text = found.secret_string().expect("its text");
        let secret: Value = serde_json::from_str(text).expect("JSON");
        json!({ "host": secret["host"], "port": secret["port"], "name": secret["dbname"] })
    }

    /// Puts another password into the secret, which opens nothing.
    ///
    /// # Panics
    /// When Secrets Manager refuses.
    pub async fn put_password(&self, data: &Data, password: &str) {
        let mut secret = sluice_postgres::secret(data.database.url()).expect("its secret");
        secret["password"] = json!(password);
        let secrets = aws_sdk_secretsmanager::Client::new(&self.config);
        let put = secrets.put_secret_value().secret_id(&data.secret);
        let put = put.secret_string(secret.to_string()).send().await;
        put.expect("the secret is put");
    }

    /// A build of one healthy function and these migrations, by their file names. `more` is
    /// what else its manifest says.
    #[must_use]
    pub fn migrating(&self, version: &str, migrations: &[(&str, &str)], more: Value) -> Build {
        let files = migrations.iter();
        let files = files.map(|(name, text)| (format!("migrations/{name}"), *text));
        let mut own = json!({ "migrations": { "zip": "migrations" } });
        merge(&mut own, more);
        let functions = [("api", healthy(version))];
        self.build_with(version, &functions, &files.collect::<Vec<_>>(), own)
    }
}

impl Data {
    /// Makes a copy of it that is opened like it. Nobody may be in it meanwhile.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn copy(&self) -> Self {
        Self {
            database: self.database.copy().await.expect("a copy"),
            secret: self.secret.clone(),
            password: self.password.clone(),
        }
    }

    /// Where it is: what a function that makes copies answers.
    ///
    /// # Panics
    /// When its address is none.
    #[must_use]
    pub fn place(&self) -> Value {
        let secret = sluice_postgres::secret(self.database.url()).expect("its secret");
        json!({ "host": secret["host"], "port": secret["port"], "name": secret["dbname"] })
    }

    /// The name of the secret that opens it.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What the settings of an environment say of it. Nothing is saved before migrations.
    #[must_use]
    pub fn settings(&self) -> Value {
        json!({ "database": {
            "secret": self.secret,
            "authority": self.database.authority(),
            "backup": { "before": "none" },
        } })
    }

    /// What must stand in no log and no record.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// A session.
    ///
    /// # Panics
    /// When the server can't be reached.
    pub async fn session(&self) -> Client {
        let connected = tokio_postgres::connect(self.database.url(), NoTls).await;
        let (client, connection) = connected.expect("a session");
        tokio::spawn(connection);
        client
    }

    /// Runs statements, and leaves no session behind that would keep it from being copied.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn run(&self, statements: &str) {
        let done = self.session().await.batch_execute(statements).await;
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// The text that a query answers; empty where it answers none.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn text(&self, query: &str) -> String {
        let row = self.session().await.query_opt(query, &[]).await;
        let row = row.unwrap_or_else(|error| panic!("{query}: {error}"));
        let text: Option<String> = row.and_then(|row| row.get(0));
        text.unwrap_or_default()
    }

    /// The names of a table's columns, in order, with commas; empty where there is none.
    pub async fn columns(&self, table: &str) -> String {
        let query = format!(
            "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute \
             WHERE attrelid = to_regclass('{table}') AND attnum > 0 AND NOT attisdropped"
        );
        self.text(&query).await
    }
}
