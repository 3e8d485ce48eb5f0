//! Deployments on GitHub: one for each promotion, which says how that stands.
//!
//! Source: GitHub Docs, "REST API endpoints for deployments" and "for deployment statuses",
//! "Rate limits for the REST API".

use serde_json::{Value, json};
use sluice_domain::approval::Matter;
use sluice_domain::ledger::{Entry, Kind};
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_domain::settings::GithubDeployments;
use sluice_domain::text::one_line;
use sluice_platform::store::Mirrored;
use sluice_platform::web::Answered;

use crate::{Error, Mirror, Ports};

/// Its name in the notes.
const DEPLOYMENT: &str = "deployment";

/// GitHub takes descriptions of so many characters.
const LONGEST: usize = 140;

/// How a deployment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    state: &'static str,
    said: String,
}

impl<P: Ports> Mirror<P> {
    pub(crate) async fn show_on_github(
        &self,
        github: &GithubDeployments,
        entry: &Entry,
    ) -> Result<(), Error> {
        let (Ok(promotion), Some(standing)) =
            (entry.event.chain.parse::<PromotionId>(), standing(entry))
        else {
            return Ok(());
        };
        let Some(deployment) = self.deployment(github, &promotion).await? else {
            return Ok(());
        };
        let asked = self.ports.request(&promotion, Matter::Promotion).await?;
        // The first page, where people sign in. The request's own link is for those alone who
        // are asked, and everybody who reads the repository reads this.
        let link = asked.and_then(|(request, _)| request.desk_url);
        let mut status = json!({
            "state": standing.state, "description": standing.said,
            "environment": environment(github, &promotion), "auto_inactive": true,
        });
        if let Some(link) = link {
            status["log_url"] = json!(link);
        }
        self.ports.state(&deployment, &status).await
    }

    /// The deployment of a promotion, which is made when it is first told of. None: nobody
    /// knows of which commit it would be.
    async fn deployment(
        &self,
        github: &GithubDeployments,
        promotion: &PromotionId,
    ) -> Result<Option<Mirrored>, Error> {
        let known = self.ports.mirrored(promotion).await?.into_iter();
        let mut known = known.filter(|(name, _)| name == DEPLOYMENT);
        if let Some((_, known)) = known.next() {
            return Ok(Some(known));
        }
        let Some(commit) = self.ports.commit(promotion).await? else {
            return Ok(None);
        };
        let deployment = json!({
            "ref": commit, "environment": environment(github, promotion),
            "description": clipped(&format!("{} {}", promotion.application, promotion.version)),
            "payload": {"promotion": promotion},
            // Nothing is merged into it, and Sluice has its own conditions.
            "auto_merge": false, "required_contexts": [],
        });
        let id = self.ports.deploy(&github.repository, &deployment).await?;
        let made = Mirrored {
            place: github.repository.clone(),
            id,
        };
        self.ports.note(promotion, DEPLOYMENT, &made).await?;
        Ok(Some(made))
    }
}

/// What GitHub made, or why it did not. A limit of calls that is used up lasts for longer than
/// anything may wait here: the next entry says how things stand then.
pub(crate) fn made(
    (what, repository): (&'static str, &str),
    answered: &Answered,
) -> Result<Value, Error> {
    let repository = repository.to_owned();
    let answer: Value = serde_json::from_str(&answered.text).unwrap_or_default();
    let (status, said) = (answered.status, answer["message"].as_str());
    let said = said.unwrap_or_default();
    if status >= 500 {
        let why = format!("found status {status} {said}, expected 201");
        return Err(Error::Unavailable {
            what,
            repository,
            why,
        });
    }
    if status != 201 {
        return Err(Error::Refused {
            what,
            repository,
            why: format!("{status} {said}"),
        });
    }
    Ok(answer)
}

fn environment<'a>(github: &'a GithubDeployments, promotion: &'a PromotionId) -> &'a str {
    github
        .environment
        .as_deref()
        .unwrap_or(&promotion.environment)
}

/// How a promotion stands after an entry, if that changes it.
fn standing(entry: &Entry) -> Option<Standing> {
    let facts = &entry.event.facts;
    let (state, said) = match entry.event.kind {
        Kind::ChangesPlanned => ("queued", "planned".to_owned()),
        Kind::ApprovalRequested => ("pending", "waits for approval".to_owned()),
        Kind::StartScheduled => ("pending", "waits for its time".to_owned()),
        Kind::TargetsQueued => ("queued", "waits in line".to_owned()),
        Kind::TargetsAcquired => ("in_progress", "is rolled out".to_owned()),
        Kind::TrafficShifted => ("in_progress", shifted(facts)),
        Kind::PersonAwaited => ("in_progress", "waits for a person's go".to_owned()),
        Kind::PromotionClosed => closed(facts),
        _ => return None,
    };
    Some(Standing {
        state,
        said: clipped(&said),
    })
}

fn shifted(facts: &Value) -> String {
    match facts["weight"].as_f64() {
        Some(weight) => format!("{weight} % of the traffic is on the new versions"),
        None => "traffic moves to the new versions".to_owned(),
    }
}

fn closed(facts: &Value) -> (&'static str, String) {
    let outcome = serde_json::from_value::<Outcome>(facts["outcome"].clone());
    let reason = facts["reason"].as_str().unwrap_or_default();
    let state = match &outcome {
        Ok(Outcome::Promoted | Outcome::Done) => "success",
        Ok(Outcome::RolledBack | Outcome::Failed) => "failure",
        Ok(Outcome::Stranded) | Err(_) => "error",
        // Nothing of it was deployed.
        Ok(
            Outcome::Rejected
            | Outcome::Expired
            | Outcome::Superseded
            | Outcome::Refused
            | Outcome::Aborted,
        ) => "inactive",
    };
    let title = outcome.map_or("ended", Outcome::title);
    let said = match reason.is_empty() {
        true => title.to_owned(),
        false => format!("{title}: {reason}"),
    };
    (state, said)
}

fn clipped(said: &str) -> String {
    let said = one_line(said);
    match said.char_indices().nth(LONGEST) {
        None => said,
        Some(_) => {
            let mut clipped: String = said.chars().take(LONGEST - 1).collect();
            clipped.push('…');
            clipped
        }
    }
}
