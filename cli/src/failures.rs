//! Failures in a row: whoever looks again and again bears some, since a rollout takes
//! long and connections break.

use crate::error::{Error, Result};

/// Counts looks that failed in a row.
#[derive(Debug)]
pub(crate) struct Failures {
    most: usize,
    in_a_row: usize,
}

impl Failures {
    /// Bears fewer than this many in a row.
    #[must_use]
    pub(crate) fn fewer_than(most: usize) -> Self {
        Self { most, in_a_row: 0 }
    }

    /// Takes in a look: what it saw, or how it failed if another one may succeed.
    ///
    /// # Errors
    /// With the failure that is not borne: it would not pass, or is one too many.
    pub(crate) fn bear<T>(&mut self, look: Result<T>) -> Result<Result<T>> {
        let error = match look {
            Ok(seen) => {
                self.in_a_row = 0;
                return Ok(Ok(seen));
            }
            Err(error) => error,
        };
        self.in_a_row += 1;
        let is_passing = matches!(error, Error::Fault(_) | Error::Store(_));
        if is_passing && self.in_a_row < self.most {
            Ok(Err(error))
        } else {
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_platform::fault::Fault;

    use super::*;

    fn fault() -> Result<()> {
        Err(Fault::other("cloudwatch:GetMetricData", "connection reset").into())
    }

    #[test]
    fn failures_are_borne_until_there_are_too_many_in_a_row() {
        let mut failures = Failures::fewer_than(3);
        for _ in 0..2 {
            assert!(failures.bear(fault()).is_ok());
            assert!(failures.bear(fault()).is_ok());
            assert!(matches!(failures.bear(Ok(())), Ok(Ok(()))));
        }
        assert!(failures.bear(fault()).is_ok());
        assert!(failures.bear(fault()).is_ok());
        assert!(failures.bear(fault()).is_err());
    }

    #[test]
    fn what_will_not_pass_is_not_borne() {
        let mut failures = Failures::fewer_than(3);
        let absent = Err::<(), _>(Error::Absent("there is no alias live".to_owned()));
        assert!(failures.bear(absent).is_err());
    }
}
