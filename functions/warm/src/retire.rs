//! After the traffic: provisioned concurrency comes off the version that lost it, and
//! old versions go. Where traffic was stopped and nobody let it in, it is let in here.
//!
//! All of this is under the promotion's locks, so no other promotion has one of these
//! functions' versions in its journal. It is best effort: what can't be done is
//! recorded and left to the next promotion.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use sluice_domain::alias::Routing;
use sluice_domain::journal::Published;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::versions::{CodeStorage, Provision, surplus};
use sluice_platform::fault::Fault;
use sluice_platform::pace::IN_FLIGHT;
use tokio::time::Instant;

use crate::{Catalogue, Error, Facts, Open, Output, Provisioning, Record, Records, Warm, Work};

/// What was done to the versions of one function.
#[derive(Debug, Default, PartialEq)]
struct Retired {
    /// The version that gave back its provisioned concurrency.
    unprovisioned: Option<String>,
    /// The versions that were deleted.
    deleted: Vec<u64>,
    /// What could not be done.
    problems: Vec<String>,
}

impl<A: Open, R: Records, L: Record> Warm<A, R, L> {
    /// Takes off what the versions without traffic have: after a commit those that
    /// served before, after a roll back the new ones. Old versions go after a commit
    /// alone. Safe to repeat.
    pub(crate) async fn retire(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<Output, Error> {
        let Some(work) = self.records.work(id).await? else {
            return Ok(retired(&[]));
        };
        // Until it has succeeded, somebody has to look after the promotion.
        self.resume(id, generation).await?;
        let committed = work
            .journal
            .as_ref()
            .is_some_and(|journal| journal.committed);
        let until = Instant::now() + self.prunes_for;
        let mut done: Vec<(String, Retired)> = Vec::new();
        let mut room = None;
        if committed || work.provisions.is_some() {
            self.records.check_fence(id, generation).await?;
            let account = self.accounts.open(work.plan.role.as_ref(), id).await;
            let keep = work.plan.keep_versions.filter(|_| committed);
            if keep.is_some() {
                room = Some(account.code_storage().await);
            }
            let keep = keep.map(|keep| kept(keep, room.as_ref()));
            let changed = work.versions.iter().flatten();
            let changed = changed.filter(|(_, published)| published.changed);
            done = stream::iter(changed)
                .map(async |(name, published)| {
                    let one = (name.as_str(), published);
                    let retired = retire_one(&account, id, &work, one, keep, until).await;
                    (name.clone(), retired)
                })
                .buffered(IN_FLIGHT)
                .collect()
                .await;
        }
        let facts = facts(&done);
        if !facts.is_empty() {
            let mut facts = json!({ "committed": committed, "functions": facts });
            if let Some(room) = room.and_then(told) {
                facts["code_storage"] = room;
            }
            let key = generation.to_string();
            self.ledger
                .record(id, Kind::VersionsRetired, &key, facts)
                .await?;
        }
        Ok(retired(&done))
    }
}

/// How many of a function's newest versions stay: fewer where the account is almost
/// full, as far as that is known.
fn kept(keep: usize, room: Option<&Result<CodeStorage, Fault>>) -> usize {
    match room {
        Some(Ok(room)) => room.keeps(keep),
        Some(Err(_)) | None => keep,
    }
}

/// What is said of the account's room for code: why fewer versions stayed, or why that
/// could not be known.
fn told(room: Result<CodeStorage, Fault>) -> Option<Value> {
    match room {
        Ok(room) if room.is_crowded() => Some(json!({ "used": room.used, "limit": room.limit })),
        Ok(_) => None,
        Err(fault) => Some(json!({ "problem": fault.to_string() })),
    }
}

fn retired(done: &[(String, Retired)]) -> Output {
    let all = || done.iter().map(|(_, retired)| retired);
    Output::Retired {
        unprovisioned: all().filter(|one| one.unprovisioned.is_some()).count(),
        deleted: all().map(|one| one.deleted.len()).sum(),
        problems: all().map(|one| one.problems.len()).sum(),
    }
}

async fn retire_one<A: Catalogue + Provisioning>(
    account: &A,
    id: &PromotionId,
    work: &Work,
    (name, published): (&str, &Published),
    keep: Option<usize>,
    until: Instant,
) -> Retired {
    let mut retired = Retired::default();
    let committed = work
        .journal
        .as_ref()
        .is_some_and(|journal| journal.committed);
    let provision = work.provisions.as_ref().and_then(|all| all.get(name));
    if provision.is_none() && keep.is_none() {
        return retired;
    }
    let aliases = match account.aliases(&published.arn).await {
        Ok(aliases) => aliases,
        Err(fault) => {
            retired.problems.push(fault.to_string());
            return retired;
        }
    };
    let served = served(&aliases);
    if let Some(provision) = provision {
        match unprovision(account, provision, committed, &served).await {
            Ok(version) => retired.unprovisioned = version,
            Err(fault) => retired.problems.push(fault.to_string()),
        }
    }
    if let Some(keep) = keep {
        let both = [Some(&published.version), published.stable.as_ref()];
        let in_use = served
            .into_iter()
            .chain(both.into_iter().flatten().cloned());
        let in_use = in_use.collect();
        prune(
            account,
            &published.arn,
            id,
            keep,
            &in_use,
            until,
            &mut retired,
        )
        .await;
    }
    retired
}

/// The versions to which an alias sends anybody.
fn served(aliases: &[Routing]) -> BTreeSet<String> {
    let all = aliases.iter().flat_map(|alias| {
        let others = alias.weights.keys().cloned();
        others.chain([alias.version.clone()])
    });
    all.collect()
}

/// Takes provisioned concurrency off the version that has no traffic any more, if no
/// other alias needs it there. Answers which did.
async fn unprovision<A: Provisioning>(
    account: &A,
    provision: &Provision,
    committed: bool,
    served: &BTreeSet<String>,
) -> Result<Option<String>, Fault> {
    let idle = if committed {
        &provision.from
    } else {
        &provision.to
    };
    let (arn, idle) = (&provision.arn, idle.clone());
    if served.contains(&idle) || account.provisioned(arn, &idle).await?.is_none() {
        return Ok(None);
    }
    account.unprovision(arn, &idle).await?;
    Ok(Some(idle))
}

/// Deletes what nobody needs, the oldest first, while there is time.
async fn prune<A: Catalogue + Provisioning>(
    account: &A,
    arn: &str,
    id: &PromotionId,
    keep: usize,
    in_use: &BTreeSet<String>,
    until: Instant,
    retired: &mut Retired,
) {
    let listed = match account.versions(arn).await {
        Ok(listed) => listed,
        Err(fault) => return retired.problems.push(fault.to_string()),
    };
    for version in surplus(&listed, &id.application, keep, in_use) {
        if Instant::now() >= until {
            return;
        }
        match delete(account, arn, version).await {
            Ok(true) => retired.deleted.push(version),
            Ok(false) => {}
            Err(fault) => return retired.problems.push(fault.to_string()),
        }
    }
}

/// Deletes a version that has nothing of its own. A Function URL has none: it belongs
/// to an alias or to `$LATEST`.
async fn delete<A: Catalogue + Provisioning>(
    account: &A,
    arn: &str,
    version: u64,
) -> Result<bool, Fault> {
    let provisioned = account.provisioned(arn, &version.to_string()).await?;
    if provisioned.is_some() || account.is_fed(arn, version).await? {
        return Ok(false);
    }
    account.delete(arn, version).await
}

/// What is said of each function to which anything was done.
fn facts(done: &[(String, Retired)]) -> Facts {
    let done = done.iter().filter(|(_, one)| *one != Retired::default());
    let said = done.map(|(name, one)| {
        let facts = json!({
            "unprovisioned": one.unprovisioned,
            "deleted": one.deleted,
            "problems": one.problems,
        });
        (name.clone(), facts)
    });
    said.collect()
}
