//! The plan's probes: made once a look, and kept with how often they failed in a row.

use jiff::Timestamp;
use sluice_domain::judge::{JudgePolicy, Signal};
use sluice_domain::promotion::PromotionId;

use crate::{Error, Functions, Judge, Metrics, Records, Verdicts};

impl<R: Records, M: Metrics, F: Functions, L: Verdicts> Judge<R, M, F, L> {
    /// What the probes say at this look. A look that is repeated goes by what was
    /// found the first time. Probes that can't be made are not known to be well.
    pub(crate) async fn probe(
        &self,
        id: &PromotionId,
        policy: &JudgePolicy,
        (since, look): (Timestamp, u64),
    ) -> Result<Vec<Signal>, Error> {
        let probes = &policy.probes;
        if probes.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.records.probing(id).await?;
        if before.is_of(since, look) {
            return Ok(before.signals(probes));
        }
        let probing = match self.functions.probe(id).await {
            Ok(found) => before.after(since, look, found),
            Err(fault) => before.after_fault(since, look, probes, &fault.to_string()),
        };
        self.records.keep(id, &probing).await?;
        Ok(probing.signals(probes))
    }
}
