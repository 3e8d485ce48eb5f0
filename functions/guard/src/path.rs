//! May the release enter this environment? Does the environment take it, may who began it
//! start it there, is nothing newer there, and has the environment before had this very bundle for long enough?

use jiff::Timestamp;
use sluice_domain::manifest::Manifest;
use sluice_domain::may::{Deed, May};
use sluice_domain::path::{Place, Soak, stays, was_promoted};
use sluice_domain::preview;
use sluice_domain::promotion::{Outcome, Promotion, PromotionId};
use sluice_domain::start::NotYet;
use sluice_platform::settings::{SettingsError, parameter};
use sluice_platform::store::{Release, StoreError};

use crate::{Error, Guard, Ports};

impl<P: Ports> Guard<P> {
    /// Refuses a release that may not enter, or not until it has stood in the environment
    /// before for long enough: that is what it answers. What goes back to a bundle that
    /// was promoted here before may always: the way back is never barred.
    pub(crate) async fn refuse_unless_it_may_enter(
        &self,
        promotion: &Promotion,
        manifest: &Manifest,
        now: Timestamp,
    ) -> Result<Option<NotYet>, Error> {
        let id = &promotion.id;
        let is_preview = preview::is_at_its_place(manifest, &id.environment)?;
        let mut promotions = self.promotions_as_they_stand(id).await?;
        let attempt = self.ports.attempt(id).await?;
        let digest = &promotion.bundle.digest;
        if (attempt.as_ref()).is_some_and(|attempt| attempt.rollback)
            && was_promoted(&promotions, &id.environment, digest)
        {
            return Ok(None);
        }
        refuse_if_newer_is_there(id, &promotions)?;
        let principal = (attempt.as_ref()).and_then(|attempt| attempt.principal.clone());
        if let Some(before) = attempt.and_then(|attempt| promoted_before(&attempt, id)) {
            let before = self.refuse_if_out_of_turn(&before).await?;
            // The list may not show yet how it ended.
            promotions.retain(|other| other.id != before.id);
            promotions.push(before);
        }
        let path = self.ports.path(&id.application).await?;
        // Who began it was allowed to when they did, and a path can take days.
        let allow = |may: &May| may.allow(Deed::Start, &id.environment, principal.as_ref());
        // A preview is no part of the path. What people made under its name is.
        if is_preview && !path.iter().any(|place| place.environment == id.environment) {
            allow(&self.ports.settings(id).await?.may)?;
            return Ok(None);
        }
        let place = place_of(&path, id)?;
        allow(&path[place].may)?;
        refuse_unless_path_lets_in(&path, place, promotion, manifest, &promotions, now)
    }

    /// Whether it takes an environment back to a bundle that was promoted there before.
    pub(crate) async fn goes_back(&self, id: &PromotionId) -> Result<bool, Error> {
        let attempt = self.ports.attempt(id).await?;
        let Some(rollback) = attempt.filter(|attempt| attempt.rollback) else {
            return Ok(false);
        };
        let promotions = self.promotions_as_they_stand(id).await?;
        let digest = &rollback.bundle.digest;
        Ok(was_promoted(&promotions, &id.environment, digest))
    }

    /// After the waits: it must have soaked by now.
    pub(crate) async fn refuse_unless_it_enters_now(
        &self,
        promotion: &Promotion,
        manifest: &Manifest,
        now: Timestamp,
    ) -> Result<(), Error> {
        match (self.refuse_unless_it_may_enter(promotion, manifest, now)).await? {
            None => Ok(()),
            Some(not_yet) => Err(Error::NotSoaked(not_yet)),
        }
    }

    /// All other promotions of the application. The list may show late that one has ended.
    pub(crate) async fn promotions_as_they_stand(
        &self,
        id: &PromotionId,
    ) -> Result<Vec<Promotion>, Error> {
        let mut all = self.ports.promotions_of(&id.application).await?;
        all.retain(|other| other.id != *id);
        for other in all.iter_mut().filter(|other| other.outcome.is_none()) {
            (*other, _) = self.ports.promotion(&other.id).await?;
        }
        Ok(all)
    }

    /// An attempt takes its own environments one after the other, whoever started this
    /// promotion. Answers the one before, which promoted.
    async fn refuse_if_out_of_turn(&self, before: &PromotionId) -> Result<Promotion, Error> {
        let found = match self.ports.promotion(before).await {
            Ok((promotion, _)) if promotion.outcome == Some(Outcome::Promoted) => {
                return Ok(promotion);
            }
            Ok((promotion, _)) => promotion.outcome,
            Err(StoreError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Err(Error::OutOfTurn {
            before: before.clone(),
            found: found.map_or("not ended", Outcome::title),
        })
    }
}

/// The environment before, if this is not the first.
pub(crate) fn before<'a>(path: &'a [Place], environment: &str) -> Option<&'a Place> {
    let mut places = path.iter();
    let place = places.position(|place| place.environment == environment)?;
    path.get(place.checked_sub(1)?)
}

/// The promotion that comes first in the same attempt.
fn promoted_before(attempt: &Release, id: &PromotionId) -> Option<PromotionId> {
    let mut environments = attempt.environments.iter();
    let place = environments.position(|environment| *environment == id.environment)?;
    let before = attempt.environments.get(place.checked_sub(1)?)?;
    Some(attempt.promotion(before))
}

fn refuse_if_newer_is_there(id: &PromotionId, promotions: &[Promotion]) -> Result<(), Error> {
    let stays = stays(promotions, &id.environment);
    match stays
        .last()
        .filter(|last| last.promotion.version > id.version)
    {
        Some(last) => Err(Error::OutOfOrder {
            newer: last.promotion.clone(),
        }),
        None => Ok(()),
    }
}

/// An environment's place on the path.
pub(crate) fn place_of(path: &[Place], id: &PromotionId) -> Result<usize, Error> {
    let place = path
        .iter()
        .position(|place| place.environment == id.environment);
    place.ok_or_else(|| {
        let parameter = parameter(&id.application, &id.environment);
        Error::Settings(SettingsError::Missing(parameter))
    })
}

fn refuse_unless_path_lets_in(
    path: &[Place],
    place: usize,
    promotion: &Promotion,
    manifest: &Manifest,
    promotions: &[Promotion],
    now: Timestamp,
) -> Result<Option<NotYet>, Error> {
    let id = &promotion.id;
    let entry = &path[place].entry;
    entry.admit(&id.environment, place + 1 == path.len(), manifest)?;
    let Some(before) = before(path, &id.environment) else {
        return Ok(None);
    };
    let soak = Soak {
        before: &before.environment,
        version: &id.version,
        digest: &promotion.bundle.digest,
        seconds: entry.soak_seconds,
    };
    let done_at = soak.done_at(promotions)?;
    let soaks = NotYet {
        why: format!(
            "it has to stand in {} for {} s (`entry.soak_seconds`)",
            before.environment, entry.soak_seconds
        ),
        not_before: Some(done_at),
    };
    Ok((done_at > now).then_some(soaks))
}
