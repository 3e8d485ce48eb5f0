//! Whose an alias is: how Sluice signs what it moves, where it left an alias,
//! and who else moved it or will.

use std::fmt;

use crate::alias::{Alias, Routing};
use crate::journal::Versions;
use crate::promotion::{Generation, Outcome, Promotion, PromotionId};
use crate::settings::Target;

/// How the description of an alias begins that Sluice moved.
const MARK: &str = "sluice ";

/// The longest description that Lambda takes, in characters.
const LONGEST: usize = 256;

/// How a step's deed begins.
const STEP: &str = "step";

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

impl Deed {
    /// What it was, without its numbers.
    fn kind(self) -> &'static str {
        match self {
            Self::Step(..) => STEP,
            Self::RolledBack(_) => "rolled back",
            Self::TakenBack => "taken back directly",
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Step(weight, generation) => write!(f, "{kind} {weight} generation {generation}"),
            Self::RolledBack(generation) => write!(f, "{kind} generation {generation}"),
            Self::TakenBack => f.write_str(kind),
        }
    }
}

/// An alias's description: which promotion moved it, and to what end. Lambda takes
/// each: one that would be too long lacks its numbers. A promotion whose name alone
/// is too long signs with its beginning, which names nobody.
#[must_use]
pub fn sign(promotion: &PromotionId, deed: Deed) -> String {
    let whole = format!("{MARK}{promotion} {deed}");
    let brief = || format!("{MARK}{promotion} {}", deed.kind());
    let begun = || format!("{MARK}{promotion}").chars().take(LONGEST).collect();
    Some(whole)
        .filter(|text| fits(text))
        .or_else(|| Some(brief()).filter(|text| fits(text)))
        .unwrap_or_else(begun)
}

fn fits(description: &str) -> bool {
    description.chars().count() <= LONGEST
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

/// Who moved an alias while `own` was moving it, as far as its description tells.
#[must_use]
pub fn mover(description: Option<&str>, own: &PromotionId) -> String {
    match description.and_then(signature) {
        Some(signed) if signed.is_back && signed.promotion == *own => {
            "whoever took this promotion back, as its description says".to_owned()
        }
        _ => stranger(description, own),
    }
}

/// Who moved an alias from where `own` left it, as far as its description tells.
/// Whoever moves an alias without a new description leaves the old one.
fn stranger(description: Option<&str>, own: &PromotionId) -> String {
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

/// Where an ended promotion left an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The promotion.
    pub by: PromotionId,
    /// The version.
    pub on: String,
}

/// Where a promotion left the alias of a function, if its last write took it back
/// or not. None: it has not ended, or never had that alias.
#[must_use]
pub fn left(
    promotion: &Promotion,
    is_back: bool,
    versions: &Versions,
    (arn, alias): (&str, &str),
) -> Option<Left> {
    let published = versions
        .values()
        .find(|published| published.arn == arn && published.alias == alias)?;
    let on = match promotion.outcome? {
        Outcome::Promoted if !is_back => Some(&published.version),
        Outcome::Promoted | Outcome::RolledBack => published.stable.as_ref(),
        _ => None,
    };
    Some(Left {
        by: promotion.id.clone(),
        on: on?.clone(),
    })
}

/// What was found of an alias that a promotion is about to move.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// The alias. None: there is none.
    pub alias: Option<Alias>,
    /// The CloudFormation stack that it is a resource of.
    pub stack: Option<String>,
    /// Where Sluice left it last.
    pub left: Option<Left>,
}

/// Why an alias is not Sluice's to move.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// A stack would put it back.
    #[error(
        "alias {alias} of {function} belongs to the CloudFormation stack {stack}, which may move it at its next \
         deployment. Hand it over as docs/handover.md says; if the stack's template never moves it, \
         say so with `\"stack\": \"{stack}\"` beside its `alias` in the settings"
    )]
    OwnedElsewhere {
        /// The Lambda function, from the settings.
        function: String,
        /// Its alias.
        alias: String,
        /// The stack.
        stack: String,
    },
    /// Somebody moved it since.
    #[error(transparent)]
    Drifted(Box<Drift>),
}

/// An alias that is not where Sluice left it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "alias {alias} of {function} is on version {found}, and {} left it on version {}: it was moved by {mover}. \
     If version {found} is meant to serve, say so with `\"adopt\": \"{found}\"` beside its `alias` in the settings; \
     else put the alias back to version {}. docs/handover.md says how to keep others from moving it",
    left.by, left.on, left.on
)]
pub struct Drift {
    /// The Lambda function, from the settings.
    pub function: String,
    /// Its alias.
    pub alias: String,
    /// The version that it is on.
    pub found: String,
    /// Where it was left.
    pub left: Left,
    /// Who moved it, as far as that is known.
    pub mover: String,
}

/// Whether Sluice may move an alias. One that Sluice never had is adopted as it
/// stands.
///
/// # Errors
/// When a stack owns it that the settings don't name, or when it is not where
/// Sluice left it, and not where the settings adopt it.
pub fn check(target: &Target, standing: &Standing) -> Result<(), NotOurs> {
    let Some(alias) = &standing.alias else {
        return Ok(());
    };
    let is_foreign = |stack: &&String| target.stack.as_ref() != Some(*stack);
    if let Some(stack) = standing.stack.as_ref().filter(is_foreign) {
        return Err(NotOurs::OwnedElsewhere {
            function: target.name.clone(),
            alias: target.alias.clone(),
            stack: stack.clone(),
        });
    }
    let Routing { version: found, .. } = &alias.routing;
    match &standing.left {
        Some(left) if left.on != *found && target.adopt.as_ref() != Some(found) => {
            Err(NotOurs::Drifted(Box::new(Drift {
                function: target.name.clone(),
                alias: target.alias.clone(),
                found: found.clone(),
                left: left.clone(),
                mover: stranger(alias.description.as_deref(), &left.by),
            })))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "owner_tests.rs"]
mod tests;
