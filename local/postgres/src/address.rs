//! Addresses of databases, `postgres://user:password@host:port/name`, and what they say.

use serde_json::{Value, json};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::{Error, Result};

/// The secret that opens a database, as RDS writes it to Secrets Manager.
///
/// # Errors
/// When the address has no host or no user.
pub fn secret(url: &str) -> Result<Value> {
    let address = Address::parse(url)?;
    Ok(json!({
        "engine": "postgres",
        "host": address.host,
        "port": address.port,
        "dbname": address.name,
        "username": address.user,
        "password": String::from_utf8_lossy(&address.password),
    }))
}

/// The address of another database on the same server.
pub(crate) fn elsewhere(admin: &str, name: &str) -> Result<String> {
    let Address {
        host,
        port,
        user,
        password,
        ..
    } = Address::parse(admin)?;
    Ok(format!(
        "postgres://{}:{}@{host}:{port}/{name}",
        escape(user.as_bytes()),
        escape(&password)
    ))
}

struct Address {
    host: String,
    port: u16,
    user: String,
    password: Vec<u8>,
    name: Option<String>,
}

impl Address {
    fn parse(url: &str) -> Result<Self> {
        let config: Config = url.parse().map_err(|error| Error::Address {
            reason: format!("{error}"),
        })?;
        let missing = |what: &str| Error::Address {
            reason: format!("no {what} in it"),
        };
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            _ => return Err(missing("host")),
        };
        Ok(Self {
            host,
            port: config.get_ports().first().copied().unwrap_or(5432),
            user: config.get_user().ok_or_else(|| missing("user"))?.to_owned(),
            password: config.get_password().unwrap_or_default().to_owned(),
            name: config.get_dbname().map(str::to_owned),
        })
    }
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

    #[test]
    fn a_secret_says_what_the_address_does() {
        let expected = json!({
            "engine": "postgres", "host": "db", "port": 6432, "dbname": "shop",
            "username": "a@b", "password": "p/:%w",
        });
        let found = secret("postgres://a%40b:p%2F%3A%25w@db:6432/shop").unwrap();
        assert_eq!(found, expected);
    }
}
