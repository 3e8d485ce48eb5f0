//! Forward: one step for the whole group, journal first.

use std::cell::Cell;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::json;
use sluice_domain::alias::{Alias, Forward, Routing, forward, intent};
use sluice_domain::codedeploy::Deployment;
use sluice_domain::journal::{Entry, Journal};
use sluice_domain::ledger::Kind;
use sluice_domain::owner::{Deed, mover, sign};
use sluice_domain::plan::Plan;
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::Step;
use sluice_platform::pace::IN_FLIGHT;
use sluice_platform::store::StoreError;

use crate::{
    Account, Aliases, Error, Fact, Input, Next, Output, Record, Records, Shift, WriteError,
};

impl<A: Account, R: Records, L: Record> Shift<A, R, L> {
    /// Takes the step that the input names, or answers again for one that was taken.
    pub(crate) async fn step(
        &self,
        input: &Input,
        clock: impl Fn() -> Timestamp,
    ) -> Result<Output, Error> {
        let now = clock();
        let id = &input.promotion;
        let (plan, mut journal) = self.begin(input).await?;
        let out_of_step = |next: Option<usize>| Error::OutOfStep {
            asked: input
                .step
                .map_or("none".to_owned(), |step| step.to_string()),
            next: next.map_or("none".to_owned(), |step| step.to_string()),
        };
        let asked = input.step.ok_or_else(|| out_of_step(None))?;
        if journal.step == Some(asked) && journal.shifted_at.is_some() {
            // An earlier try may have failed to record what it did.
            self.record_shift(input, asked, &journal).await?;
            return answer(&plan, asked).ok_or_else(|| out_of_step(None));
        }
        let due = due(&journal);
        let Some(step) = journal
            .steps
            .get(asked)
            .cloned()
            .filter(|_| due == Some(asked) || may_jump_to(asked, &journal))
        else {
            return Err(out_of_step(due));
        };
        let is_repeated = journal.step == Some(asked);
        journal.step = Some(asked);
        journal.shifted_at = None;
        // Also the fence: a zombie can't save, so it never gets to write an alias.
        self.records.save(id, input.generation, &journal).await?;
        if journal.is_deployed()
            && let Some(under_way) = self
                .deploy(input, &plan, &mut journal, is_repeated, now)
                .await?
        {
            return Ok(under_way);
        }
        self.move_group(input, &mut journal, &step).await?;
        // A large group takes a while: until then other versions answered, too.
        journal.shifted_at = Some(clock());
        if step.weight > 0.0 {
            journal.begun_at.get_or_insert(now);
        }
        self.records.save(id, input.generation, &journal).await?;
        self.record_shift(input, asked, &journal).await?;
        answer(&plan, asked).ok_or_else(|| out_of_step(None))
    }

    async fn record_shift(
        &self,
        input: &Input,
        taken: usize,
        journal: &Journal,
    ) -> Result<(), Error> {
        let facts =
            json!({ "step": taken, "weight": journal.weight(), "functions": journal.functions });
        let fact = Fact {
            kind: Kind::TrafficShifted,
            key: taken.to_string(),
            facts,
        };
        Ok(self.ledger.record(&input.promotion, fact).await?)
    }

    async fn record_journal(&self, input: &Input, journal: &Journal) -> Result<(), Error> {
        let facts = json!({ "functions": journal.functions });
        let fact = Fact {
            kind: Kind::TrafficJournaled,
            key: "journal".to_owned(),
            facts,
        };
        Ok(self.ledger.record(&input.promotion, fact).await?)
    }

    /// The journal, written before anything moves.
    async fn begin(&self, input: &Input) -> Result<(Plan, Journal), Error> {
        let id = &input.promotion;
        let (plan, versions) = self.records.begun(id).await?;
        if let Some(journal) = self.records.journal(id).await? {
            if journal.step.is_none() {
                // An earlier try may have failed to record it.
                self.record_journal(input, &journal).await?;
            }
            return Ok((plan, journal));
        }
        let functions = versions
            .into_iter()
            .filter(|(_, published)| published.changed)
            .map(|(name, published)| {
                let deployment = deployment(&plan, &name, published.stable.is_some());
                let entry = Entry {
                    name: published.name,
                    alias: published.alias,
                    stable: published.stable,
                    canary: published.version,
                    revision: published.revision,
                    deployment,
                };
                (name, entry)
            })
            .collect();
        let journal = Journal {
            functions,
            role: plan.role.clone(),
            steps: plan.steps.clone(),
            begun_at: None,
            step: None,
            shifted_at: None,
            committed: false,
        };
        self.records.save(id, input.generation, &journal).await?;
        self.record_journal(input, &journal).await?;
        Ok((plan, journal))
    }

    /// Writes every alias of the group with the RevisionId that the journal
    /// carries: one call each, as many at a time as the pace needs. What CodeDeploy
    /// moved must be there already. After the first foreign change no other alias is
    /// begun; what was begun is waited for.
    async fn move_group(
        &self,
        input: &Input,
        journal: &mut Journal,
        step: &Step,
    ) -> Result<(), Error> {
        let aliases = self
            .account
            .open(journal.role.as_ref(), &input.promotion)
            .await;
        let id = &input.promotion;
        let why = sign(id, Deed::Step(step.weight, input.generation));
        let begun = journal.clone();
        let fence = async || self.records.save(id, input.generation, &begun).await;
        let has_failed = Cell::new(false);
        let moves = stream::iter(journal.functions.values_mut())
            .map(async |entry| {
                let Some(intent) = intent(entry, step.weight).filter(|_| !has_failed.get()) else {
                    return Ok(());
                };
                let moved = move_entry(&aliases, &fence, entry, &intent, (id, &why)).await;
                has_failed.set(has_failed.get() || moved.is_err());
                moved
            })
            .buffered(IN_FLIGHT);
        let moved: Vec<Result<(), Error>> = moves.collect().await;
        moved.into_iter().collect()
    }

    /// Past the point of no return.
    pub(crate) async fn commit(&self, input: &Input) -> Result<Output, Error> {
        let id = &input.promotion;
        let (_, mut journal) = self.begin(input).await?;
        let due = due(&journal);
        if due.is_some() || journal.shifted_at.is_none() {
            let next = due.map_or("none".to_owned(), |step| step.to_string());
            return Err(Error::OutOfStep {
                asked: "commit".to_owned(),
                next,
            });
        }
        journal.committed = true;
        self.records.save(id, input.generation, &journal).await?;
        let facts = json!({ "functions": journal.functions });
        self.ledger
            .record(
                id,
                Fact {
                    kind: Kind::Committed,
                    key: "commit".to_owned(),
                    facts,
                },
            )
            .await?;
        Ok(Output::default())
    }
}

/// Moves one function's alias to where it should be, and notes its RevisionId.
async fn move_entry<A: Aliases>(
    aliases: &A,
    fence: &impl AsyncFn() -> Result<(), StoreError>,
    entry: &mut Entry,
    intent: &Routing,
    by: (&PromotionId, &str),
) -> Result<(), Error> {
    if entry.revision.is_none() {
        // No RevisionId fences off the creation of an alias: look once more.
        fence().await?;
    }
    if entry.deployment.is_some() {
        // CodeDeploy signs nothing that it moves: what is there now is written
        // once more, signed.
        entry.revision = Some(confirm(aliases, entry, intent, by.0).await?);
    }
    entry.revision = Some(move_alias(aliases, entry, intent, by).await?);
    Ok(())
}

async fn move_alias<A: Aliases>(
    aliases: &A,
    entry: &Entry,
    intent: &Routing,
    (id, why): (&PromotionId, &str),
) -> Result<String, Error> {
    match aliases
        .write(entry, intent, entry.revision.as_deref(), why)
        .await
    {
        Ok(revision) => Ok(revision),
        Err(WriteError::Fault(fault)) => Err(fault.into()),
        Err(WriteError::Changed) => confirm(aliases, entry, intent, id).await,
    }
}

/// Reads back that an alias is where it should be, and answers its RevisionId.
async fn confirm<A: Aliases>(
    aliases: &A,
    entry: &Entry,
    intent: &Routing,
    id: &PromotionId,
) -> Result<String, Error> {
    let found = aliases.read(entry).await?;
    match (forward(entry, intent, found.as_ref()), found) {
        (Forward::Done, Some(alias)) => Ok(alias.revision),
        (_, found) => Err(changed(entry, id, found)),
    }
}

fn changed(entry: &Entry, id: &PromotionId, found: Option<Alias>) -> Error {
    let moved = |alias: &Alias| {
        let mover = mover(alias.description.as_deref(), id);
        format!("It was moved by {mover}")
    };
    let expected = entry.revision.clone();
    Error::AliasChanged {
        function: entry.name.clone(),
        alias: entry.alias.clone(),
        mover: found
            .as_ref()
            .map_or("Somebody else deleted it".to_owned(), moved),
        found: found.map(|alias| alias.routing),
        expected: expected.unwrap_or_else(|| "of no alias".to_owned()),
    }
}

/// The deployment that will shift a function, if the plan has CodeDeploy do it.
/// CodeDeploy shifts between two versions: a function that is deployed for the
/// first time gets its alias from Sluice.
fn deployment(plan: &Plan, name: &str, has_alias: bool) -> Option<Deployment> {
    let group = plan.codedeploy.as_ref()?.functions.get(name)?;
    has_alias.then(|| Deployment {
        group: group.clone(),
        id: None,
    })
}

/// The step to take: the one that was begun and not finished, else the one after.
fn due(journal: &Journal) -> Option<usize> {
    match journal.step {
        Some(unfinished) if journal.shifted_at.is_none() => Some(unfinished),
        _ => journal.next_step().map(|(next, _)| next),
    }
}

/// Whether this is the last step, which operators may ask for after any other.
fn may_jump_to(asked: usize, journal: &Journal) -> bool {
    let is_between_steps = journal.step.is_some() && journal.shifted_at.is_some();
    is_between_steps && journal.next_step().is_some() && asked + 1 == journal.steps.len()
}

/// What follows a step that was taken.
fn answer(plan: &Plan, taken: usize) -> Option<Output> {
    let step = plan.steps.get(taken)?;
    let is_last = taken + 1 == plan.steps.len();
    let next = match (is_last, step.bake_seconds, step.then) {
        (true, ..) => Next::Live,
        (false, 0, None) => Next::Advance,
        (false, ..) => Next::Bake,
    };
    let whole = if step.bake_seconds == 0 {
        0
    } else {
        step.bake_seconds + plan.judge.lag()
    };
    Some(Output {
        next: Some(next),
        wait_seconds: Some(whole.min(plan.judge.period_seconds)),
        next_step: Some(taken + 1),
        ..Output::default()
    })
}
