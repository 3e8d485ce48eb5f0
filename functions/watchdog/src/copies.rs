//! Copies of databases on which Sluice had migrations tried, and that had their time.

use jiff::Timestamp;
use sluice_domain::migrations::may_end;

use crate::Watchdog;
use crate::ports::{Copies, Server};

impl<P, N, E, F, A, L, S: Copies> Watchdog<P, N, E, F, A, L, S> {
    /// Deletes what nobody ended. Nobody waits for that: what can't be done is tried again
    /// at the next run. A cluster's server goes before the cluster.
    pub(crate) async fn delete_copies(&self, now: Timestamp) {
        for server in [Server::Instance, Server::Cluster] {
            let found = match self.snapshots.copies(server).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(?server, %error, "copies not looked at");
                    continue;
                }
            };
            let over = found
                .iter()
                .filter(|one| may_end(&one.name, &one.tags, now));
            for copy in over {
                match self.snapshots.delete_copy(copy).await {
                    Ok(()) => tracing::info!(?copy, "deleted a copy that nobody ended"),
                    Err(error) => tracing::warn!(?copy, %error, "copy not deleted"),
                }
            }
        }
    }
}
