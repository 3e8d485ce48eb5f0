//! Promotions that wait for their time.

use sluice_domain::controls::{Asked, Controls, Wish};
use sluice_domain::promotion::PromotionId;
use sluice_domain::start::Waiting;
use sluice_platform::store::StoreError;

use super::{Touch, World, at, id};
use crate::ports::Waits;

impl World {
    /// Has an operator ask for something.
    pub(crate) fn wish(&self, version: &str, wish: Wish) {
        let asked = Asked {
            wish,
            by: "ada".to_owned(),
            reason: "customers can't pay".to_owned(),
            at: at(0),
            step: None,
        };
        let mut state = self.0.borrow_mut();
        let controls = state.controls.entry(id(version)).or_default();
        controls.asked.push(asked);
    }
}

impl Waits for World {
    async fn waiting_of(&self, id: &PromotionId) -> Result<Option<Waiting>, StoreError> {
        let touch = Touch::Reads(format!("waiting of {id}"));
        self.turn_for("waiting_of", touch).await?;
        Ok(self.0.borrow().scheduled.get(id).cloned())
    }

    async fn keep_waiting(&self, id: &PromotionId, waiting: &Waiting) -> Result<(), StoreError> {
        let touch = Touch::Writes(format!("waiting of {id}"));
        self.turn_for("keep_waiting", touch).await?;
        let mut state = self.0.borrow_mut();
        state.scheduled.insert(id.clone(), waiting.clone());
        Ok(())
    }

    async fn controls(&self, id: &PromotionId) -> Result<Controls, StoreError> {
        self.turn_for("controls", Touch::Nothing).await?;
        let state = self.0.borrow();
        Ok(state.controls.get(id).cloned().unwrap_or_default())
    }
}
