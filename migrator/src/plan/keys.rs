//! Whether backfills can be run by the keys that they name.

use std::collections::BTreeSet;

use sluice_migration::{Linted, Refusal};

use crate::Result;
use crate::backfill::{key_of, unfit};
use crate::connect::Session;

/// Keys that can't be. Of a table that a pending statement before changes, or that is not
/// there yet, nobody knows: that is looked at before the first batch.
pub(super) async fn refused<'a>(
    session: &Session,
    files: impl Iterator<Item = &'a Linted>,
) -> Result<Vec<Refusal>> {
    let mut changed = BTreeSet::new();
    let mut refused = Vec::new();
    for file in files {
        for one in &file.statements {
            if let Some(backfill) = &one.backfill
                && !changed.contains(&backfill.table)
                && let Some(Err(fault)) = key_of(session, backfill).await?
            {
                refused.push(unfit(&file.path, one.line, backfill, fault));
            }
            changed.extend(one.lock.iter().flat_map(|lock| &lock.on));
        }
    }
    Ok(refused)
}
