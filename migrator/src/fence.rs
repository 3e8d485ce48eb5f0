//! The row that says which promotion has a database: whoever carries an older generation
//! applies nothing any more.

use crate::ledger::{Holder, Ledger};
use crate::{Error, Result};

impl Ledger<'_> {
    /// The generation that a promotion carries which has the database, or had it last.
    /// None: another one has it, or none ever had.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn generation_of(&self, promotion: &str) -> Result<Option<i64>> {
        if !self.exists().await? {
            return Ok(None);
        }
        let asked = "SELECT generation FROM sluice.fence WHERE promotion = $1";
        let row = self.session.client.query_opt(asked, &[&promotion]).await;
        let row = row.map_err(Error::server("reading the fence"))?;
        Ok(row.map(|row| row.get(0)))
    }

    /// Gives the database to a promotion, under a generation that is higher than all
    /// before.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn issue(&self, promotion: &str) -> Result<i64> {
        let row = self
            .session
            .client
            .query_one(
                "INSERT INTO sluice.fence AS fence (generation, promotion) VALUES (1, $1) \
                 ON CONFLICT (one) DO UPDATE SET generation = fence.generation + 1, \
                 promotion = $1 RETURNING generation",
                &[&promotion],
            )
            .await
            .map_err(Error::server("taking the fence"))?;
        Ok(row.get(0))
    }

    /// Whether nobody has taken the database over since.
    ///
    /// # Errors
    /// [`Error::Fenced`] where somebody has.
    pub async fn is_current(&self, generation: i64) -> Result<()> {
        let asked = "SELECT 1 FROM sluice.fence WHERE generation = $1";
        let row = self.session.client.query_opt(asked, &[&generation]).await;
        let row = row.map_err(Error::server("reading the fence"))?;
        row.map(|_| ()).ok_or(Error::Fenced { own: generation })
    }

    /// Takes the database for a promotion, or finds that a later one has it.
    ///
    /// # Errors
    /// [`Error::Fenced`] where it has.
    pub async fn take(&self, holder: &Holder) -> Result<()> {
        let taken = self
            .session
            .client
            .execute(
                "INSERT INTO sluice.fence (generation, promotion) VALUES ($1, $2) \
                 ON CONFLICT (one) DO UPDATE SET generation = $1, promotion = $2 \
                 WHERE sluice.fence.generation < $1 \
                 OR (sluice.fence.generation = $1 AND sluice.fence.promotion = $2)",
                &[&holder.generation, &holder.promotion],
            )
            .await
            .map_err(Error::server("taking the fence"))?;
        if taken == 1 {
            return Ok(());
        }
        Err(Error::Fenced {
            own: holder.generation,
        })
    }

    /// Holds the fence until the transaction ends: who takes it over waits for that.
    ///
    /// # Errors
    /// [`Error::Fenced`] where it was taken over.
    pub async fn hold(&self, holder: &Holder) -> Result<()> {
        let held = self
            .session
            .client
            .query_opt(
                "SELECT 1 FROM sluice.fence WHERE generation = $1 AND promotion = $2 FOR SHARE",
                &[&holder.generation, &holder.promotion],
            )
            .await
            .map_err(Error::server("holding the fence"))?;
        held.map(|_| ()).ok_or(Error::Fenced {
            own: holder.generation,
        })
    }
}
