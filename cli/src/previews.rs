//! Previews among an application's environments: which names are theirs, which environment
//! takes them, and how one is called.

use sluice_domain::journal::Versions;
use sluice_domain::preview::PREFIX;
use sluice_domain::settings::Settings;

use crate::error::{Error, Result};
use crate::finding::Finding;

/// Refuses to write what Sluice alone writes.
///
/// # Errors
/// When the name is a preview's, or the document says that it is one.
pub fn refuse(environment: &str, settings: &Settings) -> Result<()> {
    if environment.starts_with(PREFIX) {
        return Err(Error::Usage(format!(
            "found the environment `{environment}`: names that start with `{PREFIX}` are those of previews, \
             which Sluice makes; expected another name"
        )));
    }
    if settings.preview_of.is_some() {
        return Err(Error::Usage(
            "found `preview_of`, which Sluice alone writes; leave it out, and say `preview` to take previews"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Judges an environment's name: those of previews are Sluice's to give.
#[must_use]
pub fn check_name(environment: &str, settings: &Settings) -> Option<Finding> {
    let is_named = environment.starts_with(PREFIX);
    (is_named != settings.preview_of.is_some()).then(|| {
        let found = if is_named { "no `preview_of`" } else { "`preview_of`" };
        Finding::problem(
            "preview_of",
            format!("found {found} in an environment called {environment}"),
            "names that start with `pr-` are those of previews, which Sluice makes: use another name",
        )
    })
}

/// Judges that an application's previews have one place to live.
#[must_use]
pub fn check_others(settings: &Settings, others: &[(String, Settings)]) -> Vec<Finding> {
    let takes = |settings: &Settings| settings.preview.is_some();
    let others = others
        .iter()
        .filter(|(_, other)| takes(settings) && takes(other));
    let problem = |(name, _): &(String, Settings)| {
        Finding::problem(
            "preview",
            format!("{name} takes previews, too"),
            "say `preview` in one environment of an application",
        )
    };
    others.map(problem).collect()
}

/// How each function of a preview is called.
#[must_use]
pub fn addresses(versions: &Versions) -> Vec<String> {
    let all = versions.iter();
    all.map(|(name, published)| format!("call {name} at {}:{}", published.arn, published.alias))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sluice_domain::document::Document as _;

    use super::*;

    fn settings(more: Value) -> Settings {
        let alias = if more["preview_of"].is_null() {
            "live"
        } else {
            "pr-7"
        };
        let mut document = json!({"schema": 1, "order": 1, "functions": {"api": {"name": "shop-api", "alias": alias}}});
        let more = more.as_object().expect("an object").clone();
        document.as_object_mut().expect("an object").extend(more);
        Settings::parse("/x", document.to_string().as_bytes()).expect("valid")
    }

    #[test]
    fn names_of_previews_are_for_previews_alone() {
        let plain = settings(json!({}));
        let preview = settings(
            json!({"preview_of": {"environment": "dev", "expires_at": "2026-11-22T10:00:00Z"}}),
        );
        assert!(refuse("dev", &plain).is_ok() && check_name("dev", &plain).is_none());
        assert!(check_name("pr-7", &preview).is_none());
        for (name, document) in [("pr-7", &plain), ("dev", &preview), ("pr-7", &preview)] {
            let error = refuse(name, document).expect_err("refused").to_string();
            assert!(error.contains("Sluice"), "{error}");
        }
        assert!(check_name("pr-7", &plain).is_some() && check_name("dev", &preview).is_some());
    }

    #[test]
    fn previews_have_one_place_to_live() {
        let (takes, plain) = (settings(json!({"preview": {}})), settings(json!({})));
        let others = [
            ("dev".to_owned(), takes.clone()),
            ("prod".to_owned(), plain.clone()),
        ];
        assert_eq!(check_others(&takes, &others).len(), 1);
        assert!(check_others(&plain, &others).is_empty());
    }
}
