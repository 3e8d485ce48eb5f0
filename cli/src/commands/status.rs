//! `sluice status`: what is open, what waits, what is locked, how it last ended.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sluice_domain::promotion::{Outcome, Promotion};
use sluice_domain::targets::exclude;
use sluice_platform::store::{Held, Part, Ticket};

use super::history::document;
use crate::context::{Context, Global};
use crate::error::{Exit, Result};
use crate::paint::{Output, Style, Table, Tone};
use crate::parameters;
use crate::reader::Reader;
use crate::render;
use crate::view::{Record, seconds_between};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this application
    application: Option<String>,
}

/// How things stand.
struct Status {
    open: Vec<Record>,
    waiting: Vec<Ticket>,
    /// Whether the line may be read.
    shows_line: bool,
    locks: BTreeSet<Held>,
    environments: Vec<Environment>,
}

/// How an environment last ended.
struct Environment {
    application: String,
    name: String,
    last: Option<Promotion>,
    serving: Option<String>,
}

impl Args {
    pub(super) async fn run(self, global: &Global, output: &Output) -> Result<Exit> {
        let context = Context::load(global).await?;
        let reader = context.reader()?;
        let application = self.application.as_deref();
        let line = reader.line().await?;
        let mut status = Status {
            open: open(&reader, application).await?,
            shows_line: line.is_some(),
            waiting: places(line.unwrap_or_default(), application),
            locks: BTreeSet::new(),
            environments: environments(&context, &reader, application).await?,
        };
        for record in &status.open {
            let targets: Option<Vec<String>> = reader
                .store
                .part(&record.promotion.id, Part::Targets)
                .await?;
            for target in targets.unwrap_or_default() {
                status.locks.extend(reader.store.held(&target).await?);
            }
        }
        let now = Timestamp::now();
        output.answer(&answer(&status, now), |style| lines(&status, now, style))?;
        Ok(Exit::Ok)
    }
}

/// The places in line: a task that was tried again has several tickets, and the
/// place of the first.
fn places(mut tickets: Vec<Ticket>, application: Option<&str>) -> Vec<Ticket> {
    let mut seen = BTreeSet::new();
    tickets.retain(|Ticket { promotion, .. }| {
        application.is_none_or(|wanted| promotion.application == wanted)
            && seen.insert(promotion.clone())
    });
    tickets
}

/// Who must be done before the promotion at this place in line, from 0: those who hold
/// what it wants, and those who have waited for it longer.
fn behind(status: &Status, place: usize) -> BTreeSet<String> {
    let Some(ticket) = status.waiting.get(place) else {
        return BTreeSet::new();
    };
    let wants = |other: &&Ticket| {
        let mut targets = other.targets.iter();
        targets.any(|target| ticket.targets.iter().any(|wanted| exclude(target, wanted)))
    };
    let longer = status.waiting[..place].iter().filter(wants);
    let longer = longer.map(|other| other.promotion.to_string());
    let bars = |held: &&Held| {
        let mut wanted = ticket.targets.iter();
        wanted.any(|wanted| exclude(&held.target, wanted))
    };
    let holders = status.locks.iter().filter(bars);
    let holders = holders.map(|held| held.by.clone());
    let mut behind: BTreeSet<String> = longer.chain(holders).collect();
    behind.remove(&ticket.promotion.to_string());
    behind
}

async fn open(reader: &Reader, application: Option<&str>) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for (promotion, _) in reader.store.open_promotions().await? {
        if application.is_none_or(|wanted| promotion.id.application == wanted) {
            records.extend(reader.record(&promotion.id).await?);
        }
    }
    Ok(records)
}

async fn environments(
    context: &Context,
    reader: &Reader,
    application: Option<&str>,
) -> Result<Vec<Environment>> {
    let stored = parameters::list(&context.config, application).await?;
    let applications: BTreeSet<&str> = stored
        .iter()
        .map(|stored| stored.application.as_str())
        .collect();
    let mut found = Vec::new();
    for application in applications {
        let promotions = reader.store.promotions_of(application).await?;
        let promotions: Vec<Promotion> = promotions
            .into_iter()
            .map(|(promotion, _)| promotion)
            .collect();
        let names = stored
            .iter()
            .filter(|stored| stored.application == application)
            .map(|stored| stored.environment.as_str());
        found.extend(names.map(|name| environment(application, name, &promotions)));
    }
    Ok(found)
}

fn environment(application: &str, name: &str, promotions: &[Promotion]) -> Environment {
    let ended = || {
        promotions
            .iter()
            .filter(|promotion| promotion.id.environment == name && promotion.closed_at.is_some())
    };
    let last = |outcome: Option<Outcome>| {
        ended()
            .filter(|promotion| outcome.is_none() || promotion.outcome == outcome)
            .max_by_key(|promotion| promotion.closed_at)
    };
    Environment {
        application: application.to_owned(),
        name: name.to_owned(),
        last: last(None).cloned(),
        serving: last(Some(Outcome::Promoted)).map(|promotion| promotion.id.version.to_string()),
    }
}

#[derive(Serialize)]
struct Answer {
    open: Vec<Value>,
    /// None: it may not be read.
    waiting: Option<Vec<Value>>,
    locks: Vec<Value>,
    environments: Vec<Value>,
}

fn answer(status: &Status, now: Timestamp) -> Answer {
    let open = |record: &Record| {
        let mut value = document(&record.promotion, now);
        value["state"] = record.state.clone().into();
        value["because"] = record.because().into();
        value["weight"] = record.shift().map(|shift| shift.weight).into();
        value
    };
    // A ticket holds the token that resumes its promotion: never shown.
    let waiting = |(place, ticket): (usize, &Ticket)| {
        serde_json::json!({
            "promotion": ticket.promotion, "targets": ticket.targets, "queued_at": ticket.queued_at,
            "behind": behind(status, place),
        })
    };
    let environment = |environment: &Environment| {
        let Environment {
            application,
            name,
            last,
            serving,
        } = environment;
        let last = last.as_ref().map(|last| document(last, now));
        serde_json::json!({"application": application, "environment": name, "promoted_version": serving, "last": last})
    };
    let line = || status.waiting.iter().enumerate().map(waiting).collect();
    Answer {
        open: status.open.iter().map(open).collect(),
        waiting: status.shows_line.then(line),
        locks: status
            .locks
            .iter()
            .map(|held| serde_json::json!({"target": held.target, "holder": held.by}))
            .collect(),
        environments: status.environments.iter().map(environment).collect(),
    }
}

fn lines(status: &Status, now: Timestamp, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if status.open.is_empty() {
        lines.push("no promotion is open".to_owned());
    }
    for record in &status.open {
        lines.extend(render::promotion(record, now, style));
    }
    if !status.shows_line {
        lines.push("the line is not shown: you may not read it".to_owned());
    }
    for (place, ticket) in status.waiting.iter().enumerate() {
        let since = render::duration(seconds_between(ticket.queued_at, now));
        let behind: Vec<String> = behind(status, place).into_iter().collect();
        let behind = match behind.as_slice() {
            [] => String::new(),
            others => format!(", behind {}", others.join(", ")),
        };
        lines.push(format!(
            "{} in line: {}, for {since}{behind}",
            place + 1,
            ticket.promotion
        ));
    }
    lines.extend(
        status
            .locks
            .iter()
            .map(|held| format!("locked: {} by {}", held.target, held.by)),
    );
    if !status.environments.is_empty() {
        lines.push(String::new());
        lines.extend(table(&status.environments, now).lines(style));
    }
    lines
}

fn table(environments: &[Environment], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        "application",
        "environment",
        "promoted",
        "last",
        "outcome",
        "ago",
    ]);
    for Environment {
        application,
        name,
        last,
        serving,
    } in environments
    {
        let mut row = vec![
            (Tone::Plain, application.clone()),
            (Tone::Plain, name.clone()),
            (
                Tone::Strong,
                serving.clone().unwrap_or_else(|| "nothing".to_owned()),
            ),
        ];
        if let Some(last) = last {
            row.push((Tone::Plain, last.id.version.to_string()));
            row.push(render::outcome_cell(last.outcome));
            let ago = last
                .closed_at
                .map(|closed| render::duration(seconds_between(closed, now)));
            row.push((Tone::Faint, ago.unwrap_or_default()));
        }
        table.row(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use sluice_platform::store::TaskToken;

    use super::*;
    use crate::timeline::samples::{at, id, record};

    fn status() -> Status {
        let ended = |outcome, second| {
            let mut promotion = record("prod", Some(outcome), vec![]).promotion;
            promotion.closed_at = Some(at(second));
            promotion
        };
        let mut promoted = ended(Outcome::Promoted, 10);
        promoted.id.version = semver::Version::new(1, 0, 0);
        let ticket = Ticket {
            promotion: id(),
            targets: vec!["arn:x".into()],
            token: TaskToken("secret".into()),
            queued_at: at(30),
        };
        Status {
            open: vec![record("prod", None, vec![])],
            waiting: vec![ticket],
            shows_line: true,
            locks: BTreeSet::from([held("arn:x", "shop/prod/1.1.0/1")]),
            environments: vec![
                environment("shop", "prod", &[promoted, ended(Outcome::RolledBack, 20)]),
                environment("shop", "dev", &[]),
            ],
        }
    }

    fn held(target: &str, by: &str) -> Held {
        Held {
            target: target.to_owned(),
            by: by.to_owned(),
        }
    }

    #[test]
    fn status_shows_what_is_open_waits_is_locked_and_how_it_ended() {
        let expected = "\
shop/prod/1.1.0/1  open  50 s
1 in line: shop/prod/1.1.0/1, for 20 s
locked: arn:x by shop/prod/1.1.0/1

application  environment  promoted  last   outcome     ago
shop         prod         1.0.0     1.1.0  RolledBack  30 s
shop         dev          nothing";
        assert_eq!(lines(&status(), at(50), Style::PLAIN).join("\n"), expected);
    }

    #[test]
    fn who_waits_is_shown_with_those_that_must_be_done_before() {
        let mut status = status();
        status.waiting[0].promotion.version = semver::Version::new(1, 2, 0);
        let mut last = status.waiting[0].clone();
        last.promotion.version = semver::Version::new(1, 3, 0);
        status.waiting.push(last);
        let mut other = status.waiting[0].clone();
        (other.promotion.application, other.targets) = ("cart".to_owned(), vec!["arn:y".into()]);
        status.waiting.push(other);
        let lines = lines(&status, at(50), Style::PLAIN);
        let expected = [
            "1 in line: shop/prod/1.2.0/1, for 20 s, behind shop/prod/1.1.0/1",
            "2 in line: shop/prod/1.3.0/1, for 20 s, behind shop/prod/1.1.0/1, shop/prod/1.2.0/1",
            "3 in line: cart/prod/1.2.0/1, for 20 s",
        ];
        for line in expected {
            assert!(lines.contains(&line.to_owned()), "{lines:#?}");
        }
        let answer = serde_json::to_value(answer(&status, at(50))).expect("JSON");
        let behind = &answer["waiting"][1]["behind"];
        assert_eq!(
            *behind,
            serde_json::json!(["shop/prod/1.1.0/1", "shop/prod/1.2.0/1"])
        );
    }

    #[test]
    fn whoever_shares_a_server_bars_only_whoever_wants_it_alone() {
        let mut status = status();
        let shared = "shared server shop";
        for holder in ["shop/prod/1.1.0/1", "cart/prod/1.0.0/1"] {
            status.locks.insert(held(shared, holder));
        }
        status.waiting[0].promotion.version = semver::Version::new(1, 2, 0);
        status.waiting[0].targets = vec![shared.into(), "arn:z".into()];
        assert_eq!(behind(&status, 0), BTreeSet::new());
        status.waiting[0].targets = vec!["server shop".into()];
        let others = ["cart/prod/1.0.0/1", "shop/prod/1.1.0/1"];
        let others: Vec<String> = others.map(str::to_owned).into();
        assert_eq!(behind(&status, 0).into_iter().collect::<Vec<_>>(), others);
    }

    #[test]
    fn a_promotion_whose_task_was_tried_again_has_one_place_in_line() {
        let [first] = status().waiting.try_into().expect("one");
        let mut other = first.clone();
        other.promotion.application = "cart".to_owned();
        let mut second = first.clone();
        second.queued_at = at(40);
        let line = vec![first.clone(), other.clone(), second];
        assert_eq!(places(line.clone(), None), [first, other.clone()]);
        assert_eq!(places(line, Some("cart")), [other]);
    }

    #[test]
    fn a_line_that_may_not_be_read_is_not_shown_as_an_empty_one() {
        let mut status = status();
        (status.shows_line, status.waiting) = (false, Vec::new());
        let lines = lines(&status, at(50), Style::PLAIN);
        assert_eq!(lines[1], "the line is not shown: you may not read it");
        let answer = serde_json::to_value(answer(&status, at(50))).expect("JSON");
        assert!(answer["waiting"].is_null(), "{answer}");
    }

    #[test]
    fn nothing_open_is_said_and_no_token_is_ever_shown() {
        let mut status = status();
        let text = serde_json::to_string(&answer(&status, at(50))).expect("json");
        assert!(
            !text.contains("secret") && text.contains("queued_at"),
            "{text}"
        );
        status.open.clear();
        assert_eq!(
            lines(&status, at(50), Style::PLAIN)[0],
            "no promotion is open"
        );
    }
}
