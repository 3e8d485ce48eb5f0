//! Each kind of statement, on what an old version of an application uses while it runs and
//! afterwards: what it locks, reads, rewrites and drops, and which queries of the old
//! version break.

use std::cell::Cell;

use sluice_migration::{Assessed, Class, LockMode, OldCode, Tool};

use crate::cases::{Case, Old, cases};
use crate::compare::Table;
use crate::corpus::{Told, told};
use crate::measure::{Before, Locks, Measured, State, alone, of_another, within};
use crate::old_code::{Came, QUERIES, ask};
use crate::stage::Stage;

/// A case on the stage.
struct Scene<'a> {
    stage: &'a Stage,
    case: &'a Case,
    faults: Vec<String>,
}

impl Scene<'_> {
    /// Runs all but the last statement, and with the last all that is to be seen.
    async fn play(&mut self, table: &mut Table) {
        self.stage.clear().await;
        let base = self.stage.owner.batch_execute(include_str!("kinds.sql"));
        base.await.expect("what the old version uses");
        let owner = &self.stage.owner;
        let mut state = State::of(owner).await.expect("what is there");
        let before = state.before();
        let mut statements = told_of(self.case.sql);
        let last = statements.pop().expect("a statement");
        for one in &statements {
            let done = owner.batch_execute(&one.sql).await;
            done.unwrap_or_else(|error| panic!("{}: {error:?}", one.sql));
        }
        state = match statements.is_empty() {
            true => state,
            false => State::of(owner).await.expect("what is there"),
        };
        self.as_expected(&last.assessed);
        let measured = if last.assessed.in_transaction {
            owner.batch_execute("BEGIN").await.expect("BEGIN");
            let measured = within(owner, &last.sql, &state, &before).await;
            let (measured, _) = measured.unwrap_or_else(|error| panic!("{}: {error:?}", last.sql));
            self.meanwhile(&last.assessed).await;
            owner.batch_execute("COMMIT").await.expect("COMMIT");
            measured
        } else {
            let ran = Cell::new(false);
            self.stage.hold().await;
            let run = async {
                let done = alone(owner, &last.sql, &state, &before).await;
                ran.set(true);
                done
            };
            let (done, locks) = tokio::join!(run, self.beside(&last.assessed, &before, &ran));
            let (done, _) = done.unwrap_or_else(|error| panic!("{}: {error:?}", last.sql));
            Measured { locks, ..done }
        };
        table.add(self.case.sql, &last.assessed, &measured);
        self.afterwards().await;
    }

    fn as_expected(&mut self, found: &Assessed) {
        let is_old = matches!(
            (&self.case.old, &found.old_code),
            (Old::Safe, OldCode::Safe)
                | (Old::Depends | Old::Changes(_), OldCode::Depends(_))
                | (Old::Breaks(_), OldCode::Unsafe(_) | OldCode::Removed(_))
        );
        if found.class != self.case.class || !is_old {
            let (class, old) = (found.class, &found.old_code);
            self.fault(format!("is told to be of class {class:?}, {old:?}"));
        }
    }

    /// Asks for everything while the migration's transaction is open. Who must wait for the
    /// lock that the statement is said to take may; nobody else, and nothing fails.
    async fn meanwhile(&mut self, found: &Assessed) {
        let mode = found.lock.as_ref().map(|lock| lock.mode);
        let is_gone = !found.in_transaction && matches!(found.old_code, OldCode::Removed(_));
        for query in &QUERIES {
            let may_wait = match (found.class, query.writes) {
                // Rows that it changed are held.
                (Class::B | Class::C, true) => true,
                (_, true) => mode.is_some_and(LockMode::stops_writes),
                (_, false) => mode == Some(LockMode::AccessExclusive),
            };
            let may_wait = may_wait || self.is_opaque(found);
            match ask(&self.stage.user, query).await {
                Came::Done => {}
                Came::Waited if may_wait => {}
                // What takes away in steps of its own has done so by then.
                Came::Broken(_) if is_gone => {}
                came => self.fault(format!("while it runs, {} is {came}", query.name)),
            }
        }
    }

    fn is_opaque(&self, found: &Assessed) -> bool {
        found.class == Class::C && found.lock.is_none()
    }

    /// Asks for everything while a statement without a transaction waits for somebody who
    /// writes, and so can be looked at. The locks that it holds, or waits for.
    async fn beside(&mut self, found: &Assessed, before: &Before, ran: &Cell<bool>) -> Locks {
        let mut locks = Locks::default();
        while !ran.get() {
            let waiting = self.stage.waiting().await;
            if let Some(pid) = waiting {
                locks = of_another(&self.stage.admin, &pid, before).await;
                self.meanwhile(found).await;
                break;
            }
        }
        self.stage.release().await;
        locks
    }

    async fn afterwards(&mut self) {
        let mut broken = Vec::new();
        for query in &QUERIES {
            match ask(&self.stage.user, query).await {
                Came::Done => {}
                came => broken.push((query.name, format!("{came}"))),
            }
        }
        let is_broken = |name: &str| broken.iter().any(|(it, _)| *it == name);
        match self.case.old {
            Old::Safe | Old::Depends if !broken.is_empty() => {
                self.fault(format!("breaks {broken:?}"));
            }
            Old::Changes(query) | Old::Breaks(query) if !is_broken(query) => {
                self.fault(format!("does not break {query}, but {broken:?}"));
            }
            _ => {}
        }
    }

    fn fault(&mut self, fault: String) {
        self.faults.push(format!("{} {fault}", self.case.sql));
    }
}

fn told_of(sql: &str) -> Vec<Told> {
    let file = ("1_case.sql".to_owned(), sql.as_bytes().to_vec());
    let files = told(&[file], Tool::Plain);
    files.into_iter().flat_map(|file| file.statements).collect()
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_statement_of_each_kind_locks_what_is_said_and_breaks_old_code_as_is_said() {
    let stage = Stage::new().await;
    let mut table = Table::default();
    let mut faults = Vec::new();
    for case in cases() {
        let mut scene = Scene {
            stage: &stage,
            case: &case,
            faults: Vec::new(),
        };
        scene.play(&mut table).await;
        faults.append(&mut scene.faults);
    }
    table.show("a statement of each kind");
    faults.append(&mut table.faults);
    assert_eq!(faults, Vec::<String>::new());
}
