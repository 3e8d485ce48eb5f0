//! The way into a database, from what the settings say.

use std::time::Duration;

use sluice_domain::migrations::{Credentials, Database, Hosts, Phase, Request};
use sluice_migrator::apply::Limits;
use sluice_migrator::check::Reads;
use sluice_migrator::{Address, AddressError, Budget, Overrides, Password, Trust};

use crate::open::Server;
use crate::{Error, Keys};

/// PostgreSQL's own port (IANA).
const PORT: u16 = 5432;

/// Where a server of the database is, who asks, and whom they trust. A secret that names its
/// server opens no other but those beside it, and nothing is sent to a host that the function
/// may not connect to, or that nobody but the settings vouches for: where they name both a
/// host and the authority that says who it is, whoever writes them could be that host.
pub(crate) async fn open(
    keys: &impl Keys,
    hosts: &Hosts,
    database: &Database,
    server: Server<'_>,
) -> Result<(Address, Trust), Error> {
    let trust = match &database.authority {
        Some(pem) => Trust::Pem(pem.clone()),
        None => Trust::Rds,
    };
    let there = match server {
        Server::Own => database.clone(),
        Server::Beside(place) | Server::Told(place) => database.at(place),
    };
    let unvouched = there.authority.is_some() && !hosts.are_named();
    let credentials = there.credentials().ok_or(Error::NoCredentials)?;
    let address = match credentials {
        Credentials::Secret(name) => {
            let overrides = Overrides {
                host: there.host.clone(),
                port: there.port,
                database: there.name.clone(),
                beside: !matches!(server, Server::Own),
                unvouched,
            };
            let text = keys.secret(name).await?;
            let address = Address::of_secret(&text, &overrides);
            let address = address.map_err(sluice_migrator::Error::from)?;
            refuse_unless_allowed(hosts, &address.host, server)?;
            address
        }
        Credentials::Iam { user, host, name } => {
            refuse_unless_allowed(hosts, host, server)?;
            if unvouched {
                let error = AddressError::Unvouched(host.to_owned());
                return Err(sluice_migrator::Error::from(error).into());
            }
            let port = there.port.unwrap_or(PORT);
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

fn refuse_unless_allowed(hosts: &Hosts, host: &str, server: Server<'_>) -> Result<(), Error> {
    let is_allowed = match server {
        Server::Own => hosts.allow(host),
        Server::Beside(_) => hosts.allow_beside(host),
        Server::Told(_) => hosts.allow_told(host),
    };
    if is_allowed {
        return Ok(());
    }
    if matches!(server, Server::Told(_)) {
        return Err(Error::ToldHost(host.to_owned()));
    }
    Err(Error::OtherHost {
        host: host.to_owned(),
        allowed: hosts.clone(),
    })
}

/// How long things may take, as the settings say, in a call that lasts so long.
pub(crate) fn limits(database: &Database, call: Duration) -> Limits {
    Limits {
        budget: Budget {
            lock: Duration::from_millis(database.lock_timeout_ms),
            statement: Duration::from_secs(database.statement_timeout_seconds),
        },
        patience: Duration::from_secs(database.lock_patience_seconds).min(call),
        call,
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
