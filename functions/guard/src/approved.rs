//! Whether people have said yes to exactly this, read again from what can't be written by who
//! can write to the table.

use jiff::Timestamp;
use sluice_domain::approval::{Matter, Request, State};
use sluice_domain::caller::Principal;
use sluice_domain::digest::Digest;
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::Promotion;
use sluice_domain::settings::{ApprovalPolicy, Settings};

use crate::{Error, Guard, Ports};

impl<P: Ports> Guard<P> {
    /// Nothing that was written down about the request is believed: who may vote is read from
    /// the settings again, who wrote it from the manifest, who began it from the attempt, and
    /// each vote has to have a seal of whoever takes votes.
    pub(crate) async fn refuse_unless_approved(
        &self,
        promotion: &Promotion,
        hash: &Digest,
        (settings, manifest): (&Settings, &Manifest),
        now: Timestamp,
    ) -> Result<(), Error> {
        let nobody = || Error::NotApproved("nobody was asked".to_owned());
        let (open, votes) = self
            .ports
            .approval(&promotion.id)
            .await?
            .ok_or_else(nobody)?;
        let attempt = self.ports.attempt(&promotion.id).await?;
        let asked = Asked {
            bundle: &promotion.bundle.digest,
            plan: hash,
            policy: settings.approval.as_ref(),
            authors: &Request::authors_of(manifest),
            requester: attempt.and_then(|attempt| attempt.principal),
        };
        asked.is_what(&open.request)?;
        if !votes.forged.is_empty() {
            return Err(Error::NotApproved(format!(
                "the vote of {} has no seal that holds: somebody wrote it past the desk",
                votes.forged.join(", ")
            )));
        }
        // The votes decide, not what resumed the execution.
        let ends = now.min(open.request.expires_at);
        let tally = open.request.tally(&votes.votes, ends);
        if open.state != State::Approved || tally != State::Approved {
            return Err(Error::NotApproved(format!(
                "its request is {:?}, its votes say {tally:?}",
                open.state
            )));
        }
        Ok(())
    }
}

/// What people had to be asked, as it is now.
struct Asked<'a> {
    bundle: &'a Digest,
    plan: &'a Digest,
    policy: Option<&'a ApprovalPolicy>,
    authors: &'a [String],
    requester: Option<Principal>,
}

impl Asked<'_> {
    /// Refuses a request that is about something else.
    fn is_what(&self, request: &Request) -> Result<(), Error> {
        let not_approved = |problem: String| Err(Error::NotApproved(problem));
        if request.matter() != Matter::Promotion {
            let about = request.about();
            return not_approved(format!("the request that is named is about {about} alone"));
        }
        let lasts = request
            .expires_at
            .duration_since(request.opened_at)
            .as_secs();
        let planned = self.policy.map_or(0, |policy| policy.expires_seconds);
        if u64::try_from(lasts).is_ok_and(|lasts| lasts > planned) {
            let what = format!("it was open for {lasts} s, and settings say {planned} s");
            return not_approved(what);
        }
        if request.bundle != *self.bundle {
            let bundle = &request.bundle;
            return not_approved(format!("the one there is was given for bundle {bundle}"));
        }
        if request.plan != *self.plan {
            return Err(Error::PlanChanged {
                found: self.plan.to_string(),
                approved: request.plan.to_string(),
            });
        }
        if Some(&request.policy) != self.policy {
            let what = "who may vote, as the settings say it, changed since people were asked";
            return not_approved(what.to_owned());
        }
        if request.authors != self.authors || request.requester != self.requester {
            let what =
                "people were asked with other authors, or another who began it, than there are";
            return not_approved(what.to_owned());
        }
        Ok(())
    }
}
