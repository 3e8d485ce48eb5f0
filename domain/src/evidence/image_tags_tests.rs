use serde_json::json;

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn tags_of(version: &str) -> ReleaseTags {
    let manifest = json!({
        "schema": 1,
        "application": "shop",
        "version": version,
        "commit": COMMIT,
        "author": {"name": "Ada", "email": "ada@example.com"},
        "functions": {},
    });
    ReleaseTags::of(&serde_json::from_value(manifest).expect("a manifest"))
}

fn check(policy: &ImageTags, here: &[&str], elsewhere: &[&str]) -> Check {
    let other = Digest::of(b"another image");
    let tagged = Tagged {
        here: here.iter().map(|tag| (*tag).to_owned()).collect(),
        elsewhere: (elsewhere.iter())
            .map(|tag| ((*tag).to_owned(), other.clone()))
            .collect(),
    };
    assess_tags(policy, &tags_of("1.2.3"), "shop@sha256:00", &tagged)
}

#[test]
fn a_version_and_a_commit_that_name_one_image_pass_however_they_are_abbreviated() {
    let whole = format!("sha-{COMMIT}");
    for version in ["v1.2.3", "1.2.3"] {
        for commit in ["sha-0123456", "sha-0123456789ab", &whole] {
            let check = check(&ImageTags::default(), &[version, commit, "latest"], &[]);
            assert_eq!(check.outcome, CheckOutcome::Pass, "{check}");
        }
    }
}

#[test]
fn a_tag_that_is_missing_refuses_and_both_are_named() {
    for (here, missing) in [
        (&["v1.2.3"][..], "no tag `sha-0123"),
        (&["sha-0123456"], "no tag `v1.2.3` or `1.2.3`"),
        // Too short, or of another commit.
        (&["v1.2.3", "sha-012345", "sha-fffffff"], "no tag `sha-0123"),
        (&["latest"], "no tag `v1.2.3` or `1.2.3`, no tag `sha-0123"),
    ] {
        let check = check(&ImageTags::default(), here, &[]);
        assert_eq!(check.outcome, CheckOutcome::Refuse, "{check}");
        assert!(check.found.contains(missing), "{check}");
        let both = format!("under `v1.2.3` and `sha-{COMMIT}`");
        assert!(check.expected.contains(&both), "{check}");
    }
}

#[test]
fn where_tags_are_not_required_a_missing_one_is_told_and_one_that_is_elsewhere_refuses() {
    let optional = ImageTags {
        require: false,
        ..ImageTags::default()
    };
    assert_eq!(
        check(&optional, &["v1.2.3"], &[]).outcome,
        CheckOutcome::NotRun
    );
    let moved = check(&optional, &["v1.2.3"], &["sha-0123456"]);
    assert_eq!(moved.outcome, CheckOutcome::Refuse);
    let told = format!("`sha-0123456` on {}", Digest::of(b"another image"));
    assert_eq!(moved.found, told);
}

#[test]
fn a_second_spelling_of_the_version_must_not_name_another_image() {
    let check = check(
        &ImageTags::default(),
        &["v1.2.3", "sha-0123456"],
        &["1.2.3"],
    );
    assert_eq!(check.outcome, CheckOutcome::Refuse, "{check}");
}

#[test]
fn a_registry_is_asked_for_tags_that_it_can_hold() {
    let names: Vec<String> = tags_of("1.2.3-rc.1+7").names().collect();
    let whole = format!("sha-{COMMIT}");
    assert_eq!(
        names,
        ["v1.2.3-rc.1-7", "1.2.3-rc.1-7", &whole, "sha-0123456"]
    );
}
