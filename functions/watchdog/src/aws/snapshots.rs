//! Snapshots of the servers of this account and region, through RDS.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_rds::types::Tag;
use sluice_platform::fault::Fault;

use crate::{Server, Snapshot, Snapshots};

/// What RDS calls snapshots that somebody asked for.
const ASKED_FOR: &str = "manual";

/// Snapshots through RDS.
pub struct Rds(pub(super) aws_sdk_rds::Client);

impl Rds {
    /// Builds the client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_rds::Client::new(config))
    }

    async fn of_clusters(&self) -> Result<Vec<Snapshot>, Fault> {
        let request = self.0.describe_db_cluster_snapshots();
        let request = request.snapshot_type(ASKED_FOR);
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(one) = pages.next().await {
            let one = one.map_err(|error| Fault::new("rds:DescribeDBClusterSnapshots", error))?;
            let name = one.db_cluster_snapshot_identifier();
            found.extend(snapshot(Server::Cluster, name, one.tag_list()));
        }
        Ok(found)
    }

    async fn of_instances(&self) -> Result<Vec<Snapshot>, Fault> {
        let request = self.0.describe_db_snapshots().snapshot_type(ASKED_FOR);
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(one) = pages.next().await {
            let one = one.map_err(|error| Fault::new("rds:DescribeDBSnapshots", error))?;
            let name = one.db_snapshot_identifier();
            found.extend(snapshot(Server::Instance, name, one.tag_list()));
        }
        Ok(found)
    }

    async fn delete_of_cluster(&self, name: &str) -> Result<(), Fault> {
        let request = self.0.delete_db_cluster_snapshot();
        let request = request.db_cluster_snapshot_identifier(name);
        let Err(error) = request.send().await else {
            return Ok(());
        };
        let fault = Fault::new(format!("rds:DeleteDBClusterSnapshot of {name}"), error);
        unless_gone(fault, "DBClusterSnapshotNotFoundFault")
    }

    async fn delete_of_instance(&self, name: &str) -> Result<(), Fault> {
        let request = self.0.delete_db_snapshot().db_snapshot_identifier(name);
        let Err(error) = request.send().await else {
            return Ok(());
        };
        let fault = Fault::new(format!("rds:DeleteDBSnapshot of {name}"), error);
        unless_gone(fault, "DBSnapshotNotFound")
    }
}

impl Snapshots for Rds {
    async fn snapshots(&self, server: Server) -> Result<Vec<Snapshot>, Fault> {
        match server {
            Server::Cluster => self.of_clusters().await,
            Server::Instance => self.of_instances().await,
        }
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), Fault> {
        match snapshot.server {
            Server::Cluster => self.delete_of_cluster(&snapshot.name).await,
            Server::Instance => self.delete_of_instance(&snapshot.name).await,
        }
    }
}

fn snapshot(server: Server, name: Option<&str>, tags: &[Tag]) -> Option<Snapshot> {
    let tags = self::tags(tags);
    let name = name?.to_owned();
    Some(Snapshot { server, name, tags })
}

/// Tags by their keys.
pub(super) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()));
    tags.iter().filter_map(pair).collect()
}

pub(super) fn unless_gone(fault: Fault, gone: &str) -> Result<(), Fault> {
    if fault.is(gone) { Ok(()) } else { Err(fault) }
}
