//! Breaking things on purpose, from outside: copies of the deployed state
//! machines in which one state, or one function, is another.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode};
use aws_sdk_sfn::types::{HistoryEvent, StateMachineType};
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::migrations::Operation;
use sluice_domain::naming::{execution_arn, promotion_execution, release_execution};
use sluice_domain::promotion::{BundleRef, PromotionId};
use sluice_local::workspace::Workspace;
use sluice_platform::store::Release;

use super::{Build, World, limiter};
use crate::faults::WRAPPER;
use crate::repository;

/// Copies of the deployed state machines.
pub struct Machines {
    /// The ARN of the copy of `promote`, which starts the copy of `rollout`.
    pub promote: String,
    /// The ARN of the copy of `rollout`.
    pub rollout: String,
}

impl World {
    /// Copies `promote` and `rollout` as they are deployed, with this change to
    /// the definition of `rollout`.
    pub async fn machines(&self, change: impl FnOnce(&mut Value)) -> Machines {
        self.machines_with(change, |_| ()).await
    }

    /// Copies them with changes to both.
    ///
    /// # Panics
    /// When Step Functions refuses.
    pub async fn machines_with(
        &self,
        change_rollout: impl FnOnce(&mut Value),
        change_promote: impl FnOnce(&mut Value),
    ) -> Machines {
        let deployed = self.resources.rollout_machine().expect("rollout");
        let mut rollout = self.definition(deployed).await;
        change_rollout(&mut rollout);
        let promote = self.resources.promote_machine().expect("promote");
        let mut promote = self.definition(promote).await;
        change_promote(&mut promote);
        let rollout = self.create_machine("rollout", &rollout.to_string()).await;
        let promote = promote.to_string().replace(deployed, &rollout);
        let promote = self.create_machine("promote", &promote).await;
        let machines = Machines { promote, rollout };
        let copies = [
            ("PromoteMachine", machines.promote.as_str()),
            ("RolloutMachine", machines.rollout.as_str()),
        ];
        self.let_the_watchdog_see(&copies).await;
        machines
    }

    /// The definition of a state machine as it is deployed, by the name of its
    /// file: `promote`.
    ///
    /// # Panics
    /// When there is no such state machine.
    pub async fn deployed(&self, name: &str) -> Value {
        self.definition(&self.machine(name)).await
    }

    /// The ARN of a state machine as it is deployed, by the name of its file.
    ///
    /// # Panics
    /// When there is no such state machine.
    #[must_use]
    pub fn machine(&self, name: &str) -> String {
        let machine = match name {
            "release" => self.resources.release_machine(),
            "promote" => self.resources.promote_machine(),
            "rollout" => self.resources.rollout_machine(),
            "rehearsal" => return self.output("RehearsalMachine").to_owned(),
            "migrations" => return self.output("MigrationsMachine").to_owned(),
            "restore" => return self.output("RestoreMachine").to_owned(),
            "suites" => return self.output("SuitesMachine").to_owned(),
            _ => panic!("the stack has no output for {name}"),
        };
        machine.expect("the state machine").to_owned()
    }

    async fn definition(&self, machine: &str) -> Value {
        let request = self
            .executions()
            .describe_state_machine()
            .state_machine_arn(machine);
        let found = request.send().await.expect("the state machine");
        serde_json::from_str(&found.definition).expect("its definition")
    }

    /// Creates a state machine of this application, and answers its ARN.
    ///
    /// # Panics
    /// When Step Functions refuses.
    pub async fn create_machine(&self, name: &str, definition: &str) -> String {
        let created = self
            .executions()
            .create_state_machine()
            .name(format!("{}-{name}", self.application))
            .definition(definition)
            .role_arn(&self.role)
            .r#type(StateMachineType::Standard)
            .send()
            .await
            .unwrap_or_else(|error| panic!("creating a copy of {name}: {error:?}"));
        created.state_machine_arn
    }

    /// Creates a Python function that takes the place of one of Sluice's, and
    /// answers its ARN. `body` is what its handler does with `event`.
    pub async fn stand_in(&self, name: &str, body: &str) -> String {
        let indented: String = body.lines().map(|line| format!("    {line}\n")).collect();
        let source = format!(
            "import json\nimport os\nimport boto3\n\n\
             def lambda_handler(event, context):\n{indented}"
        );
        let build = self.build("0.0.0", &[("stand-in", source)], json!({}));
        let name = format!("{}-{name}", self.application);
        self.create_function(&name, "python3.12", build.zip("stand-in"))
            .await
    }

    /// Creates a function like one of Sluice's, by its ARN, with further variables:
    /// same code, same role. Answers its ARN.
    ///
    /// # Panics
    /// When Lambda refuses.
    pub async fn double(&self, name: &str, of: &str, variables: &[(&str, &str)]) -> String {
        let request = self.lambda().get_function().function_name(of);
        let found = request.send().await.expect("the function");
        let like = found.configuration().expect("its configuration");
        let location = found.code().and_then(|code| code.location());
        let code = limiter::fetch(location.expect("where its code is")).await;
        let mut environment = like
            .environment()
            .and_then(|there| there.variables())
            .cloned();
        let all = environment.get_or_insert_default();
        all.extend(
            variables
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into())),
        );
        let created = self
            .lambda()
            .create_function()
            .function_name(format!("{}-{name}", self.application))
            .set_runtime(like.runtime().cloned())
            .set_role(like.role().map(str::to_owned))
            .set_handler(like.handler().map(str::to_owned))
            .set_timeout(like.timeout())
            .environment(Environment::builder().set_variables(environment).build())
            .code(FunctionCode::builder().zip_file(Blob::new(code)).build())
            .send()
            .await
            .unwrap_or_else(|error| panic!("creating a double of {of}: {error:?}"));
        created.function_arn().unwrap_or_default().to_owned()
    }

    /// Creates the wrapper that misbehaves as it is told, and answers its ARN.
    ///
    /// # Panics
    /// When there is no Python with boto3.
    pub async fn wrapper(&self) -> String {
        let workspace = Workspace::at(&repository()).expect("the checkout");
        let python = workspace.tool("engine", "python").expect("a Python");
        let source = WRAPPER.replace("@python@", &python.display().to_string());
        let build = self.build("0.0.0", &[("wrapper", source)], json!({}));
        let name = format!("{}-wrapper", self.application);
        self.create_function(&name, "provided.al2023", build.zip("wrapper"))
            .await
    }

    /// A judge that lets nobody go on to the second step until its gate is open:
    /// the gate's name, and the function that takes the judge's place.
    pub async fn gate(&self) -> (String, String) {
        let gate = format!("/flow/{}/gate", self.application);
        let body = format!(
            "if boto3.client('ssm').get_parameters(Names=['{gate}'])['Parameters']:\n    \
                 return {{'next': 'advance', 'step': 1, 'wait_seconds': 0, 'rule': 'the gate is open'}}\n\
             return {{'next': 'bake', 'step': 1, 'wait_seconds': 1, 'rule': 'the gate is closed'}}"
        );
        let judge = self.stand_in("judge", &body).await;
        (gate, judge)
    }

    /// Opens a gate.
    pub async fn open(&self, gate: &str) {
        self.parameter(gate, "open").await;
    }

    /// Stops an execution, as a person would.
    ///
    /// # Panics
    /// When Step Functions refuses.
    pub async fn stop(&self, execution: &str) {
        let stopped = self.reader.executions.stop(execution, "Stopped", "by hand");
        stopped.await.expect("the execution is stopped");
    }

    /// The function that a state of the deployed `rollout` calls.
    ///
    /// # Panics
    /// When it calls none.
    pub async fn called_by(&self, state: &str) -> String {
        let rollout = self.resources.rollout_machine().expect("rollout");
        let rollout = self.definition(rollout).await;
        let function = &rollout["States"][state]["Arguments"]["FunctionName"];
        function.as_str().expect("a function").to_owned()
    }

    /// Starts a promotion of a build on copied machines: what `intake` and
    /// `release` do, without them.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn promote(
        &self,
        machines: &Machines,
        environment: &str,
        build: &Build,
    ) -> PromotionId {
        let bundle = self.put_aside(build).await;
        let id = self.promotion(environment, &build.version().to_string());
        let name = promotion_execution(&id, &bundle.digest);
        let execution = execution_arn(&machines.promote, &name);
        self.note_release(&id, (&bundle, None), execution).await;
        let input = json!({ "promotion": id, "execution": name, "bundle": bundle });
        self.start(&machines.promote, &name, &input).await;
        id
    }

    /// Starts an operation on an environment's database on a machine like `promote`, as a
    /// further attempt at a version that was released: what `intake` and `release` do,
    /// without them.
    ///
    /// # Panics
    /// When there was no attempt before, or the engine refuses.
    pub async fn operate(&self, promote: &str, id: &PromotionId, operation: Operation) {
        let attempts = self.attempts(&id.version.to_string()).await;
        let bundle = &attempts.first().expect("an attempt").bundle;
        let name = promotion_execution(id, &bundle.digest);
        let noted = (bundle, Some(operation));
        self.note_release(id, noted, execution_arn(promote, &name))
            .await;
        let input = json!({ "promotion": id, "execution": name, "bundle": bundle });
        self.start(promote, &name, &input).await;
    }

    /// Starts a release of a build into one environment on a copy of `release`:
    /// what `intake` does, without it. Answers the execution's ARN.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn release(
        &self,
        machine: &str,
        environment: &str,
        build: &Build,
    ) -> (PromotionId, String) {
        let bundle = self.put_aside(build).await;
        let id = self.promotion(environment, &build.version().to_string());
        let name = release_execution(&id.application, &id.version, &bundle.digest, id.attempt);
        let execution = execution_arn(machine, &name);
        self.note_release(&id, (&bundle, None), execution.clone())
            .await;
        let promotion = promotion_execution(&id, &bundle.digest);
        let promotions = json!([{ "promotion": id, "execution": promotion }]);
        let input = json!({ "promotions": promotions, "bundle": bundle });
        self.start(machine, &name, &input).await;
        (id, execution)
    }

    /// Notes the attempt that a promotion is the only one of, as `intake` does.
    async fn note_release(
        &self,
        id: &PromotionId,
        (bundle, operation): (&BundleRef, Option<Operation>),
        execution_arn: String,
    ) {
        let release = Release {
            application: self.application.clone(),
            version: id.version.clone(),
            bundle: bundle.clone(),
            attempt: id.attempt,
            environments: vec![id.environment.clone()],
            rollback: false,
            operation,
            execution_arn,
            requested_by: "ada".to_owned(),
            principal: None,
            requested_at: Timestamp::now(),
        };
        let begun = self.reader.store.begin_release(&release).await;
        assert!(begun.expect("the attempt is noted"), "a new attempt");
    }

    /// Starts an execution of a machine under a name.
    ///
    /// # Panics
    /// When Step Functions refuses.
    pub async fn start(&self, machine: &str, name: &str, input: &Value) {
        self.executions()
            .start_execution()
            .state_machine_arn(machine)
            .name(name)
            .input(input.to_string())
            .send()
            .await
            .unwrap_or_else(|error| panic!("starting {name}: {error:?}"));
    }

    /// What happened in an execution, in order.
    ///
    /// # Panics
    /// When Step Functions can't say.
    pub async fn history(&self, execution: &str) -> Vec<HistoryEvent> {
        let request = self.executions().get_execution_history();
        let events = request.execution_arn(execution).into_paginator().items();
        let events = events.send().try_collect().await;
        events.unwrap_or_else(|error| panic!("the history of {execution}: {error:?}"))
    }

    /// The states that an execution has entered, in order; none where there is
    /// no such execution.
    ///
    /// # Panics
    /// When Step Functions can't say.
    pub async fn entered(&self, execution: &str) -> Vec<String> {
        let request = self.executions().get_execution_history();
        let events = request.execution_arn(execution).into_paginator().items();
        match events.send().try_collect().await {
            Ok(events) => events
                .iter()
                .filter_map(|event| event.state_entered_event_details())
                .map(|entered| entered.name().to_owned())
                .collect(),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_execution_does_not_exist()) =>
            {
                Vec::new()
            }
            Err(error) => panic!("the history of {execution}: {error:?}"),
        }
    }
}

impl Machines {
    /// The execution of the copied `rollout` for a promotion.
    #[must_use]
    pub fn rollout_of(&self, id: &PromotionId, build: &Build) -> String {
        let name = promotion_execution(id, &build.bundle.digest());
        execution_arn(&self.rollout, &name)
    }
}
