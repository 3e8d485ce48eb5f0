//! Published versions of a function: what Sluice writes on its own, what a
//! promotion provisioned for them, and which of them nobody needs any more.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::promotion::PromotionId;

/// A Lambda description holds this many characters.
const LONGEST_DESCRIPTION: usize = 256;
/// Characters of the commit in a description.
const COMMIT: usize = 12;

/// What a version's description says: `shop 1.4.0 0123456789ab`. By its first word
/// [`surplus`] knows it again.
#[must_use]
pub fn description(id: &PromotionId, commit: &str) -> String {
    let commit: String = commit.chars().take(COMMIT).collect();
    let description = format!("{} {} {commit}", id.application, id.version);
    description.chars().take(LONGEST_DESCRIPTION).collect()
}

/// A version as Lambda lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub number: u64,
    /// Its description.
    pub description: String,
}

/// How full an account's room for the code of Lambda functions is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeStorage {
    /// All versions of all functions, and layers.
    pub used: i64,
    /// What the account may have. 0: Lambda did not say.
    pub limit: i64,
}

/// From this share on an account's room is crowded.
const CROWDED: f64 = 0.8;
/// How many of a function's newest versions stay where it is: the one that serves and
/// the one to go back to.
const KEPT_WHERE_CROWDED: usize = 2;

impl CodeStorage {
    /// Whether it is about to be full.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.limit > 0 && self.used as f64 >= CROWDED * self.limit as f64
    }

    /// How many of a function's newest versions stay, of those that the settings keep.
    #[must_use]
    pub fn keeps(&self, keep: usize) -> usize {
        if self.is_crowded() {
            keep.min(KEPT_WHERE_CROWDED)
        } else {
            keep
        }
    }
}

/// The versions that may go, oldest first: those that Sluice published for this
/// application, beyond the newest `keep` of all and none of those `in_use`.
#[must_use]
pub fn surplus(
    listed: &[Listed],
    application: &str,
    keep: usize,
    in_use: &BTreeSet<String>,
) -> Vec<u64> {
    let mut newest: Vec<u64> = listed.iter().map(|version| version.number).collect();
    newest.sort_unstable_by(|one, other| other.cmp(one));
    let kept: BTreeSet<u64> = newest.into_iter().take(keep).collect();
    let is_ours = |version: &&Listed| version.description.split(' ').next() == Some(application);
    let surplus: BTreeSet<u64> = listed
        .iter()
        .filter(is_ours)
        .map(|version| version.number)
        .filter(|number| !kept.contains(number) && !in_use.contains(&number.to_string()))
        .collect();
    surplus.into_iter().collect()
}

/// Provisioned concurrency that a promotion moves from one version to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provision {
    /// The function's ARN, without a qualifier.
    pub arn: String,
    /// The version that had it when the promotion began.
    pub from: String,
    /// The version that is given as much.
    pub to: String,
    /// How many environments are kept ready for calls.
    pub executions: u32,
}

/// What a promotion provisions, by the name that manifests use.
pub type Provisions = BTreeMap<String, Provision>;

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(versions: &[(u64, &str)]) -> Vec<Listed> {
        let listed = |&(number, description): &(u64, &str)| Listed {
            number,
            description: description.to_owned(),
        };
        versions.iter().map(listed).collect()
    }

    fn in_use(versions: &[&str]) -> BTreeSet<String> {
        versions.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_version_says_which_release_of_what_it_is() {
        let id = "shop/prod/1.4.0/2".parse().expect("a promotion");
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(description(&id, commit), "shop 1.4.0 0123456789ab");
    }

    #[test]
    fn the_oldest_go_first_and_the_newest_stay() {
        let all: Vec<_> = (1..=12)
            .map(|number| (number, "shop 1.0.0 c0ffee"))
            .collect();
        let all = listed(&all);
        assert_eq!(surplus(&all, "shop", 10, &in_use(&[])), [1, 2]);
        assert!(surplus(&all, "shop", 12, &in_use(&[])).is_empty());
        assert_eq!(surplus(&all, "shop", 9, &in_use(&["2"])), [1, 3]);
    }

    #[test]
    fn what_somebody_else_published_stays_and_counts() {
        let all = listed(&[
            (1, "shop 1.0.0 c0ffee"),
            (2, ""),
            (3, "shopping 1.0.0 c0ffee"),
            (4, "by hand"),
            (5, "shop 1.1.0 c0ffee"),
        ]);
        assert_eq!(surplus(&all, "shop", 2, &in_use(&[])), [1]);
        assert_eq!(surplus(&all, "shop", 0, &in_use(&["5"])), [1]);
    }

    #[test]
    fn where_an_account_is_almost_full_fewer_versions_are_kept() {
        let room = |used| CodeStorage { used, limit: 100 };
        assert_eq!([0, 79].map(|used| room(used).keeps(10)), [10, 10]);
        assert_eq!([80, 120].map(|used| room(used).keeps(10)), [2, 2]);
        let unknown = CodeStorage { used: 5, limit: 0 };
        assert_eq!(unknown.keeps(10), 10);
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let all = listed(&[(9, "shop a b"), (10, "shop a b"), (100, "shop a b")]);
        assert_eq!(surplus(&all, "shop", 1, &in_use(&[])), [9, 10]);
    }
}
