//! What is asked of the stand-in, in CodeDeploy's JSON 1.1.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Deployment, Shared, lifecycle};

/// An operation's name comes after this.
const TARGET: &str = "CodeDeploy_20141006.";

/// An error of CodeDeploy's, by its name, with what it says.
pub struct Refused(&'static str, String);

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer(&shared, request).await) }
            });
            let connection = auto::Builder::new(TokioExecutor::new());
            // A function that has ended closes its connection as it likes.
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.strip_prefix(TARGET));
    let operation = operation.unwrap_or_default().to_owned();
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let input: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut response = match respond(shared, &operation, &input) {
        Ok(output) => Response::new(Full::from(output.to_string())),
        Err(Refused(name, message)) => {
            let body = json!({ "__type": name, "message": message }).to_string();
            let mut response = Response::new(Full::from(body));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    };
    let kind = hyper::header::HeaderValue::from_static("application/x-amz-json-1.1");
    let headers = response.headers_mut();
    headers.insert(hyper::header::CONTENT_TYPE, kind);
    shared.state().requests.push((operation, input));
    response
}

fn respond(shared: &Arc<Shared>, operation: &str, input: &Value) -> Result<Value, Refused> {
    let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
    match operation {
        "GetDeploymentGroup" => {
            let group = group_of(input);
            let platform = platform(shared, &group)?;
            Ok(json!({ "deploymentGroupInfo": {
                "deploymentGroupName": text("deploymentGroupName"),
                "computePlatform": platform,
            }}))
        }
        "CreateDeployment" => create(shared, input),
        "GetDeployment" => {
            let info = shared.with(&text("deploymentId"), |found| found.info());
            Ok(json!({ "deploymentInfo": info.ok_or_else(|| unknown(&text("deploymentId")))? }))
        }
        "BatchGetDeployments" => {
            let ids = input["deploymentIds"].as_array().into_iter().flatten();
            let infos = ids.filter_map(|id| shared.with(id.as_str()?, |found| found.info()));
            Ok(json!({ "deploymentsInfo": infos.collect::<Vec<_>>() }))
        }
        "ListDeployments" => {
            let group = group_of(input);
            let state = shared.state();
            let all = state.deployments.iter();
            let ours = all.filter(|found| found.group == group);
            Ok(json!({ "deployments": ours.map(|found| &found.id).collect::<Vec<_>>() }))
        }
        "StopDeployment" => {
            let rolls_back = input["autoRollbackEnabled"] == true;
            lifecycle::stop(shared, &text("deploymentId"), rolls_back)
        }
        "PutLifecycleEventHookExecutionStatus" => {
            let execution = text("lifecycleEventHookExecutionId");
            let mut state = shared.state();
            state.answers.insert(execution.clone(), text("status"));
            Ok(json!({ "lifecycleEventHookExecutionId": execution }))
        }
        other => Err(Refused(
            "UnknownOperationException",
            format!("the stand-in for CodeDeploy knows no {other}"),
        )),
    }
}

fn create(shared: &Arc<Shared>, input: &Value) -> Result<Value, Refused> {
    let group = group_of(input);
    platform(shared, &group)?;
    let content = input["revision"]["appSpecContent"]["content"].as_str();
    let app_spec: Value = content
        .and_then(|content| serde_json::from_str(content).ok())
        .ok_or_else(|| {
            let message = "found no AppSpec in JSON under revision.appSpecContent.content";
            Refused("InvalidRevisionException", message.to_owned())
        })?;
    let id = {
        let mut state = shared.state();
        let mut others = state.deployments.iter();
        if others.any(|other| other.group == group && other.is_under_way()) {
            let message = format!("{group} has an active deployment");
            return Err(Refused("DeploymentLimitExceededException", message));
        }
        let id = format!("d-{:09}", state.deployments.len() + 1);
        state.deployments.push(Deployment {
            id: id.clone(),
            group,
            status: "Created",
            hooks: Vec::new(),
            description: input["description"].as_str().unwrap_or_default().to_owned(),
            app_spec,
            error: None,
            rollback: None,
            rolls_back: None,
        });
        id
    };
    tokio::spawn(lifecycle::run(Arc::clone(shared), id.clone()));
    Ok(json!({ "deploymentId": id }))
}

fn group_of(input: &Value) -> String {
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    format!(
        "{}/{}",
        text("applicationName"),
        text("deploymentGroupName")
    )
}

fn platform(shared: &Shared, group: &str) -> Result<String, Refused> {
    let found = shared.state().groups.get(group).cloned();
    found.ok_or_else(|| {
        let message = format!("there is no deployment group {group}");
        Refused("DeploymentGroupDoesNotExistException", message)
    })
}

pub(super) fn unknown(id: &str) -> Refused {
    let message = format!("there is no deployment {id}");
    Refused("DeploymentDoesNotExistException", message)
}

pub(super) fn over(id: &str) -> Refused {
    let message = format!("deployment {id} has ended");
    Refused("DeploymentAlreadyCompletedException", message)
}
