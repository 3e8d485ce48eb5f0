//! A second account, with the role through which Sluice enters it.

use aws_sdk_lambda::config::{Credentials, SharedCredentialsProvider};
use serde_json::{Value, json};

use super::World;
use super::permissions::{create, policy};

impl World {
    /// This application in another account, and the settings' `role` that leads
    /// there. It may do there what environments in other accounts ask for.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn in_account(&self, account: &str) -> (Self, Value) {
        // To the engine, a key of twelve digits is an account's root user.
        let credentials = Credentials::new(account, account, None, None, "sluice-tests");
        let config = self.config.to_builder();
        let config = config
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let external_id = format!("sluice-{}", self.unique);
        let trust = policy(json!({
            "Principal": { "AWS": "arn:aws:iam::000000000000:root" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": external_id } },
        }));
        let may = policy(json!({
            "Action": ["lambda:*", "cloudwatch:GetMetricData", "s3:GetObject*"],
            "Resource": "*",
        }));
        let role = json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": format!("sluice-managed-{}", self.unique),
                "AssumeRolePolicyDocument": trust,
                "Policies": [{ "PolicyName": "release", "PolicyDocument": may }],
            },
        });
        let arn = json!({ "Value": { "Fn::GetAtt": ["Role", "Arn"] } });
        let template = json!({ "Resources": { "Role": role }, "Outputs": { "Role": arn } });
        let created = create(&config, &self.application, &template).await;
        let role = created.outputs().first();
        let role = role.and_then(|role| role.output_value());
        let role = role.expect("the role's ARN").to_owned();
        let settings = json!({ "arn": role, "external_id": external_id });
        let there = Self {
            application: self.application.clone(),
            reader: self.reader.clone(),
            resources: self.resources.clone(),
            environment: self.environment.clone(),
            unique: self.unique.clone(),
            config,
            role,
        };
        (there, settings)
    }
}
