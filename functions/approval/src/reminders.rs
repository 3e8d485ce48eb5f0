//! Telling people once more of a request that waits.

use jiff::Timestamp;
use serde_json::json;
use sluice_domain::approval::{Answer, Reminder};
use sluice_domain::ledger::Kind;
use sluice_platform::store::OpenRequest;

use crate::message::{self, Draft};
use crate::{Approval, Error, Ports};

impl<P: Ports> Approval<P> {
    /// Tells what is due and was not told. It is noted first, so that two at once tell it
    /// once. Who can't be told holds nothing up, and is told at the next look.
    pub(crate) async fn remind(&self, open: &OpenRequest, answer: &Answer, now: Timestamp) {
        for reminder in open.request.reminders(&open.reminded, now) {
            let told = self.remind_of(open, (reminder, answer), now).await;
            if let Err(error) = told {
                let promotion = &open.request.promotion;
                tracing::warn!(%promotion, ?reminder, %error, "people were not reminded");
            }
        }
    }

    async fn remind_of(
        &self,
        open: &OpenRequest,
        (reminder, answer): (Reminder, &Answer),
        now: Timestamp,
    ) -> Result<(), Error> {
        let request = &open.request;
        let id = &request.promotion;
        let settings = self.ports.settings(id).await?;
        let draft = Draft {
            request: request.clone(),
            plan: self.ports.plan(id).await?,
            manifest: {
                let promotion = self.ports.promotion(id).await?;
                self.ports.manifest(&promotion.bundle).await?
            },
            topic: settings.channels.topic_arn,
            starts: None,
        };
        if !self.ports.note_reminder(&request.id, reminder).await? {
            return Ok(());
        }
        let escalation = request.policy.escalation.as_ref();
        let topic = escalation.and_then(|escalation| escalation.topic_arn.as_deref());
        let topic = match reminder {
            Reminder::Escalated => topic.or(draft.topic.as_deref()),
            Reminder::HalfTime | Reminder::LastTenth => draft.topic.as_deref(),
        };
        let message = message::remind(&draft, (reminder, answer), now);
        if let Err(fault) = self.ports.tell(topic, &message).await {
            self.ports.forget_reminder(&request.id, reminder).await?;
            return Err(fault.into());
        }
        let facts = request.facts(json!({
            "reminder": reminder,
            "waiting": answer.because,
            "people": escalation.filter(|_| reminder == Reminder::Escalated).map(|one| &one.people),
        }));
        let key = request.ledger_key(&format!("reminder-{}", reminder.name()));
        let recorded = self.ports.record(id, Kind::ApprovalReminded, &key, facts);
        Ok(recorded.await?)
    }
}
