//! Before the first traffic: provisioned concurrency, sleeping versions, first calls.

use futures_util::future::join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use sluice_domain::journal::{Published, Versions};
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::WarmUp;
use sluice_domain::versions::{Provision, Provisions};
use sluice_platform::fault::Fault;
use sluice_platform::pace::IN_FLIGHT;
use sluice_platform::patience::Waiting;
use sluice_platform::store::StoreError;

use crate::{
    Allocation, Calls, Error, Facts, Open, Output, Provisioned, Provisioning, Record, Records,
    State, Warm, Work,
};

/// What became of the calls to one version.
struct Called {
    calls: usize,
    failed: usize,
    /// What the first that failed said.
    error: Option<String>,
}

impl<A: Open, R: Records, L: Record> Warm<A, R, L> {
    /// Makes the new versions ready, and those that a roll back needs. Safe to repeat.
    pub(crate) async fn ready(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<Output, Error> {
        let work = self.records.work(id).await?;
        let work = work.ok_or_else(|| StoreError::Missing(format!("plan of {id}")))?;
        let account = self.accounts.open(work.plan.role.as_ref(), id).await;
        let waiting = self.patience.start();
        let versions = work.versions.clone().unwrap_or_default();
        let provisions = self.provisions(id, generation, &account, &work).await?;
        let given = stream::iter(provisions.values())
            .map(async |provision| {
                // It may have been rolled back while others took their turn.
                self.records.check_fence(id, generation).await?;
                provide(&account, provision, waiting).await
            })
            .buffered(IN_FLIGHT);
        given.try_collect::<()>().await?;
        let woken = wake(&account, &versions, waiting).await?;
        let called = self.warm_up(&account, &work, &versions).await;

        let facts = facts(&provisions, &woken, &called);
        if !facts.is_empty() {
            let facts = json!({ "functions": facts });
            self.ledger
                .record(id, Kind::VersionsWarmed, "warmed", facts)
                .await?;
        }
        Ok(Output::Ready {
            provisioned: provisions.len(),
            woken: woken.len(),
            calls: called.iter().map(|(_, called)| called.calls).sum(),
            failed: called.iter().map(|(_, called)| called.failed).sum(),
        })
    }

    /// What the new versions are to get, written down before they get it.
    async fn provisions(
        &self,
        id: &PromotionId,
        generation: Generation,
        account: &A::Account,
        work: &Work,
    ) -> Result<Provisions, Error> {
        if let Some(begun) = &work.provisions {
            return Ok(begun.clone());
        }
        let found: Vec<_> = stream::iter(changed(work.versions.as_ref()))
            .map(async |(name, published)| {
                let provision = needed(account, published).await?;
                Ok::<_, Fault>(provision.map(|provision| (name.clone(), provision)))
            })
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        let provisions: Provisions = found.into_iter().flatten().collect();
        if !provisions.is_empty() {
            self.records.save(id, generation, &provisions).await?;
        }
        Ok(provisions)
    }

    async fn warm_up(
        &self,
        account: &A::Account,
        work: &Work,
        versions: &Versions,
    ) -> Vec<(String, Called)> {
        let asked = changed(Some(versions)).filter_map(|(name, published)| {
            let warm_up = work.plan.functions.get(name)?.warm_up.as_ref()?;
            Some((name, published, warm_up))
        });
        let until = tokio::time::Instant::now() + self.warms_up_for;
        stream::iter(asked)
            .map(async |(name, published, warm_up)| {
                (name.clone(), call(account, published, warm_up, until).await)
            })
            .buffered(IN_FLIGHT)
            .collect()
            .await
    }
}

/// The functions whose alias moves.
fn changed(versions: Option<&Versions>) -> impl Iterator<Item = (&String, &Published)> {
    let all = versions.into_iter().flatten();
    all.filter(|(_, published)| published.changed)
}

/// What the new version needs: as much as the one that serves has. One that has
/// some already serves elsewhere, too, and keeps what it has.
async fn needed<A: Provisioning>(
    account: &A,
    published: &Published,
) -> Result<Option<Provision>, Fault> {
    let Some(from) = &published.stable else {
        return Ok(None);
    };
    let (arn, to) = (&published.arn, &published.version);
    let Some(Provisioned { executions, .. }) = account.provisioned(arn, from).await? else {
        return Ok(None);
    };
    if account.provisioned(arn, to).await?.is_some() {
        return Ok(None);
    }
    Ok(Some(Provision {
        arn: arn.clone(),
        from: from.clone(),
        to: to.clone(),
        executions,
    }))
}

/// Gives a version its provisioned concurrency and waits until all of it is there.
async fn provide<A: Provisioning>(
    account: &A,
    provision: &Provision,
    waiting: Waiting,
) -> Result<(), Error> {
    let Provision {
        arn,
        from,
        to,
        executions,
    } = provision;
    let refused = |found: String| Error::NotProvisioned {
        function: arn.clone(),
        to: to.clone(),
        from: from.clone(),
        executions: *executions,
        found,
    };
    match account.provision(arn, to, *executions).await {
        Err(fault) if !fault.is_throttling() && !fault.is_unavailable() => {
            return Err(refused(fault.message));
        }
        asked => asked?,
    }
    let mut pauses = waiting.pauses();
    loop {
        let found = match account
            .provisioned(arn, to)
            .await?
            .map(|there| there.status)
        {
            Some(Allocation::Ready) => return Ok(()),
            Some(Allocation::Failed(reason)) => {
                return Err(refused(format!("status FAILED ({reason})")));
            }
            Some(Allocation::InProgress) => "status IN_PROGRESS",
            None => "none",
        };
        if !pauses.pause().await {
            return Err(refused(format!("{found} after {} s", waiting.seconds())));
        }
    }
}

/// Wakes what sleeps, of the new versions and of those that a roll back needs.
/// Answers which were asleep.
async fn wake<A: Calls>(
    account: &A,
    versions: &Versions,
    waiting: Waiting,
) -> Result<Vec<(String, String)>, Error> {
    let all = changed(Some(versions)).flat_map(|(name, published)| {
        let both = [Some(&published.version), published.stable.as_ref()];
        let both = both.into_iter().flatten();
        both.map(move |version| (name, &published.arn, version))
    });
    let woken: Vec<_> = stream::iter(all)
        .map(async |(name, arn, version)| {
            let slept = wake_one(account, arn, version, waiting).await?;
            Ok::<_, Error>(slept.then(|| (name.clone(), version.clone())))
        })
        .buffered(IN_FLIGHT)
        .try_collect()
        .await?;
    Ok(woken.into_iter().flatten().collect())
}

/// Waits until a version takes calls. One that sleeps refuses a call without running
/// it, and is woken by it, says Lambda's developer guide ("Lambda function states").
async fn wake_one<A: Calls>(
    account: &A,
    arn: &str,
    version: &str,
    waiting: Waiting,
) -> Result<bool, Error> {
    let mut pauses = waiting.pauses();
    let mut slept = false;
    loop {
        let found = match account.state(arn, version).await? {
            State::Active => return Ok(slept),
            State::Pending => "state Pending".to_owned(),
            State::Inactive => {
                slept = true;
                let refused = account.call(arn, version, &json!({})).await;
                let said = refused.err().unwrap_or_default();
                format!("state Inactive ({said})")
            }
            State::Failed(reason) => format!("state Failed ({reason})"),
        };
        let gave_up = found.starts_with("state Failed");
        if gave_up || !pauses.pause().await {
            return Err(Error::NotReady {
                function: arn.to_owned(),
                version: version.to_owned(),
                found,
                seconds: waiting.seconds(),
            });
        }
    }
}

/// Calls a version so often at once that as many environments start.
async fn call<A: Calls>(
    account: &A,
    published: &Published,
    warm_up: &WarmUp,
    until: tokio::time::Instant,
) -> Called {
    let one = async || {
        let call = account.call(&published.arn, &published.version, &warm_up.payload);
        let no_answer = |_| Err("no answer in time".to_owned());
        tokio::time::timeout_at(until, call)
            .await
            .unwrap_or_else(no_answer)
    };
    let answers = join_all((0..warm_up.invocations).map(|_| one())).await;
    let mut errors = answers.into_iter().filter_map(Result::err);
    let error = errors.next();
    Called {
        calls: warm_up.invocations,
        failed: usize::from(error.is_some()) + errors.count(),
        error,
    }
}

/// What people are shown of each function for which anything was done.
fn facts(
    provisions: &Provisions,
    woken: &[(String, String)],
    called: &[(String, Called)],
) -> Facts {
    let mut facts = Facts::new();
    let mut say = |name: &String, key: &str, value: Value| {
        let of_function = facts.entry(name.clone()).or_insert_with(|| json!({}));
        of_function[key] = value;
    };
    for (name, provision) in provisions {
        say(name, "provisioned", json!(provision));
    }
    for (name, _) in woken {
        let of_function = woken.iter().filter(|(other, _)| other == name);
        let versions: Vec<_> = of_function.map(|(_, version)| version).collect();
        say(name, "woken", json!(versions));
    }
    for (
        name,
        Called {
            calls,
            failed,
            error,
        },
    ) in called
    {
        say(
            name,
            "calls",
            json!({ "made": calls, "failed": failed, "error": error }),
        );
    }
    facts
}
