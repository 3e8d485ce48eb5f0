//! What a promotion left running in a database, ended by `migrate`.

use std::time::Duration;

use serde::Serialize;
use sluice_domain::migrations::{Migrating, Request};
use sluice_platform::fault::Fault;

use super::{Done, Functions, call};
use crate::CallError;

/// How long it is waited for: other promotions wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);

const WHAT: &str = "migrate (goal fence)";

/// What `migrate` is asked.
#[derive(Serialize)]
struct Asked<'a> {
    goal: &'static str,
    request: &'a Request,
    epoch: i64,
}

impl<'a> Asked<'a> {
    fn of(Migrating { request, epoch }: &'a Migrating) -> Self {
        Self {
            goal: "fence",
            request,
            epoch: *epoch,
        }
    }
}

impl Functions {
    /// The one next to the database, or Sluice's own.
    pub(super) async fn fence_schema(&self, migrating: &Migrating) -> Result<(), CallError> {
        let named = migrating.request.database.migrator.as_ref();
        let function = named.unwrap_or(&self.migrate);
        let asked = Asked::of(migrating);
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
        let request = serde_json::from_value(expected["request"].clone()).expect("a request");
        let epoch = expected["epoch"].as_i64().expect("a number");
        let migrating = Migrating::of(&request, epoch);
        let asked = serde_json::to_value(Asked::of(&migrating)).expect("json");
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
