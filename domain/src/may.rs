//! Who may start and operate promotions into an environment: the part `may` of its
//! settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::caller::Principal;
use crate::document::{Problem, check_range};
use crate::glob;

/// Who may do what in an environment. Each list left out: whoever IAM lets call Sluice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct May {
    /// Who may start a promotion: patterns for the ARN that STS answers, or for the
    /// source of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Vec<String>>,
    /// Who may pause, resume and hurry one, and have test suites run: patterns for the ARN
    /// that STS answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operate: Option<Vec<String>>,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// To start a promotion.
    Start,
    /// To operate one that runs.
    Operate,
    /// To have a preview of it removed: who may start one may.
    RemovePreview,
}

impl Deed {
    /// Its field in `may`.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Start | Self::RemovePreview => "start",
            Self::Operate => "operate",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Start => "start a promotion into",
            Self::Operate => "operate promotions into",
            Self::RemovePreview => "remove previews of",
        }
    }
}

/// Why somebody may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Somebody else may.
    #[error(
        "{principal} may not {} {environment}: expected who fits `{}`, as `may.{}` of its settings says. \
         Ask one of them, or change the settings with `sluice env put`",
        .deed.words(), .patterns.join("` or `"), .deed.field()
    )]
    Other {
        /// Who wants to.
        principal: Principal,
        /// What.
        deed: Deed,
        /// Where.
        environment: String,
        /// Who may.
        patterns: Vec<String>,
    },
    /// Nobody knows who asks.
    #[error(
        "nobody knows who asks to {} {environment}: found a request without a proof; expected one of who fits `{}`, \
         as `may.{}` of its settings says. A newer `sluice` proves who asks: update it",
        .deed.words(), .patterns.join("` or `"), .deed.field()
    )]
    Unproven {
        /// What they want.
        deed: Deed,
        /// Where.
        environment: String,
        /// Who may.
        patterns: Vec<String>,
    },
}

impl NotAllowed {
    /// The name under which it leaves a function.
    #[must_use]
    pub fn name(&self) -> &'static str {
        "NotAllowed"
    }

    /// Where they may not.
    #[must_use]
    pub fn environment(&self) -> &str {
        match self {
            Self::Other { environment, .. } | Self::Unproven { environment, .. } => environment,
        }
    }
}

/// Patterns in each list.
const MOST_PATTERNS: usize = 50;
/// Characters of a pattern: as many as an ARN may have.
const LONGEST_PATTERN: usize = 2048;

impl May {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start.is_none() && self.operate.is_none()
    }

    /// Whether somebody may do this in an environment of these settings. None: nobody
    /// knows who asks.
    ///
    /// # Errors
    /// When they may not.
    pub fn allow(
        &self,
        deed: Deed,
        environment: &str,
        principal: Option<&Principal>,
    ) -> Result<(), NotAllowed> {
        let Some(patterns) = self.patterns(deed) else {
            return Ok(());
        };
        let (environment, patterns_of) = (environment.to_owned(), || patterns.to_vec());
        match principal {
            Some(principal) if fits_any(patterns, principal) => Ok(()),
            Some(principal) => Err(NotAllowed::Other {
                principal: principal.clone(),
                deed,
                environment,
                patterns: patterns_of(),
            }),
            None => Err(NotAllowed::Unproven {
                deed,
                environment,
                patterns: patterns_of(),
            }),
        }
    }

    fn patterns(&self, deed: Deed) -> Option<&[String]> {
        match deed {
            Deed::Start | Deed::RemovePreview => self.start.as_deref(),
            Deed::Operate => self.operate.as_deref(),
        }
    }

    /// Finds lists that would let nobody in, and patterns that nobody can fit.
    pub(crate) fn check(&self, problems: &mut Vec<Problem>) {
        for deed in [Deed::Start, Deed::Operate] {
            let path = format!("may.{}", deed.field());
            match self.patterns(deed) {
                None => {}
                Some([]) => problems.push(Problem::new(
                    path,
                    "found an empty list, which lets nobody in; expected patterns for who may. \
                     Leave it out to let in whoever IAM does; `sluice freeze` stops an environment",
                )),
                Some(patterns) => {
                    check_range(&path, patterns.len(), 1, MOST_PATTERNS, problems);
                    for (index, pattern) in patterns.iter().enumerate() {
                        let wrong = wrong(deed, pattern);
                        let path = format!("{path}[{index}]");
                        problems.extend(wrong.map(|message| Problem::new(path, message)));
                    }
                }
            }
        }
    }
}

fn fits_any(patterns: &[String], principal: &Principal) -> bool {
    let mut patterns = patterns.iter();
    patterns.any(|pattern| glob::fits(pattern, principal.as_str()))
}

/// Why nobody can fit a pattern.
fn wrong(deed: Deed, pattern: &str) -> Option<String> {
    let length = pattern.chars().count();
    if !(1..=LONGEST_PATTERN).contains(&length) {
        let expected = format!("expected a pattern of 1 to {LONGEST_PATTERN}");
        return Some(format!("found {length} characters; {expected}"));
    }
    if let Some((account, role)) = pattern
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":role/"))
    {
        let (partition, account) = account.split_once(":iam::").unwrap_or(("aws", account));
        // STS leaves a role's path out.
        let role = role.rsplit('/').next().unwrap_or(role);
        return Some(format!(
            "found `{pattern}`, a role; expected who has assumed it, as STS calls them: \
             `arn:{partition}:sts::{account}:assumed-role/{role}/*`"
        ));
    }
    if let Some((_, caller)) = pattern.split_once(":assumed-role/")
        && !caller.contains('/')
        && !caller.contains("**")
    {
        return Some(format!(
            "found `{pattern}`, without a session; expected one, as STS ends the name of who has assumed a role: `{pattern}/*`"
        ));
    }
    let begins = |with: &[&str]| with.iter().any(|start| pattern.starts_with(start));
    let of_callers = begins(&["arn:", "*"]);
    let of_events = begins(&["s3:", "ecr:"]) || pattern == "schedule";
    match deed {
        Deed::Start if !of_callers && !of_events => Some(format!(
            "found `{pattern}`; expected a pattern for an ARN (`arn:aws:sts::123456789012:assumed-role/release-managers/*`), \
             `s3:<account>`, `ecr:<repository>` or `schedule`"
        )),
        Deed::Operate if !of_callers => Some(format!(
            "found `{pattern}`; expected a pattern for an ARN (`arn:aws:sts::123456789012:assumed-role/release-managers/*`): \
             no event operates a promotion"
        )),
        _ => None,
    }
}

#[cfg(test)]
#[path = "may_tests.rs"]
mod tests;
