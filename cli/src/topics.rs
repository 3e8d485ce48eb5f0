//! The topics of which settings say that people are told there.

use sluice_domain::settings::Settings;

/// A topic that settings name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Topic<'a> {
    /// The field that names it.
    pub(crate) field: &'static str,
    /// Its ARN.
    pub(crate) arn: &'a str,
    /// What is used where the field is left out.
    pub(crate) instead: &'static str,
}

/// Every topic that settings name.
pub(crate) fn topics(settings: &Settings) -> impl Iterator<Item = Topic<'_>> {
    let everything = settings.channels.topic_arn.iter().map(|arn| Topic {
        field: "channels.topic_arn",
        arn,
        instead: "Sluice's own",
    });
    let escalation = settings
        .approval
        .iter()
        .filter_map(|approval| approval.escalation.as_ref()?.topic_arn.as_ref());
    let escalation = escalation.map(|arn| Topic {
        field: "approval.escalation.topic_arn",
        arn,
        instead: "the environment's",
    });
    everything.chain(escalation)
}
