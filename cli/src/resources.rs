//! Where things are, and what may be touched: outputs and parameters of
//! Sluice's own stack.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use sluice_platform::fault::Fault;

use crate::error::{Error, Result};

/// The outputs of the stack and its parameters, by name.
#[derive(Debug, Clone)]
pub struct Resources {
    stack: String,
    outputs: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
}

macro_rules! outputs {
    ($($(#[$doc:meta])* $method:ident = $output:literal;)*) => {
        /// Every output that the command knows how to use.
        pub const OUTPUTS: &[&str] = &[$($output),*];

        impl Resources {
            $($(#[$doc])*
            ///
            /// # Errors
            /// When the stack has no such output.
            pub fn $method(&self) -> Result<&str> {
                self.output($output)
            })*
        }
    };
}

outputs! {
    /// The bucket that bundles are uploaded to.
    artifacts_bucket = "ArtifactsBucket";
    /// The state table's name.
    state_table = "StateTable";
    /// The ledger table's name.
    ledger_table = "LedgerTable";
    /// Where the desk's page answers, with a final slash.
    desk_url = "DeskUrl";
    /// The function that takes votes.
    desk_function = "DeskFunction";
    /// The function that turns requests into releases.
    intake_function = "IntakeFunction";
    /// The function that writes the ledger.
    record_function = "RecordFunction";
    /// The function that takes what operators ask of a promotion.
    control_function = "ControlFunction";
    /// The function that removes previews.
    preview_function = "PreviewFunction";
    /// The state machine `release`.
    release_machine = "ReleaseMachine";
    /// The state machine `promote`.
    promote_machine = "PromoteMachine";
    /// The state machine `rollout`.
    rollout_machine = "RolloutMachine";
    /// Sluice's own topic.
    topic_arn = "TopicArn";
}

impl Resources {
    /// Outputs that are known already.
    #[must_use]
    pub fn new(stack: impl Into<String>, outputs: BTreeMap<String, String>) -> Self {
        Self {
            stack: stack.into(),
            outputs,
            parameters: BTreeMap::new(),
        }
    }

    /// The same with what the stack's parameters are set to.
    #[must_use]
    pub fn with_parameters(self, parameters: BTreeMap<String, String>) -> Self {
        Self { parameters, ..self }
    }

    /// Reads the outputs and parameters of a stack.
    ///
    /// # Errors
    /// When there is no such stack, or CloudFormation fails.
    pub async fn load(config: &SdkConfig, stack: &str) -> Result<Self> {
        let client = aws_sdk_cloudformation::Client::new(config);
        let answer = client
            .describe_stacks()
            .stack_name(stack)
            .send()
            .await
            .map_err(|error| {
                let fault = Fault::new(format!("cloudformation:DescribeStacks of {stack}"), error);
                if fault.is("ValidationError") {
                    Error::NoStack {
                        stack: stack.to_owned(),
                    }
                } else {
                    fault.into()
                }
            })?;
        let found = answer.stacks().first().ok_or_else(|| Error::NoStack {
            stack: stack.to_owned(),
        })?;
        let outputs = found.outputs().iter().filter_map(|output| {
            Some((
                output.output_key()?.to_owned(),
                output.output_value()?.to_owned(),
            ))
        });
        let parameters = found.parameters().iter().filter_map(|parameter| {
            Some((
                parameter.parameter_key()?.to_owned(),
                parameter.parameter_value()?.to_owned(),
            ))
        });
        Ok(Self::new(stack, outputs.collect()).with_parameters(parameters.collect()))
    }

    /// The stack's name.
    #[must_use]
    pub fn stack(&self) -> &str {
        &self.stack
    }

    /// Outputs that this command needs and the stack lacks.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        OUTPUTS
            .iter()
            .copied()
            .filter(|output| !self.outputs.contains_key(*output))
            .collect()
    }

    /// What a parameter of the stack is set to. None: it has no such parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    fn output(&self, output: &'static str) -> Result<&str> {
        let found = self.outputs.get(output).map(String::as_str);
        found.ok_or_else(|| Error::NoOutput {
            stack: self.stack.clone(),
            output,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_output_is_named_with_its_stack() {
        let resources = Resources::new(
            "sluice",
            BTreeMap::from([("StateTable".to_owned(), "t".to_owned())]),
        );
        assert_eq!(resources.state_table().expect("there"), "t");
        let error = resources.topic_arn().expect_err("missing").to_string();
        assert!(
            error.starts_with("stack sluice has no output TopicArn"),
            "{error}"
        );
        assert_eq!(resources.missing().len(), OUTPUTS.len() - 1);
    }
}
