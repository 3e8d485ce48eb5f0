//! An empty database on a server that is shared.

use std::env;
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio_postgres::NoTls;

use crate::address::elsewhere;
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

    /// Makes a copy of it on the same server. Nobody may have a session with it meanwhile.
    pub async fn copy(&self) -> Result<Self> {
        let name = format!("sluice_test_{:016x}", rand::random::<u64>());
        let statement = format!("CREATE DATABASE {name} TEMPLATE {}", self.name);
        let copied = run(&self.admin, &statement).await;
        copied.map_err(|source| Error::Sql {
            action: "CREATE DATABASE … TEMPLATE",
            source,
        })?;
        let url = elsewhere(&self.admin, &name)?;
        let admin = self.admin.clone();
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
