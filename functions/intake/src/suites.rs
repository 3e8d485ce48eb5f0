//! Runs of an environment's test suites, on a schedule or because somebody asks.

use jiff::Timestamp;
use sluice_domain::naming::test_execution;
use sluice_domain::test_run::TestRun;

use crate::request::Test;
use crate::{Attempts, Bundles, Catalogue, Error, Intake, Machine, Outcome, Output, Record, enter};

impl<B: Bundles, C: Catalogue, A: Attempts, M: Machine, L: Record> Intake<B, C, A, M, L> {
    /// Starts a run of suites against what serves in an environment. What there is to test,
    /// if anything, is found out in it.
    pub(crate) async fn test(&self, test: Test, now: Timestamp) -> Result<Output, Error> {
        let Test {
            application,
            environment,
            requested_by,
        } = test;
        let path = self.catalogue.path(&application).await?;
        if path.is_empty() {
            return Err(Error::UnknownApplication(application));
        }
        if !path.iter().any(|place| place.environment == environment) {
            return Err(enter::unknown("test.environment", &[environment], &path));
        }
        let run = TestRun {
            application,
            environment,
            minute: minute_of(now),
            requested_by: requested_by.unwrap_or_else(|| "schedule".to_owned()),
        };
        let name = test_execution(&run);
        let is_new = self.machine.test(&name, &run).await?;
        let outcome = match is_new {
            true => Outcome::Started,
            false => Outcome::Duplicate,
        };
        let whether = match is_new {
            true => "started",
            false => "had started already",
        };
        let message = format!(
            "run {} of the suites of {} in {} {whether}",
            run.name(),
            run.application,
            run.environment
        );
        Ok(Output {
            execution_arn: Some(self.machine.arn_of_test(&name)),
            application: Some(run.application),
            outcome,
            ..Output::ignored(message)
        })
    }
}

/// Asked again within a minute it is the same run: events may arrive twice.
fn minute_of(now: Timestamp) -> Timestamp {
    let seconds = now.as_second().div_euclid(60) * 60;
    Timestamp::from_second(seconds).unwrap_or(now)
}
