//! Where a build comes from, and who reviewed it: what signed statements prove.

use std::collections::BTreeSet;

use super::assess::{Context, File, read};
use super::{
    Check, CheckOutcome, Content, EvidencePolicy, Reading, Reviews, Statement, Subject, listed,
};
use crate::digest::Digest;

/// Whether a statement is signed by somebody who is trusted, and tells of a builder and a
/// source that are allowed.
pub(super) fn origin(
    policy: &EvidencePolicy,
    reading: &Reading,
    statement: &Statement,
    context: &Context<'_>,
) -> Vec<Check> {
    let policy = &policy.provenance;
    if policy.keys.is_empty() {
        let found = format!("a statement of {}", statement.predicate_type);
        return vec![unchecked("provenance", found)];
    }
    let mut checks = vec![signature("provenance", reading, context)];
    let lists = [
        ("provenance builder", &statement.builder, &policy.builders),
        ("provenance source", &statement.source, &policy.sources),
    ];
    for (name, found, allowed) in lists {
        if !allowed.is_empty() {
            let is_allowed = |found: &String| allowed.iter().any(|one| same_place(one, found));
            let holds = found.as_ref().is_some_and(is_allowed);
            let found = found.clone().unwrap_or_else(|| "none".to_owned());
            let expected = format!("one of {}", listed(allowed));
            checks.push(Check::of(name, holds, found, expected));
        }
    }
    checks
}

/// Whether all that is deployed is what statements of trusted origin are about. A build
/// may write one for each artifact. Where only the signature of a key that is not at hand
/// is missing, that can't be told.
pub(super) fn proven(
    policy: &EvidencePolicy,
    files: &[File],
    context: &Context<'_>,
) -> Option<Check> {
    let all: Vec<(CheckOutcome, &Statement)> = read(files)
        .filter_map(|(_, reading)| match &reading.content {
            Content::Provenance(statement) => {
                let checks = origin(policy, reading, statement, context);
                let worst = checks.iter().map(|check| check.outcome).max();
                Some((worst.unwrap_or(CheckOutcome::Pass), statement))
            }
            _ => None,
        })
        .collect();
    if all.is_empty() || policy.provenance.keys.is_empty() {
        return None;
    }
    let about = |worst: CheckOutcome| {
        let trusted = all.iter().filter(|(outcome, _)| *outcome <= worst);
        let subjects = trusted.flat_map(|(_, statement)| &statement.subjects);
        about_all("provenance subjects", subjects, context)
    };
    let proven = about(CheckOutcome::Pass);
    let perhaps = about(CheckOutcome::NotRun).outcome == CheckOutcome::Pass;
    Some(match proven.outcome {
        CheckOutcome::Refuse if perhaps => Check {
            outcome: CheckOutcome::NotRun,
            ..proven
        },
        _ => proven,
    })
}

fn unchecked(name: &str, found: String) -> Check {
    let expected = "nothing: no keys are trusted here";
    Check::new(name, CheckOutcome::NotRun, found, expected)
}

fn signature(name: &str, reading: &Reading, context: &Context<'_>) -> Check {
    let expected = "a signature of a trusted key";
    match (reading.signed_by.as_slice(), context.absent_keys) {
        ([], []) => Check::of(name, false, "no signature of a trusted key", expected),
        ([], absent) => {
            let found = format!("no signature of a key but, perhaps, {}", listed(absent));
            Check::new(name, CheckOutcome::NotRun, found, expected)
        }
        (keys, _) => Check::of(
            name,
            true,
            format!("signed by {}", keys.join(", ")),
            expected,
        ),
    }
}

/// Every artifact must be among the subjects, with its digest.
fn about_all<'s>(
    name: &str,
    subjects: impl Iterator<Item = &'s Subject>,
    context: &Context<'_>,
) -> Check {
    let known: BTreeSet<&Digest> = subjects.filter_map(|one| one.digest.as_ref()).collect();
    let strange = context.artifacts.iter();
    let strange = strange.filter(|(_, digest)| !known.contains(digest));
    let strange: Vec<String> = strange.map(|(key, _)| key.clone()).collect();
    let found = match strange.as_slice() {
        [] => format!("all {} artifacts", context.artifacts.len()),
        strange => format!("nothing about {}", listed(strange)),
    };
    let expected = "the digest of each artifact of the bundle";
    Check::of(name, strange.is_empty(), found, expected)
}

/// Whether a URI names a repository or builder that is allowed: without `git+`, and
/// without `.git` at the end. Where a reference is allowed (`@` and what follows), it must
/// be that one; otherwise it may be any.
fn same_place(allowed: &str, found: &str) -> bool {
    let (allowed, found) = (Place::of(allowed), Place::of(found));
    allowed.repository == found.repository
        && (allowed.reference.is_none() || allowed.reference == found.reference)
}

#[derive(PartialEq, Eq)]
struct Place<'u> {
    repository: &'u str,
    reference: Option<&'u str>,
}

impl<'u> Place<'u> {
    fn of(uri: &'u str) -> Self {
        let uri = uri.strip_prefix("git+").unwrap_or(uri);
        let host = uri.find("://").map_or(0, |at| at + 3);
        // An `@` before the path belongs to a user: `ssh://git@github.com/acme/shop`.
        let path = uri[host..].find('/').map_or(uri.len(), |at| host + at);
        let (repository, reference) = match uri[path..].rfind('@') {
            Some(at) => (&uri[..path + at], Some(&uri[path + at + 1..])),
            None => (uri, None),
        };
        let repository = repository.trim_end_matches('/');
        Self {
            repository: repository.strip_suffix(".git").unwrap_or(repository),
            reference,
        }
    }
}

/// Whether enough people approved the change that this is built from.
pub(super) fn reviews(
    policy: &EvidencePolicy,
    reading: &Reading,
    found: &Reviews,
    context: &Context<'_>,
) -> Check {
    let people: BTreeSet<&String> = found.approved_by.iter().collect();
    let authors: BTreeSet<&String> = found.authors.iter().collect();
    let names: Vec<String> = people
        .difference(&authors)
        .map(|who| (*who).clone())
        .collect();
    let named = match names.as_slice() {
        [] => "nobody".to_owned(),
        names => listed(names),
    };
    let told = format!("approved by {named}");
    if policy.provenance.keys.is_empty() {
        return unchecked("reviews", told);
    }
    let about = about_all("reviews", found.subjects.iter(), context);
    let signed = signature("reviews", reading, context);
    let least = policy.reviews.min;
    let outcome = match names.len() >= least {
        true => signed.outcome.max(about.outcome),
        false => CheckOutcome::Refuse,
    };
    let told = format!("{told}; {}; {}", signed.found, about.found);
    let expected =
        format!("{least} other than the authors, signed by a trusted key, about this build");
    Check::new("reviews", outcome, told, expected)
}
