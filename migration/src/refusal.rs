//! Why migrations are refused, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that must be mended before any of the migrations may run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The file, within the folder; empty where it is about the folder.
    pub path: String,
    /// The line, from 1, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What is refused.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// What to do next.
    pub next: String,
    /// The line as it is written, and a caret below the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

impl Refusal {
    /// About a whole file, or with an empty path about the folder.
    #[must_use]
    pub fn of(path: impl Into<String>, what: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            path: path.into(),
            line: None,
            column: None,
            what: what.into(),
            found: String::new(),
            expected: String::new(),
            next: String::new(),
            excerpt: None,
        })
    }

    /// At this line, from 1.
    #[must_use]
    pub fn at(mut self: Box<Self>, line: usize) -> Box<Self> {
        self.line = Some(line);
        self
    }

    /// What was found.
    #[must_use]
    pub fn found(mut self: Box<Self>, found: impl Into<String>) -> Box<Self> {
        self.found = found.into();
        self
    }

    /// What was expected.
    #[must_use]
    pub fn expected(mut self: Box<Self>, expected: impl Into<String>) -> Box<Self> {
        self.expected = expected.into();
        self
    }

    /// What to do next.
    #[must_use]
    pub fn next(mut self: Box<Self>, next: impl Into<String>) -> Box<Self> {
        self.next = next.into();
        self
    }

    /// Its file, line and column, as editors jump to them.
    #[must_use]
    pub fn place(&self) -> String {
        let numbers = [self.line, self.column].into_iter().flatten();
        numbers.fold(self.path.clone(), |place, number| {
            format!("{place}:{number}")
        })
    }

    /// Its place, and what is wrong there, without what to do next.
    #[must_use]
    pub fn fault(&self) -> String {
        let Self {
            what,
            found,
            expected,
            ..
        } = self;
        let fault = format!("{what}: found {found}; expected {expected}");
        match self.place().as_str() {
            "" => fault,
            place => format!("{place}: {fault}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.fault(), self.next)
    }
}
