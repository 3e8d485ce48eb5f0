//! Servers of this account and region that are copies, through RDS.

use sluice_platform::fault::Fault;

use super::snapshots::{Rds, tags, unless_gone};
use crate::{CopiedServer, Copies, Server};

/// What RDS answers where a server is being deleted, or can't be yet.
const NOT_NOW: [&str; 2] = ["InvalidDBInstanceState", "InvalidDBClusterStateFault"];

impl Rds {
    async fn instances(&self) -> Result<Vec<CopiedServer>, Fault> {
        let mut pages = self
            .0
            .describe_db_instances()
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(one) = pages.next().await {
            let one = one.map_err(|error| Fault::new("rds:DescribeDBInstances", error))?;
            let name = one.db_instance_identifier().map(str::to_owned);
            found.extend(name.map(|name| CopiedServer {
                server: Server::Instance,
                name,
                tags: tags(one.tag_list()),
            }));
        }
        Ok(found)
    }

    async fn clusters(&self) -> Result<Vec<CopiedServer>, Fault> {
        let mut pages = self
            .0
            .describe_db_clusters()
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(one) = pages.next().await {
            let one = one.map_err(|error| Fault::new("rds:DescribeDBClusters", error))?;
            let name = one.db_cluster_identifier().map(str::to_owned);
            found.extend(name.map(|name| CopiedServer {
                server: Server::Cluster,
                name,
                tags: tags(one.tag_list()),
            }));
        }
        Ok(found)
    }

    async fn delete_instance(&self, name: &str) -> Result<(), Fault> {
        let request = self.0.delete_db_instance().db_instance_identifier(name);
        let request = request.skip_final_snapshot(true);
        let deleted = request.delete_automated_backups(true).send().await;
        let Err(error) = deleted else { return Ok(()) };
        let fault = Fault::new(format!("rds:DeleteDBInstance of {name}"), error);
        unless_going(fault, "DBInstanceNotFound")
    }

    async fn delete_cluster(&self, name: &str) -> Result<(), Fault> {
        let request = self.0.delete_db_cluster().db_cluster_identifier(name);
        let request = request.skip_final_snapshot(true);
        let deleted = request.delete_automated_backups(true).send().await;
        let Err(error) = deleted else { return Ok(()) };
        let fault = Fault::new(format!("rds:DeleteDBCluster of {name}"), error);
        unless_going(fault, "DBClusterNotFoundFault")
    }
}

impl Copies for Rds {
    async fn copies(&self, server: Server) -> Result<Vec<CopiedServer>, Fault> {
        match server {
            Server::Cluster => self.clusters().await,
            Server::Instance => self.instances().await,
        }
    }

    async fn delete_copy(&self, copy: &CopiedServer) -> Result<(), Fault> {
        match copy.server {
            Server::Cluster => self.delete_cluster(&copy.name).await,
            Server::Instance => self.delete_instance(&copy.name).await,
        }
    }
}

fn unless_going(fault: Fault, gone: &str) -> Result<(), Fault> {
    let is_going = NOT_NOW.iter().any(|code| fault.is(code));
    if is_going {
        Ok(())
    } else {
        unless_gone(fault, gone)
    }
}
