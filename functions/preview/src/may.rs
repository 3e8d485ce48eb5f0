//! Who may have a preview removed: who may start one.

use sluice_domain::caller::Principal;
use sluice_domain::may::{Deed, May};
use sluice_domain::preview::PreviewOf;

use crate::{Documents, Error, Open, PreviewName, Promotions, Record, Remover};

impl<D: Documents, P: Promotions, A: Open, L: Record> Remover<D, P, A, L> {
    /// Asks the settings of the environment that the preview is derived from, as they are
    /// now; where these are gone, what the preview got of them.
    pub(crate) async fn refuse_unless_may(
        &self,
        named: &PreviewName,
        preview: &PreviewOf,
        own: &May,
        caller: Option<&Principal>,
    ) -> Result<(), Error> {
        let environment = &preview.environment;
        let base = PreviewName {
            application: named.application.clone(),
            preview: environment.clone(),
        };
        let base = self.documents.find(&base).await?;
        let may = base.as_ref().map_or(own, |settings| &settings.may);
        Ok(may.allow(Deed::RemovePreview, environment, caller)?)
    }
}
