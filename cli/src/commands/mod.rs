//! One file per command: its arguments, and what it does with them.

mod abort;
mod approvals;
mod approve;
mod backtest;
mod control;
mod doctor;
mod enroll;
mod env;
mod freeze;
mod history;
mod init;
mod inspect;
mod judge;
mod migrate;
mod observe;
mod pack;
mod plan;
mod preview;
mod promote;
mod reject;
mod release;
mod rollback;
mod schema;
mod status;
mod subscribe;
mod test;
mod verify;
mod vote;
mod watch;
mod withdraw;

use clap::Subcommand;
use sluice_domain::controls::Wish;

use crate::context::Global;
use crate::error::{Exit, Result};
use crate::paint::Output;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build a bundle from a folder
    Pack(pack::Args),
    /// Upload a bundle and follow its release
    Release(release::Args),
    /// Take a version on into an environment, after the one before has promoted it
    Promote(promote::Args),
    /// Run an environment's scheduled test suites now, against what serves there
    Test(test::Args),
    /// Watch a release or a promotion until it is over
    Watch(watch::Args),
    /// Show what is open, what waits, and how it last ended
    Status(status::Args),
    /// Show what waits for people, and for whom
    Approvals(approvals::Args),
    /// Approve a promotion
    Approve(approve::Args),
    /// Reject a promotion
    Reject(reject::Args),
    /// Take your vote back, while the request is open
    Withdraw(withdraw::Args),
    /// Stop a promotion; traffic that has moved goes back
    Abort(abort::Args),
    /// Hold a promotion at its step; it is judged on, and harm is still rolled back
    Pause(control::Args),
    /// Let a promotion go on that is paused, or whose step waits for a person
    Resume(control::ResumeArgs),
    /// Go to the last step at the next look
    PromoteNow(control::Args),
    /// End the bake of the step that a promotion is at
    SkipBake(control::Args),
    /// End every bake but that of the first step that is judged: once approvers agree, call it again
    Emergency(control::Args),
    /// Start and step one promotion although a window is closed: once approvers agree, call it again
    OverrideWindows(control::Args),
    /// Stop an environment's line: no promotion enters it
    Freeze(freeze::FreezeArgs),
    /// Let promotions enter an environment again
    Unfreeze(freeze::UnfreezeArgs),
    /// Release the version that an environment had before
    Rollback(rollback::Args),
    /// List promotions, or what happened in one
    History(history::Args),
    /// List what branches are tried out as, and take it away again
    Preview(preview::Args),
    /// Draft the settings of an application from what the account holds
    Init(init::Args),
    /// Read, write and check environments' settings
    Env(env::Args),
    /// Say what is understood of a file of evidence: test results, a scan, an SBOM
    Inspect(inspect::Args),
    /// Check a bundle against what an environment asks, before it is uploaded
    Verify(verify::Args),
    /// Look at PostgreSQL migrations, contract, take back, restore
    Migrate(migrate::Args),
    /// Print the JSON Schema of a document that people write
    Schema(schema::Args),
    /// Show what a release would change, and what its steps can find out
    Plan(plan::Args),
    /// Judge minutes that were counted before
    Judge(judge::Args),
    /// Try the judge on the past: its false alarms, and how soon it finds faults
    Backtest(backtest::Args),
    /// Judge a rollout that somebody else drives, and say what Sluice would have done
    Observe(observe::Args),
    /// Check credentials, stack, settings and permissions
    Doctor(doctor::Args),
}

impl Command {
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        match self {
            Self::Pack(args) => args.run(output),
            Self::Release(args) => args.run(global, output).await,
            Self::Promote(args) => args.run(global, output).await,
            Self::Test(args) => args.run(global, output).await,
            Self::Watch(args) => args.run(global, output).await,
            Self::Status(args) => args.run(global, output).await,
            Self::Approvals(args) => args.run(global, output).await,
            Self::Approve(args) => args.run(global, output).await,
            Self::Reject(args) => args.run(global, output).await,
            Self::Withdraw(args) => args.run(global, output).await,
            Self::Abort(args) => args.run(global, output).await,
            Self::Pause(args) => args.run(Wish::Pause, global, output).await,
            Self::Resume(args) => args.run(global, output).await,
            Self::PromoteNow(args) => args.run(Wish::PromoteNow, global, output).await,
            Self::SkipBake(args) => args.run(Wish::SkipBake, global, output).await,
            Self::Emergency(args) => args.run(Wish::Emergency, global, output).await,
            Self::OverrideWindows(args) => args.run(Wish::OverrideWindows, global, output).await,
            Self::Freeze(args) => args.run(global, output).await,
            Self::Unfreeze(args) => args.run(global, output).await,
            Self::Rollback(args) => args.run(global, output).await,
            Self::History(args) => args.run(global, output).await,
            Self::Preview(args) => args.run(global, output).await,
            Self::Init(args) => args.run(output).await,
            Self::Env(args) => args.run(global, output).await,
            Self::Inspect(args) => args.run(output),
            Self::Verify(args) => args.run(output).await,
            Self::Migrate(args) => args.run(global, output).await,
            Self::Schema(args) => args.run(output),
            Self::Plan(args) => args.run(global, output).await,
            Self::Judge(args) => args.run(output).await,
            Self::Backtest(args) => args.run(output).await,
            Self::Observe(args) => args.run(output).await,
            Self::Doctor(args) => args.run(global, output).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_takes_an_approval_code_as_an_argument() {
        for line in ["approve", "reject"] {
            let error = Cli::try_parse_from([
                "sluice",
                line,
                "shop/prod",
                "--person",
                "ada",
                "--code",
                "secret",
            ]);
            assert!(
                error
                    .expect_err("refused")
                    .to_string()
                    .contains("unexpected argument '--code'")
            );
        }
    }

    #[test]
    fn wrong_usage_ends_with_status_2() {
        for line in [
            &["sluice", "nonsense"][..],
            &["sluice", "watch"],
            &["sluice", "watch", "a/b/c"],
            &["sluice", "pause", "shop/prod"],
            &["sluice", "freeze", "shop", "--reason", "the fair"],
        ] {
            assert_eq!(
                Cli::try_parse_from(line).expect_err("refused").exit_code(),
                2,
                "{line:?}"
            );
        }
    }
}
