//! Renames that RDS refuses: some are only to be waited for.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::DbInstance;
use sluice_domain::migrations::{Keeper, Standing};
use sluice_platform::fault::Fault;

use super::rds::{CLUSTER_THERE, INSTANCE_THERE, cluster, instance};
use crate::Error;

/// What RDS says where another has the name still.
const TAKEN: [&str; 2] = [INSTANCE_THERE, CLUSTER_THERE];

/// What it says where the server's state bars it: it is being renamed already, or stopped.
const NOT_NOW: [&str; 2] = ["InvalidDBInstanceState", "InvalidDBClusterStateFault"];

/// What a rename comes to that RDS refused.
pub(super) async fn refused(
    client: &Client,
    (server, from): (Keeper<'_>, &str),
    fault: Fault,
) -> Result<(), Error> {
    let is_one_of = |codes: [&str; 2]| codes.iter().any(|code| fault.is(code));
    if is_one_of(TAKEN) {
        // The next look tells.
        return Ok(());
    }
    if is_one_of(NOT_NOW) {
        let standing = standing(client, server, from).await?;
        return Ok(not_now(fault, standing.as_ref())?);
    }
    Err(fault.into())
}

/// How an instance stands.
pub(super) fn of(found: &DbInstance) -> Standing {
    Standing::of(found.db_instance_status().unwrap_or_default())
}

/// How a server stands, or the first of a cluster's instances that RDS works on. None: there
/// is none of this name.
async fn standing(
    client: &Client,
    server: Keeper<'_>,
    name: &str,
) -> Result<Option<Standing>, Fault> {
    let Keeper::Cluster(_) = server else {
        return Ok(instance(client, name).await?.as_ref().map(of));
    };
    let Some(found) = cluster(client, name).await? else {
        return Ok(None);
    };
    let own = Standing::of(found.status().unwrap_or_default());
    if own != Standing::Available {
        return Ok(Some(own));
    }
    for member in found.db_cluster_members() {
        let Some(member) = member.db_instance_identifier() else {
            continue;
        };
        let standing = instance(client, member).await?.as_ref().map(of);
        if let Some(standing @ Standing::UnderWay(_)) = standing {
            return Ok(Some(standing));
        }
    }
    Ok(Some(own))
}

/// What a rename comes to that RDS refuses for the server's state. While RDS works on it, or
/// where it has the other name by now, the next look tells. One that is available by now is
/// tried again, and not for long: no traffic comes meanwhile.
fn not_now(refused: Fault, standing: Option<&Standing>) -> Result<(), Fault> {
    match standing {
        None | Some(Standing::UnderWay(_)) => Ok(()),
        Some(Standing::Available | Standing::Headless) => Err(Fault {
            code: Some("AwsUnavailable".to_owned()),
            ..refused
        }),
        Some(Standing::Broken(_)) => Err(refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_that_is_refused_waits_only_for_what_rds_works_on() {
        let refused = || Fault {
            code: Some(NOT_NOW[0].to_owned()),
            ..Fault::other("rds:ModifyDBInstance of shop", "it is stopped")
        };
        let outcome = |standing: Option<Standing>| not_now(refused(), standing.as_ref());
        assert!(outcome(None).is_ok());
        assert!(outcome(Some(Standing::of("backing-up"))).is_ok());
        let again = outcome(Some(Standing::Available)).expect_err("not through");
        assert!(again.is_unavailable(), "{again:?}");
        for status in ["stopped", "storage-full", "failed"] {
            let told = outcome(Some(Standing::of(status))).expect_err(status);
            assert!(told.is(NOT_NOW[0]), "{told:?}");
        }
    }
}
