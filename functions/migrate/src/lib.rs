//! Plans, applies and checks a bundle's migrations, next to the database, and tries them
//! on a copy of it; looks whether the code that serves fits a database that is put back to a
//! backup.
//!
//! Decides: whether the database is still what was planned for, and what is next. It gets
//! all it needs to know with each call and answers in full, because it may run in another
//! account and VPC, from where neither Sluice's tables nor its functions can be reached.
//!
//! Environment: `SLUICE_DATABASE_HOSTS`.
//!
//! Never: applies what is not in the pinned bundle, tells or logs a credential, or
//! remembers anything between two calls: what was done stands in the database.

pub mod aws;
mod door;
mod error;
mod open;
mod peer;
mod rehearsal;
mod restore;
mod summary;
mod undo;

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluice_domain::digest::Digest;
use sluice_domain::migrations::{
    Applied, Archive, Brought, Checked, CopyPlace, Hosts, IamUser, MigrationPlan, Operation,
    RehearsedUnits, Request, RestorePlan, Restored,
};
use sluice_migrator::apply::Step;
use sluice_migrator::begin::Claim;
use sluice_migrator::ledger::Holder;
use sluice_migrator::{begin, check, plan};
use sluice_platform::fault::Fault;

pub use error::Error;
use open::{Opened, Server};
pub use rehearsal::Rehearsed;

/// What the state machine asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "goal", rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// What would applying the migrations do?
    Plan {
        /// Which, and where.
        request: Box<Request>,
    },
    /// Nothing was to be applied: does that still hold, and does the code still fit?
    Confirm {
        /// Which, and where.
        request: Box<Request>,
        /// Since when the promotion has its locks: whoever had them before does nothing
        /// any more.
        epoch: i64,
    },
    /// Apply what is next, or take it back.
    Apply {
        /// Which, and where.
        request: Box<Request>,
        /// When the promotion got its locks, in milliseconds: a later holder of them has a
        /// larger one.
        epoch: i64,
        /// The plan that people approved. Null: nobody was asked, and a promotion that
        /// waited in line goes on from what the one before it left.
        approved: Option<Digest>,
        /// What the database gave the call before. Null: this is the first one.
        token: Option<i64>,
        /// The backup that was made before.
        backup: Option<String>,
    },
    /// Try what is next on a copy.
    Rehearse {
        /// Which, and where the database itself is.
        request: Box<Request>,
        /// Where the copy is.
        copy: CopyPlace,
        /// Until when the copy is kept: on it, the promotion's epoch.
        until: Timestamp,
        /// What the copy gave the call before. Null: this is the first one.
        token: Option<i64>,
        /// What was applied there so far.
        units: RehearsedUnits,
    },
    /// Is everything as it has to be?
    Check {
        /// Which, and where.
        request: Box<Request>,
        /// What the database gave.
        token: i64,
    },
    /// Have nothing of this promotion, or of one with an earlier epoch, do anything any more.
    Fence {
        /// Of which, and where. What it brings is not read.
        request: Box<Request>,
        /// The promotion's own.
        epoch: i64,
    },
    /// Which migrations would a restore take back, and does the code that serves need one?
    Lost {
        /// Which database, and what serves.
        request: Box<Request>,
        /// What is known of the restore without the database.
        restore: Box<RestorePlan>,
    },
    /// Is a restored database what it has to be?
    Restored {
        /// Which database, and what serves.
        request: Box<Request>,
        /// Since when the promotion has its locks: who had them before does nothing here.
        epoch: i64,
        /// When its backup was made. Null: nobody knows.
        made_at: Option<Timestamp>,
        /// Where the server of before answers now. Null: it does not, or nobody replaced one.
        #[serde(default)]
        before: Option<CopyPlace>,
    },
}

/// What was reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// What applying them would do.
    Planned {
        /// In short.
        plan: Box<MigrationPlan>,
        /// Whether that is tried on a copy first.
        rehearses: bool,
    },
    /// Nothing is to be applied, and the code fits the schema.
    Confirmed {
        /// Always true.
        confirmed: bool,
    },
    /// One unit is through.
    Applied(Applied),
    /// One unit is through on a copy, or there was none left.
    Rehearsed(Rehearsed),
    /// Everything is as it has to be.
    Checked {
        /// What stands.
        checked: Checked,
    },
    /// The promotion is fenced off, whether it ever began or not.
    Fenced {
        /// True.
        fenced: bool,
    },
    /// What a restore would do.
    RestorePlanned {
        /// All of it.
        restore: Box<RestorePlan>,
    },
    /// A restored database is what it has to be.
    Restored {
        /// What stands.
        restored: Restored,
    },
}

/// Where migrations lie.
pub trait Archives {
    /// A pinned object's bytes, of which there must not be more than `most`. Reads only.
    fn read(&self, archive: &Archive, most: u64) -> impl Future<Output = Result<Vec<u8>, Fault>>;
}

/// Who lets into a database.
pub trait Keys {
    /// A secret's text. Reads only.
    fn secret(&self, name: &str) -> impl Future<Output = Result<String, Fault>>;

    /// A token for a user of a server, for a quarter of an hour. Nothing is sent for it.
    fn token(
        &self,
        user: &IamUser,
        host: &str,
        port: u16,
    ) -> impl Future<Output = Result<String, Fault>>;
}

/// The function, for one call.
pub struct Migrate<A, K> {
    /// Where migrations lie.
    pub archives: A,
    /// Who lets in.
    pub keys: K,
    /// What it may connect to.
    pub hosts: Hosts,
    /// When Lambda ends the call.
    pub until: Instant,
}

impl<A: Archives, K: Keys> Migrate<A, K> {
    /// Handles one request.
    ///
    /// # Errors
    /// With what does not fit, what the server said, or the call that failed.
    pub async fn handle(&self, input: Input) -> Result<Output, Error> {
        if let Some(answer) = self.undo(&input).await? {
            return Ok(answer);
        }
        match input {
            Input::Plan { request } => {
                let plan = self.planned(&request).await?;
                let rehearses = rehearses(&request, &plan);
                let plan = Box::new(plan);
                Ok(Output::Planned { plan, rehearses })
            }
            Input::Confirm { request, epoch } => {
                self.fence_others(&request, epoch).await?;
                let plan = self.planned(&request).await?;
                refuse_what_came_up(&plan)?;
                Ok(Output::Confirmed { confirmed: true })
            }
            Input::Apply {
                request,
                epoch,
                approved,
                token,
                backup,
            } => {
                let opened = self.open(&request, Server::Own, token.is_none()).await?;
                let promotion = request.promotion.to_string();
                let token = match token {
                    Some(token) => token,
                    None => {
                        let claim = claim(&promotion, epoch, approved.as_ref());
                        self.begin(&request, &opened, claim).await?
                    }
                };
                let holder = holder(&request, epoch, token, backup);
                let applied = self.apply(&request, &opened, &holder).await?;
                Ok(Output::Applied(applied))
            }
            Input::Rehearse {
                request,
                copy,
                until,
                token,
                units,
            } => {
                let before = (token, units);
                let rehearsed = self.rehearse(&request, (&copy, until), before).await?;
                Ok(Output::Rehearsed(rehearsed))
            }
            Input::Check { request, token } => {
                let opened = self.open(&request, Server::Own, false).await?;
                let checked = self.check(&request, &opened, token).await?;
                Ok(Output::Checked { checked })
            }
            Input::Fence { request, epoch } => {
                self.fence(&request, epoch).await?;
                Ok(Output::Fenced { fenced: true })
            }
            Input::Lost { request, restore } => {
                let restore = Box::new(self.lost(&request, *restore).await?);
                Ok(Output::RestorePlanned { restore })
            }
            Input::Restored {
                request,
                epoch,
                made_at,
                before,
            } => {
                let server = (made_at, before.as_ref());
                let restored = self.restored(&request, epoch, server).await?;
                Ok(Output::Restored { restored })
            }
        }
    }

    async fn fence(&self, request: &Request, epoch: i64) -> Result<(), Error> {
        let session = self.session(request, true).await?;
        let promotion = request.promotion.to_string();
        let limits = self.limits(&request.database);
        sluice_migrator::fence(&session, &promotion, epoch, limits).await?;
        Ok(())
    }

    /// Ends what earlier promotions may still do: what is looked at then stays so.
    pub(crate) async fn fence_others(&self, request: &Request, epoch: i64) -> Result<(), Error> {
        let session = self.session(request, true).await?;
        let (promotion, limits) = (&request.promotion, self.limits(&request.database));
        let promotion = promotion.to_string();
        sluice_migrator::fence_if_begun(&session, &promotion, epoch, limits).await?;
        Ok(())
    }

    /// What applying the migrations would do; of what goes back, that nothing is applied.
    async fn planned(&self, request: &Request) -> Result<MigrationPlan, Error> {
        if request.goes_back {
            let (session, folder) = self.look(request).await?;
            let reads = door::reads(request);
            let applied = check::fits(&session, folder.as_ref(), &reads).await?;
            let tool = folder.map(|folder| folder.tool);
            return Ok(summary::of_a_way_back(request, &session, tool, applied));
        }
        let opened = self.open(request, Server::Own, true).await?;
        self.plan(request, &opened).await
    }

    async fn plan(&self, request: &Request, opened: &Opened) -> Result<MigrationPlan, Error> {
        let Opened {
            session,
            folder,
            lint,
        } = opened;
        let limits = self.limits(&request.database);
        let plan = plan::plan(session, folder, lint, limits).await?;
        let mut summary = summary::of(&plan, request.phase)?;
        summary.checks = summary::checks(&brought(request)?.migrations);
        self.refuse_what_bars_the_way_back(request, &plan, folder)
            .await?;
        Ok(summary)
    }

    async fn begin(
        &self,
        request: &Request,
        opened: &Opened,
        claim: Claim<'_>,
    ) -> Result<i64, Error> {
        let Opened {
            session,
            folder,
            lint,
        } = opened;
        let (limits, phase) = (self.limits(&request.database), door::phase(request.phase));
        let begun = begin::begin(session, (folder, lint), limits, phase, claim).await?;
        Ok(begun)
    }

    async fn apply(
        &self,
        request: &Request,
        opened: &Opened,
        holder: &Holder,
    ) -> Result<Applied, Error> {
        let (step, _, more) = self.step(request, opened, holder).await?;
        let (what, token) = (summary::step(&step), holder.generation);
        tracing::info!(promotion = %request.promotion, what, more, "applied");
        Ok(Applied { token, more, what })
    }

    /// Does what is next, and answers what that was, how long it took, and whether more is
    /// left.
    async fn step(
        &self,
        request: &Request,
        opened: &Opened,
        holder: &Holder,
    ) -> Result<(Step, Duration, bool), Error> {
        let phase = door::phase(request.phase);
        let (session, folder) = (&opened.session, &opened.folder);
        let limits = self.limits(&request.database);
        let began = Instant::now();
        let turn = sluice_migrator::apply::apply(session, folder, phase, holder, limits).await?;
        Ok((turn.step, began.elapsed(), turn.more))
    }

    async fn check(
        &self,
        request: &Request,
        opened: &Opened,
        token: i64,
    ) -> Result<Checked, Error> {
        let queries = brought(request)?.migrations.checks.iter();
        let queries = queries.map(|check| (check.name.as_str(), check.query.as_str()));
        let queries: Vec<(&str, &str)> = queries.collect();
        let phase = door::phase(request.phase);
        let (session, folder) = (&opened.session, &opened.folder);
        let limits = self.limits(&request.database);
        let found = check::check(session, folder, phase, token, limits, &queries).await?;
        Ok(Checked {
            applied: found.applied,
            changes: found.changes,
            more_changes: found.more_changes,
            queries: queries.len(),
        })
    }
}

/// Where nothing was to be applied nobody made a backup, and nobody was asked.
fn refuse_what_came_up(plan: &MigrationPlan) -> Result<(), Error> {
    match plan.pending {
        0 => Ok(()),
        _ => Err(Error::CameUp {
            place: plan.place.clone(),
            files: plan.files.clone(),
        }),
    }
}

/// Who wants the database.
fn claim<'a>(promotion: &'a str, epoch: i64, approved: Option<&'a Digest>) -> Claim<'a> {
    Claim {
        promotion,
        epoch,
        approved: approved.map(Digest::hex),
    }
}

/// Who has it.
fn holder(request: &Request, epoch: i64, token: i64, backup: Option<String>) -> Holder {
    let id = &request.promotion;
    Holder {
        promotion: id.to_string(),
        release: format!("{} {}", id.application, id.version),
        generation: token,
        epoch,
        backup,
    }
}

/// Whether a plan is tried on a copy before people are asked: the settings want it, and
/// there is something to try. What is taken back is not tried.
fn rehearses(request: &Request, plan: &MigrationPlan) -> bool {
    let applies = matches!(request.operation, None | Some(Operation::Contract {}));
    request.database.rehearsal.is_some() && plan.pending > 0 && applies
}

/// What the bundle brings: without it there is nothing to apply.
fn brought(request: &Request) -> Result<&Brought, Error> {
    let brings = request.brings.as_ref();
    brings.ok_or_else(|| Error::NothingBrought(request.promotion.clone()))
}

#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
