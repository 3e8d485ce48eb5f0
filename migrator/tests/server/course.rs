//! How a folder is applied undisturbed, and what must hold when it is disturbed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use sluice_migration::Lint;
use sluice_migrator::apply::Step;

use crate::bench::{Bench, reading};
use crate::seen::Seen;
use crate::wire::Wire;

/// A folder applied once without a disturbance.
pub(crate) struct Course {
    pub(crate) steps: Vec<Planned>,
}

/// A unit of it.
pub(crate) struct Planned {
    /// Its file.
    pub(crate) path: String,
    /// How many messages its call sends.
    pub(crate) messages: usize,
    /// Whether it is in a transaction: all of it or nothing is in the database.
    is_atomic: bool,
    before: Seen,
    after: Seen,
}

impl Course {
    pub(crate) async fn of(bench: &Bench) -> Self {
        let (_, lint) = reading(bench.tool, &bench.files);
        bench.reset().await;
        let mut steps = Vec::new();
        let mut before = bench.look().await;
        loop {
            let wire = Wire::to(bench.address().port, None).await;
            let step = bench.call_through(&wire).await.expect("undisturbed");
            let Step::Applied { path, unit, .. } = step else {
                bench.reset().await;
                return Self { steps };
            };
            let after = bench.look().await;
            steps.push(Planned {
                is_atomic: is_atomic(&lint, &path, unit),
                path,
                messages: wire.seen(),
                before,
                after: after.clone(),
            });
            before = after;
        }
    }
}

fn is_atomic(lint: &Lint, path: &str, unit: usize) -> bool {
    let file = lint.files.iter().find(|file| file.path == path);
    let file = file.expect("the file of a step");
    let unit = &file.units[unit];
    unit.transaction
        || unit
            .statements
            .iter()
            .all(|at| file.statements[*at].in_transaction)
}

impl Planned {
    /// Looks at what a disturbed call left, has it done again if it is not through, and
    /// looks at what comes of that.
    pub(crate) async fn recovers(&self, bench: &Bench, case: &str) {
        bench.quiet().await;
        let left = bench.look().await;
        let is_done = left.ledger == self.after.ledger;
        let case = format!("{}, {}: {case}", bench.tool, self.path);
        let known = if is_done { &self.after } else { &self.before };
        assert_eq!(left.ledger, known.ledger, "{case}: the ledger");
        assert_eq!(left.books, known.books, "{case}: the tool's table");
        if self.is_atomic || is_done {
            assert_eq!(left.schema, known.schema, "{case}: half applied");
        } else if left.schema != known.schema {
            assert!(left.is_running, "{case}: half applied and not told");
        }
        if !is_done {
            let step = bench.call(1).await;
            let step = step.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!(
                matches!(&step, Step::Applied { path, .. } if *path == self.path),
                "{case}: {step:?}"
            );
        }
        assert_eq!(bench.look().await, self.after, "{case}: afterwards");
    }
}

/// How many cases of each kind were tried in this process.
static TABLE: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// Counts a case.
pub(crate) fn count(kind: &str) {
    let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    *table.entry(kind.to_owned()).or_default() += 1;
}

/// Prints the cases of the kinds that begin so, and says how many there were.
pub(crate) fn told(kinds: &str) -> usize {
    let table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut own = 0;
    for (kind, cases) in table.iter().filter(|(kind, _)| kind.starts_with(kinds)) {
        println!("{cases:5}  {kind}");
        own += cases;
    }
    own
}

/// How many cases of each kind there are at least, by how its name begins.
const LEAST: [(&str, usize); 12] = [
    ("message: connection cut", 120),
    ("message: client killed", 50),
    ("message: backend ended", 50),
    ("message: server crashed", 16),
    ("message: server restarted", 4),
    ("inside: connection cut, plain", 14),
    ("inside: client killed, plain", 14),
    ("inside: backend ended, plain", 14),
    ("inside: statement canceled, plain", 14),
    ("inside: statement_timeout, plain", 14),
    ("inside: server crashed", 6),
    ("disk full", 2),
];

/// Prints the cases of the kinds that begin so, which have all been tried by now, and holds
/// each to the least of it.
pub(crate) fn enough(kinds: &str) {
    let least = LEAST.iter().filter(|(kind, _)| kind.starts_with(kinds));
    let least: Vec<_> = least.collect();
    assert!(!least.is_empty(), "no least of {kinds}");
    for (kind, least) in least {
        let cases = told(kind);
        assert!(
            cases >= *least,
            "{kind}: {cases}, expected {least} at least"
        );
    }
}

#[test]
fn a_migration_is_ended_in_three_hundred_ways_at_least() {
    let all: usize = LEAST.iter().map(|(_, least)| least).sum();
    assert!(all >= 300, "{all}");
}
