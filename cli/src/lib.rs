//! The command `sluice`, and what it shares with whoever else shows releases:
//! reading how things stand ([`reader`], [`view`]), what happened ([`timeline`],
//! [`cost`]), rendering it ([`paint`], [`render`]), and what the judge would say
//! ([`replayed`], [`forecast`], [`backtested`]).
//!
//! Environment variables: `SLUICE_STACK` (the stack whose outputs name
//! everything, default `sluice`), `SLUICE_DESK_URL` (instead of the stack's),
//! `SLUICE_PERSON` and `SLUICE_APPROVAL_CODE` (for votes), `NO_COLOR`; beside
//! these the AWS SDK's own, `AWS_ENDPOINT_URL` among them.
//!
//! What never happens here: a decision about a release. The command uploads,
//! asks, votes, stops and reads; state machines and functions decide. It never
//! writes the state table, the ledger or an alias, but for one command:
//! `rollback --direct`, which runs `shift`'s own code where Sluice can't (`direct.rs`).

pub mod aliases;
pub mod amend;
mod assessed;
pub mod backtested;
pub mod callers;
pub mod code;
pub mod commands;
pub mod context;
pub mod cost;
pub mod deployment_groups;
pub mod desk;
mod direct;
pub mod doctor;
pub mod elsewhere;
pub mod entries;
pub mod error;
pub mod execution;
mod failures;
pub mod finding;
pub mod folder;
pub mod follow;
pub mod forecast;
pub mod foreseen;
pub mod frozen;
pub mod function;
mod github;
pub mod init;
pub mod inspected;
pub mod intake;
pub mod ledger;
pub mod managed;
pub mod migration_plan;
pub mod migrations;
pub mod minutes;
pub mod observe;
mod onlooker;
pub mod outlook;
pub mod pack;
pub mod paint;
pub mod parameters;
pub mod planned;
pub mod previews;
pub mod proof;
pub mod reader;
pub mod render;
pub mod replayed;
pub mod resources;
pub mod settings_check;
pub mod settings_source;
pub mod stored;
pub mod target;
pub mod timeline;
mod topics;
pub mod traffic;
pub mod upload;
pub mod verified;
pub mod view;
pub mod words;
mod workflow;

use clap::Parser;

use crate::context::Global;
use crate::error::Exit;

/// Releases Lambda applications step by step, and takes them back by itself.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: commands::Command,
}

const EXIT_CODES: &str = "\
Exit status:
  0  promoted, passed, or done
  1  failed in another way
  2  wrong usage
  3  rolled back, or judged to fail
  4  rejected, expired or superseded
  5  stranded: a person must look
  6  refused
  7  inconclusive: too little is known to judge";

/// Runs the command line and answers its exit status.
pub async fn run(cli: Cli) -> Exit {
    let Cli { global, command } = cli;
    let output = paint::Output::detect(global.json);
    match command.run(&global, &output).await {
        Ok(exit) => exit,
        Err(error) => {
            // Whoever reads the output has gone: nobody is left to tell.
            if !error.is_closed_pipe() {
                output.failure(&error);
            }
            error.exit()
        }
    }
}
