//! Turns: where others may act, and whether it matters who does first.

use std::future::poll_fn;
use std::task::Poll;

use sluice_platform::fault::Fault;

use super::World;

/// What is read or written when a turn is over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touch {
    /// What stays as it is.
    Nothing,
    /// This is read.
    Reads(String),
    /// This is written, read or not.
    Writes(String),
    /// It may be anything.
    Anything,
}

impl Touch {
    /// Whether it may make a difference which of the two comes first.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) | (Self::Reads(_), Self::Reads(_)) => false,
            (Self::Anything, _) | (_, Self::Anything) => true,
            (Self::Reads(one) | Self::Writes(one), Self::Reads(other) | Self::Writes(other)) => {
                one == other
            }
        }
    }
}

impl World {
    /// Others may act here.
    pub(crate) async fn turn(&self, operation: &str) -> Result<(), Fault> {
        self.turn_for(operation, Touch::Anything).await
    }

    /// Others may act here, before this is touched.
    pub(super) async fn turn_for(&self, operation: &str, touch: Touch) -> Result<(), Fault> {
        let mut next = Some(touch);
        poll_fn(|context| match next.take() {
            Some(touch) => {
                self.0.borrow_mut().next = Some(touch);
                // Several of one function's calls may be under way at once: those
                // who wait for them poll what was woken alone.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
        if self.0.borrow().broken == Some(operation) {
            return Err(Fault::other(operation, "broken"));
        }
        Ok(())
    }

    /// What whoever was polled last touches when it goes on.
    pub(crate) fn next(&self) -> Touch {
        let next = self.0.borrow_mut().next.take();
        next.unwrap_or(Touch::Anything)
    }
}
