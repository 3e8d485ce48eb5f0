//! What the stack lets Sluice touch, held against what settings name.
//!
//! The stack's parameters are patterns in the policies of Sluice's functions.
//! What settings name beyond them is refused by IAM in the middle of a
//! promotion, so it is compared before. A pure comparison: it decides as IAM
//! does, of names alone.

use std::collections::BTreeMap;

use sluice_domain::naming::function_name;
use sluice_domain::settings::Settings;

use crate::error::Result;
use crate::finding::Finding;
use crate::resources::Resources;

/// A parameter of the stack that says what may be touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Parameter {
    Functions,
    Roles,
    Topics,
    ApprovalCodes,
}

impl Parameter {
    const ALL: [Self; 4] = [
        Self::Functions,
        Self::Roles,
        Self::Topics,
        Self::ApprovalCodes,
    ];

    /// As the template calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Functions => "ManagedFunctions",
            Self::Roles => "ManagedRoles",
            Self::Topics => "ManagedTopics",
            Self::ApprovalCodes => "ApprovalCodeParameters",
        }
    }

    /// How to have these covered, beside what is covered already.
    fn mend(self, found: &str, uncovered: &[&Named]) -> String {
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
            Parameter::Topics => settings
                .channels
                .topic_arn
                .iter()
                .filter(|arn| **arn != self.topic)
                .map(|arn| named("channels.topic_arn".to_owned(), arn.clone()))
                .collect(),
            Parameter::ApprovalCodes => settings
                .approval
                .iter()
                .flat_map(|approval| &approval.approvers)
                .map(|approver| {
                    let code = format!("/{}", approver.code_parameter.trim_start_matches('/'));
                    named(format!("the code of {}", approver.name), code)
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
        // The topic's ARN begins as those of everything beside it.
        let mut parts = self.topic.split(':').skip(1);
        let mut part = || parts.next().unwrap_or_default();
        let (partition, _, region, own) = (part(), part(), part(), part());
        let account = name
            .split_once(":function:")
            .map_or(own, |(account, _)| account);
        let name = function_name(name);
        format!("arn:{partition}:lambda:{region}:{account}:function:{name}")
    }
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
