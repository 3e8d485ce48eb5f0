//! `sluice history`: the promotions of an application, or the record of one.

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::ledger::{self, Broken, Entry};
use sluice_domain::promotion::{Outcome, Promotion, PromotionId};
use sluice_domain::text::one_line;

use crate::context::{Context, Global};
use crate::entries;
use crate::error::{Error, Exit, Result};
use crate::paint::{Output, Style, Table, Tone};
use crate::reader::Reader;
use crate::render;
use crate::view::seconds_between;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The application
    #[arg(required_unless_present = "promotion")]
    application: Option<String>,
    /// Only this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// At most this many, the latest
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// What happened in this promotion, in order, with its chain verified
    #[arg(long, value_name = "ID", conflicts_with_all = ["application", "environment"])]
    promotion: Option<PromotionId>,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let reader = Context::load(global).await?.reader()?;
        if let Some(id) = &self.promotion {
            return one(&reader, output, id).await;
        }
        let application = self.application.unwrap_or_default();
        let found = reader.store.promotions_of(&application).await?;
        let mut promotions: Vec<Promotion> =
            found.into_iter().map(|(promotion, _)| promotion).collect();
        promotions.retain(|promotion| {
            self.environment
                .as_ref()
                .is_none_or(|environment| promotion.id.environment == *environment)
        });
        promotions.sort_by_key(|promotion| std::cmp::Reverse(promotion.opened_at));
        promotions.truncate(self.limit);
        let now = Timestamp::now();
        let documents: Vec<Value> = promotions
            .iter()
            .map(|promotion| document(promotion, now))
            .collect();
        output.answer(&documents, |style| {
            listed(&application, &promotions, now, style)
        })?;
        Ok(Exit::Ok)
    }
}

/// A promotion for machines.
pub(super) fn document(promotion: &Promotion, now: Timestamp) -> Value {
    let id = &promotion.id;
    json!({
        "promotion": id,
        "application": id.application,
        "environment": id.environment,
        "version": id.version,
        "attempt": id.attempt,
        "outcome": promotion.outcome.map(Outcome::title),
        "reason": promotion.reason,
        "execution_arn": promotion.execution_arn,
        "bundle": promotion.bundle.digest,
        "opened_at": promotion.opened_at,
        "closed_at": promotion.closed_at,
        "seconds": seconds_between(promotion.opened_at, promotion.closed_at.unwrap_or(now)),
    })
}

fn listed(
    application: &str,
    promotions: &[Promotion],
    now: Timestamp,
    style: Style,
) -> Vec<String> {
    if promotions.is_empty() {
        return vec![format!("no promotion of {application} is on record")];
    }
    let mut table = Table::new(&[
        "begun (UTC)",
        "environment",
        "version",
        "attempt",
        "outcome",
        "took",
        "reason",
    ]);
    for promotion in promotions {
        let took = seconds_between(promotion.opened_at, promotion.closed_at.unwrap_or(now));
        table.row(vec![
            (
                Tone::Plain,
                promotion
                    .opened_at
                    .strftime("%Y-%m-%d %H:%M:%S")
                    .to_string(),
            ),
            (Tone::Plain, promotion.id.environment.clone()),
            (Tone::Strong, promotion.id.version.to_string()),
            (Tone::Plain, promotion.id.attempt.to_string()),
            render::outcome_cell(promotion.outcome),
            (Tone::Plain, render::duration(took)),
            (
                Tone::Faint,
                one_line(promotion.reason.as_deref().unwrap_or_default()),
            ),
        ]);
    }
    table.lines(style)
}

async fn one(reader: &Reader, output: &Output, id: &PromotionId) -> Result<Exit> {
    let absent = || {
        Error::Absent(format!(
            "there is no promotion {id}; `sluice history {}` lists those there are",
            id.application
        ))
    };
    let record = reader.record(id).await?.ok_or_else(absent)?;
    let timeline = reader.timeline(&record, Timestamp::now()).await?;
    let chain = ledger::verify(&record.entries);
    let document = json!({
        "timeline": timeline,
        "chain": {"intact": chain.is_ok(), "problem": chain.as_ref().err().map(ToString::to_string)},
        "entries": record.entries,
    });
    output.answer(&document, |style| {
        let mut lines = told(id, &record.entries, &chain, style);
        lines.push(String::new());
        lines.extend(render::timeline(&timeline, style));
        lines.extend(render::totals(
            timeline.state_transitions,
            timeline.cost.as_ref(),
            style,
        ));
        lines
    })?;
    Ok(if chain.is_ok() {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

fn told(
    id: &PromotionId,
    entries: &[Entry],
    chain: &Result<(), Broken>,
    style: Style,
) -> Vec<String> {
    let mut lines = vec![style.paint(Tone::Strong, &id.to_string())];
    lines.extend(
        entries
            .iter()
            .map(|entry| format!("{:>4}  {}", entry.sequence, entries::line(entry, style))),
    );
    lines.push(match chain {
        Ok(()) => style.paint(
            Tone::Good,
            &format!("the chain of {} entries is intact", entries.len()),
        ),
        Err(broken) => style.paint(Tone::Bad, &format!("the chain is broken: {broken}")),
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::samples::{at, id, prod_entries, record};

    #[test]
    fn promotions_are_listed_with_outcome_and_duration() {
        let promotions = [
            record("prod", Some(Outcome::Promoted), vec![]).promotion,
            record("dev", None, vec![]).promotion,
        ];
        let expected = "\
begun (UTC)          environment  version  attempt  outcome   took        reason
2026-01-01 00:00:00  prod         1.1.0    1        Promoted  1 min 00 s
2026-01-01 00:00:00  dev          1.1.0    1        open      9 s";
        assert_eq!(
            listed("shop", &promotions, at(9), Style::PLAIN).join("\n"),
            expected
        );
    }

    #[test]
    fn an_application_that_nobody_knows_has_no_history() {
        assert_eq!(
            listed("shop", &[], at(0), Style::PLAIN),
            ["no promotion of shop is on record"]
        );
    }

    #[test]
    fn entries_are_told_in_order_and_the_chain_is_verified() {
        let mut entries = prod_entries();
        let lines = told(&id(), &entries, &ledger::verify(&entries), Style::PLAIN);
        assert_eq!(lines[0], "shop/prod/1.1.0/1");
        assert_eq!(lines[1], "   1  00:00:01  BundleVerified     artifacts 2");
        assert_eq!(
            lines.last().map(String::as_str),
            Some("the chain of 8 entries is intact")
        );
        entries[2].event.facts = json!({"forged": true});
        let lines = told(&id(), &entries, &ledger::verify(&entries), Style::PLAIN);
        assert_eq!(
            lines.last().map(String::as_str),
            Some("the chain is broken: entry 3 was changed after it was recorded")
        );
    }
}
