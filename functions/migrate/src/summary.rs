//! A plan in short: what people approve, and what fits into a state machine's payload.

use sluice_domain::digest::Digest;
use sluice_domain::migrations::{Counts, MigrationPlan, Migrations, Phase, Request};
use sluice_migrator::Session;
use sluice_migrator::apply::Step;
use sluice_migrator::plan::{Pending, Plan, Statement, short};

use crate::{Error, door};

/// The most files that are listed.
const FILES: usize = 50;

/// The most statements that are listed. With the longest texts they stay well below the
/// 256 KB that Step Functions hands on.
const STATEMENTS: usize = 40;

/// A plan in short. What is refused is an error, all of it.
pub(crate) fn of(plan: &Plan, phase: Phase) -> Result<MigrationPlan, Error> {
    if !plan.refused.is_empty() {
        return Err(Error::Refused(plan.refused.clone()));
    }
    let own = door::phase(phase);
    let pending: Vec<&Pending> = plan.pending(own).collect();
    let mut careful: Vec<(&Pending, &Statement)> = plan.careful(own).collect();
    careful.sort_by_key(|(_, one)| std::cmp::Reverse(one.class));
    let units = pending.iter().flat_map(|file| &file.units);
    let seconds = units.filter_map(|unit| unit.seconds);
    Ok(MigrationPlan {
        digest: digest(&plan.hash)?,
        phase,
        tool: plan
            .tool
            .map_or("none", sluice_migration::Tool::name)
            .to_owned(),
        place: plan.place.clone().unwrap_or_default(),
        server: plan.server.map(version).unwrap_or_default(),
        applied: plan.applied + plan.adopted,
        pending: pending.len(),
        files: pending
            .iter()
            .take(FILES)
            .map(|file| short(&file.path))
            .collect(),
        stays: None,
        waiting: plan.files.len() - pending.len(),
        classes: plan.counts(own),
        more: careful.len().saturating_sub(STATEMENTS),
        statements: careful
            .into_iter()
            .take(STATEMENTS)
            .map(|(file, one)| one.planned(file))
            .collect(),
        checks: Vec::new(),
        seconds: seconds.reduce(u64::saturating_add),
        rehearsed: None,
    })
}

/// The bundle's own queries, for people. They are code that runs on the data: what is cut
/// says so.
pub(crate) fn checks(migrations: &Migrations) -> Vec<String> {
    let all = migrations.checks.iter();
    all.map(|check| {
        let whole = format!("{}: {}", check.name, check.query);
        match short(&whole) {
            cut if cut == whole => whole,
            cut => {
                let length = check.query.chars().count();
                format!("{cut} (cut: the manifest has all {length} characters)")
            }
        }
    })
    .collect()
}

/// Nothing is applied on a way back: its code fits the schema that is there.
pub(crate) fn of_a_way_back(
    request: &Request,
    session: &Session,
    tool: Option<sluice_migration::Tool>,
    applied: usize,
) -> MigrationPlan {
    let brings = request.brings.as_ref();
    MigrationPlan {
        digest: brings.map_or_else(|| Digest::of(b""), |brings| brings.archive.digest.clone()),
        phase: request.phase,
        tool: tool.map_or("none", sluice_migration::Tool::name).to_owned(),
        place: session.place.clone(),
        server: version(session.version),
        applied,
        pending: 0,
        files: Vec::new(),
        stays: None,
        waiting: 0,
        classes: Counts::default(),
        statements: Vec::new(),
        more: 0,
        checks: Vec::new(),
        seconds: None,
        rehearsed: None,
    }
}

/// What people are told beside a plan that takes migrations back, at its most careful
/// statement.
pub(crate) fn warn(plan: &mut MigrationPlan) {
    if let Some(first) = plan.statements.first_mut() {
        let reason = &first.reason;
        first.reason = format!(
            "{reason}. To take back is for what a new migration can't mend, which is the usual way: \
             what was written since is lost"
        );
    }
}

/// The hash of a plan.
pub(crate) fn digest(hex: &str) -> Result<Digest, Error> {
    Digest::try_from(format!("sha256:{hex}")).map_err(|error| Error::Hash(error.to_string()))
}

/// 170010 is 17.10 (PostgreSQL's documentation, `server_version_num`).
pub(crate) fn version(number: i32) -> String {
    format!("{}.{}", number / 10_000, number % 10_000)
}

/// What was applied, for people.
pub(crate) fn step(step: &Step) -> Option<String> {
    match step {
        Step::Applied { path, of: 1, .. } => Some(path.clone()),
        Step::Applied { path, unit, of } => Some(format!("{path}, part {} of {of}", unit + 1)),
        Step::Progress {
            path,
            rows,
            fraction,
            ..
        } => Some(format!(
            "{path}: {rows} rows so far, {:.0} % of the table",
            fraction * 100.0
        )),
        Step::Done => None,
    }
}

/// The name of the unit that a step worked on. None: nothing was left.
pub(crate) fn unit(step: &Step) -> Option<String> {
    let (path, unit, of) = match step {
        Step::Applied { path, unit, of } | Step::Progress { path, unit, of, .. } => {
            (path, unit, of)
        }
        Step::Done => return None,
    };
    let path = short(path);
    Some(match of {
        1 => path,
        of => format!("{path}, part {} of {of}", unit + 1),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_check_that_is_too_long_to_be_shown_says_that_there_is_more_of_it() {
        let padded = format!("SELECT 1 WHERE {} boom()", " ".repeat(400));
        let event = include_str!("../../../events/migrate/plan.json");
        let mut event: Value = serde_json::from_str(event).expect("json");
        let mut migrations = event["request"]["brings"]["migrations"].take();
        migrations["checks"] = json!([
            { "name": "short", "query": "SELECT 1" },
            { "name": "long", "query": padded },
        ]);
        let migrations: Migrations = serde_json::from_value(migrations).expect("migrations");
        let shown = checks(&migrations);
        assert_eq!(shown[0], "short: SELECT 1");
        let cut = "(cut: the manifest has all 422 characters)";
        assert!(shown[1].ends_with(cut), "{}", shown[1]);
    }

    #[test]
    fn of_a_file_that_is_half_applied_all_that_is_left_is_estimated() {
        let unit =
            |seconds: Value| json!({ "transaction": false, "statements": [], "seconds": seconds });
        let plan: Plan = serde_json::from_value(json!({
            "tool": "plain", "hash": "0".repeat(64), "place": "db:5432/shop", "server": 170_010,
            "applied": 0, "adopted": 0, "refused": [],
            "files": [{
                "path": "1_x.sql", "version": "1", "phase": "expand", "sha256": "0", "next": 1,
                "units": [unit(json!(40)), unit(Value::Null), unit(json!(2))], "statements": [],
            }],
        }))
        .expect("a plan");
        let summary = of(&plan, Phase::Expand).expect("in short");
        assert_eq!(summary.seconds, Some(42));
    }
}
