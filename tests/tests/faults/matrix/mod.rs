//! Every state × everything that can go wrong with it × the size of the group.
//!
//! The rows are made from the definitions. After each, once the fault is gone:
//! aliases on one version with no extra weight, locks free, no execution
//! SUCCEEDED unless it promoted, the ledger says what happened, people are told. That
//! holds of a promotion that never began, too. Of a run of test suites on a schedule: its
//! end is on record, people are told unless it passed, nothing moved, and the next run
//! passes. Of a restore: traffic is there as it was, before the database or
//! after it, or it is off and people are told; the record says which database it is; and
//! the same restore ends it, asked for once more.

mod how;
mod migrated;
mod night;
mod restored;
mod row;
mod run;
mod scenario;
mod seen;
mod stage;

use std::rc::Rc;

use sluice_tests::expect_none;
use sluice_tests::faults::{cases, pairs};
use sluice_tests::state_machines;
use tokio::task::{JoinSet, LocalSet};

use row::{Row, report};
use stage::Stage;

/// How many rows run at once.
const AT_ONCE: usize = 6;

/// `all` for every row; else as few as hold each pair.
const ROWS: &str = "SLUICE_FAULTS";
/// Only the rows whose name holds this: `rollout.Commit throws`.
const ONLY: &str = "SLUICE_FAULTS_ONLY";

#[tokio::test]
#[ignore = "needs an engine that skips waits: make faults, make test"]
async fn whatever_goes_wrong_wherever_the_promotion_is_settled() {
    let mut cases = cases(&state_machines());
    if std::env::var(ROWS).as_deref() != Ok("all") {
        cases = pairs(cases);
    }
    if let Ok(only) = std::env::var(ONLY) {
        cases.retain(|case| case.to_string().contains(&only));
    }
    let expected = cases.len();
    let stage = Rc::new(Stage::set().await);
    let local = LocalSet::new();
    let rows = local.run_until(async {
        let mut waiting = cases.into_iter().enumerate();
        let mut running = JoinSet::new();
        let mut rows: Vec<(usize, Row)> = Vec::new();
        loop {
            while running.len() < AT_ONCE
                && let Some((place, case)) = waiting.next()
            {
                let stage = Rc::clone(&stage);
                running.spawn_local(async move { (place, Row::of(stage, case).await) });
            }
            let Some(row) = running.join_next().await else {
                rows.sort_by_key(|(place, _)| *place);
                return rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>();
            };
            let row = row.expect("a row is not lost");
            eprintln!("{}", row.1);
            rows.push(row);
        }
    });
    let rows = rows.await;
    report(&rows);
    assert_eq!(rows.len(), expected, "nothing is left out");
    expect_none(rows.iter().flat_map(Row::problems));
}
