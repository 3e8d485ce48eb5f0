//! How much of a bundle is held at a time, in memory and on disk.

use sluice_evidence::{LONGEST, LONGEST_ZIP};
use sluice_platform::fault::Fault;
use tokio::sync::{Semaphore, SemaphorePermit};

const MEBIBYTE: u64 = 1024 * 1024;

/// How much of evidence is in memory at once, in mebibytes: the longest report fits.
const MEMORY: usize = 64;

/// How much of packages is on disk at once, in mebibytes: the longest package fits, and
/// all of it into the 512 MB that Lambda gives a function.
const DISK: usize = 480;

const _: () = assert!(MEMORY as u64 * MEBIBYTE >= LONGEST as u64);
const _: () = assert!(DISK as u64 * MEBIBYTE >= LONGEST_ZIP);

/// Room that files wait for, in the order in which they ask.
pub(crate) struct Room {
    memory: Semaphore,
    disk: Semaphore,
    /// One package is looked into at a time: its table of contents may take much memory,
    /// and there is one processor.
    bench: Semaphore,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            memory: Semaphore::new(MEMORY),
            disk: Semaphore::new(DISK),
            bench: Semaphore::new(1),
        }
    }
}

impl Room {
    /// Waits for room in memory for so many bytes.
    pub(crate) async fn in_memory(&self, bytes: u64) -> Result<SemaphorePermit<'_>, Fault> {
        take(&self.memory, bytes).await
    }

    /// Waits for room on disk for so many bytes.
    pub(crate) async fn on_disk(&self, bytes: u64) -> Result<SemaphorePermit<'_>, Fault> {
        take(&self.disk, bytes).await
    }

    /// Waits until no other package is looked into.
    pub(crate) async fn at_the_bench(&self) -> Result<SemaphorePermit<'_>, Fault> {
        take(&self.bench, 1).await
    }
}

async fn take(of: &Semaphore, bytes: u64) -> Result<SemaphorePermit<'_>, Fault> {
    let operation = || format!("waiting for room for {bytes} bytes");
    let room = u32::try_from(bytes.div_ceil(MEBIBYTE).max(1))
        .map_err(|error| Fault::other(operation(), error))?;
    let permit = of.acquire_many(room).await;
    permit.map_err(|error| Fault::other(operation(), error))
}
