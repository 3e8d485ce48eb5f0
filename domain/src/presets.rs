//! Steps that have a name.
//!
//! CodeDeploy's are its predefined configurations for Lambda, as the AWS
//! CodeDeploy User Guide lists them under "Deployment configurations on an AWS
//! Lambda compute platform". CodeDeploy is done when all traffic has moved; here
//! all traffic is watched on for the final bake that everything else has, too.

use crate::steps::{FINAL_BAKE, Step, rising};

const MINUTE: u64 = 60;

/// A name, and the steps that it stands for.
type Preset = (&'static str, fn() -> Vec<Step>);

/// Sluice's own, and the names under which CodeDeploy knows its own without
/// `CodeDeployDefault.Lambda`, as `DeploymentPreference` of SAM spells them.
const PRESETS: [Preset; 13] = [
    ("standard", standard),
    ("careful", careful),
    ("quick", quick),
    ("blue-green", all_at_once),
    ("AllAtOnce", all_at_once),
    ("Canary10Percent5Minutes", || canary(5)),
    ("Canary10Percent10Minutes", || canary(10)),
    ("Canary10Percent15Minutes", || canary(15)),
    ("Canary10Percent30Minutes", || canary(30)),
    ("Linear10PercentEvery1Minute", || linear(1)),
    ("Linear10PercentEvery2Minutes", || linear(2)),
    ("Linear10PercentEvery3Minutes", || linear(3)),
    ("Linear10PercentEvery10Minutes", || linear(10)),
];

/// The names that there are.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The steps of this name, CodeDeploy's with or without what it puts before it.
pub(crate) fn steps(name: &str) -> Option<Vec<Step>> {
    let short = name.strip_prefix("CodeDeployDefault.").unwrap_or(name);
    let short = short.strip_prefix("Lambda").unwrap_or(short);
    let is_codedeploys = |name: &str| name.starts_with(char::is_uppercase);
    let mut found = PRESETS.iter().filter(|(preset, _)| *preset == short);
    let (preset, steps) = found.next()?;
    (*preset == name || is_codedeploys(preset)).then(steps)
}

pub(crate) fn standard() -> Vec<Step> {
    up(&[10.0, 50.0], 10 * MINUTE, FINAL_BAKE)
}

fn careful() -> Vec<Step> {
    up(&[1.0, 5.0, 25.0, 50.0], 15 * MINUTE, 2 * FINAL_BAKE)
}

fn quick() -> Vec<Step> {
    up(&[25.0], 5 * MINUTE, 10 * MINUTE)
}

fn all_at_once() -> Vec<Step> {
    up(&[], 0, FINAL_BAKE)
}

fn canary(minutes: u64) -> Vec<Step> {
    up(&[10.0], minutes * MINUTE, FINAL_BAKE)
}

fn linear(minutes: u64) -> Vec<Step> {
    let tens = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0];
    up(&tens, minutes * MINUTE, FINAL_BAKE)
}

fn up(weights: &[f64], bake_seconds: u64, final_bake_seconds: u64) -> Vec<Step> {
    let each = (bake_seconds, None, None);
    rising(weights.iter().copied(), each, final_bake_seconds)
}
