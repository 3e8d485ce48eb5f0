//! What the store sends to DynamoDB.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use sluice_domain::approval::{Choice, Method, Request, Seal, Sealed, State, Vote};
use sluice_domain::caller::Principal;
use sluice_domain::controls::Controls;
use sluice_domain::promotion::{Outcome, Promotion};

use super::*;

/// Keeps what is sent. Only the promotion is there when it is asked for, and what a
/// version of before kept of a request.
#[derive(Debug, Clone, Default)]
struct Sent(Arc<Mutex<Vec<Value>>>);

impl HttpConnector for Sent {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap();
        let sent: Value = serde_json::from_slice(body).unwrap();
        let key = |name: &str| sent["Key"][name]["S"].as_str();
        let answer = match (key("pk"), key("sk")) {
            (_, Some("promotion")) => json!({ "Item": {
                "generation": { "N": "1" },
                "document": { "S": json!(promotion()).to_string() },
            } }),
            (Some("promotion#storefront/prod/1.1.0/1"), Some("part#approval")) => {
                json!({ "Item": { "document": { "S": "\"mzxw6ytb\"" } } })
            }
            (Some("approval#mzxw6ytb"), Some("request")) => {
                json!({ "Item": { "tokens": { "SS": ["earlier"] } } })
            }
            (Some("token#mzxw6ytb"), Some("tokens")) if !is_write(&sent) => {
                json!({ "Item": { "tokens": { "SS": ["second", "first"] } } })
            }
            _ => json!({ "Attributes": { "tries": { "N": "3" } } }),
        };
        self.0.lock().unwrap().push(sent);
        let ok = StatusCode::try_from(200).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(ok, SdkBody::from(answer.to_string()))))
    }
}

fn is_write(sent: &Value) -> bool {
    !sent["UpdateExpression"].is_null()
}

impl Sent {
    /// A store that sends here.
    fn store(&self) -> Store {
        let connector = SharedHttpConnector::new(self.clone());
        let keys = Credentials::new("key", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Store::new(&config, "state".to_owned())
    }

    /// What was sent since this was asked last.
    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn promotion() -> Promotion {
    let promotion = json!({
        "id": "storefront/prod/1.1.0/1",
        "bundle": {
            "bucket": "artifacts", "key": "release.json", "version_id": "1",
            "digest": format!("sha256:{}", "0".repeat(64)),
        },
        "execution_arn": "execution", "opened_at": "2030-01-01T00:00:00Z", "outcome": null,
    });
    serde_json::from_value(promotion).unwrap()
}

fn request() -> Request {
    let digest = format!("sha256:{}", "0".repeat(64));
    let request = json!({
        "id": "mzxw6ytb", "promotion": "storefront/prod/1.1.0/1", "bundle": digest, "plan": digest,
        "policy": { "approvers": [], "quorum": 1, "expires_seconds": 60 }, "authors": [],
        "opened_at": "2030-01-01T00:00:00Z", "expires_at": "2030-01-01T00:01:00Z",
    });
    serde_json::from_value(request).unwrap()
}

fn token(token: &str) -> TaskToken {
    TaskToken(token.to_owned())
}

/// So many pauses.
fn asked(wishes: usize) -> Controls {
    let pause = json!({
        "wish": "pause", "by": "ada", "reason": "the fair", "at": "2030-01-01T00:00:00Z",
    });
    serde_json::from_value(json!({ "asked": vec![pause; wishes] })).unwrap()
}

/// Everything that a release, from its first attempt to its end, writes.
async fn write_all(store: &Store) -> Result<(), StoreError> {
    let (promotion, request) = (promotion(), request());
    let (id, now) = (&promotion.id, request.opened_at);
    let release = Release {
        application: id.application.clone(),
        version: id.version.clone(),
        bundle: promotion.bundle.clone(),
        attempt: 1,
        environments: Vec::new(),
        rollback: false,
        operation: None,
        execution_arn: "execution".to_owned(),
        requested_by: "ada".to_owned(),
        principal: None,
        requested_at: now,
    };
    let vote = Vote {
        person: "ada".to_owned(),
        choice: Choice::Approve,
        comment: String::new(),
        at: now,
        method: Method::Totp,
        attested: Vec::new(),
        shown: None,
        from: None,
        withdrawn_at: None,
    };
    let seal = Seal {
        key: "a key".to_owned(),
        mac: String::new(),
    };
    let cast = Sealed { vote, seal };
    let targets = ["arn:checkout".to_owned()];
    let ticket = Ticket {
        promotion: id.clone(),
        targets: targets.to_vec(),
        token: token("ticket"),
        queued_at: now,
    };
    let labelled = Labelled {
        application: id.application.clone(),
        version: id.version.clone(),
        digest: promotion.bundle.digest.clone(),
        requested_by: "ecr:shop/checkout".to_owned(),
        principal: Principal::repository("shop/checkout"),
    };
    store.note_label(&labelled).await?;
    store.begin_release(&release).await?;
    store.open_promotion(&promotion).await?;
    store.put_part(id, Part::Plan, &"plan").await?;
    store.open_request(&request, Some(&token("first"))).await?;
    store.open_request(&request, Some(&token("second"))).await?;
    store.cast(&request.id, &cast).await?;
    store.withdraw(&request.id, &cast).await?;
    store.use_step("/totp/ada", 1).await?;
    store.decide(&request.id, State::Approved, &["ada"]).await?;
    store.enqueue(&ticket).await?;
    store.acquire(id, &targets).await?;
    store.take_ticket(&ticket).await?;
    let generation = store.raise_generation(id).await?;
    let journal = Part::Journal;
    store.put_part_fenced(id, generation, journal, &"").await?;
    store.put_controls(id, generation, &asked(1)).await?;
    store
        .close_promotion(id, (Outcome::Promoted, ""), None, now)
        .await?;
    store.release(id).await?;
    store.settle_promotion(id).await
}

#[tokio::test]
async fn a_tried_code_expires_and_nothing_else_does() {
    let sent = Sent::default();
    let store = sent.store();
    write_all(&store).await.unwrap();
    let mut written = sent.take();
    assert!(written.len() > 15, "found {written:#?}");
    for request in &mut written {
        // A request says in its document when people must have decided.
        if let Some(item) = request["Item"].as_object_mut() {
            item.remove("document");
        }
        assert!(!request.to_string().contains(EXPIRES_AT), "{request:#}");
    }

    let forgotten_at = Timestamp::from_second(1_900_000_800).unwrap();
    let tries = store.count_try("mzxw6ytb", "ada", 2_111_112, forgotten_at);
    assert_eq!(tries.await.unwrap(), 3);
    let [counted] = sent.take().try_into().unwrap();
    let key = json!({ "pk": { "S": "vote#mzxw6ytb" }, "sk": { "S": "try#ada@2111112" } });
    assert_eq!(counted["Key"], key);
    assert_eq!(
        counted["UpdateExpression"],
        "SET #expires_at = :forgotten_at ADD tries :one"
    );
    assert_eq!(
        counted["ExpressionAttributeNames"],
        json!({ "#expires_at": EXPIRES_AT })
    );
    let values = &counted["ExpressionAttributeValues"];
    assert_eq!(values[":forgotten_at"], json!({ "N": "1900000800" }));
}

#[tokio::test]
async fn the_token_of_each_try_is_added_to_those_that_are_there_and_stands_in_no_request() {
    let sent = Sent::default();
    let (store, request) = (sent.store(), request());
    let first = token("first");
    assert!(store.open_request(&request, Some(&first)).await.unwrap());
    let [added, opened] = sent.take().try_into().unwrap();
    let key = json!({ "pk": { "S": "token#mzxw6ytb" }, "sk": { "S": "tokens" } });
    assert_eq!(added["Key"], key);
    assert_eq!(added["UpdateExpression"], "ADD #tokens :token");
    assert_eq!(added["ConditionExpression"], Value::Null);
    let value = &added["ExpressionAttributeValues"][":token"];
    assert_eq!(*value, json!({ "SS": ["first"] }));
    assert_eq!(opened["Item"]["pk"], json!({ "S": "approval#mzxw6ytb" }));
    assert_eq!(opened["Item"]["tokens"], Value::Null);

    store.open_request(&request, None).await.unwrap();
    let [opened] = sent.take().try_into().unwrap();
    assert_eq!(opened["Item"]["pk"], json!({ "S": "approval#mzxw6ytb" }));
}

#[tokio::test]
async fn a_promotion_of_before_an_upgrade_finds_its_requests_name_and_tokens() {
    let store = Sent::default().store();
    let name: Option<String> = store.part(&promotion().id, Part::Approval).await.unwrap();
    assert_eq!(name.as_deref(), Some("mzxw6ytb"));
    let tokens = store.tokens("mzxw6ytb").await.unwrap();
    assert_eq!(tokens, ["earlier", "first", "second"].map(token));
}

#[tokio::test]
async fn a_wish_is_written_under_the_fence_and_only_onto_those_that_were_read() {
    let sent = Sent::default();
    let id = promotion().id;
    let (store, wishes) = (sent.store(), asked(2));
    let noted = store.put_controls(&id, Generation(3), &wishes);
    assert!(noted.await.unwrap());
    let [transaction] = sent.take().try_into().unwrap();
    let (fence, put) = (
        &transaction["TransactItems"][0]["ConditionCheck"],
        &transaction["TransactItems"][1]["Put"],
    );
    assert_eq!(fence["ConditionExpression"], "generation = :generation");
    let generation = &fence["ExpressionAttributeValues"][":generation"];
    assert_eq!(*generation, json!({ "N": "3" }));
    assert_eq!(put["Item"]["sk"], json!({ "S": "part#controls" }));
    assert_eq!(put["Item"]["wishes"], json!({ "N": "2" }));
    let condition = "attribute_not_exists(pk) OR wishes = :before";
    assert_eq!(put["ConditionExpression"], condition);
    let before = &put["ExpressionAttributeValues"][":before"];
    assert_eq!(*before, json!({ "N": "1" }));
}
