//! Which tool a folder's files are for, where nobody says.
//!
//! The tool whose way of naming fits most of them is it. Where several fit as many, what
//! stands in the files decides, if it can:
//!
//! - `<number>_<name>.sql` is plain, unless a file begins with sqlx's `-- no-transaction`.
//!   Nothing is recorded in any tool's table for plain files, so what is wrongly taken for
//!   plain does no harm; whoever uses sqlx says so.
//! - Pairs of `.up.sql` and `.down.sql` are sqlx's with such a line, else they may be
//!   golang-migrate's as well.
//! - `V1__name.sql` may be refinery's and Flyway's.

use crate::read::Source;
use crate::read::dbmate;
use crate::read::names;
use crate::refusal::Refusal;
use crate::tool::Tool;

/// What sqlx has at the start of a file that it must not run in a transaction.
pub(super) const SQLX_OPTS_OUT: &str = "-- no-transaction";

/// The tool of all these files.
///
/// # Errors
/// When no tool has such files, or several have.
pub(super) fn detect(sources: &[Source<'_>], whole: bool) -> Result<Tool, Box<Refusal>> {
    let fits = Tool::ALL.map(|tool| {
        let fitting = sources.iter().filter(|source| fits(tool, source, whole));
        (fitting.count(), tool)
    });
    let most = fits.iter().map(|(count, _)| *count).max().unwrap_or(0);
    if most == 0 {
        return Err(unknown(sources));
    }
    let best = fits.iter().filter(|(count, _)| *count == most);
    let best: Vec<Tool> = best.map(|(_, tool)| *tool).collect();
    match best[..] {
        [tool] => Ok(tool),
        _ => decide(&best, sources),
    }
}

fn fits(tool: Tool, source: &Source<'_>, whole: bool) -> bool {
    let is_dbmates = dbmate::is_marked(source.bytes);
    names::parse(tool, source.path, whole).is_ok() && (tool == Tool::Dbmate) == is_dbmates
}

/// Between tools that fit as well by name.
fn decide(best: &[Tool], sources: &[Source<'_>]) -> Result<Tool, Box<Refusal>> {
    let opts_out = |source: &Source<'_>| source.bytes.starts_with(SQLX_OPTS_OUT.as_bytes());
    if best.contains(&Tool::Sqlx) && sources.iter().any(opts_out) {
        return Ok(Tool::Sqlx);
    }
    if best == [Tool::Plain, Tool::Sqlx] {
        return Ok(Tool::Plain);
    }
    let names: Vec<&str> = best.iter().map(|tool| tool.name()).collect();
    let names = names.join(" and of ");
    let first = sources.first().map_or("", |source| source.path);
    Err(
        Refusal::of("", "the tool of these migrations can't be told")
            .found(format!("names that may be those of {names}: {first}"))
            .expected("names that only one tool has")
            .next("say which with --tool, or in the manifest"),
    )
}

fn unknown(sources: &[Source<'_>]) -> Box<Refusal> {
    let names: Vec<&str> = sources.iter().take(3).map(|source| source.path).collect();
    let more = if sources.len() > names.len() {
        ", …"
    } else {
        ""
    };
    let expected = Tool::ALL.map(|tool| format!("{} ({tool})", tool.expects()));
    Refusal::of("", "the tool of these migrations can't be told")
        .found(if names.is_empty() {
            "no file that ends in .sql".to_owned()
        } else {
            format!("{}{more}", names.join(", "))
        })
        .expected(expected.join("; "))
        .next("name the folder that migrations are in, or rename them")
}
