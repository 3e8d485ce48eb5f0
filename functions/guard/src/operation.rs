//! What is done to a database instead of releasing code: of which release, by whom, and
//! whether older code has rested for long enough.

use jiff::Timestamp;
use sluice_domain::may::Deed;
use sluice_domain::migrations::{ContractPolicy, Operation, Subject};
use sluice_domain::path::stays;
use sluice_domain::promotion::{Promotion, PromotionId};
use sluice_domain::settings::Settings;

use crate::path::place_of;
use crate::{Error, Guard, Ports};

/// An operation that may begin.
pub(crate) struct Admitted {
    pub(crate) operation: Operation,
    /// Since when its release serves. None: it does not.
    since: Option<Timestamp>,
    /// The version that serves.
    pub(crate) serves: Option<String>,
}

impl<P: Ports> Guard<P> {
    /// What a promotion does instead of releasing code, if it may. None: it releases code.
    pub(crate) async fn admitted(&self, promotion: &Promotion) -> Result<Option<Admitted>, Error> {
        let id = &promotion.id;
        let attempt = self.ports.attempt(id).await?;
        let principal = (attempt.as_ref()).and_then(|attempt| attempt.principal.clone());
        let Some(operation) = attempt.and_then(|attempt| attempt.operation) else {
            return Ok(None);
        };
        let path = self.ports.path(&id.application).await?;
        let place = place_of(&path, id)?;
        (path[place].may).allow(Deed::Start, &id.environment, principal.as_ref())?;
        let promotions = self.promotions_as_they_stand(id).await?;
        let stays = stays(&promotions, &id.environment);
        let since = operation.admit(subject(promotion), &stays)?;
        let serves = stays.last();
        Ok(Some(Admitted {
            operation,
            since,
            serves: serves.map(|stay| stay.promotion.version.to_string()),
        }))
    }

    /// Nothing is taken away while older code may use it.
    pub(crate) async fn refuse_while_old_code_runs(
        &self,
        promotion: &Promotion,
        settings: &Settings,
        admitted: &Admitted,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (Operation::Contract {}, Some(since)) = (&admitted.operation, admitted.since) else {
            return Ok(());
        };
        let database = settings.database.as_ref();
        let policy = database.map_or_else(ContractPolicy::default, |one| one.contract.clone());
        let role = settings.role.as_ref();
        let calls = match policy.idle_seconds {
            0 => Vec::new(),
            _ => {
                let between = (policy.since(now), now);
                let calls = self.ports.old_calls(role, &promotion.id, between);
                calls.await?
            }
        };
        Ok(policy.admit(subject(promotion), since, calls, now)?)
    }

    /// Whether alarms and budgets hold it up: not what goes back.
    pub(crate) async fn is_let_off(&self, id: &PromotionId) -> Result<bool, Error> {
        let attempt = self.ports.attempt(id).await?;
        let restores = |operation: &Operation| matches!(operation, Operation::Restore { .. });
        let operation = attempt.and_then(|attempt| attempt.operation);
        if operation.as_ref().is_some_and(restores) {
            return Ok(true);
        }
        self.goes_back(id).await
    }
}

fn subject(promotion: &Promotion) -> Subject<'_> {
    Subject {
        version: &promotion.id.version,
        digest: &promotion.bundle.digest,
        environment: &promotion.id.environment,
    }
}
