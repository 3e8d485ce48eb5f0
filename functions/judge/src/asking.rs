//! Steps that ask their approvers: through `approval`, at each look that waits for
//! them. That they can't be asked for a while holds the step, and ends nothing.

use jiff::Timestamp;
use sluice_domain::approval::{AtStep, State};
use sluice_domain::judge::{Asks, Decision, Next};
use sluice_domain::promotion::PromotionId;

use crate::look::{Seen, Subject};
use crate::{Functions, Judge, Metrics, Records, Verdicts};

impl<R: Records, M: Metrics, F: Functions, L: Verdicts> Judge<R, M, F, L> {
    /// What follows, with what approvers say where they are asked.
    pub(crate) async fn decide(
        &self,
        id: &PromotionId,
        subject: &Subject,
        seen: &Seen,
        now: Timestamp,
    ) -> Decision {
        let steer = |answer| subject.steer(now, seen.outcome(), answer);
        let decision = steer(None);
        if decision.asks == Some(Asks::Approval) {
            match self.functions.ask(id, &subject.at_step(seen)).await {
                Ok(answer) if answer.state != State::Pending => return steer(Some(&answer)),
                Ok(answer) => {
                    let decision = steer(Some(&answer));
                    self.withdraw_if_over(id, subject, &decision).await;
                    return decision;
                }
                Err(fault) => {
                    tracing::warn!(promotion = %id, %fault, "approvers were not asked; the next look asks them");
                    let because = decision.because.unwrap_or_default();
                    let because = Some(format!("{because}; they were not asked yet: {fault}"));
                    return Decision {
                        because,
                        ..decision
                    };
                }
            }
        }
        self.withdraw_if_over(id, subject, &decision).await;
        decision
    }

    /// Takes back what a step that goes back has asked. What can't be taken back holds
    /// up nothing: the page takes no vote on a promotion that has ended.
    async fn withdraw_if_over(&self, id: &PromotionId, subject: &Subject, decision: &Decision) {
        if decision.next != Next::RollBack || !subject.step.asks_approvers() {
            return;
        }
        if let Err(fault) = self.functions.withdraw(id, subject.index).await {
            tracing::warn!(promotion = %id, %fault, "what approvers were asked stays open until the promotion ends");
        }
    }
}

impl Subject {
    /// The step as approvers are told of it.
    fn at_step(&self, seen: &Seen) -> AtStep {
        AtStep {
            index: self.index,
            of: self.journal.steps.len(),
            weight: self.step.weight,
            verdict: seen.rule.clone(),
        }
    }
}
