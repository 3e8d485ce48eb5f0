//! Taking traffic back without Sluice's functions: with the caller's own
//! credentials, from the journal. Nothing of this is new: it is what `shift` does,
//! run here.

use std::cell::RefCell;

use jiff::Timestamp;
use semver::Version;
use serde::Serialize;
use shift::aws::{Accounts, Table};
use shift::{Fact, Goal, Input, PATIENCE, Record, Shift, Undone};
use sluice_domain::journal::Journal;
use sluice_domain::promotion::{Outcome, Promotion, PromotionId};
use sluice_platform::fault::Fault;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Store};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::paint::{Style, Tone};

/// What is taken back.
#[derive(Debug)]
pub(crate) struct Subject {
    id: PromotionId,
    journal: Journal,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Direct {
    /// The promotion that was taken back.
    pub promotion: PromotionId,
    /// The aliases.
    #[serde(flatten)]
    pub undone: Undone,
    /// Why the ledger does not know. None: it does.
    pub not_recorded: Option<String>,
    /// Whether the promotion had committed: then its record goes on saying so.
    pub had_committed: bool,
}

/// The promotion whose traffic a person wants back: the one that they name, or the
/// last that moved any, if that is what serves and was not itself the way back.
///
/// # Errors
/// When there is none, or it must be named; or the state table can't be read.
pub(crate) async fn subject(
    store: &Store,
    (application, environment): (&str, &str),
    named: Option<&PromotionId>,
) -> Result<Subject> {
    let promotions = store.promotions_of(application).await?.into_iter();
    let mut there: Vec<Promotion> = promotions
        .map(|(promotion, _)| promotion)
        .filter(|promotion| promotion.id.environment == environment)
        .collect();
    there.sort_by_key(|promotion| promotion.closed_at.unwrap_or(Timestamp::MAX));
    for promotion in there.iter().rev() {
        if named.is_some_and(|named| *named != promotion.id) {
            continue;
        }
        let journal: Option<Journal> = store.part(&promotion.id, Part::Journal).await?;
        let has_moved = |journal: &Journal| journal.step.is_some() && !journal.functions.is_empty();
        let Some(journal) = journal.filter(has_moved) else {
            continue;
        };
        refuse_what_serves_no_more(&there, promotion, named.is_some())?;
        let id = promotion.id.clone();
        return Ok(Subject { id, journal });
    }
    let what = named.map_or_else(
        || format!("no promotion of {application} into {environment} has moved any traffic"),
        |named| format!("{named} is none of {application}/{environment}, or has moved no traffic"),
    );
    Err(Error::Absent(format!(
        "{what}: there is nothing to take back"
    )))
}

/// Taking back must not bring back what was bad. `there` is all that was promoted
/// into an environment, in order.
fn refuse_what_serves_no_more(there: &[Promotion], last: &Promotion, is_named: bool) -> Result<()> {
    let id = &last.id;
    let refused = |why: String| {
        let message = format!(
            "{why}. Nothing was moved; `--promotion <name>` takes back the one that you name"
        );
        let name = "ambiguous".to_owned();
        Err(Error::Refused { name, message })
    };
    match last.outcome {
        Some(Outcome::RolledBack) => refused(format!(
            "{id} moved traffic last, and is rolled back already"
        )),
        Some(Outcome::Promoted) if !is_named => {
            let promoted = there
                .iter()
                .filter(|other| other.outcome == Some(Outcome::Promoted));
            let mut versions: Vec<&Version> = promoted.map(|other| &other.id.version).collect();
            versions.dedup();
            let is_return = versions
                .iter()
                .filter(|version| **version == &id.version)
                .count()
                > 1;
            match versions.iter().rev().nth(1) {
                Some(bad) if is_return => refused(format!(
                    "{id} was promoted last, and was itself the way back from {bad}, which would serve again"
                )),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

impl Direct {
    /// For people: what stands where, and what to do next.
    pub(crate) fn lines(&self, style: Style) -> Vec<String> {
        let back = self.undone.back.iter().map(|back| format!("  {back}"));
        let left = self.undone.left.iter();
        let left = left.map(|left| style.paint(Tone::Bad, &format!("  left {left}")));
        let mut lines: Vec<String> = back.chain(left).collect();
        if let Some(problem) = &self.not_recorded {
            lines.push(format!("The ledger does not know of it: {problem}"));
        }
        let PromotionId {
            application,
            environment,
            ..
        } = &self.promotion;
        lines.push(if self.had_committed {
            format!(
                "The record says that it was promoted. When Sluice is back, `sluice rollback {application} {environment}` \
                 releases the version before, as it should be recorded"
            )
        } else {
            format!(
                "When Sluice is back it ends the promotion by itself: `sluice watch {}`",
                self.promotion
            )
        });
        lines
    }
}

impl Subject {
    /// What will happen, in a line.
    pub(crate) fn announce(&self) -> String {
        let count = self.journal.functions.len();
        let what = if self.journal.committed {
            "which had committed"
        } else {
            "which is under way"
        };
        format!("{}, {what}: taking {count} aliases back", self.id)
    }

    /// Takes it back.
    ///
    /// # Errors
    /// When the state table fails, or aliases of a promotion under way can't be
    /// put back.
    pub(crate) async fn take_back(
        self,
        context: &Context,
        store: &Store,
        by: &str,
    ) -> Result<Direct> {
        let ledger = context.resources.record_function().ok();
        let shift = Shift {
            account: Accounts::new(&context.config),
            records: Table(store.clone()),
            ledger: BestEffort {
                ledger: ledger.map(|function| Ledger::new(&context.config, function, "shift")),
                by: by.to_owned(),
                notes: RefCell::default(),
                problem: RefCell::default(),
            },
            // Only what shifts forward is given a hook.
            hook: String::new(),
            patience: PATIENCE,
        };
        let mut had_committed = self.journal.committed;
        if !had_committed {
            // Whatever still runs of it can't write an alias any more.
            let generation = store.raise_generation(&self.id).await?;
            let input = |goal| Input {
                goal,
                promotion: self.id.clone(),
                generation,
                step: None,
            };
            let not_back = |error: shift::Error| Error::NotBack(error.to_string());
            let back = shift
                .handle(input(Goal::Stable), Timestamp::now)
                .await
                .map_err(not_back)?;
            // It may have committed a moment ago.
            had_committed = back.settled == Some(Outcome::Promoted);
            if !had_committed {
                shift
                    .handle(input(Goal::Verify), Timestamp::now)
                    .await
                    .map_err(not_back)?;
            }
        }
        let undone = if had_committed {
            let undone = shift.undo(&self.id, &self.journal, by).await;
            undone.map_err(|error| Error::NotBack(error.to_string()))?
        } else {
            self.taken_out(shift.ledger.notes.take())
        };
        Ok(Direct {
            promotion: self.id,
            undone,
            not_recorded: shift.ledger.problem.take(),
            had_committed,
        })
    }

    /// Rolling back takes the new version out, whatever else is there.
    fn taken_out(&self, left: Vec<String>) -> Undone {
        let entries = self.journal.functions.values().rev();
        let back = entries.map(|entry| {
            let before = entry.stable.as_ref();
            let before = before.map_or("its alias is gone".to_owned(), |stable| {
                format!("version {stable} was before it")
            });
            format!(
                "{}:{} off version {}: {before}",
                entry.name, entry.alias, entry.canary
            )
        });
        Undone {
            back: back.collect(),
            left,
        }
    }
}

/// Records what it can: who acts because Sluice is down must not be stopped by
/// what is down.
struct BestEffort {
    ledger: Option<Ledger>,
    by: String,
    /// What `shift` noted of aliases that somebody else moved.
    notes: RefCell<Vec<String>>,
    problem: RefCell<Option<String>>,
}

impl Record for BestEffort {
    async fn record(&self, id: &PromotionId, fact: Fact) -> Result<(), Fault> {
        let notes = fact.facts["notes"].as_array().into_iter().flatten();
        let notes = notes.filter_map(|note| note.as_str().map(str::to_owned));
        self.notes.borrow_mut().extend(notes);
        let problem = match &self.ledger {
            None => Some("the stack names no function that records".to_owned()),
            Some(ledger) => ledger
                .append_as(&self.by, id, fact.kind, &fact.key, fact.facts)
                .await
                .err()
                .map(|fault| fault.to_string()),
        };
        if let Some(problem) = problem {
            self.problem.replace(Some(problem));
        }
        Ok(())
    }
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

    fn refusal(there: &[Promotion], is_named: bool) -> Option<String> {
        let last = there.last().expect("a promotion");
        let refused = refuse_what_serves_no_more(there, last, is_named).err();
        refused.map(|error| error.to_string())
    }

    #[test]
    fn what_was_promoted_last_is_taken_back_without_its_name() {
        let first = promotion("1.0.0", Outcome::Promoted, 10);
        assert_eq!(refusal(std::slice::from_ref(&first), false), None);
        let second = promotion("1.1.0", Outcome::Promoted, 20);
        assert_eq!(refusal(&[first, second], false), None);
    }

    #[test]
    fn the_way_back_is_not_taken_back_to_what_was_bad_unless_it_is_named() {
        let there = [
            promotion("1.0.0", Outcome::Promoted, 10),
            promotion("1.1.0", Outcome::Promoted, 20),
            promotion("1.0.0", Outcome::Promoted, 30),
        ];
        let refused = refusal(&there, false).expect("refused");
        assert!(refused.contains("the way back from 1.1.0"), "{refused}");
        assert_eq!(refusal(&there, true), None);
    }

    #[test]
    fn a_healthy_environment_does_not_pay_for_what_rolled_itself_back() {
        let there = [
            promotion("1.0.0", Outcome::Promoted, 10),
            promotion("1.1.0", Outcome::RolledBack, 20),
        ];
        let refused = refusal(&there, false).expect("refused");
        assert!(refused.contains("rolled back already"), "{refused}");
    }
}
