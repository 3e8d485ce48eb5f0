//! The settings' `steps`: how traffic moves to new versions. People write a list,
//! the name of a preset or a shape; plan and journal carry the list that it
//! stands for.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::document::{LONGEST_WAIT, Problem, check_range};
use crate::presets;

/// One step of the shift.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Share of the traffic on the new version, in percent, up to 100. The first
    /// step alone may have 0: the new version stands ready, and nobody calls it.
    pub weight: f64,
    /// How long the step is watched, in seconds. 0: not watched and not judged.
    pub bake_seconds: u64,
    /// Invocations that the new version must have had before this step can pass.
    /// Left out: `judge.min_invocations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_invocations: Option<u64>,
    /// What must happen after the bake, before the next step or the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Then>,
}

/// What must happen after a step's bake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// A person says go, with `sluice resume`.
    Pause,
    /// The environment's approvers are asked once more, with `sluice approve` or on the
    /// page.
    Approval,
}

impl Step {
    /// A step that is watched for so many seconds and asks for nothing else.
    #[must_use]
    pub fn new(weight: f64, bake_seconds: u64) -> Self {
        Self {
            weight,
            bake_seconds,
            min_invocations: None,
            then: None,
        }
    }

    /// Whether the environment's approvers are asked before it is left.
    #[must_use]
    pub fn asks_approvers(&self) -> bool {
        self.then == Some(Then::Approval)
    }
}

/// The names under which presets are known.
pub fn preset_names() -> impl Iterator<Item = &'static str> {
    presets::names()
}

/// How long all traffic is watched where nothing else is said, in seconds.
pub(crate) const FINAL_BAKE: u64 = 30 * 60;

/// The steps of an environment whose settings name none.
pub(crate) fn default_steps() -> Vec<Step> {
    presets::standard()
}

/// What people may write: only for the JSON Schema. [`read`] reads it, since
/// serde's own way would not say where an error is.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes a document and is never made")]
pub(crate) enum Written {
    /// Step by step. The last step's weight must be 100; its bake is the final bake.
    List(Vec<Step>),
    /// The name of a preset: Sluice's own, or CodeDeploy's for Lambda.
    Preset(String),
    /// A shape.
    Shape(Box<Shape>),
}

/// Steps that follow a rule. Exactly one of these.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Shape {
    /// The same rise again and again.
    linear: Option<Linear>,
    /// Each step a multiple of the one before.
    exponential: Option<Exponential>,
    /// One small step, then everything.
    canary: Option<Canary>,
    /// Everything in one step.
    all_at_once: Option<AllAtOnce>,
    /// The new version stands ready and is tested; then one switch.
    blue_green: Option<BlueGreen>,
}

/// The same rise again and again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Linear {
    /// The rise of each step, in percent, 1 to 100.
    #[serde(deserialize_with = "percent")]
    percent: f64,
    /// How long each step below 100 % is watched, in seconds.
    bake_seconds: u64,
    /// Invocations of the new version before a step below 100 % can pass.
    min_invocations: Option<u64>,
    /// What must happen after each step below 100 %.
    then: Option<Then>,
    /// How long all traffic is watched, in seconds.
    #[serde(default = "final_bake")]
    final_bake_seconds: u64,
}

/// Each step a multiple of the one before.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exponential {
    /// The first step, in percent, 0.01 to 100.
    #[serde(deserialize_with = "first")]
    from: f64,
    /// By how much each step is larger than the one before, 1.1 to 100.
    #[serde(deserialize_with = "factor")]
    factor: f64,
    /// How long each step below 100 % is watched, in seconds.
    bake_seconds: u64,
    /// Invocations of the new version before a step below 100 % can pass.
    min_invocations: Option<u64>,
    /// What must happen after each step below 100 %.
    then: Option<Then>,
    /// How long all traffic is watched, in seconds.
    #[serde(default = "final_bake")]
    final_bake_seconds: u64,
}

/// One small step, then everything.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Canary {
    /// The small step, in percent, 0.01 to 100.
    #[serde(deserialize_with = "first")]
    percent: f64,
    /// How long it is watched, in seconds.
    bake_seconds: u64,
    /// Invocations of the new version before it can pass.
    min_invocations: Option<u64>,
    /// What must happen after it.
    then: Option<Then>,
    /// How long all traffic is watched, in seconds.
    #[serde(default = "final_bake")]
    final_bake_seconds: u64,
}

/// Everything in one step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllAtOnce {
    /// How long all traffic is watched, in seconds.
    #[serde(default = "final_bake")]
    final_bake_seconds: u64,
}

/// The new version stands ready and is tested; then one switch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlueGreen {
    /// What must happen before the switch, once the new version is tested.
    then: Option<Then>,
    /// How long all traffic is watched, in seconds. Rolling back is one switch.
    #[serde(default = "final_bake")]
    final_bake_seconds: u64,
}

fn final_bake() -> u64 {
    FINAL_BAKE
}

impl Shape {
    /// The steps that it stands for. None: it names no shape, or several.
    fn expand(&self) -> Option<Vec<Step>> {
        let shapes = [
            self.linear.as_ref().map(Linear::expand),
            self.exponential.as_ref().map(Exponential::expand),
            self.canary.as_ref().map(Canary::expand),
            self.all_at_once.as_ref().map(AllAtOnce::expand),
            self.blue_green.as_ref().map(BlueGreen::expand),
        ];
        let mut named = shapes.into_iter().flatten();
        named.next().filter(|_| named.next().is_none())
    }
}

impl Linear {
    fn expand(&self) -> Vec<Step> {
        let weights = (1_u32..).map(|step| f64::from(step) * self.percent);
        let each = (self.bake_seconds, self.min_invocations, self.then);
        rising(weights, each, self.final_bake_seconds)
    }
}

impl Exponential {
    fn expand(&self) -> Vec<Step> {
        let weights = std::iter::successors(Some(self.from), |weight| Some(weight * self.factor));
        let each = (self.bake_seconds, self.min_invocations, self.then);
        rising(weights, each, self.final_bake_seconds)
    }
}

impl Canary {
    fn expand(&self) -> Vec<Step> {
        let each = (self.bake_seconds, self.min_invocations, self.then);
        rising(std::iter::once(self.percent), each, self.final_bake_seconds)
    }
}

impl AllAtOnce {
    fn expand(&self) -> Vec<Step> {
        vec![Step::new(100.0, self.final_bake_seconds)]
    }
}

impl BlueGreen {
    fn expand(&self) -> Vec<Step> {
        let ready = self.then.map(|then| Step {
            then: Some(then),
            ..Step::new(0.0, 0)
        });
        let switch = Step::new(100.0, self.final_bake_seconds);
        ready.into_iter().chain([switch]).collect()
    }
}

/// Weights that end below 100 %, one step each, and then everything.
pub(crate) fn rising(
    weights: impl Iterator<Item = f64>,
    (bake_seconds, min_invocations, then): (u64, Option<u64>, Option<Then>),
    final_bake_seconds: u64,
) -> Vec<Step> {
    // A rise by thirds is not to leave a step at 99.99999999999999 %.
    let weights = weights.map(|weight| (weight * 1e6).round() / 1e6);
    let below = weights.take_while(|weight| *weight < 100.0);
    let steps = below.map(|weight| Step {
        weight,
        bake_seconds,
        min_invocations,
        then,
    });
    steps
        .chain([Step::new(100.0, final_bake_seconds)])
        .collect()
}

fn within<'de, D: Deserializer<'de>>(reader: D, least: f64, most: f64) -> Result<f64, D::Error> {
    let found = f64::deserialize(reader)?;
    if found >= least && found <= most {
        Ok(found)
    } else {
        let message = format!("found {found}; expected {least} to {most}");
        Err(de::Error::custom(message))
    }
}

fn percent<'de, D: Deserializer<'de>>(reader: D) -> Result<f64, D::Error> {
    within(reader, 1.0, 100.0)
}

fn first<'de, D: Deserializer<'de>>(reader: D) -> Result<f64, D::Error> {
    within(reader, 0.01, 100.0)
}

fn factor<'de, D: Deserializer<'de>>(reader: D) -> Result<f64, D::Error> {
    within(reader, 1.1, 100.0)
}

/// Reads what people write. What stands there says which of the three it is, so
/// that an error is that one's and has its path.
pub(crate) fn read<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<Step>, D::Error> {
    reader.deserialize_any(Steps)
}

struct Steps;

impl<'de> Visitor<'de> for Steps {
    type Value = Vec<Step>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of steps, the name of a preset, or an object with one shape")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<Step>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Vec<Step>, E> {
        presets::steps(name).ok_or_else(|| {
            let known = presets::names().collect::<Vec<_>>().join(", ");
            E::custom(format!("found `{name}`; expected one of {known}"))
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, shape: A) -> Result<Vec<Step>, A::Error> {
        let shape = Shape::deserialize(MapAccessDeserializer::new(shape))?;
        shape.expand().ok_or_else(|| {
            de::Error::custom(
                "found no shape, or several; expected exactly one of `linear`, `exponential`, \
                 `canary`, `all_at_once` and `blue_green`",
            )
        })
    }
}

/// Finds what is wrong with steps by themselves.
pub(crate) fn check(steps: &[Step], problems: &mut Vec<Problem>) {
    let mut before = None;
    for (index, step) in steps.iter().enumerate() {
        let path = format!("steps[{index}]");
        let rises = before.map_or(step.weight >= 0.0, |before| step.weight > before);
        if !(rises && step.weight <= 100.0) {
            let least = before.map_or("0".to_owned(), |before| format!("more than {before}"));
            let message = format!("found {}; expected {least} and at most 100", step.weight);
            problems.push(Problem::new(format!("{path}.weight"), message));
        }
        before = Some(step.weight);
        let bake = format!("{path}.bake_seconds");
        check_range(&bake, step.bake_seconds, 0, LONGEST_WAIT, problems);
        if step.weight <= 0.0 && (step.bake_seconds > 0 || step.min_invocations.is_some()) {
            let message = "nobody calls the new version at 0 %; expected a `bake_seconds` of 0 and no \
                           `min_invocations`: there is nothing to judge";
            problems.push(Problem::new(path, message));
        }
    }
    if steps.last().is_none_or(|last| last.weight < 100.0) {
        let message = "the last step's weight is not 100; expected a shift that ends";
        problems.push(Problem::new("steps", message));
    }
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
