//! What of a promotion a request is about, in words and as an argument, and what comes of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, AskedWish, Matter, Request, State};
use crate::controls::Wish;

/// The promotion as a whole, as an argument.
const START: &str = "start";
const STEP: &str = "step-";

/// What people are asked about none of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found `{0}`; expected `start`, `step-1` (`step-2`, …), `emergency` or `override-windows`")]
pub struct UnknownMatter(String);

impl fmt::Display for Matter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promotion => f.write_str(START),
            Self::Step(index) => write!(f, "{STEP}{}", index + 1),
            Self::Wish(wish) => f.write_str(wish.name()),
        }
    }
}

impl FromStr for Matter {
    type Err = UnknownMatter;

    fn from_str(text: &str) -> Result<Self, UnknownMatter> {
        let unknown = || UnknownMatter(crate::text::one_line(text));
        if text == START {
            return Ok(Self::Promotion);
        }
        if let Some(number) = text.strip_prefix(STEP) {
            let number: usize = number.parse().map_err(|_| unknown())?;
            return number.checked_sub(1).map(Self::Step).ok_or_else(unknown);
        }
        let mut asked = [Wish::Emergency, Wish::OverrideWindows].into_iter();
        let named = asked.find(|wish| wish.name() == text);
        named.map(Self::Wish).ok_or_else(unknown)
    }
}

/// How people answered about a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WishAnswer {
    /// How it stands.
    #[serde(flatten)]
    pub answer: Answer,
    /// What they were asked first: others who ask for the same later get this, under the name
    /// and for the reason that people read. None: nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<AskedWish>,
}

impl WishAnswer {
    /// One about which nobody was asked.
    #[must_use]
    pub fn new(state: State, because: &str) -> Self {
        let because = because.to_owned();
        Self {
            answer: Answer { state, because },
            asked: None,
        }
    }
}

impl Request {
    /// What of the promotion it is about: `the start`, `step 2 of 3`, `an emergency`.
    #[must_use]
    pub fn about(&self) -> String {
        match (&self.step, &self.wish) {
            (None, None) => "the start".to_owned(),
            (None, Some(asked)) => asked.wish.title().to_owned(),
            (Some(step), _) => format!("step {} of {}", step.index + 1, step.of),
        }
    }

    /// The command that votes on it: `sluice approve shop/prod/1.1.0/1 --about step-2`.
    #[must_use]
    pub fn command(&self, verb: &str) -> String {
        let promotion = &self.promotion;
        match self.matter() {
            Matter::Promotion => format!("sluice {verb} {promotion}"),
            matter => format!("sluice {verb} {promotion} --about {matter}"),
        }
    }

    /// Facts of an entry of the ledger that is about this request, with what tells it from
    /// the promotion's others: `step` and its `weight`, or `wish`; of its start, null.
    #[must_use]
    pub fn facts(&self, mut facts: Value) -> Value {
        facts["step"] = json!(self.step.as_ref().map(|step| step.index));
        facts["weight"] = json!(self.step.as_ref().map(|step| step.weight));
        facts["wish"] = json!(self.wish.as_ref().map(|asked| asked.wish));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_matter_reads_as_it_is_written() {
        let matters = [
            (Matter::Promotion, "start"),
            (Matter::Step(1), "step-2"),
            (Matter::Wish(Wish::Emergency), "emergency"),
            (Matter::Wish(Wish::OverrideWindows), "override-windows"),
        ];
        for (matter, text) in matters {
            assert_eq!(matter.to_string(), text);
            assert_eq!(text.parse(), Ok(matter));
        }
        for wrong in ["", "step-0", "step-", "step-x", "pause", "Start"] {
            assert!(wrong.parse::<Matter>().is_err(), "{wrong}");
        }
    }
}
