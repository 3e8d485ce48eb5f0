//! Taking a vote: who may, with which code, and what is said about it.

use aws_lambda_events::http::StatusCode;
use jiff::Timestamp;
use serde_json::json;
use sluice_domain::approval::{Choice, Request, State, Vote};

use crate::form::Form;
use crate::http::Answer;
use crate::tries::{TRIES, Window};
use crate::{Desk, Error, Ports};

/// What became of a vote.
pub(crate) struct Taken {
    /// As HTTP says it.
    pub(crate) status: StatusCode,
    /// Whether the vote is stored.
    pub(crate) recorded: bool,
    /// How the request stands, if there is one.
    pub(crate) state: Option<State>,
    /// As people read it.
    pub(crate) message: String,
}

impl Taken {
    /// For programs.
    pub(crate) fn as_json(&self) -> Answer {
        let body = json!({"recorded": self.recorded, "state": self.state, "message": self.message});
        Answer::new(self.status, "application/json", body.to_string())
    }

    fn no(status: StatusCode, state: State, message: impl Into<String>) -> Self {
        Self {
            status,
            recorded: false,
            state: Some(state),
            message: message.into(),
        }
    }
}

/// A state in a sentence: "The request is …".
pub(crate) fn in_words(state: State) -> &'static str {
    match state {
        State::Pending => "still open",
        State::Approved => "approved",
        State::Rejected => "rejected",
        State::Expired => "expired",
        State::Superseded => "not needed any more, since the promotion has ended or goes back",
    }
}

impl<P: Ports> Desk<P> {
    /// Takes a vote, if everything about it is right. Sending the same vote
    /// again is fine: what an earlier try left undone is then done.
    pub(crate) async fn vote(&self, id: &str, form: &Form, now: Timestamp) -> Result<Taken, Error> {
        let Some((request, state)) = self.find(id).await? else {
            let message = "There is no such request. Nothing was recorded.".to_owned();
            return Ok(Taken {
                status: StatusCode::NOT_FOUND,
                recorded: false,
                state: None,
                message,
            });
        };
        if let Some(state) = over(&request, state, now) {
            return Ok(closed(self.count_again(id, state).await));
        }
        if let Some(refused) = self.stranger(&request, form, now).await? {
            return Ok(refused);
        }
        let mut vote = Vote {
            person: form.person.clone(),
            choice: form.choice,
            comment: form.comment.clone(),
            at: now,
            method: "code".to_owned(),
        };
        if !self.ports.cast(id, &vote).await? {
            match self
                .ports
                .votes(id)
                .await?
                .into_iter()
                .find(|there| there.person == form.person)
            {
                // The answer to an earlier try was lost: go on from there.
                Some(there) if there.choice == form.choice => vote = there,
                Some(there) => {
                    let state = self.count_again(id, state).await;
                    let message = already(there.choice);
                    return Ok(Taken::no(StatusCode::CONFLICT, state, message));
                }
                None => {
                    let state = self.find(id).await?.map_or(state, |(_, state)| state);
                    return Ok(closed(self.count_again(id, state).await));
                }
            }
        }
        self.ports.vote_cast(&request, &vote).await?;
        tracing::info!(promotion = %request.promotion, person = %vote.person, choice = ?vote.choice, "a vote was recorded");
        Ok(self.count(id).await)
    }

    /// Why this person can't vote so, or isn't who they say.
    async fn stranger(
        &self,
        request: &Request,
        form: &Form,
        now: Timestamp,
    ) -> Result<Option<Taken>, Error> {
        let no = |status, message: String| Ok(Some(Taken::no(status, State::Pending, message)));
        let approver = match request.voter(&form.person, form.choice) {
            Ok(approver) => approver,
            Err(why) => {
                return no(
                    StatusCode::FORBIDDEN,
                    format!("{why}. Nothing was recorded."),
                );
            }
        };
        let Some(code) = self.ports.code(&approver.code_parameter).await? else {
            tracing::error!(parameter = %approver.code_parameter, "there is no approval code in this parameter");
            let message = "No approval code is set for you. Whoever runs Sluice here can set one. Nothing was recorded.";
            return no(StatusCode::FORBIDDEN, message.to_owned());
        };
        // Counted before it is looked at: many tries at once don't get past the limit.
        let window = Window::of(now);
        let tries = self
            .ports
            .count_try(&request.id, &approver.name, window)
            .await?;
        if tries > TRIES {
            tracing::warn!(promotion = %request.promotion, person = %approver.name, "too many codes for now");
            let message = format!(
                "Too many codes were tried as {} on this request. Try again from {} on. Nothing was recorded.",
                approver.name,
                end_of(window)
            );
            return no(StatusCode::TOO_MANY_REQUESTS, message);
        }
        if !code.is(&form.code) {
            tracing::warn!(promotion = %request.promotion, person = %approver.name, tries, "a wrong code");
            let message = format!(
                "This code is wrong. Tries left until {}: {}. Nothing was recorded.",
                end_of(window),
                TRIES - tries
            );
            return no(StatusCode::FORBIDDEN, message);
        }
        Ok(None)
    }

    /// Counts the votes that are there, in case whoever should have done it
    /// failed, and answers how the request stands. Safe to repeat. The
    /// watchdog does it, too, so a failure here only costs time.
    async fn count_again(&self, id: &str, state: State) -> State {
        match self.ports.tally(id).await {
            // Its clock may be behind ours.
            Ok(State::Pending) => state,
            Ok(counted) => counted,
            Err(fault) => {
                tracing::error!(%fault, "votes were not counted again; the watchdog does it");
                state
            }
        }
    }

    /// The vote is stored; whether it could be counted is another matter.
    async fn count(&self, id: &str) -> Taken {
        match self.ports.tally(id).await {
            Ok(state) => {
                let message = format!("Your vote is recorded. The request is {}.", in_words(state));
                Taken {
                    status: StatusCode::OK,
                    recorded: true,
                    state: Some(state),
                    message,
                }
            }
            Err(fault) => {
                tracing::error!(%fault, "a vote is stored but was not counted");
                let message = "Your vote is recorded, but could not be counted yet. Send it once more in a minute.";
                Taken {
                    status: StatusCode::ACCEPTED,
                    recorded: true,
                    state: Some(State::Pending),
                    message: message.into(),
                }
            }
        }
    }
}

/// How a request ended, if it did.
fn over(request: &Request, state: State, now: Timestamp) -> Option<State> {
    match state {
        State::Pending if now >= request.expires_at => Some(State::Expired),
        State::Pending => None,
        decided => Some(decided),
    }
}

/// When this window of tries ends, for people.
fn end_of(window: Window) -> String {
    format!("{} UTC", window.end().strftime("%H:%M"))
}

fn closed(state: State) -> Taken {
    Taken::no(
        StatusCode::CONFLICT,
        state,
        format!(
            "The request is {}. Nothing new was recorded.",
            in_words(state)
        ),
    )
}

fn already(choice: Choice) -> &'static str {
    match choice {
        Choice::Approve => "You have approved this already; that vote stays. Nothing was recorded.",
        Choice::Reject => "You have rejected this already; that vote stays. Nothing was recorded.",
    }
}
