//! Who attacks approvals, and what comes of it: on the engine, with the functions as they are
//! shipped. Each attack is a row of a table, and none may be accepted. What they are about is
//! on the page of threats (`docs/threats.md`).

mod inside;
mod page;
mod words;

use serde_json::{Value, json};
use sluice_domain::approval::{Sealed, State};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::PromotionId;
use sluice_tests::World;
use sluice_tests::world::healthy;

use crate::approvals::CODE;

/// What was tried, and what came of it.
#[derive(Default)]
struct Table(Vec<Row>);

struct Row {
    attack: String,
    found: String,
    is_accepted: bool,
}

impl Table {
    fn row(&mut self, attack: impl Into<String>, found: impl Into<String>, is_accepted: bool) {
        self.0.push(Row {
            attack: attack.into(),
            found: found.into(),
            is_accepted,
        });
    }

    /// Prints it, and fails if anything was accepted.
    fn is_refused_throughout(&self) {
        println!("{:<72} {:<44} accepted", "attack", "what was found");
        for Row {
            attack,
            found,
            is_accepted,
        } in &self.0
        {
            let accepted = if *is_accepted { "YES" } else { "no" };
            println!("{attack:<72} {found:<44} {accepted}");
        }
        let accepted = self.0.iter().filter(|row| row.is_accepted).count();
        println!("{} attacks, {accepted} accepted", self.0.len());
        assert_eq!(accepted, 0);
    }
}

/// How a request stands: what an attack could change.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    state: State,
    votes: Vec<Sealed>,
    entries: usize,
}

/// A release that waits for people.
struct Asked {
    world: World,
    id: PromotionId,
    /// The name of its request.
    request: String,
}

impl Asked {
    /// One that waits for these approvers.
    async fn new(approvers: Vec<Value>, world: World) -> Self {
        Self::with(approvers, world, json!({})).await
    }

    /// One of a release whose manifest says this, too.
    async fn with(approvers: Vec<Value>, world: World, says: Value) -> Self {
        let first = world.healthy("1.0.0", &["api"]);
        let approval = json!({ "approvers": approvers, "expires_seconds": 600 });
        let settings = json!({ "approval": approval });
        world.environment("prod", &first, settings).await;
        let build = world.build("1.1.0", &[("api", healthy("1.1.0"))], says);
        world.upload(&build).await;
        let id = world.promotion("prod", "1.1.0");
        world.happened(&id, Kind::ApprovalRequested).await;
        let request = world.asked(&id).await.request.id;
        Self { world, id, request }
    }

    /// One that waits for Ada.
    async fn of_ada() -> Self {
        let world = World::new().await;
        let ada = world.approver("ada", CODE).await;
        Self::new(vec![ada], world).await
    }

    fn link(&self) -> String {
        format!("{}/r/{}", self.root(), self.request)
    }

    fn root(&self) -> &str {
        self.world.desk().trim_end_matches('/')
    }

    async fn standing(&self) -> Standing {
        let store = &self.world.reader.store;
        let open = store.request(&self.request).await.expect("the request");
        let entries = self.world.ledger(&self.id.to_string()).await;
        let about_votes = [Kind::VoteCast, Kind::VoteWithdrawn, Kind::ApprovalDecided];
        let entries = entries.iter().map(|entry| entry.event.kind);
        Standing {
            state: open.expect("it is there").state,
            votes: store.votes(&self.request).await.expect("the votes"),
            entries: entries.filter(|kind| about_votes.contains(kind)).count(),
        }
    }
}

/// What is sent to the page.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// What came back.
struct Got {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Sent {
    /// A form, as a browser sends it from the page itself.
    fn form(url: &str, fields: &[(&str, &str)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        Self {
            method: "POST",
            url: url.to_owned(),
            headers: vec![
                (
                    "content-type",
                    "application/x-www-form-urlencoded".to_owned(),
                ),
                ("sec-fetch-site", "same-origin".to_owned()),
            ],
            body: form.finish(),
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(one, _)| *one != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    async fn send(self) -> Got {
        let sent = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .allow_non_standard_methods(true)
                .build()
                .into();
            let mut request = ureq::http::Request::builder()
                .method(self.method)
                .uri(&self.url);
            for (name, value) in &self.headers {
                request = request.header(*name, value);
            }
            let request = request.body(self.body).expect("a request");
            let mut answer = agent.run(request).expect("an answer");
            let headers = answer.headers().iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (name.to_string(), value.into_owned())
            });
            Got {
                headers: headers.collect(),
                status: answer.status().as_u16(),
                body: answer.body_mut().read_to_string().unwrap_or_default(),
            }
        });
        sent.await.expect("it is sent")
    }
}
