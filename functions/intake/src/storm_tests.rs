//! The same event again and again, in parallel and in any order.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use sluice_domain::generator::Generator;

use super::*;

const COPIES: usize = 1000;

type Copy<'a> = Pin<Box<dyn Future<Output = Result<Output, Error>> + 'a>>;

/// Lets everyone act a turn at a time, until all have answered. `next` says who is next,
/// of so many who have not.
fn in_order(mut all: Vec<Copy<'_>>, mut next: impl FnMut(usize) -> usize) -> Vec<Output> {
    let mut context = Context::from_waker(Waker::noop());
    let mut answers = Vec::new();
    while !all.is_empty() {
        let next = next(all.len());
        if let Poll::Ready(answer) = all[next].as_mut().poll(&mut context) {
            drop(all.swap_remove(next));
            answers.push(answer.expect("no error"));
        }
    }
    answers
}

/// So many at a time, in an order that the seed decides.
fn at_random(mut all: Vec<Copy<'_>>, parallel: usize, seed: u64) -> Vec<Output> {
    let mut generator = Generator::new(&[seed]);
    let mut draw = |among: usize| (generator.bits() % among as u64) as usize;
    for place in (1..all.len()).rev() {
        all.swap(place, draw(place + 1));
    }
    in_order(all, |waiting| draw(waiting.min(parallel)))
}

fn copies<'a>(world: &'a World, events: &[&'a str], times: usize) -> Vec<Copy<'a>> {
    let events = events.iter().copied().cycle().take(times);
    events
        .map(|event| -> Copy<'a> { Box::pin(hand(world, event)) })
        .collect()
}

fn count(answers: &[Output], outcome: Outcome) -> usize {
    let same = |answer: &&Output| answer.outcome == outcome;
    answers.iter().filter(same).count()
}

/// Goes through all orders of two who act at once, as through the digits of a number.
#[derive(Default)]
struct Orders {
    chosen: Vec<usize>,
    among: Vec<usize>,
    place: usize,
}

impl Orders {
    fn choose(&mut self, among: usize) -> usize {
        if self.place == self.chosen.len() {
            self.chosen.push(0);
            self.among.push(among);
        }
        self.place += 1;
        self.chosen[self.place - 1]
    }

    /// Goes on to the next order, if there is one.
    fn advance(&mut self) -> bool {
        self.place = 0;
        while let (Some(chosen), Some(among)) = (self.chosen.pop(), self.among.pop()) {
            if chosen + 1 < among {
                self.chosen.push(chosen + 1);
                self.among.push(among);
                return true;
            }
        }
        false
    }
}

#[test]
fn a_thousand_copies_of_an_event_start_one_execution() {
    for seed in 0..4 {
        let world = World::with_bundle("storefront", "1.1.0");
        let events = [UPLOADED, UPLOADED_AGAIN, MANUAL, MANUAL_AGAIN];
        let answers = at_random(copies(&world, &events, COPIES), COPIES, seed);
        assert_eq!(world.started(), 1, "seed {seed}");
        assert_eq!(count(&answers, Outcome::Started), 1, "seed {seed}");
        assert_eq!(count(&answers, Outcome::Duplicate), COPIES - 1);
        assert_eq!((world.releases().len(), world.entries()), (1, 1));
    }
}

#[test]
fn two_copies_of_an_event_start_one_execution_in_whatever_order_they_act() {
    let mut orders = Orders::default();
    let mut runs = 0;
    loop {
        let world = World::with_bundle("storefront", "1.1.0");
        let both = copies(&world, &[UPLOADED, UPLOADED_AGAIN], 2);
        let answers = in_order(both, |waiting| orders.choose(waiting));
        assert_eq!(world.started(), 1, "{:?}", orders.chosen);
        assert_eq!(count(&answers, Outcome::Started), 1, "{:?}", orders.chosen);
        runs += 1;
        if !orders.advance() {
            break;
        }
    }
    assert!(runs > 500, "{runs} orders are all there are?");
}

#[test]
fn of_two_versions_whose_events_come_mixed_each_starts_once_or_the_older_is_superseded() {
    let newer = UPLOADED.replace("1.1.0", "1.2.0");
    let mut superseded = 0;
    for seed in 0..16 {
        let world = World::with_bundle("storefront", "1.1.0");
        world.copy(
            "storefront/1.1.0/release.json",
            "storefront/1.2.0/release.json",
        );
        world.put_changed("storefront", "1.2.0", |manifest| {
            manifest["version"] = json!("1.2.0");
        });
        let answers = at_random(copies(&world, &[UPLOADED, &newer], COPIES), 3, seed);
        let starts = |version: &str| {
            let of_version: Vec<_> = (answers.iter())
                .filter(|answer| answer.version == version.parse().ok())
                .cloned()
                .collect();
            count(&of_version, Outcome::Started)
        };
        assert_eq!(starts("1.2.0"), 1, "seed {seed}");
        assert!(starts("1.1.0") <= 1, "seed {seed}");
        assert_eq!(world.started(), starts("1.1.0") + 1, "seed {seed}");
        if starts("1.1.0") == 0 {
            superseded += 1;
            assert_eq!(count(&answers, Outcome::Superseded), COPIES / 2);
        }
    }
    assert!((1..16).contains(&superseded), "{superseded} of 16");
}

#[test]
fn copies_of_an_older_versions_event_all_are_superseded_where_a_newer_one_runs() {
    let world = World::with_bundle("storefront", "1.1.0");
    world.copy(
        "storefront/1.1.0/release.json",
        "storefront/1.2.0/release.json",
    );
    world.put_changed("storefront", "1.2.0", |manifest| {
        manifest["version"] = json!("1.2.0");
    });
    let newer = UPLOADED.replace("1.1.0", "1.2.0");
    at_random(copies(&world, &[&newer], 1), 1, 0);
    let answers = at_random(
        copies(&world, &[UPLOADED, UPLOADED_AGAIN], COPIES),
        COPIES,
        1,
    );
    assert_eq!(count(&answers, Outcome::Superseded), COPIES);
    assert_eq!(world.started(), 1);
    assert_eq!(
        world.entries(),
        2,
        "one start, and one reason written down once"
    );
}
