//! Which licences are denied.

use std::collections::BTreeSet;

use spdx::{Expression, ParseMode};

use super::{Check, EvidencePolicy, Sbom, listed};

/// How expressions are parsed: as people write them, with identifiers that SPDX does not
/// know.
const AS_WRITTEN: ParseMode = ParseMode {
    allow_unknown: true,
    ..ParseMode::LAX
};

/// The longest expression that is parsed, in bytes: parsed it takes many times its length.
const LONGEST: usize = 10_000;

/// The longest licence that is told as it stands, in characters. All of it is judged.
const TOLD: usize = 100;

/// Checks the licences of all components.
pub(super) fn components(policy: &EvidencePolicy, sbom: &Sbom) -> Check {
    let denied = Denied::of(&policy.sbom.deny_licences);
    let bad = sbom.components.iter().filter_map(|component| {
        let mut all = component.licences.iter();
        let licence = all.find(|one| denied.denies(one))?;
        Some(format!("{} ({})", component.name, told(licence)))
    });
    let bad: Vec<String> = bad.collect();
    let count = sbom.components.len();
    let unknown = sbom
        .components
        .iter()
        .filter(|one| one.licences.is_empty())
        .count();
    let mut found = format!("{count} components, {unknown} without a licence");
    if !bad.is_empty() {
        found = format!("{found}, {} denied: {}", bad.len(), listed(&bad));
    }
    let names = &policy.sbom.deny_licences;
    let expected = match names.is_empty() {
        true => "any licence".to_owned(),
        false => format!("no component under {}", names.join(", ")),
    };
    Check::of("licences", bad.is_empty(), found, expected)
}

fn told(licence: &str) -> String {
    match licence.char_indices().nth(TOLD) {
        Some((end, _)) => format!("{}…", &licence[..end]),
        None => licence.to_owned(),
    }
}

/// Licences that no component may have, as SPDX spells them now, in lower case.
struct Denied(BTreeSet<String>);

impl Denied {
    fn of(names: &[String]) -> Self {
        let spelled = |name: &String| modern(name).to_ascii_lowercase();
        Self(names.iter().map(spelled).collect())
    }

    /// Whether a licence as an SBOM names it leaves no choice but one of these.
    ///
    /// It may be an identifier or an expression. What is neither, a list or a sentence
    /// say, or is too long to be one, is denied if one of its words is: nothing in it says
    /// that there is a choice.
    fn denies(&self, licence: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let is_short = licence.len() <= LONGEST;
        let expression =
            is_short.then(|| Expression::parse_mode(&modern(licence), AS_WRITTEN).ok());
        match expression.flatten() {
            Some(expression) => !expression.evaluate(|request| {
                // What the parser calls the licence, and how it would be written: they
                // differ where later versions of it may be chosen.
                let id = request.license.id().map(|id| id.name);
                let written = modern(&request.license.to_string());
                !id.is_some_and(|id| self.names(id)) && !self.names(&written)
            }),
            None => self.names(licence) || words(licence).any(|word| self.names(&modern(word))),
        }
    }

    fn names(&self, name: &str) -> bool {
        self.0.contains(&name.to_ascii_lowercase())
    }
}

/// What could be identifiers in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+');
    let words = text.split(move |c| !is_part(c));
    // The end of a sentence is none of an identifier's.
    let words = words.map(|word| word.trim_end_matches('.'));
    words.filter(|word| !word.is_empty())
}

/// As SPDX spells it now: `GPL-3.0` is `GPL-3.0-only`, `GPL-3.0+` is `GPL-3.0-or-later`.
fn modern(licence: &str) -> String {
    match Expression::canonicalize(licence) {
        Ok(Some(changed)) => changed,
        _ => licence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{CheckOutcome, SbomComponent};

    fn is_denied(licence: &str, denied: &[&str]) -> bool {
        let denied: Vec<String> = denied.iter().map(ToString::to_string).collect();
        Denied::of(&denied).denies(licence)
    }

    fn denied(licence: &str) -> bool {
        is_denied(licence, &["AGPL-3.0-only", "GPL-3.0-or-later"])
    }

    #[test]
    fn a_choice_that_is_left_may_be_taken() {
        assert!(!denied("MIT OR AGPL-3.0-only"));
        assert!(denied("MIT AND AGPL-3.0-only"));
        assert!(denied("AGPL-3.0-only"));
        assert!(denied("GPL-3.0-or-later"));
        assert!(!denied("Apache-2.0 WITH LLVM-exception"));
    }

    #[test]
    fn older_spellings_name_the_same_licence() {
        assert!(denied("AGPL-3.0"));
        assert!(denied("GPL-3.0+"));
        assert!(is_denied("GPL-2.0-only", &["GPL-2.0"]));
        assert!(!is_denied("GPL-2.0-or-later", &["GPL-2.0"]));
    }

    #[test]
    fn what_is_no_expression_is_denied_for_any_of_its_words() {
        assert!(!denied("Our own licence, see LICENSE"));
        for licence in [
            "MIT, AGPL-3.0-only",
            "MIT; AGPL-3.0",
            "agpl-3.0-only and others",
            "Parts are under AGPL-3.0-only.",
        ] {
            assert!(denied(licence), "{licence}");
        }
    }

    #[test]
    fn identifiers_that_spdx_does_not_know_hide_no_licence_beside_them() {
        assert!(denied("AGPL-3.0-only AND Foo-1.0"));
        assert!(denied("Foo-1.0 AND (MIT AND AGPL-3.0)"));
        assert!(!denied("Foo-1.0 OR AGPL-3.0-only"));
        assert!(!denied("Foo-1.0 AND MIT"));
    }

    #[test]
    fn a_long_licence_is_judged_as_a_whole_and_told_in_short() {
        let mut policy = EvidencePolicy::default();
        policy.sbom.deny_licences = vec!["AGPL-3.0-only".to_owned()];
        for count in [100, 10_000] {
            let component = SbomComponent {
                name: "all".to_owned(),
                version: None,
                licences: vec![format!("{}AGPL-3.0-only", "MIT AND ".repeat(count))],
            };
            let sbom = Sbom {
                components: vec![component],
            };
            let check = components(&policy, &sbom);
            assert_eq!(check.outcome, CheckOutcome::Refuse, "{count}");
            assert!(check.found.len() < 200, "{}", check.found);
        }
    }
}
