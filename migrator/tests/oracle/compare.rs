//! What is said of a statement beside what it did.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sluice_migration::{Assessed, Class, LockMode};

use crate::measure::Measured;

/// What is said of code that can't be seen through: it may do anything.
const OPAQUE: &str = "nothing is known of what it does";

/// And of what fires it.
const FIRES: &str = "which can't be seen through";

/// Where a statement did more than is said of it.
pub(crate) fn faults(told: &Assessed, measured: &Measured) -> Vec<String> {
    let mut faults = Vec::new();
    if told.class == Class::A {
        faults.extend(harm(told, measured));
    }
    if is_opaque(told) {
        return faults;
    }
    let said = told.lock.as_ref().map(|lock| lock.mode);
    // Whoever reads and writes rows takes locks up to this one.
    let said = said.unwrap_or(LockMode::RowExclusive);
    if let Some((mode, on)) = measured.lock()
        && mode > said.max(LockMode::RowExclusive)
    {
        faults.push(format!("locks {on:?} in {} mode", mode.name()));
    }
    if !measured.rewritten.is_empty() && !told.rewrites {
        faults.push(format!("rewrites {:?}", measured.rewritten));
    }
    if !told.scans && !told.rewrites {
        let held = |(_, mode): &&(String, LockMode)| *mode >= LockMode::ShareUpdateExclusive;
        let scanned: Vec<_> = measured.scanned.iter().filter(held).collect();
        if !scanned.is_empty() {
            faults.push(format!("scans {scanned:?}"));
        }
    }
    faults
}

/// What no statement of class A may do to what was there.
fn harm(told: &Assessed, measured: &Measured) -> Vec<String> {
    let mut harm = Vec::new();
    let mut all = |what: &str, on: &[String]| {
        if !on.is_empty() {
            harm.push(format!("is of class A and {what} {on:?}"));
        }
    };
    all("rewrites", &measured.rewritten);
    all("takes rows out of", &measured.emptied);
    if told.in_transaction {
        // Outside of a transaction, what is dropped or built again is so concurrently.
        all("drops", &measured.gone);
        all("builds again", &measured.rebuilt);
    }
    let scanned = measured.scanned.iter();
    let scanned = scanned.filter(|(_, mode)| mode.stops_writes());
    let scanned: Vec<String> = scanned.map(|(on, _)| on.clone()).collect();
    all("scans under a lock that stops writes", &scanned);
    if let Some((mode, on)) = measured.lock()
        && mode.stops_writes()
        && let Some(lock) = &told.lock
    {
        let is_named = |name: &&String| {
            let bare = |name: &str| name.rsplit('.').next().unwrap_or_default().replace('"', "");
            !lock.on.iter().any(|on| bare(on) == bare(name))
        };
        let unnamed: Vec<String> = on.iter().filter(is_named).cloned().collect();
        all("stops, without naming them, those who use", &unnamed);
    }
    harm
}

pub(crate) fn is_opaque(told: &Assessed) -> bool {
    told.old_code_reason == OPAQUE || told.reason.contains(FIRES)
}

/// What was measured of all statements of a kind and class.
#[derive(Debug, Default)]
struct Row {
    count: usize,
    lock: Option<LockMode>,
    rewrote: usize,
    scanned: usize,
    dropped: usize,
    /// Locked less, read less or rewrote less than is said.
    less: usize,
}

/// What was measured, by kind and class.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<(String, Class), Row>,
    pub(crate) faults: Vec<String>,
    /// Statements that the server refused, by SQLSTATE.
    pub(crate) refused: BTreeMap<String, usize>,
    /// Statements that ran only while no table had a row.
    pub(crate) empty: usize,
}

impl Table {
    pub(crate) fn add(&mut self, place: &str, told: &Assessed, measured: &Measured) {
        let row = self.rows.entry((told.kind.clone(), told.class));
        let row = row.or_default();
        row.count += 1;
        row.lock = row.lock.max(measured.lock().map(|(mode, _)| mode));
        row.rewrote += usize::from(!measured.rewritten.is_empty());
        row.scanned += usize::from(!measured.scanned.is_empty());
        row.dropped += usize::from(!measured.gone.is_empty() || !measured.emptied.is_empty());
        let said = told.lock.as_ref().map(|lock| lock.mode);
        let is_less = said > measured.lock().map(|(mode, _)| mode)
            || (told.rewrites && measured.rewritten.is_empty());
        row.less += usize::from(is_less);
        for fault in faults(told, measured) {
            let (kind, line) = (&told.kind, told.line);
            self.faults.push(format!("{place}:{line}: {kind} {fault}"));
        }
    }

    pub(crate) fn refuse(&mut self, code: &str) {
        *self.refused.entry(code.to_owned()).or_default() += 1;
    }

    /// How many statements ran, and how many did not.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let ran = self.rows.values().map(|row| row.count).sum();
        (ran, self.refused.values().sum())
    }

    pub(crate) fn count_of(&self, class: Class) -> usize {
        let rows = self.rows.iter().filter(|((_, of), _)| *of == class);
        rows.map(|(_, row)| row.count).sum()
    }

    /// For people.
    pub(crate) fn show(&self, what: &str) {
        let (ran, refused) = self.counts();
        let mut shown = format!(
            "{what}: {ran} statements ran ({} of them only without rows), {refused} did not {:?}\n",
            self.empty, self.refused
        );
        let head = ["ran", "rewrote", "scanned", "dropped", "less than said"];
        let [ran, rewrote, scanned, dropped, less] = head;
        let _ = writeln!(
            shown,
            "{:60} class {ran:>5} {:22} {rewrote:>8} {scanned:>8} {dropped:>8} {less:>15}",
            "kind", "strongest lock"
        );
        for ((kind, class), row) in &self.rows {
            let kind: String = kind.chars().take(60).collect();
            let lock = row.lock.map_or("", LockMode::name);
            let _ = writeln!(
                shown,
                "{kind:60} {class:?}     {:5} {lock:22} {:8} {:8} {:8} {:15}",
                row.count, row.rewrote, row.scanned, row.dropped, row.less
            );
        }
        eprintln!("{shown}");
    }
}
