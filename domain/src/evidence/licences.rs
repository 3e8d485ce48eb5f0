//! Which licences are denied.

use spdx::{Expression, ParseMode};

use super::{Check, EvidencePolicy, Sbom, listed};

/// Checks the licences of all components.
pub(super) fn components(policy: &EvidencePolicy, sbom: &Sbom) -> Check {
    let denied = &policy.sbom.deny_licences;
    let bad = sbom.components.iter().filter_map(|component| {
        let licence = component
            .licences
            .iter()
            .find(|one| is_denied(one, denied))?;
        Some(format!("{} ({licence})", component.name))
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
    let expected = if denied.is_empty() {
        "any licence".to_owned()
    } else {
        format!("no component under {}", denied.join(", "))
    };
    Check::of("licences", bad.is_empty(), found, expected)
}

/// Whether a licence as an SBOM names it leaves no choice but one of these.
///
/// It may be an identifier, an expression, or a name that is neither: a name is denied
/// only if it is spelled as it stands in the list.
fn is_denied(licence: &str, denied: &[String]) -> bool {
    let is_listed = |name: &str| {
        let spelled = |one: &String| modern(one).eq_ignore_ascii_case(name);
        denied.iter().any(spelled)
    };
    match Expression::parse_mode(&modern(licence), ParseMode::LAX) {
        Ok(expression) => !expression.evaluate(|request| {
            // What the parser calls the licence, and how it would be written: they differ
            // where later versions of it may be chosen.
            let id = request.license.id().map(|id| id.name);
            !id.is_some_and(is_listed) && !is_listed(&request.license.to_string())
        }),
        Err(_) => is_listed(licence),
    }
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

    fn denied(licence: &str) -> bool {
        is_denied(
            licence,
            &["AGPL-3.0-only".to_owned(), "GPL-3.0-or-later".to_owned()],
        )
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
        assert!(is_denied("GPL-2.0-only", &["GPL-2.0".to_owned()]));
        assert!(!is_denied("GPL-2.0-or-later", &["GPL-2.0".to_owned()]));
    }

    #[test]
    fn names_that_are_no_identifiers_are_compared_as_they_stand() {
        assert!(!denied("Our own licence, see LICENSE"));
        assert!(is_denied("Acme EULA", &["Acme EULA".to_owned()]));
    }
}
