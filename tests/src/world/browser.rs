//! A person with a real browser: Chromium, driven by `tests/browser/drive.mjs`.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A browser that ends with this value.
pub struct Browser {
    _child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// How somebody looks at pages.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// `light` or `dark`.
    pub scheme: &'static str,
    /// How wide their window is, in pixels.
    pub width: u32,
}

/// What somebody sees.
#[derive(Debug)]
pub struct Seen {
    /// The page's text.
    pub text: String,
    /// How wide the page is, in pixels.
    pub width: u64,
    /// How wide the window is.
    pub window: u64,
}

impl Browser {
    /// One for each test, without scripts. None: there is no Chromium on this machine, which
    /// is said.
    ///
    /// # Panics
    /// When there is none where there has to be one.
    pub async fn start() -> Option<Self> {
        let folder = std::env::var_os("SLUICE_BROWSER").map(PathBuf::from);
        let drive = folder.map(|folder| folder.join("drive.mjs"));
        let drive = drive.filter(|drive| drive.exists() && chromium().is_some());
        let Some(drive) = drive else {
            let is_needed = std::env::var_os("SLUICE_NEEDS_BROWSER").is_some();
            assert!(!is_needed, "there is no Chromium: `make browser` says why");
            eprintln!("SKIPPED: there is no Chromium to try the page in: `make browser` says why");
            return None;
        };
        let mut child = Command::new("node")
            .arg(drive)
            .envs(chromium().map(|path| ("CHROMIUM", path)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node");
        let commands = child.stdin.take().expect("its input");
        let answers = child.stdout.take().expect("its output");
        Some(Self {
            _child: child,
            commands,
            answers: BufReader::new(answers).lines(),
        })
    }

    /// Does one thing, and answers what came of it.
    ///
    /// # Panics
    /// When it can't be done.
    pub async fn does(&mut self, command: Value) -> Value {
        let line = format!("{command}\n");
        let sent = self.commands.write_all(line.as_bytes()).await;
        sent.expect("the browser listens");
        let answer = self.answers.next_line().await.expect("it answers");
        let answer = answer.expect("it has not ended");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert!(answer["error"].is_null(), "{command}: {}", answer["error"]);
        answer
    }

    /// Begins to look at pages so.
    ///
    /// # Panics
    /// When the browser has ended.
    pub async fn opens(&mut self, looks: Looks) {
        let Looks { scheme, width } = looks;
        let open = json!({"open": {"scheme": scheme, "width": width, "script": false}});
        self.does(open).await;
    }

    /// Goes to a page: its status.
    ///
    /// # Panics
    /// When nobody answers there.
    pub async fn visits(&mut self, url: &str) -> u64 {
        let answer = self.does(json!({ "goto": url })).await;
        answer["status"].as_u64().expect("a status")
    }

    /// Sends the form that this button is of.
    ///
    /// # Panics
    /// When there is none.
    pub async fn presses(&mut self, button: &str) -> u64 {
        let answer = self.does(json!({ "press": button })).await;
        answer["status"].as_u64().expect("a status")
    }

    /// Looks at the page, and keeps what is seen under `target/screenshots`.
    ///
    /// # Panics
    /// When there is no page.
    pub async fn looks(&mut self, name: &str) -> Seen {
        let root = sluice_local::workspace::Workspace::find().expect("the workspace");
        let file = root.root().join(format!("target/screenshots/{name}.png"));
        let seen = self.does(json!({ "look": file })).await;
        Seen {
            text: seen["text"].as_str().unwrap_or_default().to_owned(),
            width: seen["width"].as_u64().expect("a width"),
            window: seen["viewport"].as_u64().expect("a width"),
        }
    }

    /// What goes wrong with a page, as axe-core, html-validate and csp_evaluator know it.
    ///
    /// # Panics
    /// When nobody answers there.
    pub async fn audits(&mut self, url: &str) -> Vec<String> {
        let answer = self.does(json!({ "audit": url })).await;
        serde_json::from_value(answer["findings"].clone()).expect("findings")
    }
}

/// Where Chromium is.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
    let usual = usual.into_iter().map(PathBuf::from);
    named.into_iter().chain(usual).find(|path| path.exists())
}
