//! What is said in Slack.

mod card;
mod post;
mod topic;

use jiff::Timestamp;
use notify::about;
use sluice_domain::approval::{Matter, State};
use sluice_domain::ledger::{Entry, Kind};
use sluice_domain::promotion::PromotionId;
use sluice_domain::settings::SlackPlace;
use sluice_platform::store::{Mirrored, StoreError};

use crate::{Asked, Error, Mirror, Ports, left_out};
use card::Card;
use post::Post;
use topic::{THREAD, Topic, matter_of, name_of};

impl<P: Ports> Mirror<P> {
    pub(crate) async fn say_in_slack(
        &self,
        place: SlackPlace,
        entry: &Entry,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Ok(promotion) = entry.event.chain.parse::<PromotionId>() else {
            return match about(entry) {
                Some(message) => {
                    let message = post::plain(&message);
                    self.ports.post(&place, &message).await.map(drop)
                }
                None => Ok(()),
            };
        };
        let is_about_a_request = is_about_a_request(entry.event.kind);
        let line = match is_about_a_request {
            true => post::of_request(entry),
            false => about(entry).map(|message| post::under(&message)),
        };
        if line.is_none() && !is_about_a_request {
            return Ok(());
        }
        let posted = self.ports.mirrored(&promotion).await?;
        let mut topic = Topic::new(place, promotion, posted);
        let shown = match entry.event.kind {
            Kind::PromotionClosed => self.settle(&topic, entry, now).await,
            _ if is_about_a_request => self.refresh(&mut topic, entry, now).await,
            _ => Ok(()),
        };
        // A message that can't be changed keeps nothing else from being said.
        left_out(entry, shown)?;
        match line {
            Some(line) => self.send(&mut topic, THREAD, line).await,
            None => Ok(()),
        }
    }

    /// Posts the message of a request, or makes it say how that stands now. One that is lost
    /// is posted anew.
    async fn refresh(&self, topic: &mut Topic, entry: &Entry, now: Timestamp) -> Result<(), Error> {
        let matter = Matter::of_facts(&entry.event.facts);
        let Some(asked) = self.ports.asked(&topic.promotion, matter).await? else {
            return match entry.event.kind {
                // It is recorded before it is stored.
                Kind::ApprovalRequested => Err(StoreError::Missing(format!(
                    "request of {} that was just recorded",
                    topic.promotion
                ))
                .into()),
                _ => Ok(()),
            };
        };
        let asked = &asked;
        let message = Card { asked, now }.message(topic.place.takes_clicks());
        let name = name_of(matter);
        if let Some(posted) = topic.find(&name).cloned() {
            match self.ports.update(&posted, &message).await {
                Err(error) if error.is_of_a_lost_message() => {
                    let promotion = &topic.promotion;
                    tracing::warn!(%promotion, what = name, %error, "it is posted anew");
                    topic.forget(&posted);
                }
                done => return done,
            }
        }
        // What can't be changed is posted when it begins and when it ends.
        let is_an_end = matches!(
            entry.event.kind,
            Kind::ApprovalRequested | Kind::ApprovalDecided
        );
        if !topic.place.takes_clicks() && !is_an_end {
            return Ok(());
        }
        let post = Post {
            message,
            broadcast: true,
        };
        self.send(topic, &name, post).await
    }

    /// The end of a promotion: nothing that is still asked of it is needed any more.
    async fn settle(&self, topic: &Topic, entry: &Entry, now: Timestamp) -> Result<(), Error> {
        for (name, posted) in &topic.posted {
            if let Some(matter) = matter_of(name) {
                left_out(entry, self.take_back(topic, (matter, posted), now).await)?;
            }
        }
        Ok(())
    }

    /// Takes the buttons of a request that nobody decided away.
    async fn take_back(
        &self,
        topic: &Topic,
        (matter, posted): (Matter, &Mirrored),
        now: Timestamp,
    ) -> Result<(), Error> {
        let found = self.ports.request(&topic.promotion, matter).await?;
        if found.is_none_or(|(_, state)| state != State::Pending) {
            return Ok(());
        }
        let Some(asked) = self.ports.asked(&topic.promotion, matter).await? else {
            return Ok(());
        };
        let state = match asked.state {
            State::Pending => State::Superseded,
            decided => decided,
        };
        let asked = &Asked { state, ..asked };
        let message = Card { asked, now }.message(topic.place.takes_clicks());
        match self.ports.update(posted, &message).await {
            // Its buttons are gone as well.
            Err(error) if error.is_of_a_lost_message() => Ok(()),
            done => done,
        }
    }

    /// Posts a message, in the thread if there is one: the first message begins it.
    async fn send(&self, topic: &mut Topic, name: &str, post: Post) -> Result<(), Error> {
        let root = topic.find(THREAD);
        let is_root = root.is_none();
        let message = post.within(root);
        let Some(posted) = self.ports.post(&topic.place, &message).await? else {
            return Ok(());
        };
        let promotion = &topic.promotion;
        if is_root {
            self.ports.note(promotion, THREAD, &posted).await?;
        }
        if name != THREAD {
            self.ports.note(promotion, name, &posted).await?;
        }
        if is_root {
            topic.posted.push((THREAD.to_owned(), posted));
        }
        Ok(())
    }
}

fn is_about_a_request(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::ApprovalRequested
            | Kind::VoteCast
            | Kind::VoteWithdrawn
            | Kind::ApprovalReminded
            | Kind::ApprovalDecided
    )
}
