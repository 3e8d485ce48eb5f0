//! Servers of RDS as they are, and what RDS says of what is there already or not.

use aws_sdk_rds::Client;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rds::primitives::DateTime;
use aws_sdk_rds::types::{DbCluster, DbInstance, ServerlessV2ScalingConfiguration, Tag};
use jiff::Timestamp;
use sluice_domain::migrations::{KEEP_UNTIL_TAG, PROMOTION_TAG};
use sluice_domain::promotion::PromotionId;
use sluice_platform::fault::Fault;

pub(super) const NO_INSTANCE: &str = "DBInstanceNotFound";
pub(super) const NO_CLUSTER: &str = "DBClusterNotFoundFault";
pub(super) const NO_SNAPSHOT: &str = "DBSnapshotNotFound";
pub(super) const NO_CLUSTER_SNAPSHOT: &str = "DBClusterSnapshotNotFoundFault";
pub(super) const CLUSTER_SNAPSHOT_THERE: &str = "DBClusterSnapshotAlreadyExistsFault";
pub(super) const SNAPSHOT_THERE: &str = "DBSnapshotAlreadyExists";
pub(super) const INSTANCE_THERE: &str = "DBInstanceAlreadyExists";
pub(super) const CLUSTER_THERE: &str = "DBClusterAlreadyExistsFault";

/// An instance; None where there is none of this name.
pub(super) async fn instance(client: &Client, name: &str) -> Result<Option<DbInstance>, Fault> {
    let request = client.describe_db_instances().db_instance_identifier(name);
    let operation = format!("rds:DescribeDBInstances of {name}");
    let found = there(request.send().await, NO_INSTANCE, operation)?;
    Ok(found.and_then(|found| found.db_instances.unwrap_or_default().into_iter().next()))
}

/// A cluster, likewise.
pub(super) async fn cluster(client: &Client, name: &str) -> Result<Option<DbCluster>, Fault> {
    let request = client.describe_db_clusters().db_cluster_identifier(name);
    let operation = format!("rds:DescribeDBClusters of {name}");
    let found = there(request.send().await, NO_CLUSTER, operation)?;
    Ok(found.and_then(|found| found.db_clusters.unwrap_or_default().into_iter().next()))
}

/// The capacity of a serverless cluster, for another one.
pub(super) fn scaling(like: &DbCluster) -> Option<ServerlessV2ScalingConfiguration> {
    let found = like.serverless_v2_scaling_configuration()?;
    let scaling = ServerlessV2ScalingConfiguration::builder()
        .set_min_capacity(found.min_capacity())
        .set_max_capacity(found.max_capacity())
        .set_seconds_until_auto_pause(found.seconds_until_auto_pause());
    Some(scaling.build())
}

/// What the tag says for a promotion: tags take no `+`.
pub(super) fn tag_of(promotion: &PromotionId) -> String {
    promotion.to_string().replace('+', "_")
}

/// The tags by which the watchdog finds what Sluice made, and when it may go.
pub(super) fn tags(promotion: &PromotionId, keep_until: Timestamp) -> Vec<Tag> {
    let tag = |key: &str, value: String| Tag::builder().key(key).value(value).build();
    vec![
        tag(PROMOTION_TAG, tag_of(promotion)),
        tag(KEEP_UNTIL_TAG, keep_until.to_string()),
    ]
}

/// A time that RDS says, in whole seconds.
pub(super) fn time(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}

/// What was found; None where RDS says that there is none.
pub(super) fn there<T, E, R>(
    found: Result<T, SdkError<E, R>>,
    none: &str,
    operation: String,
) -> Result<Option<T>, Fault>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) => {
            let fault = Fault::new(operation, error);
            if fault.is(none) { Ok(None) } else { Err(fault) }
        }
    }
}

/// Done, or done before, as this error says.
pub(super) fn unless<T, E, R>(
    done: Result<T, SdkError<E, R>>,
    before: &str,
    operation: String,
) -> Result<(), Fault>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    there(done, before, operation).map(drop)
}
