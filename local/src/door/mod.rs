//! The alias front door: makes weighted aliases and metrics per version real.
//!
//! AWS splits the invocations of a weighted alias by itself and counts them per
//! executed version. The engine stores an alias's weights and does neither. So
//! this server takes Lambda's Invoke in its place: it looks the alias up, picks
//! a version by weight, invokes exactly that version on the engine as the
//! engine's root user, and puts the metrics that AWS would.
//!
//! An asynchronous invocation (`Event`) is passed on and counted as one that
//! was accepted: how it ends is not seen here.
//!
//! It never changes anything on the engine but metrics, and refuses whatever is
//! not an Invoke.

mod alias;
mod metrics;
mod request;

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_lambda::{
    Client, config::http::HttpResponse, error::SdkError, operation::invoke::InvokeOutput,
    primitives::Blob, types::InvocationType,
};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::interval};

use crate::{Error, Result};
use alias::Aliases;
use metrics::{Metrics, Outcome};
use request::{Invoke, Refusal};

pub use alias::Routing;

const FLUSH_EVERY: Duration = Duration::from_secs(1);
const FUNCTION_ERROR: &str = "x-amz-function-error";
const EXECUTED_VERSION: &str = "x-amz-executed-version";

/// A front door that is open.
#[derive(Debug)]
pub struct Door {
    endpoint: String,
    close: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: String,
    lambda: Client,
    aliases: Aliases,
    metrics: Metrics,
}

impl Door {
    /// Opens a front door on `port` of 127.0.0.1 (0 for any) to the engine that `config` names.
    pub async fn open(config: &SdkConfig, port: u16) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| Error::Listen { address, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| Error::Listen { address, source })?;
        let settings = aws_sdk_lambda::config::Builder::from(config)
            // An invocation is not idempotent: who invokes decides on retries.
            .retry_config(RetryConfig::disabled())
            .build();
        let lambda = Client::from_conf(settings);
        let shared = Arc::new(Shared {
            engine: config.endpoint_url().unwrap_or_default().to_owned(),
            aliases: Aliases::new(Client::new(config)),
            metrics: Metrics::new(aws_sdk_cloudwatch::Client::new(config)),
            lambda,
        });
        let (close, closed) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(serve(listener, Arc::clone(&shared), closed.clone())),
            tokio::spawn(flush_regularly(Arc::clone(&shared), closed)),
        ];
        Ok(Self {
            endpoint: format!("http://{address}"),
            close,
            tasks,
            shared,
        })
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Puts what was counted so far, without waiting for the next second.
    pub async fn flush(&self) {
        self.shared.metrics.flush().await;
    }

    /// Takes no more connections and puts what was counted.
    pub async fn close(self) {
        // Without a receiver both tasks have ended already.
        let _ = self.close.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
        self.shared.metrics.flush().await;
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut closed: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closed.changed() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(shared.answer(request).await) }
            });
            let connection = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = connection {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

async fn flush_regularly(shared: Arc<Shared>, mut closed: watch::Receiver<bool>) {
    let mut tick = interval(FLUSH_EVERY);
    loop {
        tokio::select! {
            _ = tick.tick() => shared.metrics.flush().await,
            _ = closed.changed() => return,
        }
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let invoke = match Invoke::parse(&parts, &self.engine) {
            Ok(invoke) => invoke,
            Err(refusal) => return refuse(&refusal),
        };
        match body.collect().await {
            Ok(payload) => self.invoke(&invoke, payload.to_bytes()).await,
            Err(error) => refuse(&Refusal::unreadable(&error)),
        }
    }

    async fn invoke(&self, invoke: &Invoke, payload: Bytes) -> Response<Full<Bytes>> {
        let (qualifier, alias) = match invoke.alias() {
            None => (invoke.qualifier.clone(), None),
            Some(alias) => match self.aliases.routing(&invoke.function, alias).await {
                Ok(routing) => (Some(routing.pick(rand::random()).to_owned()), Some(alias)),
                Err(error) => return from_error(error.raw_response(), &error),
            },
        };
        let started = SystemTime::now();
        let answer = self
            .lambda
            .invoke()
            .function_name(&invoke.function)
            .set_qualifier(qualifier.clone())
            .set_invocation_type(invoke.invocation_type.clone())
            .set_log_type(invoke.log_type.clone())
            .set_client_context(invoke.client_context.clone())
            .payload(Blob::new(payload))
            .send()
            .await;
        if let Some(alias) = alias {
            let version = qualifier.unwrap_or_default();
            let outcome = outcome(invoke, &answer, started);
            self.metrics
                .count(invoke.function_name(), alias, &version, started, outcome);
        }
        match answer {
            Ok(output) => from_output(invoke, output),
            Err(error) => from_error(error.raw_response(), &error),
        }
    }
}

type Answer = std::result::Result<
    InvokeOutput,
    SdkError<aws_sdk_lambda::operation::invoke::InvokeError, HttpResponse>,
>;

/// What the metrics say of an answer. A refusal is no invocation, so no error either.
fn outcome(invoke: &Invoke, answer: &Answer, started: SystemTime) -> Outcome {
    match answer {
        Ok(_) if invoke.invocation_type == Some(InvocationType::DryRun) => Outcome::NotInvoked,
        Ok(_) if invoke.invocation_type == Some(InvocationType::Event) => Outcome::Accepted,
        Ok(output) => Outcome::Ended {
            failed: output.function_error().is_some(),
            duration: started.elapsed().unwrap_or_default(),
        },
        Err(error) => match error.raw_response().map(|raw| raw.status().as_u16()) {
            Some(429) => Outcome::Throttled,
            _ => Outcome::NotInvoked,
        },
    }
}

fn from_output(invoke: &Invoke, output: InvokeOutput) -> Response<Full<Bytes>> {
    let status = u16::try_from(output.status_code()).ok();
    let status = status
        .and_then(|code| StatusCode::from_u16(code).ok())
        .unwrap_or(StatusCode::OK);
    let payload = output
        .payload()
        .map(|blob| Bytes::copy_from_slice(blob.as_ref()));
    let mut response = Response::new(Full::new(payload.unwrap_or_default()));
    *response.status_mut() = status;
    let mut set = |name: &'static str, value: Option<&str>| {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    };
    set(FUNCTION_ERROR, output.function_error());
    set(EXECUTED_VERSION, output.executed_version());
    set("x-amz-log-result", output.log_result());
    if invoke.invocation_type.is_none()
        || invoke.invocation_type == Some(InvocationType::RequestResponse)
    {
        set("content-type", Some("application/json"));
    }
    response
}

/// The engine's own refusal as it came, or why there was none.
fn from_error(raw: Option<&HttpResponse>, error: &dyn std::error::Error) -> Response<Full<Bytes>> {
    let Some(raw) = raw else {
        return refuse(&Refusal::unreachable(error));
    };
    let body = raw
        .body()
        .bytes()
        .map(Bytes::copy_from_slice)
        .unwrap_or_default();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() =
        StatusCode::from_u16(raw.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in raw.headers() {
        let wanted = name.starts_with("x-amz") || name == "content-type" || name == "retry-after";
        if let (true, Ok(name), Ok(value)) = (
            wanted,
            HeaderName::try_from(name),
            HeaderValue::from_str(value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn refuse(refusal: &Refusal) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "Type": "User", "Message": refusal.message }).to_string();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = refusal.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-amzn-errortype", HeaderValue::from_static(refusal.kind));
    response
}
