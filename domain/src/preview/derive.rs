//! The settings of a preview, from those of the environment on whose functions it lives.

use jiff::{SignedDuration, Timestamp};

use super::{PreviewOf, PreviewRules};
use crate::entry::EntryRules;
use crate::guards::Guards;
use crate::judge::JudgePolicy;
use crate::settings::{QueuePolicy, Settings, Target};
use crate::steps::Step;

/// The preview that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its name, which is its environment's and that of its aliases.
    pub name: &'a str,
    /// The environment that it is derived from.
    pub base: &'a str,
    /// That environment's rules for previews.
    pub rules: &'a PreviewRules,
    /// The branch that it was built from.
    pub branch: Option<&'a str>,
}

/// The settings of a preview that is released now. Only its own aliases are touched.
///
/// What proves a bundle and what stops all work stays: evidence, suites, alarms,
/// incidents, a freeze. What protects callers goes, since a preview has none but its
/// makers: steps, bakes and their judge, approvals, windows, warm-up calls, the error
/// budget (its own failures must not keep back the build that mends them). Of builds
/// that wait, the newest stays. It deletes no versions: the environment's next release
/// knows which of them nobody needs.
#[must_use]
pub fn derive(wanted: Wanted<'_>, settings: &Settings, now: Timestamp) -> Settings {
    let ttl = i64::try_from(wanted.rules.ttl_seconds).unwrap_or(i64::MAX);
    let expires_at = now.saturating_add(SignedDuration::from_secs(ttl));
    let target = |target: &Target| Target {
        name: target.name.clone(),
        alias: wanted.name.to_owned(),
        adopt: None,
        stack: None,
        warm_up: None,
    };
    let functions = settings.functions.iter();
    Settings {
        functions: functions
            .map(|(name, function)| (name.clone(), target(function)))
            .collect(),
        entry: EntryRules::default(),
        steps: vec![Step::new(100.0, 0)],
        codedeploy: None,
        judge: JudgePolicy::default(),
        warm_up: None,
        keep_versions: None,
        approval: None,
        database: None,
        queue: QueuePolicy::Supersede,
        windows: Vec::new(),
        guards: Guards {
            error_budget: None,
            ..settings.guards.clone()
        },
        preview: None,
        preview_of: Some(PreviewOf {
            environment: wanted.base.to_owned(),
            expires_at: expires_at.unwrap_or(Timestamp::MAX),
            branch: wanted.branch.map(str::to_owned),
            removal: None,
        }),
        ..settings.clone()
    }
}
