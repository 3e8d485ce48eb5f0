//! The line in front of the locks: first come, first served, and nobody polls.

mod supersede;

use jiff::Timestamp;
use serde_json::json;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_domain::settings::QueuePolicy;
use sluice_domain::targets::exclude;
use sluice_platform::store::{StoreError, TaskToken, Ticket};
use sluice_platform::task::Resumed;

use crate::{Error, Guard, Output, Ports};

impl<P: Ports> Guard<P> {
    /// Joins the line, then tries to be served, after those ahead. In this
    /// order: whoever gives the targets back afterwards finds the ticket.
    ///
    /// Each try of the task has a ticket of its own, with its own token, and takes
    /// no other's: a slow first try may come after the second one. Whichever
    /// gets its turn first locks for both, at its place in line.
    pub(crate) async fn acquire(
        &self,
        id: &PromotionId,
        token: TaskToken,
        now: Timestamp,
    ) -> Result<Output, Error> {
        let targets = self.ports.plan_of(id).await?.targets();
        let waiting = self.ports.waiting().await?;
        let ticket = Ticket {
            promotion: id.clone(),
            targets,
            token,
            queued_at: now,
        };
        self.ports.join(&ticket).await?;
        let ahead = waiting
            .iter()
            .filter(|other| shared(&ticket, other).is_some());
        let mut pass = self.go_along(ahead).await;
        let turn = self.turn(&ticket, &mut pass).await?;
        if pass.gave_back {
            self.try_to_hand_over().await;
        }
        match turn {
            Turn::Waits { target, holder } => self.wait(&ticket, target, holder).await,
            Turn::Resumed | Turn::Over => Ok(Output::Queued { acquired: true }),
        }
    }

    /// Somebody else holds a target: do what the environment's settings say.
    async fn wait(&self, ticket: &Ticket, target: String, holder: String) -> Result<Output, Error> {
        let id = &ticket.promotion;
        match self.ports.settings(id).await?.queue {
            QueuePolicy::Refuse => {
                self.ports.leave(ticket).await?;
                return Err(Error::TargetsBusy { target, holder });
            }
            QueuePolicy::Supersede => self.keep_newest(ticket, &holder).await?,
            QueuePolicy::Wait => {}
        }
        let facts = json!({ "target": target, "holder": holder });
        self.ports
            .record(id, Kind::TargetsQueued, "queue", facts)
            .await?;
        Ok(Output::Queued { acquired: false })
    }

    /// Hands over after something was given back. Whoever can't be resumed now
    /// is resumed by the watchdog.
    pub(crate) async fn try_to_hand_over(&self) {
        if let Err(error) = self.hand_over().await {
            tracing::warn!(%error, "the line was not handed over; the watchdog does it");
        }
    }

    /// Gives whoever waits for what is free its turn.
    pub(crate) async fn hand_over(&self) -> Result<u64, Error> {
        let mut resumed = 0;
        loop {
            let waiting = self.ports.waiting().await?;
            let pass = self.go_along(&waiting).await;
            resumed += pass.resumed;
            // Somebody may have been turned away for what was given back here.
            if pass.gave_back {
                continue;
            }
            return pass.failed.map_or(Ok(resumed), Err);
        }
    }

    /// Goes along the line. What fails for one keeps back only those behind it
    /// that want the same.
    async fn go_along<'a>(&self, tickets: impl IntoIterator<Item = &'a Ticket>) -> Pass<'a> {
        let mut pass = Pass::default();
        for ticket in tickets {
            match self.turn(ticket, &mut pass).await {
                Ok(Turn::Resumed) => pass.resumed += 1,
                Ok(Turn::Over) => {}
                Ok(Turn::Waits { .. }) => pass.ahead.push(ticket),
                Err(error) => {
                    tracing::warn!(promotion = %ticket.promotion, %error, "not served");
                    pass.ahead.push(ticket);
                    pass.failed = pass.failed.or(Some(error));
                }
            }
        }
        pass
    }

    /// Locks a ticket's targets and resumes its promotion, unless another one
    /// ahead of it waits for one of them. What an earlier try of the same task
    /// locked, nobody ahead can have before this promotion ends. Safe to repeat, and by two at once: locking
    /// again changes nothing, and a second signal finds nobody waiting. If the
    /// promotion was stopped meanwhile, its own end or the watchdog closes it
    /// and gives the locks back.
    async fn turn(&self, ticket: &Ticket, pass: &mut Pass<'_>) -> Result<Turn, Error> {
        let id = &ticket.promotion;
        let (promotion, _) = self.ports.promotion(id).await?;
        if let Some(outcome) = promotion.outcome {
            return self.turn_of_ended(ticket, outcome, pass).await;
        }
        if let Some((target, ahead)) = before(ticket, &pass.ahead)
            && !self.ports.holds(id, target).await?
        {
            return Ok(Turn::Waits {
                target: target.clone(),
                holder: ahead.to_string(),
            });
        }
        match self.ports.lock(id, &ticket.targets).await {
            Ok(()) => {}
            Err(StoreError::Held { target, holder }) => return Ok(Turn::Waits { target, holder }),
            Err(error) => return Err(error.into()),
        }
        // It may have ended since it was read, and given back what it did not
        // have yet. One that ends from here on gives back these locks itself.
        let (promotion, generation) = self.ports.promotion(id).await?;
        if let Some(outcome) = promotion.outcome {
            return self.turn_of_ended(ticket, outcome, pass).await;
        }
        let resumed = self.ports.resume(&ticket.token, generation).await?;
        if resumed == Resumed::NobodyWaits {
            tracing::warn!(promotion = %id, "nobody waits under this ticket any more");
        }
        self.ports.leave(ticket).await?;
        Ok(Turn::Resumed)
    }

    /// Gives back what was locked for a promotion that had ended, here or by
    /// one that broke off, and only then takes its ticket.
    async fn turn_of_ended(
        &self,
        ticket: &Ticket,
        outcome: Outcome,
        pass: &mut Pass<'_>,
    ) -> Result<Turn, Error> {
        if outcome != Outcome::Stranded {
            self.ports.unlock(&ticket.promotion).await?;
            pass.gave_back = true;
        }
        self.ports.leave(ticket).await?;
        Ok(Turn::Over)
    }
}

/// What came of a ticket.
enum Turn {
    /// Its promotion has its targets.
    Resumed,
    /// Its promotion has ended.
    Over,
    /// Somebody else has a target, or waits for it longer.
    Waits { target: String, holder: String },
}

/// One way along the line.
#[derive(Default)]
struct Pass<'a> {
    /// Those who still wait.
    ahead: Vec<&'a Ticket>,
    resumed: u64,
    /// Whether locks were taken for one that had ended, and given back.
    gave_back: bool,
    /// The first thing that failed.
    failed: Option<Error>,
}

/// A target of a ticket that another promotion ahead of it wants, too, and which
/// one that is.
fn before<'a>(ticket: &'a Ticket, ahead: &[&'a Ticket]) -> Option<(&'a String, &'a PromotionId)> {
    ahead
        .iter()
        .filter(|other| other.promotion != ticket.promotion)
        .find_map(|other| Some((shared(ticket, other)?, &other.promotion)))
}

/// A target that not both can have, if there is one.
fn shared<'a>(one: &'a Ticket, other: &Ticket) -> Option<&'a String> {
    one.targets
        .iter()
        .find(|target| other.targets.iter().any(|wanted| exclude(target, wanted)))
}
