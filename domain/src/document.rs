//! Reading the JSON documents that people write: strict, and with errors that
//! name the field, what was found and what was expected.

use std::fmt;

use http::Uri;
use serde::de::DeserializeOwned;

use crate::naming::is_plain;
use crate::text::address;

/// The longest wait of one Step Functions state that Sluice uses, in seconds.
pub(crate) const LONGEST_WAIT: u64 = 7 * 24 * 60 * 60;

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `functions.checkout.zip`, or empty for the whole document.
    pub path: String,
    /// What was found, what was expected and, where it helps, what to do.
    pub message: String,
}

impl Problem {
    /// A problem at this path.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() || self.path == "." {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// A document that can't be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{document} is not valid: {}", list(problems))]
pub struct Invalid {
    /// Which document: `release.json`, `/sluice/shop/prod`.
    pub document: String,
    /// At least one problem.
    pub problems: Vec<Problem>,
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// A document that knows its own rules beyond its shape.
pub trait Document: DeserializeOwned {
    /// Adds what is wrong to `problems`.
    fn check(&self, problems: &mut Vec<Problem>);

    /// Reads and checks a document. Unknown fields are refused with their path.
    ///
    /// # Errors
    /// With every problem found; a document of the wrong shape stops at its first.
    fn parse(name: &str, json: &[u8]) -> Result<Self, Invalid> {
        let invalid = |problems| Invalid {
            document: name.to_owned(),
            problems,
        };
        let mut reader = serde_json::Deserializer::from_slice(json);
        let document: Self = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            invalid(vec![Problem::new(path, error.inner().to_string())])
        })?;
        reader.end().map_err(|error| {
            invalid(vec![Problem::new(
                "",
                format!("text after the document's end: {error}"),
            )])
        })?;
        let mut problems = Vec::new();
        document.check(&mut problems);
        if problems.is_empty() {
            Ok(document)
        } else {
            Err(invalid(problems))
        }
    }
}

/// Checks a name that becomes part of keys, paths and execution names.
pub(crate) fn check_name(path: &str, name: &str, longest: usize, problems: &mut Vec<Problem>) {
    if !is_plain(name, longest) {
        problems.push(Problem::new(
            path,
            format!(
                "found `{name}`; expected 1 to {longest} of a-z, 0-9 and `-`, starting with a letter"
            ),
        ));
    }
}

/// Checks that a number lies within bounds.
pub(crate) fn check_range<T: PartialOrd + fmt::Display>(
    path: &str,
    found: T,
    least: T,
    most: T,
    problems: &mut Vec<Problem>,
) {
    if !(found >= least && found <= most) {
        problems.push(Problem::new(
            path,
            format!("found {found}; expected {least} to {most}"),
        ));
    }
}

/// Checks that a link is https.
pub(crate) fn check_link(path: &str, link: Option<&str>, problems: &mut Vec<Problem>) {
    if let Some(link) = link
        && !link.starts_with("https://")
    {
        problems.push(Problem::new(
            path,
            format!("found `{link}`; expected an https:// link"),
        ));
    }
}

/// Checks that a URL can be fetched: https, with a host, and without a user, whose
/// password would stand in the document.
pub(crate) fn check_url(path: &str, url: &str, problems: &mut Vec<Problem>) {
    let is_fetched = url.parse::<Uri>().is_ok_and(|uri| {
        let has_user = uri.authority().is_some_and(|it| it.as_str().contains('@'));
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        uri.scheme_str() == Some("https") && has_host && !has_user
    });
    if !is_fetched {
        let found = address(url);
        let message = format!("found `{found}`; expected an https:// URL with a host and no user");
        problems.push(Problem::new(path, message));
    }
}
