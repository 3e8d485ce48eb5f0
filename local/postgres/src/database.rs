//! An empty database on a server that is shared.

use std::env;
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio_postgres::config::Host;
use tokio_postgres::{Config, NoTls};

use crate::{Error, Result, Server};

/// The server of this process. It ends with the process, which drops nothing that is static.
static SHARED: Mutex<Option<Server>> = Mutex::new(None);

/// A database that goes with the value.
pub struct Database {
    name: String,
    admin: String,
    url: String,
}

impl Database {
    /// Makes an empty one: on the server that `SLUICE_TEST_DATABASE_URL` names, else on one
    /// that this process starts once.
    pub async fn create() -> Result<Self> {
        let admin = match env::var("SLUICE_TEST_DATABASE_URL") {
            Ok(url) => url,
            Err(_) => embedded()?,
        };
        let name = format!("sluice_test_{:016x}", rand::random::<u64>());
        run(&admin, &format!("CREATE DATABASE {name}"))
            .await
            .map_err(|source| Error::Sql {
                action: "CREATE DATABASE",
                source,
            })?;
        let url = elsewhere(&admin, &name)?;
        Ok(Self { name, admin, url })
    }

    /// The authority that signed the certificate of its server, in PEM. None where the
    /// server is not this process's own.
    #[must_use]
    pub fn authority(&self) -> Option<String> {
        let is_own = env::var_os("SLUICE_TEST_DATABASE_URL").is_none();
        let shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let own = shared.as_ref().filter(|_| is_own);
        own.map(|server| server.authority().to_owned())
    }

    /// Its address, as the server's superuser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let admin = self.admin.clone();
        // Nobody waits for it. The server drops nothing while somebody signs in (it waits
        // for all its processes), and who signs in may be of the runtime that would wait
        // here. On a given server, what the end of the process cuts off stays.
        drop(thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map(|runtime| runtime.block_on(run(&admin, &statement)))
        }));
    }
}

fn embedded() -> Result<String> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.is_none() {
        *shared = Some(Server::start_with(&[("max_connections", "300")])?);
    }
    Ok(shared
        .as_ref()
        .map(|server| server.url("postgres"))
        .unwrap_or_default())
}

async fn run(url: &str, statement: &str) -> std::result::Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let done = client.batch_execute(statement).await;
    drop(client);
    let _ = connection.await;
    done
}

/// The address of another database on the same server.
fn elsewhere(admin: &str, name: &str) -> Result<String> {
    let config: Config = admin.parse().map_err(|error| Error::Address {
        reason: format!("{error}"),
    })?;
    let missing = |what: &str| Error::Address {
        reason: format!("no {what} in it"),
    };
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        _ => return Err(missing("host")),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let user = config.get_user().ok_or_else(|| missing("user"))?;
    let password = config.get_password().unwrap_or_default();
    Ok(format!(
        "postgres://{}:{}@{host}:{port}/{name}",
        escape(user.as_bytes()),
        escape(password)
    ))
}

/// Percent-encodes all but letters, digits and `-._~`.
fn escape(part: &[u8]) -> String {
    part.iter()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(*byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_with_special_characters_survives_in_another_databases_address() {
        let url = elsewhere("postgres://a%40b:p%2F%3A%25w@db:6432/postgres", "other").unwrap();
        let config: Config = url.parse().unwrap();

        assert_eq!(config.get_user(), Some("a@b"));
        assert_eq!(config.get_password(), Some(&b"p/:%w"[..]));
        assert_eq!(config.get_ports(), [6432]);
        assert_eq!(config.get_dbname(), Some("other"));
    }
}
