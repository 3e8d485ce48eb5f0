//! One line of CloudWatch Embedded Metric Format for each new entry: Lambda
//! hands it to CloudWatch Logs, which makes metrics of it.

use serde_json::{Value, json};
use sluice_domain::ledger::Entry;
use sluice_domain::promotion::PromotionId;

/// The metric's namespace.
const NAMESPACE: &str = "Sluice";

/// The line for an entry. It counts the event once per application and
/// environment (releases have none) and once over all, for alarms.
#[must_use]
pub fn line(entry: &Entry) -> String {
    let kind = entry.event.kind.name();
    let (application, environment) = subject(&entry.event.chain);
    let mut dimensions = vec!["Application"];
    dimensions.extend(environment.is_some().then_some("Environment"));
    dimensions.push("Kind");
    let mut document = json!({
        "_aws": {
            "Timestamp": entry.at.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [dimensions, ["Kind"]],
                "Metrics": [{ "Name": "Events", "Unit": "Count" }],
            }],
        },
        "Application": application,
        "Kind": kind,
        "Events": 1,
        "Chain": entry.event.chain,
        "Sequence": entry.sequence,
    });
    if let Some(environment) = environment {
        document["Environment"] = Value::String(environment);
    }
    document.to_string()
}

/// Whose chain this is: an application, and an environment where it is a
/// promotion's. A metric's dimension must not be empty.
fn subject(chain: &str) -> (String, Option<String>) {
    if let Ok(id) = chain.parse::<PromotionId>() {
        return (id.application, Some(id.environment));
    }
    let application = chain
        .strip_prefix("release/")
        .and_then(|rest| rest.split('/').next());
    (
        application
            .filter(|name| !name.is_empty())
            .unwrap_or("unknown")
            .to_owned(),
        None,
    )
}
