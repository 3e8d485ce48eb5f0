//! Where a release goes: which environments it enters, and whether it is too late, or too
//! early, to enter them.

use jiff::Timestamp;
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::manifest::Manifest;
use sluice_domain::may::Deed;
use sluice_domain::migrations;
use sluice_domain::path::{self, Beginner, Ends, Place, Route, Soak, stays, was_promoted};
use sluice_domain::promotion::{BundleRef, Promotion};

use crate::attempt::Repeat;
use crate::request::{Subject, To, Wanted};
use crate::{
    Attempts, Bundles, Catalogue, Error, Intake, Machine, Outcome, Output, Record, Status,
};

/// Where an attempt goes.
pub(crate) struct Destination {
    /// The application's environments, in order.
    pub(crate) path: Vec<Place>,
    /// Those that it enters.
    pub(crate) environments: Vec<String>,
    /// What people should know of where it ends, in a sentence.
    pub(crate) ends: Option<String>,
}

/// The environments that an attempt goes through.
fn route(path: &[Place], wanted: &Wanted, manifest: &Manifest) -> Result<Route, Error> {
    let principal = wanted.principal.as_ref();
    let from = match &wanted.to {
        To::Path => 0,
        To::From(environment) => (path.iter())
            .position(|place| place.environment == *environment)
            .ok_or_else(|| unknown("from", std::slice::from_ref(environment), path))?,
        To::Only(only) => {
            let environments = narrow(path, only)?;
            // What goes back was there before, and what works on a database brings no code.
            if !matches!(wanted.repeat, Repeat::Ended | Repeat::Operation) {
                admit(path, &environments, manifest)?;
            }
            for place in path
                .iter()
                .filter(|place| environments.contains(&place.environment))
            {
                (place.may).allow(Deed::Start, &place.environment, principal)?;
            }
            return Ok(Route {
                environments,
                ends: None,
            });
        }
    };
    let beginner = Beginner {
        principal,
        by_hand: wanted.repeat != Repeat::Delivered,
    };
    Ok(path::route(path, from, beginner, manifest)?)
}

/// Keeps the environments that were asked for, in the order of the path.
fn narrow(path: &[Place], only: &[String]) -> Result<Vec<String>, Error> {
    let is_known = |name: &String| path.iter().any(|place| place.environment == *name);
    if only.is_empty() || !only.iter().all(is_known) {
        return Err(unknown("environments", only, path));
    }
    let names = path.iter().map(|place| place.environment.clone());
    Ok(names.filter(|name| only.contains(name)).collect())
}

fn admit(path: &[Place], environments: &[String], manifest: &Manifest) -> Result<(), Error> {
    for (index, place) in path.iter().enumerate() {
        if environments.contains(&place.environment) {
            let is_last = index + 1 == path.len();
            (place.entry).admit(&place.environment, is_last, manifest)?;
        }
    }
    Ok(())
}

pub(crate) fn unknown(field: &str, found: &[String], path: &[Place]) -> Error {
    let known: Vec<&str> = (path.iter())
        .map(|place| place.environment.as_str())
        .collect();
    Error::InvalidEvent(format!(
        "{field}: found `{}`; expected some of `{}`",
        found.join("`, `"),
        known.join("`, `")
    ))
}

/// Why an attempt ends before its path does, and what to do then.
fn ends(ends: &Ends, subject: &Subject) -> String {
    let Subject {
        application,
        version,
    } = subject;
    match ends {
        Ends::ByHand { environment } => format!(
            "A person begins {environment}: `sluice promote {application} {version} {environment}`"
        ),
        Ends::NotAdmitted(refusal) => format!("It ends there: {refusal}"),
        Ends::NotAllowed(refusal) => format!(
            "It ends there: {refusal}. Who may takes it on with `sluice promote {application} {version} {}`",
            refusal.environment()
        ),
    }
}

impl<B: Bundles, C: Catalogue, A: Attempts, M: Machine, L: Record> Intake<B, C, A, M, L> {
    /// Where what this manifest says goes, as far as who asks may take it. Reads only.
    pub(crate) async fn destination(
        &self,
        wanted: &Wanted,
        manifest: &Manifest,
        now: Timestamp,
    ) -> Result<Destination, Error> {
        let path = self.catalogue.path(&manifest.application).await?;
        if path.is_empty() {
            return Err(Error::UnknownApplication(manifest.application.clone()));
        }
        let (environments, ends) = match &manifest.preview {
            Some(preview) => {
                let said = self.admit_to_preview(preview, wanted, manifest, now);
                (vec![preview.clone()], Some(said.await?))
            }
            None => {
                let route = route(&path, wanted, manifest)?;
                let ends = route.ends.map(|why| ends(&why, &wanted.subject));
                (route.environments, ends)
            }
        };
        Ok(Destination {
            path,
            environments,
            ends,
        })
    }

    /// What a person begins must not be there already, and the environment before must
    /// have had it. `guard` looks again, and waits where it has not been there for long
    /// enough.
    pub(crate) async fn refuse_unless_new_there(
        &self,
        wanted: &Wanted,
        bundle: &BundleRef,
        path: &[Place],
        first: &str,
    ) -> Result<(), Error> {
        if wanted.repeat != Repeat::Onward {
            return Ok(());
        }
        let Subject {
            application,
            version,
        } = &wanted.subject;
        let promotions = self.attempts.promotions(application).await?;
        let there = stays(&promotions, first).pop();
        if let Some(there) = there.filter(|there| *there.digest == bundle.digest) {
            return Err(Error::AlreadyThere(there.promotion.clone()));
        }
        let place = path.iter().position(|place| place.environment == first);
        let before = place.and_then(|place| Some((path.get(place.checked_sub(1)?)?, &path[place])));
        if let Some((before, place)) = before {
            let soak = Soak {
                before: &before.environment,
                version,
                digest: &bundle.digest,
                seconds: place.entry.soak_seconds,
            };
            soak.done_at(&promotions)?;
        }
        Ok(())
    }

    /// What goes back must have been there: nothing else is let off what environments ask.
    pub(crate) async fn refuse_rollback_to_what_never_was_there(
        &self,
        wanted: &Wanted,
        bundle: &BundleRef,
        environments: &[String],
    ) -> Result<(), Error> {
        if wanted.repeat != Repeat::Ended {
            return Ok(());
        }
        let application = &wanted.subject.application;
        let promotions = self.attempts.promotions(application).await?;
        let never = environments
            .iter()
            .filter(|environment| !was_promoted(&promotions, environment, &bundle.digest));
        let never: Vec<&str> = never.map(String::as_str).collect();
        if never.is_empty() {
            return Ok(());
        }
        Err(Error::NeverPromoted {
            subject: wanted.subject.clone(),
            environments: never.join(", "),
        })
    }

    /// A database is worked on in the name of the release that serves, and undone in that of
    /// one that does not. `guard` looks again.
    pub(crate) async fn refuse_operation_of_another_release(
        &self,
        wanted: &Wanted,
        bundle: &BundleRef,
        first: &str,
    ) -> Result<(), Error> {
        let Some(operation) = &wanted.operation else {
            return Ok(());
        };
        let Subject {
            application,
            version,
        } = &wanted.subject;
        let promotions = self.attempts.promotions(application).await?;
        let of_this =
            |one: &&Promotion| one.id.environment == first && one.bundle.digest == bundle.digest;
        if !promotions.iter().any(|one| of_this(&one)) {
            return Err(Error::NeverThere {
                subject: wanted.subject.clone(),
                environment: first.to_owned(),
            });
        }
        let subject = migrations::Subject {
            version,
            digest: &bundle.digest,
            environment: first,
        };
        operation.admit(subject, &stays(&promotions, first))?;
        Ok(())
    }

    /// Why an event comes too late: a newer version is in the first environment, or on its
    /// way there. What a person asks for is left to `guard`, which refuses it.
    pub(crate) async fn superseded(
        &self,
        wanted: &Wanted,
        environments: &[String],
    ) -> Result<Option<String>, Error> {
        let Some(first) = environments.first() else {
            return Ok(None);
        };
        if wanted.repeat != Repeat::Delivered {
            return Ok(None);
        }
        let Subject {
            application,
            version,
        } = &wanted.subject;
        let said = |what: String| {
            format!("{application} {version} comes too late: {what}; nothing was started")
        };
        let promotions = self.attempts.promotions(application).await?;
        let there = stays(&promotions, first).pop();
        if let Some(newer) = there.filter(|there| there.promotion.version > *version) {
            return Ok(Some(said(format!("{} was promoted", newer.promotion))));
        }
        let mut running = self.attempts.running(application).await?;
        running.retain(|other| {
            let is_release = !other.rollback && other.operation.is_none();
            other.version > *version && is_release && other.environments.contains(first)
        });
        for other in running {
            if self.machine.status(&other.execution_arn).await? == Some(Status::Running) {
                let what = format!("attempt {} at {} is running", other.attempt, other.version);
                return Ok(Some(said(what)));
            }
        }
        Ok(None)
    }

    /// Writes down that nothing starts, and that this is no mistake. Once for each reason.
    pub(crate) async fn set_aside(
        &self,
        outcome: Outcome,
        wanted: &Wanted,
        bundle: &BundleRef,
        why: String,
    ) -> Result<Output, Error> {
        let facts = json!({
            "outcome": outcome,
            "reason": why,
            "application": wanted.subject.application,
            "version": wanted.subject.version,
            "digest": bundle.digest,
            "key": bundle.key,
            "requested_by": wanted.by,
        });
        let key = format!("{}/{why}", bundle.digest.short());
        self.ledger
            .record(&wanted.subject.chain(), Kind::ReleaseSetAside, &key, facts)
            .await?;
        Ok(Output::set_aside(outcome, &wanted.subject, why))
    }
}
