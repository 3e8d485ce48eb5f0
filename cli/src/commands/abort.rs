//! `sluice abort`: stops a promotion. Nothing is cleaned up here: stopping the
//! rollout makes `promote` roll back, and the watchdog ends what has no owner.

use serde_json::json;
use sluice_domain::journal::Journal;
use sluice_domain::promotion::{Outcome, Promotion};
use sluice_platform::store::Part;

use super::watch::find;
use crate::context::{Context, Global};
use crate::error::{Error, Exit, Result};
use crate::follow;
use crate::paint::Output;
use crate::reader::Reader;
use crate::render;
use crate::target::PromotionTarget;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// <application>/<environment>, or a promotion's name
    #[arg(value_name = "PROMOTION")]
    target: PromotionTarget,
    /// Why: the cause of the execution that is stopped
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    /// Return once the execution is stopped
    #[arg(long)]
    no_follow: bool,
}

/// The name under which a stopped execution ends.
const ERROR: &str = "Aborted";

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let context = Context::load(global).await?;
        let reader = context.reader()?;
        let id = find(&reader, &self.target).await?;
        let (promotion, _) = reader.store.promotion(&id).await?;
        if let Some(outcome) = promotion
            .outcome
            .filter(|outcome| *outcome != Outcome::Stranded)
        {
            let message = format!("{id} has ended already: {}", outcome.title());
            return Err(Error::Refused {
                name: "ended".to_owned(),
                message,
            });
        }
        let journal: Option<Journal> = reader.store.part(&id, Part::Journal).await?;
        if journal.is_some_and(|journal| journal.committed) {
            let message = format!(
                "{id} is past its commit: the new versions serve all traffic and stay; `sluice rollback` releases the ones before"
            );
            return Err(Error::Refused {
                name: "committed".to_owned(),
                message,
            });
        }
        let cause = cause(&context.caller().await, &self.reason);
        let (what, said) = stop(&reader, &promotion, &cause).await?;
        output.line(&format!("{id}: {said}"))?;
        if self.no_follow {
            output.answer(&json!({"promotion": id, "stopped": what}), |_| Vec::new())?;
            return Ok(Exit::Ok);
        }
        let record = follow::promotion(&reader, output, &id).await?;
        let outcome = record.promotion.outcome;
        let document =
            json!({"promotion": id, "stopped": what, "outcome": outcome.map(Outcome::title)});
        output.answer(&document, |style| {
            vec![format!("{id}  {}", render::outcome(outcome, style))]
        })?;
        Ok(exit(outcome))
    }
}

/// Stops what runs: the rollout if there is one, so that the promotion itself
/// puts things back. Says what that was.
pub(super) async fn stop(
    reader: &Reader,
    promotion: &Promotion,
    cause: &str,
) -> Result<(&'static str, &'static str)> {
    let executions = &reader.executions;
    let rollout = reader.rollout_arn(promotion);
    match executions.standing(&rollout).await? {
        Some(standing) if standing.runs() => {
            executions.stop(&rollout, ERROR, cause).await?;
            return Ok((
                "rollout",
                "stopped its rollout: the promotion puts the aliases back",
            ));
        }
        // Stopping the supervisor now would stop it from cleaning up.
        Some(_) => {
            return Ok((
                "nothing",
                "its rollout has ended already: the promotion is putting things in order",
            ));
        }
        None => {}
    }
    let promote = &promotion.execution_arn;
    let standing = executions.standing(promote).await?;
    if standing.is_some_and(|standing| standing.runs()) {
        executions.stop(promote, ERROR, cause).await?;
        return Ok((
            "promote",
            "stopped its execution; no rollout ran. The watchdog ends the promotion and frees what it held",
        ));
    }
    Ok(("nothing", "nothing of it runs: the watchdog ends it"))
}

pub(super) fn cause(caller: &str, reason: &str) -> String {
    if reason.is_empty() {
        format!("stopped by {caller}")
    } else {
        format!("stopped by {caller}: {reason}")
    }
}

/// Stopped is what was asked for, however far it had come.
fn exit(outcome: Option<Outcome>) -> Exit {
    match outcome {
        Some(Outcome::Stranded) => Exit::Stranded,
        None | Some(Outcome::Promoted) => Exit::Failed,
        Some(_) => Exit::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abort_that_came_too_late_or_stranded_is_no_success() {
        assert_eq!(exit(Some(Outcome::RolledBack)), Exit::Ok);
        assert_eq!(exit(Some(Outcome::Aborted)), Exit::Ok);
        assert_eq!(exit(Some(Outcome::Promoted)), Exit::Failed);
        assert_eq!(exit(Some(Outcome::Stranded)), Exit::Stranded);
    }

    #[test]
    fn the_execution_says_who_stopped_it_and_why() {
        assert_eq!(cause("ada", ""), "stopped by ada");
        assert_eq!(cause("ada", "wrong day"), "stopped by ada: wrong day");
    }
}
