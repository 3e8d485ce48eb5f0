//! A bundle held against settings, and against the functions that it goes to, as Lambda
//! has them now: its packages have to fit them, and their variables hold no secrets.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sluice_domain::evidence::{Assessment, Check, CheckOutcome};
use sluice_domain::manifest::Manifest;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Settings;
use sluice_evidence::bundle::{Inspector, Target};
use verify::Environments as _;
use verify::aws::Accounts;

use crate::error::Result;
use crate::folder::Folder;
use crate::verified::{self, Given};

/// An environment whose functions are read.
pub(crate) struct Environment<'a> {
    pub(crate) config: &'a SdkConfig,
    pub(crate) name: &'a str,
}

/// What the bundle in a folder comes to today.
///
/// # Errors
/// When a trusted key can't be read, or a file that was there.
pub(crate) async fn assess(
    folder: &Folder,
    keys: Vec<String>,
    manifest: &Manifest,
    settings: &Settings,
    environment: Option<Environment<'_>>,
) -> Result<Assessment> {
    let (inspector, mut checks) = verified::inspector(&settings.evidence)?;
    let mut targets = BTreeMap::new();
    if let Some(environment) = environment {
        let (found, more) = environment.targets(settings, manifest, &inspector).await;
        targets = found;
        checks.extend(more);
    }
    let given = Given {
        folder,
        keys,
        manifest,
        inspector: &inspector,
        targets,
        checks,
    };
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    verified::verify(given, &settings.evidence, today)
}

impl Environment<'_> {
    /// The functions by the names of the manifest, read as `verify` reads them, with the
    /// caller's credentials. Of each that can't be read a check says why.
    async fn targets(
        &self,
        settings: &Settings,
        manifest: &Manifest,
        inspector: &Inspector,
    ) -> (BTreeMap<String, Target>, Vec<Check>) {
        let accounts = Accounts::new(self.config);
        let id = PromotionId {
            application: manifest.application.clone(),
            environment: self.name.to_owned(),
            version: manifest.version.clone(),
            attempt: 1,
        };
        let (mut targets, mut checks) = (BTreeMap::new(), Vec::new());
        for name in manifest.functions.keys() {
            let Some(function) = settings.functions.get(name).map(|target| &target.name) else {
                let expected = format!("one of the functions in the settings of {}", self.name);
                checks.push(Check::of("function", false, format!("`{name}`"), expected));
                continue;
            };
            let role = settings.role.as_ref();
            match accounts.function(&id, role, function).await {
                Ok(Some(live)) => {
                    let variables = live.variables.as_ref();
                    let target = inspector.target(function, live.fitting, variables);
                    targets.insert(name.clone(), target);
                }
                Ok(None) => {
                    let found = format!("no function {function} in {}", self.name);
                    let expected = "a function that is there";
                    checks.push(Check::of("function", false, found, expected));
                }
                Err(fault) => checks.push(Check::new(
                    "function",
                    CheckOutcome::NotRun,
                    fault.to_string(),
                    "nothing: Sluice reads the function once the bundle is uploaded",
                )),
            }
        }
        (targets, checks)
    }
}
