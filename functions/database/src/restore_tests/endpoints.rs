//! Whether the database is on the server that is put back.

use super::*;

/// The plan that people approved leads here.
fn leads_to(world: &World, place: &str) {
    let restore = json!({ "backup": BACKUP, "server": "cluster storefront", "place": place });
    let restore = serde_json::from_value(restore).expect("a plan");
    world.plan.borrow_mut().restore = Some(restore);
}

async fn endpoints(world: &World, event: &str) -> Option<Vec<String>> {
    match ask(world, event).await.expect("planned") {
        Output::RestorePlanned { restore } => restore.endpoints,
        output => panic!("not planned: {output:?}"),
    }
}

#[tokio::test]
async fn where_the_server_answers_is_planned_for_migrate_to_hold_it_against_the_host() {
    let world = world();
    let known = Some(vec!["db".to_owned()]);
    assert_eq!(endpoints(&world, PLAN).await, known);
    let on_purpose = json!({ "cluster": "storefront", "host_is_another_name": true });
    assert_eq!(endpoints(&world, &of(PLAN, on_purpose)).await, None);
    let by_function = json!({ "function": "saves", "restore": "restores" });
    assert_eq!(endpoints(&world, &of(PLAN, by_function)).await, None);
}

#[tokio::test]
async fn a_database_on_another_server_is_refused_before_traffic_stops() {
    let world = world();
    for (place, is_refused) in [("db:5432/shop", false), ("orders:5432/shop", true)] {
        leads_to(&world, place);
        let asked = ask(&world, CHECK).await;
        assert_eq!(asked.is_err(), is_refused, "{place}");
        if let Err(error) = asked {
            assert_eq!(error.name(), "InvalidSettings");
            let text = error.to_string();
            for said in ["host orders", "cluster storefront", "answers at db"] {
                assert!(text.contains(said), "{text}");
            }
        }
    }
    let on_purpose = json!({ "cluster": "storefront", "host_is_another_name": true });
    ask(&world, &of(CHECK, on_purpose))
        .await
        .expect("another name");
    world.endpoints.replace(None);
    ask(&world, CHECK)
        .await
        .expect("nothing to hold it against");
}
