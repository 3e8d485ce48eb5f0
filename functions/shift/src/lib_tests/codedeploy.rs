//! CodeDeploy in memory: it does at once what it is told, and shifts when a test
//! says so.

use std::rc::Rc;

use sluice_domain::codedeploy::{CodeDeploy, Status};

use super::super::super::*;
use super::{World, fault, shared};

/// CodeDeploy's deployments, in the order of their creation.
#[derive(Debug, Default)]
pub(in super::super) struct CodeDeploys {
    pub(in super::super) orders: Vec<Order>,
    pub(in super::super) found: Vec<Found>,
    /// The function dies after the creation of the n-th, from 1.
    pub(in super::super) dies_after: Option<usize>,
    /// The answer to the creation of the n-th is lost, from 1.
    pub(in super::super) loses: Option<usize>,
    /// The deployment that no look tells of.
    pub(in super::super) untold: Option<String>,
    /// No stop is ever done.
    pub(in super::super) never_stops: bool,
}

impl World {
    /// The same world, where CodeDeploy shifts in an hour at most.
    pub(in super::super) fn with_codedeploy(self: Rc<Self>) -> Rc<Self> {
        let mut world = Rc::into_inner(self).expect("nobody else has it yet");
        let group = |name: &String| {
            let group = DeploymentGroup {
                application: "shop".to_owned(),
                deployment_group: name.clone(),
            };
            (name.clone(), group)
        };
        let codedeploy = CodeDeploy {
            functions: world.versions.keys().map(group).collect(),
            shift_seconds: 3600,
            bake_seconds: 1800,
        };
        world.plan.steps = vec![codedeploy.last_step()];
        world.plan.codedeploy = Some(codedeploy);
        Rc::new(world)
    }

    /// Deployments shift their functions to this share of the new version, or end.
    pub(in super::super) fn deploy(&self, weight: f64) {
        let mut codedeploy = self.codedeploy.borrow_mut();
        let CodeDeploys { orders, found, .. } = &mut *codedeploy;
        for (order, found) in orders.iter().zip(found) {
            let function = &order.mark.function;
            if weight < 100.0 {
                self.put(function, shared("1", "2", weight / 100.0));
            } else {
                self.put(function, Routing::only("2"));
                found.status = Status::Succeeded;
            }
        }
    }

    /// A deployment fails, and CodeDeploy rolls it back.
    pub(in super::super) fn deployment_fails(&self, function: &str, error: &str) {
        let mut codedeploy = self.codedeploy.borrow_mut();
        let orders = codedeploy.orders.iter();
        let index = orders.map(|order| &order.mark.function);
        let index = index.into_iter().position(|name| name == function);
        let found = &mut codedeploy.found[index.expect("a deployment")];
        found.status = Status::Failed;
        found.error = Some(error.to_owned());
        self.put(function, Routing::only("1"));
    }

    /// The ids that CodeDeploy knows, with how they stand.
    pub(in super::super) fn standing(&self) -> Vec<(String, Status)> {
        let codedeploy = self.codedeploy.borrow();
        let found = codedeploy.found.iter();
        found
            .map(|found| (found.id.clone(), found.status))
            .collect()
    }
}

impl Deployments for Rc<World> {
    async fn create(&self, order: &Order) -> Result<String, Fault> {
        let id = {
            let mut codedeploy = self.codedeploy.borrow_mut();
            codedeploy.orders.push(order.clone());
            let id = format!("d-{}", codedeploy.orders.len());
            codedeploy.found.push(Found {
                id: id.clone(),
                status: Status::Running,
                error: None,
                rollback: None,
            });
            if codedeploy.dies_after == Some(codedeploy.orders.len()) {
                codedeploy.dies_after = None;
                self.crashed.set(true);
            }
            id
        };
        self.note(format!("create {id} in {}", order.group));
        if self.crashed.get() {
            std::future::pending::<()>().await;
        }
        let mut codedeploy = self.codedeploy.borrow_mut();
        if codedeploy.loses == Some(codedeploy.orders.len()) {
            codedeploy.loses = None;
            return Err(fault("create", "connection reset"));
        }
        Ok(id)
    }

    async fn find(
        &self,
        group: &DeploymentGroup,
        mark: &Mark,
        _: Timestamp,
    ) -> Result<Option<String>, Fault> {
        let codedeploy = self.codedeploy.borrow();
        let all = codedeploy.orders.iter().zip(&codedeploy.found);
        let mut ours =
            all.filter(|(order, _)| order.group == *group && order.mark.is_of_the_same(mark));
        Ok(ours.next().map(|(_, found)| found.id.clone()))
    }

    async fn look(&self, ids: &[String]) -> Result<Vec<Found>, Fault> {
        let codedeploy = self.codedeploy.borrow();
        let asked = codedeploy.found.iter();
        let is_told = |found: &&Found| codedeploy.untold.as_ref() != Some(&found.id);
        let asked = asked
            .filter(|found| ids.contains(&found.id))
            .filter(is_told);
        Ok(asked.cloned().collect())
    }

    async fn stop(&self, id: &str) -> Result<(), Fault> {
        self.note(format!("stop {id}"));
        let mut codedeploy = self.codedeploy.borrow_mut();
        if codedeploy.never_stops {
            return Ok(());
        }
        let found = codedeploy.found.iter_mut().find(|found| found.id == id);
        let Some(found) = found else {
            return Err(fault("stop", "DeploymentDoesNotExistException"));
        };
        found.status = Status::Stopped;
        Ok(())
    }
}
