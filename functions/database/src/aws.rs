//! Snapshots through RDS, other backups through a function of the team's, records through
//! the state table.

mod copies;
mod own;
mod rds;
mod renaming;
mod restore;
mod restoring;

use aws_config::SdkConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_domain::ledger::Kind;
use sluice_domain::migrations::{Keeper, Migrating, Restoring};
use sluice_domain::plan::Plan;
use sluice_domain::promotion::{Generation, PromotionId};
use sluice_domain::settings::Role;
use sluice_platform::aws::PerAccount;
use sluice_platform::call::call;
use sluice_platform::fault::Fault;
use sluice_platform::ledger::Ledger;
use sluice_platform::store::{Part, Store, StoreError};

use self::own::{Snapshot, plain, refuse_another_one};
use self::rds::{CLUSTER_SNAPSHOT_THERE, SNAPSHOT_THERE, cluster, instance, tags, time, unless};
use crate::{Access, Backups, Error, Made, Promotions, Record, Wanted};

/// What RDS says of a snapshot that a database can be restored from.
const AVAILABLE: &str = "available";

/// What RDS says of a snapshot that is on its way.
const UNDER_WAY: [&str; 3] = ["creating", "pending", "copying"];

/// A server with its account and region: environments may share one.
fn whereabouts(role: Option<&Role>, server: Keeper<'_>) -> String {
    let account = role.and_then(Role::account).unwrap_or("own");
    let region = role.and_then(|role| role.region.as_deref());
    format!("{account} {} {server}", region.unwrap_or("own"))
}

/// Promotions in the state table.
pub struct Table(pub Store);

impl Promotions for Table {
    async fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<(), StoreError> {
        self.0.check_fence(id, generation).await
    }

    async fn plan_of(&self, id: &PromotionId) -> Result<Plan, StoreError> {
        self.0.required_part(id, Part::Plan).await
    }

    async fn restoring(&self, id: &PromotionId) -> Result<Restoring, StoreError> {
        self.0.required_part(id, Part::Restoring).await
    }

    async fn save_restoring(
        &self,
        id: &PromotionId,
        generation: Generation,
        read_new: (&Restoring, &Restoring),
    ) -> Result<(), StoreError> {
        self.0
            .replace_part_fenced(id, generation, Part::Restoring, read_new)
            .await
    }

    async fn last_restore(
        &self,
        (role, _): Access<'_>,
        server: Keeper<'_>,
    ) -> Result<Option<Restoring>, StoreError> {
        match self.0.last_restore(&whereabouts(role, server)).await? {
            Some(by) => self.0.part(&by, Part::Restoring).await,
            None => Ok(None),
        }
    }

    async fn save_last_restore(
        &self,
        (role, id): Access<'_>,
        generation: Generation,
        server: Keeper<'_>,
    ) -> Result<(), StoreError> {
        let server = whereabouts(role, server);
        self.0.save_last_restore(id, generation, &server).await
    }

    async fn save_migrating(
        &self,
        id: &PromotionId,
        generation: Generation,
        migrating: &Migrating,
    ) -> Result<(), StoreError> {
        self.0
            .put_part_fenced(id, generation, Part::Migrating, migrating)
            .await
    }
}

impl Record for Ledger {
    async fn record(
        &self,
        id: &PromotionId,
        kind: Kind,
        key: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.append(id, kind, key, facts).await.map(|_| ())
    }
}

/// The servers of one account.
#[derive(Clone)]
pub struct Account(aws_sdk_rds::Client);

impl Account {
    /// Through RDS in the account that the configuration opens.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_rds::Client::new(config))
    }
}

/// Where backups are made.
pub struct Servers {
    accounts: PerAccount<Account>,
    functions: aws_sdk_lambda::Client,
}

/// What a function that makes backups is asked.
#[derive(Serialize)]
struct Asked<'a> {
    name: &'a str,
    promotion: &'a PromotionId,
    keep_until: jiff::Timestamp,
}

/// What it answers.
#[derive(Deserialize)]
struct Answered {
    id: String,
    available: bool,
}

impl Servers {
    /// Builds the client of functions.
    #[must_use]
    pub fn new(config: &SdkConfig, accounts: PerAccount<Account>) -> Self {
        Self {
            accounts,
            functions: aws_sdk_lambda::Client::new(config),
        }
    }

    async fn account(&self, role: Option<&Role>, wanted: &Wanted<'_>) -> aws_sdk_rds::Client {
        self.accounts.of(role, wanted.promotion).await.0
    }

    async fn of_cluster(
        client: &aws_sdk_rds::Client,
        cluster: &str,
        wanted: &Wanted<'_>,
    ) -> Result<Made, Error> {
        let name = &wanted.name;
        let begun = client
            .create_db_cluster_snapshot()
            .db_cluster_identifier(cluster)
            .db_cluster_snapshot_identifier(name)
            .set_tags(Some(tags(wanted.promotion, wanted.keep_until)))
            .send()
            .await;
        unless(
            begun,
            CLUSTER_SNAPSHOT_THERE,
            format!("rds:CreateDBClusterSnapshot of {cluster}"),
        )?;
        let operation = format!("rds:DescribeDBClusterSnapshots of {name}");
        let found = client
            .describe_db_cluster_snapshots()
            .db_cluster_snapshot_identifier(name)
            .send()
            .await
            .map_err(|error| Fault::new(&operation, error))?;
        let snapshot = found.db_cluster_snapshots().first();
        let snapshot = snapshot.ok_or_else(|| Fault::other(&operation, "it is gone"))?;
        let facts = Snapshot {
            of: snapshot.db_cluster_identifier(),
            made_at: snapshot.snapshot_create_time().and_then(time),
            tags: plain(snapshot.tag_list()),
        };
        refuse_another_one(&facts, wanted)?;
        made(name, snapshot.status())
    }

    async fn of_instance(
        client: &aws_sdk_rds::Client,
        instance: &str,
        wanted: &Wanted<'_>,
    ) -> Result<Made, Error> {
        let name = &wanted.name;
        let begun = client
            .create_db_snapshot()
            .db_instance_identifier(instance)
            .db_snapshot_identifier(name)
            .set_tags(Some(tags(wanted.promotion, wanted.keep_until)))
            .send()
            .await;
        unless(
            begun,
            SNAPSHOT_THERE,
            format!("rds:CreateDBSnapshot of {instance}"),
        )?;
        let operation = format!("rds:DescribeDBSnapshots of {name}");
        let found = client
            .describe_db_snapshots()
            .db_snapshot_identifier(name)
            .send()
            .await
            .map_err(|error| Fault::new(&operation, error))?;
        let snapshot = found.db_snapshots().first();
        let snapshot = snapshot.ok_or_else(|| Fault::other(&operation, "it is gone"))?;
        let facts = Snapshot {
            of: snapshot.db_instance_identifier(),
            made_at: snapshot.snapshot_create_time().and_then(time),
            tags: plain(snapshot.tag_list()),
        };
        refuse_another_one(&facts, wanted)?;
        made(name, snapshot.status())
    }

    async fn by_function(&self, function: &str, wanted: &Wanted<'_>) -> Result<Made, Error> {
        let asked = Asked {
            name: &wanted.name,
            promotion: wanted.promotion,
            keep_until: wanted.keep_until,
        };
        let operation = format!("a backup by function {function}");
        let answered: Answered = call(&self.functions, function, operation, &asked).await?;
        let status = if answered.available {
            AVAILABLE
        } else {
            "on its way"
        };
        Ok(Made {
            id: answered.id,
            available: answered.available,
            status: status.to_owned(),
        })
    }
}

impl Backups for Servers {
    async fn make(&self, role: Option<&Role>, wanted: &Wanted<'_>) -> Result<Made, Error> {
        match wanted.of {
            Keeper::Cluster(cluster) => {
                Self::of_cluster(&self.account(role, wanted).await, cluster, wanted).await
            }
            Keeper::Instance(instance) => {
                Self::of_instance(&self.account(role, wanted).await, instance, wanted).await
            }
            Keeper::Function(function) => self.by_function(function, wanted).await,
        }
    }

    async fn recovery_days(
        &self,
        role: Option<&Role>,
        wanted: &Wanted<'_>,
    ) -> Result<Option<i32>, Error> {
        match wanted.of {
            Keeper::Cluster(name) => {
                let found = cluster(&self.account(role, wanted).await, name).await?;
                let server = found.ok_or_else(|| none(name))?;
                Ok(server.backup_retention_period())
            }
            Keeper::Instance(name) => {
                let found = instance(&self.account(role, wanted).await, name).await?;
                let server = found.ok_or_else(|| none(name))?;
                Ok(server.backup_retention_period())
            }
            Keeper::Function(_) => Ok(None),
        }
    }
}

fn none(server: &str) -> Fault {
    Fault::other(format!("looking at {server}"), "there is none")
}

fn made(name: &str, status: Option<&str>) -> Result<Made, Error> {
    let status = status.unwrap_or("in a state that RDS does not tell");
    let available = status == AVAILABLE;
    if !available && !UNDER_WAY.contains(&status) {
        return Err(Error::BackupFailed {
            id: name.to_owned(),
            status: status.to_owned(),
        });
    }
    Ok(Made {
        id: name.to_owned(),
        available,
        status: status.to_owned(),
    })
}
