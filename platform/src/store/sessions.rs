//! People who signed in to the page. Their cookie is a secret: only its digest is kept, so
//! that who reads the table can't use one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluice_domain::digest::Digest;

use super::approvals::EXPIRES_AT;
use super::{Store, StoreError, document, item, text, write};
use aws_sdk_dynamodb::types::AttributeValue;

/// Who signed in, and until when that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// By name.
    pub person: String,
    /// When it ends.
    pub until: Timestamp,
}

const SESSION: &str = "session";

fn key(token: &str) -> String {
    format!("session#{}", Digest::of(token.as_bytes()))
}

impl Store {
    /// Somebody signed in, and carries this token from here on.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn begin_session(&self, token: &str, session: &Session) -> Result<(), StoreError> {
        let mut new = item(&key(token), SESSION, session)?;
        let until = AttributeValue::N(session.until.as_second().to_string());
        new.insert(EXPIRES_AT.to_owned(), until);
        self.put_new(new).await?;
        Ok(())
    }

    /// Who carries this token. DynamoDB forgets sessions only some time after they ended.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn session(&self, token: &str) -> Result<Option<Session>, StoreError> {
        let found = self.get(&key(token), SESSION).await?;
        Ok(found.as_ref().map(document).transpose()?)
    }

    /// Ends a session, whether there is one or not.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn end_session(&self, token: &str) -> Result<(), StoreError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(key(token)))
            .key("sk", text(SESSION.to_owned()));
        write("ending a session", || request.clone().send()).await?;
        Ok(())
    }
}
