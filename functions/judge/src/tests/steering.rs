//! What operators ask, and steps that wait for a person.

use sluice_domain::controls::{Asked as Request, Wish};
use sluice_domain::settings::Then;

use super::*;

fn asked(failing: &[(&'static str, f64)], wish: Wish) -> Judge<Record, Meter, Callers, Book> {
    let mut judge = judge_of(&checkout(), failing);
    judge.records.controls.asked.push(Request {
        wish,
        by: "ada".to_owned(),
        reason: "the fair".to_owned(),
        at: after(1),
        step: Some(0),
    });
    judge
}

#[tokio::test]
async fn a_paused_step_is_judged_on_and_the_record_says_who_holds_it() {
    let judge = asked(&HEALTHY, Wish::Pause);
    let output = look(&judge, 740).await;
    assert_eq!(
        (output.outcome, output.next),
        (Outcome::Pass, Follows::Bake)
    );
    assert!(output.wait_seconds >= 60, "{output:?}");
    let (key, facts) = judge.ledger.0.borrow()[0].clone();
    assert_eq!(key, "0/13/bake");
    assert_eq!(facts["because"], "pause, asked by ada: the fair");
    assert_eq!(facts["outcome"], "pass");
    let rule = facts["rule"].as_str().expect("a rule");
    assert!(
        !rule.contains("ada"),
        "the verdict is what the data say: {rule}"
    );
}

#[tokio::test]
async fn harm_is_rolled_back_whatever_an_operator_asked() {
    for wish in [
        Wish::Pause,
        Wish::PromoteNow,
        Wish::SkipBake,
        Wish::Emergency,
    ] {
        let output = look(&asked(&FAILING, wish), 240).await;
        assert_eq!(output.next, Follows::RollBack, "{wish:?}");
        assert!(!output.rule.contains("ada"), "{}", output.rule);
    }
}

#[tokio::test]
async fn promote_now_answers_the_last_step_as_the_next_one() {
    let judge = asked(&[], Wish::PromoteNow);
    assert_eq!(
        look(&judge, 60).await.next,
        Follows::Bake,
        "nothing can be known"
    );
    let output = look(&judge, 240).await;
    assert_eq!(
        (output.outcome, output.next),
        (Outcome::Inconclusive, Follows::Advance)
    );
    assert_eq!(output.step, 2);
    let plain = look(&judge_of(&checkout(), &HEALTHY), 740).await;
    assert_eq!((plain.next, plain.step), (Follows::Advance, 1));
}

#[tokio::test]
async fn a_step_that_waits_for_a_person_says_so_once_its_bake_is_over() {
    let mut judge = judge_of(&checkout(), &HEALTHY);
    judge.records.journal.as_mut().expect("journal").steps[0].then = Some(Then::Pause);
    look(&judge, 300).await;
    assert!(judge.ledger.1.borrow().is_empty(), "it still bakes");
    let output = look(&judge, 740).await;
    assert_eq!(output.next, Follows::Bake);
    let told = judge.ledger.1.borrow().clone();
    assert_eq!(
        (&told[0]["step"], &told[0]["weight"]),
        (&json!(0), &json!(10.0))
    );
    judge.records.controls = asked(&HEALTHY, Wish::Resume).records.controls;
    let output = look(&judge, 800).await;
    assert_eq!(output.next, Follows::Advance);
    assert!(
        output.rule.ends_with("resume, asked by ada: the fair"),
        "{}",
        output.rule
    );
}

#[tokio::test]
async fn a_step_without_traffic_that_waits_for_a_person_is_held_and_not_judged() {
    let mut judge = judge_of(&checkout(), &FAILING);
    let first = &mut judge.records.journal.as_mut().expect("journal").steps[0];
    *first = Step {
        then: Some(Then::Pause),
        ..Step::new(0.0, 0)
    };
    let output = look(&judge, 1).await;
    assert_eq!(
        (output.outcome, output.next),
        (Outcome::Pass, Follows::Bake)
    );
    assert!(
        judge.metrics.asked.borrow().is_empty(),
        "nothing is measured"
    );
    let end = look(&judge, 30 * 60 * 60).await;
    assert_eq!(end.next, Follows::RollBack);
    assert!(
        end.rule.contains("nobody let it go on for a day"),
        "{}",
        end.rule
    );
}

#[tokio::test]
async fn a_step_asks_for_as_many_invocations_as_it_says_itself_also_at_full_weight() {
    let alone = [("shop-checkout *", 0.0)];
    for step in [0, 2] {
        let traffic = if step == 2 { &alone[..] } else { &HEALTHY[..] };
        let mut judge = at_step(judge_of(&checkout(), traffic), step);
        let steps = &mut judge.records.journal.as_mut().expect("journal").steps;
        steps[step].min_invocations = Some(1_000_000);
        let output = look(&judge, 740).await;
        assert_eq!(output.outcome, Outcome::Inconclusive, "step {step}");
        assert!(
            output.rule.contains("1000000 are asked for"),
            "{}",
            output.rule
        );
    }
}
