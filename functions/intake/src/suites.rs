//! Runs of an environment's test suites, on a schedule or because somebody asks.

use jiff::Timestamp;
use sluice_domain::caller::Principal;
use sluice_domain::may::Deed;
use sluice_domain::naming::test_execution;
use sluice_domain::test_run::TestRun;

use crate::request::Test;
use crate::{Attempts, Bundles, Catalogue, Error, Intake, Machine, Outcome, Output, Record, enter};

impl<B: Bundles, C: Catalogue, A: Attempts, M: Machine, L: Record> Intake<B, C, A, M, L> {
    /// Starts a run of suites against what serves in an environment, for a schedule or for
    /// who may operate there. What there is to test, if anything, is found out in it.
    pub(crate) async fn test(
        &self,
        test: Test,
        caller: Option<&Principal>,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let requested_by = test.by(caller);
        let is_scheduled = caller.is_none() && test.requested_by.is_none();
        let Test {
            application,
            environment,
            ..
        } = test;
        let path = self.catalogue.path(&application).await?;
        if path.is_empty() {
            return Err(Error::UnknownApplication(application));
        }
        let mut places = path.iter();
        let Some(place) = places.find(|place| place.environment == environment) else {
            return Err(enter::unknown("test.environment", &[environment], &path));
        };
        if !is_scheduled {
            (place.may).allow(Deed::Operate, &environment, caller)?;
        }
        let run = TestRun {
            application,
            environment,
            minute: minute_of(now),
            requested_by,
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
