//! Somebody who proves who they are to Sluice's functions.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::types::InvocationType;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sluice_cli::proof::prove;

use super::permissions::policy;
use super::{Person, World};

/// Somebody who may do anything, under a role of their own.
pub struct Colleague {
    /// Their credentials.
    pub person: Person,
    /// What settings call them, whatever their session.
    pub pattern: String,
}

impl World {
    /// Somebody who may do anything, under a role of this name.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn colleague(&self, name: &str) -> Colleague {
        let anything = policy(json!({
            "Action": "*", "Resource": "*",
        }));
        let policies = json!([{ "PolicyName": "any", "PolicyDocument": anything }]);
        let properties = json!({ "Policies": policies });
        let person = self.with_role(name, properties).await;
        let config = person.config(&self.config);
        let identity = aws_sdk_sts::Client::new(&config).get_caller_identity();
        let identity = identity.send().await.expect("the engine knows them");
        let arn = identity.arn().unwrap_or_default();
        let (role, session) = arn.rsplit_once('/').expect("a role and a session");
        assert_eq!(session, name);
        let pattern = format!("{role}/*");
        Colleague { person, pattern }
    }

    /// Whether IAM lets this person invoke one of Sluice's functions, by the name of the
    /// stack's output.
    ///
    /// # Panics
    /// When it can't be reached.
    pub async fn may_invoke(&self, person: &Person, output: &str) -> bool {
        let lambda = aws_sdk_lambda::Client::new(&person.config(&self.config));
        let request = lambda.invoke().function_name(self.output(output));
        let answer = request.invocation_type(InvocationType::DryRun).send().await;
        match answer {
            Ok(_) => true,
            Err(error) if error.code() == Some("AccessDeniedException") => false,
            Err(error) => panic!("invoking {output}: {error:?}"),
        }
    }

    /// A request to one of Sluice's functions, by the name of the stack's output, with a
    /// proof of theirs that was signed this long ago.
    ///
    /// # Panics
    /// When it can't be signed.
    pub async fn proven(
        &self,
        output: &str,
        by: &Colleague,
        request: &Value,
        ago: SignedDuration,
    ) -> Value {
        let mut request = request.clone();
        let config = by.person.config(&self.config);
        let at = Timestamp::now() - ago;
        let proved = prove(&config, self.output(output), &mut request, at).await;
        proved.expect("a proof");
        request
    }
}

impl Person {
    /// Somebody whose credentials nobody gave out.
    #[must_use]
    pub fn stranger() -> Self {
        Self(vec![
            ("AWS_ACCESS_KEY_ID", "ASIASTRANGER00000001".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "nobody's".to_owned()),
            ("AWS_SESSION_TOKEN", "nobody's".to_owned()),
        ])
    }

    /// How to reach the engine as this person.
    #[must_use]
    pub fn config(&self, root: &SdkConfig) -> SdkConfig {
        let value = |name: &str| {
            let found = self.0.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| value.clone())
        };
        let of = |name: &str| value(name).unwrap_or_default();
        let credentials = Credentials::new(
            of("AWS_ACCESS_KEY_ID"),
            of("AWS_SECRET_ACCESS_KEY"),
            value("AWS_SESSION_TOKEN"),
            None,
            "a test",
        );
        let mut config = root.to_builder();
        config.set_credentials_provider(Some(SharedCredentialsProvider::new(credentials)));
        config.build()
    }
}
