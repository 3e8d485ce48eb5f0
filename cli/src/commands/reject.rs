//! `sluice reject`: votes on a promotion.

use sluice_domain::approval::Choice;

use super::vote::VoteArgs;
use crate::context::Global;
use crate::error::{Exit, Result};
use crate::paint::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    vote: VoteArgs,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        self.vote.run(Some(Choice::Reject), global, output).await
    }
}
