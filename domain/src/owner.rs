//! Whose an alias is: how Sluice signs what it moves, and who else moved it.

use std::fmt;

use crate::promotion::{Generation, PromotionId};

/// How the description of an alias begins that Sluice moved.
const MARK: &str = "sluice ";

/// How a step's deed begins.
const STEP: &str = "step ";

/// What Sluice did when it moved an alias.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deed {
    /// It took a step to this weight, in percent.
    Step(f64, Generation),
    /// It rolled the promotion back.
    RolledBack(Generation),
    /// It took back what had committed.
    TakenBack,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(weight, generation) => write!(f, "{STEP}{weight} generation {generation}"),
            Self::RolledBack(generation) => write!(f, "rolled back generation {generation}"),
            Self::TakenBack => f.write_str("taken back directly"),
        }
    }
}

/// An alias's description: which promotion moved it, and to what end.
#[must_use]
pub fn sign(promotion: &PromotionId, deed: Deed) -> String {
    format!("{MARK}{promotion} {deed}")
}

/// What a description says that Sluice signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Whose.
    pub promotion: PromotionId,
    /// Whether it took the alias back to the version before.
    pub is_back: bool,
}

/// Reads a description, if Sluice signed it.
#[must_use]
pub fn signature(description: &str) -> Option<Signature> {
    let (promotion, deed) = description.strip_prefix(MARK)?.split_once(' ')?;
    Some(Signature {
        promotion: promotion.parse().ok()?,
        is_back: !deed.starts_with(STEP),
    })
}

/// Who moved an alias that `own` did not expect there, as far as its description
/// tells. Whoever moves an alias without a new description leaves the old one.
#[must_use]
pub fn mover(description: Option<&str>, own: &PromotionId) -> String {
    let description = description.filter(|text| !text.is_empty());
    match (description, description.and_then(signature)) {
        (Some(text), Some(other)) if other.promotion != *own => {
            let other = other.promotion;
            format!("promotion {other} of Sluice, as its description says (`{text}`)")
        }
        (Some(_), Some(_)) => {
            "somebody who left this promotion's description in place, so not Sluice".to_owned()
        }
        (Some(text), None) => format!("somebody else: its description is `{text}`"),
        (None, _) => "somebody else, who left no description".to_owned(),
    }
}

#[cfg(test)]
#[path = "owner_tests.rs"]
mod tests;
