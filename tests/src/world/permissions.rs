//! What roles may do: more than the template says, or less for a while.

use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{Capability, Stack, StackStatus};
use serde_json::{Value, json};

use super::{EVERY, PATIENCE, World, merge};
use crate::template::{functions, permissions};
use crate::{template, template::Statement};

/// Permissions that were taken away.
#[must_use]
pub struct Forbidden {
    stack: String,
}

impl World {
    /// Takes permissions on this application's functions away from one of
    /// Sluice's, by the name of the stack's output.
    pub async fn forbid(&self, output: &str, actions: &[&str]) -> Forbidden {
        self.forbid_function(self.output(output), actions).await
    }

    /// The same, by the function's own name or ARN.
    pub async fn forbid_function(&self, function: &str, actions: &[&str]) -> Forbidden {
        let functions = format!("arn:aws:lambda:*:*:function:storefront-{}-*", self.unique);
        let statement = json!({ "Effect": "Deny", "Action": actions, "Resource": functions });
        let stack = format!("{}-forbidden", self.application);
        self.put_policy(&stack, function, json!([statement])).await;
        Forbidden { stack }
    }

    /// Gives them back.
    ///
    /// # Panics
    /// When CloudFormation refuses.
    pub async fn allow(&self, forbidden: Forbidden) {
        let client = aws_sdk_cloudformation::Client::new(&self.config);
        let request = client.delete_stack().stack_name(&forbidden.stack);
        request.send().await.expect("the policy's end is begun");
        self.wait("the end of the policy", async || {
            let stack = find(&client, &forbidden.stack).await;
            let gone = |stack: &Stack| stack.stack_status() == Some(&StackStatus::DeleteComplete);
            stack.as_ref().is_none_or(gone).then_some(())
        })
        .await;
    }

    /// Lets the watchdog do with copied machines what the template lets it do
    /// with the deployed ones. Of each copy: the name of the deployed machine's
    /// resource, and the copy's ARN, which may be a pattern.
    pub async fn let_the_watchdog_see(&self, copies: &[(&str, &str)]) {
        let template = template();
        let held = permissions(&template, &functions(&template)["watchdog"]);
        let statements: Value = held
            .iter()
            .filter_map(|statement| on_copies(statement, copies))
            .collect();
        let stack = format!("{}-watchdog", self.application);
        let watchdog = self.output("WatchdogFunction");
        self.put_policy(&stack, watchdog, statements).await;
    }

    /// Lets the desk read what tests put aside: by the template it reads manifests by
    /// their name alone, and would have to ask of a vote what it could not show.
    pub async fn let_the_desk_read_what_is_put_aside(&self) {
        let statement = json!({
            "Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": format!("arn:aws:s3:::{}/*/aside.json", self.bucket()),
        });
        let stack = format!("{}-aside", self.application);
        let desk = self.output("DeskFunction");
        self.put_policy(&stack, desk, json!([statement])).await;
    }

    /// Puts a policy of its own onto the role of one of Sluice's functions.
    async fn put_policy(&self, stack: &str, function: &str, statements: Value) {
        let request = self.lambda().get_function_configuration();
        let found = request.function_name(function).send().await;
        let found = found.unwrap_or_else(|error| panic!("reading {function}: {error:?}"));
        let role = found.role().unwrap_or_default();
        let name = role.rsplit('/').next().unwrap_or_default();
        let policy = json!({
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": stack,
                "Roles": [name],
                "PolicyDocument": { "Version": "2012-10-17", "Statement": statements },
            },
        });
        let template = json!({ "Resources": { "Policy": policy } });
        create(&self.config, stack, &template).await;
    }
}

/// A statement about executions of the deployed machines, about those of the
/// copies.
fn on_copies(statement: &Statement<'_>, copies: &[(&str, &str)]) -> Option<Value> {
    let is_about = |deployed: &str| {
        let name = format!("${{{deployed}.Name}}");
        statement.arns().iter().any(|arn| arn.contains(&name))
    };
    let arns: Vec<String> = copies
        .iter()
        .filter(|(deployed, _)| is_about(deployed))
        .map(|(_, copy)| sluice_domain::naming::execution_arn(copy, "*"))
        .collect();
    let about = json!({ "Effect": "Allow", "Action": statement.actions, "Resource": arns });
    (statement.allows && !arns.is_empty()).then_some(about)
}

/// The role of the application's functions, and of what tests break on purpose:
/// it may do anything, since it is not what is tested.
pub(super) async fn role(config: &SdkConfig, stack: &str) -> String {
    let template = json!({
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": policy(json!({
                        "Principal": { "Service": ["lambda.amazonaws.com", "states.amazonaws.com"] },
                        "Action": "sts:AssumeRole",
                    })),
                    "Policies": [{
                        "PolicyName": "anything",
                        "PolicyDocument": policy(json!({ "Action": "*", "Resource": "*" })),
                    }],
                },
            },
        },
        "Outputs": { "Role": { "Value": { "Fn::GetAtt": ["Role", "Arn"] } } },
    });
    let created = create(config, stack, &template).await;
    let role = created
        .outputs()
        .first()
        .and_then(|role| role.output_value());
    role.expect("the role's ARN").to_owned()
}

pub(super) fn policy(mut statement: Value) -> Value {
    merge(&mut statement, json!({ "Effect": "Allow" }));
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// Creates a stack and waits until it is there.
pub(super) async fn create(config: &SdkConfig, stack: &str, template: &Value) -> Stack {
    let client = aws_sdk_cloudformation::Client::new(config);
    client
        .create_stack()
        .stack_name(stack)
        .template_body(template.to_string())
        .capabilities(Capability::CapabilityNamedIam)
        .send()
        .await
        .unwrap_or_else(|error| panic!("creating the stack {stack}: {error:?}"));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = find(&client, stack).await.expect("the stack");
        if found.stack_status() == Some(&StackStatus::CreateComplete) {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{found:?}");
        tokio::time::sleep(EVERY).await;
    }
}

/// A stack. None: there is none.
async fn find(client: &aws_sdk_cloudformation::Client, stack: &str) -> Option<Stack> {
    match client.describe_stacks().stack_name(stack).send().await {
        Ok(answer) => answer.stacks().first().cloned(),
        Err(error) if error.code() == Some("ValidationError") => None,
        Err(error) => panic!("reading the stack {stack}: {error:?}"),
    }
}
