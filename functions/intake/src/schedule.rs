//! What a schedule takes on: the version that stands in the environment before, unless it
//! was tried already.

use semver::Version;
use sluice_domain::path::{Place, stays};
use sluice_domain::promotion::{Outcome, Promotion};

use crate::request::{Promote, Wanted};
use crate::{Attempts, Bundles, Catalogue, Error, Intake, Machine, Record, Understood};

impl<B: Bundles, C: Catalogue, A: Attempts, M: Machine, L: Record> Intake<B, C, A, M, L> {
    /// That there is nothing to take on is no mistake: it will be asked again.
    pub(crate) async fn understand_schedule(&self, promote: Promote) -> Result<Understood, Error> {
        let Promote {
            application,
            environment,
        } = &promote;
        let path = self.catalogue.path(application).await?;
        let before = environment_before(&path, &promote)?;
        let promotions = self.attempts.promotions(application).await?;
        Ok(match newest(&promotions, before, environment) {
            Ok(version) => Understood::Scheduled(Wanted::scheduled(promote, version).into()),
            Err(why) => Understood::Nothing(why),
        })
    }
}

fn environment_before<'a>(path: &'a [Place], promote: &Promote) -> Result<&'a str, Error> {
    let Promote {
        application,
        environment,
    } = promote;
    let mut pairs = path.windows(2);
    let before = pairs.find(|pair| pair[1].environment == *environment);
    before.map(|pair| pair[0].environment.as_str()).ok_or_else(|| {
        Error::InvalidEvent(format!(
            "promote: found environment `{environment}` of `{application}`; expected one that another one comes before"
        ))
    })
}

/// The version that stands in the environment before, if it is to be taken on; else why
/// not. What a person or the judge said no to is theirs to begin again.
fn newest(promotions: &[Promotion], before: &str, environment: &str) -> Result<Version, String> {
    let there = stays(promotions, before).pop();
    let there = there.ok_or_else(|| format!("nothing stands in {before} yet"))?;
    let version = &there.promotion.version;
    if let Some(here) = stays(promotions, environment).pop()
        && (here.digest == there.digest || here.promotion.version > *version)
    {
        return Err(format!(
            "{} stands in {environment}, and {} in {before}: there is nothing to take on",
            here.promotion.version, version
        ));
    }
    let tried = promotions.iter().find(|other| {
        let came_to_nothing = matches!(
            other.outcome,
            None | Some(Outcome::Refused | Outcome::Superseded)
        );
        other.id.environment == environment
            && other.bundle.digest == *there.digest
            && !came_to_nothing
    });
    match tried {
        Some(tried) => Err(format!(
            "{} ended {}: no schedule takes it on again; `sluice promote {} {version} {environment}` does",
            tried.id,
            tried.outcome.map_or("", Outcome::title),
            tried.id.application,
        )),
        None => Ok(version.clone()),
    }
}
