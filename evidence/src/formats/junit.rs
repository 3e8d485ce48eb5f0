//! JUnit's XML, as Surefire, Gradle, pytest, jest-junit, gotestsum, cargo-nextest, `GoogleTest`
//! and others write it.
//!
//! There is no one standard. What they share: `testcase` elements, with `failure`,
//! `error` or `skipped` in those that did not pass. Surefire and nextest write
//! `flakyFailure` where a test passed in the end, `rerunFailure` where it did not.
//! The entries are counted; where a suite's own totals name more failures, or more tests,
//! than it has entries for, they are believed: what is not listed has not passed.

use sluice_domain::evidence::{Content, Format, Tests, Tool};

use crate::text::brief;
use crate::xml::{Element, Visitor, walk};
use crate::{Error, Read};

/// How many names of broken tests are kept.
const NAMED: usize = 20;

/// Tools that put their own name where that of a suite stands: `pytest`, `jest tests`,
/// `nextest-run`, `vitest tests`.
const TOOLS: [&str; 4] = ["pytest", "vitest", "jest", "nextest"];

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let mut reader = Reader::default();
    walk(Format::Junit, text, &mut reader)?;
    let tool = reader.tool.map(|name| Tool {
        name,
        version: None,
    });
    Ok(Read::by(tool, Content::Tests(reader.tests)))
}

/// How a test ended, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Passed,
    Flaky,
    Skipped,
    Failed,
    Errored,
}

#[derive(Default)]
struct Reader {
    tests: Tests,
    tool: Option<String>,
    /// What suites that are open say of themselves, and what had been counted before.
    suites: Vec<Suite>,
    /// The tests that are open: some tools write tests within tests.
    cases: Vec<(String, End)>,
}

struct Suite {
    name: String,
    /// How many tests it has, and how many of them did not run: some leave out these.
    tests: u64,
    idle: u64,
    failures: u64,
    errors: u64,
    before: Tests,
}

impl Reader {
    fn open_suite(&mut self, element: &Element<'_>) -> Result<(), Error> {
        let name = element.get("name")?.unwrap_or_default();
        if self.tool.is_none() {
            let known = TOOLS
                .iter()
                .find(|tool| name.to_lowercase().contains(**tool));
            self.tool = known.map(|tool| (*tool).to_owned());
        }
        let idle = [element.count("skipped")?, element.count("disabled")?];
        self.suites.push(Suite {
            name,
            tests: element.count("tests")?.unwrap_or(0),
            idle: idle.into_iter().flatten().fold(0, u64::saturating_add),
            failures: element.count("failures")?.unwrap_or(0),
            errors: element.count("errors")?.unwrap_or(0),
            before: self.tests.clone(),
        });
        Ok(())
    }

    fn close_suite(&mut self) {
        let Some(suite) = self.suites.pop() else {
            return;
        };
        let failed = self.tests.failed - suite.before.failed;
        let errored = self.tests.errored - suite.before.errored;
        // Some count what broke as failed, or the other way round: the sum is what counts.
        let declared = suite.failures.saturating_add(suite.errors);
        let missing = declared.saturating_sub(failed.saturating_add(errored));
        if missing > 0 {
            self.tests.failed = self.tests.failed.saturating_add(missing);
            self.name(format!("{missing} of suite `{}`", suite.name));
        }
        let entries = |tests: &Tests| tests.ran().saturating_add(tests.skipped);
        let listed = entries(&self.tests) - entries(&suite.before);
        let skipped = self.tests.skipped - suite.before.skipped;
        let not_listed = suite.tests.saturating_sub(listed);
        let idle = suite.idle.saturating_sub(skipped).min(not_listed);
        let missing = not_listed - idle;
        self.tests.skipped = self.tests.skipped.saturating_add(idle);
        if missing > 0 {
            self.tests.errored = self.tests.errored.saturating_add(missing);
            self.name(format!(
                "{missing} of suite `{}` are not listed",
                suite.name
            ));
        }
    }

    fn open_case(&mut self, element: &Element<'_>) -> Result<(), Error> {
        let name = element.get("name")?.unwrap_or_default();
        let name = match element.get("classname")?.filter(|class| !class.is_empty()) {
            Some(class) => format!("{class} {name}"),
            None => name,
        };
        let said = [element.get("status")?, element.get("result")?];
        let end = said.into_iter().flatten().map(|word| of_word(&word)).max();
        self.cases.push((name, end.unwrap_or(End::Passed)));
        Ok(())
    }

    fn close_case(&mut self) {
        let Some((name, end)) = self.cases.pop() else {
            return;
        };
        let tests = &mut self.tests;
        let count = match end {
            End::Passed | End::Flaky => &mut tests.passed,
            End::Skipped => &mut tests.skipped,
            End::Failed => &mut tests.failed,
            End::Errored => &mut tests.errored,
        };
        // What suites say of themselves may already be all that a number holds.
        *count = count.saturating_add(1);
        tests.flaky += u64::from(end == End::Flaky);
        if end >= End::Failed {
            self.name(name);
        }
    }

    /// Something failed, broke or was skipped: in the test that is open, or beside all.
    fn note(&mut self, end: End) {
        match self.cases.last_mut() {
            Some((_, worst)) => *worst = end.max(*worst),
            None if end >= End::Failed => {
                self.tests.errored = self.tests.errored.saturating_add(1);
                let suite = self.suites.last().map(|suite| suite.name.clone());
                self.name(format!("suite `{}`", suite.unwrap_or_default()));
            }
            None => {}
        }
    }

    fn name(&mut self, name: String) {
        if self.tests.broken.len() < NAMED {
            self.tests.broken.push(brief(&name));
        }
    }
}

impl Visitor for Reader {
    fn start(&mut self, element: &Element<'_>, _above: &[String]) -> Result<(), Error> {
        match element.name().as_str() {
            "testsuites" | "testsuite" => self.open_suite(element)?,
            "testcase" => self.open_case(element)?,
            "failure" => self.note(End::Failed),
            "error" => self.note(End::Errored),
            "skipped" | "disabled" => self.note(End::Skipped),
            "flakyFailure" | "flakyError" => self.note(End::Flaky),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str, _above: &[String]) -> Result<(), Error> {
        match name {
            "testsuites" | "testsuite" => self.close_suite(),
            "testcase" => self.close_case(),
            _ => {}
        }
        Ok(())
    }
}

/// What the attributes `status` and `result` of a test say, where a tool writes them
/// (`GoogleTest`, CTest, Ginkgo, NUnit, xUnit, Qt and others). A word that is not known is
/// no pass: `timedout`, `aborted` and `panicked` are such words.
fn of_word(word: &str) -> End {
    match word.trim().to_ascii_lowercase().as_str() {
        "" | "passed" | "pass" | "ok" | "success" | "successful" | "succeeded" | "run"
        | "completed" | "true" | "bpass" | "xfail" => End::Passed,
        "flaky" => End::Flaky,
        "skipped" | "skip" | "notrun" | "suppressed" | "disabled" | "ignored" | "pending"
        | "inconclusive" | "bskip" | "todo" => End::Skipped,
        "failed" | "failure" | "fail" => End::Failed,
        _ => End::Errored,
    }
}

#[cfg(test)]
#[path = "junit_tests.rs"]
mod tests;
