//! Takes the migrations of a release back with what the team wrote for it: the `down` of
//! each, newest first.
//!
//! A new migration that mends is the usual way, since a `down` takes away what was written
//! since. This one is for a release whose migrations are in and which serves nobody.
//!
//! A `down` runs in one transaction with the record of it: Sluice's own, and that of the
//! team's tool, which then sees the migration as pending. A single statement that PostgreSQL
//! runs in no transaction is looked at in the catalog before it is tried again.

use std::collections::{BTreeMap, BTreeSet};

use sluice_migration::{File, Lint, Linted, Phase, Reading, Refusal, Script, Tool, lint};

use crate::apply::{Before, Call, Limits, Step, found};
use crate::begin::{Claim, give, has};
use crate::books::Books;
use crate::check::{Sound, violations};
use crate::connect::Session;
use crate::folder::{Folder, Prepared, Work};
use crate::ledger::{Holder, Ledger, key};
use crate::standing::{Found, Item, Standing, look};
use crate::undo_words as words;
use crate::{Error, Result, catalog, interrupted, locks};

/// A release's migrations beside those of the release that serves.
#[derive(Debug, Clone)]
pub struct Undo {
    /// Whose way they follow.
    pub tool: Tool,
    /// Those of both releases, in the order in which they are applied.
    pub(crate) files: Vec<Owned>,
    /// What is known of what takes them back.
    pub(crate) lint: Lint,
}

/// A migration of either release.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    pub(crate) prepared: Prepared,
    /// Whether the release that serves does not have it.
    pub(crate) goes: bool,
    /// What takes it back, as a file of its own.
    pub(crate) down: Option<Prepared>,
}

/// A migration that is to be taken back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goes<'a> {
    pub(crate) owned: &'a Owned,
    /// The one that is applied before it.
    before: Option<&'a File>,
    /// Whether it was begun and nothing of it is in: only its record is left.
    pub(crate) is_bare: bool,
    /// Whether its first unit was begun and is not known to be through.
    is_begun: bool,
    /// Whether an earlier call began to take it back, outside of a transaction.
    half_undone: bool,
}

/// How a database stands.
pub(crate) struct Looked<'a> {
    /// What is to be taken back, in that order: newest first.
    pub(crate) goes: Vec<Goes<'a>>,
    /// What is in.
    pub(crate) applied: Vec<&'a Prepared>,
    /// Why nothing may be taken back: all of it.
    pub(crate) refused: Vec<Refusal>,
}

impl Undo {
    /// What a release brought and the one that serves does not have. `peer`: the latter's
    /// migrations; none where it brings none.
    ///
    /// # Errors
    /// With why, where the two can't be compared.
    pub fn new(
        (folder, lint): (&Folder, &Lint),
        peer: Option<&Folder>,
    ) -> std::result::Result<Self, Vec<Refusal>> {
        if let Some(peer) = peer.filter(|peer| peer.tool != folder.tool) {
            return Err(vec![words::other_tool(folder.tool, peer.tool)]);
        }
        let theirs = peer.map_or(&[][..], |peer| &peer.files);
        let stays: BTreeSet<_> = theirs.iter().map(|one| key(&one.file)).collect();
        let own: BTreeSet<_> = folder.files.iter().map(|one| key(&one.file)).collect();
        let owned = |prepared: &Prepared| Owned {
            goes: !stays.contains(&key(&prepared.file)),
            prepared: prepared.clone(),
            down: None,
        };
        let beside = theirs.iter().filter(|one| !own.contains(&key(&one.file)));
        let mut files: Vec<Owned> = folder.files.iter().chain(beside).map(owned).collect();
        files.sort_by(|one, other| {
            let version = |owned: &Owned| owned.prepared.file.version.clone();
            version(one).cmp(&version(other))
        });
        let (downs, lint) = downs(folder.tool, &files, lint)?;
        for owned in files.iter_mut().filter(|owned| owned.goes) {
            let path = owned.prepared.file.down.as_ref().map(|down| &down.path);
            owned.down = path.and_then(|path| downs.get(path).cloned());
        }
        Ok(Self {
            tool: folder.tool,
            files,
            lint,
        })
    }

    /// Compares the migrations with a database.
    pub(crate) async fn look(&self, session: &Session) -> Result<Looked<'_>> {
        let found = found(session, self.tool).await?;
        let items = self.files.iter().map(|owned| Item {
            file: &owned.prepared.file,
            sha256: &owned.prepared.sha256,
            cuts: &owned.prepared.cuts,
        });
        let (standings, mut refused) = look(&items.collect::<Vec<_>>(), &found);
        let mut goes = Vec::new();
        for (at, (owned, standing)) in self.files.iter().zip(&standings).enumerate() {
            if owned.goes && is_there(*standing) {
                let before = at.checked_sub(1).and_then(|at| self.files.get(at));
                goes.push(Goes {
                    owned,
                    before: before.map(|owned| &owned.prepared.file),
                    is_bare: is_bare(owned, *standing, &found),
                    is_begun: matches!(standing, Standing::Pending { unit: 0, .. }),
                    half_undone: row(&found, owned).is_some_and(|row| row.half_undone),
                });
                continue;
            }
            let is_versioned = !owned.prepared.file.repeatable;
            if let (true, true, [oldest, ..]) = (is_versioned, standing.is_in(), &goes[..]) {
                refused.push(words::stands_on(owned, oldest.owned));
            }
        }
        goes.reverse();
        let each = self.files.iter().zip(&standings);
        let applied = each.filter(|(_, standing)| standing.is_in());
        refused.extend(words::of_downs(&goes, &self.lint, self.tool));
        Ok(Looked {
            applied: applied.map(|(owned, _)| &owned.prepared).collect(),
            goes,
            refused,
        })
    }
}

/// What takes files back, each as a file of its own, by path; newest first, as they run.
fn downs(
    tool: Tool,
    files: &[Owned],
    ups: &Lint,
) -> std::result::Result<(BTreeMap<String, Prepared>, Lint), Vec<Refusal>> {
    let ups: BTreeMap<&str, &Linted> = ups
        .files
        .iter()
        .map(|file| (file.path.as_str(), file))
        .collect();
    let going = files.iter().rev().filter(|owned| owned.goes);
    let files = going.filter_map(|owned| {
        let file = &owned.prepared.file;
        let linted = ups.get(file.path.as_str());
        let statements = linted.map_or(&[][..], |linted| &linted.down);
        let is_alone = matches!(statements, [one] if !one.in_transaction);
        Some(as_file(file, file.down.clone()?, !is_alone))
    });
    let reading = Reading {
        tool: Some(tool),
        files: files.collect(),
        refused: Vec::new(),
    };
    let lint = lint(&reading);
    let folder = Folder::new(reading, &lint)?;
    let by_path = folder.files.into_iter();
    let by_path = by_path.map(|prepared| (prepared.file.path.clone(), prepared));
    Ok((by_path.collect(), lint))
}

/// A `down` in the place of a migration: nobody uses any more what it takes away.
fn as_file(file: &File, down: Script, transaction: bool) -> File {
    File {
        path: down.path.clone(),
        phase: Phase::Contract,
        transaction,
        up: down,
        down: None,
        ..file.clone()
    }
}

/// Whether anything of a file is in the database, or in the ledger.
const fn is_there(standing: Standing) -> bool {
    match standing {
        Standing::Applied | Standing::Adopt => true,
        Standing::Pending {
            unit,
            begun,
            reverted,
        } => !reverted && (unit > 0 || begun),
    }
}

fn row<'a>(found: &'a Found, owned: &Owned) -> Option<&'a crate::ledger::Entry> {
    let mut rows = found.ledger.iter();
    rows.find(|row| row.version == key(&owned.prepared.file) && row.unit == 0)
}

/// Whether a file was begun with a transaction that did not come to its end.
fn is_bare(owned: &Owned, standing: Standing, found: &Found) -> bool {
    let is_first = matches!(standing, Standing::Pending { unit: 0, .. });
    let begins = owned.prepared.units.first();
    let is_same = row(found, owned).is_some_and(|row| row.sha256 == owned.prepared.sha256);
    is_first && is_same && matches!(begins, Some(Work::Transaction(_)))
}

/// Takes a database for a promotion that takes migrations back; see
/// [`begin`](crate::begin::begin).
///
/// # Errors
/// As there.
pub async fn begin(
    session: &Session,
    undo: &Undo,
    limits: Limits,
    claim: Claim<'_>,
) -> Result<i64> {
    if has(session, undo.tool, limits, claim).await? {
        let ledger = Ledger::of(session, undo.tool);
        return ledger.issue(claim.promotion, claim.epoch).await;
    }
    let plan = crate::plan::of_undo(session, undo, limits).await?;
    give(session, undo.tool, plan, Phase::Contract, claim).await
}

/// Takes the newest of the migrations back that are still in.
///
/// # Errors
/// Where it was not taken back, or ([`Error::is_unknown`]) nobody knows; the next call finds
/// out.
pub async fn take_back(
    session: &Session,
    undo: &Undo,
    holder: &Holder,
    limits: Limits,
) -> Result<Step> {
    let until = limits.until();
    let ledger = Ledger::of(session, undo.tool);
    locks::take(session, &ledger, holder, limits.turn).await?;
    locks::take_of_tool(session, undo.tool, limits.turn).await?;
    ledger.open().await?;
    ledger.take(holder).await?;
    let looked = undo.look(session).await?;
    if !looked.refused.is_empty() {
        return Err(Error::Refused {
            place: session.place.clone(),
            refused: looked.refused,
        });
    }
    let Some(next) = looked.goes.first() else {
        return Ok(Step::Done);
    };
    if let Some(books) = Books::of(undo.tool) {
        books.open(&session.client).await?;
    }
    let call = Call {
        session,
        ledger,
        tool: undo.tool,
        holder,
        limits,
        until,
        back: Some(Back {
            file: &next.owned.prepared.file,
            before: next.before,
        }),
    };
    call.take_back(next).await
}

/// Whether anything is left to take back.
///
/// # Errors
/// Where the server can't be asked.
pub async fn is_left(session: &Session, undo: &Undo) -> Result<bool> {
    Ok(!undo.look(session).await?.goes.is_empty())
}

/// Whether all is taken back, nothing that can't be used was left behind, and the queries of
/// the release that serves, by name, find nothing.
///
/// # Errors
/// [`Error::Unsound`] with everything that was found.
pub async fn check(
    session: &Session,
    undo: &Undo,
    generation: i64,
    limits: Limits,
    queries: &[(&str, &str)],
) -> Result<Sound> {
    let until = limits.until();
    let ledger = Ledger::of(session, undo.tool);
    ledger.is_current(generation).await?;
    let looked = undo.look(session).await?;
    let mut found: Vec<String> = looked.refused.iter().map(ToString::to_string).collect();
    let left = looked.goes.iter();
    found.extend(left.map(|one| format!("{} was not taken back", one.owned.prepared.file.path)));
    let differences = catalog::differences(session).await?;
    let invalid = differences.invalid.iter();
    found.extend(invalid.map(|line| format!("it can't be used: {}", &line[2..])));
    found.extend(violations(session, queries, limits, until).await?);
    if !found.is_empty() {
        let place = session.place.clone();
        return Err(Error::Unsound { place, found });
    }
    Ok(Sound {
        applied: looked.applied.len(),
        changes: differences.changes(),
        more_changes: differences.more,
    })
}

/// What a call takes back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Back<'a> {
    file: &'a File,
    /// The one that is applied before it.
    before: Option<&'a File>,
}

impl Back<'_> {
    /// Records that it is taken back, in the transaction that did it.
    pub(crate) async fn record(&self, call: &Call<'_>) -> Result<()> {
        call.ledger.undone(self.file).await?;
        if let Some(books) = Books::of(call.tool) {
            let client = &call.session.client;
            books.remove(client, self.file, self.before).await?;
        }
        Ok(())
    }
}

impl Call<'_> {
    async fn take_back(&self, next: &Goes<'_>) -> Result<Step> {
        let owned = next.owned;
        self.session.limit(self.budget()).await?;
        let down = match &owned.down {
            Some(down) if !next.is_bare && self.is_through(next).await? => down,
            _ => {
                // Nothing of it is in: what is left is the record.
                let prepared = &owned.prepared;
                self.ledger
                    .begin_undo(&prepared.unit(0), self.holder, false)
                    .await?;
                self.transaction(prepared, &prepared.unit(0), &[], true)
                    .await?;
                return Ok(step(&prepared.file));
            }
        };
        let work = down.units.first();
        let is_alone = matches!(work, Some(Work::Alone(..)));
        let unit = owned.prepared.unit(0);
        self.ledger.begin_undo(&unit, self.holder, is_alone).await?;
        let done = match work {
            Some(Work::Transaction(statements)) => {
                self.patiently(down, &unit, statements, true).await
            }
            Some(Work::Alone(statement, halfway)) => {
                let before = Before {
                    begun: next.half_undone,
                    found: false,
                };
                self.alone(&down.file, statement, halfway.as_ref(), before)
                    .await
            }
            // Refused before.
            Some(Work::Backfill(..)) | None => Ok(()),
        };
        if let Err(error) = done {
            let is_whole = match work {
                Some(Work::Alone(_, Some(halfway))) if !error.is_unknown() => {
                    interrupted::is_whole(self.session, halfway).await?
                }
                Some(Work::Alone(..)) => false,
                _ => !error.is_unknown(),
            };
            if is_whole {
                self.ledger.not_undone(&owned.prepared.file).await?;
            }
            return Err(error);
        }
        if is_alone {
            self.transaction(down, &unit, &[], true).await?;
        }
        Ok(step(&down.file))
    }

    /// Whether the first statement of a file that was ended in it is through after all: one
    /// that has no transaction, and of which the catalog says so.
    async fn is_through(&self, next: &Goes<'_>) -> Result<bool> {
        match next.owned.prepared.units.first() {
            Some(Work::Alone(_, Some(halfway))) if next.is_begun => {
                interrupted::settle(self.session, halfway).await
            }
            _ => Ok(true),
        }
    }
}

fn step(file: &File) -> Step {
    Step::Applied {
        path: file.path.clone(),
        unit: 0,
        of: 1,
    }
}
