//! Where a database is, and who asks.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::Deserialize;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// PostgreSQL's own port (IANA).
const PORT: u16 = 5432;

/// A database on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// Who asks.
    pub user: String,
    /// How they prove it.
    pub password: Password,
    /// Whether the session goes without TLS, which only this machine's own servers may.
    pub plain: bool,
}

/// A password or a token. Never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Takes it.
    #[must_use]
    pub const fn new(password: String) -> Self {
        Self(password)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

/// What is wrong with an address or with a secret that should hold one. Says nothing of
/// what they hold: a password can stand anywhere in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The secret is something else.
    #[error(
        "the secret is no JSON object with `username` and `password` (the shape that RDS and \
         Secrets Manager's rotation write)"
    )]
    Shape,
    /// The secret is of a server of another kind.
    #[error(
        "the secret says engine {0:?}; expected postgres, since PostgreSQL alone is migrated: \
         name a secret of a PostgreSQL server, or take `database` out of the settings and apply \
         these migrations by your own means. Nothing was sent"
    )]
    OtherEngine(String),
    /// A URL of a server of another kind.
    #[error(
        "the address begins with {0}://; expected postgres://, since PostgreSQL alone is \
         migrated. Nothing was sent"
    )]
    OtherScheme(String),
    /// Neither the secret nor the settings have a part.
    #[error("neither the secret nor the settings say the {0}")]
    Missing(&'static str),
    /// The settings lead the secret's password elsewhere.
    #[error(
        "the settings name host {0}, and the secret names another one; expected the same, since the password is sent \
         there: leave `database.host` out, or have the secret name the host. Nothing was sent"
    )]
    OtherHost(String),
    /// Nobody but the settings says which server it is.
    #[error(
        "the settings name host {0} and the authority that says who that is; expected one of both from somebody else, \
         since the password is sent there: have the secret name the host, have whoever deploys the function name it in the \
         parameter `DatabaseHosts` of its stack, or leave `database.authority` out for a server of Amazon RDS. Nothing was \
         sent"
    )]
    Unvouched(String),
    /// A URL that is none of PostgreSQL's.
    #[error("not an address of PostgreSQL; expected postgres://user:password@host:port/database")]
    Url,
    /// A session without TLS to another machine.
    #[error("`sslmode=disable` is for servers on this machine; {0} is another")]
    Plain(String),
}

/// A secret as RDS and Secrets Manager's rotation functions write it. RDS's own secrets of
/// master users have `username` and `password` alone (RDS user guide, "Password management
/// with Amazon RDS and AWS Secrets Manager").
#[derive(Deserialize)]
struct Secret {
    engine: Option<String>,
    username: String,
    password: Password,
    host: Option<String>,
    port: Option<u16>,
    dbname: Option<String>,
}

/// What settings say beside a secret, and instead of it where both speak. The host is the
/// secret's where that names one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// A name or an IP address.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The database.
    pub database: Option<String>,
    /// Whether it is a server beside the one that the secret is of.
    pub beside: bool,
    /// Whether the settings say themselves who the server is that they name: then the
    /// secret has to name it.
    pub unvouched: bool,
}

impl Address {
    /// Reads a secret, and fills in what it leaves out.
    ///
    /// # Errors
    /// Where it is no secret of a database, a part is missing, or its password would be sent to
    /// another host than it names, or to one that nobody vouches for.
    pub fn of_secret(text: &str, overrides: &Overrides) -> Result<Self, AddressError> {
        let secret: Secret = serde_json::from_str(text).map_err(|_| AddressError::Shape)?;
        if let Some(engine) = secret.engine.filter(|it| !is_postgres(it)) {
            return Err(AddressError::OtherEngine(engine));
        }
        let part = |own: &Option<String>, theirs: Option<String>, what| {
            own.clone().or(theirs).ok_or(AddressError::Missing(what))
        };
        if let (Some(own), Some(theirs), false) = (&overrides.host, &secret.host, overrides.beside)
            && !is_same(own, theirs)
        {
            return Err(AddressError::OtherHost(own.clone()));
        }
        let is_named = secret.host.is_some();
        let host = part(&overrides.host, secret.host, "host")?;
        if overrides.unvouched && !is_named {
            return Err(AddressError::Unvouched(host));
        }
        Ok(Self {
            host,
            port: overrides.port.or(secret.port).unwrap_or(PORT),
            database: part(&overrides.database, secret.dbname, "database")?,
            user: secret.username,
            password: secret.password,
            plain: false,
        })
    }

    /// What names the database, without who asks.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}/{}", self.host, self.port, self.database)
    }

    fn is_here(host: &str) -> bool {
        host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        if let Some(scheme) = other_scheme(url) {
            return Err(AddressError::OtherScheme(scheme));
        }
        let config: Config = url.parse().map_err(|_| AddressError::Url)?;
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            _ => return Err(AddressError::Url),
        };
        let user = config.get_user().ok_or(AddressError::Url)?;
        let password = config.get_password().unwrap_or_default();
        let plain = config.get_ssl_mode() == SslMode::Disable;
        if plain && !Self::is_here(&host) {
            return Err(AddressError::Plain(host));
        }
        Ok(Self {
            port: config.get_ports().first().copied().unwrap_or(PORT),
            database: config.get_dbname().unwrap_or(user).to_owned(),
            user: user.to_owned(),
            password: Password::new(String::from_utf8_lossy(password).into_owned()),
            host,
            plain,
        })
    }
}

/// What AWS calls PostgreSQL in secrets: `postgres`, or `aurora-postgresql`.
fn is_postgres(engine: &str) -> bool {
    engine.to_ascii_lowercase().contains("postgres")
}

/// What an address begins with, if it is a word that is not PostgreSQL's.
fn other_scheme(url: &str) -> Option<String> {
    let (scheme, _) = url.split_once("://")?;
    let is_word = scheme
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '+');
    let is_own = ["postgres", "postgresql"].contains(&scheme);
    (is_word && !is_own && scheme.len() <= 20).then(|| scheme.to_owned())
}

/// Names are compared without case, and without the root's dot.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_rds_itself_takes_the_rest_from_the_settings() {
        let overrides = Overrides {
            host: Some("db.example".to_owned()),
            database: Some("shop".to_owned()),
            ..Overrides::default()
        };
        let found = Address::of_secret(r#"{"username":"u","password":"p"}"#, &overrides).unwrap();
        assert_eq!(found.place(), "db.example:5432/shop");
        assert_eq!(
            Address::of_secret(r#"{"username":"u","password":"p"}"#, &Overrides::default()),
            Err(AddressError::Missing("host"))
        );
    }

    #[test]
    fn a_secret_of_a_rotation_function_says_all() {
        let text = r#"{"engine":"postgres","host":"h","port":6000,"dbname":"d","username":"u","password":"p"}"#;
        let found = Address::of_secret(text, &Overrides::default()).unwrap();
        assert_eq!(found.place(), "h:6000/d");
    }

    #[test]
    fn a_server_of_another_kind_is_refused_by_its_name() {
        for engine in ["mysql", "mariadb", "sqlserver", "aurora-mysql"] {
            let text = format!(
                r#"{{"engine":"{engine}","host":"h","dbname":"d","username":"u","password":"p"}}"#
            );
            let found = Address::of_secret(&text, &Overrides::default());
            assert_eq!(found, Err(AddressError::OtherEngine(engine.to_owned())));
        }
        for engine in ["postgres", "aurora-postgresql", "Postgres"] {
            let text = format!(
                r#"{{"engine":"{engine}","host":"h","dbname":"d","username":"u","password":"p"}}"#
            );
            assert!(Address::of_secret(&text, &Overrides::default()).is_ok());
        }
        let found = "mysql://ada:tops3cret@db:3306/shop".parse::<Address>();
        let error = found.expect_err("refused");
        assert_eq!(error, AddressError::OtherScheme("mysql".to_owned()));
        let said = error.to_string();
        assert!(said.contains("mysql://; expected postgres://"), "{said}");
        assert!(!said.contains("tops3cret"), "{said}");
        assert!("postgresql://ada@db/shop".parse::<Address>().is_ok());
    }

    #[test]
    fn a_secret_that_names_its_host_opens_no_other_but_what_stands_beside_it() {
        let text = r#"{"host":"db.example","username":"u","password":"p","dbname":"d"}"#;
        let at = |host: &str, beside| {
            let overrides = Overrides {
                host: Some(host.to_owned()),
                beside,
                ..Overrides::default()
            };
            Address::of_secret(text, &overrides).map(|address| address.host)
        };
        assert_eq!(at("db.example", false), Ok("db.example".to_owned()));
        assert_eq!(at("DB.example.", false), Ok("DB.example.".to_owned()));
        let elsewhere = "db.elsewhere.example".to_owned();
        assert_eq!(at(&elsewhere, true), Ok(elsewhere.clone()));
        let refused = at(&elsewhere, false);
        assert_eq!(refused, Err(AddressError::OtherHost(elsewhere.clone())));
        let text = refused.expect_err("refused").to_string();
        assert!(
            text.contains(&elsewhere) && !text.contains(" db.example"),
            "{text}"
        );
    }

    #[test]
    fn settings_that_say_themselves_who_their_server_is_get_no_password_of_a_secret_without_a_host()
    {
        let overrides = Overrides {
            host: Some("db.example".to_owned()),
            database: Some("shop".to_owned()),
            unvouched: true,
            ..Overrides::default()
        };
        let refused = Address::of_secret(r#"{"username":"u","password":"p"}"#, &overrides);
        let expected = AddressError::Unvouched("db.example".to_owned());
        assert_eq!(refused, Err(expected));
        let text = r#"{"host":"db.example","username":"u","password":"p"}"#;
        let found = Address::of_secret(text, &overrides).unwrap();
        assert_eq!(found.place(), "db.example:5432/shop");
    }

    #[test]
    fn no_password_is_shown_by_an_address_or_by_what_is_wrong_with_it() {
        let found: Address = "postgres://ada:tops3cret@db:5432/shop".parse().unwrap();
        assert!(!format!("{found:?}").contains("tops3cret"));
        for text in ["tops3cret", r#"{"password":"tops3cret"}"#] {
            let error = Address::of_secret(text, &Overrides::default()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("tops3cret"));
        }
        let error = "postgres://ada:tops3cret@db:x/"
            .parse::<Address>()
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains("tops3cret"));
    }

    #[test]
    fn only_a_server_on_this_machine_may_go_without_tls() {
        let here: Address = "postgres://u@127.0.0.1/d?sslmode=disable".parse().unwrap();
        assert!(here.plain);
        let there = "postgres://u@db.example/d?sslmode=disable".parse::<Address>();
        assert_eq!(there, Err(AddressError::Plain("db.example".to_owned())));
    }
}
