//! What operators ask of a promotion while it runs, and whether it can be asked.
//!
//! It is kept as the list of what was asked, in order: how things stand follows
//! from the list. What it does to a rollout is decided at each look of the judge,
//! by [`crate::judge::steer()`].

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::journal::Journal;
use crate::judge::{JudgePolicy, asks_at, spared};

/// Something that an operator can ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Take no further step. Judging goes on, and harm is still rolled back.
    Pause,
    /// Take a pause back.
    Resume,
    /// Let a step go on that waits for a person. It is a wish of its own, so that a
    /// repeated resume is never taken for it.
    Go,
    /// End this step at the next look and go to the last step at once.
    PromoteNow,
    /// End this step at the next look.
    SkipBake,
    /// End every step after the first that is judged, as soon as a look at it could
    /// have found harm.
    Emergency,
    /// Start and take steps whatever the environment's windows say.
    OverrideWindows,
}

impl Wish {
    /// What an operator would call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Go => "go",
            Self::PromoteNow => "promote now",
            Self::SkipBake => "skip the bake",
            Self::Emergency => "emergency mode",
            Self::OverrideWindows => "override the windows",
        }
    }

    /// What comes of it, for people.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pause => {
                "No further step is taken until somebody resumes it. Harm is still rolled back; \
                 without a resume it goes back after a day."
            }
            Self::Resume | Self::Go => "It goes on.",
            Self::PromoteNow => {
                "Its next step is the last one: all traffic. Harm is still rolled back."
            }
            Self::SkipBake => {
                "This step ends as soon as its metrics show something. Harm is still rolled back."
            }
            Self::Emergency => {
                "Every step but the first that is judged ends as soon as its metrics show something. Harm is still rolled back."
            }
            Self::OverrideWindows => {
                "It starts and takes its steps whatever the windows of the environment say. Everything else is checked as before."
            }
        }
    }

    /// Whether approvers are asked for it, where an environment has some: it takes away what
    /// the settings put between a release and everybody.
    #[must_use]
    pub fn asks_approvers(self) -> bool {
        matches!(self, Self::Emergency | Self::OverrideWindows)
    }

    /// As keys have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Go => "go",
            Self::PromoteNow => "promote-now",
            Self::SkipBake => "skip-bake",
            Self::Emergency => "emergency",
            Self::OverrideWindows => "override-windows",
        }
    }
}

/// A wish, whose, why and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// What was asked.
    pub wish: Wish,
    /// Who asked, as they say themselves.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// The step that the rollout was at, from 0. None: it had taken none.
    #[serde(default)]
    pub step: Option<usize>,
}

impl Asked {
    /// For people: `pause, asked by ada: wrong day`.
    #[must_use]
    pub fn words(&self) -> String {
        let title = self.wish.title();
        format!("{title}, asked by {}: {}", self.by, self.reason)
    }
}

/// All that was asked of a promotion, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Controls {
    /// Wish by wish.
    #[serde(default)]
    pub asked: Vec<Asked>,
}

/// As often as operators can ask something of one promotion, pauses that are taken
/// back and steps that are let go apart: a DynamoDB item has 400 KB at most.
pub const MOST_WISHES: usize = 100;

/// Why something can't be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The new versions stay.
    #[error("it is past its commit: the new versions serve all traffic and stay")]
    Committed,
    /// No step was taken.
    #[error("it has taken no step yet: there is nothing to hurry; ask again when it has")]
    NotShifting,
    /// CodeDeploy shifts, at its own pace.
    #[error(
        "CodeDeploy shifts it, and its deployments can neither be held nor hurried from here; \
         `sluice abort` takes traffic back, and the final bake can be held or hurried once \
         CodeDeploy is through"
    )]
    Deploying,
    /// It is at its last step.
    #[error("it is at its last step already; `sluice skip-bake` ends the final bake")]
    AtTheLastStep,
    /// No step comes after the one that is always judged.
    #[error(
        "no step comes after the first that is watched and gets traffic, whose bake an emergency \
         never ends; `sluice skip-bake` ends it"
    )]
    NothingToHurry,
    /// The operator saw another step.
    #[error("it was asked for step {asked}; found {found}: look again, and ask for that one")]
    OtherStep {
        /// The step that the operator saw, from 0.
        asked: String,
        /// The one that the rollout is at.
        found: String,
    },
    /// It is paused.
    #[error("it is paused by {by}; `sluice resume` first")]
    Paused {
        /// Who paused it.
        by: String,
    },
    /// The step waits for its approvers.
    #[error(
        "this step waits for its approvers, and a go is no approval; `sluice approve` or the page takes their votes"
    )]
    AsksApprovers,
    /// There is nothing to resume.
    #[error(
        "it is neither paused nor at a step that waits for a person: there is nothing to resume"
    )]
    NothingToResume,
    /// A step waits for a person, but not yet.
    #[error(
        "this step asks for a person's go at {asks_at} at the soonest, when its time is over; found {now}: \
         ask again then, or end its bake with `sluice skip-bake`"
    )]
    StillBaking {
        /// When it asks for a go, at the soonest.
        asks_at: Timestamp,
        /// The time of the request.
        now: Timestamp,
    },
    /// Too much was asked.
    #[error(
        "{MOST_WISHES} things were asked of it already; expected fewer: `sluice abort` ends it"
    )]
    TooMany,
}

/// What an operator asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What.
    pub wish: Wish,
    /// The step that the operator saw it at, from 0. What is asked of one step
    /// needs it.
    pub step: Option<usize>,
}

/// How the rollout stands that something is asked of.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Its journal, once it shifts.
    pub journal: Option<&'a Journal>,
    /// How it is judged.
    pub policy: &'a JudgePolicy,
}

impl Standing<'_> {
    /// The journal of a rollout that has taken a step.
    fn shifting(&self) -> Result<&Journal, Refusal> {
        let shifting = self.journal.filter(|journal| journal.step.is_some());
        shifting.ok_or(Refusal::NotShifting)
    }

    /// Checks that the rollout is still at the step that the operator saw.
    fn expect_step(&self, asked: Option<usize>, at_none: Refusal) -> Result<(), Refusal> {
        let Some(found) = self.journal.and_then(|journal| journal.step) else {
            return Err(at_none);
        };
        if asked == Some(found) {
            return Ok(());
        }
        let none = || "none".to_owned();
        Err(Refusal::OtherStep {
            asked: asked.map_or_else(none, |step| step.to_string()),
            found: found.to_string(),
        })
    }
}

impl Controls {
    /// Who paused it, while it is paused.
    #[must_use]
    pub fn paused(&self) -> Option<&Asked> {
        let last = self.at(self.place_of_hold());
        last.filter(|asked| asked.wish == Wish::Pause)
    }

    /// Who let this step go on that waits for a person.
    #[must_use]
    pub fn go(&self, step: usize) -> Option<&Asked> {
        self.at(self.place_of_go(step))
    }

    /// Who ended the bake of this step.
    #[must_use]
    pub fn skip(&self, step: usize) -> Option<&Asked> {
        self.at(self.place_of_skip(step))
    }

    /// Who asked to go to the last step at once.
    #[must_use]
    pub fn promote_now(&self) -> Option<&Asked> {
        self.at(self.place_of(Wish::PromoteNow))
    }

    /// Who declared an emergency.
    #[must_use]
    pub fn emergency(&self) -> Option<&Asked> {
        self.at(self.place_of(Wish::Emergency))
    }

    /// Who had the windows overridden.
    #[must_use]
    pub fn overrides_windows(&self) -> Option<&Asked> {
        self.at(self.place_of(Wish::OverrideWindows))
    }

    /// The place of a wish that stands already, so that asking it changes nothing.
    #[must_use]
    pub fn stands(&self, request: Request) -> Option<usize> {
        match request.wish {
            Wish::Pause | Wish::Resume => self
                .place_of_hold()
                .filter(|place| self.asked[*place].wish == request.wish),
            Wish::Go => request.step.and_then(|step| self.place_of_go(step)),
            Wish::SkipBake => request.step.and_then(|step| self.place_of_skip(step)),
            Wish::PromoteNow | Wish::Emergency | Wish::OverrideWindows => {
                self.place_of(request.wish)
            }
        }
    }

    /// Whether a pause was taken back at this step.
    #[must_use]
    pub fn was_resumed(&self, step: usize) -> bool {
        let is_meant = |asked: &Asked| asked.wish == Wish::Resume && asked.step == Some(step);
        self.asked.iter().any(is_meant)
    }

    fn at(&self, place: Option<usize>) -> Option<&Asked> {
        place.and_then(|place| self.asked.get(place))
    }

    fn place_of(&self, wish: Wish) -> Option<usize> {
        self.asked.iter().position(|asked| asked.wish == wish)
    }

    fn place_of_skip(&self, step: usize) -> Option<usize> {
        let is_meant = |asked: &Asked| asked.wish == Wish::SkipBake && asked.step == Some(step);
        self.asked.iter().position(is_meant)
    }

    /// The last pause or resume.
    fn place_of_hold(&self) -> Option<usize> {
        let is_about_it = |asked: &Asked| matches!(asked.wish, Wish::Pause | Wish::Resume);
        self.asked.iter().rposition(is_about_it)
    }

    /// The first go at this step. It was once asked as a resume where nothing was
    /// paused.
    fn place_of_go(&self, step: usize) -> Option<usize> {
        let mut is_paused = false;
        self.asked.iter().position(|asked| {
            let was_paused = is_paused;
            match asked.wish {
                Wish::Pause => is_paused = true,
                Wish::Resume => is_paused = false,
                _ => {}
            }
            let is_go = match asked.wish {
                Wish::Go => true,
                Wish::Resume => !was_paused,
                _ => false,
            };
            is_go && asked.step == Some(step)
        })
    }

    /// Whether this can be asked now of a rollout that stands so.
    ///
    /// # Errors
    /// With why not.
    pub fn check(
        &self,
        request: Request,
        standing: Standing<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if standing.journal.is_some_and(|journal| journal.committed) {
            return Err(Refusal::Committed);
        }
        let wish = request.wish;
        let paused = self.paused();
        let is_deploying = standing.journal.is_some_and(Journal::is_deploying);
        if is_deploying && !matches!(wish, Wish::Resume | Wish::Go | Wish::OverrideWindows) {
            return Err(Refusal::Deploying);
        }
        // Whatever holds a rollout up can be taken back.
        let frees = wish == Wish::Go || (wish == Wish::Resume && paused.is_some());
        if self.asked.len() >= MOST_WISHES && !frees {
            return Err(Refusal::TooMany);
        }
        // What hurries nothing can be asked all the same.
        let is_calm = matches!(wish, Wish::Pause | Wish::Resume | Wish::OverrideWindows);
        if let (false, Some(asked)) = (is_calm, paused) {
            let by = asked.by.clone();
            return Err(Refusal::Paused { by });
        }
        match wish {
            Wish::Pause | Wish::OverrideWindows => Ok(()),
            Wish::Resume => paused.map(drop).ok_or(Refusal::NothingToResume),
            Wish::Go => {
                standing.expect_step(request.step, Refusal::NothingToResume)?;
                self.check_go(standing, now)
            }
            Wish::SkipBake => standing.expect_step(request.step, Refusal::NotShifting),
            Wish::PromoteNow => {
                let next = standing.shifting()?.next_step();
                next.map(drop).ok_or(Refusal::AtTheLastStep)
            }
            Wish::Emergency => {
                let steps = &standing.shifting()?.steps;
                let judged = spared(steps).filter(|judged| judged + 1 < steps.len());
                judged.map(drop).ok_or(Refusal::NothingToHurry)
            }
        }
    }

    /// A person's go is an answer to what was seen: it can't come before.
    fn check_go(&self, standing: Standing<'_>, now: Timestamp) -> Result<(), Refusal> {
        let found = standing.journal.and_then(|journal| {
            let index = journal.step?;
            let step = journal.steps.get(index)?;
            Some((index, step, journal.shifted_at?))
        });
        let Some((index, step, shifted_at)) = found else {
            return Err(Refusal::NothingToResume);
        };
        if step.asks_approvers() {
            return Err(Refusal::AsksApprovers);
        }
        let Some(asks_at) = asks_at(standing.policy, step, shifted_at) else {
            return Err(Refusal::NothingToResume);
        };
        if now < asks_at && self.skip(index).is_none() {
            return Err(Refusal::StillBaking { asks_at, now });
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "controls_tests.rs"]
mod tests;
