//! `sluice migrate`: what PostgreSQL migrations do, before anybody runs them; and what is done
//! to a database apart from releases.

mod operate;
mod plan;

use std::path::PathBuf;

use sluice_migration::Tool;

use crate::context::Global;
use crate::error::{Exit, Result};
use crate::migrations::{Place, lines};
use crate::paint::Output;
use crate::workflow;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Say of each statement what it locks, what old code makes of it, and a safer way
    Lint(Lint),
    /// Say what is pending in a database, how long it takes and what is refused
    Plan(plan::Args),
    /// Take away what no code uses any more, in an environment's database
    Contract(operate::Contract),
    /// Take back the migrations of a release that does not serve
    Undo(operate::Undo),
    /// Put an environment's database back to a backup
    Restore(operate::Restore),
}

/// The class of a statement says how much care it asks for: A adds and stops nobody for
/// long, B stops others while it works or has a safer way, C rewrites, destroys or can't be
/// seen through. Ends with 0, and with 6 where something is refused: what is no SQL or no
/// migration, and what takes away from old code in a migration that does not contract.
#[derive(Debug, clap::Args)]
struct Lint {
    /// The folder that migrations are in, or single files. Of single files, order, versions
    /// and what is missing are not checked
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Whose migrations they are: plain, sqlx, refinery, flyway, prisma, dbmate,
    /// golang-migrate or diesel. As it stands, what names and contents tell
    #[arg(long, value_name = "TOOL")]
    tool: Option<Tool>,
    /// Which files contract, beside those that say so themselves: paths within the folder,
    /// with `*` for any characters, as in `--contract '*_contract.sql'`. May be repeated
    #[arg(long, value_name = "PATTERN")]
    contract: Vec<String>,
    /// Tell of what is refused, and of classes B and C, as annotations of GitHub Actions.
    /// As it stands, where GITHUB_ACTIONS is `true`
    #[arg(long)]
    github: bool,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        match self.action {
            Action::Lint(lint) => lint.run(output),
            Action::Plan(plan) => plan.run(output).await,
            Action::Contract(contract) => contract.run(global, output).await,
            Action::Undo(undo) => undo.run(global, output).await,
            Action::Restore(restore) => restore.run(global, output).await,
        }
    }
}

impl Lint {
    fn run(self, output: &Output) -> Result<Exit> {
        let place = Place::of(self.paths)?;
        let lint = place.lint(self.tool, self.contract)?;
        if self.github || workflow::is_job() {
            let annotations = place.annotations(&lint);
            annotations
                .iter()
                .try_for_each(|line| output.command(line))?;
        }
        output.answer(&lint, |style| lines(&lint, &place, style))?;
        Ok(if lint.refused.is_empty() {
            Exit::Ok
        } else {
            Exit::Refused
        })
    }
}
