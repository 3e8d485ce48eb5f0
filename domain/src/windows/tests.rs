//! Windows on the calendars that people have: DST, rules that end, rules that never come.

use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

const NO_TIME: SignedDuration = SignedDuration::ZERO;

fn window(kind: WindowKind, starts: &str, lasts: &str, rrule: Option<&str>) -> Window {
    Window {
        kind,
        starts: starts.parse().expect("a start"),
        lasts: lasts.to_owned(),
        rrule: rrule.map(str::to_owned),
        except: Vec::new(),
        time_zone: "Europe/Berlin".to_owned(),
        reason: "peace".to_owned(),
    }
}

fn freeze(starts: &str, lasts: &str, rrule: Option<&str>) -> Window {
    window(WindowKind::Freeze, starts, lasts, rrule)
}

fn maintenance(starts: &str, lasts: &str, rrule: Option<&str>) -> Window {
    window(WindowKind::Maintenance, starts, lasts, rrule)
}

fn read(windows: &[Window]) -> Calendar {
    Calendar::read(windows).expect("valid")
}

fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

fn problem(window: Window) -> String {
    let problems = Calendar::read(&[window]).expect_err("wrong");
    problems.iter().map(ToString::to_string).collect()
}

/// When something may begin, asked at this time.
fn opens(windows: &[Window], now: &str, takes: SignedDuration) -> Option<Timestamp> {
    match read(windows).standing(at(now), takes) {
        Standing::Open { .. } => Some(at(now)),
        Standing::Closed(not_yet) => not_yet.not_before,
    }
}

#[test]
fn approved_on_thursday_is_not_shipped_into_fridays_freeze() {
    let weekend = [freeze(
        "2026-01-02T12:00",
        "P2DT20H",
        Some("FREQ=WEEKLY;BYDAY=FR"),
    )];
    let calendar = read(&weekend);
    // Friday, 4 December 2026; Berlin is an hour ahead of UTC.
    let thursday = calendar.standing(at("2026-12-03T15:00:00Z"), NO_TIME);
    let until = Some(at("2026-12-04T11:00:00Z"));
    assert_eq!(thursday, Standing::Open { until });
    let Standing::Closed(friday) = calendar.standing(at("2026-12-04T11:00:00Z"), NO_TIME) else {
        panic!("found open");
    };
    assert_eq!(friday.why, "freeze: peace");
    assert_eq!(friday.not_before, Some(at("2026-12-07T07:00:00Z")));
    assert_eq!(calendar.freeze(at("2026-12-04T12:00:00Z")), Some(friday));
}

#[test]
fn without_windows_it_is_always_the_time() {
    let calendar = read(&[]);
    let always = Standing::Open { until: None };
    assert_eq!(
        calendar.standing(at("2026-12-04T11:00:00Z"), NO_TIME),
        always
    );
    assert!(!calendar.in_maintenance(at("2026-12-04T11:00:00Z")));
}

#[test]
fn with_maintenance_windows_nothing_begins_outside_them() {
    let nights = [maintenance("2026-01-01T22:00", "PT4H", Some("FREQ=DAILY"))];
    assert_eq!(
        opens(&nights, "2026-07-01T12:00:00Z", NO_TIME),
        Some(at("2026-07-01T20:00:00Z"))
    );
    let calendar = read(&nights);
    assert!(calendar.in_maintenance(at("2026-07-01T23:59:00Z")));
    assert!(!calendar.in_maintenance(at("2026-07-02T00:00:00Z")));
    // The two meet: from one night's start to its end.
    assert_eq!(calendar.freeze(at("2026-07-01T12:00:00Z")), None);
}

#[test]
fn a_freeze_in_a_maintenance_window_keeps_it_shut() {
    let windows = [
        maintenance("2026-01-01T22:00", "PT4H", Some("FREQ=DAILY")),
        freeze("2026-06-30T00:00", "P3D", None),
    ];
    assert!(!read(&windows).in_maintenance(at("2026-07-01T21:00:00Z")));
    assert_eq!(
        opens(&windows, "2026-07-01T21:00:00Z", NO_TIME),
        Some(at("2026-07-02T22:00:00Z"))
    );
}

#[test]
fn what_takes_longer_than_is_left_waits_for_an_opening_that_is_long_enough() {
    let windows = [
        maintenance("2026-07-01T22:00", "PT1H", None),
        maintenance("2026-07-02T22:00", "PT3H", None),
    ];
    let now = "2026-07-01T20:30:00Z";
    let half_an_hour = SignedDuration::from_mins(30);
    let long = SignedDuration::from_hours(2);
    assert_eq!(opens(&windows, now, half_an_hour), Some(at(now)));
    assert_eq!(opens(&windows, now, long), Some(at("2026-07-02T20:00:00Z")));
    assert_eq!(opens(&windows, now, SignedDuration::from_hours(4)), None);
    let Standing::Closed(not_yet) = read(&windows).standing(at(now), long) else {
        panic!("found open");
    };
    assert_eq!(
        not_yet.why,
        "the time for releases ends at 2026-07-01T21:00:00Z, and this rollout is planned to take 2h"
    );
}

#[test]
fn days_are_calendar_days_and_hours_are_hours_where_the_clock_changes() {
    // On 25 October 2026 Berlin puts its clock back at 3:00.
    let days = read(&[freeze("2026-10-24T12:00", "P1D", None)]);
    assert!(days.freeze(at("2026-10-25T10:59:59Z")).is_some());
    assert!(days.freeze(at("2026-10-25T11:00:00Z")).is_none());
    let hours = read(&[freeze("2026-10-24T12:00", "PT24H", None)]);
    assert!(hours.freeze(at("2026-10-25T09:59:59Z")).is_some());
    assert!(hours.freeze(at("2026-10-25T10:00:00Z")).is_none());
}

#[test]
fn a_start_that_the_clock_skips_is_as_much_later_as_the_gap_and_is_not_left_out() {
    // On 29 March 2026 there is no 2:30 in Berlin.
    let nights = [maintenance("2026-03-28T02:30", "PT30M", Some("FREQ=DAILY"))];
    let calendar = read(&nights);
    assert!(calendar.in_maintenance(at("2026-03-28T01:30:00Z")));
    assert!(!calendar.in_maintenance(at("2026-03-29T01:29:59Z")));
    assert!(calendar.in_maintenance(at("2026-03-29T01:30:00Z")));
    assert!(!calendar.in_maintenance(at("2026-03-29T02:00:00Z")));
    assert!(calendar.in_maintenance(at("2026-03-30T00:30:00Z")));
}

#[test]
fn of_a_start_that_comes_twice_the_first_is_meant() {
    let calendar = read(&[maintenance("2026-10-25T02:30", "PT30M", None)]);
    assert!(calendar.in_maintenance(at("2026-10-25T00:30:00Z")));
    assert!(!calendar.in_maintenance(at("2026-10-25T01:30:00Z")));
}

#[test]
fn a_rule_ends_with_its_count_its_last_day_or_its_last_time() {
    let starts = |rrule: &str| {
        let calendar = read(&[maintenance("2026-07-01T22:00", "PT1H", Some(rrule))]);
        let nights = (1..=9).filter(|day| {
            let noon = at(&format!("2026-07-0{day}T20:00:00Z"));
            calendar.in_maintenance(noon)
        });
        nights.collect::<Vec<_>>()
    };
    assert_eq!(starts("FREQ=DAILY;COUNT=3"), [1, 2, 3]);
    assert_eq!(starts("FREQ=DAILY;UNTIL=20260704"), [1, 2, 3, 4]);
    assert_eq!(starts("FREQ=DAILY;UNTIL=20260704T220000"), [1, 2, 3, 4]);
    assert_eq!(starts("FREQ=DAILY;UNTIL=20260704T200000Z"), [1, 2, 3, 4]);
    assert_eq!(starts("FREQ=DAILY;UNTIL=20260704T195959Z"), [1, 2, 3]);
    assert_eq!(starts("FREQ=DAILY;INTERVAL=3"), [1, 4, 7]);
    assert_eq!(starts("FREQ=MONTHLY;BYDAY=1MO"), [6]);
    assert_eq!(starts("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=2"), [7]);
}

#[test]
fn a_day_that_is_excepted_is_left_out() {
    let mut nights = maintenance("2026-07-01T22:00", "PT1H", Some("FREQ=DAILY"));
    nights.except = vec!["2026-07-02".parse().expect("a day")];
    let calendar = read(&[nights]);
    assert!(calendar.in_maintenance(at("2026-07-01T20:00:00Z")));
    assert!(!calendar.in_maintenance(at("2026-07-02T20:00:00Z")));
    assert!(calendar.in_maintenance(at("2026-07-03T20:00:00Z")));
}

#[test]
fn what_is_wrong_with_a_window_is_said_with_its_place_and_what_was_expected() {
    let with = |change: &dyn Fn(&mut Window)| {
        let mut window = freeze("2026-07-01T22:00", "PT1H", None);
        change(&mut window);
        problem(window)
    };
    let rule = |rrule: &str| with(&|window| window.rrule = Some(rrule.to_owned()));
    for (found, expected) in [
        (
            with(&|window| window.time_zone = "Berlin".to_owned()),
            "windows[0].time_zone: found `Berlin`; expected an IANA name such as Europe/Berlin",
        ),
        (
            with(&|window| window.reason = " ".to_owned()),
            "windows[0].reason: found 0 bytes",
        ),
        (
            with(&|window| window.starts = "1026-07-01T22:00".parse().expect("a time")),
            "windows[0].starts: found a start in 1026; expected one from 2020 to 2099",
        ),
        (
            rule("WEEKLY"),
            "windows[0].rrule: found `WEEKLY`; expected NAME=VALUE",
        ),
        (rule(""), "windows[0].rrule: found ``; expected NAME=VALUE"),
        (
            rule("FREQ=DAILY;BYHOUR=1,2"),
            "windows[0].rrule: found BYHOUR; expected parts that name days",
        ),
        (
            rule("FREQ=SECONDLY"),
            "found FREQ=SECONDLY; expected one of DAILY",
        ),
        (
            rule("FREQ=DAILY;INTERVAL=0"),
            "found INTERVAL=0; expected 1 to 366",
        ),
        (
            rule("FREQ=DAILY;COUNT=0"),
            "found COUNT=0; expected 1 to 10000",
        ),
        (
            rule("FREQ=DAILY;COUNT=1;UNTIL=20270101"),
            "found COUNT and UNTIL; expected one of them",
        ),
        (rule("FREQ=DAILY;FREQ=WEEKLY"), "found FREQ twice"),
        (
            rule("FREQ=DAILY;UNTIL=2027"),
            "found UNTIL=2027; expected a day (20261231)",
        ),
        (
            rule("FREQ=DAILY;UNTIL=20261301"),
            "found UNTIL=20261301; expected a day",
        ),
        (rule("FREQ=WEEKLY;BYDAY=XX"), "expected a rule of RFC 5545"),
        (rule("BYDAY=MO"), "expected a rule of RFC 5545"),
        (
            rule("FREQ=DAILY\nRDATE=20260101T000000Z"),
            "expected NAME=VALUE",
        ),
        (
            rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
            "expected a rule that some day",
        ),
        (
            rule("FREQ=DAILY;UNTIL=20200101"),
            "expected a rule that some day",
        ),
    ] {
        assert!(found.contains(expected), "{found}\nexpected {expected}");
    }
    for lasts in ["", "1", "PT0S", "-PT1H", "P1M", "P400D", "P1Y"] {
        let found = with(&|window| window.lasts = lasts.to_owned());
        assert!(found.starts_with("windows[0].lasts: "), "{lasts}: {found}");
    }
}

#[test]
fn too_many_windows_are_refused() {
    let windows = vec![freeze("2026-07-01T22:00", "PT1H", None); MOST_WINDOWS + 1];
    let problems = Calendar::read(&windows).expect_err("too many");
    assert_eq!(problems[0].path, "windows");
}

/// The most that settings can ask for, at the end of the last year that they may name.
#[test]
fn the_work_of_all_windows_together_is_bounded() {
    let silly = |rrule: &str| freeze("2020-01-01T00:00", "P366D", Some(rrule));
    let windows = vec![
        silly("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO"),
        silly("FREQ=YEARLY;INTERVAL=366;BYYEARDAY=1"),
        silly("FREQ=MONTHLY;BYDAY=5WE;BYMONTH=2"),
        silly("FREQ=DAILY"),
    ];
    let calendar = read(&windows);
    let mut steps = 0;
    for window in &windows {
        let zone = TimeZone::UTC;
        let rule = rule::Rule::read(window.starts, window.rrule.as_deref(), &[], &zone);
        let rule = rule.expect("valid");
        let end = "2100-01-01T00:00".parse().expect("a time");
        steps += rule.starts().take_while(|time| *time < end).count();
    }
    assert!(steps < 80 * 366 * windows.len(), "{steps} starts");
    let frozen = calendar.standing(at("2099-12-31T00:00:00Z"), NO_TIME);
    assert!(matches!(frozen, Standing::Closed(_)), "{frozen:?}");
}

/// The days of a week as RFC 5545 writes them, Monday first.
const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// Whether a weekly window is open, tried day by day: on the days before it may have begun.
fn is_open(window: &Window, days: &[usize], zone: &TimeZone, now: Timestamp) -> bool {
    let lasts: jiff::Span = window.lasts.parse().expect("a duration");
    let today = zone.to_datetime(now).date();
    (0..=4).any(|before| {
        let day = today.saturating_sub(jiff::Span::new().days(before));
        let begins = day.to_datetime(window.starts.time());
        let weekday = usize::try_from(Weekday::to_monday_zero_offset(day.weekday()));
        let is_meant = begins >= window.starts && days.contains(&weekday.expect("0 to 6"));
        let begins = zone.to_zoned(begins).expect("a time");
        let ends = begins.checked_add(lasts).expect("a time");
        is_meant && begins.timestamp() <= now && now < ends.timestamp()
    })
}

proptest! {
    #[test]
    fn a_weekly_window_is_open_when_it_is_open_day_by_day(
        days in prop::collection::btree_set(0_usize..7, 1..=7),
        hour in 0_i8..24,
        minutes in 1_i64..4 * 24 * 60,
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
        hours in prop::collection::vec(0_i64..2 * 366 * 24, 20),
    ) {
        let days: Vec<usize> = days.into_iter().collect();
        let names: Vec<&str> = days.iter().map(|day| DAYS[*day]).collect();
        let rule = format!("FREQ=WEEKLY;BYDAY={}", names.join(","));
        let mut weekly = maintenance("2026-01-05T00:00", &format!("PT{minutes}M"), Some(&rule));
        weekly.starts = weekly.starts.with().hour(hour).build().expect("a time");
        weekly.time_zone = zone.to_owned();
        let zone = TimeZoneDatabase::bundled().get(zone).expect("a zone");
        let calendar = read(std::slice::from_ref(&weekly));
        for hour in hours {
            let now = at("2026-01-01T00:00:00Z") + SignedDuration::from_hours(hour);
            let expected = is_open(&weekly, &days, &zone, now);
            prop_assert_eq!(calendar.in_maintenance(now), expected, "at {}", now);
        }
    }

    /// Tried minute by minute: what is promised is the first minute at which it holds.
    #[test]
    fn the_next_opening_is_the_first_time_at_which_a_rollout_may_begin(
        freezes in prop::collection::vec((0_i64..72, 1_i64..24), 0..4),
        openings in prop::collection::vec((0_i64..72, 1_i64..24), 0..4),
        takes in 0_i64..12,
        hour in 0_i64..72,
    ) {
        let windows = |kind: WindowKind, all: &[(i64, i64)]| -> Vec<Window> {
            let of = |(from, lasts): &(i64, i64)| {
                let starts = at("2026-07-01T00:00:00Z") + SignedDuration::from_hours(*from);
                let mut window = window(kind, "2026-07-01T00:00", &format!("PT{lasts}H"), None);
                window.starts = TimeZone::UTC.to_datetime(starts);
                window.time_zone = "UTC".to_owned();
                window
            };
            all.iter().map(of).collect()
        };
        let mut all = windows(WindowKind::Freeze, &freezes);
        all.extend(windows(WindowKind::Maintenance, &openings));
        let covers = |spans: &[(i64, i64)], hour: i64| {
            spans.iter().any(|(from, lasts)| (*from..from + lasts).contains(&hour))
        };
        let is_open = |hour: i64| {
            (openings.is_empty() || covers(&openings, hour)) && !covers(&freezes, hour)
        };
        let is_long_enough = |from: i64| (from..from + takes.max(1)).all(is_open);
        let first = (hour..hour + 200).find(|from| is_long_enough(*from));
        let now = at("2026-07-01T00:00:00Z") + SignedDuration::from_hours(hour);
        let found = match read(&all).standing(now, SignedDuration::from_hours(takes)) {
            Standing::Open { .. } => Some(now),
            Standing::Closed(not_yet) => not_yet.not_before,
        };
        let expected = first.map(|hour| at("2026-07-01T00:00:00Z") + SignedDuration::from_hours(hour));
        prop_assert_eq!(found, expected);
    }
}
