//! Whether an answer is the one that was expected. Pure: an answer goes in,
//! what is wrong with it comes out.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use serde_json_path::JsonPath;
use sluice_domain::manifest::Expectation;
use sluice_domain::text::one_line;

/// What was found is shown up to this many characters.
const LONGEST_EXCERPT: usize = 200;

/// What a function or a URL answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The body of a URL's answer, or the payload of a function's.
    pub body: Vec<u8>,
    /// How long it took, as its caller saw it: a cold start is part of it.
    pub latency: Duration,
    /// Whether a function answered, or a URL.
    pub source: Source,
}

impl Answer {
    /// Whether a version answered, and not this one.
    pub(crate) fn is_of_another(&self, version: &str) -> bool {
        matches!(&self.source, Source::Function { version: Some(found), .. } if found != version)
    }
}

/// What answered, and what it alone can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A Lambda function.
    Function {
        /// The version that ran, as Lambda says.
        version: Option<String>,
        /// Lambda's name for how it failed: `Unhandled`.
        error: Option<String>,
    },
    /// A URL.
    Url {
        /// The HTTP status.
        status: u16,
    },
}

impl Default for Source {
    fn default() -> Self {
        Self::Function {
            version: None,
            error: None,
        }
    }
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    subject: String,
    found: String,
    expected: String,
}

impl Mismatch {
    fn new(
        subject: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: found {}, expected {}",
            self.subject, self.found, self.expected
        )
    }
}

/// Everything about this answer that is not as expected. `version` is the
/// version that a function's answer must come from.
#[must_use]
pub fn mismatches(expect: &Expectation, answer: &Answer, version: Option<&str>) -> Vec<Mismatch> {
    let mut found = Vec::new();
    check_source(answer, version, &mut found);
    check_latency(expect, answer, &mut found);
    match &answer.source {
        // What a failed function answers describes its error, nothing else.
        Source::Function { error: Some(_), .. } => {}
        Source::Function { error: None, .. } => check_document(expect, answer, true, &mut found),
        Source::Url { status } => {
            check_status(expect, *status, &mut found);
            check_document(expect, answer, false, &mut found);
        }
    }
    found
}

fn check_source(answer: &Answer, expected: Option<&str>, mismatches: &mut Vec<Mismatch>) {
    let Source::Function { version, error } = &answer.source else {
        return;
    };
    if let Some(expected) = expected
        && version.as_deref() != Some(expected)
    {
        let found = version.as_deref().unwrap_or("none named");
        mismatches.push(Mismatch::new("executed version", found, expected));
    }
    if let Some(error) = error {
        let found = format!(
            "{error}: {}",
            excerpt(&String::from_utf8_lossy(&answer.body))
        );
        mismatches.push(Mismatch::new("function error", found, "none"));
    }
}

fn check_latency(expect: &Expectation, answer: &Answer, mismatches: &mut Vec<Mismatch>) {
    let Some(limit) = expect.latency_ms else {
        return;
    };
    if answer.latency > Duration::from_millis(limit) {
        let found = format!("{} ms", answer.latency.as_micros().div_ceil(1000));
        mismatches.push(Mismatch::new(
            "latency",
            found,
            format!("at most {limit} ms"),
        ));
    }
}

/// A URL that is not told what to answer must at least succeed.
fn check_status(expect: &Expectation, found: u16, mismatches: &mut Vec<Mismatch>) {
    match expect.status {
        Some(expected) if found != expected => {
            mismatches.push(Mismatch::new(
                "status",
                found.to_string(),
                expected.to_string(),
            ));
        }
        None if !(200..300).contains(&found) => {
            mismatches.push(Mismatch::new("status", found.to_string(), "200 to 299"));
        }
        _ => {}
    }
}

fn check_document(
    expect: &Expectation,
    answer: &Answer,
    has_status: bool,
    mismatches: &mut Vec<Mismatch>,
) {
    let wants_status = expect.status.filter(|_| has_status);
    if wants_status.is_none() && expect.json.is_empty() {
        return;
    }
    let document: Value = match serde_json::from_slice(&answer.body) {
        Ok(document) => document,
        Err(_) => {
            let found = excerpt(&String::from_utf8_lossy(&answer.body));
            mismatches.push(Mismatch::new("answer", format!("`{found}`"), "JSON"));
            return;
        }
    };
    if let Some(expected) = wants_status {
        let found = document.get("statusCode");
        if found.and_then(Value::as_u64) != Some(u64::from(expected)) {
            let found = found.map_or("none".to_owned(), ToString::to_string);
            mismatches.push(Mismatch::new(
                "statusCode",
                excerpt(&found),
                expected.to_string(),
            ));
        }
    }
    for (path, expected) in &expect.json {
        check_path(&document, path, expected, mismatches);
    }
}

/// Everything that the path selects must be the expected value, and it must
/// select something.
fn check_path(document: &Value, path: &str, expected: &Value, mismatches: &mut Vec<Mismatch>) {
    let parsed = match JsonPath::parse(path) {
        Ok(parsed) => parsed,
        Err(error) => {
            mismatches.push(Mismatch::new(
                format!("`{path}`"),
                error.to_string(),
                "a JSONPath (RFC 9535)",
            ));
            return;
        }
    };
    let found = parsed.query(document).all();
    let wrong = if found.is_empty() {
        Some("nothing".to_owned())
    } else {
        found
            .into_iter()
            .find(|found| !is_same(found, expected))
            .map(|found| excerpt(&found.to_string()))
    };
    if let Some(wrong) = wrong {
        mismatches.push(Mismatch::new(path, wrong, excerpt(&expected.to_string())));
    }
}

/// JSON knows one kind of number: 1 and 1.0 are the same.
fn is_same(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Number(one), Value::Number(two)) => one == two || one.as_f64() == two.as_f64(),
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| is_same(one, two))
        }
        (Value::Object(one), Value::Object(two)) => {
            one.len() == two.len()
                && one
                    .iter()
                    .all(|(key, one)| two.get(key).is_some_and(|two| is_same(one, two)))
        }
        _ => one == two,
    }
}

fn excerpt(text: &str) -> String {
    let text = one_line(text);
    match text.char_indices().nth(LONGEST_EXCERPT) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
#[path = "expect_tests.rs"]
mod tests;
