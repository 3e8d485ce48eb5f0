//! Minutes as a CSV file: what the versions of a function did, minute by minute.
//!
//! Read strictly: what is not understood is told with its line and column, and
//! nothing is judged.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use csv::{ReaderBuilder, StringRecord, Trim};
use sluice_domain::document::{Invalid, Problem};
use sluice_domain::judge::replay::{Minute, Side};

/// The columns, in any order. The last may be left out.
const COLUMNS: [&str; 5] = ["minute", "version", "invocations", "errors", "slow"];
const SLOW: usize = 4;

/// No count and no minute is larger.
const MOST: u64 = 1_000_000_000_000;

/// How many problems are told.
const TOLD: usize = 5;

/// More minutes than anybody keeps: a hundred days.
const MOST_MINUTES: u64 = 100 * 24 * 60;

/// What each version did, by minute and version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Minutes(BTreeMap<(u64, u64), Side>);

impl Minutes {
    /// Reads a file's text.
    ///
    /// # Errors
    /// With the first problems that it has.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self, Invalid> {
        let mut reader = Reader::default();
        let mut lines = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(text);
        for record in lines.records() {
            match record {
                Ok(record) => reader.take(&record),
                Err(error) => reader.problem("", error.to_string()),
            }
        }
        if reader.rows.is_empty() && reader.problems.is_empty() {
            let expected = format!("found no minute; expected lines of {}", COLUMNS.join(", "));
            reader.problem("", expected);
        }
        let more = reader.problems.len().saturating_sub(TOLD);
        reader.problems.truncate(TOLD);
        if more > 0 {
            reader.problem("", format!("and {more} more"));
        }
        if reader.problems.is_empty() {
            Ok(Self(reader.sides()))
        } else {
            Err(Invalid {
                document: name.to_owned(),
                problems: reader.problems,
            })
        }
    }

    /// The versions, lowest first.
    #[must_use]
    pub fn versions(&self) -> Vec<u64> {
        let mut versions: Vec<u64> = self.0.keys().map(|(_, version)| *version).collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }

    /// Each minute of a version, and of the one beside it, if any serves there.
    #[must_use]
    pub fn beside(&self, canary: u64, baseline: Option<u64>) -> Vec<Minute> {
        let has_slow = self.0.values().any(|side| side.slow.is_some());
        let idle = Side {
            slow: has_slow.then_some(0),
            ..Side::default()
        };
        let side = |minute: u64, version| self.0.get(&(minute, version)).copied().unwrap_or(idle);
        let is_meant = |version: &u64| *version == canary || Some(*version) == baseline;
        let mut minutes: Vec<u64> = self
            .0
            .keys()
            .filter(|(_, version)| is_meant(version))
            .map(|(minute, _)| *minute)
            .collect();
        minutes.dedup();
        minutes
            .into_iter()
            .map(|minute| Minute {
                minute: minute.cast_signed(),
                canary: side(minute, canary),
                baseline: baseline.map(|version| side(minute, version)),
            })
            .collect()
    }

    /// All versions together, from the first minute to the last: what the alias
    /// did. None: that would be more than a hundred days.
    #[must_use]
    pub fn together(&self) -> Option<Vec<Side>> {
        let ((first, _), _) = self.0.first_key_value()?;
        let ((last, _), _) = self.0.last_key_value()?;
        let length = last - first + 1;
        if length > MOST_MINUTES {
            return None;
        }
        let mut all = vec![Side::default(); usize::try_from(length).ok()?];
        for ((minute, _), side) in &self.0 {
            let sum = all.get_mut(usize::try_from(minute - first).ok()?)?;
            sum.invocations += side.invocations;
            sum.errors += side.errors;
            sum.slow = match (sum.slow, side.slow) {
                (None, None) => None,
                (sum, slow) => Some(sum.unwrap_or_default() + slow.unwrap_or_default()),
            };
        }
        Some(all)
    }
}

/// A row, and the line where it stands.
type Row = (u64, [u64; 4], Option<u64>);

/// Takes one line after the other.
#[derive(Default)]
struct Reader {
    /// Where each column stands, once the first line was read.
    places: Option<Vec<Option<usize>>>,
    rows: BTreeMap<(u64, u64), Row>,
    /// The first line, and whether it says how many calls were slow.
    slow: Option<(u64, bool)>,
    problems: Vec<Problem>,
}

impl Reader {
    fn problem(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(place, message));
    }

    fn take(&mut self, record: &StringRecord) {
        let line = record.position().map_or(0, csv::Position::line);
        match self.places.clone() {
            None => self.header(record),
            Some(places) => self.row(line, record, &places),
        }
    }

    fn header(&mut self, record: &StringRecord) {
        let place = |column: &str| record.iter().position(|found| found == column);
        let places: Vec<Option<usize>> = COLUMNS.iter().map(|column| place(column)).collect();
        let known = places.iter().flatten().count();
        let is_whole = places[..SLOW].iter().all(Option::is_some);
        if !is_whole || known != record.len() {
            let found: Vec<&str> = record.iter().collect();
            self.problem(
                "line 1",
                format!(
                    "found the columns `{}`; expected {}, each once; `slow` may be left out",
                    found.join(","),
                    COLUMNS.join(", ")
                ),
            );
        }
        self.places = Some(places);
    }

    fn row(&mut self, line: u64, record: &StringRecord, places: &[Option<usize>]) {
        let expected = places.iter().flatten().count();
        if places[..SLOW].iter().any(Option::is_none) {
            return;
        }
        if record.len() != expected {
            let found = record.len();
            let message = format!("found {found} fields; expected {expected}, as in line 1");
            return self.problem(format!("line {line}"), message);
        }
        let text = |column: usize| places[column].and_then(|place| record.get(place));
        let mut numbers = [0; SLOW];
        for (column, number) in numbers.iter_mut().enumerate() {
            match self.number(line, column, text(column).unwrap_or_default()) {
                Some(found) => *number = found,
                None => return,
            }
        }
        let slow = match text(SLOW).filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => match self.number(line, SLOW, text) {
                None => return,
                slow => slow,
            },
        };
        self.check(line, numbers, slow);
        match self.rows.entry((numbers[0], numbers[1])) {
            Entry::Vacant(place) => {
                place.insert((line, numbers, slow));
            }
            Entry::Occupied(there) => {
                let [minute, version, ..] = numbers;
                let message = format!(
                    "minute {minute} of version {version} stands in line {} already",
                    there.get().0
                );
                self.problem(format!("line {line}"), message);
            }
        }
    }

    fn number(&mut self, line: u64, column: usize, text: &str) -> Option<u64> {
        let number = text.parse().ok().filter(|number| *number <= MOST);
        if number.is_none() {
            let place = format!("line {line}, column {}", COLUMNS[column]);
            let found = if text.is_empty() { "nothing" } else { text };
            let what = match COLUMNS[column] {
                "version" => "the number of a Lambda version",
                _ => "a whole number",
            };
            self.problem(
                place,
                format!("found `{found}`; expected {what}, 0 or more"),
            );
        }
        number
    }

    fn check(&mut self, line: u64, numbers: [u64; 4], slow: Option<u64>) {
        let invocations = numbers[2];
        for (column, found) in [(3, Some(numbers[3])), (SLOW, slow)] {
            if let Some(found) = found.filter(|found| *found > invocations) {
                let place = format!("line {line}, column {}", COLUMNS[column]);
                let message =
                    format!("found {found}; expected at most the {invocations} invocations");
                self.problem(place, message);
            }
        }
        let (first, has_slow) = *self.slow.get_or_insert((line, slow.is_some()));
        if slow.is_some() != has_slow {
            let (found, expected) = if has_slow {
                ("nothing", "a number")
            } else {
                ("a number", "nothing")
            };
            self.problem(
                format!("line {line}, column slow"),
                format!("found {found}; expected {expected}, as in line {first}"),
            );
        }
    }

    fn sides(self) -> BTreeMap<(u64, u64), Side> {
        let side = |(_, [_, _, invocations, errors], slow): Row| Side {
            invocations,
            errors,
            slow,
        };
        self.rows
            .into_iter()
            .map(|(key, row)| (key, side(row)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Minutes, String> {
        Minutes::parse("past.csv", text.as_bytes()).map_err(|error| error.to_string())
    }

    fn side(invocations: u64, errors: u64, slow: Option<u64>) -> Side {
        Side {
            invocations,
            errors,
            slow,
        }
    }

    #[test]
    fn minutes_are_read_with_columns_in_any_order_and_without_slow_calls() {
        let text = "version,minute,errors, invocations\n4,10,1,100\n3, 10 ,2,900\n\n3,12,0,800\n";
        let minutes = parse(text).expect("valid");
        assert_eq!(minutes.versions(), [3, 4]);
        let beside = minutes.beside(4, Some(3));
        assert_eq!(beside.len(), 2);
        assert_eq!(beside[0].canary, side(100, 1, None));
        assert_eq!(beside[1].minute, 12);
        assert_eq!(beside[1].canary, side(0, 0, None));
        assert_eq!(beside[1].baseline, Some(side(800, 0, None)));
        assert_eq!(minutes.beside(4, None).len(), 1);
    }

    #[test]
    fn versions_together_are_the_alias_and_gaps_are_minutes_without_calls() {
        let minutes = parse(
            "minute,version,invocations,errors,slow\n\
             7,1,10,1,2\n7,2,5,0,1\n9,1,8,0,0\n",
        );
        assert_eq!(
            minutes.expect("valid").together(),
            Some(vec![
                side(15, 1, Some(3)),
                side(0, 0, None),
                side(8, 0, Some(0))
            ])
        );
        let far = parse("minute,version,invocations,errors\n1,1,1,0\n999999,1,1,0\n");
        assert_eq!(far.expect("valid").together(), None);
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_column_and_what_was_expected() {
        let head = "minute,version,invocations,errors,slow\n";
        for (lines, expected) in [
            (
                "x,1,10,0,\n",
                "line 2, column minute: found `x`; expected a whole number",
            ),
            (
                "1,live,10,0,\n",
                "line 2, column version: found `live`; expected the number of",
            ),
            ("1,1,10.5,0,\n", "line 2, column invocations: found `10.5`"),
            ("1,1,,0,\n", "line 2, column invocations: found `nothing`"),
            ("1,1,10,-1,\n", "line 2, column errors: found `-1`"),
            (
                "1,1,10,11,\n",
                "line 2, column errors: found 11; expected at most the 10",
            ),
            (
                "1,1,10,0,11\n",
                "line 2, column slow: found 11; expected at most the 10",
            ),
            (
                "1,1,10,0,1\n2,1,10,0,\n",
                "line 3, column slow: found nothing; expected a number, as in line 2",
            ),
            (
                "1,1,10,0\n",
                "line 2: found 4 fields; expected 5, as in line 1",
            ),
            (
                "1,1,10,0,\n1,1,9,0,\n",
                "line 3: minute 1 of version 1 stands in line 2 already",
            ),
            ("", "found no minute"),
        ] {
            let error = parse(&format!("{head}{lines}")).expect_err("refused");
            assert!(error.contains(expected), "{lines}: {error}");
        }
        let error = parse("minute,version,calls\n1,1,1\n").expect_err("refused");
        assert!(error.contains("line 1: found the columns `minute,version,calls`; expected minute, version, invocations, errors, slow"), "{error}");
        let twice = parse("minute,version,invocations,errors,errors\n").expect_err("refused");
        assert!(twice.contains("each once"), "{twice}");
    }

    #[test]
    fn of_many_problems_the_first_are_told() {
        let lines = "1,1,1,x,\n".repeat(9);
        let error = parse(&format!("minute,version,invocations,errors,slow\n{lines}"));
        let error = error.expect_err("refused");
        assert!(error.ends_with("and 4 more"), "{error}");
        assert!(error.contains("line 6"), "{error}");
    }
}
