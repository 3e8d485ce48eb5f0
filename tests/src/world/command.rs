//! The command `sluice`, as a process of its own: what people and build servers
//! run. What it writes to pipes is checked wherever it runs.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::permissions::{create, policy};
use super::{Build, PATIENCE, World, merge};
use crate::repository;

/// The command with its arguments.
pub struct Sluice {
    command: Command,
    input: String,
}

/// The command while it runs.
pub struct Running {
    child: Child,
    input: String,
    /// What it told already, on standard error.
    told: Vec<u8>,
}

/// What came of it.
#[derive(Debug)]
pub struct Run {
    /// The exit status.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Credentials, as the environment carries them.
pub struct Person(pub(super) Vec<(&'static str, String)>);

/// A folder that is gone with this value.
pub struct Folder(PathBuf);

impl World {
    /// `sluice` with these arguments, as the engine's root user.
    ///
    /// # Panics
    /// When it was not built.
    #[must_use]
    pub fn sluice(&self, arguments: &[&str]) -> Sluice {
        let mut sluice = self.script(".sluice/bin/sluice");
        sluice.command.args(arguments);
        sluice
    }

    /// A script of this repository that calls `sluice`, as the engine's root user.
    ///
    /// # Panics
    /// When `sluice` was not built.
    #[must_use]
    pub fn script(&self, path: &str) -> Sluice {
        let folder = repository().join(".sluice/bin");
        let binary = folder.join("sluice");
        assert!(
            binary.is_file(),
            "there is no {}: `make local` builds it, and `make test` does that first",
            binary.display()
        );
        let others = std::env::var_os("PATH").unwrap_or_default();
        let others = std::env::split_paths(&others);
        let search = std::env::join_paths(std::iter::once(folder).chain(others));
        let mut command = Command::new(repository().join(path));
        command
            .env("PATH", search.expect("folders without colons"))
            .env_remove("SLUICE_PERSON")
            .env_remove("SLUICE_APPROVAL_CODE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Sluice {
            command,
            input: String::new(),
        }
    }

    /// Somebody who may do anything but this.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn person(&self, denied: &[&str]) -> Person {
        let everything = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        let but = json!({ "Effect": "Deny", "Action": denied, "Resource": "*" });
        let document = json!({ "Version": "2012-10-17", "Statement": [everything, but] });
        let policies = json!([{ "PolicyName": "denied", "PolicyDocument": document }]);
        self.with_role("person", json!({ "Policies": policies }))
            .await
    }

    /// Somebody who may read, with no more than what AWS's own policy `ReadOnlyAccess`
    /// allows.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn onlooker(&self) -> Person {
        let reading = json!({ "Effect": "Allow", "Resource": "*", "Action": [
            "cloudformation:Describe*",
            "cloudwatch:Describe*",
            "cloudwatch:Get*",
            "codedeploy:Get*",
            "dynamodb:GetItem",
            "dynamodb:Query",
            "lambda:Get*",
            "lambda:List*",
            "ssm:Get*",
        ]});
        let document = json!({ "Version": "2012-10-17", "Statement": [reading] });
        let policies = json!([{ "PolicyName": "reading", "PolicyDocument": document }]);
        self.with_role("onlooker", json!({ "Policies": policies }))
            .await
    }

    /// A build server, with the policy that Sluice's stack has for it and no other.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn releaser(&self) -> Person {
        self.with_policy("releaser", "ReleaserPolicy").await
    }

    /// What builds branches, with the policy that Sluice's stack has for it and no other.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn previewer(&self) -> Person {
        self.with_policy("previewer", "PreviewerPolicy").await
    }

    /// An operator, with the policy that Sluice's stack has for people and no other.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn operator(&self) -> Person {
        self.with_policy("operator", "OperatorPolicy").await
    }

    /// An operator who may read neither requests nor the line, as builds on AWS. The engine
    /// does not ask for the keys of what is read: here each query of the table is denied.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn operator_without_requests(&self) -> Person {
        let table = self.resources.state_table().unwrap_or_default();
        let table = format!("arn:aws:dynamodb:*:*:table/{table}");
        let denied = json!({ "Effect": "Deny", "Action": "dynamodb:Query", "Resource": table });
        let denied = json!({ "Version": "2012-10-17", "Statement": [denied] });
        let properties = json!({
            "ManagedPolicyArns": [self.output("OperatorPolicy")],
            "Policies": [{ "PolicyName": "denied", "PolicyDocument": denied }],
        });
        self.with_role("uninformed", properties).await
    }

    /// Somebody with the policy of this output and no other.
    async fn with_policy(&self, name: &str, output: &str) -> Person {
        let policy = self.output(output);
        self.with_role(name, json!({ "ManagedPolicyArns": [policy] }))
            .await
    }

    /// Somebody whose role has these properties.
    pub(super) async fn with_role(&self, name: &str, properties: Value) -> Person {
        let trust = policy(json!({
            "Principal": { "AWS": "arn:aws:iam::000000000000:root" },
            "Action": "sts:AssumeRole",
        }));
        let mut properties = properties;
        merge(
            &mut properties,
            json!({ "AssumeRolePolicyDocument": trust }),
        );
        let role = json!({ "Type": "AWS::IAM::Role", "Properties": properties });
        let arn = json!({ "Value": { "Fn::GetAtt": ["Role", "Arn"] } });
        let template = json!({ "Resources": { "Role": role }, "Outputs": { "Role": arn } });
        let stack = format!("{}-{name}", self.application);
        let created = create(&self.config, &stack, &template).await;
        let role = created.outputs().first();
        let assumed = aws_sdk_sts::Client::new(&self.config)
            .assume_role()
            .role_arn(role.and_then(|role| role.output_value()).expect("an ARN"))
            .role_session_name(name)
            .send()
            .await
            .expect("the role is assumed");
        let credentials = assumed.credentials().expect("credentials");
        let text = str::to_owned;
        Person(vec![
            ("AWS_ACCESS_KEY_ID", text(credentials.access_key_id())),
            (
                "AWS_SECRET_ACCESS_KEY",
                text(credentials.secret_access_key()),
            ),
            ("AWS_SESSION_TOKEN", text(credentials.session_token())),
        ])
    }

    /// A folder with a build as `sluice pack` writes it.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn folder(&self, build: &Build) -> Folder {
        let digest = build.bundle.digest();
        let name = format!("sluice-{}-{}", self.unique, digest.short());
        let folder = std::env::temp_dir().join(name);
        build.bundle.write(&folder).expect("the folder");
        Folder(folder)
    }
}

impl Sluice {
    /// With this on its standard input.
    #[must_use]
    pub fn with_input(self, input: &str) -> Self {
        Self {
            input: input.to_owned(),
            ..self
        }
    }

    /// As somebody else.
    #[must_use]
    pub fn by(mut self, person: &Person) -> Self {
        self.command.envs(person.0.iter().cloned());
        self
    }

    /// With this in its environment.
    #[must_use]
    pub fn with_variable(mut self, (name, value): (&str, &str)) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn start(mut self) -> Running {
        Running {
            child: self.command.spawn().expect("sluice is started"),
            input: self.input,
            told: Vec::new(),
        }
    }

    /// Runs it to its end.
    pub async fn run(self) -> Run {
        self.start().ended().await
    }
}

impl Running {
    /// Waits until it tells this, on standard error.
    ///
    /// # Panics
    /// When it ends before, or does not tell it in time.
    pub async fn says(&mut self, text: &str) {
        let from = self.told.len();
        let told = &mut self.told;
        let stderr = self.child.stderr.as_mut().expect("its standard error");
        let read = async {
            while !String::from_utf8_lossy(&told[from..]).contains(text) {
                let byte = stderr.read_u8().await;
                told.push(byte.unwrap_or_else(|error| panic!("no `{text}`: {error}")));
            }
        };
        let in_time = timeout(PATIENCE, read).await.is_ok();
        let told = String::from_utf8_lossy(&self.told);
        assert!(in_time, "no `{text}` in time:\n{told}");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end in time, or writes to pipes what only belongs onto
    /// terminals.
    pub async fn ended(mut self) -> Run {
        let mut stdin = self.child.stdin.take().expect("its standard input");
        // Whoever does not ask does not read: a broken pipe is no failure.
        let _ = stdin.write_all(self.input.as_bytes()).await;
        drop(stdin);
        let ended = timeout(PATIENCE, self.child.wait_with_output()).await;
        let ended = ended.expect("it ends in time").expect("its end");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let run = Run {
            status: ended.status.code(),
            stdout: text(ended.stdout),
            stderr: text([self.told, ended.stderr].concat()),
        };
        for stream in [&run.stdout, &run.stderr] {
            assert!(!stream.contains(['\x1b', '\r']), "{stream:?}");
        }
        run
    }
}

impl Run {
    /// Checks the exit status.
    ///
    /// # Panics
    /// When it is another one.
    #[track_caller]
    pub fn is(&self, status: i32) -> &Self {
        let Self { stdout, stderr, .. } = self;
        assert_eq!(self.status, Some(status), "{stdout}\n{stderr}");
        self
    }

    /// Checks that it wrote this, to either stream.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        let Self { stdout, stderr, .. } = self;
        let said = stdout.contains(text) || stderr.contains(text);
        assert!(said, "no `{text}` in:\n{stdout}\n{stderr}");
        self
    }

    /// Its standard output as the one document that it must be.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        let Self { stdout, stderr, .. } = self;
        let document = serde_json::from_str(stdout);
        document.unwrap_or_else(|error| panic!("{error}:\n{stdout}\n{stderr}"))
    }
}

impl Folder {
    /// Its path.
    ///
    /// # Panics
    /// When it is no text.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it any more.
        let _ = fs::remove_dir_all(&self.0);
    }
}
