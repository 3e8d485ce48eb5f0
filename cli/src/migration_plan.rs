//! What applying PostgreSQL migrations would do, for people.

use sluice_migration::{Class, Tool};
use sluice_migrator::plan::{Pending, Plan, Statement, Table};

use crate::migrations::{Facts, Place, end, refused, tone};
use crate::paint::{Style, Tone};

impl<'a> From<&'a Statement> for Facts<'a> {
    fn from(one: &'a Statement) -> Self {
        Self {
            lock: one.lock.clone(),
            rewrites: one.rewrites,
            scans: one.scans,
            reason: &one.reason,
            old_code: &one.old_code,
            old_code_reason: &one.old_code_reason,
            backfill: one.backfill.as_ref(),
            safer: one.safer.as_deref(),
            safer_sql: &one.safer_sql,
        }
    }
}

/// What is pending with each statement, what is refused, and what it comes to.
#[must_use]
pub fn lines(plan: &Plan, place: &Place, style: Style) -> Vec<String> {
    let mut lines = vec![standing(plan)];
    for file in &plan.files {
        lines.extend(pending(file, place, style));
    }
    for refusal in &plan.refused {
        lines.extend(refused(refusal, place, style));
    }
    let counts = [Class::A, Class::B, Class::C].map(|class| {
        let count = plan.statements(class).count();
        format!("{count} {class:?}")
    });
    lines.push(format!(
        "{} pending, statements of each class: {}",
        plan.files.len(),
        counts.join(", ")
    ));
    lines.push(style.paint(Tone::Faint, &format!("plan {}", plan.hash)));
    lines.push(end(plan.refused.len(), style));
    lines
}

fn standing(plan: &Plan) -> String {
    let tool = plan.tool.map_or("no tool", Tool::name);
    let (Some(place), Some(server)) = (&plan.place, plan.server) else {
        return format!("no database was asked ({tool}): all is pending, and no size is known");
    };
    let adopted = match plan.adopted {
        0 => String::new(),
        adopted => format!(", {adopted} more by {tool} itself"),
    };
    format!(
        "{place} ({tool}, PostgreSQL {}): {} applied{adopted}",
        server / 10_000,
        plan.applied
    )
}

fn pending(file: &Pending, place: &Place, style: Style) -> Vec<String> {
    let path = place.shown(&file.path);
    let title = style.paint(Tone::Strong, &path);
    let mut lines = vec![format!("{title}  {}", file.phase.name())];
    for one in &file.statements {
        let class = style.paint(tone(one.class), &format!("{:?}", one.class));
        let kind = style.paint(Tone::Strong, &one.kind);
        let about = one.seconds.map(|seconds| format!(", about {seconds} s"));
        let about = about.unwrap_or_default();
        lines.push(format!("{class}  {path}:{}  {kind}{about}", one.line));
        let facts = Facts::from(one);
        if one.class == Class::A {
            let told = facts.lock().into_iter().chain(facts.batches());
            lines.extend(told.map(|told| format!("   {told}")));
        } else {
            lines.extend(facts.lines(style));
        }
        lines.extend(one.tables.iter().map(|it| format!("   {}", table(it))));
    }
    lines
}

fn table(table: &Table) -> String {
    let rows = table.rows.map_or_else(
        || "never analyzed, so its rows are not known".to_owned(),
        |rows| format!("about {rows} rows"),
    );
    let (own, indexes) = (size(table.bytes), size(table.index_bytes));
    format!("table {}: {rows}, {own}, its indexes {indexes}", table.name)
}

/// In the largest unit that leaves a number of 1 or more, by which the server counts, too.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = (0..UNITS.len()).rfind(|unit| bytes >> (10 * unit) > 0);
    let unit = unit.unwrap_or_default();
    format!("{} {}", bytes >> (10 * unit), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        let told = [0, 1023, 1024, 5 << 20, 3 << 30, 7 << 40, u64::MAX].map(size);
        assert_eq!(
            told,
            [
                "0 bytes",
                "1023 bytes",
                "1 KiB",
                "5 MiB",
                "3 GiB",
                "7 TiB",
                "16777215 TiB"
            ]
        );
    }

    #[test]
    fn a_table_that_was_never_analyzed_is_told_as_such() {
        let told = table(&Table {
            name: "users".to_owned(),
            rows: None,
            bytes: 5 << 20,
            index_bytes: 0,
        });
        let expected =
            "table users: never analyzed, so its rows are not known, 5 MiB, its indexes 0 bytes";
        assert_eq!(told, expected);
    }
}
