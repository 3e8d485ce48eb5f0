//! What the stack lets Sluice touch, held against what settings name.
//!
//! The stack's parameters are patterns in the policies of Sluice's functions.
//! What settings name beyond them is refused by IAM in the middle of a
//! promotion, so it is compared before. A pure comparison: it decides as IAM
//! does, of names alone.

use std::collections::BTreeMap;

use sluice_domain::naming::function_name;
use sluice_domain::settings::Settings;
use sluice_domain::suites::Suite;

use crate::error::Result;
use crate::finding::Finding;
use crate::resources::Resources;
use crate::topics::topics;

/// A parameter of the stack that says what may be touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Parameter {
    Functions,
    Roles,
    Topics,
    Suites,
    Reports,
    ApprovalCodes,
    Incidents,
}

impl Parameter {
    const ALL: [Self; 7] = [
        Self::Functions,
        Self::Roles,
        Self::Topics,
        Self::Suites,
        Self::Reports,
        Self::ApprovalCodes,
        Self::Incidents,
    ];

    /// As the template calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Functions => "ManagedFunctions",
            Self::Roles => "ManagedRoles",
            Self::Topics => "ManagedTopics",
            Self::Suites => "ManagedSuites",
            Self::Reports => "ManagedReports",
            Self::ApprovalCodes => "ApprovalCodeParameters",
            Self::Incidents => "IncidentParameters",
        }
    }

    /// How to have these covered, beside what is covered already.
    fn mend(self, found: &str, uncovered: &[&Named]) -> String {
        if self == Self::Incidents {
            return format!(
                "give the parameter a name that `{found}` covers, or deploy Sluice again with another {}",
                self.name()
            );
        }
        if self == Self::ApprovalCodes {
            return format!(
                "give the codes names that `{found}` covers, or deploy Sluice again with another {}",
                self.name()
            );
        }
        let arns: Vec<&str> = uncovered.iter().map(|named| named.arn.as_str()).collect();
        format!(
            "deploy Sluice again with \"{}={found},{}\" among the parameter_overrides in samconfig.toml",
            self.name(),
            arns.join(",")
        )
    }
}

/// What the stack lets Sluice touch.
#[derive(Debug, Clone)]
pub struct Managed {
    patterns: BTreeMap<Parameter, String>,
    /// Sluice's own topic, which needs no pattern.
    topic: String,
}

/// Something that settings name.
struct Named {
    field: String,
    arn: String,
}

impl Managed {
    /// From the parameters of a stack.
    ///
    /// # Errors
    /// When the stack lacks an output.
    pub fn of(resources: &Resources) -> Result<Self> {
        let pattern = |parameter: Parameter| {
            let found = resources.parameter(parameter.name())?;
            Some((parameter, found.to_owned()))
        };
        Ok(Self {
            patterns: Parameter::ALL.into_iter().filter_map(pattern).collect(),
            topic: resources.topic_arn()?.to_owned(),
        })
    }

    /// Compares everything that settings name.
    #[must_use]
    pub fn check(&self, settings: &Settings) -> Vec<Finding> {
        Parameter::ALL
            .into_iter()
            .filter_map(|parameter| self.compare(parameter, &self.named(parameter, settings)))
            .collect()
    }

    fn compare(&self, parameter: Parameter, named: &[Named]) -> Option<Finding> {
        let name = parameter.name();
        let count = named.len();
        if count == 0 {
            return None;
        }
        let Some(found) = self.patterns.get(&parameter) else {
            return Some(Finding::note(
                name,
                "the stack has no such parameter",
                "it is older than this command: deploy it again with `make deploy`",
            ));
        };
        let uncovered: Vec<&Named> = named
            .iter()
            .filter(|named| !covers_any(found, &named.arn))
            .collect();
        if uncovered.is_empty() {
            let message = format!("`{found}` covers what the settings name ({count})");
            return Some(Finding::ok(name, message));
        }
        let listed: Vec<String> = uncovered
            .iter()
            .map(|named| format!("{} ({})", named.field, named.arn))
            .collect();
        let message = format!("`{found}` does not cover {}", listed.join(", "));
        Some(Finding::problem(
            name,
            message,
            parameter.mend(found, &uncovered),
        ))
    }

    /// What settings name of the kind that a parameter covers.
    fn named(&self, parameter: Parameter, settings: &Settings) -> Vec<Named> {
        let named = |field: String, arn: String| Named { field, arn };
        match parameter {
            // In another account it is the role that may touch them, or not.
            Parameter::Functions if settings.role.is_some() => Vec::new(),
            Parameter::Functions => settings
                .functions
                .iter()
                .map(|(name, target)| {
                    named(format!("functions.{name}"), self.function_arn(&target.name))
                })
                .collect(),
            Parameter::Roles => settings
                .role
                .iter()
                .map(|role| named("role.arn".to_owned(), role.arn.clone()))
                .collect(),
            Parameter::Topics => topics(settings)
                .filter(|topic| topic.arn != self.topic)
                .map(|topic| named(topic.field.to_owned(), topic.arn.to_owned()))
                .collect(),
            Parameter::Suites => {
                let of = |suite: &Suite| named(suite_field(suite), self.suite_arn(suite));
                settings.suites.iter().map(of).collect()
            }
            Parameter::Reports => {
                let of = |suite: &Suite| {
                    let place = suite.report.as_ref()?.strip_prefix("s3://")?;
                    Some(named(suite_field(suite), self.arn("s3", "", place)))
                };
                settings.suites.iter().filter_map(of).collect()
            }
            // In another account it is the role that may read it, or not.
            Parameter::Incidents if settings.role.is_some() => Vec::new(),
            Parameter::Incidents => settings
                .guards
                .incident_parameter
                .iter()
                .map(|name| named("guards.incident_parameter".to_owned(), name.clone()))
                .collect(),
            Parameter::ApprovalCodes => settings
                .approval
                .iter()
                .flat_map(|approval| &approval.approvers)
                .filter_map(|approver| {
                    let parameter = approver.totp_parameter.as_ref()?;
                    let code = format!("/{}", parameter.trim_start_matches('/'));
                    Some(named(format!("the codes of {}", approver.name), code))
                })
                .collect(),
        }
    }

    /// The ARN of a function: given as one, as `<account>:function:<name>`, or
    /// as a name beside the stack.
    fn function_arn(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        let (region, own) = self.place();
        let account = name
            .split_once(":function:")
            .map_or(own, |(account, _)| account);
        let place = format!("{region}:{account}");
        self.arn(
            "lambda",
            &place,
            &format!("function:{}", function_name(name)),
        )
    }

    /// The ARN of what runs a suite: given as one, or as a name beside the stack.
    fn suite_arn(&self, suite: &Suite) -> String {
        let (region, account) = self.place();
        match &suite.project {
            Some(project) => {
                let place = format!("{region}:{account}");
                self.arn("codebuild", &place, &format!("project/{project}"))
            }
            None => self.function_arn(suite.target()),
        }
    }

    /// The stack's region and account: the topic's ARN begins as those of everything
    /// beside it.
    fn place(&self) -> (&str, &str) {
        let mut parts = self.topic.split(':').skip(3);
        let mut part = || parts.next().unwrap_or_default();
        (part(), part())
    }

    /// An ARN in the stack's partition. `place`: region and account, or nothing.
    fn arn(&self, service: &str, place: &str, resource: &str) -> String {
        let partition = self.topic.split(':').nth(1).unwrap_or_default();
        let place = if place.is_empty() { ":" } else { place };
        format!("arn:{partition}:{service}:{place}:{resource}")
    }
}

fn suite_field(suite: &Suite) -> String {
    format!("suite {}", suite.name)
}

/// Whether one of these patterns, separated by commas, covers a name.
fn covers_any(patterns: &str, name: &str) -> bool {
    patterns
        .split(',')
        .any(|pattern| covers(pattern.trim().as_bytes(), name.as_bytes()))
}

/// Whether a pattern of IAM covers a name. `?` is one character, `*` any number
/// of them. Neither goes beyond a colon, but for a `*` that ends its segment.
fn covers(pattern: &[u8], name: &[u8]) -> bool {
    // reached[i]: what was read of the pattern covers the first i characters.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for (index, expected) in pattern.iter().enumerate() {
        let mut next = vec![false; name.len() + 1];
        if *expected == b'*' {
            let crosses = pattern.get(index + 1).is_none_or(|after| *after == b':');
            next[0] = reached[0];
            for (i, found) in name.iter().enumerate() {
                next[i + 1] = reached[i + 1] || (next[i] && (crosses || *found != b':'));
            }
        } else {
            for (i, found) in name.iter().enumerate() {
                let same = expected == found || (*expected == b'?' && *found != b':');
                next[i + 1] = reached[i] && same;
            }
        }
        reached = next;
    }
    reached[name.len()]
}

#[cfg(test)]
mod tests;
