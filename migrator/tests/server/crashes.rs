//! Wherever it is ended, a migration that is begun again comes to what it would have come
//! to undisturbed: nothing ran twice, and nothing is half applied without being told.

use std::time::Duration;

use sluice_migration::Tool;
use sluice_migrator::apply::Limits;
use sluice_postgres::Ending;
use tokio::time::timeout;

use crate::bench::{Bench, NAME, call};
use crate::child::Process;
use crate::course::{Course, count, enough};
use crate::plot::{ALONE, GROUND, Part, SEVERAL, TRANSACTIONS};
use crate::wire::{Stop, Wire};

/// What ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The network.
    Cut,
    /// SIGKILL of the client.
    Killed,
    /// An administrator ends the server's process.
    Ended,
    /// The server ends, and recovers from its log.
    Crash,
    /// The server is restarted in order.
    Restart,
}

impl Fault {
    const fn name(self) -> &'static str {
        match self {
            Self::Cut => "message: connection cut",
            Self::Killed => "message: client killed",
            Self::Ended => "message: backend ended",
            Self::Crash => "message: server crashed",
            Self::Restart => "message: server restarted",
        }
    }
}

/// Ends one call at a message.
async fn disturb(bench: &mut Bench, fault: Fault, stop: Stop) {
    let wire = Wire::to(bench.address().port, Some(stop)).await;
    if fault == Fault::Killed {
        let url = bench.url_at(wire.address.port());
        let process = Process::start(&url, bench.tool, &bench.files);
        wire.reached().await;
        assert!(process.kill(), "{stop:?}: the client was gone before");
        return;
    }
    let mut address = bench.address();
    address.port = wire.address.port();
    let called = tokio::spawn(call(address, bench.folder(), 1, Limits::default()));
    wire.reached().await;
    match fault {
        Fault::Crash => bench.restart(Ending::Crash),
        Fault::Restart => bench.restart(Ending::Fast),
        Fault::Ended => {
            let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE application_name = $1 AND datname = current_database()";
            let client = bench.client().await;
            client.query(ended, &[&NAME]).await.expect("ended");
        }
        Fault::Cut | Fault::Killed => {}
    }
    drop(wire);
    let called = timeout(Duration::from_secs(30), called).await;
    let called = called.expect("it notices").expect("it does not panic");
    assert!(called.is_err(), "{fault:?} {stop:?}: {called:?}");
}

/// Goes through a folder again and again, each time ending each unit's call at another
/// message, every so many of them.
async fn every(bench: &mut Bench, fault: Fault, stride: usize) -> usize {
    let course = Course::of(bench).await;
    let longest = course.steps.iter().map(|step| step.messages).max();
    let mut cases = 0;
    for (round, first) in (0..longest.unwrap_or_default()).step_by(stride).enumerate() {
        bench.reset().await;
        for (place, step) in course.steps.iter().enumerate() {
            let at = first + place % stride;
            if at >= step.messages - 1 {
                bench.call(1).await.expect("undisturbed");
                continue;
            }
            let stop = match (round + place).is_multiple_of(2) {
                true => Stop::Before(at),
                false => Stop::After(at),
            };
            disturb(bench, fault, stop).await;
            step.recovers(bench, &format!("{fault:?} {stop:?}")).await;
            count(&format!("{}, {}", fault.name(), bench.tool));
            cases += 1;
        }
    }
    cases
}

fn alone() -> Vec<Part> {
    let parts = std::iter::once(GROUND).chain([SEVERAL]).chain(ALONE);
    parts.collect()
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_connection_that_is_cut_at_any_message_changes_nothing_of_what_comes_of_it() {
    for tool in Tool::ALL {
        let mut bench = Bench::of(tool, &TRANSACTIONS).await;
        every(&mut bench, Fault::Cut, 26).await;
    }
    let mut bench = Bench::of(Tool::Plain, &alone()).await;
    every(&mut bench, Fault::Cut, 42).await;
    enough(Fault::Cut.name());
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_client_that_is_killed_at_any_message_changes_nothing_of_what_comes_of_it() {
    let mut bench = Bench::of(Tool::Sqlx, &TRANSACTIONS).await;
    every(&mut bench, Fault::Killed, 18).await;
    let mut bench = Bench::of(Tool::Sqlx, &alone()).await;
    every(&mut bench, Fault::Killed, 48).await;
    enough(Fault::Killed.name());
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_backend_that_is_ended_at_any_message_changes_nothing_of_what_comes_of_it() {
    let mut bench = Bench::of(Tool::Flyway, &TRANSACTIONS).await;
    every(&mut bench, Fault::Ended, 18).await;
    let mut bench = Bench::of(Tool::Dbmate, &alone()).await;
    every(&mut bench, Fault::Ended, 48).await;
    enough(Fault::Ended.name());
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_server_that_crashes_or_restarts_changes_nothing_of_what_comes_of_it() {
    for (fault, stride) in [(Fault::Crash, 50), (Fault::Restart, 70)] {
        let mut bench = Bench::on_own_server(Tool::Prisma, &TRANSACTIONS);
        every(&mut bench, fault, stride).await;
    }
    let mut bench = Bench::on_own_server(Tool::Diesel, &alone());
    every(&mut bench, Fault::Crash, 150).await;
    enough(Fault::Crash.name());
    enough(Fault::Restart.name());
}
