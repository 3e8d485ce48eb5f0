//! One row of the table, and the table.

use std::fmt;
use std::fs;
use std::rc::Rc;
use std::time::Instant;

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use sluice_domain::promotion::Outcome;
use sluice_tests::faults::{Case, Fault};
use sluice_tests::repository;
use tokio::task::spawn_local;

use super::how::how;
use super::night;
use super::restored;
use super::run::Run;
use super::scenario::Scenario;
use super::seen::Seen;
use super::stage::Stage;

/// What came of one case.
pub(super) struct Row {
    case: Case,
    scenario: Option<Scenario>,
    how: &'static str,
    seen: Result<Seen, String>,
    seconds: f64,
}

impl Row {
    /// Runs a case. Whatever goes wrong with that is what the row says.
    pub(super) async fn of(stage: Rc<Stage>, case: Case) -> Self {
        let began = Instant::now();
        let scenario = stage.way_to(&case);
        let how = how(&stage, &case);
        let met = case.clone();
        let run = spawn_local(async move {
            match scenario {
                _ if met.machine == night::MACHINE => night::meet(&stage, &met).await,
                Some(scenario) => meet(&stage, scenario, &met).await,
                None => Err("no scenario leads to this state: add one".to_owned()),
            }
        });
        let seen = run.await.unwrap_or_else(|error| Err(said(error)));
        Self {
            case,
            scenario,
            how,
            seen,
            seconds: began.elapsed().as_secs_f64(),
        }
    }

    /// What does not hold, each with the row's name.
    pub(super) fn problems(&self) -> Vec<String> {
        let problems = match &self.seen {
            Ok(seen) => seen.problems.clone(),
            Err(problem) => vec![problem.clone()],
        };
        let name = &self.case;
        let named = problems.into_iter();
        named.map(|problem| format!("{name}: {problem}")).collect()
    }

    fn json(&self) -> Value {
        let seen = self.seen.as_ref();
        let holds = |look: fn(&Seen) -> bool| seen.is_ok_and(look);
        let outcome = match seen {
            Ok(seen) => seen.outcome.clone(),
            Err(problem) => format!("failed: {problem}"),
        };
        let execution = seen.ok().and_then(|seen| seen.execution.as_ref());
        json!({
            "machine": self.case.machine,
            "state": self.case.state,
            "fault": self.case.fault.name(),
            "group": self.case.group,
            "outcome": outcome,
            "aliases_settled": holds(|seen| seen.aliases_settled),
            "lock_free": holds(|seen| seen.lock_free),
            "notified": holds(|seen| seen.notified),
            "ledger_ok": holds(|seen| seen.ledger_ok),
            "stranded": holds(|seen| seen.stranded),
            "execution": execution.map(|status| status.as_str()),
            "scenario": self.scenario.map(|scenario| format!("{scenario:?}").to_lowercase()),
            "how": self.how,
            "problems": self.problems(),
            "seconds": (self.seconds * 10.0).round() / 10.0,
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, line: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case {
            machine,
            state,
            fault,
            group,
        } = &self.case;
        let fault = fault.name();
        write!(line, "{machine:<10} {state:<16} {fault:<22} {group}  ")?;
        match &self.seen {
            Ok(seen) => {
                let mark = |holds: bool| if holds { "yes" } else { "NO" };
                let outcome = if seen.stranded {
                    format!("{}, Stranded first", seen.outcome)
                } else {
                    seen.outcome.clone()
                };
                write!(
                    line,
                    "{outcome:<27} {:<8} {:<5} {:<5} {:<7} {:>5.1} s",
                    mark(seen.aliases_settled),
                    mark(seen.lock_free),
                    mark(seen.notified),
                    mark(seen.ledger_ok),
                    self.seconds
                )
            }
            Err(problem) => write!(
                line,
                "FAILED: {}",
                problem.lines().next().unwrap_or_default()
            ),
        }
    }
}

/// Runs a case to its end.
async fn meet(stage: &Stage, scenario: Scenario, case: &Case) -> Result<Seen, String> {
    let run = Run::begin(stage, scenario, Some(case), case.group).await;
    let mut seen = run.finish().await;
    let spot = (case.machine.clone(), case.state.clone());
    if !stage.entered(&run).await.contains(&spot) {
        seen.problems.push("the state was never entered".to_owned());
    }
    let expected = scenario.outcome().title();
    let bears = is_borne(case.fault) && !goes_back(case);
    if bears && seen.outcome != expected {
        let found = &seen.outcome;
        seen.problems.push(format!(
            "{found}; expected {expected}, as without this fault"
        ));
    }
    let promoted = is_borne(case.fault) && seen.outcome == Outcome::Promoted.title();
    if promoted && (seen.release.clone()).is_some_and(|end| end != ExecutionStatus::Succeeded) {
        let problem = "it promoted, and its release did not go on";
        seen.problems.push(problem.to_owned());
    }
    if calls_a_person(stage, case) && !seen.stranded {
        let problem = "rolling back can't go on, and nobody was called";
        seen.problems.push(problem.to_owned());
    }
    if scenario == Scenario::Restoring && seen.outcome != expected {
        seen.problems.extend(restored::again(stage, &run).await);
    }
    Ok(seen)
}

/// Whether a fault keeps a promotion from rolling itself back.
fn calls_a_person(stage: &Stage, case: &Case) -> bool {
    let stays = matches!(
        case.fault,
        Fault::Throws | Fault::TimesOut | Fault::Crashes | Fault::AccessDenied
    );
    let leads = stage.is(case, |state| {
        let mut exits = state.exits().into_iter();
        exits.any(|(exit, to)| to == "Strand" && exit["ErrorEquals"] == json!(["States.ALL"]))
    });
    stays && leads
}

/// Whether what was done can't be told from what was not. Nothing is lost by it: what was
/// migrated or restored stays, and a further attempt goes on from there.
fn goes_back(case: &Case) -> bool {
    let children = ["ApplyMigrations", "RehearseMigrations", "RestoreDatabase"];
    children.contains(&case.state.as_str()) && case.fault == Fault::AnswerLost
}

/// Whether a promotion, or a run of suites, goes its way in spite of the fault.
pub(super) fn is_borne(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::ThrottledThreeTimes | Fault::AnswerLost | Fault::RunsTwice
    )
}

/// What a panic said.
fn said(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "the row was given up".to_owned();
    };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// Prints the table, and writes `target/faults.json`.
pub(super) fn report(rows: &[Row]) {
    println!(
        "{:<10} {:<16} {:<22} {:<2} {:<27} {:<8} {:<5} {:<5} {:<7}",
        "machine", "state", "fault", "n", "outcome", "settled", "free", "told", "ledger"
    );
    for row in rows {
        println!("{row}");
    }
    let failed = rows.iter().filter(|row| !row.problems().is_empty()).count();
    println!("{} rows, {failed} with problems", rows.len());
    let document = json!({ "rows": rows.iter().map(Row::json).collect::<Vec<_>>() });
    let path = repository().join("target/faults.json");
    let written = fs::create_dir_all(repository().join("target"))
        .and_then(|()| fs::write(&path, format!("{document:#}\n")));
    written.unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
}
