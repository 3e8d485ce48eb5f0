//! What checks find, and how to mend it.

use serde::Serialize;

use crate::paint::{Style, Tone};

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, and a person should know.
    Note,
    /// Releases would fail.
    Problem,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How serious it is.
    pub level: Level,
    /// What was checked: `functions.checkout`.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mend: String,
}

impl Finding {
    /// All is well with it.
    pub fn ok(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            subject: subject.into(),
            message: message.into(),
            mend: String::new(),
        }
    }

    /// A person should know.
    pub fn note(
        subject: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Note,
            subject: subject.into(),
            message: message.into(),
            mend: mend.into(),
        }
    }

    /// Releases would fail.
    pub fn problem(
        subject: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Problem,
            subject: subject.into(),
            message: message.into(),
            mend: mend.into(),
        }
    }

    /// The same within something larger: `/sluice/shop/prod functions.api`.
    #[must_use]
    pub fn under(self, whole: &str) -> Self {
        Self {
            subject: format!("{whole} {}", self.subject),
            ..self
        }
    }

    /// One or two lines of text.
    #[must_use]
    pub fn lines(&self, style: Style) -> Vec<String> {
        let (tone, mark) = match self.level {
            Level::Ok => (Tone::Good, "ok     "),
            Level::Note => (Tone::Doubt, "note   "),
            Level::Problem => (Tone::Bad, "problem"),
        };
        let mut lines = vec![format!(
            "{}  {}: {}",
            style.paint(tone, mark),
            self.subject,
            self.message
        )];
        if !self.mend.is_empty() {
            lines.push(format!("         {}", self.mend));
        }
        lines
    }
}

/// Whether any finding is a problem.
#[must_use]
pub fn has_problem(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.level == Level::Problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_and_its_mending_another() {
        let finding = Finding::problem(
            "functions.api",
            "there is no function shop-api",
            "create it",
        );
        assert_eq!(
            finding.lines(Style::PLAIN),
            [
                "problem  functions.api: there is no function shop-api",
                "         create it"
            ]
        );
    }
}
