//! Settings with another `frozen`, and everything else as people wrote it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sluice_domain::document::{Invalid, Problem};
use sluice_domain::settings::Freeze;

/// The field.
const FROZEN: &str = "frozen";

/// The settings with this freeze, or without any: the other fields keep their
/// order and their form.
///
/// # Errors
/// When the text is no JSON object.
pub fn with(name: &str, text: &str, freeze: Option<&Freeze>) -> Result<String, Invalid> {
    let invalid = |error: serde_json::Error| Invalid {
        document: name.to_owned(),
        problems: vec![Problem::new("", error.to_string())],
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let fields = reader.deserialize_map(Fields).map_err(invalid)?;
    let mut lines: Vec<String> = fields
        .iter()
        .filter(|(name, _)| name != FROZEN)
        .map(|(name, value)| format!("  \"{name}\": {value}"))
        .collect();
    if let Some(freeze) = freeze {
        let freeze = serde_json::to_string(freeze).map_err(invalid)?;
        lines.push(format!("  \"{FROZEN}\": {freeze}"));
    }
    Ok(format!("{{\n{}\n}}", lines.join(",\n")))
}

/// The freeze of settings, if they have one. It is read by itself: it holds also where
/// something else makes the settings unusable.
#[must_use]
pub fn of(text: &str) -> Option<Freeze> {
    #[derive(Deserialize)]
    struct Frozen {
        frozen: Option<Freeze>,
    }
    let read: Option<Frozen> = serde_json::from_str(text).ok();
    read?.frozen
}

/// The settings that are to replace those that are there, which stay frozen unless the
/// new ones have a freeze of their own; and the freeze that was kept so.
///
/// # Errors
/// When the new text is no JSON object.
pub fn kept(name: &str, new: &str, there: &str) -> Result<(String, Option<Freeze>), Invalid> {
    match of(there).filter(|_| of(new).is_none()) {
        Some(freeze) => Ok((with(name, new, Some(&freeze))?, Some(freeze))),
        None => Ok((new.to_owned(), None)),
    }
}

/// The fields of an object, in order, each as it is written.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = object.next_entry()? {
            fields.push(field);
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "schema": 1,
  "order": 3,
  "functions": {
    "api": {"name": "shop-api"}
  },
  "steps": "careful"
}"#;

    fn freeze() -> Freeze {
        Freeze {
            by: "ada".to_owned(),
            reason: "the \"fair\"".to_owned(),
        }
    }

    #[test]
    fn a_freeze_leaves_everything_else_as_people_wrote_it_and_can_be_taken_back() {
        let frozen = with("x", TEXT, Some(&freeze())).expect("valid");
        let expected = TEXT.replace(
            "\"careful\"",
            "\"careful\",\n  \"frozen\": {\"by\":\"ada\",\"reason\":\"the \\\"fair\\\"\"}",
        );
        assert_eq!(frozen, expected);
        assert_eq!(with("x", &frozen, None).expect("valid"), TEXT);
    }

    #[test]
    fn settings_that_are_written_anew_stay_frozen() {
        let there = with("x", TEXT, Some(&freeze())).expect("valid");
        let new = TEXT.replace("careful", "AllAtOnce");
        let (text, kept_freeze) = kept("x", &new, &there).expect("valid");
        assert_eq!(of(&text), Some(freeze()));
        assert_eq!(kept_freeze, Some(freeze()));
        assert!(text.contains("AllAtOnce"), "{text}");
        let unusable = there.replace("\"schema\": 1", "\"schema\": 99");
        let (text, _) = kept("x", &new, &unusable).expect("valid");
        assert_eq!(of(&text), Some(freeze()));
    }

    #[test]
    fn settings_with_a_freeze_of_their_own_or_in_place_of_none_are_written_as_they_are() {
        let there = with("x", TEXT, Some(&freeze())).expect("valid");
        let own = Freeze {
            by: "grace".to_owned(),
            reason: "stock-taking".to_owned(),
        };
        let new = with("x", TEXT, Some(&own)).expect("valid");
        assert_eq!(kept("x", &new, &there).expect("valid"), (new, None));
        for unfrozen in [TEXT, "not JSON"] {
            let written = kept("x", TEXT, unfrozen).expect("valid");
            assert_eq!(written, (TEXT.to_owned(), None));
        }
    }

    #[test]
    fn what_is_no_object_is_refused_under_its_name() {
        let error = with("/sluice/shop/prod", "[]", None).expect_err("refused");
        assert!(
            error
                .to_string()
                .starts_with("/sluice/shop/prod is not valid: "),
            "{error}"
        );
    }
}
