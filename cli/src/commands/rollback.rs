//! `sluice rollback`: releases the version that an environment had before. A
//! committed promotion is never undone behind the record's back: this is a
//! release like any other, verified, approved, shifted and judged. Only with
//! `--direct`, for when Sluice itself is down, aliases are moved from here.

use semver::Version;
use sluice_domain::promotion::{Outcome, Promotion, PromotionId};

use super::abort;
use super::release::ask_and_follow;
use crate::context::{Context, Global};
use crate::direct;
use crate::error::{Error, Exit, Result};
use crate::intake::Request;
use crate::paint::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The application
    application: String,
    /// The environment
    environment: String,
    /// The version to go back to, instead of the one before
    #[arg(long, value_name = "SEMVER")]
    to: Option<Version>,
    /// Return once the release has started
    #[arg(long)]
    no_follow: bool,
    /// Point the aliases at the versions before with your own credentials,
    /// without Sluice's functions: for when they are down
    #[arg(long, conflicts_with_all = ["to", "no_follow"])]
    direct: bool,
    /// The promotion to take back directly, instead of the last that moved traffic
    #[arg(long, value_name = "NAME", requires = "direct")]
    promotion: Option<PromotionId>,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let context = Context::load(global).await?;
        if self.direct {
            return self.run_directly(&context, output).await;
        }
        let reader = context.reader()?;
        let promotions = reader.store.promotions_of(&self.application).await?;
        let promotions: Vec<Promotion> = promotions
            .into_iter()
            .map(|(promotion, _)| promotion)
            .collect();
        let (now, before) = versions(
            &promotions,
            &self.application,
            &self.environment,
            self.to.as_ref(),
        )?;
        output.line(&format!(
            "{} {}: {now} → {before}",
            self.application, self.environment
        ))?;
        let request = Request {
            application: self.application,
            version: before,
            again: true,
            requested_by: context.caller().await,
            environments: Some(vec![self.environment]),
            from: None,
            rollback: true,
            operation: None,
        };
        ask_and_follow(&context, &reader, output, &request, !self.no_follow).await
    }

    /// Nothing that still runs can write an alias. Stopped, it ends sooner.
    async fn stop_the_rest(&self, context: &Context, id: &PromotionId, by: &str) -> Result<String> {
        let reader = context.reader()?;
        let (promotion, _) = reader.store.promotion(id).await?;
        let cause = abort::cause(by, "its traffic was taken back directly");
        let (_, said) = abort::stop(&reader, &promotion, &cause).await?;
        Ok(format!("{id}: {said}"))
    }

    async fn run_directly(self, context: &Context, output: &Output) -> Result<Exit> {
        let store = context.store()?;
        let place = (self.application.as_str(), self.environment.as_str());
        let subject = direct::subject(&store, place, self.promotion.as_ref()).await?;
        output.line(&subject.announce())?;
        let by = context.caller().await;
        let done = subject.take_back(context, &store, &by).await?;
        if !done.had_committed {
            let stopped = self.stop_the_rest(context, &done.promotion, &by).await;
            output.line(&stopped.unwrap_or_else(|error| {
                format!("its execution goes on, fenced off: it could not be stopped: {error}")
            }))?;
        }
        output.answer(&done, |style| done.lines(style))?;
        Ok(if done.undone.left.is_empty() {
            Exit::Ok
        } else {
            Exit::Stranded
        })
    }
}

/// The version that was promoted last, and the one to go back to.
fn versions(
    promotions: &[Promotion],
    application: &str,
    environment: &str,
    to: Option<&Version>,
) -> Result<(Version, Version)> {
    let mut promoted: Vec<&Promotion> = promotions
        .iter()
        .filter(|promotion| {
            promotion.id.environment == environment && promotion.outcome == Some(Outcome::Promoted)
        })
        .collect();
    promoted.sort_by_key(|promotion| promotion.closed_at);
    let place = format!("{application}/{environment}");
    let none = || {
        Error::Absent(format!(
            "nothing was promoted into {place} yet: there is nothing to roll back"
        ))
    };
    let now = &promoted.last().ok_or_else(none)?.id.version;
    let promoted: Vec<&Version> = promoted
        .into_iter()
        .map(|promotion| &promotion.id.version)
        .collect();
    let mut before = line(&promoted, to.is_none());
    before.retain(|version| *version != now);
    let mut before = before.into_iter().rev();
    let found = match to {
        Some(to) => before.find(|version| *version == to).ok_or_else(|| {
            Error::Absent(format!("{to} was never promoted into {place}, or serves there now; `sluice history {application}` lists what was"))
        })?,
        None => before.next().ok_or_else(|| {
            Error::Absent(format!("{now} is the only version that was ever promoted into {place}; what was there before is not Sluice's to release"))
        })?,
    };
    Ok((now.clone(), found.clone()))
}

/// The versions that led to the last of these, oldest first. Going back to a
/// version takes back all that came after it, unless all are wanted: whoever goes
/// back twice goes back further, and not forward to what was bad.
fn line<'a>(promoted: &[&'a Version], is_direct: bool) -> Vec<&'a Version> {
    let mut line: Vec<&Version> = Vec::new();
    for version in promoted {
        if let Some(place) = line.iter().position(|earlier| earlier == version) {
            if is_direct {
                line.truncate(place);
            } else {
                line.remove(place);
            }
        }
        line.push(version);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::samples::{at, record};

    fn promotion(version: &str, outcome: Outcome, closed: i64) -> Promotion {
        let mut promotion = record("prod", Some(outcome), vec![]).promotion;
        promotion.id.version = version.parse().expect("a version");
        promotion.closed_at = Some(at(closed));
        promotion
    }

    fn before(promotions: &[Promotion], to: Option<&str>) -> Result<(String, String)> {
        let to = to.map(|to| to.parse().expect("a version"));
        versions(promotions, "shop", "prod", to.as_ref())
            .map(|(now, before)| (now.to_string(), before.to_string()))
    }

    #[test]
    fn the_version_before_is_the_last_other_one_that_was_promoted() {
        let history = [
            promotion("1.2.0", Outcome::Promoted, 30),
            promotion("1.0.0", Outcome::Promoted, 10),
            promotion("1.3.0", Outcome::RolledBack, 40),
            promotion("1.1.0", Outcome::Promoted, 20),
        ];
        assert_eq!(
            before(&history, None).expect("found"),
            ("1.2.0".into(), "1.1.0".into())
        );
        assert_eq!(
            before(&history, Some("1.0.0")).expect("found"),
            ("1.2.0".into(), "1.0.0".into())
        );
    }

    #[test]
    fn going_back_twice_goes_back_further_and_not_forward_to_what_was_bad() {
        let mut history = vec![
            promotion("1.0.0", Outcome::Promoted, 10),
            promotion("1.1.0", Outcome::Promoted, 20),
            promotion("1.2.0", Outcome::Promoted, 30),
            promotion("1.1.0", Outcome::Promoted, 40),
        ];
        let found = |history: &[Promotion], to| before(history, to).expect("found").1;
        assert_eq!(found(&history, None), "1.0.0");
        assert_eq!(found(&history, Some("1.2.0")), "1.2.0");
        history.push(promotion("1.3.0", Outcome::Promoted, 50));
        assert_eq!(found(&history, None), "1.1.0");
    }

    #[test]
    fn a_version_that_was_never_promoted_there_is_refused() {
        let history = [
            promotion("1.0.0", Outcome::Promoted, 10),
            promotion("1.1.0", Outcome::Promoted, 20),
        ];
        for to in ["0.9.0", "1.1.0"] {
            assert!(
                before(&history, Some(to))
                    .expect_err("refused")
                    .to_string()
                    .contains("never promoted")
            );
        }
    }

    #[test]
    fn an_environment_without_an_earlier_version_says_so() {
        assert!(
            before(&[], None)
                .expect_err("refused")
                .to_string()
                .contains("nothing to roll back")
        );
        let one = [promotion("1.0.0", Outcome::Promoted, 10)];
        assert!(
            before(&one, None)
                .expect_err("refused")
                .to_string()
                .contains("1.0.0 is the only version")
        );
    }
}
