//! Deployments on GitHub.

use sluice_platform::web::Answered;

use super::*;

/// An environment that is shown on GitHub alone.
fn on_github() -> Mirror<World> {
    let mut mirror = mirror();
    mirror.ports.channels = Channels {
        github: Some(GithubDeployments {
            repository: "acme/storefront".to_owned(),
            environment: None,
        }),
        ..Channels::default()
    };
    mirror
}

/// What was said of deployments, in order: state and description.
fn said(mirror: &Mirror<World>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let statuses = mirror.ports.statuses.borrow();
    let all = statuses.iter();
    all.map(|one| (text(&one["state"]), text(&one["description"])))
        .collect()
}

#[test]
fn a_promotion_is_one_deployment_that_says_how_it_stands() {
    let mirror = on_github();
    tell(&mirror, Kind::ChangesPlanned, json!({}));
    tell(&mirror, Kind::ApprovalRequested, json!({}));
    tell(
        &mirror,
        Kind::VoteCast,
        json!({"person": "ada", "choice": "approve"}),
    );
    tell(&mirror, Kind::TargetsAcquired, json!({}));
    tell(
        &mirror,
        Kind::TrafficShifted,
        json!({"step": 0, "weight": 10.0}),
    );
    tell(
        &mirror,
        Kind::PromotionClosed,
        json!({"outcome": "promoted", "reason": "all steps passed"}),
    );
    let expected = [
        ("queued", "planned"),
        ("pending", "waits for approval"),
        ("in_progress", "is rolled out"),
        ("in_progress", "10 % of the traffic is on the new versions"),
        ("success", "Promoted: all steps passed"),
    ];
    let expected = expected.map(|(state, said)| (state.to_owned(), said.to_owned()));
    assert_eq!(said(&mirror), expected);

    let deployments = mirror.ports.deployments.borrow();
    let [deployment] = deployments.as_slice() else {
        panic!("one deployment: {deployments:?}")
    };
    assert_eq!(deployment["ref"], "0123456789abcdef");
    assert_eq!(deployment["environment"], "prod");
    assert_eq!(deployment["auto_merge"], false);
    let statuses = mirror.ports.statuses.borrow();
    let link = "https://desk.example.com/";
    assert!(
        statuses
            .iter()
            .all(|one| one["of"] == json!(["acme/storefront", "1"]))
    );
    assert!(statuses.iter().all(|one| one["log_url"] == link));
    assert!(
        mirror.ports.posts.borrow().is_empty(),
        "nobody asked for Slack"
    );
    let reads = mirror.ports.reads.borrow();
    assert!(
        reads.iter().all(|read| *read == "request"),
        "a link needs neither votes nor plan"
    );
}

#[test]
fn what_github_forbids_holds_up_nothing_and_what_fails_there_is_tried_again() {
    let made = |status: u16, message: &str| {
        let answered = Answered {
            status,
            text: json!({"message": message, "id": 7}).to_string(),
        };
        crate::github::made(("a deployment", "acme/shop"), &answered)
    };
    for (status, message, stays) in [
        (403, "API rate limit exceeded for user ID 1.", true),
        (
            403,
            "Resource not accessible by personal access token",
            true,
        ),
        (429, "Try later", true),
        (500, "", false),
        (502, "", false),
    ] {
        let error = made(status, message).expect_err("not made");
        assert_eq!(error.stays(), stays, "{error}");
        let said = format!("{status} {message}");
        assert!(error.to_string().contains(&said), "{error}");
    }
    assert_eq!(made(201, "").expect("made")["id"], 7);
}

#[test]
fn every_outcome_is_a_state_of_githubs() {
    for (outcome, state) in [
        ("promoted", "success"),
        ("done", "success"),
        ("rolled_back", "failure"),
        ("failed", "failure"),
        ("stranded", "error"),
        ("rejected", "inactive"),
        ("expired", "inactive"),
        ("superseded", "inactive"),
        ("refused", "inactive"),
        ("aborted", "inactive"),
        ("a new one", "error"),
    ] {
        let mirror = on_github();
        let reason = "x\u{202e}\n".repeat(200);
        tell(
            &mirror,
            Kind::PromotionClosed,
            json!({"outcome": outcome, "reason": reason}),
        );
        assert_eq!(said(&mirror)[0].0, state, "{outcome}");
    }
}

#[test]
fn what_github_refuses_is_left_out_and_slack_is_told_all_the_same() {
    let mut mirror = mirror();
    mirror.ports.channels.github = Some(GithubDeployments {
        repository: "acme/storefront".to_owned(),
        environment: Some("production".to_owned()),
    });
    mirror.ports.refuses.set(true);
    tell(
        &mirror,
        Kind::PromotionClosed,
        json!({"outcome": "promoted"}),
    );
    assert_eq!(mirror.ports.posts.borrow().len(), 1);
    mirror.ports.refuses.set(false);
    tell(
        &mirror,
        Kind::PromotionClosed,
        json!({"outcome": "promoted"}),
    );
    let deployments = mirror.ports.deployments.borrow();
    assert_eq!(deployments[0]["environment"], "production");
}
