//! Follows a release or a promotion until it is over: redrawn in place on a
//! terminal, one line for each change elsewhere.

use std::time::Duration;

use jiff::Timestamp;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_platform::store::Release;

use crate::entries;
use crate::error::{Error, Result};
use crate::failures::Failures;
use crate::paint::{Output, Screen, Style};
use crate::reader::Reader;
use crate::render;
use crate::view::{Record, ReleaseView};

/// How long between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// How many looks in a row may fail before following ends.
const PATIENCE: usize = 10;

/// Follows a release until it is over.
///
/// # Errors
/// When AWS keeps failing, or the output can't be written.
pub async fn release(reader: &Reader, output: &Output, release: &Release) -> Result<ReleaseView> {
    let mut view = begun(reader, release).await?;
    let mut follower = Follower::new(output);
    loop {
        for (environment, record) in &view.stages {
            follower.tell(environment, record.as_ref())?;
        }
        follower.draw(|now, style| render::release(&view, now, style))?;
        if view.is_over() {
            return Ok(view);
        }
        tokio::time::sleep(EVERY).await;
        let look = reader.refreshed_view(view.clone()).await;
        let what = || format!("{}/{}", release.application, release.version);
        if let Ok(next) = follower.failures.bear(look).map_err(unfollowed(what))? {
            view = next;
        }
    }
}

/// The release once its execution or a promotion is there to be seen: the record
/// is written before the execution starts.
async fn begun(reader: &Reader, release: &Release) -> Result<ReleaseView> {
    let mut view = reader.release_view(release).await?;
    for _ in 0..PATIENCE {
        let opened = view.stages.iter().any(|(_, record)| record.is_some());
        if view.standing.is_some() || opened {
            break;
        }
        tokio::time::sleep(EVERY).await;
        view = reader.refreshed_view(view).await?;
    }
    Ok(view)
}

/// Follows one promotion until it is over.
///
/// # Errors
/// When AWS keeps failing, or the output can't be written.
pub async fn promotion(reader: &Reader, output: &Output, id: &PromotionId) -> Result<Record> {
    let absent = || {
        Error::Absent(format!(
            "there is no promotion {id}; `sluice history {}` lists those there are",
            id.application
        ))
    };
    let mut record = reader.record(id).await?.ok_or_else(absent)?;
    let mut follower = Follower::new(output);
    loop {
        follower.tell(&id.environment, Some(&record))?;
        follower.draw(|now, style| render::promotion(&record, now, style))?;
        if record.is_over() {
            return Ok(record);
        }
        tokio::time::sleep(EVERY).await;
        let look = reader.refreshed(id, Some(record.clone())).await;
        let seen = follower.failures.bear(look);
        if let Ok(next) = seen.map_err(unfollowed(|| id.to_string()))? {
            record = next.ok_or_else(absent)?;
        }
    }
}

/// That a look failed says nothing of what was looked at.
fn unfollowed(what: impl FnOnce() -> String) -> impl FnOnce(Error) -> Error {
    move |why| Error::Unfollowed {
        what: what(),
        why: Box::new(why),
    }
}

/// What was told already.
struct Follower<'a> {
    output: &'a Output,
    screen: Screen,
    told: std::collections::BTreeMap<String, u64>,
    ended: std::collections::BTreeMap<String, Outcome>,
    failures: Failures,
}

impl<'a> Follower<'a> {
    fn new(output: &'a Output) -> Self {
        Self {
            output,
            screen: Screen::default(),
            told: Default::default(),
            ended: Default::default(),
            failures: Failures::fewer_than(PATIENCE),
        }
    }

    /// Where nothing is redrawn: a line for each thing that happened since.
    fn tell(&mut self, environment: &str, record: Option<&Record>) -> Result<()> {
        let Some(record) = record.filter(|_| !self.output.redraws()) else {
            return Ok(());
        };
        let told = self.told.entry(environment.to_owned()).or_default();
        for entry in record.entries.iter().filter(|entry| entry.sequence > *told) {
            self.output.line(&format!(
                "{environment}  {}",
                entries::line(entry, self.output.style())
            ))?;
        }
        *told = record.entries.last().map_or(*told, |entry| entry.sequence);
        if let Some(outcome) = record.promotion.outcome
            && self.ended.insert(environment.to_owned(), outcome) != Some(outcome)
        {
            let reason = record.promotion.reason.as_deref().unwrap_or_default();
            let outcome = render::outcome(Some(outcome), self.output.style());
            self.output
                .line(format!("{environment}  {outcome}  {reason}").trim_end())?;
        }
        Ok(())
    }

    fn draw(&mut self, lines: impl FnOnce(Timestamp, Style) -> Vec<String>) -> Result<()> {
        if !self.output.redraws() {
            return Ok(());
        }
        let lines = lines(Timestamp::now(), self.output.style());
        self.output
            .raw(&self.screen.frame(&lines, self.output.width()))
    }
}

#[cfg(test)]
mod tests {
    use sluice_platform::fault::Fault;

    use super::*;

    #[test]
    fn credentials_that_ended_are_no_failed_release_and_the_way_to_go_on_is_told() {
        let ended = Fault::other("dynamodb:Query", "the security token is expired");
        let error = unfollowed(|| "shop/1.1.0".to_owned())(ended.into()).to_string();
        assert!(error.starts_with("shop/1.1.0 goes on"), "{error}");
        for part in ["token is expired", "`sluice watch shop/1.1.0`"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
