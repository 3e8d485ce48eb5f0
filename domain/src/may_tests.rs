use serde_json::json;

use super::*;

const MANAGER: &str = "arn:aws:sts::123456789012:assumed-role/release-managers/ada";

fn may(patterns: serde_json::Value) -> May {
    serde_json::from_value(patterns).expect("settings")
}

fn problems(patterns: serde_json::Value) -> Vec<String> {
    let mut problems = Vec::new();
    may(patterns).check(&mut problems);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_left_out_lets_anybody_in_and_what_is_there_those_who_fit() {
    let ada = Principal::of_arn(MANAGER).expect("a caller");
    let free = May::default();
    for principal in [None, Some(&ada)] {
        for deed in [Deed::Start, Deed::Operate] {
            assert_eq!(free.allow(deed, "prod", principal), Ok(()));
        }
    }
    let managers = "arn:aws:sts::123456789012:assumed-role/release-managers/*";
    let bound = may(json!({"start": [managers, "schedule"]}));
    assert_eq!(bound.allow(Deed::Operate, "prod", None), Ok(()));
    for principal in [&ada, &Principal::schedule()] {
        let allowed = bound.allow(Deed::Start, "prod", Some(principal));
        assert_eq!(allowed, Ok(()));
    }
    for stranger in [
        "arn:aws:sts::999999999999:assumed-role/release-managers/ada",
        "arn:aws:sts::123456789012:assumed-role/release-managers-of-others/ada",
        "arn:aws:iam::123456789012:user/release-managers/ada",
    ] {
        let stranger = Principal::of_arn(stranger).expect("a caller");
        let refused = bound.allow(Deed::Start, "prod", Some(&stranger));
        let refused = refused.expect_err("refused");
        assert_eq!(refused.name(), "NotAllowed");
        let said = refused.to_string();
        for part in [
            stranger.as_str(),
            "prod",
            managers,
            "`schedule`",
            "may.start",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[test]
fn who_proves_nothing_is_told_to_update_the_command() {
    let bound = may(json!({"operate": ["**"]}));
    let refused = bound
        .allow(Deed::Operate, "prod", None)
        .expect_err("refused");
    assert_eq!(refused.name(), "NotAllowed");
    assert!(refused.to_string().contains("newer `sluice`"), "{refused}");
}

#[test]
fn events_are_principals_too() {
    let bound = may(json!({"start": ["s3:123456789012", "ecr:team/*"]}));
    let allowed = |principal: &Principal| bound.allow(Deed::Start, "dev", Some(principal)).is_ok();
    assert!(allowed(&Principal::uploader(Some("123456789012"))));
    assert!(allowed(&Principal::repository("team/shop")));
    assert!(!allowed(&Principal::uploader(None)));
    assert!(!allowed(&Principal::repository("other/shop")));
    assert!(!allowed(&Principal::schedule()));
}

#[test]
fn lists_that_let_nobody_in_are_refused_when_they_are_read() {
    let found = problems(json!({"start": [], "operate": []}));
    assert_eq!(found.len(), 2, "{found:?}");
    for advice in ["lets nobody in", "sluice freeze"] {
        assert!(found[0].contains(advice), "{found:?}");
    }
    for (patterns, advice) in [
        (json!({"start": [""]}), "may.start[0]: found 0 characters"),
        (json!({"start": ["ada"]}), "`s3:<account>`"),
        (json!({"operate": ["schedule"]}), "no event operates"),
        (json!({"operate": ["s3:*"]}), "no event operates"),
        (
            json!({"start": ["arn:aws:iam::123456789012:role/path/managers"]}),
            "`arn:aws:sts::123456789012:assumed-role/managers/*`",
        ),
        (
            json!({"operate": ["arn:aws:sts::123456789012:assumed-role/managers*"]}),
            "`arn:aws:sts::123456789012:assumed-role/managers*/*`",
        ),
        (json!({"start": vec!["**"; 51]}), "may.start: found 51"),
    ] {
        let found = problems(patterns);
        assert!(found[0].contains(advice), "{advice}: {found:?}");
    }
    let fine = json!({
        "start": ["s3:*", "ecr:shop", "schedule", "arn:aws:iam::123456789012:user/*", "*", "arn:aws:sts::*:assumed-role/**"],
        "operate": ["**", "arn:aws:iam::123456789012:root"],
    });
    assert_eq!(problems(fine), [""; 0]);
}
