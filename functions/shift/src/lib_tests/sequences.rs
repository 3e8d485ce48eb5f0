//! Whatever happens in whatever order, rolling back ends it well.

use std::rc::Rc;

use proptest::prelude::*;
use proptest::sample::select;
use sluice_domain::alias::Routing;
use sluice_domain::promotion::Outcome;

use super::world::{Trouble, World, shared};

const NAMES: [&str; 3] = ["api", "jobs", "web"];

#[derive(Debug, Clone)]
enum Act {
    /// The step to take next, or one too far.
    Step {
        ahead: bool,
    },
    /// The same, by a generation that was fenced off.
    ZombieStep,
    /// The watchdog raises the generation.
    TakeOver,
    /// At the n-th write from here on, this happens.
    Trouble(usize, Trouble),
    /// Somebody else writes or deletes an alias.
    Foreign(&'static str, Option<Routing>),
    Record {
        fails: bool,
    },
    Save {
        fails: bool,
    },
    Stable,
    Commit,
}

fn routing() -> impl Strategy<Value = Routing> {
    select(vec![
        Routing::only("1"),
        Routing::only("2"),
        Routing::only("7"),
        shared("1", "2", 0.1),
        shared("2", "1", 0.5),
        shared("7", "2", 0.3),
    ])
}

fn act() -> impl Strategy<Value = Act> {
    let trouble = prop_oneof![
        Just(Trouble::Fault),
        Just(Trouble::AnswerLost),
        Just(Trouble::CrashBefore),
        Just(Trouble::CrashAfter),
        routing().prop_map(Trouble::Foreign),
    ];
    let foreign = (
        select(&NAMES[..]),
        proptest::option::weighted(0.8, routing()),
    );
    prop_oneof![
        10 => prop::bool::weighted(0.1).prop_map(|ahead| Act::Step { ahead }),
        3 => (1..5usize, trouble).prop_map(|(n, trouble)| Act::Trouble(n, trouble)),
        1 => foreign.prop_map(|(name, routing)| Act::Foreign(name, routing)),
        1 => any::<bool>().prop_map(|fails| Act::Record { fails }),
        1 => prop::bool::weighted(0.2).prop_map(|fails| Act::Save { fails }),
        1 => Just(Act::ZombieStep),
        1 => Just(Act::TakeOver),
        1 => Just(Act::Stable),
        3 => Just(Act::Commit),
    ]
}

/// The step to ask for: the unfinished one, or the one after.
fn due(world: &World) -> usize {
    let journal = world.journal.borrow();
    journal.as_ref().map_or(0, |found| match found.step {
        Some(step) if found.shifted_at.is_none() => step,
        Some(step) => step + 1,
        None => 0,
    })
}

async fn play(world: &Rc<World>, act: Act) -> Result<(), TestCaseError> {
    let before = (world.aliases(), world.is_committed());
    let generation = world.generation.get();
    match act {
        Act::Step { ahead } => {
            let asked = due(world) + usize::from(ahead);
            // From the first step of three, one too far is the last, which may be asked for.
            let may_jump = world.step_taken() == Some(0) && asked == 2;
            let answer = world.try_ask(world.step(asked)).await;
            let is_taken = matches!(answer, Some(Ok(_)));
            prop_assert!(!ahead || may_jump || !is_taken, "{:?}", answer);
        }
        Act::ZombieStep => {
            let step = world.step(due(world));
            world.generation.set(generation + 1);
            let answer = world.try_ask(step).await;
            prop_assert!(matches!(answer, Some(Err(_))), "{:?}", answer);
            prop_assert_eq!(&world.aliases(), &before.0);
        }
        Act::TakeOver => world.generation.set(generation + 1),
        Act::Trouble(n, trouble) => world.at_write(n, trouble),
        Act::Foreign(name, routing) => {
            world.foreign(name, routing);
            return Ok(());
        }
        Act::Record { fails } => world.record_fails.set(fails),
        Act::Save { fails } => world.save_fails.set(fails),
        Act::Stable => drop(world.try_ask(world.stable()).await),
        Act::Commit => {
            let answer = world.try_ask(world.commit()).await;
            let is_last = world.step_taken() == Some(2);
            let done = matches!(answer, Some(Ok(_)));
            prop_assert!(is_last || !done, "{:?}", answer);
            let moved = NAMES
                .iter()
                .all(|name| world.routing(name) == Some(Routing::only("2")));
            prop_assert!(
                !done || moved || world.disturbed.get(),
                "committed and not there"
            );
            prop_assert_eq!(&world.aliases(), &before.0);
        }
    }
    prop_assert!(world.foreign_stands(), "a foreign version was overwritten");
    if before.1 {
        prop_assert!(world.is_committed());
        prop_assert_eq!(world.aliases(), before.0);
    }
    Ok(())
}

async fn play_all(firsts: usize, acts: Vec<Act>) -> Result<(), TestCaseError> {
    let (firsts, updates) = NAMES.split_at(firsts);
    let world = World::new(updates, firsts);
    for act in acts {
        play(&world, act).await?;
    }
    world.calm();
    let before = world.aliases();
    let output = world.ask(world.stable()).await.expect("a roll back");
    if world.is_committed() {
        prop_assert_eq!(output.settled, Some(Outcome::Promoted));
        prop_assert_eq!(world.aliases(), before);
    } else {
        prop_assert_eq!(output.settled, Some(Outcome::RolledBack));
        prop_assert!(!world.serves_canary(), "{:?}", world.aliases());
    }
    prop_assert!(world.foreign_stands(), "a foreign version was overwritten");
    world.ask(world.verify()).await.expect("settled");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_a_roll_back_no_alias_serves_the_new_version_unless_it_was_committed(
        firsts in 0..=NAMES.len(), acts in prop::collection::vec(act(), 0..20)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(play_all(firsts, acts))?;
    }
}
