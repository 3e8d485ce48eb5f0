//! Whether a suite showed that all is well.

use serde::Serialize;
use serde_json::Value;
use sluice_domain::cause;
use sluice_domain::evidence::{Called, Content, Kind, Tests};
use sluice_domain::suites::Suite;
use sluice_domain::text::one_line;

/// The longest text of a suite that goes into a message or the ledger, in characters.
const LONGEST_TEXT: usize = 500;
/// So many tests that failed are named in a message. The ledger has more.
const NAMED: usize = 5;

/// What Step Functions calls it when a state waited for as long as it may:
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>.
const TIMED_OUT: &str = "States.Timeout";

/// How the run of a suite ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// The error's name, if the run failed.
    pub error: Option<String>,
    /// What is known of that.
    pub cause: Option<String>,
}

impl Ended<'_> {
    /// After how many seconds it was waited for no longer. None: it ended by itself.
    fn timed_out_after_seconds(&self) -> Option<u64> {
        let timed_out = self.error.as_deref() == Some(TIMED_OUT);
        timed_out.then(|| self.suite.limit_seconds())
    }

    /// Why the run failed. None: it did not.
    fn failure(&self) -> Option<String> {
        if let Some(seconds) = self.timed_out_after_seconds() {
            let target = self.suite.target();
            return Some(format!(
                "its run timed out: {target} ran for {seconds} s and did not end; expected an end \
                 within its `timeout_seconds`, {seconds}: see what it waits for, or give it longer"
            ));
        }
        let why = cause::sentence(self.error.as_deref(), self.cause.as_deref())?;
        Some(format!("its run failed: {}", short(&why)))
    }
}

/// What came of a suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// What its report says. None: there is none that can be read.
    #[serde(flatten)]
    pub tests: Option<Tests>,
    /// After how many seconds its run was waited for no longer. None: it ended by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timed_out_after_seconds: Option<u64>,
    /// What is wrong. None: every test that ran passed.
    pub problem: Option<String>,
}

impl Verdict {
    /// Judges a run by how it ended and by its report, or by why there is none.
    ///
    /// A run that failed is never well, whatever its report says; but a report says
    /// best what failed, so it comes first. That a run which timed out has left no report
    /// goes without saying.
    #[must_use]
    pub fn of(ended: &Ended<'_>, report: Result<Tests, String>) -> Self {
        let found = match &report {
            Ok(tests) => shortcoming(tests),
            Err(problem) => Some(problem.clone()),
        };
        let timed_out_after_seconds = ended.timed_out_after_seconds();
        let problem = match (ended.failure(), found, &report) {
            (None, found, _) => found,
            (failure, Some(_), Err(_)) if timed_out_after_seconds.is_some() => failure,
            (Some(failure), Some(found), Ok(_)) => Some(format!("{found}; {failure}")),
            (Some(failure), Some(found), Err(_)) => Some(format!("{failure}; {found}")),
            (Some(failure), None, _) => Some(format!("{failure}; its report has no failed test")),
        };
        let named = |mut tests: Tests| {
            tests.broken.iter_mut().for_each(|name| *name = short(name));
            tests
        };
        Self {
            tests: report.ok().map(named),
            timed_out_after_seconds,
            problem,
        }
    }
}

/// What tests leave open. None: some ran, and all of those passed.
fn shortcoming(tests: &Tests) -> Option<String> {
    let (ran, broken) = (tests.ran(), tests.failed.saturating_add(tests.errored));
    if ran == 0 {
        let skipped = tests.skipped;
        return Some(format!(
            "no test ran ({skipped} skipped); expected one at least"
        ));
    }
    if broken == 0 {
        return None;
    }
    let names: Vec<String> = tests.broken.iter().map(|name| short(name)).collect();
    let mut named: Vec<String> = names
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    if broken > named.len() as u64 && !named.is_empty() {
        named.push("…".to_owned());
    }
    let named = named.join(", ");
    Some(
        format!("{broken} of {ran} tests failed: {named}")
            .trim_end_matches(": ")
            .to_owned(),
    )
}

/// What a report says.
///
/// # Errors
/// With why it says nothing about tests.
pub fn read(report: &[u8]) -> Result<Tests, String> {
    let unreadable = |why: String| format!("its report can't be used: {}", short(&why));
    let reading = sluice_evidence::read(report, Some(Called::Kind(Kind::Tests)), &[])
        .map_err(|error| unreadable(error.to_string()))?;
    match reading.content {
        Content::Tests(tests) => Ok(tests),
        _ => Err(unreadable(format!(
            "it is about {}; expected tests",
            reading.kind().name()
        ))),
    }
}

/// The report that stands in an answer.
///
/// # Errors
/// When there is none.
pub fn answered(answer: &Value) -> Result<Tests, String> {
    match &answer["report"] {
        Value::String(report) => read(report.as_bytes()),
        found => {
            let found = if found.is_null() { "none" } else { "no text" };
            Err(format!(
                "its answer has no report: found {found} under `report`; expected JUnit's XML or TAP as text, \
                 or a `report` in the settings that says where it is"
            ))
        }
    }
}

fn short(text: &str) -> String {
    let text = one_line(text);
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
