//! Copies: servers that are there for a while, through RDS, and whatever a function of the
//! team's makes.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbCluster, Endpoint};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sluice_domain::migrations::{CopiedFrom, CopyPlace, Keeper};
use sluice_domain::promotion::PromotionId;
use sluice_domain::role::Role;
use sluice_platform::call::call;
use sluice_platform::fault::Fault;

use super::rds::{cluster, instance};
use super::restoring::{add_member, restore_cluster, restore_instance};
use super::{AVAILABLE, Servers};
use crate::Error;
use crate::rehearsal::{Copies, CopyStanding, WantedCopy};

/// What RDS says of a server that answers.
const ANSWERING: [&str; 3] = [AVAILABLE, "backing-up", "storage-optimization"];

/// What RDS says of a server that comes to nothing, or a part of that.
const LOST: [&str; 6] = [
    "delet",
    "fail",
    "inaccessible",
    "incompatible",
    "restore-error",
    "storage-full",
];

/// What RDS answers where a server can't be deleted now: it is being made, which leaves it to
/// the watchdog, or being deleted.
const NOT_NOW: [&str; 2] = ["InvalidDBInstanceState", "InvalidDBClusterStateFault"];

/// What a function that makes copies is asked.
#[derive(Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Asked<'a> {
    Begin {
        name: &'a str,
        promotion: &'a PromotionId,
        keep_until: Timestamp,
    },
    End {
        name: &'a str,
        promotion: &'a PromotionId,
    },
}

/// What it answers to the first.
#[derive(Deserialize)]
struct Answered {
    ready: bool,
    host: Option<String>,
    port: Option<u16>,
    name: Option<String>,
    of: Option<String>,
    made_at: Option<Timestamp>,
}

impl Copies for Servers {
    async fn begin(
        &self,
        role: Option<&Role>,
        wanted: &WantedCopy<'_>,
    ) -> Result<CopiedFrom, Error> {
        match wanted.of {
            Keeper::Cluster(cluster) => {
                let client = self.rds((role, wanted.promotion)).await;
                restore_cluster(&client, cluster, wanted).await
            }
            Keeper::Instance(instance) => {
                let client = self.rds((role, wanted.promotion)).await;
                restore_instance(&client, instance, wanted).await
            }
            Keeper::Function(function) => {
                let answered = self.begin_by(function, wanted).await?;
                let id = answered.of;
                Ok(CopiedFrom {
                    id: id.unwrap_or_else(|| format!("what {function} took")),
                    made_at: answered.made_at,
                })
            }
        }
    }

    async fn look(
        &self,
        role: Option<&Role>,
        wanted: &WantedCopy<'_>,
    ) -> Result<CopyStanding, Error> {
        match wanted.of {
            Keeper::Cluster(cluster) => {
                let client = self.rds((role, wanted.promotion)).await;
                look_at_cluster(&client, cluster, wanted).await
            }
            Keeper::Instance(_) => {
                let client = self.rds((role, wanted.promotion)).await;
                let found = instance(&client, &wanted.name).await?;
                let found = found.ok_or_else(|| gone(&wanted.name))?;
                stands(&wanted.name, found.db_instance_status(), || {
                    place_of(found.endpoint())
                })
            }
            Keeper::Function(function) => self.look_by(function, wanted).await,
        }
    }

    async fn end(&self, role: Option<&Role>, wanted: &WantedCopy<'_>) -> Result<(), Error> {
        let name = &wanted.name;
        match wanted.of {
            Keeper::Cluster(_) => {
                let client = self.rds((role, wanted.promotion)).await;
                delete_instance(&client, &member(name)).await?;
                Ok(delete_cluster(&client, name).await?)
            }
            Keeper::Instance(_) => {
                let client = self.rds((role, wanted.promotion)).await;
                Ok(delete_instance(&client, name).await?)
            }
            Keeper::Function(function) => {
                let promotion = wanted.promotion;
                let asked = Asked::End { name, promotion };
                let operation = format!("ending copy {name} by function {function}");
                let _: IgnoredAny = call(&self.functions, function, operation, &asked).await?;
                Ok(())
            }
        }
    }
}

impl Servers {
    async fn begin_by(&self, function: &str, wanted: &WantedCopy<'_>) -> Result<Answered, Fault> {
        let asked = Asked::Begin {
            name: &wanted.name,
            promotion: wanted.promotion,
            keep_until: wanted.keep_until,
        };
        let operation = format!("a copy by function {function}");
        call(&self.functions, function, operation, &asked).await
    }

    async fn look_by(
        &self,
        function: &str,
        wanted: &WantedCopy<'_>,
    ) -> Result<CopyStanding, Error> {
        let answered = self.begin_by(function, wanted).await?;
        let place = match (answered.ready, answered.host) {
            (true, None) => {
                return Err(Error::CopyFailed {
                    name: wanted.name.clone(),
                    why: format!("is ready, and {function} answered no `host`"),
                });
            }
            (true, Some(host)) => Some(CopyPlace {
                host,
                port: answered.port,
                name: answered.name,
            }),
            (false, _) => None,
        };
        let made_at = answered.made_at;
        let of = answered.of.map(|id| CopiedFrom { id, made_at });
        let status = if place.is_some() {
            AVAILABLE
        } else {
            "on its way"
        };
        Ok(CopyStanding {
            place,
            of,
            status: status.to_owned(),
        })
    }
}

/// A cluster is restored without a server: that comes once the cluster is there.
async fn look_at_cluster(
    client: &Client,
    original: &str,
    wanted: &WantedCopy<'_>,
) -> Result<CopyStanding, Error> {
    let name = &wanted.name;
    let found = cluster(client, name).await?.ok_or_else(|| gone(name))?;
    let standing = stands(name, found.status(), || place_of_cluster(&found))?;
    if standing.place.is_none() {
        return Ok(standing);
    }
    let member = member(name);
    match instance(client, &member).await? {
        None => add_member(client, original, (&found, &member), wanted).await,
        Some(one) => {
            let status = one.db_instance_status();
            stands(&member, status, || standing.place.clone())
        }
    }
}

async fn delete_instance(client: &Client, name: &str) -> Result<(), Fault> {
    let request = client.delete_db_instance().db_instance_identifier(name);
    let request = request.skip_final_snapshot(true);
    let deleted = request.delete_automated_backups(true).send().await;
    let Err(error) = deleted else { return Ok(()) };
    let fault = Fault::new(format!("rds:DeleteDBInstance of {name}"), error);
    deleted_or_left(fault, "DBInstanceNotFound")
}

async fn delete_cluster(client: &Client, name: &str) -> Result<(), Fault> {
    let request = client.delete_db_cluster().db_cluster_identifier(name);
    let request = request.skip_final_snapshot(true);
    let deleted = request.delete_automated_backups(true).send().await;
    let Err(error) = deleted else { return Ok(()) };
    let fault = Fault::new(format!("rds:DeleteDBCluster of {name}"), error);
    deleted_or_left(fault, "DBClusterNotFoundFault")
}

fn deleted_or_left(fault: Fault, gone: &str) -> Result<(), Fault> {
    if NOT_NOW.iter().any(|code| fault.is(code)) {
        tracing::warn!(%fault, "not deleted now: it is being deleted, or left to the watchdog");
        return Ok(());
    }
    if fault.is(gone) { Ok(()) } else { Err(fault) }
}

/// The server that a copied cluster gets.
fn member(name: &str) -> String {
    format!("{name}-1")
}

pub(super) fn gone(name: &str) -> Error {
    Error::CopyFailed {
        name: name.to_owned(),
        why: "is not there".to_owned(),
    }
}

/// How a server stands, by what RDS says of it.
fn stands(
    name: &str,
    status: Option<&str>,
    place: impl FnOnce() -> Option<CopyPlace>,
) -> Result<CopyStanding, Error> {
    let status = status.unwrap_or("in a state that RDS does not tell");
    if LOST.iter().any(|part| status.contains(part)) {
        return Err(Error::CopyFailed {
            name: name.to_owned(),
            why: format!("is {status}"),
        });
    }
    let place = ANSWERING.contains(&status).then(place).flatten();
    Ok(CopyStanding {
        place,
        of: None,
        status: status.to_owned(),
    })
}

/// Where a cluster's writer answers. None: nowhere yet.
pub(super) fn place_of_cluster(found: &DbCluster) -> Option<CopyPlace> {
    Some(CopyPlace {
        host: found.endpoint()?.to_owned(),
        port: found.port().and_then(|port| u16::try_from(port).ok()),
        name: None,
    })
}

/// Where an instance answers. None: nowhere yet.
pub(super) fn place_of(endpoint: Option<&Endpoint>) -> Option<CopyPlace> {
    let endpoint = endpoint?;
    Some(CopyPlace {
        host: endpoint.address()?.to_owned(),
        port: endpoint.port().and_then(|port| u16::try_from(port).ok()),
        name: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_waited_for_until_it_answers_or_is_lost() {
        let endpoint = Endpoint::builder().address("copy.example").port(5432);
        let endpoint = endpoint.build();
        let look = |status| stands("copy", Some(status), || place_of(Some(&endpoint)));
        for status in ["creating", "modifying", "configuring-iam-database-auth"] {
            assert_eq!(look(status).expect("on its way").place, None, "{status}");
        }
        for status in ["available", "backing-up"] {
            let place = look(status).expect("there").place.expect("its place");
            assert_eq!(
                (place.host.as_str(), place.port),
                ("copy.example", Some(5432))
            );
        }
        for status in [
            "failed",
            "incompatible-restore",
            "deleting",
            "restore-error",
        ] {
            assert!(look(status).is_err(), "{status}");
        }
    }

    #[test]
    fn a_server_without_an_endpoint_is_not_there_yet() {
        let found = stands("copy", Some("available"), || None);
        assert_eq!(found.expect("on its way").place, None);
    }
}
