//! The line when several act at once: every order of their reads and writes
//! with a bounded number of switches between them is gone through.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::fakes::{Touch, guard};

mod supersede;
mod tries;

type Act<'a> = Pin<Box<dyn Future<Output = Result<Output, Error>> + 'a>>;

/// The choices of one run, with how many there were, to be stepped through
/// like the digits of a number.
#[derive(Default)]
struct Choices {
    made: Vec<(usize, usize)>,
    next: usize,
}

impl Choices {
    fn choose(&mut self, among: usize) -> usize {
        if self.next == self.made.len() {
            self.made.push((0, among));
        }
        self.next += 1;
        self.made[self.next - 1].0
    }

    /// Goes on to the next run. Says whether there is one.
    fn advance(&mut self) -> bool {
        self.next = 0;
        while let Some((chosen, among)) = self.made.pop() {
            if chosen + 1 < among {
                self.made.push((chosen + 1, among));
                return true;
            }
        }
        false
    }
}

/// What each act has touched in any run, by its place among the acts.
type Touched = Vec<Vec<Touch>>;

/// Somebody who has not ended.
struct Actor<'g> {
    act: Act<'g>,
    /// Its place among the acts.
    place: usize,
    /// What it touches when it goes on; nothing before it has begun.
    next: Touch,
    /// It was interrupted, and nobody has met what it touches next since then.
    unmet: bool,
}

impl<'g> Actor<'g> {
    fn new((place, act): (usize, Act<'g>)) -> Self {
        Self {
            act,
            place,
            next: Touch::Nothing,
            unmet: false,
        }
    }
}

/// One run of what several do at once. Of runs that come to the same because
/// only turns that don't meet have changed places, one is gone through: the one
/// in which whoever is interrupted has come furthest.
struct Run<'a, 'g> {
    world: &'g World,
    actors: Vec<Actor<'g>>,
    /// How often somebody may still be interrupted.
    switches: usize,
    choices: &'a mut Choices,
    /// What each may touch, as far as it is known.
    known: &'a Touched,
    touched: &'a mut Touched,
}

impl Run<'_, '_> {
    /// Runs all to their ends, and answers true; or breaks off where the rest
    /// comes to the same as in another run.
    fn finish(mut self) -> bool {
        let mut current = self.choices.choose(self.actors.len());
        loop {
            if self.go_on(current) {
                self.actors.remove(current);
                if self.actors.is_empty() {
                    return true;
                }
                let ready = self.ready_beside(None);
                if ready.is_empty() {
                    return false;
                }
                current = ready[self.choices.choose(ready.len())];
            } else if self.switches > 0 && self.may_be_met(current) {
                let ready = self.ready_beside(Some(current));
                let choice = self.choices.choose(1 + ready.len());
                if choice > 0 {
                    self.switches -= 1;
                    self.actors[current].unmet = true;
                    current = ready[choice - 1];
                }
            }
        }
    }

    /// Lets one go on to its next turn. Answers whether it has ended.
    fn go_on(&mut self, current: usize) -> bool {
        let touch = self.actors[current].next.clone();
        self.actors[current].unmet = false;
        for other in &mut self.actors {
            other.unmet &= !other.next.meets(&touch);
        }
        let mut context = Context::from_waker(Waker::noop());
        let actor = &mut self.actors[current];
        if let Poll::Ready(done) = actor.act.as_mut().poll(&mut context) {
            if let Err(error) = done {
                assert!(["TargetsBusy", "Fenced"].contains(&error.name()), "{error}");
            }
            return true;
        }
        actor.next = self.world.next();
        if !self.touched[actor.place].contains(&actor.next) {
            self.touched[actor.place].push(actor.next.clone());
        }
        false
    }

    /// Whether another one may touch what this one touches next. If not, it
    /// makes no difference whether it is interrupted here or later.
    fn may_be_met(&self, current: usize) -> bool {
        let me = &self.actors[current];
        self.actors.iter().any(|other| {
            other.place != me.place
                && self.known[other.place]
                    .iter()
                    .any(|touch| touch.meets(&me.next))
        })
    }

    /// Who else may go on. One that nobody has met since it was interrupted
    /// might as well have gone on then.
    fn ready_beside(&self, current: Option<usize>) -> Vec<usize> {
        let ready = |at: &usize| Some(*at) != current && !self.actors[*at].unmet;
        (0..self.actors.len()).filter(ready).collect()
    }
}

/// Goes through all runs of what several do at once. What each may touch is
/// learned from the runs themselves, those with few switches first, until they
/// show nothing new.
fn in_any_order<'a>(
    start: &Guard<World>,
    switches: usize,
    acts: impl for<'g> Fn(&'g Guard<World>) -> Vec<Act<'g>> + 'a,
    must_hold: impl Fn(&World) + 'a,
) {
    let mut touched = vec![Vec::new(); acts(start).len()];
    let mut runs = 0;
    for switches in 0..=switches {
        loop {
            let known = touched.clone();
            runs = all_runs(start, switches, &acts, &known, &mut touched, &must_hold);
            if touched == known {
                break;
            }
        }
    }
    assert!(runs > 20, "found {runs} runs; expected the acts to overlap");
}

/// Goes through all runs with at most this many switches, and counts them.
fn all_runs<'a>(
    start: &Guard<World>,
    switches: usize,
    acts: &(impl for<'g> Fn(&'g Guard<World>) -> Vec<Act<'g>> + 'a),
    known: &Touched,
    touched: &mut Touched,
    must_hold: &(impl Fn(&World) + 'a),
) -> usize {
    let mut choices = Choices::default();
    let mut runs = 0;
    loop {
        let state = start.ports.0.borrow().clone();
        let guard = Guard {
            ports: World(state.into()),
        };
        let run = Run {
            world: &guard.ports,
            actors: acts(&guard)
                .into_iter()
                .enumerate()
                .map(Actor::new)
                .collect(),
            switches,
            choices: &mut choices,
            known,
            touched,
        };
        if run.finish() {
            no_closed_one_holds(&guard.ports);
            must_hold(&guard.ports);
            runs += 1;
        }
        if !choices.advance() {
            return runs;
        }
    }
}

fn no_closed_one_holds(world: &World) {
    let state = world.0.borrow();
    for (target, holder) in &state.locks {
        let outcome = state.promotions[holder].0.outcome;
        assert_eq!(outcome, None, "{holder} has ended and holds {target}");
    }
    for (id, (promotion, _)) in &state.promotions {
        let ended = promotion.outcome.is_some();
        assert_eq!(ended, state.settled.contains(id), "{id} is settled");
    }
}

fn closes<'g>(guard: &'g Guard<World>, version: &str) -> Act<'g> {
    Box::pin(guard.handle(ending(version, Outcome::RolledBack), at(5)))
}

fn acquires<'g>(guard: &'g Guard<World>, version: &'static str, second: i64) -> Act<'g> {
    Box::pin(acquire(guard, version, second))
}

/// 1.1.0 holds the targets; these are planned.
fn held_with(versions: &[&str]) -> Guard<World> {
    let guard = guard();
    assert!(enter(&guard, "1.1.0", 1));
    for version in versions {
        prepare(&guard, version);
    }
    guard
}

fn went_on(world: &World, version: &str) -> usize {
    let said = format!("token of {version} goes on at 0");
    world.signals().iter().filter(|one| **one == said).count()
}

#[test]
fn whoever_joins_while_the_targets_are_given_back_is_resumed_once() {
    in_any_order(
        &held_with(&["1.2.0"]),
        4,
        |guard| vec![closes(guard, "1.1.0"), acquires(guard, "1.2.0", 2)],
        |world| {
            assert_eq!(world.holder().as_deref(), Some("1.2.0"));
            assert_eq!(went_on(world, "1.2.0"), 1);
            assert!(world.line().is_empty());
        },
    );
}

#[test]
fn of_two_that_join_while_the_targets_are_given_back_one_goes_on_and_one_waits() {
    in_any_order(
        &held_with(&["1.2.0", "1.3.0"]),
        3,
        |guard| {
            vec![
                closes(guard, "1.1.0"),
                acquires(guard, "1.2.0", 2),
                acquires(guard, "1.3.0", 3),
            ]
        },
        |world| {
            let holder = world.holder().expect("somebody has its turn");
            let other = if holder == "1.2.0" { "1.3.0" } else { "1.2.0" };
            assert_eq!((went_on(world, &holder), went_on(world, other)), (1, 0));
            assert_eq!(world.line(), [other]);
        },
    );
}

#[test]
fn whoever_waits_is_not_overtaken_by_one_that_joins_while_the_targets_are_given_back() {
    let start = held_with(&["1.3.0"]);
    assert!(!enter(&start, "1.2.0", 2));
    in_any_order(
        &start,
        4,
        |guard| vec![closes(guard, "1.1.0"), acquires(guard, "1.3.0", 3)],
        |world| {
            assert_eq!(world.holder().as_deref(), Some("1.2.0"));
            assert_eq!((went_on(world, "1.2.0"), went_on(world, "1.3.0")), (1, 0));
            assert_eq!(world.line(), ["1.3.0"]);
        },
    );
}

#[test]
fn a_promotion_that_ends_while_it_gets_its_turn_keeps_no_lock() {
    let start = held_with(&[]);
    assert!(!enter(&start, "1.2.0", 2));
    in_any_order(
        &start,
        4,
        |guard| vec![closes(guard, "1.1.0"), closes(guard, "1.2.0")],
        |world| {
            assert_eq!(world.holder(), None);
            assert!(world.line().is_empty());
        },
    );
}

#[test]
fn the_one_behind_a_promotion_that_ends_while_it_gets_its_turn_is_resumed() {
    let start = held_with(&[]);
    assert!(!enter(&start, "1.2.0", 2));
    assert!(!enter(&start, "1.3.0", 3));
    in_any_order(
        &start,
        4,
        |guard| vec![closes(guard, "1.1.0"), closes(guard, "1.2.0")],
        |world| {
            assert_eq!(world.holder().as_deref(), Some("1.3.0"));
            assert_eq!(went_on(world, "1.3.0"), 1);
            assert!(world.line().is_empty());
        },
    );
}

#[test]
fn one_that_joins_behind_a_promotion_that_ends_while_it_gets_its_turn_is_resumed() {
    let start = held_with(&["1.3.0"]);
    assert!(!enter(&start, "1.2.0", 2));
    in_any_order(
        &start,
        3,
        |guard| {
            vec![
                closes(guard, "1.1.0"),
                closes(guard, "1.2.0"),
                acquires(guard, "1.3.0", 3),
            ]
        },
        |world| {
            assert_eq!(world.holder().as_deref(), Some("1.3.0"));
            assert_eq!(went_on(world, "1.3.0"), 1);
            assert!(world.line().is_empty());
        },
    );
}

#[test]
fn a_promotion_that_ends_while_it_locks_what_is_new_keeps_no_lock_and_the_next_is_resumed() {
    let start = held_with(&[]);
    assert!(!enter(&start, "1.2.0", 2));
    let now = crate::fakes::serving("orders", "1.0.1");
    let name = "storefront-orders-prod".to_owned();
    start.ports.0.borrow_mut().functions.insert(name, now);
    in_any_order(
        &start,
        3,
        |guard| {
            let recheck = Input::Recheck {
                promotion: id("1.1.0"),
                generation: Generation(0),
            };
            let rechecks: Act<'_> = Box::pin(guard.handle(recheck, at(4)));
            vec![rechecks, closes(guard, "1.1.0")]
        },
        |world| {
            assert_eq!(world.holder().as_deref(), Some("1.2.0"));
            assert_eq!(went_on(world, "1.2.0"), 1);
        },
    );
}

#[test]
fn a_close_that_breaks_off_anywhere_stays_to_be_looked_after_until_it_is_repeated() {
    let start = held_with(&[]);
    assert!(!enter(&start, "1.2.0", 2));
    let mut context = Context::from_waker(Waker::noop());
    for turns in 0.. {
        let state = start.ports.0.borrow().clone();
        let guard = Guard {
            ports: World(state.into()),
        };
        let mut close = closes(&guard, "1.1.0");
        let done = (0..turns).any(|_| close.as_mut().poll(&mut context).is_ready());
        drop(close);
        if done {
            break;
        }
        let held = guard.ports.holder().as_deref() == Some("1.1.0");
        let settled = guard.ports.0.borrow().settled.contains(&id("1.1.0"));
        assert!(!(held && settled), "given up with a lock after {turns}");
        end(&guard, "1.1.0", Outcome::RolledBack);
        no_closed_one_holds(&guard.ports);
        assert_eq!(guard.ports.holder().as_deref(), Some("1.2.0"));
        assert_eq!(went_on(&guard.ports, "1.2.0"), 1);
    }
}

#[test]
fn two_that_hand_over_at_once_resume_the_next_once() {
    let start = held_with(&[]);
    assert!(!enter(&start, "1.2.0", 2));
    assert!(!enter(&start, "1.3.0", 3));
    in_any_order(
        &start,
        4,
        |guard| {
            let watchdog: Act<'_> = Box::pin(guard.handle(Input::Handover {}, at(6)));
            vec![closes(guard, "1.1.0"), watchdog]
        },
        |world| {
            assert_eq!(world.holder().as_deref(), Some("1.2.0"));
            assert_eq!((went_on(world, "1.2.0"), went_on(world, "1.3.0")), (1, 0));
            assert_eq!(world.line(), ["1.3.0"]);
        },
    );
}

#[test]
fn a_policy_to_refuse_leaves_nothing_behind_while_the_targets_are_given_back() {
    let start = held_with(&["1.2.0"]);
    start.ports.0.borrow_mut().settings["queue"] = json!("refuse");
    in_any_order(
        &start,
        4,
        |guard| {
            let refused_or_not = async move {
                let turn = acquire(guard, "1.2.0", 2).await;
                // Refused: its state machine closes it.
                if turn.is_err() {
                    guard.ports.turn("its state machine goes on").await?;
                    if went_on(&guard.ports, "1.2.0") == 0 {
                        guard.ports.0.borrow_mut().waits.clear();
                        let refused = ending("1.2.0", Outcome::Refused);
                        guard.handle(refused, at(6)).await?;
                    }
                }
                turn
            };
            vec![closes(guard, "1.1.0"), Box::pin(refused_or_not)]
        },
        |world| {
            let goes_on = went_on(world, "1.2.0") == 1;
            assert_eq!(goes_on, world.outcome("1.2.0").is_none());
            assert_eq!(goes_on, world.holder().is_some());
            assert!(world.line().is_empty());
        },
    );
}
