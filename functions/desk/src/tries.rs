//! How many codes a person may try, and for how long tries count.

use jiff::Timestamp;

use crate::{Desk, Error, Ports};

/// So many codes a person may try on one request in one window of time, right
/// ones among them: after that, the right code is refused, too. So nobody guesses
/// a code, but who only has the link can use up the tries of each window, and keep
/// the person from voting here for as long as they go on. Who signs with IAM credentials, or
/// clicks in Slack, tries no code.
pub(crate) const TRIES: u64 = 5;

/// And so many with one secret, on whatever requests and for signing in: who has many links
/// does not guess faster.
pub(crate) const TRIES_OF_SECRET: u64 = 20;

/// So many people, by whatever names, may try to sign in in one window of time. Each try
/// reads a parameter, and all functions of an account share how many are read in a second.
pub(crate) const SIGNING_IN: u64 = 300;

/// Under what tries that are not about a request are counted.
pub(crate) const SIGN_IN: &str = "sign-in";
const SECRETS: &str = "secrets";

impl<P: Ports> Desk<P> {
    /// Counts a code that is tried with a secret: whether too many were.
    pub(crate) async fn is_worn_out(&self, parameter: &str, window: Window) -> Result<bool, Error> {
        let tries = self.ports.count_try(SECRETS, parameter, window).await?;
        Ok(tries > TRIES_OF_SECRET)
    }
}

/// A window of time in which tries are counted: the same ones for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window(i64);

impl Window {
    const SECONDS: i64 = 15 * 60;

    /// The one that this time is in.
    pub(crate) fn of(now: Timestamp) -> Self {
        Self(now.as_second().div_euclid(Self::SECONDS))
    }

    /// Its number, counted from 1970.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }

    /// When it ends, and the next one begins.
    pub(crate) fn end(self) -> Timestamp {
        let end = Timestamp::from_second((self.0 + 1).saturating_mul(Self::SECONDS));
        end.unwrap_or(Timestamp::MAX)
    }

    /// When nobody asks for its tries any more: a window later, so that a clock
    /// that is behind gives none of them back.
    #[must_use]
    pub fn forgotten_at(self) -> Timestamp {
        Self(self.0 + 1).end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_kept_until_the_window_after_theirs_is_over() {
        let ten: Timestamp = "2026-11-21T10:00:00Z".parse().expect("time");
        let last = Timestamp::from_second(ten.as_second() + 899).expect("time");
        let window = Window::of(ten);
        assert_eq!(window, Window::of(last));
        assert_eq!(window.end().to_string(), "2026-11-21T10:15:00Z");
        assert_eq!(Window::of(window.end()).number(), window.number() + 1);
        assert_eq!(window.forgotten_at().to_string(), "2026-11-21T10:30:00Z");
    }
}
