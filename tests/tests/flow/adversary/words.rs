//! What others wrote, through every door at once: the page, mail, Slack and the terminal.

use sluice_hostile::{HARMLESS, TEXTS, hides, skeleton};

use super::*;

/// What people saw of a release that says these words wherever it may.
struct Shown {
    page: String,
    mail: String,
    slack: Vec<Value>,
    terminal: String,
}

async fn shown(words: &[&str]) -> Shown {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let channel = world.channel().await;
    let first = world.healthy("1.0.0", &["api"]);
    let people = json!([
        world.approver("ada", CODE).await,
        world.approver("bob", CODE).await
    ]);
    let settings = json!({
        "approval": {"approvers": people, "quorum": 2, "expires_seconds": 600},
        "channels": channel.setting(),
    });
    world.environment("prod", &first, settings).await;
    let people = words.iter().enumerate().map(|(index, words)| {
        json!({"name": format!("{words} x"), "email": format!("p{index}@example.com")})
    });
    let people: Vec<Value> = people.collect();
    let says = json!({"notes": words.join("\n"), "co_authors": people, "contributors": people});
    let build = world.build("1.1.0", &[("api", healthy("1.1.0"))], says);
    world.upload(&build).await;
    let id = world.promotion("prod", "1.1.0");
    world.happened(&id, Kind::ApprovalRequested).await;
    let (_, mail) = world.told(&inbox, "ApprovalRequested").await;
    let request = world.asked(&id).await.request.id;
    let link = format!("{}/r/{request}", world.desk().trim_end_matches('/'));
    let code = world.code(CODE).await;
    let comment: String = words.join(" ").chars().take(1_000).collect();
    let fields = [
        ("person", "ada"),
        ("code", &code),
        ("choice", "approve"),
        ("comment", &comment),
    ];
    let voted = Sent::form(&link, &fields).send().await;
    assert_eq!(voted.status, 303, "{}", voted.body);
    let page = Sent {
        method: "GET",
        ..Sent::form(&link, &[])
    };
    let page = page.send().await.body;
    let has_voted = |message: &Value| message.to_string().contains("ada approved: ");
    world.said(&channel, "the vote", has_voted).await;
    let terminal = world.sluice(&["history", &id.to_string()]).run().await;
    Shown {
        page,
        mail,
        slack: channel.messages().await,
        terminal: terminal.stdout,
    }
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn words_of_others_are_words_on_the_page_in_mail_in_slack_and_in_the_terminal() {
    let harmless = [HARMLESS; TEXTS.len()];
    let (harmless, hostile) = tokio::join!(shown(&harmless), shown(&TEXTS));
    assert_eq!(skeleton(&harmless.page), skeleton(&hostile.page));
    let lines = |mail: &str| mail.lines().count();
    assert_eq!(lines(&harmless.mail), lines(&hostile.mail));
    for (where_to, text) in [
        ("the page", &hostile.page),
        ("mail", &hostile.mail),
        ("the terminal", &hostile.terminal),
    ] {
        assert_eq!(hides(text), None, "{where_to}: {text:?}");
    }
    assert_eq!(harmless.slack.len(), hostile.slack.len());
    for message in &hostile.slack {
        let text = message.to_string();
        assert!(!text.contains("\"type\":\"mrkdwn\""), "{text}");
        let notified = message["text"].as_str().unwrap_or_default();
        assert!(!notified.contains(['<', '>']), "{notified}");
        for place in sluice_hostile::places(message) {
            let text = message.pointer(&place).and_then(Value::as_str);
            assert_eq!(text.and_then(hides), None, "{place}: {text:?}");
        }
    }
}
