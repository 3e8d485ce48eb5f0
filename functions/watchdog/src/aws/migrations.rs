//! What a promotion left running in a database, ended by `migrate`.

use std::time::Duration;

use serde::Serialize;
use sluice_domain::migrations::{Database, Phase, Request};
use sluice_domain::promotion::PromotionId;
use sluice_platform::fault::Fault;
use sluice_platform::settings::{SettingsError, SettingsReader};

use super::{Done, Functions, call};
use crate::{CallError, Environments};

/// How long it is waited for: other promotions wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);

const WHAT: &str = "migrate (goal fence)";

/// What `migrate` is asked.
#[derive(Serialize)]
struct Asked {
    goal: &'static str,
    request: Request,
    epoch: i64,
}

impl Asked {
    /// Whatever the bundle brings: nothing of it is read.
    fn of(function: &str, id: &PromotionId, database: &Database, epoch: i64) -> Self {
        let request = Request {
            function: function.to_owned(),
            promotion: id.clone(),
            brings: None,
            peer: None,
            database: database.clone(),
            role: None,
            operation: None,
            phase: Phase::Expand,
            goes_back: false,
        };
        Self {
            goal: "fence",
            request,
            epoch,
        }
    }
}

impl Environments for SettingsReader {
    async fn database(&self, id: &PromotionId) -> Result<Option<Database>, SettingsError> {
        let settings = self.read(&id.application, &id.environment).await?;
        Ok(settings.database)
    }
}

impl Functions {
    /// The one next to the database, or Sluice's own.
    pub(super) async fn fence_schema(
        &self,
        id: &PromotionId,
        database: &Database,
        epoch: i64,
    ) -> Result<(), CallError> {
        let function = database.migrator.as_ref().unwrap_or(&self.migrate);
        let asked = Asked::of(function, id, database, epoch);
        let called = call(&self.client, function, WHAT, &asked);
        match tokio::time::timeout(PATIENCE, called).await {
            Ok(answered) => answered.map(|Done {}| ()),
            Err(_) => {
                let why = format!("no answer within {} s", PATIENCE.as_secs());
                Err(Fault::other(WHAT, why).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const FENCE: &str = include_str!("../../../../events/migrate/fence.json");

    #[test]
    fn it_is_asked_what_a_machine_asks_without_what_the_bundle_brings() {
        let mut expected: Value = serde_json::from_str(FENCE).expect("json");
        let request = serde_json::from_value(expected["request"].clone());
        let request: Request = request.expect("a request");
        let epoch = expected["epoch"].as_i64().expect("a number");
        let (function, id) = (&request.function, &request.promotion);
        let asked = Asked::of(function, id, &request.database, epoch);
        let asked = serde_json::to_value(asked).expect("json");
        let brought = expected["request"].as_object_mut().expect("a request");
        assert!(brought.remove("brings").is_some());
        for field in ["goal", "epoch"] {
            assert_eq!(asked[field], expected[field]);
        }
        let found: Request = serde_json::from_value(asked["request"].clone()).expect("a request");
        let expected = serde_json::from_value(expected["request"].clone());
        assert_eq!(found, expected.expect("a request"));
    }
}
