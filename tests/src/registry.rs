//! A stand-in for what the engine's ECR lacks: to give out a file of an image. It knows
//! one image and what Sluice asks of it, and refuses the rest.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::json;
use sluice_domain::digest::Digest;
use tokio::net::TcpListener;

/// An operation's name comes after this.
const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.";

/// A stand-in that listens on a free port, for as long as its test runs.
pub struct Registry {
    /// Where it answers.
    pub endpoint: String,
}

/// The image that a stand-in has.
pub struct Stored {
    /// Its repository, as manifests of releases name it.
    pub uri: String,
    /// Its own manifest.
    pub manifest: String,
    /// Its configuration.
    pub configuration: Vec<u8>,
}

impl Registry {
    /// Opens one that has this image.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn open(image: Stored) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let endpoint = format!("http://{address}");
        tokio::spawn(serve(listener, endpoint.clone(), Arc::new(image)));
        Self { endpoint }
    }
}

async fn serve(listener: TcpListener, endpoint: String, image: Arc<Stored>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (endpoint, image) = (endpoint.clone(), Arc::clone(&image));
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&endpoint, &image, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = auto::Builder::new(TokioExecutor::new());
            // A function that has ended closes its connection as it likes.
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(endpoint: &str, image: &Stored, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() == "/configuration" {
        return Response::new(Full::from(image.configuration.clone()));
    }
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok());
    let digest = Digest::of(image.manifest.as_bytes());
    let output = match target.and_then(|target| target.strip_prefix(TARGET)) {
        Some("BatchGetImage") => json!({
            "images": [{ "imageId": { "imageDigest": digest }, "imageManifest": image.manifest }],
            "failures": [],
        }),
        Some("DescribeRepositories") => {
            json!({ "repositories": [{ "repositoryUri": image.uri }] })
        }
        Some("GetDownloadUrlForLayer") => {
            json!({ "downloadUrl": format!("{endpoint}/configuration") })
        }
        _ => {
            let mut refused =
                Response::new(Full::from(r#"{"__type": "UnknownOperationException"}"#));
            *refused.status_mut() = StatusCode::BAD_REQUEST;
            return refused;
        }
    };
    Response::new(Full::from(output.to_string()))
}
