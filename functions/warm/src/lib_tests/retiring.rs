//! What happens to versions that have no traffic any more.

use super::*;

/// Versions 1 to 6, published by this application, the newest serving.
fn grown() -> std::rc::Rc<World> {
    let world = World::new(&["storefront"]);
    let listed = (1..=6).map(|number| Listed {
        number,
        description: format!("storefront 1.0.{number} c0ffee"),
    });
    world
        .listed
        .borrow_mut()
        .insert(arn("storefront"), listed.collect());
    world.given(|work| {
        let published = work.versions.iter_mut().flatten().next().expect("one").1;
        published.version = "6".to_owned();
        published.stable = Some("5".to_owned());
    });
    world.commit();
    world
        .aliases
        .borrow_mut()
        .insert(arn("storefront"), vec![Routing::only("6")]);
    world
}

fn retired(unprovisioned: usize, deleted: usize, problems: usize) -> Output {
    Output::Retired {
        unprovisioned,
        deleted,
        problems,
    }
}

/// Both versions have provisioned concurrency.
async fn provisioned(world: &std::rc::Rc<World>) {
    world.provision_stable("api", 5);
    world.comes_to.borrow_mut().push_back(Allocation::Ready);
    world.ready().await.expect("ready");
    world.take_log();
    world.recorded.take();
}

#[tokio::test]
async fn after_the_commit_the_version_that_served_gives_its_own_back() {
    let world = World::new(&["api"]);
    provisioned(&world).await;
    world.commit();
    assert_eq!(world.retire().await.expect("retired"), retired(1, 0, 0));
    assert_eq!(
        (world.has("api", "1"), world.has("api", "2")),
        (None, Some(5))
    );
    let (kind, facts) = world.recorded.borrow()[0].clone();
    assert_eq!(kind, Kind::VersionsRetired);
    let of_api = json!({"unprovisioned": "1", "deleted": [], "problems": []});
    assert_eq!(
        facts,
        json!({"committed": true, "functions": {"api": of_api}})
    );
    assert_eq!(world.retire().await.expect("again"), retired(0, 0, 0));
}

#[tokio::test]
async fn after_a_roll_back_the_new_version_gives_its_own_back() {
    let world = World::new(&["api"]);
    provisioned(&world).await;
    assert_eq!(world.retire().await.expect("retired"), retired(1, 0, 0));
    assert_eq!(
        (world.has("api", "1"), world.has("api", "2")),
        (Some(5), None)
    );
}

#[tokio::test]
async fn a_version_that_another_alias_needs_keeps_what_it_has() {
    let world = World::new(&["api"]);
    provisioned(&world).await;
    world.commit();
    let beta = Routing {
        version: "2".to_owned(),
        weights: [("1".to_owned(), 0.1)].into(),
    };
    world
        .aliases
        .borrow_mut()
        .get_mut(&arn("api"))
        .expect("api")
        .push(beta);
    assert_eq!(world.retire().await.expect("retired"), retired(0, 0, 0));
    assert_eq!(world.has("api", "1"), Some(5));
}

#[tokio::test]
async fn what_somebody_else_provisioned_is_left_alone() {
    let world = World::new(&["api"]);
    world.commit();
    world.provision_stable("api", 5);
    assert_eq!(world.retire().await.expect("retired"), retired(0, 0, 0));
    assert_eq!(world.has("api", "1"), Some(5));
}

#[tokio::test]
async fn after_the_commit_old_versions_go_and_the_newest_stay() {
    let world = grown();
    assert_eq!(world.retire().await.expect("retired"), retired(0, 3, 0));
    assert_eq!(world.take_log(), ["delete 1", "delete 2", "delete 3"]);
    let facts = world.recorded.borrow()[0].1.clone();
    assert_eq!(
        facts["functions"]["storefront"]["deleted"],
        json!([1, 2, 3])
    );
}

#[tokio::test]
async fn where_the_accounts_room_for_code_is_almost_full_fewer_stay_and_that_is_said() {
    let world = grown();
    world.code.set(85);
    assert_eq!(world.retire().await.expect("retired"), retired(0, 4, 0));
    let deleted = ["delete 1", "delete 2", "delete 3", "delete 4"];
    assert_eq!(world.take_log(), deleted);
    let facts = world.recorded.borrow()[0].1.clone();
    assert_eq!(facts["code_storage"], json!({"used": 85, "limit": 100}));
    assert_eq!(world.looks_at_storage.get(), 1);
}

#[tokio::test]
async fn a_crowded_account_costs_no_version_that_is_in_use_or_gone_back_to() {
    let world = grown();
    world.code.set(100);
    world.given(|work| {
        let published = work.versions.iter_mut().flatten().next().expect("one").1;
        published.stable = Some("1".to_owned());
    });
    let of_another = vec![Routing::only("6"), Routing::only("3")];
    let arn = arn("storefront");
    world.aliases.borrow_mut().insert(arn, of_another);
    world.retire().await.expect("retired");
    assert_eq!(world.take_log(), ["delete 2", "delete 4"]);
}

#[tokio::test]
async fn whether_an_account_is_full_is_asked_once_and_only_where_versions_may_go() {
    let world = World::new(&["api", "web"]);
    world.commit();
    world.retire().await.expect("retired");
    assert_eq!(world.looks_at_storage.get(), 1);
    world.given(|work| work.plan.keep_versions = None);
    world.retire().await.expect("retired");
    world.given(|work| work.journal = None);
    world.retire().await.expect("retired");
    assert_eq!(world.looks_at_storage.get(), 1);
}

#[tokio::test]
async fn an_account_that_may_not_be_looked_at_keeps_what_the_settings_say() {
    let world = grown();
    world.code.set(100);
    world
        .fails
        .set(Some(("code_storage", "AccessDeniedException")));
    assert_eq!(world.retire().await.expect("retired"), retired(0, 3, 0));
    let facts = world.recorded.borrow()[0].1.clone();
    let problem = "lambda:Test failed: AccessDeniedException: no";
    assert_eq!(facts["code_storage"], json!({"problem": problem}));
}

#[tokio::test]
async fn without_a_commit_or_a_number_to_keep_no_version_goes() {
    let world = grown();
    world.given(|work| work.journal = None);
    assert_eq!(world.retire().await.expect("retired"), retired(0, 0, 0));
    world.commit();
    world.given(|work| work.plan.keep_versions = None);
    assert_eq!(world.retire().await.expect("retired"), retired(0, 0, 0));
    assert_eq!(world.take_log(), Vec::<String>::new());
}

#[tokio::test]
async fn a_version_that_anybody_uses_stays() {
    let world = grown();
    world.aliases.borrow_mut().insert(
        arn("storefront"),
        vec![Routing::only("6"), Routing::only("1")],
    );
    world.fed.borrow_mut().insert(2);
    world.used.borrow_mut().insert(3);
    assert_eq!(world.retire().await.expect("retired"), retired(0, 0, 0));

    world.fed.borrow_mut().clear();
    let provisioned = Provisioned {
        executions: 1,
        status: Allocation::Ready,
    };
    let version = format!("{}:2", arn("storefront"));
    world.provisioned.borrow_mut().insert(version, provisioned);
    assert_eq!(world.retire().await.expect("retired"), retired(0, 0, 0));
}

#[tokio::test]
async fn the_versions_of_this_promotion_stay_whatever_the_numbers() {
    let world = grown();
    world.given(|work| {
        let published = work.versions.iter_mut().flatten().next().expect("one").1;
        published.stable = Some("2".to_owned());
    });
    world.retire().await.expect("retired");
    assert_eq!(world.take_log(), ["delete 1", "delete 3"]);
}

#[tokio::test]
async fn what_can_not_be_deleted_is_recorded_and_fails_nothing() {
    for (call, deleted) in [("delete", 0), ("aliases", 0)] {
        let world = grown();
        world.fails.set(Some((call, "AccessDeniedException")));
        assert_eq!(
            world.retire().await.expect("retired"),
            retired(0, deleted, 1)
        );
        let facts = world.recorded.borrow()[0].1.clone();
        let problems = &facts["functions"]["storefront"]["problems"];
        assert_eq!(
            problems,
            &json!(["lambda:Test failed: AccessDeniedException: no"])
        );
    }
}

#[tokio::test]
async fn who_was_fenced_off_retires_nothing() {
    let world = grown();
    world.generation.set(2);
    assert_eq!(world.retire().await.expect_err("fenced").name(), "Fenced");
    assert_eq!(world.take_log(), Vec::<String>::new());
}

#[tokio::test]
async fn a_promotion_that_came_to_no_plan_has_nothing_to_retire() {
    let world = World::new(&["api"]);
    world.work.replace(None);
    assert_eq!(world.retire().await.expect("nothing"), retired(0, 0, 0));
}
