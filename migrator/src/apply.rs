//! Does what is next: one unit of one file, in a session of its own.
//!
//! Whoever calls this may be ended at any moment, and so may the server. Nothing is
//! remembered here: each call compares the folder with the database and goes on from
//! there. A unit that has a transaction is recorded within it, so it is through or never
//! was. One that has none is looked at in the catalog before it is tried again.

use std::time::Duration;

use rand::RngExt;
use sluice_migration::{File, Halfway, Phase, Refusal, Tool};
use tokio::time::Instant;

use crate::books::{Books, Took};
use crate::connect::{Budget, Session};
use crate::error::{Place, said};
use crate::folder::{Piece, Work};
use crate::ledger::{Holder, Ledger, Unit, key};
use crate::patience::Waits;
use crate::plan::refused::reverted;
use crate::standing::{Found, Standing, half_undone, look};
use crate::undo::Back;
use crate::{Error, Result, interrupted, locks};

pub use crate::folder::{Folder, Prepared};

/// How long a call may take, and how patient it is.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// What statements may take.
    pub budget: Budget,
    /// How long it waits for others who migrate the same database.
    pub turn: Duration,
    /// How long it goes on asking for a lock on a table, in pauses between tries.
    pub patience: Duration,
    /// How long it may take in all.
    pub call: Duration,
}

/// What a call leaves of its time, to record what it did and to answer.
pub(crate) const MARGIN: Duration = Duration::from_secs(10);

impl Limits {
    /// The longest that a unit may take.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.budget.statement.min(self.call.saturating_sub(MARGIN))
    }

    /// When a call that begins now is to be through.
    pub(crate) fn until(&self) -> Instant {
        Instant::now() + self.call.saturating_sub(MARGIN)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            budget: Budget::default(),
            turn: Duration::from_secs(5),
            patience: Duration::from_secs(60),
            // A function of Lambda's may take 15 minutes (AWS Lambda's quotas).
            call: Duration::from_secs(14 * 60),
        }
    }
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A unit is through now.
    Applied {
        /// Its file.
        path: String,
        /// Which of the file's units, from 0.
        unit: usize,
        /// Of how many.
        of: usize,
    },
    /// The call's time is nearly over, and a unit that goes in batches is not through. The
    /// next call goes on with it.
    Progress {
        /// Its file.
        path: String,
        /// Which of the file's units, from 0.
        unit: usize,
        /// Of how many.
        of: usize,
        /// How many rows were changed so far.
        rows: u64,
        /// Which part of the table was looked at, from 0 to 1; 0 where nobody knows.
        fraction: f64,
    },
    /// Nothing of this phase is left.
    Done,
}

/// A call, and whether another one is to follow.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// What it came to.
    pub step: Step,
    /// Whether anything of the phase is left.
    pub more: bool,
}

/// Compares a folder with a database: how each file stands, and everything that does not
/// fit.
///
/// # Errors
/// Where the server refuses.
pub async fn compare(session: &Session, folder: &Folder) -> Result<(Vec<Standing>, Vec<Refusal>)> {
    let found = found(session, folder.tool).await?;
    let (standings, unfit) = look(&folder.items(), &found);
    let mut refused = folder.refused(&standings);
    refused.extend(unfit);
    refused.extend(half_undone(&found.ledger));
    Ok((standings, refused))
}

/// What a database says of itself, in the ledger and in a tool's table.
pub(crate) async fn found(session: &Session, tool: Tool) -> Result<Found> {
    let ledger = Ledger::of(session, tool).entries().await?;
    let table = Books::of(tool);
    let (books, has_table) = match &table {
        Some(table) => {
            let rows = table.entries(&session.client).await?;
            let has_table = rows.is_some();
            (Some(rows.unwrap_or_default()), has_table)
        }
        None => (None, false),
    };
    Ok(Found {
        ledger,
        books,
        has_table,
        is_mark: table.is_some_and(|table| table.is_mark()),
    })
}

/// Applies the next unit of a phase.
///
/// # Errors
/// Where it was not applied, or ([`Error::is_unknown`]) nobody knows; the next call finds
/// out.
pub async fn apply(
    session: &Session,
    folder: &Folder,
    phase: Phase,
    holder: &Holder,
    limits: Limits,
) -> Result<Turn> {
    let until = limits.until();
    let ledger = Ledger::of(session, folder.tool);
    locks::take(session, &ledger, holder, limits.turn).await?;
    locks::take_of_tool(session, folder.tool, limits.turn).await?;
    ledger.open().await?;
    ledger.take(holder).await?;
    // A table of the tool's that is gone must be missed before it is made.
    let (standings, mut refused) = compare(session, folder).await?;
    refused.extend(reverted(folder, &standings));
    if !refused.is_empty() {
        return Err(Error::Refused {
            place: session.place.clone(),
            refused,
        });
    }
    if let Some(books) = Books::of(folder.tool) {
        books.open(&session.client).await?;
    }
    let call = Call {
        session,
        ledger,
        tool: folder.tool,
        holder,
        limits,
        until,
        back: None,
    };
    let files: Vec<(&Prepared, &Standing)> = folder.files.iter().zip(&standings).collect();
    for (at, (prepared, standing)) in files.iter().enumerate() {
        match **standing {
            Standing::Applied => {}
            Standing::Adopt => {
                call.adopt(prepared).await?;
            }
            Standing::Pending { .. } if prepared.file.phase != phase => break,
            Standing::Pending { unit, begun, .. } => {
                let step = call.run(prepared, unit, begun).await?;
                let is_through = matches!(&step, Step::Applied { unit, of, .. } if unit + 1 >= *of);
                let more = !is_through || is_left(&files[at + 1..], phase);
                return Ok(Turn { step, more });
            }
        }
    }
    Ok(Turn {
        step: Step::Done,
        more: false,
    })
}

/// Whether anything of a phase is left behind a file of which all is in.
fn is_left(rest: &[(&Prepared, &Standing)], phase: Phase) -> bool {
    let next = rest.iter().find(|(_, standing)| !standing.is_in());
    next.is_some_and(|(prepared, _)| prepared.file.phase == phase)
}

/// One call's work.
pub(crate) struct Call<'a> {
    pub(crate) session: &'a Session,
    pub(crate) ledger: Ledger<'a>,
    pub(crate) tool: Tool,
    pub(crate) holder: &'a Holder,
    pub(crate) limits: Limits,
    /// When it is to be through.
    pub(crate) until: Instant,
    /// What is taken back. None: something is applied.
    pub(crate) back: Option<Back<'a>>,
}

/// How a statement without a transaction stood when its call began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    /// Whether an earlier call began it.
    pub(crate) begun: bool,
    /// Whether what it is to do was there before it was begun first.
    pub(crate) found: bool,
}

impl Call<'_> {
    async fn run(&self, prepared: &Prepared, index: usize, begun: bool) -> Result<Step> {
        let unit = prepared.unit(index);
        let is_last = index + 1 >= prepared.units.len();
        self.session.limit(self.budget()).await?;
        let work = prepared.units.get(index);
        let found = match work {
            Some(Work::Alone(_, Some(halfway))) => {
                interrupted::is_so(self.session, halfway).await?
            }
            _ => false,
        };
        let found = self.begin(prepared, &unit, found).await?;
        match work {
            Some(Work::Transaction(statements)) => {
                self.patiently(prepared, &unit, statements, is_last).await?;
            }
            Some(Work::Alone(statement, halfway)) => {
                let (file, halfway) = (&prepared.file, halfway.as_ref());
                let before = Before { begun, found };
                self.alone(file, statement, halfway, before).await?;
                self.patiently(prepared, &unit, &[], is_last).await?;
            }
            Some(Work::Backfill(statement, backfill)) => {
                let step = self.batches(prepared, &unit, statement, backfill).await?;
                if let Some(step) = step {
                    return Ok(step);
                }
                self.patiently(prepared, &unit, &[], is_last).await?;
            }
            // A file without a statement is recorded like any other.
            None => self.patiently(prepared, &unit, &[], true).await?,
        }
        Ok(Step::Applied {
            path: prepared.file.path.clone(),
            unit: index,
            of: unit.of,
        })
    }

    /// How long statements may take: no longer than what is left of the call.
    pub(crate) fn budget(&self) -> Budget {
        let budget = self.limits.budget;
        let left = self.until.saturating_duration_since(Instant::now());
        Budget {
            // What little is asked at the end of a call has a part of the margin.
            statement: budget.statement.min(left.max(MARGIN / 2)),
            ..budget
        }
    }

    /// Until when it goes on asking for locks.
    pub(crate) fn patience(&self) -> Instant {
        self.until.min(Instant::now() + self.limits.patience)
    }

    /// The pause before the next try to get a lock.
    pub(crate) fn pause(&self) -> Duration {
        let wait = self.limits.budget.lock;
        wait.mul_f64(rand::rng().random_range(0.5..2.0))
    }

    /// Tries a transaction again while locks are not to be had.
    pub(crate) async fn patiently(
        &self,
        prepared: &Prepared,
        unit: &Unit<'_>,
        statements: &[Piece],
        is_last: bool,
    ) -> Result<()> {
        let line = statements.first().map_or(1, |first| first.line);
        let tries = self.tries(&prepared.file, line);
        loop {
            match self.transaction(prepared, unit, statements, is_last).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.again(error).await?,
            }
        }
    }

    /// Runs statements and records them, as one.
    pub(crate) async fn transaction(
        &self,
        prepared: &Prepared,
        unit: &Unit<'_>,
        statements: &[Piece],
        is_last: bool,
    ) -> Result<()> {
        let done = self.within(prepared, unit, statements, is_last).await;
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.session.client.batch_execute(end).await;
        done?;
        // What is checked at the end of a transaction is refused there.
        ended.map_err(|source| match (source.as_db_error(), statements.last()) {
            (Some(error), Some(statement)) => Error::Statement {
                place: Place {
                    path: prepared.file.path.clone(),
                    line: statement.line,
                },
                what: format!("at its COMMIT: {}", said(error)),
                code: error.code().code().to_owned(),
            },
            _ => Error::server("COMMIT")(source),
        })
    }

    async fn within(
        &self,
        prepared: &Prepared,
        unit: &Unit<'_>,
        statements: &[Piece],
        is_last: bool,
    ) -> Result<()> {
        let client = &self.session.client;
        let begun = client.batch_execute("BEGIN").await;
        begun.map_err(Error::server("BEGIN"))?;
        self.ledger.hold(self.holder).await?;
        let mut waits = Waits::new(self.limits.budget.lock);
        for statement in statements {
            self.wait(&mut waits).await?;
            let begun = Instant::now();
            self.send(&prepared.file, statement).await?;
            if !statement.is_long {
                waits.spend(begun.elapsed());
            }
        }
        self.wait(&mut waits).await?;
        if !statements.is_empty() {
            self.session.restore().await?;
        }
        if let Some(back) = &self.back {
            return back.record(self).await;
        }
        self.ledger.finish(unit).await?;
        if let Some(books) = Books::of(self.tool).filter(|_| is_last) {
            let nanos = self.ledger.took(&prepared.file).await?;
            books.write(client, &prepared.file, Took { nanos }).await?;
        }
        Ok(())
    }

    /// Runs a statement that has no transaction, unless it is through: an earlier call
    /// may have been ended before it could say so. The waits for locks of what goes on
    /// beside others have no limit of their own: one that ran out would leave an index behind
    /// that nobody can use.
    pub(crate) async fn alone(
        &self,
        file: &File,
        statement: &Piece,
        halfway: Option<&Halfway>,
        before: Before,
    ) -> Result<()> {
        let budget = self.budget();
        let lock = match statement.is_concurrent {
            true => Duration::ZERO,
            false => budget.lock,
        };
        self.session.limit(Budget { lock, ..budget }).await?;
        let own = halfway.filter(|_| !before.found);
        let is_through = match own.filter(|_| before.begun) {
            Some(halfway) => interrupted::settle(self.session, halfway).await?,
            None => false,
        };
        if !is_through {
            self.send_alone(file, statement, own).await?;
        }
        if let Some(halfway) = halfway
            && !interrupted::is_usable(self.session, halfway).await?
        {
            return Err(Error::Unusable {
                place: Place {
                    path: file.path.clone(),
                    line: statement.line,
                },
            });
        }
        self.session.limit(self.budget()).await
    }

    /// Sends a statement that has no transaction, again and again while it gets no lock. What
    /// it may leave behind is told.
    async fn send_alone(
        &self,
        file: &File,
        statement: &Piece,
        own: Option<&Halfway>,
    ) -> Result<()> {
        let tries = self.tries(file, statement.line);
        loop {
            let Err(mut error) = self.send(file, statement).await else {
                return Ok(());
            };
            if let (Error::Statement { what, .. }, Some(halfway)) = (&mut error, own)
                && interrupted::is_left(self.session, halfway).await?
            {
                what.push_str(
                    "; it left an index behind that is not valid, which the next try drops",
                );
            }
            if statement.is_concurrent {
                return Err(error);
            }
            tries.again(error).await?;
        }
    }

    async fn send(&self, file: &File, statement: &Piece) -> Result<()> {
        let text = &file.up.text[statement.range.clone()];
        let sent = self.session.client.batch_execute(text).await;
        sent.map_err(|source| failed(file, statement.line, text, source))
    }
}

/// What came of a statement that begins in this line.
pub(crate) fn failed(file: &File, line: usize, text: &str, source: tokio_postgres::Error) -> Error {
    let path = file.path.clone();
    match source.as_db_error() {
        None => Error::Cut {
            place: Place { path, line },
            source,
        },
        Some(error) => Error::Statement {
            place: Place {
                path,
                line: line + lines_before(text, error.position()),
            },
            what: said(error),
            code: error.code().code().to_owned(),
        },
    }
}

/// How many lines of a statement lie before the place that the server names.
fn lines_before(text: &str, position: Option<&tokio_postgres::error::ErrorPosition>) -> usize {
    let Some(tokio_postgres::error::ErrorPosition::Original(place)) = position else {
        return 0;
    };
    let before = text.chars().take((*place as usize).saturating_sub(1));
    before.filter(|char| *char == '\n').count()
}

/// What names a file to its tool, for messages.
#[must_use]
pub fn name(prepared: &Prepared) -> std::borrow::Cow<'_, str> {
    key(&prepared.file)
}
