//! Calls of code that is older than what serves: of which functions, and by which names
//! they may come.

use std::fmt;

use super::database::Database;
use crate::naming::function_name;
use crate::settings::Settings;

/// Calls of code that does not serve, or that nobody can tell from it.
#[derive(Debug, Clone, PartialEq)]
pub struct OldCalls {
    /// The function's name.
    pub function: String,
    /// What was called.
    pub called: Called,
    /// How many calls.
    pub calls: f64,
}

/// By which name old code was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// A version, by its own name or as one of two behind the alias.
    Version(String),
    /// `$LATEST`, or an alias that is no environment's on another database.
    Elsewhere,
}

impl fmt::Display for OldCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            function,
            called,
            calls,
        } = self;
        match called {
            Called::Version(version) => write!(f, "{calls} calls of {function}:{version}"),
            Called::Elsewhere => {
                write!(
                    f,
                    "{calls} calls of {function} by `$LATEST` or another alias"
                )
            }
        }
    }
}

/// A function whose code may use the database, and the names by which it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrances<'a> {
    /// The function's name or ARN.
    pub function: &'a str,
    /// The alias that callers of the environment use.
    pub alias: &'a str,
    /// The aliases of environments that have a database of their own.
    pub apart: Vec<&'a str>,
}

/// The entrances of all functions of an environment, where this is the application's path.
#[must_use]
pub fn entrances<'a>(path: &'a [(String, Settings)], environment: &str) -> Vec<Entrances<'a>> {
    let Some((_, settings)) = path.iter().find(|(name, _)| name == environment) else {
        return Vec::new();
    };
    let is_apart = |other: &Settings| match (&settings.database, &other.database) {
        (Some(own), Some(other)) => !own.is(other),
        _ => false,
    };
    let apart = path.iter().filter(|(_, other)| is_apart(other));
    let apart: Vec<_> = apart
        .flat_map(|(_, other)| other.functions.values())
        .collect();
    let each = settings.functions.values().map(|target| {
        let name = function_name(&target.name);
        let same = apart
            .iter()
            .filter(|other| function_name(&other.name) == name && other.alias != target.alias);
        Entrances {
            function: &target.name,
            alias: &target.alias,
            apart: same.map(|other| other.alias.as_str()).collect(),
        }
    });
    each.collect()
}

impl Database {
    /// Whether both are known by the same host, or else by the same credentials.
    fn is(&self, other: &Self) -> bool {
        if self.name != other.name {
            return false;
        }
        match (&self.host, &other.host) {
            (Some(own), Some(other_host)) => own == other_host && self.port == other.port,
            _ => self.secret == other.secret && self.iam == other.iam,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::document::Document as _;

    fn environment(alias: &str, database: Value) -> Settings {
        let mut settings = json!({
            "schema": 1, "order": 1,
            "functions": { "api": { "name": "shop-api", "alias": alias } },
        });
        if !database.is_null() {
            settings["database"] = database;
        }
        Settings::parse("test", settings.to_string().as_bytes()).expect("settings")
    }

    fn apart(other: Value) -> bool {
        let own = json!({ "secret": "prod", "backup": { "before": "none" } });
        let path = [
            ("staging".to_owned(), environment("staging", other)),
            ("prod".to_owned(), environment("live", own)),
        ];
        let found = entrances(&path, "prod");
        assert_eq!((found[0].function, found[0].alias), ("shop-api", "live"));
        found[0].apart == ["staging"]
    }

    #[test]
    fn only_an_environment_with_another_database_has_calls_of_its_own() {
        let database = |secret: &str, name: Option<&str>| {
            let mut database = json!({ "secret": secret, "backup": { "before": "none" } });
            if let Some(name) = name {
                database["name"] = json!(name);
            }
            database
        };
        assert!(apart(database("staging", None)));
        assert!(apart(database("prod", Some("shop_staging"))));
        assert!(!apart(database("prod", None)), "it is the same database");
        assert!(!apart(Value::Null), "nobody knows what it uses");
    }

    #[test]
    fn the_same_host_is_the_same_database_whoever_signs_in() {
        let database = |secret: &str, host: &str| -> Database {
            let database = json!({ "secret": secret, "host": host });
            serde_json::from_value(database).expect("a database")
        };
        assert!(database("a", "db").is(&database("b", "db")));
        assert!(!database("a", "db").is(&database("a", "other")));
    }
}
