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
) -> Vec<Check> {
    let policy = &policy.provenance;
    if policy.keys.is_empty() {
        let found = format!("a statement of {}", statement.predicate_type);
        return vec![unchecked("provenance", found)];
    }
    let mut checks = vec![signature("provenance", reading)];
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
/// may write one for each artifact.
pub(super) fn proven(
    policy: &EvidencePolicy,
    files: &[File],
    context: &Context<'_>,
) -> Option<Check> {
    let all: Vec<(&Reading, &Statement)> = read(files)
        .filter_map(|(_, reading)| match &reading.content {
            Content::Provenance(statement) => Some((reading, statement)),
            _ => None,
        })
        .collect();
    if all.is_empty() || policy.provenance.keys.is_empty() {
        return None;
    }
    let is_trusted = |(reading, statement): &&(&Reading, &Statement)| {
        let checks = origin(policy, reading, statement);
        checks.iter().all(|one| one.outcome == CheckOutcome::Pass)
    };
    let trusted = all.iter().filter(is_trusted);
    let subjects = trusted.flat_map(|(_, statement)| &statement.subjects);
    Some(about_all("provenance subjects", subjects, context))
}

fn unchecked(name: &str, found: String) -> Check {
    let expected = "nothing: no keys are trusted here";
    Check::new(name, CheckOutcome::NotRun, found, expected)
}

fn signature(name: &str, reading: &Reading) -> Check {
    let found = match reading.signed_by.as_slice() {
        [] => "no signature of a trusted key".to_owned(),
        keys => format!("signed by {}", keys.join(", ")),
    };
    let expected = "a signature of a trusted key";
    Check::of(name, !reading.signed_by.is_empty(), found, expected)
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

/// Whether two URIs name the same repository or builder: without `git+`, what follows
/// `@`, and `.git` at the end.
fn same_place(allowed: &str, found: &str) -> bool {
    fn bare(uri: &str) -> &str {
        let uri = uri.strip_prefix("git+").unwrap_or(uri);
        let path = uri.find("://").map_or(0, |at| at + 3);
        let end = uri[path..].rfind('@').map_or(uri.len(), |at| path + at);
        let uri = uri[..end].trim_end_matches('/');
        uri.strip_suffix(".git").unwrap_or(uri)
    }
    // A reference in the allow-list asks for that reference.
    allowed == found
        || (bare(allowed) == allowed.trim_end_matches('/') && bare(found) == bare(allowed))
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
    let signed = signature("reviews", reading);
    let least = policy.reviews.min;
    let holds = names.len() >= least
        && signed.outcome == CheckOutcome::Pass
        && about.outcome == CheckOutcome::Pass;
    let told = format!("{told}; {}; {}", signed.found, about.found);
    let expected =
        format!("{least} other than the authors, signed by a trusted key, about this build");
    Check::of("reviews", holds, told, expected)
}
