//! Restoring servers from snapshots, as the originals are.

use aws_sdk_rds::Client;
use aws_sdk_rds::primitives::DateTime;
use aws_sdk_rds::types::{DbCluster, DbInstance, Endpoint};
use jiff::Timestamp;
use sluice_domain::migrations::CopiedFrom;
use sluice_platform::fault::Fault;

use super::AVAILABLE;
use super::copies::gone;
use super::rds::{CLUSTER_THERE, INSTANCE_THERE, cluster, instance, scaling, tags, unless};
use crate::Error;
use crate::rehearsal::{CopyStanding, WantedCopy};

/// A snapshot of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Snapshot {
    name: String,
    made_at: Option<Timestamp>,
}

/// Restores an instance from its newest snapshot, or finds that this was begun.
pub(super) async fn restore_instance(
    client: &Client,
    original: &str,
    wanted: &WantedCopy<'_>,
) -> Result<CopiedFrom, Error> {
    let from = newest_of_instance(client, original).await?;
    let found = instance(client, original).await?;
    let found = found.ok_or_else(|| gone(original))?;
    let group = found.db_subnet_group();
    let group = group.and_then(|group| group.db_subnet_group_name());
    let parameters = found.db_parameter_groups().first();
    let parameters = parameters.and_then(|group| group.db_parameter_group_name());
    let groups = found.vpc_security_groups().iter();
    let groups = groups.filter_map(|group| group.vpc_security_group_id());
    let policy = wanted.policy;
    let begun = client
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(&wanted.name)
        .db_snapshot_identifier(&from.name)
        .set_db_instance_class(first(&policy.instance_class, found.db_instance_class()))
        .set_db_subnet_group_name(first(&policy.subnet_group, group))
        .set_vpc_security_group_ids(security_groups(wanted, groups))
        .set_db_parameter_group_name(parameters.map(str::to_owned))
        .set_port(found.endpoint().and_then(Endpoint::port))
        .set_publicly_accessible(found.publicly_accessible())
        .set_enable_iam_database_authentication(found.iam_database_authentication_enabled())
        .multi_az(false)
        .auto_minor_version_upgrade(false)
        .deletion_protection(false)
        .copy_tags_to_snapshot(false)
        .set_tags(Some(tags(wanted.promotion, wanted.keep_until)))
        .send()
        .await;
    let operation = format!(
        "rds:RestoreDBInstanceFromDBSnapshot of {} as {}",
        from.name, wanted.name
    );
    unless(begun, INSTANCE_THERE, operation)?;
    Ok(from.into())
}

/// Restores a cluster from its newest snapshot, or finds that this was begun.
pub(super) async fn restore_cluster(
    client: &Client,
    original: &str,
    wanted: &WantedCopy<'_>,
) -> Result<CopiedFrom, Error> {
    let from = newest_of_cluster(client, original).await?;
    let found = cluster(client, original).await?;
    let found = found.ok_or_else(|| gone(original))?;
    let groups = found.vpc_security_groups().iter();
    let groups = groups.filter_map(|group| group.vpc_security_group_id());
    let begun = client
        .restore_db_cluster_from_snapshot()
        .db_cluster_identifier(&wanted.name)
        .snapshot_identifier(&from.name)
        .set_engine(found.engine().map(str::to_owned))
        .set_db_subnet_group_name(first(&wanted.policy.subnet_group, found.db_subnet_group()))
        .set_vpc_security_group_ids(security_groups(wanted, groups))
        .set_db_cluster_parameter_group_name(found.db_cluster_parameter_group().map(str::to_owned))
        .set_port(found.port())
        .set_enable_iam_database_authentication(found.iam_database_authentication_enabled())
        .set_serverless_v2_scaling_configuration(scaling(&found))
        .deletion_protection(false)
        .copy_tags_to_snapshot(false)
        .set_tags(Some(tags(wanted.promotion, wanted.keep_until)))
        .send()
        .await;
    let operation = format!(
        "rds:RestoreDBClusterFromSnapshot of {} as {}",
        from.name, wanted.name
    );
    unless(begun, CLUSTER_THERE, operation)?;
    Ok(from.into())
}

/// Gives a restored cluster the server that it needs.
pub(super) async fn add_member(
    client: &Client,
    original: &str,
    (copy, member): (&DbCluster, &str),
    wanted: &WantedCopy<'_>,
) -> Result<CopyStanding, Error> {
    let like = writer(client, original).await?;
    let class = like.as_ref().and_then(DbInstance::db_instance_class);
    let parameters = like.iter().flat_map(DbInstance::db_parameter_groups).next();
    let parameters = parameters.and_then(|group| group.db_parameter_group_name());
    let begun = client
        .create_db_instance()
        .db_instance_identifier(member)
        .db_cluster_identifier(&wanted.name)
        .set_engine(copy.engine().map(str::to_owned))
        .set_db_instance_class(first(&wanted.policy.instance_class, class))
        .set_db_parameter_group_name(parameters.map(str::to_owned))
        .set_publicly_accessible(like.as_ref().and_then(DbInstance::publicly_accessible))
        .auto_minor_version_upgrade(false)
        .set_tags(Some(tags(wanted.promotion, wanted.keep_until)))
        .send()
        .await;
    let operation = format!("rds:CreateDBInstance of {member}");
    unless(begun, INSTANCE_THERE, operation)?;
    Ok(CopyStanding {
        place: None,
        of: None,
        status: "creating its server".to_owned(),
    })
}

/// The server of a cluster that takes writes.
async fn writer(client: &Client, original: &str) -> Result<Option<DbInstance>, Error> {
    let found = cluster(client, original).await?;
    let found = found.ok_or_else(|| gone(original))?;
    let mut members = found.db_cluster_members().iter();
    let writer = members.find(|member| member.is_cluster_writer() == Some(true));
    match writer.and_then(|member| member.db_instance_identifier()) {
        Some(name) => Ok(instance(client, name).await?),
        None => Ok(None),
    }
}

async fn newest_of_instance(client: &Client, original: &str) -> Result<Snapshot, Error> {
    let request = client.describe_db_snapshots();
    let request = request.db_instance_identifier(original);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(one) = pages.next().await {
        let operation = || format!("rds:DescribeDBSnapshots of {original}");
        let one = one.map_err(|error| Fault::new(operation(), error))?;
        let name = one.db_snapshot_identifier();
        found.extend(usable(name, one.status(), one.snapshot_create_time()));
    }
    newest(original, found)
}

async fn newest_of_cluster(client: &Client, original: &str) -> Result<Snapshot, Error> {
    let request = client.describe_db_cluster_snapshots();
    let request = request.db_cluster_identifier(original);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(one) = pages.next().await {
        let operation = || format!("rds:DescribeDBClusterSnapshots of {original}");
        let one = one.map_err(|error| Fault::new(operation(), error))?;
        let name = one.db_cluster_snapshot_identifier();
        found.extend(usable(name, one.status(), one.snapshot_create_time()));
    }
    newest(original, found)
}

/// What the settings say, or else what the original has.
fn first(said: &Option<String>, original: Option<&str>) -> Option<String> {
    said.clone().or_else(|| original.map(str::to_owned))
}

fn security_groups<'a>(
    wanted: &WantedCopy<'_>,
    original: impl Iterator<Item = &'a str>,
) -> Option<Vec<String>> {
    let said = &wanted.policy.security_groups;
    let groups: Vec<String> = if said.is_empty() {
        original.map(str::to_owned).collect()
    } else {
        said.clone()
    };
    (!groups.is_empty()).then_some(groups)
}

/// A snapshot that a server can be restored from.
fn usable(
    name: Option<&str>,
    status: Option<&str>,
    made_at: Option<&DateTime>,
) -> Option<Snapshot> {
    let name = name.filter(|_| status == Some(AVAILABLE))?.to_owned();
    let made_at = made_at.and_then(|at| Timestamp::from_second(at.secs()).ok());
    Some(Snapshot { name, made_at })
}

fn newest(original: &str, found: Vec<Snapshot>) -> Result<Snapshot, Error> {
    let newest = found.into_iter().max_by_key(|snapshot| snapshot.made_at);
    newest.ok_or_else(|| Error::CopyFailed {
        name: format!("of {original}"),
        why: "can't be made: found no snapshot that is available".to_owned(),
    })
}

impl From<Snapshot> for CopiedFrom {
    fn from(Snapshot { name, made_at }: Snapshot) -> Self {
        Self { id: name, made_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_snapshot_that_is_available_is_taken() {
        let made = |name, status, seconds| {
            usable(
                Some(name),
                Some(status),
                Some(&DateTime::from_secs(seconds)),
            )
        };
        let found = [
            made("rds:shop-1", "available", 100),
            made("sluice-shop", "available", 300),
            made("rds:shop-2", "available", 200),
            made("rds:shop-3", "creating", 400),
        ];
        let taken = newest("shop", found.into_iter().flatten().collect());
        assert_eq!(taken.expect("a snapshot").name, "sluice-shop");
        let none = newest("shop", Vec::new()).expect_err("there is none");
        assert!(none.to_string().contains("no snapshot"), "{none}");
    }
}
