//! Whom a restore takes calls off, and who else is not called then: reserved concurrency is
//! of a whole function, whatever alias its callers use.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sluice_domain::manifest::Manifest;
use sluice_domain::migrations::{Callee, RestorePlan, stops_too};
use sluice_domain::naming::function_name;
use sluice_domain::plan::Observed;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::{Role, Settings};
use sluice_platform::pace::IN_FLIGHT;

use crate::{Error, Guard, Ports};

/// What is known of the functions of an environment.
type Known<'a> = (&'a Settings, &'a Manifest, &'a BTreeMap<String, Observed>);

impl<P: Ports> Guard<P> {
    /// The plan of a restore with all functions of the settings: one that the release does
    /// not bring calls the database all the same. What people approve names the others who
    /// are not called, as they were when it was planned first.
    pub(crate) async fn with_stops(
        &self,
        id: &PromotionId,
        (settings, manifest, observed): Known<'_>,
        mut restore: RestorePlan,
    ) -> Result<RestorePlan, Error> {
        let role = settings.role.as_ref();
        let targets = stream::iter(&settings.functions).map(async |(name, target)| {
            let arn = match observed.get(name) {
                Some(found) => Some(found.arn.clone()),
                None => {
                    let found = self.ports.look(role, id, target).await?;
                    found.map(|found| found.arn)
                }
            };
            let alias = target.alias.clone();
            // One that is not there is not called.
            Ok::<_, Error>(arn.map(|arn| (name.clone(), Callee { arn, alias })))
        });
        let targets: Vec<_> = targets.buffered(IN_FLIGHT).try_collect().await?;
        let stops: BTreeMap<String, Callee> = targets.into_iter().flatten().collect();
        if restore.stops.is_empty() {
            let of_others = stops
                .keys()
                .filter(|name| !manifest.functions.contains_key(*name));
            let of_others: Vec<&str> = of_others.map(String::as_str).collect();
            if !of_others.is_empty() {
                let named = of_others.join(", ");
                let note = format!("calls to {named} stop, too, though it is not in this release");
                restore.notes.push(note);
            }
            restore.notes.extend(self.shared(role, id, &stops).await?);
        }
        restore.stops = stops;
        Ok(restore)
    }

    /// Which aliases beside the environment's own lead to these functions.
    async fn shared(
        &self,
        role: Option<&Role>,
        id: &PromotionId,
        stops: &BTreeMap<String, Callee>,
    ) -> Result<Vec<String>, Error> {
        let notes = stream::iter(stops.values()).map(async |callee| {
            let mut aliases = self.ports.aliases(role, id, &callee.arn).await?;
            aliases.retain(|alias| *alias != callee.alias);
            Ok::<_, Error>(stops_too(function_name(&callee.arn), &aliases))
        });
        let notes: Vec<_> = notes.buffered(IN_FLIGHT).try_collect().await?;
        Ok(notes.into_iter().flatten().collect())
    }
}
