//! The same work on many things, on all processors that there are.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, available_parallelism, scope};

/// As much as a main thread has: the parser calls itself for each level of a text.
const STACK: usize = 8 * 1024 * 1024;

/// Fewer are done before a thread has begun.
const FEW: usize = 8;

/// Does this to each, and answers in their order. Where no thread can be had, the caller's
/// does it all.
pub(crate) fn each<T: Sync, R: Send>(all: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let others = available_parallelism().map_or(1, usize::from) - 1;
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = std::iter::from_fn(|| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            all.get(at).map(|one| (at, act(one)))
        });
        taken.collect::<Vec<_>>()
    };
    let mut done = scope(|threads| {
        let others = if all.len() < FEW { 0 } else { others };
        let helpers = (0..others).map_while(|_| {
            let thread = Builder::new().stack_size(STACK);
            thread.spawn_scoped(threads, work).ok()
        });
        let helpers: Vec<_> = helpers.collect();
        let mut done = work();
        for helper in helpers {
            match helper.join() {
                Ok(more) => done.extend(more),
                Err(panic) => resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn all_are_done_once_and_answered_in_their_order() {
        for many in [0, 1, 7, 8, 1_000] {
            let all: Vec<usize> = (0..many).collect();
            let doubled: Vec<usize> = all.iter().map(|one| one * 2).collect();
            assert_eq!(each(&all, |one| one * 2), doubled);
        }
    }
}
