//! What Sluice does, on an engine, with the binaries that ship: each test has
//! an application of its own.

mod approvals;
mod faults;
mod line;
mod promotes;
mod refusals;
mod rollback;
mod stopped;
mod traffic;
mod zombies;
