//! The same work on many things, on all processors that there are, and what comes of it in
//! their order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::{Builder, available_parallelism, scope};

/// As much as a main thread has: the parser calls itself for each level of a text.
const STACK: usize = 8 * 1024 * 1024;

/// Fewer are done before a thread has begun.
const FEW: usize = 8;

/// Prepares each on any thread, and hands it on to the caller's, in their order. That one
/// prepares, too, while the next in order is not there. Where no other thread can be had, it
/// does it all.
pub(crate) fn in_order<T: Sync, R: Send>(
    all: &[T],
    prepare: impl Fn(&T) -> R + Sync,
    mut hand_on: impl FnMut(&T, R),
) {
    let next = AtomicUsize::new(0);
    let prepare_next = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        all.get(at).map(|one| (at, prepare(one)))
    };
    let (sender, prepared) = channel();
    scope(|threads| {
        for _ in 0..helpers(all.len()) {
            let sender = sender.clone();
            let help = move || {
                std::iter::from_fn(prepare_next).all(|one| sender.send(one).is_ok());
            };
            // Without it, the others do more.
            let _ = Builder::new().stack_size(STACK).spawn_scoped(threads, help);
        }
        // What is received ends with the last helper.
        drop(sender);
        let mut early = BTreeMap::new();
        for (at, one) in all.iter().enumerate() {
            let result = loop {
                early.extend(prepared.try_iter());
                if let Some(result) = early.remove(&at) {
                    break result;
                }
                let Some(another) = prepare_next().or_else(|| prepared.recv().ok()) else {
                    // A helper panicked with it, and so does the end of the scope.
                    return;
                };
                early.extend([another]);
            };
            hand_on(one, result);
        }
    });
}

/// How many threads there are beside the caller's.
fn helpers(many: usize) -> usize {
    let others = available_parallelism().map_or(1, usize::from) - 1;
    if many < FEW { 0 } else { others }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicBool;
    use std::thread::{current, yield_now};

    use super::*;

    #[test]
    fn all_are_prepared_once_and_handed_on_in_their_order() {
        for many in [0, 1, 7, 8, 1_000] {
            let all: Vec<usize> = (0..many).collect();
            let mut done = Vec::new();
            in_order(
                &all,
                |one| one * 2,
                |one, doubled| done.push((*one, doubled)),
            );
            let expected: Vec<_> = all.iter().map(|one| (*one, one * 2)).collect();
            assert_eq!(done, expected);
        }
    }

    #[test]
    fn a_panic_is_the_callers_wherever_it_was() {
        let all: Vec<usize> = (0..100).collect();
        let alone = |one: &usize| assert!(*one != 3, "three");
        let ended = catch_unwind(|| in_order(&all[..FEW - 1], alone, |_, ()| {}));
        assert!(ended.is_err(), "on the caller's own thread");

        if helpers(all.len()) == 0 {
            return;
        }
        let caller = current().id();
        let has_begun = AtomicBool::new(false);
        // The caller prepares nothing before a helper has begun, which then panics.
        let elsewhere = |_: &usize| {
            let is_helper = current().id() != caller;
            has_begun.fetch_or(is_helper, Ordering::Relaxed);
            while !has_begun.load(Ordering::Relaxed) {
                yield_now();
            }
            assert!(!is_helper, "a helper's");
        };
        let ended = catch_unwind(AssertUnwindSafe(|| in_order(&all, elsewhere, |_, ()| {})));
        assert!(ended.is_err(), "on a helper's thread");
    }
}
