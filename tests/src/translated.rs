//! `template.yaml` after SAM, as data: with the roles, permissions and rules that
//! SAM makes of it.

use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use sluice_local::workspace::Workspace;

use crate::repository;

/// The template as CloudFormation gets it. Needs the SAM CLI's environment.
///
/// # Panics
/// When there is none, or SAM refuses the template.
#[must_use]
pub fn translated() -> &'static Value {
    static TRANSLATED: LazyLock<Value> = LazyLock::new(translate);
    &TRANSLATED
}

fn translate() -> Value {
    let root = repository();
    let workspace = Workspace::at(&root).expect("the checkout");
    let python = workspace
        .tool("sam", "python")
        .unwrap_or_else(|error| panic!("{error}; this test runs inside `make test`"));
    let run = Command::new(python)
        .arg(root.join("tests/src/translate.py"))
        .arg(root.join("template.yaml"))
        .output()
        .expect("python is started");
    assert!(
        run.status.success(),
        "SAM does not translate template.yaml: {}",
        String::from_utf8_lossy(&run.stderr)
    );
    serde_json::from_slice(&run.stdout)
        .unwrap_or_else(|error| panic!("what SAM made of template.yaml is no JSON: {error}"))
}
