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
        (Some(own), Some(other)) => own.is_apart_from(other),
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
    /// Whether the settings themselves say that it is another one: by its host, or by its
    /// name on the same host. What only a secret knows is not known here.
    fn is_apart_from(&self, other: &Self) -> bool {
        let differ = |own: &Option<String>, other: &Option<String>| {
            own.is_some() && other.is_some() && own != other
        };
        match (&self.host, &other.host) {
            (Some(_), Some(_)) => {
                differ(&self.host, &other.host) || differ(&self.name, &other.name)
            }
            _ => false,
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
        let own = json!({ "secret": "prod", "host": "db", "name": "shop" });
        let with_backup = |mut database: Value| {
            if database.is_object() {
                database["backup"] = json!({ "before": "none" });
            }
            database
        };
        let path = [
            (
                "staging".to_owned(),
                environment("staging", with_backup(other)),
            ),
            ("prod".to_owned(), environment("live", with_backup(own))),
        ];
        let found = entrances(&path, "prod");
        assert_eq!((found[0].function, found[0].alias), ("shop-api", "live"));
        found[0].apart == ["staging"]
    }

    #[test]
    fn only_an_environment_with_another_database_has_calls_of_its_own() {
        let elsewhere = json!({ "secret": "staging", "host": "db-staging", "name": "shop" });
        assert!(apart(elsewhere));
        assert!(apart(
            json!({ "secret": "prod", "host": "db", "name": "staging" })
        ));
        for same in [
            json!({ "secret": "another-user", "host": "db", "name": "shop" }),
            // Nobody knows what the secret says, or what is used without a database.
            json!({ "secret": "prod", "host": "db" }),
            json!({ "secret": "staging", "name": "staging" }),
            Value::Null,
        ] {
            assert!(!apart(same.clone()), "{same}");
        }
    }
}
