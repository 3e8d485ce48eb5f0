//! What is known of whose an alias is: how it stands, the CloudFormation stack
//! that owns it, and where Sluice left it. Reads only.

use std::cmp::Reverse;

use aws_config::SdkConfig;
use sluice_domain::alias::Alias;
use sluice_domain::journal::Versions;
use sluice_domain::owner::{Left, Standing, left, signature};
use sluice_domain::promotion::{Outcome, Promotion, PromotionId};

use crate::fault::Fault;
use crate::function;
use crate::store::{Part, Store, StoreError};

/// Asks Lambda and CloudFormation of one account.
#[derive(Clone)]
pub struct Owners {
    lambda: aws_sdk_lambda::Client,
    cloudformation: aws_sdk_cloudformation::Client,
}

/// What CloudFormation says of an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stack {
    /// It is a resource of this stack.
    Owns(String),
    /// It is a resource of none.
    None,
    /// The caller may not ask, for this reason.
    Untold(String),
}

impl Owners {
    /// In the account that the configuration opens.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            lambda: aws_sdk_lambda::Client::new(config),
            cloudformation: aws_sdk_cloudformation::Client::new(config),
        }
    }

    /// What is known of a function's alias, for a promotion or any other look at
    /// the environment that it names; and what CloudFormation said.
    ///
    /// # Errors
    /// When Lambda, CloudFormation or the state table fails.
    pub async fn look(
        &self,
        store: &Store,
        (application, environment): (&str, &str),
        (arn, alias): (&str, &str),
    ) -> Result<(Standing, Stack), StoreError> {
        let Some(found) = function::alias(&self.lambda, arn, alias).await? else {
            return Ok((Standing::default(), Stack::None));
        };
        let stack = self.stack(&format!("{arn}:{alias}")).await?;
        let place = (application, environment);
        let standing = Standing {
            left: last_left(store, place, &found, (arn, alias)).await?,
            alias: Some(found),
            stack: match &stack {
                Stack::Owns(stack) => Some(stack.clone()),
                Stack::None | Stack::Untold(_) => None,
            },
        };
        Ok((standing, stack))
    }

    /// The stack that an alias is a resource of. Its physical id there is its ARN.
    async fn stack(&self, alias_arn: &str) -> Result<Stack, Fault> {
        let request = self
            .cloudformation
            .describe_stack_resources()
            .physical_resource_id(alias_arn);
        match request.send().await {
            Ok(found) => {
                let first = found.stack_resources().iter();
                let name = first.filter_map(|resource| resource.stack_name()).next();
                Ok(name.map_or(Stack::None, |name| Stack::Owns(name.to_owned())))
            }
            Err(error) => {
                let fault = Fault::new("cloudformation:DescribeStackResources", error);
                // So it says that no stack has such a resource.
                if fault.is("ValidationError") {
                    Ok(Stack::None)
                } else if fault.is("AccessDenied") {
                    Ok(Stack::Untold(fault.message))
                } else {
                    Err(fault)
                }
            }
        }
    }
}

/// Where Sluice left an alias last: the promotion that signed it says, or else
/// the one of this environment that was promoted last among those that had it.
async fn last_left(
    store: &Store,
    (application, environment): (&str, &str),
    found: &Alias,
    of: (&str, &str),
) -> Result<Option<Left>, StoreError> {
    if let Some(signed) = found.description.as_deref().and_then(signature)
        && let Some((promotion, versions)) = known(store, &signed.promotion).await?
    {
        // One that has not ended still moves it.
        return Ok(left(&promotion, signed.is_back, &versions, of));
    }
    let mut promoted = Vec::new();
    for (promotion, _) in store.promotions_of(application).await? {
        let is_here = promotion.id.environment == environment;
        // The list may show late that one has ended.
        let promotion = match promotion.outcome {
            None if is_here => store.promotion(&promotion.id).await?.0,
            _ => promotion,
        };
        if is_here && promotion.outcome == Some(Outcome::Promoted) {
            promoted.push(promotion);
        }
    }
    promoted.sort_by_key(|promotion| Reverse(promotion.closed_at));
    for promotion in promoted {
        let versions: Option<Versions> = store.part(&promotion.id, Part::Versions).await?;
        let left = versions.and_then(|versions| left(&promotion, false, &versions, of));
        if left.is_some() {
            return Ok(left);
        }
    }
    Ok(None)
}

/// A promotion with its versions, if both are known.
async fn known(
    store: &Store,
    id: &PromotionId,
) -> Result<Option<(Promotion, Versions)>, StoreError> {
    let promotion = match store.promotion(id).await {
        Ok((promotion, _)) => promotion,
        Err(StoreError::Missing(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let versions = store.part(id, Part::Versions).await?;
    Ok(versions.map(|versions| (promotion, versions)))
}
