//! Test suites of the application's team: what runs them, and what they report.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sfn::types::StateMachineType;
use serde_json::{Value, json};

use super::World;

/// A report of one test that passed.
pub const PASSED: &str =
    r#"<testsuite name="orders"><testcase name="places an order"/></testsuite>"#;

/// A report of one test that passed and one that failed.
pub const FAILED: &str = r#"<testsuite name="orders"><testcase name="places an order"/><testcase name="cancels an order"><failure message="no refund"/></testcase></testsuite>"#;

/// What a suite's handler does to answer with this report.
#[must_use]
pub fn says(report: &str) -> String {
    format!("return {}", json!({ "report": report }))
}

impl World {
    /// Creates a Python function that Sluice may start as a suite, and answers its name.
    /// `body` is what its handler does with `event`.
    pub async fn suite(&self, body: &str) -> String {
        self.of_the_team("suite", body).await
    }

    /// Creates a Python function that settings may name, under a name of its own, and
    /// answers that. `body` is what its handler does with `event`.
    pub async fn of_the_team(&self, name: &str, body: &str) -> String {
        let indented: String = body.lines().map(|line| format!("    {line}\n")).collect();
        let source = format!("import time\n\ndef lambda_handler(event, context):\n{indented}");
        let build = self.build("0.0.0", &[("suite", source)], json!({}));
        let name = self.managed(name);
        self.create_function(&name, "python3.12", build.zip("suite"))
            .await;
        name
    }

    /// Creates a state machine that Sluice may start as a suite, and answers its ARN.
    /// `end` is its only state.
    ///
    /// # Panics
    /// When Step Functions refuses.
    pub async fn suite_machine(&self, end: &Value) -> String {
        let definition = json!({
            "QueryLanguage": "JSONata",
            "StartAt": "Test",
            "States": { "Test": end },
        });
        let request = self.executions().create_state_machine();
        let created = request
            .name(self.managed("suite"))
            .definition(definition.to_string())
            .role_arn(&self.role)
            .r#type(StateMachineType::Standard)
            .send()
            .await
            .unwrap_or_else(|error| panic!("creating a suite: {error:?}"));
        created.state_machine_arn
    }

    /// Creates a bucket whose reports Sluice may read, and answers its name.
    ///
    /// # Panics
    /// When S3 refuses.
    pub async fn reports(&self) -> String {
        let name = self.managed("reports");
        let request = aws_sdk_s3::Client::new(&self.config).create_bucket();
        let created = request.bucket(&name).send().await;
        created.unwrap_or_else(|error| panic!("creating {name}: {error:?}"));
        name
    }

    /// Puts a report where a run looks for it.
    ///
    /// # Panics
    /// When S3 refuses.
    pub async fn report(&self, bucket: &str, key: &str, report: &[u8]) {
        aws_sdk_s3::Client::new(&self.config)
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(ByteStream::from(report.to_vec()))
            .send()
            .await
            .unwrap_or_else(|error| panic!("putting {key}: {error:?}"));
    }

    /// A name of this test's that the template's defaults cover.
    fn managed(&self, name: &str) -> String {
        format!("sluice-managed-{}-{name}", self.unique)
    }
}
