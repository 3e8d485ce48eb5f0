//! Steps that ask their approvers.

use sluice_domain::approval::State;
use sluice_domain::settings::Then;

use super::*;

/// The first step asks its approvers, and they answer so. None: they can't be reached.
fn approving(
    failing: &[(&'static str, f64)],
    state: Option<State>,
) -> Judge<Record, Meter, Callers, Book> {
    let judge = judge_of(&checkout(), failing);
    let mut judge = asking(judge);
    let because = "as bob says".to_owned();
    let answer = state.map(|state| Answer { state, because });
    judge.functions.answer = RefCell::new(answer);
    judge
}

fn asking(mut judge: Judge<Record, Meter, Callers, Book>) -> Judge<Record, Meter, Callers, Book> {
    judge.records.journal.as_mut().expect("journal").steps[0].then = Some(Then::Approval);
    judge
}

#[tokio::test]
async fn approvers_decide_what_follows_a_step_once_its_bake_is_over() {
    for (state, expected) in [
        (State::Pending, Follows::Bake),
        (State::Approved, Follows::Advance),
        (State::Rejected, Follows::RollBack),
        (State::Expired, Follows::RollBack),
        (State::Superseded, Follows::RollBack),
    ] {
        let judge = approving(&HEALTHY, Some(state));
        assert_eq!(look(&judge, 300).await.next, Follows::Bake);
        assert!(judge.functions.asked.borrow().is_empty(), "it still bakes");
        let output = look(&judge, 740).await;
        assert_eq!((output.next, output.outcome), (expected, Outcome::Pass));
        assert!(output.rule.ends_with("as bob says"), "{}", output.rule);
        let asked = judge.functions.asked.borrow();
        assert_eq!((asked[0].index, asked[0].of, asked[0].weight), (0, 3, 10.0));
        assert!(asked[0].verdict.contains("checkout"), "{asked:?}");
        assert!(judge.functions.withdrawn.borrow().is_empty());
    }
}

#[tokio::test]
async fn a_step_without_traffic_asks_its_approvers_at_once() {
    let mut judge = approving(&[], Some(State::Pending));
    let step = &mut judge.records.journal.as_mut().expect("journal").steps[0];
    (step.weight, step.bake_seconds) = (0.0, 0);
    let output = look(&judge, 1).await;
    assert_eq!(output.next, Follows::Bake);
    assert!(output.wait_seconds >= 60, "{output:?}");
    assert_eq!(judge.functions.asked.borrow().len(), 1);
}

#[tokio::test]
async fn harm_that_is_found_while_people_think_is_rolled_back_and_nobody_is_asked_any_more() {
    let mut judge = approving(&HEALTHY, Some(State::Pending));
    assert_eq!(look(&judge, 740).await.next, Follows::Bake);
    judge.metrics.failing = FAILING.into_iter().collect();
    judge.functions.answer = RefCell::new(Some(Answer {
        state: State::Approved,
        because: "approved by bob".to_owned(),
    }));
    let output = look(&judge, 800).await;
    assert_eq!(
        (output.next, output.outcome),
        (Follows::RollBack, Outcome::Fail)
    );
    assert_eq!(*judge.functions.withdrawn.borrow(), [0]);
    assert_eq!(judge.functions.asked.borrow().len(), 1);
}

#[tokio::test]
async fn approvers_who_can_not_be_asked_hold_the_step_and_are_asked_again() {
    let judge = approving(&HEALTHY, None);
    for seconds in [740, 800] {
        let output = look(&judge, seconds).await;
        assert_eq!(output.next, Follows::Bake);
        assert!(
            output.rule.contains("they were not asked yet"),
            "{}",
            output.rule
        );
    }
    assert_eq!(judge.functions.asked.borrow().len(), 2);
}

#[tokio::test]
async fn a_step_that_is_held_up_for_too_long_takes_its_question_back() {
    let judge = approving(&HEALTHY, Some(State::Pending));
    let end = look(&judge, 3 * 24 * 60 * 60).await;
    assert_eq!(end.next, Follows::RollBack);
    assert_eq!(*judge.functions.withdrawn.borrow(), [0]);
}
