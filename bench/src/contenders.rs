//! Who takes part, each with one setting for all cells.

use sluice_domain::settings::Settings;

use crate::peers::argo::{self, Argo};
use crate::peers::codedeploy::{Alarms, CodeDeploy, Schedule};
use crate::peers::fisher::Fisher;
use crate::peers::flagger::Flagger;
use crate::peers::kayenta::Kayenta;
use crate::seen::Judge;
use crate::sluice::Sluice;

/// The name of Sluice's judge.
pub const SLUICE: &str = "sluice";

/// One way to take a release into production.
pub struct Contender {
    /// Its name in the report.
    pub name: &'static str,
    /// What was set, in a sentence.
    pub setting: &'static str,
    /// Where that is documented.
    pub source: &'static str,
    /// Whether it is not Sluice.
    pub is_peer: bool,
    /// Whether it looks at how long calls take.
    pub watches_latency: bool,
    start: Box<dyn Fn() -> Box<dyn Judge> + Sync>,
}

impl Contender {
    /// A judge for one rollout.
    #[must_use]
    pub fn start(&self) -> Box<dyn Judge> {
        (self.start)()
    }
}

/// All of them. Sluice is the first, with these settings.
#[must_use]
pub fn all(settings: &Settings) -> Vec<Contender> {
    let mut contenders = vec![sluice(settings)];
    contenders.extend(codedeploy());
    contenders.extend(argo());
    contenders.extend(others());
    contenders
}

fn sluice(settings: &Settings) -> Contender {
    let settings = settings.clone();
    Contender {
        name: SLUICE,
        setting: "all defaults: 10 % and 50 % for 10 min each, 100 % for 30 min",
        source: "docs/settings.md",
        is_peer: false,
        watches_latency: true,
        start: Box::new(move || Box::new(Sluice::new(&settings))),
    }
}

fn codedeploy() -> Vec<Contender> {
    use Alarms::{Above, AnyError};
    use Schedule::{Canary10Percent5Minutes as Canary, Linear10PercentEvery1Minute as Linear};
    let deployment = |name, setting, schedule, alarms| Contender {
        name,
        setting,
        source: "AWS CodeDeploy User Guide, Lambda deployment configurations; \
                 AWS SAM, docs/safe_lambda_deployments.rst",
        is_peer: true,
        watches_latency: false,
        start: Box::new(move || Box::new(CodeDeploy::new(schedule, alarms))),
    };
    vec![
        deployment(
            "codedeploy-canary-any",
            "LambdaCanary10Percent5Minutes; alarms: Errors > 0 in 2 minutes, alias and version",
            Canary,
            AnyError,
        ),
        deployment(
            "codedeploy-canary-1%",
            "LambdaCanary10Percent5Minutes; alarm: more than 1 % errors in 2 minutes",
            Canary,
            Above(0.01),
        ),
        deployment(
            "codedeploy-canary-5%",
            "LambdaCanary10Percent5Minutes; alarm: more than 5 % errors in 2 minutes",
            Canary,
            Above(0.05),
        ),
        deployment(
            "codedeploy-linear-any",
            "LambdaLinear10PercentEvery1Minute; alarms: Errors > 0 in 2 minutes, alias and version",
            Linear,
            AnyError,
        ),
        deployment(
            "codedeploy-linear-1%",
            "LambdaLinear10PercentEvery1Minute; alarm: more than 1 % errors in 2 minutes",
            Linear,
            Above(0.01),
        ),
        deployment(
            "codedeploy-linear-5%",
            "LambdaLinear10PercentEvery1Minute; alarm: more than 5 % errors in 2 minutes",
            Linear,
            Above(0.05),
        ),
    ]
}

fn argo() -> Vec<Contender> {
    let rollout = |name, setting, source, analysis| Contender {
        name,
        setting,
        source,
        is_peer: true,
        watches_latency: false,
        start: Box::new(move || Box::new(Argo::new(analysis))),
    };
    vec![
        rollout(
            "argo-example",
            "20/40/60/80 % for 10 min each; from 40 % on success >= 95 % every 5 min, failureLimit 3",
            "Argo Rollouts, docs/features/analysis.md, Background Analysis",
            argo::EXAMPLE,
        ),
        rollout(
            "argo-defaults",
            "20/40/60/80 % for 10 min each; success >= 95 % every 5 min, failureLimit 0",
            "Argo Rollouts, docs/features/analysis.md, with the default limits",
            argo::DEFAULTS,
        ),
        rollout(
            "argo-cloudwatch",
            "20/40/60/80 % for 10 min each; errors <= 1 % in all of 15 min every min, failureLimit 3",
            "Argo Rollouts, docs/analysis/cloudwatch.md",
            argo::CLOUDWATCH,
        ),
    ]
}

fn others() -> Vec<Contender> {
    vec![
        Contender {
            name: "flagger",
            setting: "5 % a minute to 50 %; success >= 99 %, p99 <= 500 ms; 10 failed checks",
            source: "Flagger, docs/gitbook/usage/how-it-works.md and metrics.md",
            is_peer: true,
            watches_latency: true,
            start: Box::new(|| Box::new(Flagger::default())),
        },
        Contender {
            name: "kayenta",
            setting: "10 % for 3 h, a run each hour; NetflixACAJudge on errors and latency, 75 and 95",
            source: "Spinnaker, How canary judgment works; Best practices for configuring canary",
            is_peer: true,
            watches_latency: true,
            start: Box::new(|| Box::new(Kayenta::default())),
        },
        Contender {
            name: "fisher-fixed",
            setting: "10 % for 10 min, then one one-sided exact test at 1 %",
            source: "Fisher 1935",
            is_peer: true,
            watches_latency: false,
            start: Box::new(|| Box::new(Fisher::at_the_end())),
        },
        Contender {
            name: "fisher-peeking",
            setting: "10 % for 10 min, the same test at 1 % every minute",
            source: "Fisher 1935, misused",
            is_peer: true,
            watches_latency: false,
            start: Box::new(|| Box::new(Fisher::peeking())),
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sluice::default_settings;

    #[test]
    fn sluice_is_the_first_and_every_name_stands_once() {
        let contenders = all(&default_settings().expect("defaults"));
        assert_eq!(contenders[0].name, SLUICE);
        let names: BTreeSet<_> = contenders.iter().map(|contender| contender.name).collect();
        assert_eq!(names.len(), contenders.len());
    }

    #[test]
    fn every_contender_says_its_setting_and_its_source() {
        for contender in all(&default_settings().expect("defaults")) {
            assert!(!contender.setting.is_empty() && !contender.source.is_empty());
        }
    }
}
