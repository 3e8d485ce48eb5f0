//! The removal of one preview, in an order that can break off anywhere.

use serde_json::json;
use sluice_domain::caller::Principal;
use sluice_domain::ledger::Kind;
use sluice_domain::naming::is_application;
use sluice_domain::preview;
use sluice_domain::preview::removal::{Fate, Place, Removal, chain, fate, is_into, places};
use sluice_domain::settings::Settings;
use sluice_domain::text::said;

use crate::{
    Documents, Error, Functions, Open, Outcome, PreviewName, Promotions, Record, Removed, Remover,
};

impl<D: Documents, P: Promotions, A: Open, L: Record> Remover<D, P, A, L> {
    /// Removes the preview of this name, for the reason that its settings have already
    /// if they do.
    pub(crate) async fn remove_by_name(
        &self,
        named: &PreviewName,
        removal: Removal,
        caller: Option<&Principal>,
    ) -> Result<Removed, Error> {
        if !is_application(&named.application) {
            return Err(Error::NotAnApplication(named.application.clone()));
        }
        if !preview::is_name(&named.preview) {
            return Err(Error::NotAPreview(named.clone()));
        }
        let unsaid = |field| {
            move |found| Error::Unsaid {
                field,
                found,
                named: named.clone(),
            }
        };
        let removal = Removal {
            by: said(&removal.by).map_err(unsaid("by"))?,
            reason: said(&removal.reason).map_err(unsaid("reason"))?,
            ..removal
        };
        let Some(settings) = self.documents.find(named).await? else {
            return Ok(became(Outcome::Absent));
        };
        let Some(preview) = &settings.preview_of else {
            return Err(Error::NotAPreview(named.clone()));
        };
        self.refuse_unless_may(named, preview, &settings.may, caller)
            .await?;
        let removal = preview.removal.clone().unwrap_or(removal);
        self.remove(named, settings, removal).await
    }

    pub(crate) async fn remove(
        &self,
        named: &PreviewName,
        settings: Settings,
        removal: Removal,
    ) -> Result<Removed, Error> {
        let account = self.accounts.open(settings.role.as_ref(), named).await;
        let places = places(&settings, &self.promotions.journals(named).await?);
        self.refuse_while_held(&account, named, &places.here)
            .await?;
        if let Some(outcome) = self.mark(named, &settings, &removal).await? {
            return Ok(became(outcome));
        }
        let mut removed = became(Outcome::Removed);
        for place in &places.here {
            self.take_alias(&account, named, place, &mut removed)
                .await?;
        }
        removed.left.extend(places.elsewhere);
        self.refuse_while_held(&account, named, &places.here)
            .await?;
        if !self.is_marked(named, &removal).await? {
            return Ok(Removed {
                outcome: Outcome::Renewed,
                ..removed
            });
        }
        let facts = json!({
            "application": named.application,
            "preview": named.preview,
            "preview_of": settings.preview_of.as_ref().map(|preview| &preview.environment),
            "by": removal.by,
            "reason": removal.reason,
            "asked_at": removal.at,
            "functions": places.here.iter().map(Place::to_string).collect::<Vec<_>>(),
            "left": removed.left,
        });
        let chain = chain(&named.application, &named.preview);
        let key = removal.at.to_string();
        self.ledger
            .record(&chain, Kind::PreviewRemoved, &key, facts)
            .await?;
        self.documents.delete(named).await?;
        tracing::info!(preview = %named, by = removal.by, "removed");
        Ok(removed)
    }

    /// A promotion into the preview moves the aliases of what it holds.
    async fn refuse_while_held(
        &self,
        account: &A::Account,
        named: &PreviewName,
        places: &[Place],
    ) -> Result<(), Error> {
        for place in places {
            let Some(arn) = account.arn(&place.function).await? else {
                continue;
            };
            let holder = self.promotions.holder(&arn).await?;
            let is_into_it = |holder: &String| {
                holder
                    .parse()
                    .is_ok_and(|holder| is_into(&holder, &named.application, &named.preview))
            };
            if let Some(holder) = holder.filter(is_into_it) {
                let function = place.function.clone();
                return Err(Error::Busy { holder, function });
            }
        }
        Ok(())
    }

    /// Notes in its settings that the preview goes. They are read once more just before:
    /// long after they told that it is due, a release may have written them anew. Then it
    /// stays, and so it does where it is gone by now; that is what this answers.
    async fn mark(
        &self,
        named: &PreviewName,
        settings: &Settings,
        removal: &Removal,
    ) -> Result<Option<Outcome>, Error> {
        let Some(found) = self.documents.find(named).await? else {
            return Ok(Some(Outcome::Absent));
        };
        if found.preview_of != settings.preview_of {
            return Ok(Some(Outcome::Renewed));
        }
        let mut marked = found.clone();
        if let Some(preview) = &mut marked.preview_of {
            preview.removal = Some(removal.clone());
        }
        if marked != found {
            self.documents.write(named, &marked).await?;
        }
        Ok(None)
    }

    /// Whether it is to go still: a release that came meanwhile takes that back.
    async fn is_marked(&self, named: &PreviewName, removal: &Removal) -> Result<bool, Error> {
        let found = self.documents.find(named).await?;
        let Some(found) = found else {
            // Somebody else has finished this very removal.
            return Ok(true);
        };
        let found = found.preview_of.and_then(|preview| preview.removal);
        Ok(found.as_ref() == Some(removal))
    }

    /// Deletes an alias of the preview, with the provisioned concurrency that stands for
    /// it alone. That goes first: nobody would find it without the alias.
    async fn take_alias(
        &self,
        account: &A::Account,
        named: &PreviewName,
        place: &Place,
        removed: &mut Removed,
    ) -> Result<(), Error> {
        let Place { function, alias } = place;
        let found = account.alias(function, alias).await?;
        match fate(found.as_ref(), &named.application, &named.preview) {
            Fate::Gone => {}
            Fate::Stays { found } => {
                let said = format!("{place} (described as `{found}`)");
                removed.left.push(said);
            }
            Fate::Deleted { version } => {
                account.unprovision(function, alias).await?;
                let others = account.aliases(function).await?;
                let is_used = others.iter().any(|(other, routing)| {
                    let serves =
                        routing.version == version || routing.weights.contains_key(&version);
                    other != alias && serves
                });
                if !is_used {
                    account.unprovision(function, &version).await?;
                }
                account.delete(function, alias).await?;
                removed.deleted.push(place.to_string());
            }
        }
        Ok(())
    }
}

fn became(outcome: Outcome) -> Removed {
    Removed {
        outcome,
        deleted: Vec::new(),
        left: Vec::new(),
    }
}
