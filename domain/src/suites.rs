//! Test suites of an environment: what else than Sluice tests a release, before
//! callers reach it and once they do.
//!
//! A Lambda function, a state machine or a CodeBuild project runs them, and says
//! what it found in a report. `rollout` starts them one after the other, and `suites`
//! those that run on a schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::document::{Problem, check_name, check_range};
use crate::journal::{Published, Versions};
use crate::naming::suite_execution;
use crate::promotion::PromotionId;

/// So many suites fit well into the history of one execution.
const MOST: usize = 20;

/// Lambda ends a function after so many seconds:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>.
const LONGEST_FUNCTION: u64 = 900;

/// How long anything else may run, in seconds: a promotion waits, with its locks.
const LONGEST: u64 = 4 * 3_600;

/// How long anything else may run where nobody says, in seconds.
const UNLESS_SAID: u64 = 3_600;

/// What a report's place has to hold: the run's name stands there, so that what a run
/// before left is never read for this one's.
const RUN: &str = "{run}";

/// A test suite that runs in an environment when a release enters it, or on a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// How the ledger and messages call it.
    pub name: String,
    /// When it runs.
    pub stage: Stage,
    /// The Lambda function that runs it: its name or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The state machine that runs it: its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine: Option<String>,
    /// The CodeBuild project that runs it: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// How long a run may take, in seconds. Left out: a function may take as long as
    /// Lambda lets it, the others an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// What is handed on to it beside what is being released.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
    /// Where it puts its report: `s3://bucket/key`, with `{run}` in the key. Left out:
    /// the report stands in its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

/// When a suite runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before any caller reaches the new versions.
    New,
    /// Once all callers do, before the final bake.
    Live,
    /// On a schedule, or when somebody asks: against what serves, and in no release.
    Scheduled,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Live => "live",
            Self::Scheduled => "scheduled",
        })
    }
}

/// What a rollout, or a run on a schedule, does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Runs a Lambda function.
    Function,
    /// Runs a state machine.
    StateMachine,
    /// Runs a CodeBuild project.
    Build,
    /// Takes its first step: the suites before traffic are done.
    Shift,
    /// Bakes at 100 %: the suites after it are done.
    Bake,
    /// Ends a run on a schedule.
    Done,
    /// Ends a run on a schedule in which a suite did not pass.
    Failed,
}

/// What follows in a rollout once smoke tests, or a suite, have passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Follows {
    /// What is done.
    pub next: Next,
    /// The suite that is started. Null: none is left at this stage.
    pub suite: Option<Start>,
}

/// How a state machine starts a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The suite's name.
    pub name: String,
    /// When it runs.
    pub stage: Stage,
    /// The function's name or ARN, the state machine's ARN, or the project's name.
    pub target: String,
    /// The name of a state machine's execution: the same whenever the same is asked for.
    pub execution: String,
    /// How long it is waited for, in seconds.
    pub timeout_seconds: u64,
    /// What a function or a state machine is given.
    pub input: Input,
    /// The same for a build, as its environment variables.
    pub variables: Vec<Variable>,
}

/// What a suite learns of what it tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The run's own name: `shop/prod/1.4.0/1/new/orders`; with the run's behind it where
    /// it is on a schedule.
    pub run: String,
    /// The suite's name.
    pub suite: String,
    /// When it runs.
    pub stage: Stage,
    /// The application.
    pub application: String,
    /// The environment.
    pub environment: String,
    /// The version that is released, or that serves.
    pub version: String,
    /// What to call, by the name that manifests use: the exact new version before
    /// traffic, the alias after it and on a schedule. ARNs with a qualifier.
    pub functions: BTreeMap<String, String>,
    /// Where to put the report. Null: in the answer.
    pub report: Option<String>,
    /// What the settings hand on.
    pub payload: Value,
}

/// An environment variable of a build, as `StartBuild` takes it from Step Functions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// `PLAINTEXT`: the value is no reference to a secret.
    pub r#type: String,
}

/// An object in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

impl Place {
    fn of(url: &str) -> Option<Self> {
        let (bucket, key) = url.strip_prefix("s3://")?.split_once('/')?;
        let place = Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        };
        (!bucket.is_empty() && !key.is_empty()).then_some(place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// What suites test.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The promotion.
    pub promotion: &'a PromotionId,
    /// The bundle's digest.
    pub bundle: &'a Digest,
    /// What was published.
    pub versions: &'a Versions,
    /// The name of a run on a schedule. None: a rollout tests what it releases.
    pub run: Option<&'a str>,
}

/// What follows at a stage after this suite, or after the smoke tests.
#[must_use]
pub fn follows(
    suites: &[Suite],
    stage: Stage,
    after: Option<&str>,
    subject: Subject<'_>,
) -> Follows {
    let mut of_stage = suites.iter().filter(|suite| suite.stage == stage);
    let next = match after {
        None => of_stage.next(),
        Some(after) => of_stage.skip_while(|suite| suite.name != after).nth(1),
    };
    match next {
        Some(suite) => Follows {
            next: suite.kind(),
            suite: Some(suite.start(subject)),
        },
        None => Follows {
            next: match stage {
                Stage::New => Next::Shift,
                Stage::Live => Next::Bake,
                Stage::Scheduled => Next::Done,
            },
            suite: None,
        },
    }
}

/// For people: `suite orders, run by shop-tests before traffic`.
impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = match self.stage {
            Stage::New => "before traffic",
            Stage::Live => "with all traffic",
            Stage::Scheduled => "on a schedule",
        };
        write!(f, "suite {}, run by {} {when}", self.name, self.target())
    }
}

impl Suite {
    /// What it names to run it. Settings that were checked name one thing.
    #[must_use]
    pub fn target(&self) -> &str {
        let named = [&self.function, &self.state_machine, &self.project];
        named
            .into_iter()
            .flatten()
            .next()
            .map_or("", String::as_str)
    }

    fn kind(&self) -> Next {
        match (&self.function, &self.state_machine) {
            (Some(_), _) => Next::Function,
            (None, Some(_)) => Next::StateMachine,
            (None, None) => Next::Build,
        }
    }

    /// How long a run is waited for, in seconds. Where nobody says how long a function may
    /// take, it is waited for beyond Lambda's own limit, which then ends it and says so.
    #[must_use]
    pub fn limit_seconds(&self) -> u64 {
        self.timeout_seconds.unwrap_or(match self.function {
            Some(_) => LONGEST_FUNCTION + 60,
            None => UNLESS_SAID,
        })
    }

    fn run(&self, promotion: &PromotionId, run: Option<&str>) -> String {
        let of_promotion = format!("{promotion}/{}/{}", self.stage, self.name);
        run.map_or(of_promotion.clone(), |run| format!("{of_promotion}/{run}"))
    }

    /// Where the report of its run for this promotion is, in this run on a schedule if it
    /// is one. None: in its answer.
    #[must_use]
    pub fn place(&self, promotion: &PromotionId, run: Option<&str>) -> Option<Place> {
        let report = self.report.as_ref()?;
        Place::of(&report.replace(RUN, &self.run(promotion, run)))
    }

    fn start(&self, subject: Subject<'_>) -> Start {
        let promotion = subject.promotion;
        let called = |published: &Published| match self.stage {
            Stage::New => format!("{}:{}", published.arn, published.version),
            Stage::Live | Stage::Scheduled => format!("{}:{}", published.arn, published.alias),
        };
        let functions = subject.versions.iter();
        let input = Input {
            run: self.run(promotion, subject.run),
            suite: self.name.clone(),
            stage: self.stage,
            application: promotion.application.clone(),
            environment: promotion.environment.clone(),
            version: promotion.version.to_string(),
            functions: functions
                .map(|(name, published)| (name.clone(), called(published)))
                .collect(),
            report: self
                .place(promotion, subject.run)
                .map(|place| place.to_string()),
            payload: self.payload.clone(),
        };
        Start {
            name: self.name.clone(),
            stage: self.stage,
            target: self.target().to_owned(),
            execution: suite_execution(subject, self.stage, &self.name),
            timeout_seconds: self.limit_seconds(),
            variables: variables(&input),
            input,
        }
    }

    fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        check_name(&format!("{path}.name"), &self.name, 32, problems);
        let named = [&self.function, &self.state_machine, &self.project];
        let count = named.into_iter().flatten().count();
        if count != 1 {
            let message = format!(
                "found {count} of `function`, `state_machine` and `project`; expected the one that runs it"
            );
            problems.push(Problem::new(path, message));
        }
        if count == 1 && self.target().is_empty() {
            problems.push(Problem::new(path, "names nothing; expected what runs it"));
        }
        if let Some(function) = self.function.as_ref()
            && !function.starts_with("arn:")
            && function.contains(':')
        {
            let message =
                format!("found `{function}`; expected a function's name, or its whole ARN");
            problems.push(Problem::new(format!("{path}.function"), message));
        }
        if let Some(machine) = self.state_machine.as_ref()
            && !machine.contains(":stateMachine:")
        {
            let message = format!("found `{machine}`; expected a state machine's ARN");
            problems.push(Problem::new(format!("{path}.state_machine"), message));
        }
        if let Some(seconds) = self.timeout_seconds {
            let most = match self.function {
                Some(_) => LONGEST_FUNCTION,
                None => LONGEST,
            };
            let path = format!("{path}.timeout_seconds");
            check_range(&path, seconds, 1, most, problems);
        }
        self.check_report(&format!("{path}.report"), problems);
    }

    fn check_report(&self, path: &str, problems: &mut Vec<Problem>) {
        let wrong = match &self.report {
            None if self.project.is_some() => "found none; a build answers nothing".to_owned(),
            Some(report) if !Place::of(report).is_some_and(|place| place.key.contains(RUN)) => {
                format!("found `{report}`")
            }
            None | Some(_) => return,
        };
        let expected = "expected `s3://bucket/key` with `{run}` in the key, so that each run has a report of its own";
        problems.push(Problem::new(path, format!("{wrong}; {expected}")));
    }
}

/// Those that run when a release enters.
#[must_use]
pub fn in_releases(suites: &[Suite]) -> Vec<Suite> {
    let in_releases = suites
        .iter()
        .filter(|suite| suite.stage != Stage::Scheduled);
    in_releases.cloned().collect()
}

fn variables(input: &Input) -> Vec<Variable> {
    let variable = |name: &str, value: String| Variable {
        name: name.to_owned(),
        value,
        r#type: "PLAINTEXT".to_owned(),
    };
    // What is made of text and maps of text is always JSON.
    let all = serde_json::to_string(input).unwrap_or_default();
    let report = input.report.clone().unwrap_or_default();
    vec![
        variable("SLUICE_SUITE", all),
        variable("SLUICE_REPORT", report),
    ]
}

/// Adds what is wrong with the suites of an environment.
pub(crate) fn check(suites: &[Suite], problems: &mut Vec<Problem>) {
    check_range("suites", suites.len(), 0, MOST, problems);
    let mut names = BTreeSet::new();
    for (index, suite) in suites.iter().enumerate() {
        let path = format!("suites[{index}]");
        suite.check(&path, problems);
        if !names.insert(&suite.name) {
            let message = format!("found `{}` twice; expected each once", suite.name);
            problems.push(Problem::new(format!("{path}.name"), message));
        }
    }
}

#[cfg(test)]
#[path = "suites_tests.rs"]
mod tests;
