//! `sluice watch`: follows what runs.

use jiff::Timestamp;

use super::release::report;
use crate::context::{Context, Global};
use crate::error::{Error, Exit, Result};
use crate::follow;
use crate::paint::Output;
use crate::reader::Reader;
use crate::render;
use crate::target::{PromotionTarget, Target};
use crate::view::Record;
use sluice_domain::promotion::PromotionId;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// <application>[/<version>[/<attempt>]], <application>/<environment>, or a promotion's name
    #[arg(value_name = "TARGET")]
    target: Target,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let reader = Context::load(global).await?.reader()?;
        match self.target {
            Target::Release(target) => {
                let release = reader.release(&target).await?;
                let view = follow::release(&reader, output, &release).await?;
                report(&reader, output, &view, None).await
            }
            Target::Promotion(target) => {
                let id = find(&reader, &target).await?;
                let record = follow::promotion(&reader, output, &id).await?;
                report_promotion(&reader, output, &record).await
            }
        }
    }
}

/// The promotion that is meant.
pub(super) async fn find(reader: &Reader, target: &PromotionTarget) -> Result<PromotionId> {
    if let PromotionTarget::Id(id) = target {
        return Ok(id.clone());
    }
    let open: Vec<_> = reader
        .store
        .open_promotions()
        .await?
        .into_iter()
        .map(|(promotion, _)| promotion)
        .collect();
    target.among(&open)
}

/// Tells what a promotion came to, and answers the exit status that says so.
pub(super) async fn report_promotion(
    reader: &Reader,
    output: &Output,
    record: &Record,
) -> Result<Exit> {
    let timeline = reader.timeline(record, Timestamp::now()).await?;
    let open = || Error::Absent(format!("{} is still open", record.promotion.id));
    let outcome = timeline.outcome.ok_or_else(open)?;
    output.line("")?;
    output.answer(&timeline, |style| {
        let mut lines = render::timeline(&timeline, style);
        lines.extend(render::totals(
            timeline.state_transitions,
            timeline.cost.as_ref(),
            style,
        ));
        lines
    })?;
    Ok(Exit::of(outcome))
}
