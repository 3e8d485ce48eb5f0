//! What the first lines of a migration say to Sluice, and what files beside it say to its
//! tool.

use crate::BOM;
use crate::file::Phase;
use crate::refusal::Refusal;
use crate::tool::Tool;

/// What begins a line that is meant for Sluice.
pub(crate) const MARK: &str = "-- sluice:";

/// What the first lines of a migration say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directives {
    pub(super) phase: Phase,
    /// Whether it runs in a transaction. Only plain files say so to Sluice.
    pub(super) transaction: bool,
}

impl Directives {
    /// Reads the comments that a file begins with.
    pub(super) fn of(tool: Tool, path: &str, text: &str) -> Result<Self, Box<Refusal>> {
        let mut directives = Self {
            phase: Phase::Expand,
            transaction: true,
        };
        let text = text.strip_prefix(BOM).unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with("--") {
                break;
            }
            let Some(told) = line.strip_prefix(MARK) else {
                continue;
            };
            let words: Vec<&str> = told.split_whitespace().collect();
            match words[..] {
                ["phase", "expand"] => directives.phase = Phase::Expand,
                ["phase", "contract"] => directives.phase = Phase::Contract,
                ["no-transaction"] if tool == Tool::Plain => directives.transaction = false,
                // Of the statement below it: read with that.
                ["backfill", ..] => {}
                _ => {
                    return Err(Refusal::of(path, "the file says what is not understood")
                        .at(index + 1)
                        .found(format!("`{}`", crate::text::brief(line)))
                        .expected(expected(tool))
                        .next("correct the line, or take it out"));
                }
            }
        }
        Ok(directives)
    }
}

fn expected(tool: Tool) -> String {
    let phases = "`-- sluice: phase expand` or `-- sluice: phase contract`";
    match (tool, tool.opt_out()) {
        (Tool::Plain, _) => format!("{phases} or `-- sluice: no-transaction`"),
        (_, Some(opt_out)) => {
            format!("{phases}; what keeps {tool} from a transaction is {opt_out}")
        }
        (_, None) => phases.to_owned(),
    }
}

/// Whether a file of settings leaves a switch on, as it is where nothing is said:
/// `name = false`, a line each, as TOML and Java's properties have it.
pub(super) fn settles(path: &str, text: &str, name: &str) -> Result<bool, Box<Refusal>> {
    let mut lines = text.lines().enumerate();
    let told = lines.find_map(|(index, line)| {
        let line = line.split('#').next().unwrap_or_default();
        let (key, value) = line.split_once('=')?;
        (key.trim() == name).then(|| (index + 1, value.trim()))
    });
    match told {
        None | Some((_, "true")) => Ok(true),
        Some((_, "false")) => Ok(false),
        Some((line, value)) => Err(Refusal::of(path, format!("{name} is not understood"))
            .at(line)
            .found(format!("`{}`", crate::text::brief(value)))
            .expected("`true` or `false`")
            .next("correct it")),
    }
}

/// Whether a path is one that a pattern means: `*` stands for any characters, also for
/// none and for `/`.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tool: Tool, text: &str) -> Result<Directives, String> {
        Directives::of(tool, "f.sql", text).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_comment_before_the_first_statement_says_the_phase() {
        let contract = "-- A note.\n\n-- sluice: phase contract\nDROP TABLE t;";
        for tool in Tool::ALL {
            let found = told(tool, contract).expect("understood");
            assert_eq!(found.phase, Phase::Contract, "{tool}");
        }
        let late = "SELECT 1;\n-- sluice: phase contract\n";
        assert_eq!(told(Tool::Plain, late).expect("read").phase, Phase::Expand);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_what_is() {
        let told_of = told(Tool::Sqlx, "-- sluice: no-transaction\n");
        let told_of = told_of.expect_err("sqlx has a line of its own");
        assert!(told_of.starts_with("f.sql:1: "), "{told_of}");
        assert!(told_of.contains("`-- no-transaction`"), "{told_of}");
        assert!(told(Tool::Plain, "-- sluice: phase contarct").is_err());
        let plain = told(Tool::Plain, "-- sluice: no-transaction").expect("understood");
        assert!(!plain.transaction);
    }

    #[test]
    fn a_switch_is_on_unless_a_line_turns_it_off() {
        let off = |text: &str| settles("m.toml", text, "run_in_transaction").ok();
        assert_eq!(off(""), Some(true));
        assert_eq!(off("run_in_transaction = false # why\n"), Some(false));
        assert_eq!(off("# run_in_transaction = false\n"), Some(true));
        assert_eq!(off("run_in_transaction = no\n"), None);
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, path, expected) in [
            ("*_contract.sql", "1_drop_contract.sql", true),
            ("contract/*", "contract/1_a.sql", true),
            ("*contract*", "1_contract_a.sql", true),
            ("1_a.sql", "1_a.sql", true),
            ("1_a.sql", "1_a.sql2", false),
            ("1_*a.sql", "1_a.sql", true),
            ("a*a", "a", false),
            ("*", "x", true),
            ("*b*b", "ab", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
