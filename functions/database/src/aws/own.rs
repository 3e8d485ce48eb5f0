//! Whether a snapshot is the one that a promotion began: another one may have its name, of a
//! server that is called alike elsewhere in the account, or made by hand.

use std::collections::BTreeMap;

use aws_sdk_rds::types::Tag;
use jiff::{SignedDuration, Timestamp};
use sluice_domain::migrations::{KEEP_UNTIL_TAG, PROMOTION_TAG};

use super::rds::tag_of;
use crate::{Error, Wanted};

/// How far the clock of RDS may be behind that of Sluice.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// What RDS says of a snapshot.
pub(super) struct Snapshot<'a> {
    /// The server that it is of.
    pub(super) of: Option<&'a str>,
    /// When it was made. None: it is not through yet.
    pub(super) made_at: Option<Timestamp>,
    /// Its tags.
    pub(super) tags: BTreeMap<&'a str, &'a str>,
}

/// Tags by their keys.
pub(super) fn plain(tags: &[Tag]) -> BTreeMap<&str, &str> {
    let pairs = tags.iter();
    pairs
        .map(|tag| {
            let value = tag.value().unwrap_or_default();
            (tag.key().unwrap_or_default(), value)
        })
        .collect()
}

/// Refuses one that this promotion did not begin: of another server, without the tags that
/// it gives, or older than its locks.
pub(super) fn refuse_another_one(found: &Snapshot<'_>, wanted: &Wanted<'_>) -> Result<(), Error> {
    let promotion = tag_of(wanted.promotion);
    let tagged = found.tags.get(PROMOTION_TAG).copied();
    let since = wanted.since.saturating_sub(SLACK);
    let since = since.unwrap_or(Timestamp::MIN);
    let says = match (found.of, found.made_at) {
        (of, _) if of != Some(wanted.of.name()) => {
            format!("is of {}", of.unwrap_or("no server"))
        }
        _ if tagged != Some(promotion.as_str()) => match tagged {
            Some(other) => format!("its tag `{PROMOTION_TAG}` is {other}"),
            None => format!("has no tag `{PROMOTION_TAG}`"),
        },
        _ if !found.tags.contains_key(KEEP_UNTIL_TAG) => {
            format!("has no tag `{KEEP_UNTIL_TAG}`")
        }
        (_, Some(at)) if at < since => {
            format!("was made at {at}, before this promotion got its locks")
        }
        _ => return Ok(()),
    };
    Err(Error::BackupTaken {
        id: wanted.name.clone(),
        found: says,
        server: wanted.of.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use sluice_domain::migrations::Keeper;
    use sluice_domain::promotion::PromotionId;

    use super::*;

    #[test]
    fn only_what_this_promotion_began_is_its_backup() {
        let promotion: PromotionId = "shop/prod/1.4.0+7/1".parse().expect("an id");
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let wanted = Wanted {
            of: Keeper::Instance("shop"),
            name: "sluice-shop-prod-1-4-0-7-1-0f8a3c21".to_owned(),
            promotion: &promotion,
            keep_until: at("2026-12-01T10:00:00Z"),
            since: at("2026-11-22T10:00:00.5Z"),
        };
        let own = (PROMOTION_TAG, "shop/prod/1.4.0_7/1");
        let other = (PROMOTION_TAG, "shop/prod/1.4.0_7/2");
        let until = (KEEP_UNTIL_TAG, "2026-12-01T10:00:00Z");
        let begun = "2026-11-22T10:00:00Z";
        for (of, made_at, tags, refused) in [
            ("shop", Some(begun), vec![own, until], None),
            ("shop", None, vec![own, until], None),
            (
                "orders",
                Some(begun),
                vec![own, until],
                Some("is of orders"),
            ),
            ("shop", Some(begun), vec![until], Some("has no tag")),
            ("shop", Some(begun), vec![own], Some("has no tag")),
            ("shop", Some(begun), vec![other, until], Some("1.4.0_7/2")),
            (
                "shop",
                Some("2026-11-22T09:00:00Z"),
                vec![own, until],
                Some("before this promotion"),
            ),
        ] {
            let found = Snapshot {
                of: Some(of),
                made_at: made_at.map(at),
                tags: tags.into_iter().collect(),
            };
            let answer = refuse_another_one(&found, &wanted);
            let text = answer.err().map(|error| error.to_string());
            match (&text, refused) {
                (Some(text), Some(said)) => assert!(text.contains(said), "{text}"),
                (text, said) => assert_eq!(text.as_deref(), said),
            }
        }
    }
}
