//! From which branch and tag a build was made: what the build system says in its
//! variables, or git.

use std::path::Path;

use super::git;

/// A branch and a tag, by their short names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The branch.
    pub branch: Option<String>,
    /// The tag.
    pub tag: Option<String>,
}

/// A variable of a build system, and what its value names.
enum Says {
    /// A branch, by its short name.
    Branch(&'static str),
    /// A tag, by its short name.
    Tag(&'static str),
    /// Either, by its full name, such as `refs/tags/v1`.
    Full(&'static str),
}

/// What build systems say, each in an order in which the first of a kind counts: of a
/// request to merge, the branch that it comes from.
///
/// Sources: GitHub, "Variables reference"; GitLab, "Predefined CI/CD variables reference";
/// AWS CodeBuild, "Environment variables in build environments"; Bitbucket Cloud,
/// "Variables and secrets".
const SYSTEMS: [&[Says]; 4] = [
    &[Says::Branch("GITHUB_HEAD_REF"), Says::Full("GITHUB_REF")],
    &[
        Says::Branch("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"),
        Says::Branch("CI_COMMIT_BRANCH"),
        Says::Tag("CI_COMMIT_TAG"),
    ],
    &[Says::Full("CODEBUILD_WEBHOOK_HEAD_REF")],
    &[Says::Branch("BITBUCKET_BRANCH"), Says::Tag("BITBUCKET_TAG")],
];

impl Origin {
    /// What a build system says in its variables, the first that says anything.
    pub fn of_build(variable: impl Fn(&str) -> Option<String>) -> Self {
        let read = |system: &[Says]| {
            let mut origin = Self::default();
            for says in system {
                origin.hear(says, &variable);
            }
            origin
        };
        let mut systems = SYSTEMS.into_iter().map(read);
        let said = systems.find(|origin| *origin != Self::default());
        said.unwrap_or_default()
    }

    /// Takes what a variable says, where nothing is known of it yet.
    fn hear(&mut self, says: &Says, variable: impl Fn(&str) -> Option<String>) {
        let (Says::Branch(name) | Says::Tag(name) | Says::Full(name)) = says;
        let Some(value) = variable(name).filter(|value| !value.is_empty()) else {
            return;
        };
        let (place, value) = match says {
            Says::Branch(_) => (&mut self.branch, Some(value.as_str())),
            Says::Tag(_) => (&mut self.tag, Some(value.as_str())),
            Says::Full(_) => match value.strip_prefix("refs/tags/") {
                Some(tag) => (&mut self.tag, Some(tag)),
                None => (&mut self.branch, value.strip_prefix("refs/heads/")),
            },
        };
        if place.is_none() {
            *place = value.map(str::to_owned);
        }
    }

    /// What git says of the commit of a folder. Best effort.
    #[must_use]
    pub fn of_git(folder: &Path) -> Self {
        let ask = |arguments: &[&str]| {
            let answer = git::git(folder, arguments)?;
            let first = answer.lines().next()?.trim();
            (!first.is_empty()).then(|| first.to_owned())
        };
        Self {
            branch: ask(&["branch", "--show-current"]),
            tag: ask(&["tag", "--points-at", "HEAD"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> (Option<String>, Option<String>) {
        let find = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let origin = Origin::of_build(find);
        (origin.branch, origin.tag)
    }

    #[test]
    fn build_systems_say_branch_and_tag_each_in_their_own_way() {
        let branch = |name: &str| (Some(name.to_owned()), None);
        let tag = |name: &str| (None, Some(name.to_owned()));
        for (variables, expected) in [
            (&[("GITHUB_REF", "refs/heads/main")][..], branch("main")),
            (
                &[("GITHUB_REF", "refs/heads/feature/a")],
                branch("feature/a"),
            ),
            (&[("GITHUB_REF", "refs/tags/v1.2.3")], tag("v1.2.3")),
            (
                &[
                    ("GITHUB_REF", "refs/pull/7/merge"),
                    ("GITHUB_HEAD_REF", "fix"),
                ],
                branch("fix"),
            ),
            (
                &[("GITHUB_REF", "refs/heads/main"), ("GITHUB_HEAD_REF", "")],
                branch("main"),
            ),
            (&[("CI_COMMIT_BRANCH", "main")], branch("main")),
            (&[("CI_COMMIT_TAG", "v1.2.3")], tag("v1.2.3")),
            (
                &[("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "fix")],
                branch("fix"),
            ),
            (
                &[("CODEBUILD_WEBHOOK_HEAD_REF", "refs/heads/main")],
                branch("main"),
            ),
            (&[("CODEBUILD_WEBHOOK_HEAD_REF", "refs/tags/v1")], tag("v1")),
            (&[("BITBUCKET_BRANCH", "main")], branch("main")),
            (&[("BITBUCKET_TAG", "v1")], tag("v1")),
            (&[("GITHUB_REF", "refs/pull/7/merge")], (None, None)),
            (&[], (None, None)),
        ] {
            assert_eq!(of(variables), expected, "{variables:?}");
        }
    }
}
