//! What the team's own tool keeps of the migrations that it applied: its table, its way of
//! writing into it, and its lock. Kept up to date, so that the tool can go on afterwards.

mod lock;
mod table;

use sluice_migration::{File, Tool};
use tokio_postgres::{GenericClient, Row};

use crate::ledger::key_of_repeatable;
use crate::{Error, Result};

pub use lock::locks_of;
use table::Table;

/// A row of a tool's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the tool calls the migration by; where it is repeatable, its key in the ledger.
    pub version: String,
    /// What it keeps of its text, as `sluice_migration::Checksum` shows it. Empty where
    /// it keeps nothing.
    pub checksum: String,
    /// Whether it was begun and not finished.
    pub dirty: bool,
    /// Whether it runs again when its text changes.
    pub repeatable: bool,
}

/// A tool's table in a database.
#[derive(Debug, Clone, Copy)]
pub struct Books(Table);

impl Books {
    /// Those of a tool. None for files that are nobody's.
    #[must_use]
    pub fn of(tool: Tool) -> Option<Self> {
        Table::of(tool).map(Self)
    }

    /// The table's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.0.name
    }

    /// Whether it has one row, for where the database stands: what comes before in the
    /// tool's order was applied as well.
    #[must_use]
    pub const fn is_mark(&self) -> bool {
        self.0.is_mark
    }

    /// Makes the table as the tool does, if it is not there.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn open(&self, client: &impl GenericClient) -> Result<()> {
        if self.exists(client).await? {
            return Ok(());
        }
        let made = client.batch_execute(self.0.create).await;
        made.map_err(Error::server("making the tool's table"))
    }

    /// All rows in the order in which the tool applied them. `None` where there is no table.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn entries(&self, client: &impl GenericClient) -> Result<Option<Vec<Entry>>> {
        if !self.exists(client).await? {
            return Ok(None);
        }
        let rows = client.query(self.0.read, &[]).await;
        let rows = rows.map_err(Error::server("reading the tool's table"))?;
        Ok(Some(rows.iter().map(entry).collect()))
    }

    /// Writes what the tool would have written after it applied a file. To be called in
    /// the transaction that applied it.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn write(&self, client: &impl GenericClient, file: &File, took: Took) -> Result<()> {
        for statement in (self.0.write)(file, took) {
            let written = client.execute(&statement.text, &statement.values()).await;
            written.map_err(Error::server("writing into the tool's table"))?;
        }
        Ok(())
    }

    /// Writes what the tool would have written after it took a file back; `before` is the file
    /// after which the database stands then. To be called in the transaction that took it back.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn remove(
        &self,
        client: &impl GenericClient,
        file: &File,
        before: Option<&File>,
    ) -> Result<()> {
        let statements = self.0.remove.map(|remove| remove(file, before));
        for statement in statements.into_iter().flatten() {
            let written = client.execute(&statement.text, &statement.values()).await;
            written.map_err(Error::server("taking a row out of the tool's table"))?;
        }
        Ok(())
    }

    async fn exists(&self, client: &impl GenericClient) -> Result<bool> {
        let name = self.0.name;
        let row = client
            .query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&name])
            .await;
        let row = row.map_err(Error::server("looking for the tool's table"))?;
        Ok(row.get(0))
    }
}

/// How long it took to apply a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Took {
    /// In nanoseconds.
    pub nanos: i64,
}

fn entry(row: &Row) -> Entry {
    let (version, repeatable): (String, bool) = (row.get(0), row.get(3));
    Entry {
        version: match repeatable {
            true => key_of_repeatable(&version),
            false => version,
        },
        checksum: row.get(1),
        dirty: row.get(2),
        repeatable,
    }
}
