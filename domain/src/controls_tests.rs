use std::collections::BTreeMap;

use super::*;
use crate::codedeploy::{Deployment, DeploymentGroup};
use crate::journal::Entry;
use crate::judge::OnInconclusive;
use crate::settings::{Step, Then};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

/// 10 % that waits for a person, 50 %, 100 %, each watched for ten minutes.
fn journal(step: Option<usize>) -> Journal {
    let waits = Step {
        then: Some(Then::Pause),
        ..Step::new(10.0, 600)
    };
    Journal {
        functions: BTreeMap::new(),
        role: None,
        steps: vec![waits, Step::new(50.0, 600), Step::new(100.0, 600)],
        begun_at: None,
        step,
        shifted_at: step.map(|_| at(0)),
        committed: false,
    }
}

fn policy() -> JudgePolicy {
    JudgePolicy {
        lag_seconds: Some(60),
        ..JudgePolicy::default()
    }
}

/// What was asked, each while the rollout was at this step.
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

fn check(
    controls: &Controls,
    wish: Wish,
    journal: Option<&Journal>,
    now: i64,
) -> Result<(), Refusal> {
    let policy = policy();
    let standing = Standing {
        journal,
        policy: &policy,
    };
    controls.check(asked_at(journal, wish), standing, at(now))
}

/// What an operator asks who sees the step that this journal is at.
fn asked_at(journal: Option<&Journal>, wish: Wish) -> Request {
    let step = journal.and_then(|journal| journal.step);
    Request { wish, step }
}

#[test]
fn a_pause_holds_until_it_is_taken_back() {
    assert_eq!(Controls::default().paused(), None);
    let paused = controls(&[(Wish::Pause, 0)]);
    assert_eq!(paused.paused().map(|asked| asked.by.as_str()), Some("ada"));
    assert_eq!(
        controls(&[(Wish::Pause, 0), (Wish::Resume, 0)]).paused(),
        None
    );
    let again = controls(&[(Wish::Pause, 0), (Wish::Resume, 0), (Wish::Pause, 1)]);
    assert!(again.paused().is_some());
}

#[test]
fn taking_a_pause_back_is_no_go_for_a_step_that_waits_for_a_person() {
    let resumed = controls(&[(Wish::Pause, 0), (Wish::Resume, 0)]);
    assert_eq!(resumed.go(0), None);
    let gone = controls(&[(Wish::Pause, 0), (Wish::Resume, 0), (Wish::Resume, 0)]);
    assert!(gone.go(0).is_some());
    assert_eq!(gone.go(1), None, "a go is for one step");
}

#[test]
fn a_skipped_bake_is_the_bake_of_one_step() {
    let skipped = controls(&[(Wish::SkipBake, 1)]);
    assert!(skipped.skip(1).is_some());
    assert_eq!(skipped.skip(2), None);
}

#[test]
fn before_the_first_step_a_person_can_pause_and_nothing_else() {
    let none = Controls::default();
    assert_eq!(check(&none, Wish::Pause, None, 5), Ok(()));
    for wish in [Wish::SkipBake, Wish::PromoteNow, Wish::Emergency] {
        for journal in [None, Some(&journal(None))] {
            assert_eq!(
                check(&none, wish, journal, 5),
                Err(Refusal::NotShifting),
                "{wish:?}"
            );
        }
    }
    for wish in [Wish::Resume, Wish::Go] {
        let refused = check(&none, wish, None, 5);
        assert_eq!(refused, Err(Refusal::NothingToResume), "{wish:?}");
    }
}

#[test]
fn a_go_is_taken_once_the_bake_is_over_or_skipped_and_not_before() {
    let none = Controls::default();
    let waits = journal(Some(0));
    let early = check(&none, Wish::Go, Some(&waits), 659).expect_err("refused");
    assert!(matches!(early, Refusal::StillBaking { .. }), "{early}");
    assert!(
        early.to_string().contains("1970-01-01T00:11:00Z"),
        "{early}"
    );
    assert_eq!(check(&none, Wish::Go, Some(&waits), 660), Ok(()));
    let skipped = controls(&[(Wish::SkipBake, 0)]);
    assert_eq!(check(&skipped, Wish::Go, Some(&waits), 5), Ok(()));
    let plain = check(&none, Wish::Go, Some(&journal(Some(1))), 9999);
    assert_eq!(plain, Err(Refusal::NothingToResume));
}

#[test]
fn where_what_stays_undecided_is_left_to_a_person_a_go_is_taken_after_the_extension() {
    let policy = JudgePolicy {
        on_inconclusive: OnInconclusive::Pause,
        extend_seconds: 300,
        ..policy()
    };
    let go = |journal: &Journal, now| {
        let standing = Standing {
            journal: Some(journal),
            policy: &policy,
        };
        Controls::default().check(asked_at(Some(journal), Wish::Go), standing, at(now))
    };
    let mut journal = journal(Some(1));
    let (asks_at, now) = (at(960), at(959));
    assert_eq!(
        go(&journal, 959),
        Err(Refusal::StillBaking { asks_at, now })
    );
    assert_eq!(go(&journal, 960), Ok(()));
    journal.steps[1].bake_seconds = 0;
    assert_eq!(
        go(&journal, 960),
        Err(Refusal::NothingToResume),
        "what is not watched is never undecided"
    );
}

#[test]
fn a_go_is_no_approval() {
    let mut journal = journal(Some(0));
    journal.steps[0].then = Some(Then::Approval);
    let go = check(&Controls::default(), Wish::Go, Some(&journal), 9999);
    assert_eq!(go, Err(Refusal::AsksApprovers));
}

#[test]
fn a_paused_rollout_is_resumed_before_it_is_hurried() {
    let paused = controls(&[(Wish::Pause, 0)]);
    for wish in [Wish::Go, Wish::PromoteNow, Wish::SkipBake, Wish::Emergency] {
        let refused = check(&paused, wish, Some(&journal(Some(0))), 5).expect_err("refused");
        assert!(
            refused
                .to_string()
                .contains("paused by ada; `sluice resume` first"),
            "{refused}"
        );
    }
    assert_eq!(
        check(&paused, Wish::Resume, Some(&journal(Some(0))), 5),
        Ok(())
    );
}

#[test]
fn there_is_nothing_to_hurry_at_the_last_step_but_its_bake() {
    let none = Controls::default();
    let last = journal(Some(2));
    assert_eq!(
        check(&none, Wish::PromoteNow, Some(&last), 5),
        Err(Refusal::AtTheLastStep)
    );
    assert_eq!(check(&none, Wish::SkipBake, Some(&last), 5), Ok(()));
}

#[test]
fn after_the_commit_nothing_can_be_asked() {
    let mut committed = journal(Some(2));
    committed.committed = true;
    for wish in [
        Wish::Pause,
        Wish::Resume,
        Wish::Go,
        Wish::PromoteNow,
        Wish::SkipBake,
        Wish::Emergency,
    ] {
        let refused = check(&Controls::default(), wish, Some(&committed), 5);
        assert_eq!(refused, Err(Refusal::Committed), "{wish:?}");
    }
}

#[test]
fn what_was_asked_before_stands_and_is_not_asked_again() {
    let request = |wish, step| Request {
        wish,
        step: Some(step),
    };
    let asked = controls(&[(Wish::SkipBake, 1), (Wish::Emergency, 1), (Wish::Go, 1)]);
    assert_eq!(asked.stands(request(Wish::SkipBake, 1)), Some(0));
    assert_eq!(asked.stands(request(Wish::Emergency, 2)), Some(1));
    assert_eq!(asked.stands(request(Wish::Go, 1)), Some(2));
    for wish in [Wish::Pause, Wish::Resume, Wish::PromoteNow] {
        assert_eq!(asked.stands(request(wish, 1)), None, "{wish:?}");
    }
    for wish in [Wish::SkipBake, Wish::Go] {
        assert_eq!(asked.stands(request(wish, 2)), None, "{wish:?}");
    }
}

#[test]
fn a_repeated_resume_stands_and_is_no_go() {
    let mut journal = journal(Some(0));
    let resume = asked_at(Some(&journal), Wish::Resume);
    let resumed = controls(&[(Wish::Pause, 0), (Wish::Resume, 0)]);
    assert_eq!(resumed.stands(resume), Some(1));
    assert!(resumed.was_resumed(0) && !resumed.was_resumed(1));
    let paused = controls(&[(Wish::Pause, 0), (Wish::Resume, 0), (Wish::Pause, 0)]);
    assert_eq!(paused.stands(resume), None, "it takes the new pause back");
    journal.steps[0].then = None;
    let nothing = check(&Controls::default(), Wish::Resume, Some(&journal), 9999);
    assert_eq!(nothing, Err(Refusal::NothingToResume));
    let gone = controls(&[(Wish::Pause, 0), (Wish::Resume, 0), (Wish::Go, 0)]);
    assert!(gone.go(0).is_some());
}

#[test]
fn what_is_asked_of_one_step_is_not_taken_for_another() {
    let (none, policy, journal) = (Controls::default(), policy(), journal(Some(1)));
    let standing = Standing {
        journal: Some(&journal),
        policy: &policy,
    };
    for wish in [Wish::SkipBake, Wish::Go] {
        for step in [None, Some(0)] {
            let refused = none.check(Request { wish, step }, standing, at(9999));
            let refused = refused.expect_err("another step").to_string();
            assert!(refused.contains("found 1: look again"), "{refused}");
        }
    }
}

#[test]
fn an_emergency_is_refused_where_only_a_step_is_left_whose_bake_it_spares() {
    let none = Controls::default();
    let mut journal = journal(Some(0));
    assert_eq!(check(&none, Wish::Emergency, Some(&journal), 5), Ok(()));
    for first in [None, Some(Step::new(0.0, 600)), Some(Step::new(50.0, 0))] {
        journal.steps = first.into_iter().chain([Step::new(100.0, 600)]).collect();
        let refused = check(&none, Wish::Emergency, Some(&journal), 5);
        assert_eq!(refused, Err(Refusal::NothingToHurry), "{:?}", journal.steps);
    }
}

/// CodeDeploy shifts the group towards its only step, the final bake.
fn deploying() -> Journal {
    let group = DeploymentGroup {
        application: "shop".to_owned(),
        deployment_group: "api-prod".to_owned(),
    };
    let entry = Entry {
        name: "shop-api".to_owned(),
        alias: "live".to_owned(),
        stable: Some("1".to_owned()),
        canary: "2".to_owned(),
        revision: None,
        deployment: Some(Deployment { group, id: None }),
    };
    Journal {
        functions: [("api".to_owned(), entry)].into(),
        steps: vec![Step::new(100.0, 1800)],
        shifted_at: None,
        ..journal(Some(0))
    }
}

#[test]
fn what_codedeploy_shifts_can_be_neither_held_nor_hurried() {
    let created = Journal {
        begun_at: Some(at(0)),
        ..deploying()
    };
    for journal in [deploying(), created] {
        for asked in [Controls::default(), controls(&[(Wish::Pause, 0)])] {
            for wish in [
                Wish::Pause,
                Wish::SkipBake,
                Wish::PromoteNow,
                Wish::Emergency,
            ] {
                let refused = check(&asked, wish, Some(&journal), 60);
                assert_eq!(refused, Err(Refusal::Deploying), "{wish:?}");
            }
        }
    }
    let said = Refusal::Deploying.to_string();
    assert!(said.contains("`sluice abort`"), "{said}");
}

#[test]
fn a_pause_of_before_codedeploy_can_be_taken_back_while_it_shifts() {
    let paused = controls(&[(Wish::Pause, 0)]);
    assert_eq!(check(&paused, Wish::Resume, Some(&deploying()), 60), Ok(()));
    let nothing = check(&Controls::default(), Wish::Go, Some(&deploying()), 60);
    assert_eq!(nothing, Err(Refusal::NothingToResume));
}

#[test]
fn once_codedeploy_is_through_the_final_bake_can_be_held_and_skipped() {
    let through = Journal {
        shifted_at: Some(at(60)),
        ..deploying()
    };
    for wish in [Wish::Pause, Wish::SkipBake] {
        let asked = check(&Controls::default(), wish, Some(&through), 120);
        assert_eq!(asked, Ok(()), "{wish:?}");
    }
}

#[test]
fn wishes_are_bounded_and_what_is_held_up_can_still_go_on() {
    let journal = journal(Some(0));
    let many = controls(&[(Wish::Pause, 0); MOST_WISHES]);
    let more = |wish| check(&many, wish, Some(&journal), 9999);
    assert_eq!(more(Wish::Pause), Err(Refusal::TooMany));
    assert_eq!(more(Wish::Resume), Ok(()));
    let many = controls(&[(Wish::SkipBake, 0); MOST_WISHES]);
    let more = |wish| check(&many, wish, Some(&journal), 9999);
    assert_eq!(more(Wish::Resume), Err(Refusal::TooMany));
    assert_eq!(more(Wish::Go), Ok(()));
}
