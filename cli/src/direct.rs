//! Taking traffic back without Sluice's functions: with the caller's own
//! credentials, from the journal. Nothing of this is new: it is what `shift` does,
//! run here.

use std::cell::RefCell;

use jiff::Timestamp;
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

/// The promotion whose traffic a person wants back: the one that is shifting
/// there, else the one that committed last.
///
/// # Errors
/// When there is none, or the state table can't be read.
pub(crate) async fn subject(
    store: &Store,
    application: &str,
    environment: &str,
) -> Result<Subject> {
    let promotions = store.promotions_of(application).await?.into_iter();
    let mut there: Vec<Promotion> = promotions
        .map(|(promotion, _)| promotion)
        .filter(|promotion| promotion.id.environment == environment)
        .collect();
    there.sort_by_key(|promotion| promotion.closed_at.unwrap_or(Timestamp::MAX));
    for Promotion { id, outcome, .. } in there.into_iter().rev() {
        let may_serve = matches!(
            outcome,
            None | Some(Outcome::Promoted | Outcome::Stranded | Outcome::Aborted)
        );
        if !may_serve {
            continue;
        }
        let journal: Option<Journal> = store.part(&id, Part::Journal).await?;
        if let Some(journal) = journal.filter(|journal| journal.step.is_some()) {
            return Ok(Subject { id, journal });
        }
    }
    Err(Error::Absent(format!(
        "no promotion of {application} into {environment} has moved any traffic: there is nothing to take back"
    )))
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
        let undone = if self.journal.committed {
            shift.undo(&self.id, &self.journal, by).await
        } else {
            // Whatever still runs of it can't write an alias any more.
            let generation = store.raise_generation(&self.id).await?;
            let input = |goal| Input {
                goal,
                promotion: self.id.clone(),
                generation,
                step: None,
            };
            let now = Timestamp::now();
            match shift.handle(input(Goal::Stable), now).await {
                Ok(_) => shift.handle(input(Goal::Verify), now).await,
                failed => failed,
            }
            .map(|_| self.taken_out(shift.ledger.notes.take()))
        };
        Ok(Direct {
            promotion: self.id,
            undone: undone.map_err(|error| Error::NotBack(error.to_string()))?,
            not_recorded: shift.ledger.problem.take(),
            had_committed: self.journal.committed,
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
