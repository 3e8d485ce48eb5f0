//! Attacks by those who are inside: with access to tables, to histories, or with many votes at
//! once.

use futures_util::future::join_all;
use jiff::Timestamp;
use sluice_domain::approval::{Choice, Method, Seal, Vote};
use sluice_domain::promotion::Outcome;
use sluice_platform::store::TaskToken;
use sluice_platform::totp::OneTimeSecret;

use super::*;

/// A vote that nobody cast, with a seal that is none.
fn forged(key: &str) -> Sealed {
    Sealed {
        vote: Vote {
            person: "ada".to_owned(),
            choice: Choice::Approve,
            comment: String::new(),
            at: Timestamp::now(),
            method: Method::Totp,
            attested: Vec::new(),
            shown: None,
            from: None,
            withdrawn_at: None,
        },
        seal: Seal {
            key: key.to_owned(),
            mac: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
        },
    }
}

/// The token of each wait for a request.
async fn tokens(asked: &Asked) -> Vec<TaskToken> {
    let tokens = asked.world.reader.store.tokens(&asked.request).await;
    tokens.expect("the tokens")
}

/// Answers the state that waits, with whatever somebody wants it to hear.
async fn call_back(asked: &Asked) {
    let token = tokens(asked).await.pop().expect("a token").0;
    let output = json!({"approval": "approved", "decision": "approved", "state": "approved"});
    let sent = asked
        .world
        .executions()
        .send_task_success()
        .task_token(token)
        .output(output.to_string())
        .send()
        .await;
    sent.expect("the state hears it");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_is_written_past_the_desk_releases_nothing() {
    let mut table = Table::default();
    let asked = Asked::of_ada().await;
    call_back(&asked).await;
    let again = async || (tokens(&asked).await.len() > 1).then_some(());
    asked.world.wait("the next wait", again).await;
    let state = asked.world.asked(&asked.id).await.state;
    let attack = "a forged callback, with the real token";
    table.row(attack, format!("{state:?}"), state != State::Pending);
    let voted = asked.world.vote(&asked.id, Choice::Approve, CODE).await;
    voted.expect("a vote");
    asked.world.ended(&asked.id).await.is(Outcome::Promoted);

    for (attack, key) in [
        (
            "a vote in the table, with a seal of no key",
            "arn:aws:kms:us-east-1:000000000000:key/none",
        ),
        (
            "a vote in the table, with a seal of the right key's name",
            "",
        ),
    ] {
        let asked = Asked::of_ada().await;
        let store = &asked.world.reader.store;
        let key = match key {
            "" => asked.world.seal_key().await,
            other => other.to_owned(),
        };
        let forged = forged(&key);
        assert!(
            store
                .cast(&asked.request, &forged)
                .await
                .expect("it is written")
        );
        assert!(
            store
                .decide(&asked.request, State::Approved, &[])
                .await
                .expect("it is written")
        );
        call_back(&asked).await;
        let ended = asked.world.ended(&asked.id).await;
        let reason = ended.reason().chars().take(40).collect::<String>();
        table.row(attack, reason, ended.outcome() == Some(Outcome::Promoted));
        ended.is(Outcome::Refused);
    }

    // The same person, with a vote and a seal that are real elsewhere.
    let elsewhere = Asked::of_ada().await;
    elsewhere
        .world
        .vote(&elsewhere.id, Choice::Approve, CODE)
        .await
        .expect("a vote");
    elsewhere
        .world
        .ended(&elsewhere.id)
        .await
        .is(Outcome::Promoted);
    let votes = elsewhere.world.reader.store.votes(&elsewhere.request).await;
    let vote = votes.expect("the votes").pop().expect("a vote");
    let asked = Asked::of_ada().await;
    let store = &asked.world.reader.store;
    for written in [
        store.cast(&asked.request, &vote).await,
        store.decide(&asked.request, State::Approved, &[]).await,
    ] {
        assert!(written.expect("it is written"));
    }
    call_back(&asked).await;
    let ended = asked.world.ended(&asked.id).await;
    let reason = ended.reason().chars().take(40).collect::<String>();
    table.row(
        "a sealed vote of another environment, copied here",
        reason,
        ended.outcome() == Some(Outcome::Promoted),
    );
    ended.is(Outcome::Refused);
    table.is_refused_throughout();
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_vote_that_was_written_in_somebodys_place_is_not_shown_and_makes_way_for_theirs() {
    let asked = Asked::of_ada().await;
    let forged = forged(&asked.world.seal_key().await);
    let store = &asked.world.reader.store;
    let written = store.cast(&asked.request, &forged).await;
    assert!(written.expect("it is written"));
    let page = Sent {
        method: "GET",
        ..Sent::form(&asked.link(), &[])
    };
    let page = page.send().await.body;
    assert!(!page.contains("approved, "), "{page}");
    let code = asked.world.code(CODE).await;
    let fields = [
        ("person", "ada"),
        ("code", &code),
        ("choice", "reject"),
        ("comment", "not this"),
    ];
    let answer = Sent::form(&asked.link(), &fields).send().await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let ended = asked.world.ended(&asked.id).await;
    ended.is(Outcome::Rejected);
    let mut cast = ended.entries.iter();
    let cast = cast.find(|entry| entry.event.kind == Kind::VoteCast);
    assert_eq!(cast.expect("a vote").event.facts["comment"], "not this");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn fifty_votes_at_once_decide_once() {
    let world = World::new().await;
    let mut approvers = Vec::new();
    let mut secrets = Vec::new();
    for number in 0..50 {
        let secret = OneTimeSecret::generate().expect("random bytes");
        let name = format!("person-{number}");
        approvers.push(world.approver(&name, secret.reveal()).await);
        secrets.push((name, secret));
    }
    let asked = Asked::new(approvers, world).await;
    let votes = secrets.iter().map(|(name, secret)| {
        let code = secret.code_at(Timestamp::now());
        let fields = [
            ("person", name.as_str()),
            ("code", &code),
            ("choice", "approve"),
            ("comment", ""),
        ];
        Sent::form(&asked.link(), &fields).send()
    });
    let answers = join_all(votes).await;
    let taken = answers.iter().filter(|got| got.status == 303).count();
    assert!(taken >= 1, "somebody was first");
    let ended = asked.world.ended(&asked.id).await;
    ended.is(Outcome::Promoted);
    assert_eq!(ended.count(Kind::ApprovalDecided), 1);
    let counted = ended.count(Kind::VoteCast);
    assert!((1..=taken).contains(&counted), "{counted} of {taken}");
    println!("{taken} of 50 votes taken, one decision");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn the_task_token_is_told_to_nobody() {
    let since = Timestamp::now().as_millisecond();
    let world = World::new().await;
    let inbox = world.inbox().await;
    let ada = world.approver("ada", CODE).await;
    let asked = Asked::new(vec![ada], world).await;
    let token = tokens(&asked).await.pop().expect("a token").0;
    let (subject, mail) = asked.world.told(&inbox, "ApprovalRequested").await;
    assert!(!subject.contains(&token) && !mail.contains(&token));
    let page = Sent {
        method: "GET",
        ..Sent::form(&asked.link(), &[])
    };
    let page = page.send().await.body;
    assert!(!page.contains(&token));
    asked
        .world
        .vote(&asked.id, Choice::Approve, CODE)
        .await
        .expect("a vote");
    let ended = asked.world.ended(&asked.id).await;
    ended.is(Outcome::Promoted);
    let told: Value = ended.entries.iter().map(|entry| json!(entry)).collect();
    assert!(!told.to_string().contains(&token));

    // Histories have it in the input of the state that waits, which can't be avoided, and in
    // the table it has a partition of its own.
    let (own, found) = crate::credentials::written(&asked.world, since, &[&token]).await;
    assert!(
        own.iter()
            .any(|place| place.starts_with("/aws/lambda/sluice/desk")),
        "{own:?}"
    );
    let found = found.as_array().cloned().unwrap_or_default();
    let elsewhere = found.iter().filter(|one| {
        let place = one[0].as_str().unwrap_or_default();
        !place.starts_with("table sluice-StateTable") && !place.ends_with(" history")
    });
    assert_eq!(elsewhere.count(), 0, "{found:#?}");
    let history = asked.world.history(&ended.promotion.execution_arn).await;
    let outputs = history.iter().filter_map(|event| {
        let exited = event.state_exited_event_details()?;
        exited.output()
    });
    assert!(outputs.into_iter().all(|output| !output.contains(&token)));
}
