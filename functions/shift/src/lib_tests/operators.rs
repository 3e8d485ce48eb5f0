//! Two operators, two events, one alias: two promotions of the same functions,
//! people who stop them, a watchdog that runs twice at once and functions that
//! go on after all of that, in any order of their reads and writes.
//!
//! The lock is the simplest that excludes; the real one goes through every order
//! with `guard`.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use proptest::prelude::*;
use sluice_domain::alias::Routing;
use sluice_domain::promotion::Outcome;
use tokio::task::yield_now;

use super::super::*;

#[path = "town.rs"]
mod town;

use town::{FUNCTIONS, Town};

/// How many turns whoever waits in line waits before it gives up: whoever holds
/// the lock may have been stopped.
const PATIENCE: usize = 200;

type Act = Pin<Box<dyn Future<Output = ()>>>;

/// What one actor does, in a promotion of a version.
#[derive(Debug, Clone, Copy)]
enum Role {
    /// Its state machine: locks, publishes, shifts, commits; else rolls back.
    Promotes(&'static str),
    /// A function of its state machine that runs a second time.
    Repeats(&'static str),
    /// A person who stops its execution: what has begun goes on, and nothing else.
    Stops(&'static str),
    /// The watchdog, if nobody owns it any more.
    Watches(&'static str),
}

impl Role {
    fn act(self, town: &Rc<Town>) -> Act {
        let town = Rc::clone(town);
        match self {
            Self::Promotes(version) => Box::pin(promotes(town, version)),
            Self::Repeats(version) => Box::pin(repeats(town, version)),
            Self::Stops(version) => Box::pin(async move {
                town.turn().await;
                town.stop(version);
            }),
            Self::Watches(version) => Box::pin(async move {
                town.turn().await;
                watches(&town, version).await;
            }),
        }
    }
}

async fn promotes(town: Rc<Town>, version: &'static str) {
    let mut patience = 0..PATIENCE;
    while !town.lock(version) {
        town.turn().await;
        if town.is_stopped(version) {
            return;
        }
        if patience.next().is_none() {
            return town.close(version, Outcome::Refused);
        }
    }
    let generation = town.generation(version);
    town.publish(version).await;
    if rolls_out(&town, version, generation).await.is_ok() {
        if !town.is_stopped(version) {
            town.turn().await;
            town.close(version, Outcome::Promoted);
        }
        return;
    }
    // A stopped execution does nothing more: the watchdog does.
    if !town.is_stopped(version) {
        rolls_back(&town, version).await;
    }
    // Its execution has ended, settled or stranded.
    town.stop(version);
}

/// All steps and the commit. Fails where one does, or where it was stopped.
async fn rolls_out(town: &Rc<Town>, version: &str, generation: Generation) -> Result<(), ()> {
    for step in 0..3 {
        let step = town.ask(version, Goal::Step, Some(step), generation);
        go_on(town, version, step.await)?;
    }
    let commit = town.ask(version, Goal::Commit, None, generation).await;
    go_on(town, version, commit)
}

fn go_on(town: &Town, version: &str, answer: Result<Output, Error>) -> Result<(), ()> {
    let goes_on = answer.is_ok() && !town.is_stopped(version);
    goes_on.then_some(()).ok_or(())
}

async fn repeats(town: Rc<Town>, version: &'static str) {
    let generation = Generation(0);
    for step in 0..3 {
        town.turn().await;
        if town.is_published(version) {
            // Whatever it answers: somebody else has asked for it.
            drop(town.ask(version, Goal::Step, Some(step), generation).await);
        }
    }
}

/// Raises the fence, puts back, verifies, closes: as `promote` and the watchdog do.
async fn rolls_back(town: &Rc<Town>, version: &str) {
    let Some(generation) = town.fence(version) else {
        return;
    };
    let back = town.ask(version, Goal::Stable, None, generation).await;
    let Ok(Output {
        settled: Some(outcome),
        ..
    }) = back
    else {
        return;
    };
    let verified = town.ask(version, Goal::Verify, None, generation).await;
    if verified.is_ok() {
        town.turn().await;
        town.close(version, outcome);
    }
}

async fn watches(town: &Rc<Town>, version: &str) {
    if town.is_stopped(version) && town.is_open(version) {
        rolls_back(town, version).await;
    }
}

/// Lets the actors take turns in the order that the seed says.
async fn in_the_order_of(mut seed: u64, town: &Town, mut actors: Vec<Act>) {
    while !actors.is_empty() {
        // https://en.wikipedia.org/wiki/Xorshift: any order will do.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let next = usize::try_from(seed % actors.len() as u64).expect("few");
        let done = std::future::poll_fn(|context| {
            std::task::Poll::Ready(actors[next].as_mut().poll(context).is_ready())
        });
        if done.await {
            drop(actors.remove(next));
        }
        nobody_serves_what_is_not_theirs(town);
        yield_now().await;
    }
}

/// A version that is not the stable one serves only while its promotion holds
/// the lock.
fn nobody_serves_what_is_not_theirs(town: &Town) {
    let stable = town.stable();
    let holder = town.holder();
    for (name, routing) in town.routings() {
        let served = routing.weights.keys().chain([&routing.version]);
        for version in served.filter(|version| **version != stable) {
            let served_by = Some(version) == holder.as_ref();
            assert!(
                served_by,
                "{name} serves {routing:?} while {holder:?} holds it"
            );
        }
    }
}

async fn play(seed: u64, others: Vec<Role>, failing: Vec<usize>) {
    let town = Rc::new(Town::new(failing));
    let roles = [Role::Promotes("2"), Role::Promotes("3")].into_iter();
    let actors = roles.chain(others).map(|role| role.act(&town)).collect();
    in_the_order_of(seed | 1, &town, actors).await;
    // The fault is gone, everything has ended, and the watchdog comes by.
    town.calm();
    for version in ["2", "3"] {
        town.stop(version);
        watches(&town, version).await;
        assert!(!town.is_open(version), "{version} stays open");
    }
    assert_eq!(town.holder(), None);
    let expected = Routing::only(town.stable());
    let expected: BTreeMap<String, Routing> = FUNCTIONS
        .iter()
        .map(|name| ((*name).to_owned(), expected.clone()))
        .collect();
    assert_eq!(town.routings(), expected, "{:#?}", town.outcomes());
}

fn role() -> impl Strategy<Value = Role> {
    let version = prop_oneof![Just("2"), Just("3")];
    (version, 0..3usize).prop_map(|(version, kind)| match kind {
        0 => Role::Repeats(version),
        1 => Role::Stops(version),
        _ => Role::Watches(version),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_promotes_stops_repeats_or_mends_at_once_the_aliases_end_on_one_version(
        seed in any::<u64>(),
        others in prop::collection::vec(role(), 0..6),
        failing in prop::collection::vec(1..20usize, 0..3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(play(seed, others, failing));
    }
}
