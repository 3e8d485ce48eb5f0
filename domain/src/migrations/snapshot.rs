//! Which snapshots and copies may go.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::naming::{BACKUP_PREFIX, REHEARSAL_PREFIX};

/// The tag that says for which promotion a snapshot was made.
pub const PROMOTION_TAG: &str = "sluice:promotion";

/// The tag that says until when it is kept, as RFC 3339.
pub const KEEP_UNTIL_TAG: &str = "sluice:keep-until";

/// Whether a snapshot was made by Sluice, by its name and its tags, and had its time.
/// Whoever wants to keep one takes a tag off, or writes a later time into it.
#[must_use]
pub fn may_go(name: &str, tags: &BTreeMap<String, String>, now: Timestamp) -> bool {
    let is_own = name.starts_with(BACKUP_PREFIX) && tags.contains_key(PROMOTION_TAG);
    let until = tags.get(KEEP_UNTIL_TAG).and_then(|text| text.parse().ok());
    is_own && until.is_some_and(|until: Timestamp| until < now)
}

/// Whether a server is a copy on which migrations were tried, by its name and its tags, and
/// had its time.
#[must_use]
pub fn may_end(name: &str, tags: &BTreeMap<String, String>, now: Timestamp) -> bool {
    name.starts_with(REHEARSAL_PREFIX) && may_go(name, tags, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "sluice-shop-prod-1-4-0-1-0f8a3c21";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_snapshot_goes_once_its_time_is_over_and_not_before() {
        let until = "2026-07-08T10:00:00Z";
        let tags = tags(&[
            (PROMOTION_TAG, "shop/prod/1.4.0/1"),
            (KEEP_UNTIL_TAG, until),
        ]);
        assert!(!may_go(NAME, &tags, at("2026-07-08T09:59:59Z")));
        assert!(!may_go(NAME, &tags, at(until)));
        assert!(may_go(NAME, &tags, at("2026-07-08T10:00:01Z")));
    }

    #[test]
    fn of_servers_only_copies_may_go() {
        let now = at("2030-01-01T00:00:00Z");
        let over = tags(&[
            (PROMOTION_TAG, "shop/prod/1.4.0/1"),
            (KEEP_UNTIL_TAG, "2026-07-08T10:00:00Z"),
        ]);
        assert!(may_end(
            "sluice-rehearsal-shop-prod-1-4-0-1-0f8a3c21",
            &over,
            now
        ));
        assert!(!may_end(NAME, &over, now));
        assert!(!may_end("sluice-rehearsal-shop", &tags(&[]), now));
    }

    #[test]
    fn what_lacks_the_name_or_a_tag_or_a_time_that_can_be_read_stays() {
        let now = at("2030-01-01T00:00:00Z");
        let promotion = (PROMOTION_TAG, "shop/prod/1.4.0/1");
        let until = (KEEP_UNTIL_TAG, "2026-07-08T10:00:00Z");
        assert!(may_go(NAME, &tags(&[promotion, until]), now));
        for (name, tags) in [
            ("shop-before-the-move", tags(&[promotion, until])),
            ("my-sluice-shop", tags(&[promotion, until])),
            (NAME, tags(&[promotion])),
            (NAME, tags(&[until])),
            (NAME, tags(&[promotion, (KEEP_UNTIL_TAG, "")])),
            (NAME, tags(&[promotion, (KEEP_UNTIL_TAG, "for ever")])),
            (NAME, tags(&[promotion, (KEEP_UNTIL_TAG, "2026-07-08")])),
        ] {
            assert!(!may_go(name, &tags, now), "{name} {tags:?}");
        }
    }
}
