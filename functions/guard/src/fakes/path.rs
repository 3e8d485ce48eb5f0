//! The way of releases through environments, in memory.

use sluice_domain::path::Place;
use sluice_domain::promotion::PromotionId;
use sluice_platform::store::{Release, StoreError};

use super::{Touch, World, at, read_settings};
use crate::Error;
use crate::ports::Paths;

impl Paths for World {
    async fn path(&self, _: &str) -> Result<Vec<Place>, Error> {
        self.turn_for("path", Touch::Nothing).await?;
        let state = self.0.borrow();
        let place = |environment: &str, entry, may| Place {
            environment: environment.to_owned(),
            entry,
            may,
        };
        let before = state.before.iter();
        let mut path: Vec<_> = before
            .map(|before| place(before, Default::default(), Default::default()))
            .collect();
        let settings = read_settings(&state.settings)?;
        path.push(place("prod", settings.entry, settings.may));
        Ok(path)
    }

    async fn attempt(&self, id: &PromotionId) -> Result<Option<Release>, StoreError> {
        self.turn_for("attempt", Touch::Nothing).await?;
        let state = self.0.borrow();
        let Some((promotion, _)) = state.promotions.get(id) else {
            return Ok(None);
        };
        let mut environments = Vec::new();
        if state.attempts_begin_earlier {
            environments.clone_from(&state.before);
        }
        environments.push(id.environment.clone());
        Ok(Some(Release {
            application: id.application.clone(),
            version: id.version.clone(),
            bundle: promotion.bundle.clone(),
            attempt: id.attempt,
            environments,
            rollback: state.rollbacks.contains(id),
            operation: state.operations.get(id).cloned(),
            execution_arn: "release".to_owned(),
            requested_by: "ada".to_owned(),
            principal: state.principal.clone(),
            requested_at: at(0),
        }))
    }
}
