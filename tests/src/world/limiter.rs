//! Lambda's control plane as an account meets it: the engine's, behind a limit on
//! how many requests it takes.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::World;

/// How long Lambda takes over a request of its control plane. The engine is faster.
const TAKES: Duration = Duration::from_millis(300);

/// A door to Lambda that takes so many requests a second: a token bucket that holds a
/// second's. Invocations pass uncounted: on AWS they have limits of their own.
pub struct Limiter {
    /// Where it answers.
    pub endpoint: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

/// A request of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When it arrived.
    pub at: Instant,
    /// Its method: an alias is written with PUT and read with GET.
    pub method: Method,
    /// Whether it was refused.
    pub throttled: bool,
}

struct Shared {
    engine: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
    counted: Mutex<Counted>,
}

struct Counted {
    /// Tokens that come each second, and that the bucket holds.
    limit: f64,
    /// Tokens that are left, and when that was counted.
    left: f64,
    at: Instant,
    calls: Vec<Call>,
}

impl Limiter {
    /// Opens one before a world's engine that takes this many requests a second.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn open(world: &World, limit: f64) -> Self {
        let engine = world.config.endpoint_url().expect("an endpoint");
        let engine: Uri = engine.parse().expect("an address");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("its address");
        let counted = Counted {
            limit,
            left: limit,
            at: Instant::now(),
            calls: Vec::new(),
        };
        let shared = Arc::new(Shared {
            engine,
            client: Client::builder(TokioExecutor::new()).build_http(),
            counted: Mutex::new(counted),
        });
        Self {
            endpoint: format!("http://{address}"),
            serving: tokio::spawn(serve(listener, Arc::clone(&shared))),
            shared,
        }
    }

    /// Takes this many requests a second from now on: others use up the rest.
    pub fn limit(&self, limit: f64) {
        self.shared.counted().limit = limit;
    }

    /// The requests since this was last asked, in the order of their arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.shared.counted().calls)
    }
}

/// What lies at an address of the engine.
pub(super) async fn fetch(address: &str) -> Vec<u8> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(address.parse().expect("an address")).await;
    let answer = answer.expect("the engine answers");
    assert_eq!(answer.status(), StatusCode::OK, "{address}");
    answer
        .into_body()
        .collect()
        .await
        .expect("all of it")
        .to_bytes()
        .to_vec()
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, Arc::clone(&shared)));
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.answer(request).await) }
    });
    let connection = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // Whoever hangs up has its answer, or is a function that was ended.
    drop(connection);
}

impl Shared {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        if !parts.uri.path().ends_with("/invocations") {
            if !self.counted().takes(&parts.method, Instant::now()) {
                return throttled();
            }
            tokio::time::sleep(TAKES).await;
        }
        let body = body.collect().await.expect("a whole request").to_bytes();
        self.pass_on(parts, body).await
    }

    async fn pass_on(&self, mut parts: Parts, body: Bytes) -> Response<Full<Bytes>> {
        let path = parts.uri.path_and_query().map(PathAndQuery::as_str);
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.engine.authority().expect("an engine").as_str())
            .path_and_query(path.unwrap_or("/"));
        parts.uri = uri.build().expect("an address");
        let request = Request::from_parts(parts, Full::new(body));
        let answer = self.client.request(request).await;
        let (parts, body) = answer.expect("the engine answers").into_parts();
        let body = body.collect().await.expect("a whole answer").to_bytes();
        Response::from_parts(parts, Full::new(body))
    }
}

impl Counted {
    fn takes(&mut self, method: &Method, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * self.limit).min(self.limit);
        self.at = now;
        let throttled = self.left < 1.0;
        if !throttled {
            self.left -= 1.0;
        }
        self.calls.push(Call {
            at: now,
            method: method.clone(),
            throttled,
        });
        !throttled
    }
}

/// What Lambda answers beyond its limit.
fn throttled() -> Response<Full<Bytes>> {
    let body = r#"{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate exceeded"}"#;
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let name = HeaderName::from_static("x-amzn-errortype");
    headers.insert(name, HeaderValue::from_static("TooManyRequestsException"));
    response
}
