//! What a version freezes beside its code: the manifest's configuration, laid
//! over the function's own. The function's own stays with whoever creates the
//! function: it differs between environments, and a manifest does not.

use std::collections::BTreeMap;

use serde_json::json;

use crate::digest::Digest;
use crate::manifest::Configuration;

/// The configuration that a function has for its next version, or that a
/// version froze.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionConfiguration {
    /// Environment variables. None: Lambda can't decrypt them for us.
    pub environment: Option<BTreeMap<String, String>>,
    /// Memory in MB.
    pub memory_mb: Option<u32>,
    /// Time-out in seconds.
    pub timeout_seconds: Option<u32>,
    /// Layer version ARNs.
    pub layers: Vec<String>,
    /// The execution role's ARN. No manifest names it.
    pub role: Option<String>,
    /// The ARN of the dead-letter queue or topic. No manifest names it.
    pub dead_letters: Option<String>,
}

impl FunctionConfiguration {
    /// This with a manifest's configuration laid over it.
    #[must_use]
    pub fn with(&self, manifest: Option<&Configuration>) -> Self {
        let Some(over) = manifest else {
            return self.clone();
        };
        Self {
            environment: over.environment.clone().or(self.environment.clone()),
            memory_mb: over.memory_mb.or(self.memory_mb),
            timeout_seconds: over.timeout_seconds.or(self.timeout_seconds),
            layers: over.layers.clone().unwrap_or_else(|| self.layers.clone()),
            role: self.role.clone(),
            dead_letters: self.dead_letters.clone(),
        }
    }

    /// What keeps a version with this from sharing an alias with one that has
    /// the `other`: Lambda wants both to have the same role and dead-letter queue.
    #[must_use]
    pub fn unshareable_with(&self, other: &Self) -> Vec<String> {
        let role = change("execution role", other.role.as_ref(), self.role.as_ref());
        let queue = change(
            "dead-letter queue",
            other.dead_letters.as_ref(),
            self.dead_letters.as_ref(),
        );
        role.into_iter().chain(queue).collect()
    }

    /// Whether this has all that a manifest's configuration names.
    #[must_use]
    pub fn has(&self, manifest: &Configuration) -> bool {
        self.with(Some(manifest)) == *self
    }

    /// The function's own, where a manifest's configuration names something: laid
    /// over it in turn, that takes the manifest's away again. What equals the
    /// manifest's was laid there if something else was `remembered`.
    #[must_use]
    pub fn beneath(
        &self,
        manifest: &Configuration,
        remembered: Option<&Configuration>,
    ) -> Configuration {
        let nothing = Configuration::default();
        let before = remembered.unwrap_or(&nothing);
        Configuration {
            environment: own_value(
                self.environment.as_ref(),
                manifest.environment.as_ref(),
                before.environment.as_ref(),
            ),
            memory_mb: own_value(
                self.memory_mb.as_ref(),
                manifest.memory_mb.as_ref(),
                before.memory_mb.as_ref(),
            ),
            timeout_seconds: own_value(
                self.timeout_seconds.as_ref(),
                manifest.timeout_seconds.as_ref(),
                before.timeout_seconds.as_ref(),
            ),
            layers: own_value(
                Some(&self.layers),
                manifest.layers.as_ref(),
                before.layers.as_ref(),
            ),
            requires: None,
        }
    }

    /// The digest of all of it. It stands for values of environment variables
    /// where they must not be shown.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let all = json!({
            "environment": self.environment,
            "memory_mb": self.memory_mb,
            "timeout_seconds": self.timeout_seconds,
            "layers": self.layers,
            "role": self.role,
            "dead_letters": self.dead_letters,
        });
        Digest::of(all.to_string().as_bytes())
    }

    /// How this differs from what was there `before`, for people: names of
    /// environment variables, never their values.
    #[must_use]
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let memory = |memory: u32| format!("{memory} MB");
        let timeout = |seconds: u32| format!("{seconds} s");
        let layers = |found: &Self| Some(found.layers.join(", ")).filter(|all| !all.is_empty());
        let mut changes = self.unshareable_with(before);
        changes.extend(change(
            "memory",
            before.memory_mb.map(memory).as_ref(),
            self.memory_mb.map(memory).as_ref(),
        ));
        changes.extend(change(
            "time-out",
            before.timeout_seconds.map(timeout).as_ref(),
            self.timeout_seconds.map(timeout).as_ref(),
        ));
        changes.extend(change(
            "layers",
            layers(before).as_ref(),
            layers(self).as_ref(),
        ));
        changes.extend(variables(
            before.environment.as_ref(),
            self.environment.as_ref(),
        ));
        changes
    }
}

/// The function's own value of one field. None: the manifest does not name it.
fn own_value<T: Clone + PartialEq>(
    found: Option<&T>,
    laid_over: Option<&T>,
    before: Option<&T>,
) -> Option<T> {
    laid_over?;
    if found == laid_over {
        before.or(found).cloned()
    } else {
        found.cloned()
    }
}

fn change(what: &str, before: Option<&String>, after: Option<&String>) -> Option<String> {
    let or_none = |text: Option<&String>| text.map_or("none", String::as_str).to_owned();
    (before != after).then(|| format!("{what}: {} -> {}", or_none(before), or_none(after)))
}

fn variables(
    before: Option<&BTreeMap<String, String>>,
    after: Option<&BTreeMap<String, String>>,
) -> Vec<String> {
    let nothing = BTreeMap::new();
    let (before, after) = (before.unwrap_or(&nothing), after.unwrap_or(&nothing));
    let kept_or_new = after.iter().filter_map(|(name, value)| {
        let how = match before.get(name) {
            None => "new",
            Some(old) if old != value => "another value",
            Some(_) => return None,
        };
        Some(format!("environment variable {name}: {how}"))
    });
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let gone = gone.map(|name| format!("environment variable {name}: gone"));
    kept_or_new.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Some(owned.collect())
    }

    fn own() -> FunctionConfiguration {
        FunctionConfiguration {
            environment: environment(&[("TABLE", "orders"), ("REGION", "eu")]),
            memory_mb: Some(128),
            timeout_seconds: Some(3),
            role: Some("arn:role/own".to_owned()),
            ..FunctionConfiguration::default()
        }
    }

    fn named() -> Configuration {
        Configuration {
            environment: environment(&[("TABLE", "orders-2"), ("MODE", "fast")]),
            memory_mb: Some(256),
            layers: Some(vec!["arn:layer:1".to_owned()]),
            ..Configuration::default()
        }
    }

    #[test]
    fn what_a_manifest_leaves_out_is_the_functions_own() {
        let laid = own().with(Some(&named()));
        assert_eq!((laid.memory_mb, laid.timeout_seconds), (Some(256), Some(3)));
        assert_eq!(laid.environment, named().environment);
        assert_eq!(own().with(None), own());
        assert!(laid.has(&named()) && !own().has(&named()));
        assert!(own().has(&Configuration::default()));
    }

    #[test]
    fn what_was_laid_over_can_be_taken_away_again() {
        let laid = own().with(Some(&named()));
        assert_eq!(laid.with(Some(&own().beneath(&named(), None))), own());
    }

    #[test]
    fn what_was_laid_over_earlier_is_taken_away_and_what_changed_since_stays() {
        let remembered = own().beneath(&named(), None);
        let laid = own().with(Some(&named()));
        assert_eq!(laid.beneath(&named(), Some(&remembered)), remembered);

        let since = FunctionConfiguration {
            memory_mb: Some(512),
            ..laid
        };
        let expected = Configuration {
            memory_mb: Some(512),
            ..remembered.clone()
        };
        assert_eq!(since.beneath(&named(), Some(&remembered)), expected);
    }

    #[test]
    fn variables_that_cannot_be_read_are_left_as_they_are() {
        let unread = FunctionConfiguration {
            environment: None,
            ..own()
        };
        assert_eq!(unread.beneath(&named(), None).environment, None);
    }

    #[test]
    fn the_digest_follows_every_value() {
        let laid = own().with(Some(&named()));
        assert_ne!(own().digest(), laid.digest());
        let mut other = own();
        other.environment = environment(&[("TABLE", "orders"), ("REGION", "us")]);
        assert_ne!(own().digest(), other.digest());
        assert_eq!(own().digest(), own().digest());
    }

    #[test]
    fn versions_share_an_alias_only_with_one_role_and_one_dead_letter_queue() {
        assert_eq!(own().unshareable_with(&own()), [""; 0]);
        let laid = own().with(Some(&named()));
        assert_eq!(laid.unshareable_with(&own()), [""; 0]);
        let other = FunctionConfiguration {
            role: Some("arn:role/new".to_owned()),
            dead_letters: Some("arn:queue".to_owned()),
            ..own()
        };
        let told = [
            "execution role: arn:role/own -> arn:role/new",
            "dead-letter queue: none -> arn:queue",
        ];
        assert_eq!(other.unshareable_with(&own()), told);
        assert_eq!(other.changes_since(&own()), told);
        assert_ne!(other.digest(), own().digest());
    }

    #[test]
    fn differences_are_told_without_values_of_variables() {
        let laid = own().with(Some(&named()));
        assert_eq!(
            laid.changes_since(&own()),
            [
                "memory: 128 MB -> 256 MB",
                "layers: none -> arn:layer:1",
                "environment variable MODE: new",
                "environment variable TABLE: another value",
                "environment variable REGION: gone",
            ]
        );
        assert_eq!(own().changes_since(&own()), [""; 0]);
    }
}
