//! Test Anything Protocol, versions 12 to 14.
//!
//! Subtests are indented and summed up by their parent's line, so only lines without
//! indentation count. `ok … # SKIP` did not run; what is marked `# TODO` may fail. The plan
//! (`1..N`) tells whether the stream is whole, so there must be one, and tests beyond it
//! are no more to be relied on than tests that are missing.

use sluice_domain::evidence::{Content, Format, Tests};

use crate::text::brief;
use crate::{Error, Read};

const NAMED: usize = 20;

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let mut tests = Tests::default();
    let mut planned: Option<u64> = None;
    for line in text.lines() {
        if let Some(why) = line.strip_prefix("Bail out!") {
            tests.errored += 1;
            note(&mut tests, || format!("bailed out: {why}"));
        } else if let Some(end) = line.strip_prefix("1..") {
            if planned.is_some() {
                let why = "it has several plans (`1..N`): keep each stream in a file of its own";
                return Err(Error::broken(Format::Tap, why));
            }
            let end = end.split_whitespace().next().unwrap_or_default();
            let why = || Error::broken(Format::Tap, format!("the plan `1..{end}` has no number"));
            planned = Some(end.parse().map_err(|_| why())?);
        } else {
            count(line, &mut tests);
        }
    }
    let Some(planned) = planned else {
        let why = "it has no plan (`1..N`), so it can't be known to be whole";
        return Err(Error::broken(Format::Tap, why));
    };
    let told = tests.passed + tests.failed + tests.skipped;
    let apart = planned.abs_diff(told);
    if apart > 0 {
        tests.errored = tests.errored.saturating_add(apart);
        note(&mut tests, || format!("{told} tests, {planned} planned"));
    }
    Ok(Read::by(None, Content::Tests(tests)))
}

/// Notes what failed or broke, among the first of them.
fn note(tests: &mut Tests, what: impl FnOnce() -> String) {
    if tests.broken.len() < NAMED {
        tests.broken.push(brief(&what()));
    }
}

fn count(line: &str, tests: &mut Tests) {
    let (is_ok, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => match line.strip_prefix("ok") {
            Some(rest) => (true, rest),
            None => return,
        },
    };
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return;
    }
    match (is_ok, Directive::of(rest)) {
        (true, Some(Directive::Skip)) => tests.skipped += 1,
        (true, _) | (false, Some(Directive::Todo)) => tests.passed += 1,
        // What says `not ok` did not pass, whatever else it says.
        (false, _) => {
            tests.failed += 1;
            let is_number = |c: char| c.is_whitespace() || c.is_ascii_digit() || c == '-';
            note(tests, || rest.trim_start_matches(is_number).to_owned());
        }
    }
}

/// What a line says of its test beside how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Skip,
    Todo,
}

impl Directive {
    /// That of a line. "SKIPPED" and the like are written, too (TAP 13 allows it); of
    /// `TODO`, which lets a test fail, the word alone counts.
    fn of(rest: &str) -> Option<Self> {
        let (_, after) = rest.split_once(" # ").or_else(|| rest.split_once("\t# "))?;
        let word = after.split_whitespace().next()?.to_ascii_uppercase();
        match word.strip_suffix(':').unwrap_or(&word) {
            "TODO" => Some(Self::Todo),
            word => word.starts_with("SKIP").then_some(Self::Skip),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(text: &str) -> Tests {
        match read(text).expect("read").content {
            Content::Tests(tests) => tests,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_are_counted_with_their_directives() {
        let found = tests(
            "TAP version 13\n1..5\nok 1 - opens\nnot ok 2 - pays\n  ---\n  message: no\n  ...\nok 3 # SKIP no card\nnot ok 4 - later # TODO\n    not ok 1 - inner\nok 5 - closes\n",
        );
        assert_eq!((found.passed, found.failed, found.skipped), (3, 1, 1));
        assert_eq!(found.broken, ["pays"]);
    }

    #[test]
    fn no_word_that_begins_like_a_directive_hides_a_failure() {
        for line in [
            "not ok 1 - x # skips nothing",
            "not ok 1 - x # TODOs are left",
        ] {
            assert_eq!(tests(&format!("1..1\n{line}\n")).failed, 1, "{line}");
        }
        assert_eq!(tests("1..1\nnot ok 1 - x # SKIP\n").failed, 1);
        assert_eq!(tests("1..1\nnot ok 1 - x # todo: later\n").passed, 1);
        assert_eq!(tests("1..1\nok 1 - x # Skipped: no card\n").skipped, 1);
    }

    #[test]
    fn tests_that_were_planned_and_did_not_end_are_errors() {
        assert_eq!(tests("1..3\nok 1\n").errored, 2);
    }

    #[test]
    fn tests_beyond_the_plan_and_second_plans_are_no_clean_run() {
        let found = tests("ok 1\nok 2\nok 3\n1..2\n");
        assert_eq!((found.passed, found.errored), (3, 1));
        assert_eq!(found.broken, ["3 tests, 2 planned"]);
        assert!(read("1..3\nok 1\n1..1\nok 1\n").is_err());
    }

    #[test]
    fn who_bails_out_has_not_passed() {
        assert_eq!(tests("1..1\nok 1\nBail out! no database\n").errored, 1);
    }

    #[test]
    fn a_stream_without_a_plan_may_be_cut_off() {
        assert!(read("ok 1\nok 2\n").is_err());
    }
}
