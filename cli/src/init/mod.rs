//! Drafts settings from what an account holds: which functions belong to which
//! environment, behind which alias, watched by which alarms.
//!
//! Names and tags are what people follow without a rule, so a draft says what it was
//! taken from, and leaves out what it can't place.

pub mod account;
mod names;
mod page;

use std::collections::BTreeMap;

use names::{Place, logical_name};
pub use page::page;

/// A Lambda function of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it runs on: `python3.13`, or `image`.
    pub runtime: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its aliases and the versions that they are on.
    pub aliases: BTreeMap<String, String>,
    /// CloudWatch alarms on its metrics.
    pub alarms: Vec<String>,
}

/// The settings of one environment, as far as the account tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The application.
    pub application: String,
    /// The environment.
    pub environment: String,
    /// Its place on the path, from 1.
    pub order: u32,
    /// Whether it is the path's last.
    pub is_last: bool,
    /// Its functions, by the name that manifests are to use.
    pub functions: BTreeMap<String, Function>,
}

/// What can be drafted, and what can't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drafts {
    /// In the path's order.
    pub drafts: Vec<Draft>,
    /// Functions that no environment is known of.
    pub unplaced: Vec<String>,
}

impl Function {
    /// The alias that callers use, most likely: `live`, or the only one that it has.
    /// None: it has none that would do, and the first release creates `live`.
    #[must_use]
    pub fn alias(&self) -> Option<(&str, &str)> {
        let live = self.aliases.get_key_value("live");
        let only = || {
            self.aliases
                .iter()
                .next()
                .filter(|_| self.aliases.len() == 1)
        };
        let (name, version) = live.or_else(only)?;
        Some((name, version))
    }

    /// The CloudFormation stack that made it.
    #[must_use]
    pub fn stack(&self) -> Option<&str> {
        self.tags
            .get("aws:cloudformation:stack-name")
            .map(String::as_str)
    }
}

impl Drafts {
    /// Sorts an application's functions into environments.
    #[must_use]
    pub fn of(application: &str, functions: Vec<Function>) -> Self {
        let mut drafts = Self::default();
        let mut places: BTreeMap<Place, BTreeMap<String, Function>> = BTreeMap::new();
        for function in functions {
            match Place::of(&function) {
                Some(place) => {
                    let group = places.entry(place.clone()).or_default();
                    let name = logical_name(application, &place, &function);
                    group.insert(unused(group, name), function);
                }
                None => drafts.unplaced.push(function.name),
            }
        }
        let last = places.len();
        let path = places.into_iter().zip(1..);
        drafts.drafts = path
            .map(|((place, functions), order)| Draft {
                application: application.to_owned(),
                environment: place.environment,
                order,
                is_last: order as usize == last,
                functions,
            })
            .collect();
        drafts
    }
}

/// The name, or the first of its kind that is free.
fn unused(taken: &BTreeMap<String, Function>, name: String) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut free = std::iter::once(name.clone())
        .chain(numbered)
        .filter(|name| !taken.contains_key(name));
    free.next().unwrap_or(name)
}

#[cfg(test)]
mod tests;
