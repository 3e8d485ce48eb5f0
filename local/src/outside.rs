//! What is outside of AWS: Slack and GitHub, as far as Sluice speaks to them. It takes what
//! they take, refuses what they would, and shows whoever asks what was sent.
//!
//! `GET /calls` answers all calls so far, in order: path, bearer token and body.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{Error, Result};

/// The most blocks that a message of Slack's has.
const MOST_BLOCKS: usize = 50;

/// A call that came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its path.
    pub path: String,
    /// What it carried as its bearer token.
    pub token: Option<String>,
    /// Its body.
    pub body: Value,
}

/// Slack and GitHub, for as long as this is there.
#[derive(Debug)]
pub struct Outside {
    endpoint: String,
    task: JoinHandle<()>,
}

type Calls = Arc<Mutex<Vec<Call>>>;

impl Outside {
    /// Opens it on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When none is free.
    pub async fn open() -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let found = listener.local_addr().map_err(failed)?;
        Ok(Self {
            endpoint: format!("http://{found}"),
            task: tokio::spawn(serve(listener, Calls::default())),
        })
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What Sluice's template has to be told of it.
    #[must_use]
    pub fn parameters(&self) -> [(String, String); 3] {
        let at = |path: &str| format!("{}/{path}", self.endpoint);
        [
            ("SlackApi", at("slack/api")),
            ("SlackHooks", at("slack/hooks/")),
            ("GithubApi", at("github")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, calls: Calls) {
    while let Ok((stream, _)) = listener.accept().await {
        let calls = Arc::clone(&calls);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let calls = Arc::clone(&calls);
                async move { Ok::<_, Infallible>(answer(&calls, request).await) }
            });
            let connection = auto::Builder::new(TokioExecutor::new());
            // A function that has ended closes its connection as it likes.
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(calls: &Calls, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if parts.method == Method::GET && path == "/calls" {
        let all = calls.lock().unwrap_or_else(PoisonError::into_inner);
        return respond(StatusCode::OK, &json!(*all));
    }
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return respond(StatusCode::BAD_REQUEST, &json!(error.to_string())),
    };
    let bearer = parts.headers.get(AUTHORIZATION);
    let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let call = Call {
        path,
        token: bearer.map(str::to_owned),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    };
    let mut all = calls.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, answer) = answer_to(&call, &all);
    all.push(call);
    respond(status, &answer)
}

fn respond(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// What a call is answered, given those before it.
fn answer_to(call: &Call, before: &[Call]) -> (StatusCode, Value) {
    if let Some(method) = call.path.strip_prefix("/slack/api/") {
        return (StatusCode::OK, slack(method, call, before));
    }
    if call.path.starts_with("/slack/hooks/") {
        return (StatusCode::OK, json!("ok"));
    }
    if let Some(path) = call.path.strip_prefix("/github/repos/") {
        return github(path, call, before.len());
    }
    (StatusCode::NOT_FOUND, json!({"message": "Not Found"}))
}

/// Slack answers 200 whatever it thinks of a call.
fn slack(method: &str, call: &Call, before: &[Call]) -> Value {
    let refuse = |error: &str| json!({"ok": false, "error": error});
    if !call
        .token
        .as_deref()
        .is_some_and(|token| token.starts_with("xoxb-"))
    {
        return refuse("invalid_auth");
    }
    let blocks = call.body["blocks"].as_array();
    let is_message = blocks.is_some_and(|blocks| (1..=MOST_BLOCKS).contains(&blocks.len()));
    let channel = &call.body["channel"];
    match method {
        "chat.postMessage" | "chat.update" if !is_message => refuse("invalid_blocks"),
        "chat.postMessage" => {
            let ts = format!("1795255200.{:06}", before.len() + 1);
            json!({"ok": true, "channel": channel, "ts": ts})
        }
        "chat.update" => {
            let ts = &call.body["ts"];
            let place = ts.as_str().and_then(|ts| ts.strip_prefix("1795255200."));
            let place = place.and_then(|place| place.parse::<usize>().ok());
            let posted = place.and_then(|place| before.get(place.checked_sub(1)?));
            match posted {
                Some(posted) if posted.body["channel"] == *channel => {
                    json!({"ok": true, "channel": channel, "ts": ts})
                }
                _ => refuse("message_not_found"),
            }
        }
        "views.open" if call.body["trigger_id"].as_str().is_none_or(str::is_empty) => {
            refuse("invalid_trigger_id")
        }
        "views.open" => json!({"ok": true, "view": {"id": "V1"}}),
        _ => refuse("unknown_method"),
    }
}

fn github(path: &str, call: &Call, place: usize) -> (StatusCode, Value) {
    let message = |text: &str| json!({ "message": text });
    if call.token.is_none() {
        return (StatusCode::UNAUTHORIZED, message("Requires authentication"));
    }
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [_, _, "deployments"] if call.body["ref"].is_string() => {
            (StatusCode::CREATED, json!({"id": place + 1}))
        }
        [_, _, "deployments", _, "statuses"] => {
            let states = [
                "error",
                "failure",
                "inactive",
                "in_progress",
                "queued",
                "pending",
                "success",
            ];
            let state = call.body["state"].as_str().unwrap_or_default();
            match states.contains(&state) {
                true => (StatusCode::CREATED, json!({"id": place + 1})),
                false => {
                    let why = message("Validation Failed");
                    (StatusCode::UNPROCESSABLE_ENTITY, why)
                }
            }
        }
        _ => (
            StatusCode::UNPROCESSABLE_ENTITY,
            message("Validation Failed"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str, token: &str, body: Value) -> Call {
        Call {
            path: path.to_owned(),
            token: Some(token.to_owned()),
            body,
        }
    }

    #[test]
    fn a_message_is_posted_and_changed_by_the_apps_token_alone() {
        let body = json!({"channel": "C1", "blocks": [{"type": "divider"}]});
        let post = call("/slack/api/chat.postMessage", "xoxb-1", body.clone());
        let (_, posted) = answer_to(&post, &[]);
        assert_eq!(posted["ok"], true);
        let mut changed = body.clone();
        changed["ts"] = posted["ts"].clone();
        let update = call("/slack/api/chat.update", "xoxb-1", changed.clone());
        assert_eq!(
            answer_to(&update, std::slice::from_ref(&post)).1["ok"],
            true
        );
        changed["channel"] = json!("C2");
        let update = call("/slack/api/chat.update", "xoxb-1", changed);
        assert_eq!(answer_to(&update, &[post]).1["error"], "message_not_found");
        let other = call("/slack/api/chat.postMessage", "xoxp-1", body);
        assert_eq!(answer_to(&other, &[]).1["error"], "invalid_auth");
    }

    #[test]
    fn a_deployment_has_a_commit_and_one_of_githubs_states() {
        let deploy = |body| call("/github/repos/acme/shop/deployments", "t", body);
        let (status, _) = answer_to(&deploy(json!({"ref": "0123"})), &[]);
        assert_eq!(status, StatusCode::CREATED);
        let (status, _) = answer_to(&deploy(json!({})), &[]);
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let state = |state: &str| {
            let path = "/github/repos/acme/shop/deployments/1/statuses";
            answer_to(&call(path, "t", json!({ "state": state })), &[]).0
        };
        assert_eq!(state("success"), StatusCode::CREATED);
        assert_eq!(state("done"), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
