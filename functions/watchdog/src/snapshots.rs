//! Snapshots that Sluice had made before migrations, and that had their time.

use jiff::Timestamp;
use sluice_domain::migrations::may_go;

use crate::Watchdog;
use crate::ports::{Server, Snapshots};

impl<P, N, E, F, A, L, S: Snapshots> Watchdog<P, N, E, F, A, L, S> {
    /// Deletes what had its time. Nobody waits for that: what can't be done is tried
    /// again at the next run.
    pub(crate) async fn delete_snapshots(&self, now: Timestamp) {
        for server in [Server::Cluster, Server::Instance] {
            let found = match self.snapshots.snapshots(server).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(?server, %error, "snapshots not looked at");
                    continue;
                }
            };
            let over = found.iter().filter(|one| may_go(&one.name, &one.tags, now));
            for snapshot in over {
                match self.snapshots.delete(snapshot).await {
                    Ok(()) => tracing::info!(?snapshot, "deleted a snapshot that had its time"),
                    Err(error) => tracing::warn!(?snapshot, %error, "snapshot not deleted"),
                }
            }
        }
    }
}
