//! What Sluice does, on an engine, with the binaries that ship: each test has
//! an application of its own.

mod accounts;
mod action;
mod approvals;
mod cli;
mod codedeploy;
mod committed;
mod configuration;
mod crashes;
mod definitions;
mod evidence;
mod faults;
mod foresight;
mod groups;
mod guards;
mod init;
mod line;
mod operators;
mod owners;
mod path;
mod people;
mod probes;
mod promotes;
mod recheck;
mod refusals;
mod requests;
mod rollback;
mod runtimes;
mod stopped;
mod stranded;
mod suites;
mod traffic;
mod unbegun;
mod versions;
mod windows;
mod zombies;
