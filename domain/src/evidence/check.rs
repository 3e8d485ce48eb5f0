//! What was checked, and what came of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What came of a check, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It holds.
    Pass,
    /// There was nothing to check, and nothing is required.
    NotRun,
    /// It does not hold, and somebody answers for that.
    Waived,
    /// It does not hold.
    Refuse,
}

impl CheckOutcome {
    /// In a word or two, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NotRun => "not run",
            Self::Waived => "waived",
            Self::Refuse => "refuse",
        }
    }
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What: `tests`, `coverage`, `findings`, …
    pub name: String,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// The file of the bundle that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl Check {
    /// A check with this outcome.
    pub fn new(
        name: &str,
        outcome: CheckOutcome,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            outcome,
            found: found.into(),
            expected: expected.into(),
            file: None,
        }
    }

    /// Passes if it holds, refuses if not.
    pub fn of(
        name: &str,
        holds: bool,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let outcome = if holds {
            CheckOutcome::Pass
        } else {
            CheckOutcome::Refuse
        };
        Self::new(name, outcome, found, expected)
    }

    /// About this file.
    #[must_use]
    pub fn in_file(self, file: &str) -> Self {
        Self {
            file: Some(file.to_owned()),
            ..self
        }
    }
}

/// `tests (junit.xml): found 1 failed; expected none failed`.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            found,
            expected,
            file,
            ..
        } = self;
        match file {
            Some(file) => write!(f, "{name} ({file}): found {found}; expected {expected}"),
            None => write!(f, "{name}: found {found}; expected {expected}"),
        }
    }
}

/// All that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// `refuse` if any check does, else `pass`.
    pub outcome: CheckOutcome,
    /// Each check.
    pub checks: Vec<Check>,
}

impl Assessment {
    /// What these checks come to.
    #[must_use]
    pub fn of(checks: Vec<Check>) -> Self {
        let refuses = |check: &Check| check.outcome == CheckOutcome::Refuse;
        let outcome = if checks.iter().any(refuses) {
            CheckOutcome::Refuse
        } else {
            CheckOutcome::Pass
        };
        Self { outcome, checks }
    }

    /// The checks that refuse.
    pub fn refusals(&self) -> impl Iterator<Item = &Check> {
        let refuses = |check: &&Check| check.outcome == CheckOutcome::Refuse;
        self.checks.iter().filter(refuses)
    }

    /// As many checks as fit into so many bytes of text, the worst first kept, in their
    /// order; and how many are left out.
    #[must_use]
    pub fn within(&self, bytes: usize) -> (Vec<&Check>, usize) {
        let mut by_weight: Vec<usize> = (0..self.checks.len()).collect();
        by_weight.sort_by_key(|index| std::cmp::Reverse(self.checks[*index].outcome));
        let mut left = bytes;
        let mut kept: Vec<usize> = by_weight
            .into_iter()
            .map_while(|index| {
                left = left.checked_sub(self.checks[index].size())?;
                Some(index)
            })
            .collect();
        kept.sort_unstable();
        let omitted = self.checks.len() - kept.len();
        let kept = kept.into_iter().map(|index| &self.checks[index]);
        (kept.collect(), omitted)
    }
}

impl Check {
    /// How many bytes it takes as JSON, at most but for what JSON escapes.
    fn size(&self) -> usize {
        const FIELDS: usize = 80;
        let file = self.file.as_ref().map_or(0, String::len);
        FIELDS + self.name.len() + self.found.len() + self.expected.len() + file
    }
}

/// How many of a list are named.
const NAMED: usize = 5;

/// The first of a list, and how many more there are.
#[must_use]
pub fn listed(all: &[String]) -> String {
    let named = all.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let named = named.join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_not_all_fits_the_worst_is_kept_and_the_rest_counted() {
        let outcomes = [
            CheckOutcome::Pass,
            CheckOutcome::Refuse,
            CheckOutcome::NotRun,
            CheckOutcome::Refuse,
        ];
        let checks = outcomes.map(|outcome| Check::new("tests", outcome, "1", "2"));
        let assessment = Assessment::of(checks.to_vec());
        let size = checks[0].size();
        let kept = |bytes| {
            let (kept, omitted) = assessment.within(bytes);
            let outcomes: Vec<CheckOutcome> = kept.iter().map(|check| check.outcome).collect();
            (outcomes, omitted)
        };
        assert_eq!(kept(4 * size), (outcomes.to_vec(), 0));
        assert_eq!(kept(3 * size), (outcomes[1..].to_vec(), 1));
        assert_eq!(kept(2 * size), (vec![CheckOutcome::Refuse; 2], 2));
        assert_eq!(kept(0), (vec![], 4));
    }

    #[test]
    fn a_check_reads_as_a_sentence() {
        let check = Check::of("tests", false, "1 failed", "none failed").in_file("junit.xml");
        let sentence = "tests (junit.xml): found 1 failed; expected none failed";
        assert_eq!(check.to_string(), sentence);
    }
}
