//! Asks `intake` for a release by hand: a new attempt, or an earlier version.

use aws_config::SdkConfig;
use semver::Version;
use serde::{Deserialize, Serialize};
use sluice_domain::migrations::Operation;

use crate::error::Result;
use crate::function;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Request {
    /// The application.
    pub application: String,
    /// The version.
    pub version: Version,
    /// Whether a version that was tried before is tried again.
    pub again: bool,
    /// Who asks.
    pub requested_by: String,
    /// The environments to enter. None: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
    /// The environment to enter first, after an earlier attempt promoted it in the one
    /// before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Whether an older version may take a newer one's place.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rollback: bool,
    /// What to do to the environment's database instead of releasing code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
}

/// What `intake` answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// `started`, `duplicate`, `superseded`, `held` or `ignored`.
    pub outcome: String,
    /// The `release` execution.
    #[serde(default)]
    pub execution_arn: Option<String>,
    /// The attempt.
    #[serde(default)]
    pub attempt: Option<u32>,
    /// In a sentence.
    #[serde(default)]
    pub message: String,
}

/// Asks.
///
/// # Errors
/// `Refused` when `intake` says no; else when it can't be reached.
pub async fn ask(config: &SdkConfig, function: &str, request: &Request) -> Result<Answer> {
    function::ask(config, function, request).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(rollback: bool) -> Request {
        Request {
            application: "shop".into(),
            version: Version::new(1, 0, 0),
            again: true,
            requested_by: "ada".into(),
            environments: rollback.then(|| vec!["prod".to_owned()]),
            from: None,
            rollback,
            operation: None,
        }
    }

    #[test]
    fn a_plain_request_has_only_the_fields_that_every_intake_knows() {
        let plain = json!({"application": "shop", "version": "1.0.0", "again": true, "requested_by": "ada"});
        assert_eq!(serde_json::to_value(request(false)).expect("json"), plain);
        let rollback = serde_json::to_value(request(true)).expect("json");
        assert_eq!(
            (&rollback["rollback"], &rollback["environments"]),
            (&json!(true), &json!(["prod"]))
        );
    }
}
