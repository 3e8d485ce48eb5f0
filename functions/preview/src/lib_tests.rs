use serde_json::{Value, json};
use sluice_domain::ledger::Kind;
use sluice_platform::lambda::Named as _;

use super::*;
use crate::fakes::{World, arn, document, journal, remover};

const REMOVE: &str = include_str!("../../../events/preview/remove.json");
const EXPIRE: &str = include_str!("../../../events/preview/expire.json");
const LATER: &str = "2026-11-25T00:00:00Z";

fn input(event: &str) -> Input {
    serde_json::from_str(event).expect("an event")
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

async fn hand(world: &World, event: &str) -> Result<Output, Error> {
    hand_as(world, event, None).await
}

async fn hand_as(world: &World, event: &str, caller: Option<&Principal>) -> Result<Output, Error> {
    let remover = remover(world);
    remover.handle(input(event), caller.cloned(), now()).await
}

async fn removed(world: &World) -> Removed {
    match hand(world, REMOVE).await.expect("no error") {
        Output::Removed(removed) => removed,
        other @ Output::Expired { .. } => panic!("{other:?}"),
    }
}

/// Nothing of the preview is there any more, and callers are where they were.
fn is_gone(world: &World) {
    assert_eq!(world.there(), ["api-dev:live", "web-dev:live"]);
    assert_eq!(world.document("pr-7"), None);
    let entries = world.entries.borrow();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0].0, "preview/storefront/pr-7");
    assert_eq!(entries[0].1, Kind::PreviewRemoved);
}

#[tokio::test]
async fn a_preview_goes_with_its_aliases_and_the_ledger_says_who_asked_and_why() {
    let world = World::with_preview("pr-7", LATER);
    let done = removed(&world).await;
    assert_eq!(done.outcome, Outcome::Removed);
    assert_eq!(done.deleted, ["api-dev:pr-7", "web-dev:pr-7"]);
    is_gone(&world);
    let facts = world.entries.borrow()[0].3.clone();
    assert_eq!(facts["reason"], "pull request 7 was closed");
    assert!(facts["by"].as_str().expect("who").ends_with("/github"));
    assert_eq!(
        (&facts["preview_of"], &facts["left"]),
        (&json!("dev"), &json!([]))
    );
    assert_eq!(removed(&world).await.outcome, Outcome::Absent, "once more");
    assert_eq!(world.entries.borrow().len(), 1);
}

#[tokio::test]
async fn wherever_a_removal_breaks_off_another_one_finishes_it_and_it_is_told_once() {
    for next in [REMOVE, EXPIRE] {
        for call in 0.. {
            let world = World::with_preview("pr-7", LATER);
            world.break_at(Some(call));
            let broken = hand(&world, REMOVE).await;
            world.break_at(None);
            let began = world
                .document("pr-7")
                .is_none_or(|there| there["preview_of"]["removal"].is_object());
            if !began {
                assert_eq!(
                    world.there().len(),
                    4,
                    "nothing goes before it is written down"
                );
            }
            hand(&world, if began { next } else { REMOVE })
                .await
                .expect("finished");
            is_gone(&world);
            assert_eq!(
                world.entries.borrow()[0].3["reason"],
                "pull request 7 was closed"
            );
            if broken.is_ok() {
                assert!(call > 10, "it has more calls than {call}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn previews_whose_time_is_over_go_by_themselves_and_the_others_stay() {
    let world = World::with_preview("pr-7", "2026-11-22T10:00:00Z");
    world.add("pr-8", LATER);
    world.documents.borrow_mut().insert(
        ("storefront".to_owned(), "dev".to_owned()),
        json!({"schema": 1, "order": 1, "functions": {"api": {"name": "api-dev"}}}),
    );
    let expired = Output::Expired {
        removed: vec!["storefront/pr-7".to_owned()],
        kept: Vec::new(),
    };
    assert_eq!(hand(&world, EXPIRE).await.expect("no error"), expired);
    let there = [
        "api-dev:live",
        "api-dev:pr-8",
        "web-dev:live",
        "web-dev:pr-8",
    ];
    assert_eq!(world.there(), there);
    assert!(world.document("pr-8").is_some() && world.document("dev").is_some());
    assert_eq!(world.entries.borrow()[0].3["by"], "expiry");
}

#[tokio::test]
async fn a_preview_stays_while_a_promotion_into_it_holds_a_function_and_other_promotions_keep_it_from_nothing()
 {
    let world = World::with_preview("pr-7", "2026-11-22T10:00:00Z");
    let hold = |holder: &str| {
        let held = (arn("web-dev"), holder.to_owned());
        world.holders.borrow_mut().extend([held]);
    };
    hold("storefront/pr-7/1.1.0-pr-7.2/1");
    let error = hand(&world, REMOVE).await.expect_err("busy");
    assert_eq!(error.name(), "TargetsBusy");
    assert!(
        error
            .to_string()
            .contains("storefront/pr-7/1.1.0-pr-7.2/1 holds web-dev"),
        "{error}"
    );
    let Output::Expired {
        removed: gone,
        kept,
    } = hand(&world, EXPIRE).await.expect("no error")
    else {
        panic!("it was asked to expire");
    };
    assert!(gone.is_empty() && kept.len() == 1, "{kept:?}");
    assert_eq!(world.there().len(), 4);
    assert!(world.document("pr-7").expect("there")["preview_of"]["removal"].is_null());
    hold("storefront/dev/1.1.0/1");
    assert_eq!(removed(&world).await.outcome, Outcome::Removed);
    is_gone(&world);
}

#[tokio::test]
async fn an_alias_that_somebody_else_moved_stays_and_is_told_of() {
    let world = World::with_preview("pr-7", LATER);
    let theirs = ("9".to_owned(), "moved by hand".to_owned());
    let place = ("web-dev".to_owned(), "pr-7".to_owned());
    world.aliases.borrow_mut().insert(place, theirs);
    let done = removed(&world).await;
    assert_eq!(done.left, ["web-dev:pr-7 (described as `moved by hand`)"]);
    assert_eq!(
        world.there(),
        ["api-dev:live", "web-dev:live", "web-dev:pr-7"]
    );
    assert_eq!(world.document("pr-7"), None);
}

/// A preview of two functions, of which the environment has dropped `web-dev` since.
fn with_a_dropped_function() -> World {
    let world = World::with_preview("pr-7", LATER);
    let journals = ["api-dev", "web-dev"].map(|function| journal(function, Value::Null));
    world.journals.replace(journals.into());
    let mut documents = world.documents.borrow_mut();
    let settings = documents.values_mut().next().expect("its settings");
    let functions = settings["functions"].as_object_mut();
    functions.expect("functions").remove("web");
    drop(documents);
    world
}

#[tokio::test]
async fn the_alias_of_a_function_that_the_environment_dropped_goes_with_the_others() {
    let world = with_a_dropped_function();
    let done = removed(&world).await;
    assert_eq!(done.deleted, ["api-dev:pr-7", "web-dev:pr-7"]);
    is_gone(&world);
    let facts = world.entries.borrow()[0].3.clone();
    assert_eq!(facts["functions"], json!(["api-dev:pr-7", "web-dev:pr-7"]));
}

#[tokio::test]
async fn a_promotion_that_holds_a_dropped_function_keeps_the_preview() {
    let world = with_a_dropped_function();
    let holder = "storefront/pr-7/1.1.0-pr-7.1/1".to_owned();
    (world.holders.borrow_mut()).insert(arn("web-dev"), holder);
    let error = hand(&world, REMOVE).await.expect_err("busy");
    assert_eq!(error.name(), "TargetsBusy");
    assert_eq!(world.there().len(), 4);
}

#[tokio::test]
async fn an_alias_where_the_settings_led_before_is_told_of_and_keeps_nothing() {
    let world = World::with_preview("pr-7", LATER);
    let role = json!({"arn": "arn:aws:iam::222222222222:role/r", "external_id": "e", "region": "eu-west-3"});
    world.journals.replace(vec![journal("api-dev", role)]);
    let done = removed(&world).await;
    assert_eq!(done.left, ["api-dev:pr-7 (in 222222222222, eu-west-3)"]);
    is_gone(&world);
}

#[tokio::test]
async fn what_is_no_preview_is_not_removed() {
    let world = World::with_preview("pr-7", LATER);
    let mut theirs = document("pr-7", LATER);
    theirs
        .as_object_mut()
        .expect("an object")
        .remove("preview_of");
    world
        .documents
        .borrow_mut()
        .insert(("storefront".to_owned(), "pr-7".to_owned()), theirs.clone());
    let error = hand(&world, REMOVE).await.expect_err("refused");
    assert_eq!(error.name(), "NotAPreview");
    for preview in ["dev", "live", "pr-"] {
        let event = REMOVE.replace("pr-7", preview);
        let error = hand(&world, &event).await.expect_err("refused");
        assert_eq!(error.name(), "NotAPreview", "{preview}");
    }
    assert_eq!(world.document("pr-7"), Some(theirs));
    assert_eq!(world.there().len(), 4);
}

#[tokio::test]
async fn a_removal_says_of_which_application_and_why_in_one_line_of_some_length() {
    let world = World::with_preview("pr-7", LATER);
    let why = "pull request 7 was closed";
    let long = "a".repeat(501);
    for (of, to, found) in [
        (why, " ", "`reason`: found 0 bytes"),
        (why, long.as_str(), "`reason`: found 501 bytes"),
        ("storefront", "store/front", "found `store/front`"),
        ("storefront", "", "found ``"),
    ] {
        let error = hand(&world, &REMOVE.replace(of, to)).await;
        let error = error.expect_err("refused");
        assert_eq!(error.name(), "InvalidInput");
        assert!(error.to_string().contains(found), "{error}");
    }
    assert_eq!(world.there().len(), 4);
    let lines = REMOVE.replace(why, "closed\\nby hand");
    hand(&world, &lines).await.expect("removed");
    assert_eq!(world.entries.borrow()[0].3["reason"], "closed by hand");
}

#[tokio::test]
async fn a_release_that_comes_in_between_takes_the_removal_back() {
    let world = World::with_preview("pr-7", LATER);
    *world.released_meanwhile.borrow_mut() = Some(("pr-7", document("pr-7", LATER)));
    let done = removed(&world).await;
    assert_eq!(done.outcome, Outcome::Renewed);
    assert_eq!(world.document("pr-7"), Some(document("pr-7", LATER)));
    assert!(world.entries.borrow().is_empty());
}

#[tokio::test]
async fn a_preview_that_is_released_while_others_expire_is_not_removed_by_what_was_read_before() {
    let over = "2026-11-22T10:00:00Z";
    let world = World::with_preview("pr-7", over);
    world.add("pr-9", over);
    let renewed = document("pr-9", LATER);
    *world.released_meanwhile.borrow_mut() = Some(("pr-9", renewed.clone()));
    let expired = Output::Expired {
        removed: vec!["storefront/pr-7".to_owned()],
        kept: vec!["storefront/pr-9: it was released anew".to_owned()],
    };
    assert_eq!(hand(&world, EXPIRE).await.expect("no error"), expired);
    assert_eq!(world.document("pr-9"), Some(renewed));
    let there = [
        "api-dev:live",
        "api-dev:pr-9",
        "web-dev:live",
        "web-dev:pr-9",
    ];
    assert_eq!(world.there(), there);
}

#[tokio::test]
async fn provisioned_concurrency_goes_unless_another_alias_is_on_the_same_version() {
    let world = World::with_preview("pr-7", LATER);
    let pair = |qualifier: &str| ("api-dev".to_owned(), qualifier.to_owned());
    *world.provisioned.borrow_mut() = vec![pair("1"), pair("2"), pair("pr-7")];
    removed(&world).await;
    assert_eq!(*world.provisioned.borrow(), [pair("1")]);

    let shared = World::with_preview("pr-7", LATER);
    *shared.provisioned.borrow_mut() = vec![pair("2")];
    let live = ("2".to_owned(), String::new());
    shared.aliases.borrow_mut().insert(pair("live"), live);
    removed(&shared).await;
    assert_eq!(*shared.provisioned.borrow(), [pair("2")]);
}

#[tokio::test]
async fn who_may_start_a_preview_may_have_it_removed_and_nobody_else() {
    let principal = |role: &str| {
        let arn = format!("arn:aws:sts::123456789012:assumed-role/{role}/ada");
        Principal::of_arn(&arn).expect("a principal")
    };
    let (builds, interns) = (principal("builds"), principal("interns"));
    let world = World::with_preview("pr-7", LATER);
    let mut base = document("pr-7", LATER);
    base["preview_of"] = serde_json::Value::Null;
    base["may"] = json!({"start": ["arn:aws:sts::123456789012:assumed-role/builds/*"]});
    let place = ("storefront".to_owned(), "dev".to_owned());
    world.documents.borrow_mut().insert(place, base);

    for caller in [None, Some(&interns)] {
        let refused = hand_as(&world, REMOVE, caller).await.expect_err("refused");
        assert_eq!(refused.name(), "NotAllowed", "{refused}");
        assert!(
            refused.to_string().contains("remove previews of dev"),
            "{refused}"
        );
        assert_eq!(world.there().len(), 4, "nothing is removed");
    }
    hand_as(&world, REMOVE, Some(&builds))
        .await
        .expect("removed");
    is_gone(&world);
    let by = &world.entries.borrow()[0].3["by"];
    assert_eq!(*by, builds.as_str());
}

#[tokio::test]
async fn where_its_environment_is_gone_a_preview_asks_for_what_it_got_of_it() {
    let world = World::with_preview("pr-7", LATER);
    let mut own = document("pr-7", LATER);
    own["may"] = json!({"start": ["arn:aws:sts::123456789012:assumed-role/builds/*"]});
    let place = ("storefront".to_owned(), "pr-7".to_owned());
    world.documents.borrow_mut().insert(place, own);
    let refused = hand(&world, REMOVE)
        .await
        .expect_err("nobody knows who asks");
    assert_eq!(refused.name(), "NotAllowed", "{refused}");
    let due = document("pr-7", "2026-11-01T00:00:00Z");
    let place = ("storefront".to_owned(), "pr-7".to_owned());
    world.documents.borrow_mut().insert(place, due);
    hand(&world, EXPIRE)
        .await
        .expect("its time is over, whoever may start one");
    is_gone(&world);
}
