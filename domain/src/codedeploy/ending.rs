//! Bringing deployments to their end: until nothing of theirs, their rollbacks
//! included, moves an alias any more.

use std::collections::{BTreeMap, BTreeSet};

use super::{Found, Status};

/// How many looks a deployment that ended badly is given to name its rollback:
/// CodeDeploy starts that one a moment later.
const LOOKS_FOR_A_ROLLBACK: u32 = 3;

/// Deployments that are brought to their end.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    ids: Vec<String>,
    asked: BTreeSet<String>,
    /// Never stopped: they put aliases back.
    rollbacks: BTreeSet<String>,
    ended_badly: BTreeMap<String, u32>,
}

/// What a look at them says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Those to stop now, each once.
    pub stop: Vec<String>,
    /// Those that may still move an alias. Empty: all is over.
    pub under_way: Vec<String>,
}

impl Ending {
    /// Begins with these.
    #[must_use]
    pub fn of(ids: Vec<String>) -> Self {
        Self {
            ids,
            ..Self::default()
        }
    }

    /// Those to look at.
    #[must_use]
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Takes in how they stand. Of one that is not told of nothing is known, so it
    /// may still move an alias.
    pub fn look(&mut self, found: &[Found]) -> Look {
        let is_untold = |id: &&String| found.iter().all(|one| one.id != **id);
        let mut look = Look {
            stop: Vec::new(),
            under_way: self.ids.iter().filter(is_untold).cloned().collect(),
        };
        for one in found {
            let is_rollback = self.rollbacks.contains(&one.id);
            match one.status {
                Status::Succeeded => {}
                Status::Running => {
                    look.under_way.push(one.id.clone());
                    if !is_rollback && self.asked.insert(one.id.clone()) {
                        look.stop.push(one.id.clone());
                    }
                }
                Status::Failed | Status::Stopped if is_rollback => {}
                Status::Failed | Status::Stopped => {
                    if self.waits_for_its_rollback(one) {
                        look.under_way.push(one.id.clone());
                    }
                }
            }
        }
        look
    }

    /// Whether the rollback of a deployment that ended badly has yet to show, or
    /// was just heard of.
    fn waits_for_its_rollback(&mut self, one: &Found) -> bool {
        match &one.rollback {
            Some(rollback) => {
                let is_new = self.rollbacks.insert(rollback.clone());
                if is_new {
                    self.ids.push(rollback.clone());
                }
                is_new
            }
            None => {
                let looks = self.ended_badly.entry(one.id.clone()).or_default();
                *looks += 1;
                *looks <= LOOKS_FOR_A_ROLLBACK
            }
        }
    }
}
