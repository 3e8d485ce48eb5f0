use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn plan() -> RestorePlan {
    RestorePlan {
        backup: "sluice-shop-prod-1-4-0-1-0f8a3c21".to_owned(),
        server: "cluster shop".to_owned(),
        place: None,
        made_at: Some(at("2026-11-22T10:00:00Z")),
        lost: Some(Lost {
            files: vec!["3_x.sql".to_owned()],
            ..Lost::default()
        }),
        endpoints: None,
        notes: Vec::new(),
        stops: BTreeMap::new(),
    }
}

#[test]
fn people_read_since_when_everything_is_lost_and_what_is_taken_back() {
    let told = plan().sentence(at("2026-11-22T13:12:30Z"));
    let expected = "cluster shop is put back to backup sluice-shop-prod-1-4-0-1-0f8a3c21: everything \
                    written since 2026-11-22 10:00 UTC (3 h 12 min) is lost; taken back: 3_x.sql";
    assert_eq!(told, expected);
}

#[test]
fn what_is_not_known_is_said_to_be_unknown() {
    let unknown = RestorePlan {
        made_at: None,
        lost: None,
        notes: vec!["replica shop-2 stays with the server of before".to_owned()],
        ..plan()
    };
    let told = unknown.sentence(at("2026-11-22T13:12:30Z"));
    for said in [
        "nobody says when",
        "could not be asked",
        "; replica shop-2 stays",
    ] {
        assert!(told.contains(said), "{told}");
    }
}

/// A server of RDS in few words: there with a status, or not.
fn servers(named: &str, new: &str, old: &str) -> Servers {
    let of = |word: &str| match word {
        "" => None,
        "headless" => Some(Standing::Headless),
        word => Some(Standing::of(word)),
    };
    Servers {
        named: of(named),
        new: of(new),
        old: of(old),
    }
}

#[test]
fn each_step_follows_from_what_is_there() {
    let (up, away) = ("available", "");
    for (named, new, old, expected) in [
        (up, away, away, Step::Create),
        ("backing-up", away, away, Step::Create),
        ("stopped", away, away, Step::Stuck),
        ("stopped", "creating", away, Step::Stuck),
        (up, "creating", away, Step::Wait),
        (up, "backing-up", away, Step::Wait),
        (up, "headless", away, Step::AddWriter),
        ("modifying", up, away, Step::Wait),
        (up, up, away, Step::SetAside),
        ("stopped", up, away, Step::Stuck),
        ("storage-full", up, away, Step::Stuck),
        ("renaming", up, away, Step::Wait),
        (away, up, away, Step::Wait),
        (away, up, "renaming", Step::Wait),
        ("renaming", up, up, Step::Wait),
        (away, up, up, Step::PutInPlace),
        (away, up, "storage-full", Step::PutInPlace),
        (away, "renaming", up, Step::Wait),
        (away, away, up, Step::Wait),
        ("renaming", away, up, Step::Wait),
        (up, away, up, Step::Done),
        (up, "incompatible-restore", away, Step::Stuck),
        ("failed", away, up, Step::Stuck),
        (up, up, up, Step::Stuck),
        (away, away, away, Step::Stuck),
    ] {
        let found = servers(named, new, old);
        assert_eq!(next_step(&found), expected, "{found}");
    }
}

#[test]
fn only_a_restore_that_gave_the_name_away_bars_the_way_of_another_one() {
    let (up, away) = ("available", "");
    for (named, new, old, expected) in [
        (up, away, up, false),
        ("backing-up", away, up, false),
        ("stopped", away, up, false),
        (up, up, away, false),
        (up, away, away, false),
        ("backing-up", up, away, false),
        (away, away, away, false),
        (away, up, away, true),
        (away, up, up, true),
        (away, away, up, true),
        (up, up, up, true),
        ("renaming", up, away, true),
        ("modifying", up, away, true),
        ("renaming", away, up, true),
    ] {
        let found = servers(named, new, old);
        assert_eq!(found.are_between(), expected, "{found}");
    }
}

#[test]
fn people_read_which_other_aliases_get_no_calls_and_how_many_more() {
    let others =
        |count: usize| -> Vec<String> { (1..=count).map(|at| format!("pr-{at}")).collect() };
    assert_eq!(stops_too("shop-api", &[]), None);
    for (count, expected) in [
        (1, "calls to shop-api's alias `pr-1` stop, too"),
        (2, "calls to shop-api's aliases `pr-1`, `pr-2` stop, too"),
        (
            7,
            "calls to shop-api's aliases `pr-1`, `pr-2`, `pr-3`, `pr-4`, `pr-5` and 2 more stop, too",
        ),
    ] {
        let told = stops_too("shop-api", &others(count));
        assert_eq!(told.as_deref(), Some(expected));
    }
}

#[test]
fn a_note_says_whose_restore_stopped_a_function_also_one_of_an_older_sluice() {
    let noted: Stopped = serde_json::from_str(
        r#"{"origin":"shop/prod/1.0.0/1","by":"shop/prod/1.0.0/2","before":5,"stands":true}"#,
    )
    .expect("a note");
    assert!(!noted.asking);
    for (id, is_of_another) in [
        ("shop/prod/1.1.0/1", false),
        ("shop/staging/1.0.0/2", true),
        ("cart/prod/1.0.0/2", true),
    ] {
        let id = id.parse().expect("a promotion");
        assert_eq!(noted.is_of_another(&id), is_of_another, "{id}");
    }
}
