//! A stand-in for CodeDeploy's lifecycle of Lambda deployments, since no engine
//! has one. It is no CodeDeploy: it knows what Sluice asks, and refuses the rest.
//!
//! It speaks CodeDeploy's JSON 1.1 over HTTP, calls the hooks that an AppSpec names
//! and waits for their answers, moves aliases on the engine, and rolls back with a
//! further deployment. A deployment group shifts a tenth of the traffic, and the
//! rest as soon as the test lets it.
//!
//! Never: takes time into account. Whoever tests says when a deployment goes on.

mod lifecycle;
mod protocol;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::SdkConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use protocol::Refused;

/// A stand-in that listens on a free port, for as long as its test runs.
pub struct StandIn {
    /// Where it answers.
    pub endpoint: String,
    shared: Arc<Shared>,
}

/// What its connections and its deployments share.
struct Shared {
    lambda: aws_sdk_lambda::Client,
    /// Whether deployments go on after their first tenth.
    gate: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Deployment groups, by `application/group`, with their compute platform.
    groups: BTreeMap<String, String>,
    /// Groups whose alarm is in ALARM once the first tenth has moved.
    alarmed: Vec<String>,
    /// In the order of their creation.
    deployments: Vec<Deployment>,
    /// What hooks answered, by execution id.
    answers: BTreeMap<String, String>,
    /// What was asked, in order: the operation, and its input.
    requests: Vec<(String, Value)>,
}

/// A deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// `application/group`.
    pub group: String,
    /// CodeDeploy's word for how it stands.
    pub status: &'static str,
    /// The lifecycle events whose hooks were called, in order, with their answers.
    pub hooks: Vec<(String, String)>,
    description: String,
    app_spec: Value,
    error: Option<(&'static str, String)>,
    rollback: Option<String>,
    rolls_back: Option<String>,
}

impl Deployment {
    fn is_under_way(&self) -> bool {
        matches!(self.status, "Created" | "InProgress")
    }

    /// As GetDeployment tells of it.
    fn info(&self) -> Value {
        let (application, group) = self.group.split_once('/').unwrap_or_default();
        let mut info = json!({
            "deploymentId": self.id,
            "applicationName": application,
            "deploymentGroupName": group,
            "status": self.status,
            "description": self.description,
            "creator": if self.rolls_back.is_some() { "codeDeployRollback" } else { "user" },
            "computePlatform": "Lambda",
        });
        if let Some((code, message)) = &self.error {
            info["errorInformation"] = json!({ "code": code, "message": message });
        }
        if let Some(id) = &self.rollback {
            info["rollbackInfo"] = json!({ "rollbackDeploymentId": id });
        }
        if let Some(id) = &self.rolls_back {
            info["rollbackInfo"] = json!({ "rollbackTriggeringDeploymentId": id });
        }
        info
    }
}

impl StandIn {
    /// Opens one with these deployment groups of the application `shop`.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn open(config: &SdkConfig, groups: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let state = State {
            groups: groups
                .iter()
                .map(|group| (format!("shop/{group}"), "Lambda".to_owned()))
                .collect(),
            ..State::default()
        };
        let shared = Arc::new(Shared {
            lambda: aws_sdk_lambda::Client::new(config),
            gate: watch::Sender::new(false),
            state: Mutex::new(state),
        });
        tokio::spawn(protocol::serve(listener, Arc::clone(&shared)));
        Self {
            endpoint: format!("http://{address}"),
            shared,
        }
    }

    /// Lets deployments go on after their first tenth, from now on.
    pub fn let_them_go_on(&self) {
        self.shared.gate.send_replace(true);
    }

    /// Has a group's alarm go off once its first tenth has moved.
    pub fn alarm(&self, group: &str) {
        self.shared.state().alarmed.push(format!("shop/{group}"));
    }

    /// All deployments, in the order of their creation.
    #[must_use]
    pub fn deployments(&self) -> Vec<Deployment> {
        self.shared.state().deployments.clone()
    }

    /// The inputs of an operation, in order.
    #[must_use]
    pub fn asked(&self, operation: &str) -> Vec<Value> {
        let state = self.shared.state();
        let requests = state.requests.iter();
        let asked = requests.filter(|(name, _)| name == operation);
        asked.map(|(_, input)| input.clone()).collect()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a deployment, and answers what the change does.
    fn with<T>(&self, id: &str, change: impl FnOnce(&mut Deployment) -> T) -> Option<T> {
        let mut state = self.state();
        let found = state.deployments.iter_mut().find(|found| found.id == id);
        found.map(change)
    }
}
