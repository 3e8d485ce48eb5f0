//! The task tokens that a request resumes. They have a partition of their own, since IAM
//! knows partitions only: people read requests, and whoever has a token can resume the
//! execution as they like.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::{Item, Store, StoreError, approvals, text, write};

/// A Step Functions task token: whoever has it can resume the execution. Never
/// shown, never logged, never in the ledger.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskToken(pub String);

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

const TOKENS: &str = "tokens";

fn key(request: &str) -> String {
    format!("token#{request}")
}

impl Store {
    /// Adds the token of a try of a request's task. None is replaced: a slow first try
    /// may come after the second one. Idempotent.
    pub(super) async fn add_token(
        &self,
        request: &str,
        token: &TaskToken,
    ) -> Result<(), StoreError> {
        let token = AttributeValue::Ss(vec![token.0.clone()]);
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(key(request)))
            .key("sk", text(TOKENS))
            .update_expression("ADD #tokens :token")
            .expression_attribute_names("#tokens", TOKENS)
            .expression_attribute_values(":token", token);
        write("adding an approval's token", || request.clone().send()).await?;
        Ok(())
    }

    /// What resumes the promotion that waits for a request: the token of each try of its
    /// task, in no order. At most one of them is waited for.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn tokens(&self, request: &str) -> Result<Vec<TaskToken>, StoreError> {
        let here = self.get(&key(request), TOKENS).await?;
        // A version of `approval` that a running promotion began with keeps them in the
        // request itself.
        let there = self
            .get(&approvals::key(request), approvals::REQUEST)
            .await?;
        let found: BTreeSet<String> = [here, there].iter().flatten().flat_map(of).collect();
        Ok(found.into_iter().map(TaskToken).collect())
    }
}

fn of(item: &Item) -> Vec<String> {
    let set = item.get(TOKENS).and_then(|set| set.as_ss().ok());
    set.cloned().unwrap_or_default()
}
