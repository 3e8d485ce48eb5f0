//! Who enters another account: its session's name, and the tags that the other account's
//! policies can ask for.

use sluice_domain::promotion::PromotionId;

/// A session in another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub(crate) name: String,
    pub(crate) tags: Vec<(&'static str, String)>,
}

impl Session {
    /// Work on an environment that is no promotion: the removal of a preview.
    #[must_use]
    pub fn in_environment(application: &str, environment: &str) -> Self {
        Self {
            name: name(&format!("{application}/{environment}")),
            tags: vec![
                ("sluice:application", value(application)),
                ("sluice:environment", value(environment)),
            ],
        }
    }
}

/// A promotion's own session says whose it is: its name to CloudTrail, its tags to
/// conditions of policies.
impl From<&PromotionId> for Session {
    fn from(id: &PromotionId) -> Self {
        let promotion = id.to_string();
        let mut session = Self::in_environment(&id.application, &id.environment);
        session.name = name(&promotion);
        session.tags.push(("sluice:promotion", value(&promotion)));
        session
    }
}

/// A command's session has the credentials of whoever calls it, and no tags: a trust
/// policy can tell people from Sluice.
impl From<&str> for Session {
    fn from(command: &str) -> Self {
        Self {
            name: name(command),
            tags: Vec::new(),
        }
    }
}

/// STS takes 2 to 64 of letters, digits and `_=,.@-`.
fn name(text: &str) -> String {
    plain(text, "_=,.@-", 64)
}

/// STS takes up to 256 of letters, digits, spaces and `_.:/=+-@`.
fn value(text: &str) -> String {
    plain(text, " _.:/=+-@", 256)
}

fn plain(text: &str, signs: &str, longest: usize) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
    let plain = text.chars().map(|c| if is_plain(c) { c } else { '-' });
    plain.take(longest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(promotion: &str) -> Session {
        let id: PromotionId = promotion.parse().expect("a promotion");
        Session::from(&id)
    }

    #[test]
    fn a_promotions_name_becomes_a_session_name_that_sts_takes() {
        assert_eq!(session("shop/prod/1.1.0/1").name, "shop-prod-1.1.0-1");
        assert_eq!(name(&"x".repeat(100)).len(), 64);
    }

    #[test]
    fn a_promotions_session_is_tagged_with_whose_it_is() {
        let expected = [
            ("sluice:application", "shop".to_owned()),
            ("sluice:environment", "prod".to_owned()),
            (
                "sluice:promotion",
                "shop/prod/1.1.0-rc.1+build.7/2".to_owned(),
            ),
        ];
        assert_eq!(session("shop/prod/1.1.0-rc.1+build.7/2").tags, expected);
    }

    #[test]
    fn the_removal_of_a_preview_is_tagged_with_the_preview() {
        let session = Session::in_environment("shop", "pr-123");
        assert_eq!(session.name, "shop-pr-123");
        let expected = [
            ("sluice:application", "shop".to_owned()),
            ("sluice:environment", "pr-123".to_owned()),
        ];
        assert_eq!(session.tags, expected);
    }

    #[test]
    fn tags_are_values_that_sts_takes() {
        assert_eq!(value("a<b>\u{e9}"), "a-b--");
        assert_eq!(value(&"x".repeat(300)).len(), 256);
    }

    #[test]
    fn a_command_has_no_tags() {
        let session = Session::from("sluice-plan");
        assert_eq!(
            (session.name.as_str(), session.tags.len()),
            ("sluice-plan", 0)
        );
    }
}
