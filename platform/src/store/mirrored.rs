//! Where a promotion is shown elsewhere: its messages in Slack, its deployment on GitHub.

use serde::{Deserialize, Serialize};
use sluice_domain::promotion::PromotionId;

use super::{Store, StoreError, document, item, string, write};

/// Something that shows a promotion elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirrored {
    /// Where it is: the ID of a channel, the name of a repository.
    pub place: String,
    /// Its name there: a message's timestamp, a deployment's ID.
    pub id: String,
}

fn key(promotion: &PromotionId) -> String {
    format!("mirror#{promotion}")
}

const SHOWN: &str = "shown#";

impl Store {
    /// What shows a promotion elsewhere, by what it is.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn mirrored(
        &self,
        promotion: &PromotionId,
    ) -> Result<Vec<(String, Mirrored)>, StoreError> {
        let items = self.query(&key(promotion), SHOWN).await?;
        let found = items.iter().map(|found| {
            let name = string(found, "sk").trim_start_matches(SHOWN).to_owned();
            Ok((name, document(found)?))
        });
        found.collect()
    }

    /// Notes what shows it, in place of what was noted under this name before.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn note_mirrored(
        &self,
        promotion: &PromotionId,
        name: &str,
        mirrored: &Mirrored,
    ) -> Result<(), StoreError> {
        let new = item(&key(promotion), &format!("{SHOWN}{name}"), mirrored)?;
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(new));
        write("dynamodb:PutItem", || request.clone().send()).await?;
        Ok(())
    }
}
