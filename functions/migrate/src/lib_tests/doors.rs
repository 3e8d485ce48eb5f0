//! Where the function connects to, and for how long.

use super::*;

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_host_that_is_not_allowed_is_not_connected_to() {
    let world = World::new(&FILES).await;
    world
        .hosts
        .replace(Hosts::of("*.c1abcdefgh.eu-west-1.rds.amazonaws.com"));
    let error = world.ask(PLAN, |_| {}).await.expect_err("refused");
    assert_eq!(error.name(), "InvalidSettings");
    let text = error.to_string();
    for said in [
        "lead to host 127.0.0.1",
        "one of *.c1abcdefgh",
        "`DatabaseHosts`",
    ] {
        assert!(text.contains(said), "{text}");
    }
    world.hosts.replace(Hosts::of("10.0.0.5,127.0.0.1"));
    world.ask(PLAN, |_| {}).await.expect("it may");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_token_is_made_for_no_host_that_is_not_allowed() {
    let world = World::new(&FILES).await;
    world.hosts.replace(Hosts::of("db.example"));
    let by_token = |event: &mut Value| {
        let database = &mut event["request"]["database"];
        *database = json!({
            "iam": { "user": "u" }, "host": "db.elsewhere.example", "name": "shop",
            "backup": { "before": "none" },
        });
    };
    let error = world.ask(PLAN, by_token).await.expect_err("refused");
    assert_eq!(error.name(), "InvalidSettings", "{error}");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn the_password_of_a_secret_goes_to_no_other_host_than_the_secret_names() {
    let world = World::new(&FILES).await;
    let elsewhere = |event: &mut Value| {
        event["request"]["database"]["host"] = json!("db.elsewhere.example");
    };
    let error = world.ask(PLAN, elsewhere).await.expect_err("refused");
    assert_eq!(error.name(), "InvalidSettings");
    let text = error.to_string();
    assert!(
        text.contains("db.elsewhere.example") && text.contains("Nothing was sent"),
        "{text}"
    );
    let same = |event: &mut Value| event["request"]["database"]["host"] = json!("127.0.0.1");
    world.ask(PLAN, same).await.expect("the same");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn the_password_goes_to_where_a_teams_function_leads_only_if_the_deployer_names_that() {
    let world = World::new(&FILES).await;
    let copy = world.server.copy().await.expect("a copy");
    let told = |event: &mut Value| {
        let backup = json!({ "before": "none", "cluster": "storefront" });
        event["request"]["database"]["backup"] = backup;
        event["request"]["database"]["rehearsal"] = json!({ "function": "copies" });
        event["copy"] = place_of(&copy);
    };
    for named in ["", "db.example", "*.0.0.1.example"] {
        world.hosts.replace(Hosts::of(named));
        let error = world.ask(REHEARSE, told).await.expect_err("refused");
        assert_eq!(error.name(), "InvalidSettings");
        let text = error.to_string();
        for said in ["127.0.0.1", "`DatabaseHosts`", "Nothing was sent"] {
            assert!(text.contains(said), "{named}: {text}");
        }
    }
    world.hosts.replace(Hosts::of("127.0.0.1"));
    world.ask(REHEARSE, told).await.expect("it may");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_token_goes_to_no_host_that_nobody_but_the_settings_vouches_for() {
    let world = World::new(&FILES).await;
    let by_token = |event: &mut Value| {
        let database = &mut event["request"]["database"];
        let authority = database["authority"].clone();
        *database = json!({
            "iam": { "user": "u" }, "host": "db.elsewhere.example", "name": "shop",
            "authority": authority, "backup": { "before": "none" },
        });
    };
    let error = world.ask(PLAN, by_token).await.expect_err("refused");
    assert_eq!(error.name(), "InvalidSettings");
    let text = error.to_string();
    assert!(text.contains("leave `database.authority` out"), "{text}");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_unit_is_ended_with_a_word_before_lambda_ends_the_call() {
    let slow = (
        "1_slow.sql",
        "CREATE TABLE slow AS SELECT pg_sleep(120)::text;",
    );
    let world = World::new(&[slow]).await;
    let plan = world.planned().await;
    world.lasts.set(Duration::from_secs(31));
    let began = Instant::now();
    let error = world.apply(&plan["digest"], &Value::Null).await;
    let error = error.expect_err("ended");
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(error.name(), "StatementFailed");
    let text = error.to_string();
    let said = "the time-out of the function that migrates";
    assert!(
        text.contains("1_slow.sql:1") && text.contains(said),
        "{text}"
    );
}
