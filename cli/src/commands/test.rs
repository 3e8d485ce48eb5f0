//! `sluice test`: runs the test suites of an environment that run on a schedule, now, and
//! shows what they found.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use sluice_domain::ledger::{Entry, Kind};
use sluice_domain::test_run::TestOutcome;

use crate::context::{Context, Global};
use crate::entries;
use crate::error::{Error, Exit, Result};
use crate::failures::Failures;
use crate::function;
use crate::intake::Answer;
use crate::paint::Output;
use crate::reader::Reader;

/// How long between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// How many looks in a row may fail before following ends.
const PATIENCE: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The application
    application: String,
    /// The environment
    environment: String,
    /// Return once the run has started
    #[arg(long)]
    no_follow: bool,
}

/// What `intake` is asked.
#[derive(Serialize)]
struct Request {
    test: Test,
}

#[derive(Serialize)]
struct Test {
    application: String,
    environment: String,
    requested_by: String,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let context = Context::load(global).await?;
        let reader = context.reader()?;
        let chain = format!("suites/{}/{}", self.application, self.environment);
        let request = Request {
            test: Test {
                application: self.application,
                environment: self.environment,
                requested_by: context.caller().await,
            },
        };
        let intake = context.resources.intake_function()?;
        let answer: Answer = function::ask(&context.config, intake, &request).await?;
        output.line(&answer.message)?;
        let arn = answer.execution_arn.clone().unwrap_or_default();
        if self.no_follow {
            output.answer(&answer, |_| vec![format!("it runs as {arn}")])?;
            return Ok(Exit::Ok);
        }
        let found = followed(&reader, &chain, &arn).await?;
        let document = json!({"chain": chain, "execution_arn": arn, "entries": found});
        output.answer(&document, |style| {
            let lines = found.iter().map(|entry| entries::line(entry, style));
            lines.collect()
        })?;
        Ok(exit_of(&found))
    }
}

/// What the ledger says of a run, once that is over.
async fn followed(reader: &Reader, chain: &str, arn: &str) -> Result<Vec<Entry>> {
    // An execution's name ends with the run's.
    let run = arn.rsplit('-').next().unwrap_or_default();
    let mut failures = Failures::fewer_than(PATIENCE);
    loop {
        // In this order: a run that is over has said all that it says.
        let look = async {
            let standing = reader.executions.standing(arn).await?;
            let entries = reader.ledger.entries(chain, 0).await?;
            Ok((standing.is_some_and(|standing| standing.runs()), entries))
        };
        if let Ok((runs, mut entries)) = failures.bear(look.await)? {
            entries.retain(|entry| entry.event.facts["run"] == run);
            if end_of(&entries).is_some() {
                return Ok(entries);
            }
            if !runs {
                return Err(Error::Absent(format!(
                    "the run ended without a word in the ledger: look at the execution {arn}"
                )));
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// How a run ended, if it has.
fn end_of(entries: &[Entry]) -> Option<TestOutcome> {
    let mut ends = entries.iter();
    let end = ends.rfind(|entry| entry.event.kind == Kind::SuitesEnded)?;
    serde_json::from_value(end.event.facts["outcome"].clone()).ok()
}

/// The status that tells of a run: one that was set aside found out nothing.
fn exit_of(entries: &[Entry]) -> Exit {
    match end_of(entries) {
        Some(TestOutcome::Passed) => Exit::Ok,
        Some(TestOutcome::Failed) => Exit::RolledBack,
        Some(TestOutcome::SetAside) => Exit::Inconclusive,
        None => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::samples::entry;

    #[test]
    fn the_last_end_of_a_run_decides_what_the_command_exits_with() {
        let ended = |outcome: &str| entry(2, Kind::SuitesEnded, json!({ "outcome": outcome }));
        let ran = entry(1, Kind::SuiteRan, json!({"suite": "orders"}));
        for (outcome, exit) in [
            ("passed", Exit::Ok),
            ("failed", Exit::RolledBack),
            ("set_aside", Exit::Inconclusive),
        ] {
            assert_eq!(exit_of(&[ran.clone(), ended(outcome)]), exit);
        }
        assert_eq!(exit_of(&[ran]), Exit::Failed);
    }
}
