//! The findings of a report that is being read.

use sluice_domain::evidence::{Finding, Findings};

use crate::text::brief;
use crate::{Error, MOST};

/// What was read so far.
#[derive(Default)]
pub(crate) struct Kept {
    findings: Vec<Finding>,
    /// How many the report calls suppressed.
    pub(crate) suppressed: u64,
}

impl Kept {
    /// One more, with its texts cut.
    pub(crate) fn add(&mut self, finding: Finding) -> Result<(), Error> {
        if self.findings.len() == MOST {
            return Err(Error::TooMany("findings"));
        }
        let id = match finding.id.trim() {
            "" => "(no id)".to_owned(),
            id => brief(id),
        };
        self.findings.push(Finding {
            id,
            severity: finding.severity,
            place: brief(&finding.place),
            title: brief(&finding.title),
        });
        Ok(())
    }
}

impl From<Kept> for Findings {
    fn from(kept: Kept) -> Self {
        Self {
            findings: kept.findings,
            suppressed: kept.suppressed,
        }
    }
}
