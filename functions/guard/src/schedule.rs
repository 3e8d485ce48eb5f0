//! Is it this promotion's time? Before it takes its locks it waits for that, held up by
//! nobody and holding up nobody.
//!
//! What may keep it waiting is asked in one place, [`Guard::not_yet`]. What it was
//! promised while it waited counts for nothing: `recheck` asks again.

use jiff::Timestamp;
use serde_json::json;
use sluice_domain::document::Invalid;
use sluice_domain::ledger::Kind;
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Settings;
use sluice_domain::start::{NotYet, Waiting};
use sluice_domain::windows::{Calendar, Standing};
use sluice_platform::settings::{SettingsError, parameter};

use crate::{Error, Guard, Output, Ports};

/// Whether something in these settings says when a promotion may start. Where nothing
/// does, its state machine does not ask.
pub(crate) fn is_timed(settings: &Settings) -> bool {
    !settings.windows.is_empty() || settings.entry.soak_seconds > 0
}

impl<P: Ports> Guard<P> {
    /// Says whether it starts, or how long it waits before it asks again: a window may
    /// be moved meanwhile, or overridden.
    pub(crate) async fn schedule(&self, id: &PromotionId, now: Timestamp) -> Result<Output, Error> {
        let settings = self.ports.settings(id).await?;
        let plan = self.ports.plan_of(id).await?;
        let Some(not_yet) = self.not_yet(id, &settings, &plan, now).await? else {
            return Ok(Output::Scheduled {
                starts: true,
                wait_seconds: 0,
            });
        };
        let before = self.ports.waiting_of(id).await?;
        let since = before.as_ref().map_or(now, |waiting| waiting.since);
        let waiting = Waiting::of(since, not_yet, settings.longest_wait_seconds);
        let Some(wait_seconds) = waiting.wait_seconds(now) else {
            let longest = settings.longest_wait_seconds;
            let ends_in_time =
                |not_yet: &NotYet| Waiting::of(since, not_yet.clone(), longest).wait_seconds(now);
            let soaks = self.soaks(id, &settings, now).await?;
            // No override shortens that.
            return Err(match soaks.filter(|soaks| ends_in_time(soaks).is_none()) {
                Some(soaks) => Error::NotSoaked(soaks),
                None => outside(id, waiting.not_yet),
            });
        };
        if before.as_ref() != Some(&waiting) {
            self.ports.keep_waiting(id, &waiting).await?;
            self.record_wait(id, &waiting).await?;
        }
        Ok(Output::Scheduled {
            starts: false,
            wait_seconds,
        })
    }

    async fn record_wait(&self, id: &PromotionId, waiting: &Waiting) -> Result<(), Error> {
        let NotYet { why, not_before } = &waiting.not_yet;
        let facts = json!({ "not_before": not_before, "why": why, "gives_up": waiting.gives_up });
        let key = not_before.map_or("unknown".to_owned(), |time| time.to_string());
        let kind = Kind::StartScheduled;
        Ok(self.ports.record(id, kind, &key, facts).await?)
    }

    /// Everything that keeps a promotion from starting now.
    pub(crate) async fn not_yet(
        &self,
        id: &PromotionId,
        settings: &Settings,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<Option<NotYet>, Error> {
        let closed = self.closed(id, settings, plan, now).await?;
        let soaks = self.soaks(id, settings, now).await?;
        Ok(NotYet::all(closed.into_iter().chain(soaks)))
    }

    /// After the waits: a rollout begins only while the windows let it.
    pub(crate) async fn refuse_outside_windows(
        &self,
        id: &PromotionId,
        settings: &Settings,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<(), Error> {
        match self.closed(id, settings, plan, now).await? {
            None => Ok(()),
            Some(not_yet) => Err(outside(id, not_yet)),
        }
    }

    /// Before each step: a freeze that has begun stops a rollout. A maintenance window
    /// that has ended does not: what began in it is finished, since an alias that stays
    /// between two versions, or goes back, is the greater change.
    pub(crate) async fn refuse_in_freeze(
        &self,
        id: &PromotionId,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<(), Error> {
        match calendar(id, settings)?.freeze(now) {
            Some(not_yet) if !self.overrides_windows(id).await? => Err(outside(id, not_yet)),
            _ => Ok(()),
        }
    }

    /// What it still has to stand in the environment before. What has happened there while
    /// it waited may end the wait for good.
    async fn soaks(
        &self,
        id: &PromotionId,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Option<NotYet>, Error> {
        if settings.entry.soak_seconds == 0 {
            return Ok(None);
        }
        // The way back does not soak, so nothing that is watched there bars it.
        if self.goes_back(id).await? {
            return Ok(None);
        }
        let (promotion, _) = self.ports.promotion(id).await?;
        let digest = &promotion.bundle.digest;
        self.refuse_if_stopped_before(id, digest, now).await?;
        let manifest = self.ports.manifest(&promotion.bundle).await?;
        self.refuse_unless_it_may_enter(&promotion, &manifest, now)
            .await
    }

    /// Why the windows let no rollout of this plan begin now.
    pub(crate) async fn closed(
        &self,
        id: &PromotionId,
        settings: &Settings,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<Option<NotYet>, Error> {
        let takes = plan.takes();
        match calendar(id, settings)?.standing(now, takes) {
            Standing::Closed(not_yet) if !self.overrides_windows(id).await? => Ok(Some(not_yet)),
            _ => Ok(None),
        }
    }

    /// Whether an operator had the windows overridden for this promotion.
    async fn overrides_windows(&self, id: &PromotionId) -> Result<bool, Error> {
        let controls = self.ports.controls(id).await?;
        Ok(controls.overrides_windows().is_some())
    }
}

fn calendar(id: &PromotionId, settings: &Settings) -> Result<Calendar, Error> {
    Calendar::read(&settings.windows).map_err(|problems| {
        let document = parameter(&id.application, &id.environment);
        SettingsError::Invalid(Invalid { document, problems }).into()
    })
}

fn outside(id: &PromotionId, not_yet: NotYet) -> Error {
    Error::OutsideWindow {
        environment: id.environment.clone(),
        not_yet,
    }
}
