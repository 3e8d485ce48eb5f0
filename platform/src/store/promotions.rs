//! Promotions, their parts, and the fence that keeps zombies from writing.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sluice_domain::approval::Matter;
use sluice_domain::controls::Wish;
use sluice_domain::promotion::{Generation, Outcome, Promotion, PromotionId};

use super::{
    CONDITION_FAILED, Item, Store, StoreError, document, item, number, promotion_key, sortable,
    text, unsigned, write,
};
use crate::fault::Fault;

/// A part of a promotion's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// The S3 VersionIds of its artifacts.
    Pins,
    /// Where its artifacts were copied to, near the functions.
    Copies,
    /// What is remembered of its evidence.
    Evidence,
    /// What it would change.
    Plan,
    /// The name of its approval request.
    Approval,
    /// The name of the approval request of one of its steps, from 0.
    StepApproval(usize),
    /// The name of the approval request of what an operator asks.
    WishApproval(Wish),
    /// Until when and why it waits for its time to start.
    Waiting,
    /// The targets it has locked.
    Targets,
    /// What this function itself had before a manifest was laid over it, until
    /// it has that again.
    Own(&'a str),
    /// The Lambda versions it published.
    Versions,
    /// The provisioned concurrency that it moves.
    Provisions,
    /// What it applies to a database, and under which epoch.
    Migrating,
    /// How far it put a database back to a backup.
    Restoring,
    /// What is needed to roll it back.
    Journal,
    /// What operators asked of it.
    Controls,
    /// What its probes found, and how often they failed in a row.
    Probes,
}

impl Part<'_> {
    /// Where the name of a request about this is noted.
    #[must_use]
    pub fn of_request(matter: Matter) -> Self {
        match matter {
            Matter::Promotion => Self::Approval,
            Matter::Step(step) => Self::StepApproval(step),
            Matter::Wish(wish) => Self::WishApproval(wish),
        }
    }

    /// A function's own configuration holds its variables with their values, and who
    /// knows a request's name may read it: these stand apart, since IAM knows partitions
    /// only, and many may read promotions.
    pub(super) fn partition(self, id: &PromotionId) -> String {
        match self {
            Self::Own(_) => format!("own#{id}"),
            Self::Approval | Self::StepApproval(_) | Self::WishApproval(_) => {
                format!("approval#{id}")
            }
            _ => promotion_key(id),
        }
    }

    /// Where a version of a function that a running promotion began with keeps it, if
    /// that is elsewhere.
    fn partition_before(self, id: &PromotionId) -> Option<String> {
        let moved = matches!(self, Self::Approval | Self::StepApproval(_));
        moved.then(|| promotion_key(id))
    }

    pub(super) fn key(self) -> String {
        let name = match self {
            Self::Own(function) => return format!("part#own#{function}"),
            // Keys are in the order of steps.
            Self::StepApproval(step) => return format!("part#approval#{step:05}"),
            Self::WishApproval(wish) => return format!("part#approval#{}", wish.name()),
            Self::Pins => "pins",
            Self::Copies => "copies",
            Self::Evidence => "evidence",
            Self::Plan => "plan",
            Self::Approval => "approval",
            Self::Waiting => "waiting",
            Self::Targets => "targets",
            Self::Versions => "versions",
            Self::Provisions => "provisions",
            Self::Migrating => "migrating",
            Self::Restoring => "restoring",
            Self::Journal => "journal",
            Self::Controls => "controls",
            Self::Probes => "probes",
        };
        format!("part#{name}")
    }
}

pub(super) const PROMOTION: &str = "promotion";
/// What the index `open` has promotions under.
const OPEN: &str = "open";

impl Store {
    /// Opens a promotion at generation 0. Opening it again under the same
    /// execution changes nothing; says whether it is (still) this execution's.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn open_promotion(&self, promotion: &Promotion) -> Result<bool, StoreError> {
        if self.put_new(stored(promotion, Generation(0))?).await? {
            return Ok(true);
        }
        let (there, _) = self.promotion(&promotion.id).await?;
        Ok(there.execution_arn == promotion.execution_arn && there.outcome.is_none())
    }

    /// Writes the record of a promotion that nobody has opened, as one that has
    /// ended: whoever opens it later is refused. Says whether this call did; an
    /// opening that came first stays as it is.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn close_unopened(&self, closed: &Promotion) -> Result<bool, StoreError> {
        Ok(self.put_new(stored(closed, Generation(1))?).await?)
    }

    /// A promotion with its current generation.
    ///
    /// # Errors
    /// When there is none, or DynamoDB fails.
    pub async fn promotion(&self, id: &PromotionId) -> Result<(Promotion, Generation), StoreError> {
        let found = self.get(&promotion_key(id), PROMOTION).await?;
        read(&found.ok_or_else(|| StoreError::Missing(format!("promotion {id}")))?)
    }

    /// Checks that this generation may still write.
    ///
    /// # Errors
    /// `Fenced` when it may not.
    pub async fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<(), StoreError> {
        let (_, current) = self.promotion(id).await?;
        if current == generation {
            Ok(())
        } else {
            Err(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            })
        }
    }

    /// Raises the generation: from now on, writers with an older one are fenced off.
    ///
    /// # Errors
    /// When there is no such promotion, or DynamoDB fails.
    pub async fn raise_generation(&self, id: &PromotionId) -> Result<Generation, StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(promotion_key(id)))
            .key("sk", text(PROMOTION))
            .update_expression("ADD generation :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", number(1))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew);
        let operation = format!("raising the generation of {id}");
        let answer = match write(&operation, || request.clone().send()).await {
            Ok(answer) => answer,
            Err(fault) if fault.is(CONDITION_FAILED) => {
                return Err(StoreError::Missing(format!("promotion {id}")));
            }
            Err(fault) => return Err(fault.into()),
        };
        Ok(Generation(answer.attributes().map_or(0, |attributes| {
            unsigned(attributes, "generation")
        })))
    }

    /// Ends a promotion and fences off everybody who still works on it. The
    /// outcome that was stored first stays, except `Stranded`, which a later
    /// one mends. It stays open until it is settled. Answers the promotion as
    /// it stands now, and whether this call ended it.
    ///
    /// # Errors
    /// `Fenced` when it has not ended and its generation is not `under`, if one is
    /// named; when there is no such promotion, or DynamoDB fails.
    pub async fn close_promotion(
        &self,
        id: &PromotionId,
        (outcome, reason): (Outcome, &str),
        under: Option<Generation>,
        at: Timestamp,
    ) -> Result<(Promotion, bool), StoreError> {
        let (mut promotion, generation) = self.promotion(id).await?;
        match promotion.outcome {
            Some(there) if there != Outcome::Stranded || outcome == Outcome::Stranded => {
                return Ok((promotion, false));
            }
            _ => {}
        }
        if under.is_some_and(|under| under != generation) {
            return Err(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            });
        }
        promotion.outcome = Some(outcome);
        promotion.reason = Some(reason.to_owned());
        promotion.closed_at = Some(at);
        let closed = stored(&promotion, Generation(generation.0 + 1))?;
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(closed))
            .condition_expression("generation = :generation")
            .expression_attribute_values(":generation", number(generation.0));
        match write(&format!("closing {id}"), || request.clone().send()).await {
            Ok(_) => Ok((promotion, true)),
            Err(fault) if fault.is(CONDITION_FAILED) => Err(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            }),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Takes a promotion that has ended out of the open ones, as the last act
    /// of its end: nobody looks after it any more. One that has not ended, or
    /// is stranded, stays. Idempotent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn settle_promotion(&self, id: &PromotionId) -> Result<(), StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(promotion_key(id)))
            .key("sk", text(PROMOTION))
            .update_expression("REMOVE #open")
            .condition_expression("attribute_exists(#outcome) AND #outcome <> :stranded")
            .expression_attribute_names("#open", "open")
            .expression_attribute_names("#outcome", "outcome")
            .expression_attribute_values(":stranded", text(Outcome::Stranded.title()));
        match write(&format!("settling {id}"), || request.clone().send()).await {
            Err(fault) if !fault.is(CONDITION_FAILED) => Err(fault.into()),
            _ => Ok(()),
        }
    }

    /// All promotions that somebody must still look after: those that have not
    /// ended, those that are stranded, and those that are closing. A closing
    /// one has an outcome other than `Stranded`; its locks are not given back
    /// yet, or its end is not recorded.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn open_promotions(&self) -> Result<Vec<(Promotion, Generation)>, StoreError> {
        let items = self.indexed("open", "open", OPEN).await?;
        items.iter().map(read).collect()
    }

    /// All promotions of an application, oldest first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn promotions_of(
        &self,
        application: &str,
    ) -> Result<Vec<(Promotion, Generation)>, StoreError> {
        let items = self
            .indexed("application", "application", application)
            .await?;
        items.iter().map(read).collect()
    }

    /// The last promotions of an application, so many at most, newest first.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn last_promotions_of(
        &self,
        application: &str,
        most: i32,
    ) -> Result<Vec<Promotion>, StoreError> {
        let of = ("application", "application");
        let items = self.last_indexed(of, application, most).await?;
        let read = items.iter().map(|item| Ok(read(item)?.0));
        read.collect()
    }

    /// A part of a promotion's record, if it was written.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn part<T: DeserializeOwned>(
        &self,
        id: &PromotionId,
        part: Part<'_>,
    ) -> Result<Option<T>, StoreError> {
        let mut found = self.get(&part.partition(id), &part.key()).await?;
        if let (None, Some(before)) = (&found, part.partition_before(id)) {
            found = self.get(&before, &part.key()).await?;
        }
        Ok(found.as_ref().map(document).transpose()?)
    }

    /// A part that an earlier step must have written.
    ///
    /// # Errors
    /// When it was not, or DynamoDB fails.
    pub async fn required_part<T: DeserializeOwned>(
        &self,
        id: &PromotionId,
        part: Part<'_>,
    ) -> Result<T, StoreError> {
        self.part(id, part)
            .await?
            .ok_or_else(|| StoreError::Missing(format!("{} of {id}", part.key())))
    }

    /// Writes a part before there is anything to fence (no lock is held yet).
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_part<T: Serialize>(
        &self,
        id: &PromotionId,
        part: Part<'_>,
        value: &T,
    ) -> Result<(), StoreError> {
        let new = item(&part.partition(id), &part.key(), value)?;
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(new));
        let operation = format!("writing {} of {id}", part.key());
        write(&operation, || request.clone().send()).await?;
        Ok(())
    }

    /// Writes a part unless it was written before, and answers the one that holds.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put_part_once<T: Serialize + DeserializeOwned>(
        &self,
        id: &PromotionId,
        part: Part<'_>,
        value: &T,
    ) -> Result<T, StoreError> {
        let new = item(&part.partition(id), &part.key(), value)?;
        self.put_new(new).await?;
        self.required_part(id, part).await
    }
}

/// A promotion's item. Its index `open` is sparse and holds what the watchdog
/// looks after: a promotion leaves it when it is settled, not when it ends.
fn stored(promotion: &Promotion, generation: Generation) -> Result<Item, Fault> {
    let mut item = item(&promotion_key(&promotion.id), PROMOTION, promotion)?;
    item.insert("generation".into(), number(generation.0));
    item.insert("open".into(), text(OPEN));
    item.insert("application".into(), text(&promotion.id.application));
    item.insert("opened_at".into(), text(sortable(promotion.opened_at)));
    if let Some(outcome) = promotion.outcome {
        item.insert("outcome".into(), text(outcome.title()));
    }
    Ok(item)
}

/// The promotion of an item, with its generation.
fn read(item: &Item) -> Result<(Promotion, Generation), StoreError> {
    Ok((document(item)?, Generation(unsigned(item, "generation"))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_function_had_and_requests_names_stand_apart_from_what_many_may_read() {
        let id = "storefront/prod/1.1.0/1".parse().expect("an id");
        assert_eq!(
            Part::Own("api").partition(&id),
            "own#storefront/prod/1.1.0/1"
        );
        for request in [Part::Approval, Part::StepApproval(0)] {
            let apart = "approval#storefront/prod/1.1.0/1";
            assert_eq!(request.partition(&id), apart);
        }
        assert_eq!(Part::Plan.partition(&id), promotion_key(&id));
    }

    #[test]
    fn a_promotion_that_has_ended_is_still_open_whatever_its_outcome() {
        for outcome in [Outcome::Promoted, Outcome::RolledBack, Outcome::Stranded] {
            let promotion = serde_json::from_value(json!({
                "id": "storefront/prod/1.1.0/1",
                "bundle": {
                    "bucket": "artifacts", "key": "release.json", "version_id": "1",
                    "digest": format!("sha256:{}", "0".repeat(64)),
                },
                "execution_arn": "execution", "opened_at": "2030-01-01T00:00:00Z",
                "outcome": outcome,
            }));
            let item = stored(&promotion.unwrap(), Generation(2)).unwrap();
            assert_eq!(item["open"], text("open"));
            assert_eq!(item["outcome"], text(outcome.title()));
            assert_eq!(unsigned(&item, "generation"), 2);
        }
    }
}
