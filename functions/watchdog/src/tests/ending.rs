//! Copies of databases on which migrations were tried.

use super::*;

/// A server with the tags of a copy that is kept until so many hours from now.
fn copy(server: Server, name: &str, hours: i64) -> CopiedServer {
    let until = now() + SignedDuration::from_hours(hours);
    let tags = [
        ("sluice:promotion", "storefront/prod/1.1.0/1".to_owned()),
        ("sluice:keep-until", until.to_string()),
    ];
    CopiedServer {
        server,
        name: name.to_owned(),
        tags: tags.map(|(key, value)| (key.to_owned(), value)).into(),
    }
}

#[tokio::test]
async fn a_copy_that_nobody_ended_is_deleted_once_it_had_its_time() {
    let mut world = world(&[]);
    world.copies = vec![
        copy(Server::Cluster, "sluice-rehearsal-old", -1),
        copy(Server::Cluster, "sluice-rehearsal-new", 1),
        copy(Server::Instance, "sluice-rehearsal-old-1", -1),
    ];
    run(&world, SCHEDULE).await.expect("nothing wrong");
    let expected = [
        "hand over",
        "end Instance sluice-rehearsal-old-1",
        "end Cluster sluice-rehearsal-old",
    ];
    assert_eq!(*world.log.borrow(), expected);
}

#[tokio::test]
async fn a_server_that_is_no_copy_is_never_deleted() {
    let mut world = world(&[]);
    let mut untagged = copy(Server::Instance, "sluice-rehearsal-mine", -1);
    untagged.tags.remove("sluice:promotion");
    world.copies = vec![
        untagged,
        copy(Server::Instance, "sluice-shop-prod", -1),
        copy(Server::Cluster, "shop", -1),
    ];
    run(&world, SCHEDULE).await.expect("nothing wrong");
    assert_eq!(*world.log.borrow(), ["hand over"]);
}
