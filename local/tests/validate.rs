//! `statemachines/validate`, which `make deploy` runs first, against a Step
//! Functions that is played here. It runs in a folder of its own, so that no
//! `samconfig.toml` of this checkout decides whom it asks.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Output},
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};
use sluice_local::workspace::Workspace;

type Tried<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A folder with the script, the state machines and a `samconfig.toml`.
struct Checkout {
    root: PathBuf,
    /// How many state machines there are to ask about.
    machines: usize,
}

impl Checkout {
    fn new(test: &str) -> Tried<Self> {
        let name = format!("sluice-validate-{}-{test}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let machines = root.join("statemachines");
        fs::create_dir_all(&machines)?;
        let mut count = 0;
        for entry in fs::read_dir(Workspace::find()?.root().join("statemachines"))? {
            let entry = entry?;
            let name = entry.file_name();
            count += usize::from(name.to_string_lossy().ends_with(".asl.json"));
            fs::copy(entry.path(), machines.join(name))?;
        }
        fs::write(
            root.join("samconfig.toml"),
            "[default.deploy.parameters]\nregion = \"eu-central-1\"\n",
        )?;
        Ok(Self {
            root,
            machines: count,
        })
    }

    fn validate(&self, endpoint: &str) -> Tried<Output> {
        let output = Command::new(Workspace::find()?.tool("sam", "python")?)
            .arg(self.root.join("statemachines/validate"))
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("NO_PROXY", "127.0.0.1")
            .output()?;
        Ok(output)
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A Step Functions that gives the same answer to every question.
struct Played {
    address: SocketAddr,
    questions: JoinHandle<Tried<Vec<Value>>>,
}

impl Played {
    fn new(status: &str, answer: &Value) -> Tried<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let answer = answer.to_string();
        let answer = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/x-amz-json-1.0\r\n\r\n{answer}",
            answer.len()
        );
        let questions = thread::spawn(move || {
            let mut questions = Vec::new();
            loop {
                let (mut stream, _) = listener.accept()?;
                let Some(question) = body(&stream)? else {
                    return Ok(questions);
                };
                stream.write_all(answer.as_bytes())?;
                questions.push(question);
            }
        });
        Ok(Self { address, questions })
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked until now.
    fn questions(self) -> Tried<Vec<Value>> {
        // A connection on which nothing is asked is the last.
        drop(TcpStream::connect(self.address)?);
        self.questions.join().map_err(|_| "the thread panicked")?
    }
}

/// The body of a request, if there is one.
fn body(stream: &TcpStream) -> Tried<Option<Value>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((length > 0)
        .then(|| serde_json::from_slice(&body))
        .transpose()?)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
#[ignore = "needs the SAM CLI's Python: `make test` runs it"]
fn every_machine_is_asked_about_with_a_sample_for_each_placeholder() {
    let checkout = Checkout::new("ok").unwrap();
    let answer = json!({ "result": "OK", "diagnostics": [] });
    let played = Played::new("200 OK", &answer).unwrap();

    let output = checkout.validate(&played.endpoint()).unwrap();

    assert!(output.status.success(), "{}", text(&output.stderr));
    let asked = played.questions().unwrap();
    assert_eq!(asked.len(), checkout.machines);
    for question in &asked {
        let definition = question["definition"].as_str().unwrap();
        assert!(!definition.contains("${"), "{definition}");
        let machine: Value = serde_json::from_str(definition).unwrap();
        assert_eq!(machine["QueryLanguage"], "JSONata");
    }
    let machine = "arn:aws:states:eu-central-1:111122223333:stateMachine:RolloutMachine";
    let mut definitions = asked.iter().filter_map(|it| it["definition"].as_str());
    let promote = definitions.find(|definition| definition.contains(machine));
    assert!(promote.is_some(), "the region is samconfig.toml's");
}

#[test]
#[ignore = "needs the SAM CLI's Python: `make test` runs it"]
fn an_error_in_a_machine_is_named_and_stops_the_deployment() {
    let checkout = Checkout::new("fail").unwrap();
    let diagnostic = json!({
        "severity": "ERROR",
        "code": "MISSING_TRANSITION_TARGET",
        "message": "there is no state Nowhere",
        "location": "/States/Commit/Next",
    });
    let answer = json!({ "result": "FAIL", "diagnostics": [diagnostic] });
    let played = Played::new("200 OK", &answer).unwrap();

    let output = checkout.validate(&played.endpoint()).unwrap();

    assert_eq!(played.questions().unwrap().len(), checkout.machines);
    assert_eq!(output.status.code(), Some(1));
    let line = "rollout.asl.json /States/Commit/Next: ERROR MISSING_TRANSITION_TARGET: \
                there is no state Nowhere";
    let said = text(&output.stdout);
    assert!(said.contains(line), "{said}");
}

#[test]
#[ignore = "needs the SAM CLI's Python: `make test` runs it"]
fn a_warning_stops_nothing() {
    let checkout = Checkout::new("warning").unwrap();
    let diagnostic = json!({ "severity": "WARNING", "code": "NO_PATH", "message": "hm" });
    let answer = json!({ "result": "OK", "diagnostics": [diagnostic] });
    let played = Played::new("200 OK", &answer).unwrap();

    let output = checkout.validate(&played.endpoint()).unwrap();

    assert_eq!(played.questions().unwrap().len(), checkout.machines);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.contains("promote.asl.json /: WARNING NO_PATH: hm"),
        "{said}"
    );
}

#[test]
#[ignore = "needs the SAM CLI's Python: `make test` runs it"]
fn a_refused_question_stops_the_deployment_and_names_the_permission() {
    let checkout = Checkout::new("denied").unwrap();
    let answer = json!({ "__type": "AccessDeniedException", "message": "not allowed" });
    let played = Played::new("400 Bad Request", &answer).unwrap();

    let output = checkout.validate(&played.endpoint()).unwrap();

    assert_eq!(played.questions().unwrap().len(), 1);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("AccessDeniedException"), "{said}");
    assert!(
        said.contains("states:ValidateStateMachineDefinition"),
        "{said}"
    );
}
