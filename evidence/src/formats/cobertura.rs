//! Cobertura's XML, as coverage.py, Istanbul, gcovr, Coverlet and others write it.
//!
//! Lines are counted where they stand under a class; those under a method are the same
//! ones again. Where there are none, the root's `lines-valid` and `lines-covered` count.

use std::collections::BTreeMap;

use sluice_domain::evidence::{Content, Counter, Coverage, Format, Tool};

use crate::text::brief;
use crate::xml::{Element, Visitor, walk};
use crate::{Error, Read};

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let mut reader = Reader::default();
    walk(Format::Cobertura, text, &mut reader)?;
    let coverage = reader.coverage()?;
    let tool = reader.version.map(|version| Tool {
        name: "cobertura".to_owned(),
        version: Some(version),
    });
    Ok(Read::by(tool, Content::Coverage(coverage)))
}

#[derive(Default)]
struct Reader {
    version: Option<String>,
    /// What the root says: lines, branches.
    told: [Counter; 2],
    /// By file name: a file may hold several classes.
    files: BTreeMap<String, usize>,
    /// The file of the class that is open. Lines may stand without one.
    file: usize,
    lines: BTreeMap<(usize, u64), bool>,
    branches: BTreeMap<(usize, u64), Counter>,
}

impl Reader {
    fn root(&mut self, element: &Element<'_>) -> Result<(), Error> {
        self.version = element.get("version")?.map(|version| brief(&version));
        for (counter, what) in self.told.iter_mut().zip(["lines", "branches"]) {
            counter.total = element.count(&format!("{what}-valid"))?.unwrap_or(0);
            let covered = element.count(&format!("{what}-covered"))?.unwrap_or(0);
            counter.covered = covered.min(counter.total);
        }
        Ok(())
    }

    fn line(&mut self, element: &Element<'_>) -> Result<(), Error> {
        let broken = |what: &str| Error::broken(Format::Cobertura, format!("a line {what}"));
        let number = element
            .count("number")?
            .ok_or_else(|| broken("without a number"))?;
        let hits = element.get("hits")?.unwrap_or_default();
        let hits: f64 = hits
            .trim()
            .parse()
            .map_err(|_| broken("without a count of hits"))?;
        let place = (self.file, number);
        *self.lines.entry(place).or_default() |= hits > 0.0;
        if let Some(counter) = element
            .get("condition-coverage")?
            .as_deref()
            .and_then(share)
        {
            let known = self.branches.entry(place).or_default();
            known.total = known.total.max(counter.total);
            known.covered = known.covered.max(counter.covered).min(known.total);
        }
        Ok(())
    }

    fn coverage(&self) -> Result<Coverage, Error> {
        let mut lines = Counter {
            covered: self.lines.values().filter(|is_hit| **is_hit).count() as u64,
            total: self.lines.len() as u64,
        };
        let mut branches = Counter::default();
        for counter in self.branches.values() {
            branches.covered = branches.covered.saturating_add(counter.covered);
            branches.total = branches.total.saturating_add(counter.total);
        }
        if lines.total == 0 {
            [lines, branches] = self.told;
        }
        if lines.total == 0 {
            let why = "it has neither lines nor `lines-valid`";
            return Err(Error::broken(Format::Cobertura, why));
        }
        Ok(Coverage {
            lines,
            branches: (branches.total > 0).then_some(branches),
        })
    }
}

impl Visitor for Reader {
    fn start(&mut self, element: &Element<'_>, above: &[String]) -> Result<(), Error> {
        match element.name().as_str() {
            "coverage" if above.is_empty() => self.root(element)?,
            "class" => {
                let name = element.get("filename")?.or(element.get("name")?);
                let next = self.files.len() + 1;
                self.file = *self.files.entry(name.unwrap_or_default()).or_insert(next);
            }
            "project" if above.len() == 1 => {
                let why = "it is Clover's XML, which is not read; let the tool write Cobertura's";
                return Err(Error::broken(Format::Cobertura, why));
            }
            "line" if !above.iter().any(|name| name == "method") => self.line(element)?,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _name: &str, _above: &[String]) -> Result<(), Error> {
        Ok(())
    }
}

/// The counts in `50% (1/2)`.
fn share(text: &str) -> Option<Counter> {
    let (_, rest) = text.split_once('(')?;
    let (covered, total) = rest.strip_suffix(')')?.split_once('/')?;
    let (covered, total) = (covered.trim().parse().ok()?, total.trim().parse().ok()?);
    Some(Counter { covered, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(text: &str) -> Coverage {
        match read(text).expect("read").content {
            Content::Coverage(coverage) => coverage,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_of_classes_are_counted_and_those_of_methods_are_the_same() {
        let found = coverage(
            r#"<?xml version="1.0"?><!DOCTYPE coverage SYSTEM "coverage-04.dtd">
            <coverage lines-valid="900" lines-covered="900" version="7.4"><packages><package><classes>
            <class filename="a.py"><methods><method><lines><line number="1" hits="1"/></lines></method></methods>
            <lines><line number="1" hits="1"/><line number="2" hits="0" branch="true" condition-coverage="50% (1/2)"/></lines></class>
            </classes></package></packages></coverage>"#,
        );
        assert_eq!(
            found.lines,
            Counter {
                covered: 1,
                total: 2
            }
        );
        assert_eq!(
            found.branches,
            Some(Counter {
                covered: 1,
                total: 2
            })
        );
    }

    #[test]
    fn totals_stand_in_where_there_are_no_lines() {
        let found = coverage(r#"<coverage lines-valid="10" lines-covered="8"/>"#);
        assert_eq!(
            found.lines,
            Counter {
                covered: 8,
                total: 10
            }
        );
    }

    #[test]
    fn a_report_of_nothing_is_refused() {
        assert!(read("<coverage><packages/></coverage>").is_err());
    }

    #[test]
    fn clover_is_refused_by_name() {
        let error = read(r#"<coverage clover="3.2.0"><project/></coverage>"#).err();
        assert!(error.is_some_and(|error| error.to_string().contains("Clover")));
    }
}
