//! LCOV's trace files, as `geninfo(1)` describes them and LLVM, Istanbul, coverage.py
//! and others write them.
//!
//! A file that several tests reached stands in several sections: its lines are counted
//! once. Where a section has no lines of its own, its totals count.

use std::collections::BTreeMap;

use sluice_domain::evidence::{Content, Counter, Coverage, Format};

use crate::{Error, Read};

/// What is known of one source file: whether each of its lines, and each of its
/// branches, was reached.
#[derive(Default)]
struct Source {
    lines: BTreeMap<u64, bool>,
    branches: BTreeMap<String, bool>,
    /// `LF`, `LH` and `BRF`, `BRH`.
    told: [u64; 4],
}

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut sources: Vec<Source> = Vec::new();
    // Where the file of the section that is open stands among them.
    let mut open: Option<usize> = None;
    // A test's name announces the section that follows.
    let mut announced = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let broken = |why: &str| Error::broken(Format::Lcov, format!("line {}: {why}", number + 1));
        if line == "end_of_record" {
            open.take()
                .ok_or_else(|| broken("it ends a section that has no `SF:`"))?;
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let no_record = || broken("it is no record (`mark:value`)");
        let (mark, rest) = line.split_once(':').ok_or_else(no_record)?;
        announced = mark == "TN";
        if mark == "SF" {
            if open.is_some() {
                return Err(broken("a section begins within another one"));
            }
            let place = *names.entry(rest).or_insert(sources.len());
            if place == sources.len() {
                sources.push(Source::default());
            }
            open = Some(place);
        } else if let Some(source) = open.and_then(|place| sources.get_mut(place)) {
            source
                .note(mark, rest)
                .ok_or_else(|| broken("it has no number where one is expected"))?;
        }
    }
    if open.is_some() || announced {
        let why = "it ends within a section: the file is cut off";
        return Err(Error::broken(Format::Lcov, why));
    }
    if sources.is_empty() {
        return Err(Error::broken(
            Format::Lcov,
            "it has no section of a file (`SF:`)",
        ));
    }
    let mut coverage = Coverage::default();
    let mut branches = Counter::default();
    for source in &sources {
        let [lines_found, lines_hit, branches_found, branches_hit] = source.told;
        add(
            &mut coverage.lines,
            source.lines.values(),
            (lines_hit, lines_found),
        );
        add(
            &mut branches,
            source.branches.values(),
            (branches_hit, branches_found),
        );
    }
    coverage.branches = (branches.total > 0).then_some(branches);
    Ok(Read::by(None, Content::Coverage(coverage)))
}

fn add<'s>(
    counter: &mut Counter,
    each: impl ExactSizeIterator<Item = &'s bool> + Clone,
    (hit, found): (u64, u64),
) {
    let (covered, total) = if each.len() == 0 {
        (hit.min(found), found)
    } else {
        let covered = each.clone().filter(|is_covered| **is_covered).count();
        (covered as u64, each.len() as u64)
    };
    counter.covered = counter.covered.saturating_add(covered);
    counter.total = counter.total.saturating_add(total);
}

impl Source {
    /// None: something that should be a number is none.
    fn note(&mut self, mark: &str, rest: &str) -> Option<()> {
        match mark {
            "DA" => {
                let mut parts = rest.split(',');
                let line = parts.next()?.parse().ok()?;
                *self.lines.entry(line).or_default() |= is_hit(parts.next()?)?;
            }
            "BRDA" => {
                // Line, block, branch, taken: the last is a count, or `-`.
                let (branch, taken) = rest.rsplit_once(',')?;
                *self.branches.entry(branch.to_owned()).or_default() |= is_hit(taken)?;
            }
            "LF" | "LH" | "BRF" | "BRH" => {
                let place = ["LF", "LH", "BRF", "BRH"].iter().position(|m| *m == mark)?;
                let told: u64 = rest.trim().parse().ok()?;
                self.told[place] = self.told[place].max(told);
            }
            _ => {}
        }
        Some(())
    }
}

/// Whether a count says that something was reached. Counts may be larger than any
/// integer type, and negative where threads raced (lcov's own words).
fn is_hit(count: &str) -> Option<bool> {
    let count = count.trim();
    if count == "-" {
        return Some(false);
    }
    count.parse::<f64>().ok().map(|count| count > 0.0)
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
    fn a_line_that_two_tests_reach_counts_once() {
        let found = coverage(
            "TN:a\nSF:x.rs\nDA:1,1\nDA:2,0\nDA:3,0\nLF:3\nLH:1\nend_of_record\nTN:b\nSF:x.rs\nDA:1,0\nDA:2,5\nend_of_record\n",
        );
        assert_eq!(
            found.lines,
            Counter {
                covered: 2,
                total: 3
            }
        );
        assert_eq!(found.branches, None);
    }

    #[test]
    fn branches_and_totals_without_lines_are_read() {
        let found = coverage("SF:a\nBRDA:1,0,0,-\nBRDA:1,0,1,3\nLF:10\nLH:7\nend_of_record\n");
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
                covered: 1,
                total: 2
            })
        );
    }

    #[test]
    fn a_section_that_is_cut_off_is_refused() {
        assert!(read("SF:a\nDA:1,1\n").is_err());
        assert!(read("SF:a\nDA:1,1\nend_of_record\nTN:\n").is_err());
        assert!(read("SF:a\nDA:1,1\nend_of_record\nSF").is_err());
        assert!(read("SF:a\nDA:1,1\nSF:b\nDA:1,1\nend_of_record\n").is_err());
        assert!(read("SF:a\nDA:one,1\nend_of_record\n").is_err());
    }
}
