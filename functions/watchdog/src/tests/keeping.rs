//! Snapshots that were made before migrations.

use super::*;

/// A snapshot of Sluice's that is kept until so many hours from now.
fn snapshot(server: Server, name: &str, hours: i64) -> Snapshot {
    let until = now() + SignedDuration::from_hours(hours);
    let tags = [
        ("sluice:promotion", "storefront/prod/1.1.0/1".to_owned()),
        ("sluice:keep-until", until.to_string()),
    ];
    Snapshot {
        server,
        name: name.to_owned(),
        tags: tags.map(|(key, value)| (key.to_owned(), value)).into(),
    }
}

#[tokio::test]
async fn snapshots_of_clusters_and_instances_are_deleted_once_they_had_their_time() {
    let mut world = world(&[]);
    world.snapshots = vec![
        snapshot(Server::Cluster, "sluice-cluster-old", -1),
        snapshot(Server::Cluster, "sluice-cluster-new", 1),
        snapshot(Server::Instance, "sluice-instance-old", -1),
        snapshot(Server::Instance, "sluice-instance-new", 1),
    ];
    run(&world, SCHEDULE).await.expect("nothing wrong");
    let expected = [
        "hand over",
        "delete Cluster sluice-cluster-old",
        "delete Instance sluice-instance-old",
    ];
    assert_eq!(*world.log.borrow(), expected);
}

#[tokio::test]
async fn a_snapshot_that_sluice_did_not_make_is_never_deleted() {
    let mut world = world(&[]);
    let mut without_promotion = snapshot(Server::Cluster, "sluice-cluster", -1);
    without_promotion.tags.remove("sluice:promotion");
    let mut without_time = snapshot(Server::Cluster, "sluice-cluster", -1);
    without_time.tags.remove("sluice:keep-until");
    let foreign = snapshot(Server::Instance, "before-the-move", -1);
    world.snapshots = vec![without_promotion, without_time, foreign];
    run(&world, SCHEDULE).await.expect("nothing wrong");
    assert_eq!(*world.log.borrow(), ["hand over"]);
}

#[tokio::test]
async fn a_snapshot_that_can_not_be_deleted_keeps_no_other_from_it_and_fails_nothing() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.snapshots = vec![
        snapshot(Server::Instance, "sluice-broken", -1),
        snapshot(Server::Instance, "sluice-old", -1),
    ];
    world.undeletable = Some("sluice-broken");
    let output = run(&world, SCHEDULE).await.expect("nothing wrong");
    assert_eq!(output.mended.len(), 1);
    let log = world.log.borrow();
    assert_eq!(log.last().expect("a line"), "delete Instance sluice-old");
}

#[tokio::test]
async fn where_clusters_can_not_be_listed_instances_are_looked_at_and_nothing_fails() {
    let mut world = world(&[]);
    world.snapshots = vec![snapshot(Server::Instance, "sluice-old", -1)];
    world.unlistable = Some(Server::Cluster);
    run(&world, SCHEDULE).await.expect("nothing wrong");
    let log = world.log.borrow();
    assert_eq!(*log, ["hand over", "delete Instance sluice-old"]);
}

#[tokio::test]
async fn snapshots_are_deleted_though_a_promotion_is_stranded() {
    let mut world = world(&[("prod", ended("FAILED"))]);
    world.failing.insert("prod".into(), "Throttled");
    world.snapshots = vec![snapshot(Server::Cluster, "sluice-old", -1)];
    let error = run(&world, SCHEDULE).await.expect_err("stranded");
    assert_eq!(error.name(), "Stranded");
    let log = world.log.borrow();
    assert_eq!(log.last().expect("a line"), "delete Cluster sluice-old");
}
