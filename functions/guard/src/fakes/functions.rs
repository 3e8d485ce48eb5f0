//! The functions that settings name, as Lambda, CodeDeploy and CloudFormation have them.

use sluice_domain::codedeploy::DeploymentGroup;
use sluice_domain::owner;
use sluice_domain::plan::{FunctionPlan, Observed};
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::{Role, Target};
use sluice_platform::fault::Fault;
use sluice_platform::store::StoreError;

use super::{Touch, World};
use crate::ports::{Lookup, Owners};

impl Lookup for World {
    async fn look(
        &self,
        _: Option<&Role>,
        _: &PromotionId,
        target: &Target,
    ) -> Result<Option<Observed>, Fault> {
        self.turn_for("look", Touch::Nothing).await?;
        Ok(self.0.borrow().functions.get(&target.name).cloned())
    }

    async fn is_provisioned(
        &self,
        _: Option<&Role>,
        _: &PromotionId,
        function: &FunctionPlan,
    ) -> Result<bool, Fault> {
        self.turn_for("is_provisioned", Touch::Nothing).await?;
        Ok(self.0.borrow().provisioned.contains(&function.name))
    }

    async fn aliases(
        &self,
        _: Option<&Role>,
        _: &PromotionId,
        function: &str,
    ) -> Result<Vec<String>, Fault> {
        let state = self.0.borrow();
        Ok(state.aliases.get(function).cloned().unwrap_or_default())
    }

    async fn platform(&self, group: &DeploymentGroup) -> Result<Option<String>, Fault> {
        let state = self.0.borrow();
        Ok(state.platforms.get(&group.to_string()).cloned())
    }
}

impl Owners for World {
    async fn standing(
        &self,
        _: Option<&Role>,
        _: &PromotionId,
        function: &FunctionPlan,
    ) -> Result<owner::Standing, StoreError> {
        self.turn_for("standing", Touch::Nothing).await?;
        let standings = &self.0.borrow().standings;
        Ok(standings.get(&function.arn).cloned().unwrap_or_default())
    }
}
