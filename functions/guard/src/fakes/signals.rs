//! What the guards of settings ask.

use jiff::Timestamp;
use sluice_domain::guards::{self, Calls, Checked, Guards};
use sluice_domain::migrations::{Called, OldCalls};
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Role;
use sluice_platform::fault::Fault;
use sluice_platform::guards::Function;

use super::{Touch, World};
use crate::Error;
use crate::ports::Signals;

const NO_CALLS: Calls = Calls {
    invocations: 0.0,
    errors: 0.0,
};

impl Signals for World {
    async fn signals(
        &self,
        _: Option<&Role>,
        _: &PromotionId,
        asked: &Guards,
        functions: &[Function<'_>],
        _: Timestamp,
    ) -> Result<Vec<Checked>, Fault> {
        // Parameter Store answers what CloudWatch may not.
        let operation = match asked.alarms.is_empty() && asked.error_budget.is_none() {
            true => "incident",
            false => "signals",
        };
        self.turn_for(operation, Touch::Nothing).await?;
        let state = self.0.borrow();
        let incident = asked.incident_parameter.iter();
        let incident = incident.map(|name| guards::incident(name, state.incident.as_deref()));
        let alarms = asked.alarms.iter();
        let alarms = alarms.map(|name| guards::alarm(name, state.alarms.get(name).copied()));
        let budgets = asked.error_budget.iter().flat_map(|budget| {
            functions.iter().map(|function| {
                let calls = state.calls.get(function.name).copied();
                guards::error_budget(budget, function.name, calls.unwrap_or(NO_CALLS))
            })
        });
        Ok(incident.chain(alarms).chain(budgets).collect())
    }

    async fn old_calls(
        &self,
        _: Option<&Role>,
        _: &PromotionId,
        _: (Timestamp, Timestamp),
    ) -> Result<Vec<OldCalls>, Error> {
        self.turn_for("old_calls", Touch::Nothing).await?;
        let told = OldCalls {
            function: "shop-checkout".to_owned(),
            called: Called::Version("1".to_owned()),
            calls: self.0.borrow().old_calls,
        };
        Ok(vec![told])
    }
}
