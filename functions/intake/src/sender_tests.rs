//! What people can't send, and what events can't ask for.

use super::*;

const PUSHED: &str = include_str!("../../../events/intake/ecr-push.json");
const SCHEDULE: &str = include_str!("../../../events/intake/schedule.json");
const TEST_SCHEDULE: &str = include_str!("../../../events/intake/test-schedule.json");

/// Must be refused, and recorded; nothing may have started.
async fn refused(event: &str, sender: Sender) -> String {
    let world = World::with_bundle("storefront", "1.1.0");
    let error = hand_over(&world, event, sender).await.expect_err("refused");
    assert_eq!(error.name(), "WrongAlias", "{error}");
    assert_eq!((world.starts(), world.runs.borrow().len()), (0, 0));
    let (chain, kind, facts) = world.last_entry().expect("it is recorded");
    assert_eq!(
        (chain.as_str(), kind),
        ("release/unknown", Kind::ReleaseRefused)
    );
    assert_eq!(facts["error"], "WrongAlias");
    error.to_string()
}

#[tokio::test]
async fn nobody_passes_for_an_upload_a_push_or_a_schedule_where_people_ask() {
    for event in [UPLOADED, PUSHED, SCHEDULE, TEST_SCHEDULE] {
        let said = refused(event, Sender::Person(Ok(None))).await;
        assert!(said.contains("output `IntakeEvents`"), "{said}");
    }
}

#[tokio::test]
async fn a_persons_request_is_not_taken_where_events_arrive() {
    let test = json!({"application": "storefront", "environment": "dev", "requested_by": "ada"});
    let test = json!({ "test": test }).to_string();
    for request in [MANUAL, MANUAL_ROLLBACK, &test] {
        let said = refused(request, Sender::Events).await;
        assert!(said.contains("at the alias `people`"), "{said}");
    }
}
