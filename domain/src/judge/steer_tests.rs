use proptest::prelude::*;

use super::*;
use crate::controls::Wish;
use crate::judge::OnInconclusive;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

/// 10 % that waits for a person, 50 %, 100 %, each watched for ten minutes.
fn steps() -> Vec<Step> {
    let waits = Step {
        then: Some(Then::Pause),
        ..Step::new(10.0, 600)
    };
    vec![waits, Step::new(50.0, 600), Step::new(100.0, 600)]
}

fn policy() -> JudgePolicy {
    JudgePolicy {
        lag_seconds: Some(60),
        extend_seconds: 600,
        ..JudgePolicy::default()
    }
}

fn controls(asked: &[(Wish, usize)]) -> Controls {
    let asked = asked.iter().map(|(wish, step)| Asked {
        wish: *wish,
        by: "ada".to_owned(),
        reason: "the fair".to_owned(),
        at: at(1),
        step: Some(*step),
    });
    Controls {
        asked: asked.collect(),
    }
}

/// What follows at a step, so many seconds after it began.
fn course(asked: &[(Wish, usize)], index: usize, now: i64, verdict: Option<Outcome>) -> Decision {
    course_by(&policy(), asked, index, now, verdict)
}

fn course_by(
    policy: &JudgePolicy,
    asked: &[(Wish, usize)],
    index: usize,
    now: i64,
    verdict: Option<Outcome>,
) -> Decision {
    course_of(policy, &steps(), asked, (index, now, verdict), None)
}

fn course_of(
    policy: &JudgePolicy,
    steps: &[Step],
    asked: &[(Wish, usize)],
    (index, now, verdict): (usize, i64, Option<Outcome>),
    answer: Option<&Answer>,
) -> Decision {
    let controls = controls(asked);
    let look = Look {
        policy,
        steps,
        index,
        shifted_at: at(0),
        now: at(now),
        controls: &controls,
        approval_seconds: Some(APPROVAL),
        answer,
    };
    steer(&look, verdict)
}

const PASS: Option<Outcome> = Some(Outcome::Pass);
const UNKNOWN: Option<Outcome> = Some(Outcome::Inconclusive);

/// When the first whole period can be known.
const KNOWN: i64 = 120;
/// After bake and lag.
const BAKED: i64 = 660;
/// After the extension, too.
const EXTENDED: i64 = BAKED + 600;
const DAY: i64 = 24 * 60 * 60;
/// How long approvers have, in seconds.
const APPROVAL: u64 = 3 * 24 * 60 * 60;

#[test]
fn without_a_wish_the_verdict_decides() {
    let early = course(&[], 1, 60, PASS);
    assert_eq!((early.next, early.because), (Next::Bake(60), None));
    let late = course(&[], 1, BAKED, PASS);
    assert_eq!(
        (late.next, late.step, late.because),
        (Next::Advance, 2, None)
    );
    assert_eq!(course(&[], 1, EXTENDED, UNKNOWN).next, Next::RollBack);
    assert_eq!(course(&[], 1, 1, None).next, Next::Advance);
}

#[test]
fn a_paused_step_stays_whatever_the_verdict_but_harm() {
    let paused = [(Wish::Pause, 1)];
    for (verdict, now) in [(PASS, BAKED), (UNKNOWN, EXTENDED + 5), (None, 1)] {
        let held = course(&paused, 1, now, verdict);
        assert!(matches!(held.next, Next::Bake(_)), "{held:?}");
        assert_eq!(
            held.because.as_deref(),
            Some("pause, asked by ada: the fair")
        );
    }
    assert_eq!(
        course(&paused, 1, BAKED, Some(Outcome::Fail)).next,
        Next::RollBack
    );
}

#[test]
fn a_paused_step_is_looked_at_as_often_while_it_would_bake_anyway() {
    assert_eq!(
        course(&[(Wish::Pause, 1)], 1, 60, PASS).next,
        Next::Bake(60)
    );
    assert_eq!(
        course(&[(Wish::Pause, 1)], 1, BAKED, UNKNOWN).next,
        Next::Bake(60)
    );
}

#[test]
fn what_is_held_up_for_a_day_after_its_time_goes_back_and_says_why() {
    for asked in [&[(Wish::Pause, 0)][..], &[]] {
        assert!(matches!(
            course(asked, 0, EXTENDED + DAY - 1, PASS).next,
            Next::Bake(1)
        ));
        let end = course(asked, 0, EXTENDED + DAY, PASS);
        assert_eq!(end.next, Next::RollBack);
        let why = end.because.expect("a reason");
        assert!(
            why.ends_with("nobody let it go on for a day after its time"),
            "{why}"
        );
    }
}

#[test]
fn a_step_that_waits_for_a_person_bakes_asks_and_goes_on_with_the_go() {
    let baking = course(&[], 0, 60, PASS);
    assert_eq!((baking.next, baking.asks), (Next::Bake(60), None));
    let asking = course(&[], 0, BAKED, PASS);
    assert!(
        asking.asks == Some(Asks::Go) && matches!(asking.next, Next::Bake(_)),
        "{asking:?}"
    );
    let gone = course(&[(Wish::Resume, 0)], 0, BAKED + 1, PASS);
    assert_eq!((gone.next, gone.step, gone.asks), (Next::Advance, 1, None));
    assert_eq!(
        gone.because.as_deref(),
        Some("resume, asked by ada: the fair")
    );
    let other = course(&[(Wish::Resume, 1)], 0, BAKED + 1, PASS);
    assert!(
        other.asks == Some(Asks::Go),
        "a go for another step is none for this one"
    );
}

#[test]
fn where_a_person_is_asked_the_person_decides_what_stayed_unknown() {
    assert_eq!(course(&[], 0, EXTENDED, UNKNOWN).asks, Some(Asks::Go));
    assert_eq!(
        course(&[(Wish::Resume, 0)], 0, EXTENDED, UNKNOWN).next,
        Next::Advance
    );
    let harm = course(&[(Wish::Resume, 0)], 0, EXTENDED, Some(Outcome::Fail));
    assert_eq!(harm.next, Next::RollBack);
}

/// Settings that leave what stays undecided to a person.
fn asking() -> JudgePolicy {
    JudgePolicy {
        on_inconclusive: OnInconclusive::Pause,
        ..policy()
    }
}

#[test]
fn a_step_that_stays_undecided_can_be_left_to_a_person() {
    let course = |asked: &[_], now, verdict| course_by(&asking(), asked, 1, now, verdict);
    let extended = course(&[], EXTENDED - 1, UNKNOWN);
    assert_eq!((extended.next, extended.asks), (Next::Bake(1), None));
    let asking = course(&[], EXTENDED, UNKNOWN);
    assert_eq!((asking.next, asking.asks), (Next::Bake(60), Some(Asks::Go)));
    let why = asking.because.expect("a reason");
    assert!(
        why.contains("undecided") && why.contains("`sluice resume`"),
        "{why}"
    );

    let gone = course(&[(Wish::Resume, 1)], EXTENDED + 1, UNKNOWN);
    assert_eq!((gone.next, gone.step, gone.asks), (Next::Advance, 2, None));
    let known = course(&[], EXTENDED + 1, PASS);
    assert_eq!(
        (known.next, known.asks),
        (Next::Advance, None),
        "nobody is needed"
    );
    let harm = course(&[(Wish::Resume, 1)], EXTENDED + 1, Some(Outcome::Fail));
    assert_eq!((harm.next, harm.asks), (Next::RollBack, None));
    let end = course(&[], EXTENDED + DAY, UNKNOWN);
    assert_eq!(end.next, Next::RollBack);
    let why = end.because.expect("a reason");
    assert!(
        why.ends_with("nobody let it go on for a day after its time"),
        "{why}"
    );
}

/// What follows where the second step asks its approvers, and they answered so.
fn approving(
    asked: &[(Wish, usize)],
    now: i64,
    verdict: Option<Outcome>,
    state: State,
) -> Decision {
    let mut steps = steps();
    steps[1].then = Some(Then::Approval);
    let because = "as bob says".to_owned();
    let answer = Answer { state, because };
    course_of(&policy(), &steps, asked, (1, now, verdict), Some(&answer))
}

#[test]
fn a_step_that_asks_its_approvers_bakes_asks_and_does_what_they_say() {
    let baking = approving(&[], 60, PASS, State::Approved);
    assert_eq!((baking.next, baking.asks), (Next::Bake(60), None));
    let asking = approving(&[], BAKED, PASS, State::Pending);
    assert_eq!(
        (asking.next, asking.asks),
        (Next::Bake(60), Some(Asks::Approval))
    );
    let why = asking.because.expect("a reason");
    assert!(why.ends_with("`sluice approve`; as bob says"), "{why}");
    let approved = approving(&[], BAKED, PASS, State::Approved);
    assert_eq!((approved.next, approved.step), (Next::Advance, 2));
    assert_eq!(approved.because.as_deref(), Some("as bob says"));
    for state in [State::Rejected, State::Expired, State::Superseded] {
        let refused = approving(&[], BAKED, PASS, state);
        assert_eq!((refused.next, refused.asks), (Next::RollBack, None));
        assert_eq!(refused.because.as_deref(), Some("as bob says"));
    }
}

#[test]
fn harm_is_stronger_than_an_approval() {
    let harm = approving(&[], BAKED, Some(Outcome::Fail), State::Approved);
    assert_eq!((harm.next, harm.because), (Next::RollBack, None));
}

#[test]
fn a_step_whose_approvers_were_not_reached_yet_is_held_and_asks_again() {
    let mut steps = steps();
    steps[0].then = Some(Then::Approval);
    let asking = course_of(&policy(), &steps, &[], (0, BAKED, PASS), None);
    assert_eq!(
        (asking.next, asking.asks),
        (Next::Bake(60), Some(Asks::Approval))
    );
    let unwatched = course_of(&policy(), &steps, &[], (0, 1, None), None);
    assert_eq!(unwatched.asks, Some(Asks::Approval));
}

#[test]
fn no_operator_goes_around_approvers() {
    for wish in [Wish::Go, Wish::SkipBake, Wish::Emergency, Wish::PromoteNow] {
        let asking = approving(&[(wish, 1)], BAKED, PASS, State::Pending);
        assert_eq!(asking.asks, Some(Asks::Approval), "{wish:?}");
        let approved = approving(&[(wish, 1)], BAKED, PASS, State::Approved);
        assert_eq!((approved.next, approved.step), (Next::Advance, 2));
    }
    let paused = approving(&[(Wish::Pause, 1)], BAKED, PASS, State::Approved);
    assert!(matches!(paused.next, Next::Bake(_)), "{paused:?}");
}

#[test]
fn who_hurries_has_approvers_asked_at_once_and_stops_at_each_step_that_asks_them() {
    let skipped = approving(&[(Wish::SkipBake, 1)], KNOWN, UNKNOWN, State::Pending);
    assert_eq!(skipped.asks, Some(Asks::Approval));
    let promoted = approving(&[(Wish::PromoteNow, 0)], KNOWN, UNKNOWN, State::Pending);
    assert_eq!(promoted.asks, Some(Asks::Approval));

    let mut steps = steps();
    steps.insert(2, Step::new(75.0, 600));
    let to = |steps: &[Step]| {
        let look = (0, KNOWN, PASS);
        course_of(&policy(), steps, &[(Wish::PromoteNow, 0)], look, None).step
    };
    assert_eq!(to(&steps), 3);
    steps[2].then = Some(Then::Approval);
    assert_eq!(to(&steps), 2);
}

#[test]
fn approvers_have_their_own_time_beside_the_day_for_which_a_step_is_held() {
    let longest = EXTENDED + DAY + i64::try_from(APPROVAL).expect("seconds");
    let late = approving(&[], longest - 1, PASS, State::Pending);
    assert_eq!(late.next, Next::Bake(1));
    let end = approving(&[], longest, PASS, State::Pending);
    assert_eq!((end.next, end.asks), (Next::RollBack, None));
    let why = end.because.expect("a reason");
    assert!(
        why.ends_with("for a day and the time of its approvers after its time"),
        "{why}"
    );
}

#[test]
fn a_skipped_bake_ends_at_the_next_look_but_the_go_is_still_wanted() {
    let skipped = course(&[(Wish::SkipBake, 1)], 1, KNOWN, UNKNOWN);
    assert_eq!((skipped.next, skipped.step), (Next::Advance, 2));
    assert!(
        skipped
            .because
            .expect("a reason")
            .starts_with("skip the bake, asked by ada")
    );
    assert_eq!(
        course(&[(Wish::SkipBake, 0)], 0, KNOWN, UNKNOWN).asks,
        Some(Asks::Go)
    );
    let next_step = course(&[(Wish::SkipBake, 0)], 1, KNOWN, UNKNOWN);
    assert_eq!(next_step.next, Next::Bake(60), "the bake of one step");
}

#[test]
fn promote_now_takes_the_last_step_next_and_that_one_bakes() {
    let hurried = course(&[(Wish::PromoteNow, 0)], 0, KNOWN, UNKNOWN);
    assert_eq!((hurried.next, hurried.step), (Next::Advance, 2));
    assert_eq!(
        course(&[(Wish::PromoteNow, 0)], 2, KNOWN, PASS).next,
        Next::Bake(60)
    );
}

#[test]
fn an_emergency_skips_every_bake_but_that_of_the_first_step() {
    let emergency = [(Wish::Emergency, 0)];
    assert_eq!(course(&emergency, 0, KNOWN, PASS).next, Next::Bake(60));
    for index in [1, 2] {
        let skipped = course(&emergency, index, KNOWN, UNKNOWN);
        assert_eq!((skipped.next, skipped.step), (Next::Advance, index + 1));
    }
}

/// What follows of an emergency at a step of these, when a period of it is known.
fn in_an_emergency(steps: &[Step], index: usize, verdict: Option<Outcome>) -> Next {
    let look = (index, KNOWN, verdict);
    course_of(&policy(), steps, &[(Wish::Emergency, 0)], look, None).next
}

#[test]
fn an_emergency_spares_the_first_step_that_is_watched_and_has_traffic() {
    let steps = [
        Step::new(0.0, 600),
        Step::new(5.0, 0),
        Step::new(10.0, 600),
        Step::new(100.0, 600),
    ];
    assert_eq!(in_an_emergency(&steps, 2, PASS), Next::Bake(60));
    assert_eq!(in_an_emergency(&steps, 3, PASS), Next::Advance);
    let at_once = [Step::new(100.0, 600)];
    assert_eq!(in_an_emergency(&at_once, 0, PASS), Next::Bake(60));
}

#[test]
fn no_wish_ends_a_watched_step_before_a_whole_period_of_it_can_be_known() {
    for wish in [Wish::SkipBake, Wish::PromoteNow, Wish::Emergency] {
        let early = course(&[(wish, 1)], 1, KNOWN - 1, UNKNOWN);
        assert_eq!(early.next, Next::Bake(1), "{wish:?}");
        let known = course(&[(wish, 1)], 1, KNOWN, UNKNOWN);
        assert_eq!(known.next, Next::Advance, "{wish:?}");
        let unwatched = course(&[(wish, 1)], 1, 1, None);
        assert_eq!(unwatched.next, Next::Advance, "{wish:?}");
    }
}

#[test]
fn the_period_in_which_a_step_was_shifted_is_not_a_whole_one() {
    let (policy, steps) = (policy(), steps());
    let controls = controls(&[(Wish::SkipBake, 1)]);
    let saw = |now: i64| {
        let look = Look {
            policy: &policy,
            steps: &steps,
            index: 1,
            shifted_at: at(1),
            now: at(now),
            controls: &controls,
            approval_seconds: None,
            answer: None,
        };
        look.saw_a_period()
    };
    assert!(!saw(KNOWN + 59));
    assert!(saw(KNOWN + 60));
}

#[test]
fn looks_at_what_is_held_up_get_rarer_so_that_a_day_of_it_takes_few() {
    assert_eq!(between_looks(&policy(), 0), 60);
    assert_eq!(between_looks(&policy(), 3600), 360);
    assert_eq!(between_looks(&policy(), 80_000), 600);
    let step = Step::new(50.0, 600);
    let held = |policy: &JudgePolicy| looks_held(policy, &step, Some(APPROVAL));
    assert_eq!(held(&policy()), 170);
    let every_second = JudgePolicy {
        period_seconds: 1,
        ..policy()
    };
    assert!(held(&every_second) < 230, "{}", held(&every_second));
    let mut now = EXTENDED;
    let mut looks = 0;
    while let Next::Bake(seconds) = course(&[(Wish::Pause, 1)], 1, now, PASS).next {
        now += i64::try_from(seconds).expect("a wait");
        looks += 1;
    }
    assert!(looks <= held(&policy()), "{looks}");
}

#[test]
fn days_for_which_approvers_are_waited_for_are_counted_in_looks_too() {
    let asking = Step {
        then: Some(Then::Approval),
        ..Step::new(50.0, 600)
    };
    let counted = looks_held(&policy(), &asking, Some(APPROVAL));
    assert_eq!(counted, 170 + APPROVAL / RAREST_LOOKS);
    let mut now = BAKED;
    let mut looks = 0;
    while let Next::Bake(seconds) = approving(&[], now, PASS, State::Pending).next {
        now += i64::try_from(seconds).expect("a wait");
        looks += 1;
    }
    assert!(looks <= counted, "{looks} of {counted}");
}

fn wishes() -> impl Strategy<Value = Vec<(Wish, usize)>> {
    let wish = prop_oneof![
        Just(Wish::Pause),
        Just(Wish::Resume),
        Just(Wish::PromoteNow),
        Just(Wish::SkipBake),
        Just(Wish::Emergency),
    ];
    prop::collection::vec((wish, 0usize..3), 0..6)
}

proptest! {
    #[test]
    fn no_wish_keeps_harm_from_being_rolled_back(
        asked in wishes(), index in 0usize..3, now in 0i64..200_000,
    ) {
        prop_assert_eq!(course(&asked, index, now, Some(Outcome::Fail)).next, Next::RollBack);
    }

    #[test]
    fn every_wait_ends(
        asked in wishes(), index in 0usize..3, now in 0i64..200_000, pass in any::<bool>(),
        leave in any::<bool>(),
    ) {
        let verdict = if pass { PASS } else { UNKNOWN };
        let policy = if leave { asking() } else { policy() };
        let course = course_by(&policy, &asked, index, now, verdict);
        prop_assert_ne!(course.next, Next::Ask, "a person is asked while the step is held");
        prop_assert!(course.asks.is_none() || course.because.is_some());
        let is_over = now >= EXTENDED + DAY;
        prop_assert!(!is_over || !matches!(course.next, Next::Bake(_)), "{:?}", course);
        if let Next::Bake(seconds) = course.next {
            prop_assert!(seconds >= 1);
        }
        prop_assert!(course.step > index && course.step <= 3);
    }

    #[test]
    fn the_settings_still_decide_what_stays_unknown_where_nobody_asked(advance in any::<bool>()) {
        let on_inconclusive = if advance { OnInconclusive::Advance } else { OnInconclusive::RollBack };
        let (policy, steps, controls) = (JudgePolicy { on_inconclusive, ..policy() }, steps(), Controls::default());
        let look = Look {
            policy: &policy, steps: &steps, index: 1, shifted_at: at(0), now: at(EXTENDED),
            controls: &controls, approval_seconds: None, answer: None,
        };
        let expected = if advance { Next::Advance } else { Next::RollBack };
        prop_assert_eq!(steer(&look, UNKNOWN).next, expected);
    }
}
