//! Servers out of snapshots, through RDS, or through a function of the team's.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbCluster, DbInstance, VpcSecurityGroupMembership};
use serde::{Deserialize, Serialize};
use sluice_domain::migrations::{
    CopyPlace, Keeper, Servers as Found, Standing, endpoint_of_member,
};
use sluice_domain::naming::Beside;
use sluice_domain::promotion::PromotionId;
use sluice_platform::call::call;
use sluice_platform::fault::Fault;

use super::Servers;
use super::copies::{place_of, place_of_cluster};
use super::rds::{
    CLUSTER_THERE, INSTANCE_THERE, NO_CLUSTER, NO_CLUSTER_SNAPSHOT, NO_INSTANCE, NO_SNAPSHOT,
    cluster, instance, scaling, there, time, unless,
};
use super::renaming::{of, refused};
use crate::{Access, Answered, Error, Restores, Saved};

/// What a function that restores is asked.
#[derive(Serialize)]
struct Asked<'a> {
    backup: &'a str,
    promotion: &'a PromotionId,
}

/// What it answers.
#[derive(Deserialize)]
struct Said {
    restored: bool,
    wait_seconds: Option<u64>,
}

impl Servers {
    pub(super) async fn rds(&self, (role, promotion): Access<'_>) -> Client {
        self.accounts.of(role, promotion).await.0
    }
}

impl Restores for Servers {
    async fn saved(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        backup: &str,
    ) -> Result<Option<Saved>, Error> {
        let client = self.rds(access).await;
        if let Keeper::Cluster(_) = server {
            let request = client.describe_db_cluster_snapshots();
            let found = request.db_cluster_snapshot_identifier(backup).send().await;
            let operation = format!("rds:DescribeDBClusterSnapshots of {backup}");
            let found = there(found, NO_CLUSTER_SNAPSHOT, operation)?;
            let snapshot = found
                .as_ref()
                .and_then(|all| all.db_cluster_snapshots().first());
            return Ok(snapshot.map(|one| Saved {
                of: one.db_cluster_identifier().unwrap_or_default().to_owned(),
                status: one.status().unwrap_or("in no state").to_owned(),
                made_at: one.snapshot_create_time().and_then(time),
            }));
        }
        let request = client.describe_db_snapshots();
        let found = request.db_snapshot_identifier(backup).send().await;
        let operation = format!("rds:DescribeDBSnapshots of {backup}");
        let found = there(found, NO_SNAPSHOT, operation)?;
        let snapshot = found.as_ref().and_then(|all| all.db_snapshots().first());
        Ok(snapshot.map(|one| Saved {
            of: one.db_instance_identifier().unwrap_or_default().to_owned(),
            status: one.status().unwrap_or("in no state").to_owned(),
            // A copy's own time is when it was copied.
            made_at: one
                .original_snapshot_create_time()
                .or(one.snapshot_create_time())
                .and_then(time),
        }))
    }

    async fn notes(&self, access: Access<'_>, server: Keeper<'_>) -> Result<Vec<String>, Error> {
        let client = self.rds(access).await;
        let stays = |name: &str| format!("{name} stays with the server of before");
        if let Keeper::Cluster(name) = server {
            let found = cluster(&client, name).await?;
            let members = found.as_ref().map(DbCluster::db_cluster_members);
            let members = members.unwrap_or_default().iter();
            let readers = members.filter(|one| one.is_cluster_writer() != Some(true));
            let readers = readers.filter_map(|one| one.db_instance_identifier());
            return Ok(readers.map(stays).collect());
        }
        let found = instance(&client, server.name()).await?;
        let replicas = found
            .as_ref()
            .map(DbInstance::read_replica_db_instance_identifiers);
        let replicas = replicas.unwrap_or_default().iter();
        Ok(replicas.map(|name| stays(name)).collect())
    }

    async fn servers(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        names: &Beside,
    ) -> Result<Found, Error> {
        let client = self.rds(access).await;
        let named = server.name();
        if let Keeper::Cluster(_) = server {
            let stands = async |name: &str| -> Result<Option<Standing>, Fault> {
                let found = cluster(&client, name).await?;
                Ok(found.map(|found| Standing::of(found.status().unwrap_or_default())))
            };
            let mut new = stands(&names.new).await?;
            if new == Some(Standing::Available) {
                let writer = instance(&client, &names.writer).await?;
                new = Some(writer.map_or(Standing::Headless, |writer| of(&writer)));
            }
            return Ok(Found {
                named: stands(named).await?,
                new,
                old: stands(&names.old).await?,
            });
        }
        let stands = async |name: &str| -> Result<Option<Standing>, Fault> {
            Ok(instance(&client, name).await?.as_ref().map(of))
        };
        Ok(Found {
            named: stands(named).await?,
            new: stands(&names.new).await?,
            old: stands(&names.old).await?,
        })
    }

    async fn place(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        name: &str,
    ) -> Result<Option<CopyPlace>, Error> {
        let client = self.rds(access).await;
        if let Keeper::Cluster(_) = server {
            let found = cluster(&client, name).await?;
            return Ok(found.as_ref().and_then(place_of_cluster));
        }
        let found = instance(&client, name).await?;
        Ok(found.and_then(|found| place_of(found.endpoint())))
    }

    async fn endpoints(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
    ) -> Result<Option<Vec<String>>, Error> {
        let client = self.rds(access).await;
        if let Keeper::Cluster(name) = server {
            let found = cluster(&client, name).await?;
            return Ok(found.as_ref().map(endpoints_of_cluster));
        }
        let found = instance(&client, server.name()).await?;
        Ok(found.map(|found| {
            let endpoint = found.endpoint().and_then(|endpoint| endpoint.address());
            endpoint.map(str::to_owned).into_iter().collect()
        }))
    }

    async fn create(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        backup: &str,
        names: &Beside,
    ) -> Result<(), Error> {
        let client = self.rds(access).await;
        let name = server.name();
        match server {
            Keeper::Cluster(_) => {
                let like = required(cluster(&client, name).await?, name)?;
                create_cluster(&client, &like, backup, &names.new).await?;
            }
            _ => {
                let like = required(instance(&client, name).await?, name)?;
                create_instance(&client, &like, backup, &names.new).await?;
            }
        }
        Ok(())
    }

    async fn add_writer(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        names: &Beside,
    ) -> Result<(), Error> {
        let client = self.rds(access).await;
        let name = server.name();
        // It may have been set aside by an earlier try.
        let found = match cluster(&client, name).await? {
            Some(found) => Some(found),
            None => cluster(&client, &names.old).await?,
        };
        let found = required(found, name)?;
        let members = found.db_cluster_members();
        let writer = members
            .iter()
            .find(|one| one.is_cluster_writer() == Some(true));
        let writer = writer.or(members.first());
        let writer = writer.and_then(|one| one.db_instance_identifier());
        let writer = required(writer, &format!("the writer of {name}"))?;
        let like = required(instance(&client, writer).await?, writer)?;
        let group = like.db_parameter_groups().first();
        let made = client
            .create_db_instance()
            .db_instance_identifier(&names.writer)
            .db_cluster_identifier(&names.new)
            .set_engine(like.engine().map(str::to_owned))
            .set_db_instance_class(like.db_instance_class().map(str::to_owned))
            .set_db_parameter_group_name(
                group
                    .and_then(|one| one.db_parameter_group_name())
                    .map(str::to_owned),
            )
            .set_publicly_accessible(like.publicly_accessible())
            .set_auto_minor_version_upgrade(like.auto_minor_version_upgrade())
            .set_ca_certificate_identifier(like.ca_certificate_identifier().map(str::to_owned))
            .send()
            .await;
        let operation = format!("rds:CreateDBInstance of {}", names.writer);
        Ok(unless(made, INSTANCE_THERE, operation)?)
    }

    async fn rename(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        (from, to): (&str, &str),
    ) -> Result<(), Error> {
        let client = self.rds(access).await;
        let renamed = if let Keeper::Cluster(_) = server {
            let request = client
                .modify_db_cluster()
                .db_cluster_identifier(from)
                .new_db_cluster_identifier(to)
                .apply_immediately(true);
            let operation = format!("rds:ModifyDBCluster of {from}");
            unless(request.send().await, NO_CLUSTER, operation)
        } else {
            let request = client
                .modify_db_instance()
                .db_instance_identifier(from)
                .new_db_instance_identifier(to)
                .apply_immediately(true);
            let operation = format!("rds:ModifyDBInstance of {from}");
            unless(request.send().await, NO_INSTANCE, operation)
        };
        match renamed {
            Err(fault) => refused(&client, (server, from), fault).await,
            Ok(()) => Ok(()),
        }
    }

    async fn end_sessions(
        &self,
        access: Access<'_>,
        server: Keeper<'_>,
        name: &str,
    ) -> Result<(), Error> {
        // An instance starts again when it is renamed; those of a cluster run on.
        let Keeper::Cluster(_) = server else {
            return Ok(());
        };
        let client = self.rds(access).await;
        let found = cluster(&client, name).await?;
        let members = found.as_ref().map(DbCluster::db_cluster_members);
        for member in members.unwrap_or_default() {
            let Some(member) = member.db_instance_identifier() else {
                continue;
            };
            let request = client.reboot_db_instance().db_instance_identifier(member);
            let operation = format!("rds:RebootDBInstance of {member}");
            // It starts already.
            unless(request.send().await, "InvalidDBInstanceState", operation)?;
        }
        Ok(())
    }

    async fn ask(
        &self,
        function: &str,
        promotion: &PromotionId,
        backup: &str,
    ) -> Result<Answered, Error> {
        let asked = Asked { backup, promotion };
        let operation = format!("restoring by function {function}");
        let said: Said = call(&self.functions, function, operation, &asked).await?;
        Ok(Answered {
            restored: said.restored,
            wait_seconds: said.wait_seconds,
        })
    }
}

async fn create_instance(
    client: &Client,
    like: &DbInstance,
    backup: &str,
    name: &str,
) -> Result<(), Fault> {
    let group = like.db_parameter_groups().first();
    let options = like.option_group_memberships().first();
    let subnets = like.db_subnet_group();
    let made = client
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(name)
        .db_snapshot_identifier(backup)
        .set_db_instance_class(like.db_instance_class().map(str::to_owned))
        .set_port(like.endpoint().and_then(|endpoint| endpoint.port()))
        .set_db_subnet_group_name(
            subnets
                .and_then(|one| one.db_subnet_group_name())
                .map(str::to_owned),
        )
        .set_vpc_security_group_ids(Some(security_groups(like.vpc_security_groups())))
        .set_db_parameter_group_name(
            group
                .and_then(|one| one.db_parameter_group_name())
                .map(str::to_owned),
        )
        .set_option_group_name(
            options
                .and_then(|one| one.option_group_name())
                .map(str::to_owned),
        )
        .set_multi_az(like.multi_az())
        .set_publicly_accessible(like.publicly_accessible())
        .set_auto_minor_version_upgrade(like.auto_minor_version_upgrade())
        .set_copy_tags_to_snapshot(like.copy_tags_to_snapshot())
        .set_deletion_protection(like.deletion_protection())
        .set_enable_iam_database_authentication(like.iam_database_authentication_enabled())
        .set_enable_cloudwatch_logs_exports(Some(like.enabled_cloudwatch_logs_exports().to_vec()))
        .set_storage_type(like.storage_type().map(str::to_owned))
        .set_network_type(like.network_type().map(str::to_owned))
        .set_ca_certificate_identifier(like.ca_certificate_identifier().map(str::to_owned))
        .set_backup_retention_period(like.backup_retention_period())
        .set_tags(Some(
            like.tag_list()
                .iter()
                .filter(|tag| is_own(tag))
                .cloned()
                .collect(),
        ))
        .send()
        .await;
    let operation = format!("rds:RestoreDBInstanceFromDBSnapshot of {backup} as {name}");
    unless(made, INSTANCE_THERE, operation)
}

async fn create_cluster(
    client: &Client,
    like: &DbCluster,
    backup: &str,
    name: &str,
) -> Result<(), Fault> {
    let made = client
        .restore_db_cluster_from_snapshot()
        .db_cluster_identifier(name)
        .snapshot_identifier(backup)
        .set_engine(like.engine().map(str::to_owned))
        .set_engine_version(like.engine_version().map(str::to_owned))
        .set_port(like.port())
        .set_db_subnet_group_name(like.db_subnet_group().map(str::to_owned))
        .set_vpc_security_group_ids(Some(security_groups(like.vpc_security_groups())))
        .set_db_cluster_parameter_group_name(like.db_cluster_parameter_group().map(str::to_owned))
        .set_copy_tags_to_snapshot(like.copy_tags_to_snapshot())
        .set_deletion_protection(like.deletion_protection())
        .set_enable_iam_database_authentication(like.iam_database_authentication_enabled())
        .set_enable_cloudwatch_logs_exports(Some(like.enabled_cloudwatch_logs_exports().to_vec()))
        .set_storage_type(like.storage_type().map(str::to_owned))
        .set_network_type(like.network_type().map(str::to_owned))
        .set_serverless_v2_scaling_configuration(scaling(like))
        .set_backup_retention_period(like.backup_retention_period())
        .set_tags(Some(
            like.tag_list()
                .iter()
                .filter(|tag| is_own(tag))
                .cloned()
                .collect(),
        ))
        .send()
        .await;
    let operation = format!("rds:RestoreDBClusterFromSnapshot of {backup} as {name}");
    unless(made, CLUSTER_THERE, operation)
}

/// A cluster's own endpoints, and those of its members.
fn endpoints_of_cluster(found: &DbCluster) -> Vec<String> {
    let writer = found.endpoint();
    let own = [writer, found.reader_endpoint()].into_iter().flatten();
    let own = own.map(str::to_owned);
    let members = found.db_cluster_members().iter();
    let members = members.filter_map(|member| {
        let (writer, member) = (writer?, member.db_instance_identifier()?);
        endpoint_of_member(writer, member)
    });
    own.chain(found.custom_endpoints().to_vec())
        .chain(members)
        .collect()
}

/// Tags of AWS's own can't be given.
fn is_own(tag: &aws_sdk_rds::types::Tag) -> bool {
    !tag.key().unwrap_or_default().starts_with("aws:")
}

fn security_groups(found: &[VpcSecurityGroupMembership]) -> Vec<String> {
    let ids = found.iter().filter_map(|one| one.vpc_security_group_id());
    ids.map(str::to_owned).collect()
}

fn required<T>(found: Option<T>, what: &str) -> Result<T, Fault> {
    found.ok_or_else(|| Fault::other(format!("looking at {what}"), "there is none"))
}
