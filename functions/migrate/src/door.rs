//! The way into a database, from what the settings say.

use std::time::Duration;

use sluice_domain::migrations::{Credentials, Database, Phase, Request};
use sluice_migrator::apply::Limits;
use sluice_migrator::check::Reads;
use sluice_migrator::{Address, Budget, Overrides, Password, Trust};

use crate::{Error, Keys};

/// PostgreSQL's own port (IANA).
const PORT: u16 = 5432;

/// Where the database is, who asks, and whom they trust.
pub(crate) async fn open(keys: &impl Keys, database: &Database) -> Result<(Address, Trust), Error> {
    let trust = match &database.authority {
        Some(pem) => Trust::Pem(pem.clone()),
        None => Trust::Rds,
    };
    let credentials = database.credentials().ok_or(Error::NoCredentials)?;
    let address = match credentials {
        Credentials::Secret(name) => {
            let overrides = Overrides {
                host: database.host.clone(),
                port: database.port,
                database: database.name.clone(),
            };
            let text = keys.secret(name).await?;
            Address::of_secret(&text, &overrides).map_err(sluice_migrator::Error::from)?
        }
        Credentials::Iam { user, host, name } => {
            let port = database.port.unwrap_or(PORT);
            Address {
                host: host.to_owned(),
                port,
                database: name.to_owned(),
                user: user.user.clone(),
                password: Password::new(keys.token(user, host, port).await?),
                plain: false,
            }
        }
    };
    Ok((address, trust))
}

/// How long things may take, as the settings say.
pub(crate) fn limits(database: &Database) -> Limits {
    Limits {
        budget: Budget {
            lock: Duration::from_millis(database.lock_timeout_ms),
            statement: Duration::from_secs(database.statement_timeout_seconds),
        },
        patience: Duration::from_secs(database.lock_patience_seconds),
        ..Limits::default()
    }
}

/// The same word in the language of migrations.
pub(crate) fn phase(phase: Phase) -> sluice_migration::Phase {
    match phase {
        Phase::Expand => sluice_migration::Phase::Expand,
        Phase::Contract => sluice_migration::Phase::Contract,
    }
}

/// Which schemas the bundle's code can work with.
pub(crate) fn reads(request: &Request) -> Reads {
    let brings = request.brings.as_ref();
    let reads = brings.and_then(|brings| brings.migrations.reads.clone());
    reads.map_or_else(Reads::default, |reads| Reads {
        from: reads.from,
        to: reads.to,
    })
}
