//! What people were told of a request that waits: each once.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use sluice_domain::approval::{Reminder, State};

use super::approvals::{REQUEST, key, name};
use super::{CONDITION_FAILED, Item, Store, StoreError, text, write};

fn only(reminder: Reminder) -> AttributeValue {
    AttributeValue::Ss(vec![reminder.name().to_owned()])
}

pub(super) fn reminded(found: &Item) -> BTreeSet<Reminder> {
    let noted = found.get("reminded").and_then(|noted| noted.as_ss().ok());
    let noted = noted.map(Vec::as_slice).unwrap_or_default();
    let all = Reminder::ALL.into_iter();
    all.filter(|one| noted.iter().any(|name| name == one.name()))
        .collect()
}

impl Store {
    /// Notes that people are told this of a pending request. False: they were, or it is
    /// decided.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn note_reminder(&self, id: &str, reminder: Reminder) -> Result<bool, StoreError> {
        let noted = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(key(id)))
            .key("sk", text(REQUEST))
            .update_expression("ADD reminded :reminders")
            .condition_expression("#status = :pending AND NOT contains(reminded, :reminder)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":pending", text(name(State::Pending)))
            .expression_attribute_values(":reminder", text(reminder.name()))
            .expression_attribute_values(":reminders", only(reminder));
        match write("noting a reminder", || noted.clone().send()).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.is(CONDITION_FAILED) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Takes the note back: they could not be told.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn forget_reminder(&self, id: &str, reminder: Reminder) -> Result<(), StoreError> {
        let forgotten = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(key(id)))
            .key("sk", text(REQUEST))
            .update_expression("DELETE reminded :reminders")
            .expression_attribute_values(":reminders", only(reminder));
        write("taking a reminder back", || forgotten.clone().send()).await?;
        Ok(())
    }
}
