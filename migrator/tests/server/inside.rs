//! What ends a statement while the server is at it: waiting for somebody else, halfway
//! through an index, or out of time.

use std::time::Duration;

use sluice_migration::Tool;
use sluice_migrator::Budget;
use sluice_migrator::apply::{Limits, Step};
use sluice_postgres::Ending;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::bench::{Bench, NAME, call};
use crate::child::Process;
use crate::course::{Course, count, enough};
use crate::plot::{ALONE, GROUND, Part, TRANSACTIONS};
use crate::wire::Wire;

/// Who is in the statement's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blocker {
    /// Somebody who writes into the tables.
    Writer,
    /// Somebody who reads them.
    Reader,
    /// Somebody who wants to see the rows of another table as they were.
    Snapshot,
    /// Somebody who holds what a migration itself asks for.
    Lock,
}

impl Blocker {
    const fn statements(self) -> &'static str {
        match self {
            Self::Writer => {
                "BEGIN; INSERT INTO item VALUES (99, 'i99'); DELETE FROM item WHERE id = 99; \
                 INSERT INTO part VALUES (7); DELETE FROM part WHERE n = 7"
            }
            Self::Reader => "BEGIN; SELECT 1 FROM item; SELECT 1 FROM part",
            Self::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM aside",
            Self::Lock => "BEGIN; SELECT pg_advisory_xact_lock(77)",
        }
    }
}

/// What ends the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Cut,
    Killed,
    Ended,
    Canceled,
    TimedOut,
    Crash,
}

impl Fault {
    const SOFT: [Self; 5] = [
        Self::Cut,
        Self::Killed,
        Self::Ended,
        Self::Canceled,
        Self::TimedOut,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Cut => "inside: connection cut",
            Self::Killed => "inside: client killed",
            Self::Ended => "inside: backend ended",
            Self::Canceled => "inside: statement canceled",
            Self::TimedOut => "inside: statement_timeout",
            Self::Crash => "inside: server crashed",
        }
    }
}

/// A call that goes on beside the test.
enum Call {
    Here(JoinHandle<sluice_migrator::Result<Step>>, Wire),
    Process(Process),
}

impl Call {
    async fn start(bench: &Bench, fault: Fault) -> Self {
        if fault == Fault::Killed {
            return Self::Process(Process::start(&bench.url(), bench.tool, &bench.files));
        }
        let statement = match fault {
            Fault::TimedOut => Duration::from_millis(150),
            _ => Duration::from_secs(60),
        };
        let budget = Budget {
            lock: Duration::from_secs(30),
            statement,
        };
        let limits = Limits {
            budget,
            ..Limits::default()
        };
        let wire = Wire::to(bench.address().port, None).await;
        let mut address = bench.address();
        address.port = wire.address.port();
        Self::Here(tokio::spawn(call(address, bench.folder(), 1, limits)), wire)
    }

    fn is_over(&mut self) -> bool {
        match self {
            Self::Here(task, _) => task.is_finished(),
            Self::Process(process) => process.is_over(),
        }
    }

    /// Waits until it is over or one of its statements waits for a process. Whether it waits.
    async fn waits(&mut self, beside: &Client, blocker: i32) -> bool {
        let query = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 \
                     AND datname = current_database() AND $2 = ANY (pg_blocking_pids(pid)))";
        while !self.is_over() {
            let row = beside.query_one(query, &[&NAME, &blocker]).await;
            let row = row.expect("asked");
            if row.get(0) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        false
    }

    /// Does it to the call, and waits until the call has noticed.
    async fn suffers(self, fault: Fault, bench: &mut Bench, beside: &Client) {
        let (task, wire) = match self {
            Self::Process(process) => return assert!(process.kill()),
            Self::Here(task, wire) => (task, wire),
        };
        let function = match fault {
            Fault::Canceled => "pg_cancel_backend",
            _ => "pg_terminate_backend",
        };
        match fault {
            Fault::Cut => drop(wire),
            Fault::Ended | Fault::Canceled => {
                let query = format!(
                    "SELECT {function}(pid) FROM pg_stat_activity \
                     WHERE application_name = $1 AND datname = current_database()"
                );
                beside.query(&query, &[&NAME]).await.expect("done to it");
            }
            Fault::Crash => bench.restart(Ending::Crash),
            Fault::TimedOut | Fault::Killed => {}
        }
        let called = timeout(Duration::from_secs(30), task).await;
        let called = called.expect("it notices").expect("it does not panic");
        let error = called.expect_err("it was disturbed").to_string();
        let expected = match fault {
            Fault::Canceled => "due to user request",
            Fault::TimedOut => "due to statement timeout",
            _ => "",
        };
        assert!(error.contains(expected), "{error}");
    }
}

/// Goes through a folder, and disturbs each unit that has something in its way.
async fn every(bench: &mut Bench, course: &Course, blocker: Blocker, fault: Fault) -> usize {
    bench.reset().await;
    let mut cases = 0;
    for (place, step) in course.steps.iter().enumerate() {
        if place == 0 {
            bench.call(1).await.expect("the ground");
            continue;
        }
        let (client, beside) = (bench.client().await, bench.client().await);
        let begun = client.batch_execute(blocker.statements()).await;
        begun.expect("in the way");
        let own = client.query_one("SELECT pg_backend_pid()", &[]).await;
        let mut call = Call::start(bench, fault).await;
        if !call.waits(&beside, own.expect("asked").get(0)).await {
            match call {
                Call::Here(task, _) => {
                    task.await.expect("no panic").expect("undisturbed");
                }
                Call::Process(mut process) => assert!(process.is_over()),
            }
            let ended = client.batch_execute("ROLLBACK").await;
            ended.expect("out of the way");
            continue;
        }
        call.suffers(fault, bench, &beside).await;
        // It may have gone with the server.
        let _ = client.batch_execute("ROLLBACK").await;
        let case = format!("{blocker:?} {fault:?}");
        step.recovers(bench, &case).await;
        count(&format!("{}, {}", fault.name(), bench.tool));
        cases += 1;
    }
    cases
}

fn alone() -> Vec<Part> {
    std::iter::once(GROUND).chain(ALONE).collect()
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_statement_without_a_transaction_that_is_ended_halfway_is_brought_to_its_end() {
    let mut bench = Bench::of(Tool::Plain, &alone()).await;
    let course = Course::of(&bench).await;
    for fault in Fault::SOFT {
        let writer = every(&mut bench, &course, Blocker::Writer, fault).await;
        let reader = every(&mut bench, &course, Blocker::Reader, fault).await;
        let snapshot = every(&mut bench, &course, Blocker::Snapshot, fault).await;
        assert!(
            writer >= 6 && reader >= 4 && snapshot >= 4,
            "{writer} {reader} {snapshot}"
        );
    }
    for fault in Fault::SOFT {
        enough(fault.name());
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_transaction_that_is_ended_inside_of_a_statement_leaves_nothing() {
    for tool in [Tool::Sqlx, Tool::Refinery, Tool::GolangMigrate] {
        let mut bench = Bench::of(tool, &TRANSACTIONS).await;
        let course = Course::of(&bench).await;
        for fault in Fault::SOFT {
            let cases = every(&mut bench, &course, Blocker::Lock, fault).await;
            assert_eq!(cases, 1, "{tool} {fault:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_server_that_crashes_halfway_through_a_statement_is_migrated_to_the_end() {
    let mut bench = Bench::on_own_server(Tool::Plain, &alone());
    let course = Course::of(&bench).await;
    let cases = every(&mut bench, &course, Blocker::Writer, Fault::Crash).await;
    assert!(cases >= 6, "{cases}");
    enough(Fault::Crash.name());
}
