//! What an environment asks of a bundle, and whether the bundle is that.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use sluice_domain::digest::Digest;
use sluice_domain::evidence::{
    Assessment, CheckOutcome, EvidencePolicy, File, Findings, ImageScan, Tagged, covered,
};
use sluice_domain::manifest::{Image, Manifest};
use sluice_domain::promotion::PromotionId;
use sluice_domain::repository::Repository;
use sluice_domain::settings::Settings;
use sluice_evidence::bundle::{Bundle, Inspector, Target};
use sluice_evidence::{Key, Scanner};
use sluice_platform::fault::Fault;
use sluice_platform::pace::IN_FLIGHT;
use sluice_platform::patience::Patience;

use crate::artifacts::{Files, images};
use crate::error::Error;
use crate::ports::{Environments, Images, Live, Remembered, Scan};

/// The most of an assessment that the ledger keeps, in bytes: an entry is one item of
/// DynamoDB, which holds 400 KB.
const KEPT: usize = 200_000;

/// What looks at a bundle that goes to this environment: it believes the keys that the
/// settings name.
pub(crate) async fn inspector<E: Environments>(
    environments: &E,
    settings: &Settings,
    scanner: &Scanner,
) -> Result<Inspector, Error> {
    let mut keys = Vec::new();
    for key in &settings.evidence.provenance.keys {
        if let Some(pem) = &key.pem {
            keys.push(Key::from_pem(&key.name, pem)?);
        }
        if let Some(arn) = &key.kms {
            let der = environments.public_key(arn).await?;
            keys.push(Key::from_der(&key.name, &der)?);
        }
    }
    Ok(Inspector {
        keys,
        absent_keys: Vec::new(),
        scanner: scanner.clone(),
    })
}

/// The functions that a bundle goes to, as they are now. What is not there is left to
/// `guard`, which refuses it by its name.
pub(crate) async fn targets<E: Environments>(
    environments: &E,
    id: &PromotionId,
    settings: &Settings,
    manifest: &Manifest,
    inspector: &Inspector,
) -> Result<BTreeMap<String, Target>, Fault> {
    let known = manifest.functions.keys();
    let known = known.filter_map(|name| Some((name, &settings.functions.get(name)?.name)));
    let look = |(name, function): (&String, &String)| {
        let (name, function) = (name.clone(), function.clone());
        async move {
            let role = settings.role.as_ref();
            let live = environments.function(id, role, &function).await?;
            let target = live.map(|live| {
                let Live { fitting, variables } = live;
                inspector.target(&function, fitting, variables.as_ref())
            });
            Ok(target.map(|target| (name, target)))
        }
    };
    let found = stream::iter(known.map(look)).buffered(IN_FLIGHT);
    let found: Vec<Option<(String, Target)>> = found.try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// What ECR found in each image, or why that can't be told.
pub(crate) async fn scans<I: Images>(
    registries: &I,
    policy: &ImageScan,
    manifest: &Manifest,
    patience: Patience,
) -> Result<BTreeMap<String, Result<Findings, String>>, Fault> {
    let patience = Patience {
        total: std::time::Duration::from_secs(policy.wait_seconds),
        ..patience
    };
    let all = images(manifest).into_iter();
    let all = all.filter_map(|image| Some((image, Repository::parse(&image.repository)?)));
    let waits = all.map(|(image, place)| async move {
        let scan = scan(registries, &place, image, patience).await?;
        Ok((image.to_string(), scan))
    });
    stream::iter(waits).buffered(IN_FLIGHT).try_collect().await
}

async fn scan<I: Images>(
    registries: &I,
    place: &Repository,
    image: &Image,
    patience: Patience,
) -> Result<Result<Findings, String>, Fault> {
    let mut pauses = patience.start().pauses();
    loop {
        match registries.scan(place, &image.digest).await? {
            Scan::Complete(found) => return Ok(Ok(found)),
            Scan::None(why) => return Ok(Err(why)),
            Scan::Running if pauses.pause().await => {}
            Scan::Running => {
                let seconds = patience.total.as_secs();
                let why = format!("no scan of the image that was over after {seconds} s");
                return Ok(Err(why));
            }
        }
    }
}

/// What is known of a bundle and of where it goes, beside its files.
pub(crate) struct Known {
    pub(crate) targets: BTreeMap<String, Target>,
    pub(crate) scans: BTreeMap<String, Result<Findings, String>>,
    pub(crate) tags: BTreeMap<String, Tagged>,
    pub(crate) before: Option<Remembered>,
}

/// Holds a bundle against what is asked, today.
pub(crate) fn assess(
    inspector: &Inspector,
    policy: &EvidencePolicy,
    manifest: &Manifest,
    files: Files,
    known: Known,
    now: Timestamp,
) -> (Assessment, Remembered) {
    let said: Vec<File> = files.reports.iter().map(|one| one.file.clone()).collect();
    let coverage = covered(&said).and_then(|coverage| coverage.lines.percent());
    let bundle = Bundle {
        manifest,
        reports: files.reports,
        packages: files.packages,
        targets: known.targets,
        scans: known.scans,
        tags: known.tags,
        coverage_before: known.before.and_then(|before| before.coverage),
        today: now.to_zoned(TimeZone::UTC).date(),
    };
    let assessment = inspector.assess(policy, &bundle);
    (assessment, Remembered { coverage })
}

/// What the ledger keeps of an assessment, and of the settings that judged.
pub(crate) fn facts(
    assessment: &Assessment,
    settings: &Settings,
    goes_back: bool,
) -> Result<Value, Fault> {
    let settings = Digest::of_canonical(settings)
        .map_err(|error| Fault::other("computing the digest of the settings", error))?;
    let (checks, omitted) = assessment.within(KEPT);
    Ok(json!({
        "outcome": assessment.outcome,
        "settings": settings,
        "rollback": goes_back,
        "checks": checks,
        "omitted": omitted,
    }))
}

/// Whether the promotion may go on. What served before may serve again, whatever is asked
/// by now: going back is not the time to be refused for a waiver that ran out.
pub(crate) fn decide(
    id: &PromotionId,
    assessment: Assessment,
    goes_back: bool,
) -> Result<(), Error> {
    if assessment.outcome != CheckOutcome::Refuse || goes_back {
        return Ok(());
    }
    Err(Error::EvidenceRefused {
        environment: id.environment.clone(),
        assessment,
    })
}
