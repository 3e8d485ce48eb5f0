//! JaCoCo's XML (its `report.dtd`, 1.1).
//!
//! Totals stand in `counter` elements right under `report`. Where a tool leaves them
//! out, those right under its packages, or groups, are summed.

use sluice_domain::evidence::{Content, Coverage, Format};

use crate::xml::{Element, Visitor, walk};
use crate::{Error, Read};

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let mut reader = Reader::default();
    walk(Format::Jacoco, text, &mut reader)?;
    let [total, packages] = [reader.total, reader.packages];
    let coverage = if total.lines.total > 0 {
        total
    } else {
        packages
    };
    if coverage.lines.total == 0 {
        let why = "it has no counter of lines: compile with line numbers";
        return Err(Error::broken(Format::Jacoco, why));
    }
    Ok(Read::by(None, Content::Coverage(coverage)))
}

#[derive(Default)]
struct Reader {
    total: Coverage,
    packages: Coverage,
}

impl Visitor for Reader {
    fn start(&mut self, element: &Element<'_>, above: &[String]) -> Result<(), Error> {
        if element.name() != "counter" {
            return Ok(());
        }
        let coverage = match above.last().map(String::as_str) {
            Some("report") => &mut self.total,
            Some("package") => &mut self.packages,
            _ => return Ok(()),
        };
        let count = |name| {
            let found = element.count(name)?;
            let why = || Error::broken(Format::Jacoco, format!("a counter without `{name}`"));
            found.ok_or_else(why)
        };
        let (missed, covered) = (count("missed")?, count("covered")?);
        let counter = match element.get("type")?.as_deref() {
            Some("LINE") => &mut coverage.lines,
            Some("BRANCH") => coverage.branches.get_or_insert_default(),
            _ => return Ok(()),
        };
        counter.covered = counter.covered.saturating_add(covered);
        let total = counter.total.saturating_add(missed);
        counter.total = total.saturating_add(covered);
        Ok(())
    }

    fn end(&mut self, _name: &str, _above: &[String]) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sluice_domain::evidence::Counter;

    use super::*;

    fn coverage(text: &str) -> Coverage {
        match read(text).expect("read").content {
            Content::Coverage(coverage) => coverage,
            other => panic!("{other:?}"),
        }
    }

    const PACKAGE: &str = r#"<package name="p"><class name="c"><counter type="LINE" missed="9" covered="9"/></class><counter type="LINE" missed="2" covered="6"/></package>"#;

    #[test]
    fn the_reports_own_totals_count() {
        let found = coverage(&format!(
            r#"<report name="shop">{PACKAGE}<counter type="BRANCH" missed="1" covered="3"/><counter type="LINE" missed="3" covered="7"/></report>"#
        ));
        assert_eq!(
            found.lines,
            Counter {
                covered: 7,
                total: 10
            }
        );
        assert_eq!(
            found.branches,
            Some(Counter {
                covered: 3,
                total: 4
            })
        );
    }

    #[test]
    fn packages_are_summed_where_there_is_no_total() {
        let found = coverage(&format!(
            r#"<report name="shop">{PACKAGE}{PACKAGE}</report>"#
        ));
        assert_eq!(
            found.lines,
            Counter {
                covered: 12,
                total: 16
            }
        );
    }
}
