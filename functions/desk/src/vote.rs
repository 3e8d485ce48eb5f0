//! Taking a vote: who may, with which code, and what is said about it.

use aws_lambda_events::http::StatusCode;
use jiff::Timestamp;
use serde_json::json;
use sluice_domain::approval::{Choice, Ineligible, Method, Request, Sealed, State, Vote};
use sluice_domain::settings::SlackUser;

use crate::ballot::{Ballot, Voter, refuse};
use crate::http::Answer;
use crate::tries::{TRIES, Window};
use crate::{Desk, Error, Ports, Stored, page};

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

/// Somebody who showed who they are.
struct Proven {
    /// Who, as the request's policy names them.
    person: String,
    /// Whether what showed it was not used before: each code and each click counts once.
    is_new: bool,
}

/// How a person's vote stands.
enum Place {
    /// It counts.
    Stands(Sealed),
    /// It was taken back.
    TakenBack(Sealed),
    /// They have not voted.
    Empty,
}

/// A state in a sentence: "The request is …".
pub(crate) fn in_words(state: State) -> &'static str {
    match state {
        State::Pending => "still open",
        State::Approved => "approved",
        State::Rejected => "rejected",
        State::Expired => "expired",
        State::Superseded => {
            "not open any more: the promotion has ended or goes back, a newer one took its place, or settings have changed"
        }
    }
}

impl<P: Ports> Desk<P> {
    /// Takes a vote, if everything about it is right. Sending the same vote
    /// again is fine: what an earlier try left undone is then done.
    pub(crate) async fn vote(
        &self,
        id: &str,
        (ballot, voter): (&Ballot, Voter<'_>),
        now: Timestamp,
    ) -> Result<Taken, Error> {
        let Some(stored) = self.find(id).await? else {
            return Ok(refuse(StatusCode::NOT_FOUND, "There is no such request."));
        };
        let (request, state) = (&stored.request, stored.state);
        if let Some(state) = over(request, state, now) {
            // Who sends this has shown nothing yet: it is written down once.
            return Ok(closed(match stored.is_decided {
                true => state,
                false => self.count_again(id, state).await,
            }));
        }
        let no = |status, why: &str| {
            let message = format!("{why} Nothing was recorded.");
            Ok(Taken::no(status, State::Pending, message))
        };
        let person = match voter.person(request) {
            Ok(person) => person,
            Err(why) => return no(StatusCode::FORBIDDEN, &why),
        };
        let vote = ballot.vote(&person, voter.method(), now);
        if let Some(why) = unfit(request, &person, (ballot, vote.as_ref(), voter.method())) {
            return no(StatusCode::FORBIDDEN, &why);
        }
        if let Some(why) = self.unseen(&stored, (ballot, vote.as_ref())).await? {
            return no(StatusCode::CONFLICT, why);
        }
        let is_new = match self.prove(request, voter, now).await? {
            Ok(is_new) => is_new,
            Err(refused) => return Ok(refused),
        };
        self.put(request, vote, Proven { person, is_new }, now)
            .await
    }

    /// Stores the vote of somebody who showed who they are, or takes theirs back.
    async fn put(
        &self,
        request: &Request,
        vote: Option<Vote>,
        proven: Proven,
        now: Timestamp,
    ) -> Result<Taken, Error> {
        match (vote, self.place_of(request, &proven.person).await?) {
            // The answer to an earlier try was lost: go on from there.
            (Some(vote), Place::Stands(there)) if there.vote.choice == vote.choice => {
                self.cast_is_there(request, &there.vote).await
            }
            (None, Place::TakenBack(there)) => self.is_taken_back(request, &there.vote).await,
            _ if !proven.is_new => Ok(used()),
            (Some(vote), Place::Empty | Place::TakenBack(_)) => self.cast(request, vote).await,
            (Some(_), Place::Stands(there)) => {
                let state = self.count_again(&request.id, State::Pending).await;
                let message = already(there.vote.choice);
                Ok(Taken::no(StatusCode::CONFLICT, state, message))
            }
            (None, Place::Stands(there)) => self.withdraw(request, there, now).await,
            (None, Place::Empty) => {
                let message = "There is no vote of yours to take back. Nothing was recorded.";
                Ok(Taken::no(StatusCode::CONFLICT, State::Pending, message))
            }
        }
    }

    /// How a person's vote on a request stands, as it was cast at the desk.
    async fn place_of(&self, request: &Request, person: &str) -> Result<Place, Error> {
        let votes = self.ports.votes(request).await?;
        let own = votes.into_iter().find(|one| one.vote.person == person);
        Ok(match own {
            Some(own) if own.vote.stands() => Place::Stands(own),
            Some(own) => Place::TakenBack(own),
            None => Place::Empty,
        })
    }

    /// Why whoever sends this has not seen what it would be about. None: they have.
    async fn unseen(
        &self,
        stored: &Stored,
        (ballot, vote): (&Ballot, Option<&Vote>),
    ) -> Result<Option<&'static str>, Error> {
        let approves = vote.is_some_and(|vote| vote.choice == Choice::Approve);
        if !approves && ballot.shown.is_none() {
            return Ok(None);
        }
        let request = &stored.request;
        let subject = self.ports.subject(&stored.promotion).await?;
        if let (Some(why), true) = (page::doubt(request, &subject), approves) {
            return Ok(Some(why));
        }
        Ok(match &ballot.shown {
            Some(shown) if page::shown(request, &subject)? != *shown => Some(
                "What this vote is about is not what the page showed: open the link again and look.",
            ),
            _ => None,
        })
    }

    async fn cast(&self, request: &Request, vote: Vote) -> Result<Taken, Error> {
        if !self.ports.cast(request, &vote).await? {
            // Somebody decided meanwhile, or the same person voted twice at once.
            let state = self.find(&request.id).await?.map(|stored| stored.state);
            let state = state.unwrap_or(State::Pending);
            return Ok(closed(self.count_again(&request.id, state).await));
        }
        tracing::info!(promotion = %request.promotion, person = %vote.person, choice = ?vote.choice, "a vote was recorded");
        self.cast_is_there(request, &vote).await
    }

    async fn cast_is_there(&self, request: &Request, vote: &Vote) -> Result<Taken, Error> {
        self.ports.vote_cast(request, vote).await?;
        Ok(self.count(&request.id).await)
    }

    async fn withdraw(
        &self,
        request: &Request,
        mut there: Sealed,
        now: Timestamp,
    ) -> Result<Taken, Error> {
        there.vote.withdrawn_at = Some(now);
        if !self.ports.withdraw(&request.id, &there).await? {
            let state = self.find(&request.id).await?.map(|stored| stored.state);
            let state = state.unwrap_or(State::Pending);
            return Ok(closed(self.count_again(&request.id, state).await));
        }
        tracing::info!(promotion = %request.promotion, person = %there.vote.person, "a vote was taken back");
        self.is_taken_back(request, &there.vote).await
    }

    async fn is_taken_back(&self, request: &Request, vote: &Vote) -> Result<Taken, Error> {
        self.ports.vote_withdrawn(request, vote).await?;
        Ok(Taken {
            status: StatusCode::OK,
            recorded: true,
            state: Some(State::Pending),
            message: "Your vote is taken back. The request is still open.".to_owned(),
        })
    }

    /// Uses up what shows who somebody is, before anything is answered that a wrong code
    /// would not be: whether it was new.
    async fn prove(
        &self,
        request: &Request,
        voter: Voter<'_>,
        now: Timestamp,
    ) -> Result<Result<bool, Taken>, Error> {
        let (of, step) = match voter {
            Voter::Code { person, code } => {
                match self.step_of(request, (person, code), now).await? {
                    Ok(shown) => shown,
                    Err(refused) => return Ok(Err(refused)),
                }
            }
            // Whoever sends a signed vote or click again sends one that was used.
            Voter::Signed { principal, once } => (format!("signed/{principal}/{}", once.hex()), 1),
            Voter::Slack { user, once } => {
                let SlackUser { team, user } = user;
                (format!("slack/{team}/{user}/{}", once.hex()), 1)
            }
        };
        Ok(Ok(self.ports.use_step(&of, step).await?))
    }

    /// Whether this person is who they say: the parameter of their secret, and the step of
    /// their code.
    async fn step_of(
        &self,
        request: &Request,
        (person, code): (&str, &str),
        now: Timestamp,
    ) -> Result<Result<(String, u64), Taken>, Error> {
        let no = |status, message: String| Ok(Err(Taken::no(status, State::Pending, message)));
        let approver = request.policy.approver(person);
        let parameter = approver.and_then(|approver| approver.totp_parameter.as_deref());
        // Counted before it is looked at: many tries at once don't get past the limit.
        let window = Window::of(now);
        let tries = match parameter {
            Some(_) => self.ports.count_try(&request.id, person, window).await?,
            None => 0,
        };
        // What is not looked at any more here does not count elsewhere.
        let (secret, is_worn_out) = match parameter.filter(|_| tries <= TRIES) {
            Some(parameter) => tokio::try_join!(
                self.ports.secret(parameter),
                self.is_worn_out(parameter, window),
            )?,
            None => (None, false),
        };
        let where_to = match (tries > TRIES, is_worn_out) {
            (true, _) => Some("on this request"),
            (false, true) => Some("in all"),
            (false, false) => None,
        };
        if let Some(where_to) = where_to {
            tracing::warn!(promotion = %request.promotion, person, "too many codes for now");
            let message = format!(
                "Too many codes were tried as {person} {where_to}. Try again from {} on. Nothing was recorded.",
                end_of(window)
            );
            return no(StatusCode::TOO_MANY_REQUESTS, message);
        }
        let (Some(parameter), Some(secret)) = (parameter, secret) else {
            tracing::error!(person, ?parameter, "there is no secret of one-time codes");
            let message = "No one-time codes are set up for you. Whoever runs Sluice here can do that with `sluice env enroll`. Nothing was recorded.";
            return no(StatusCode::FORBIDDEN, message.to_owned());
        };
        let Some(step) = secret.step_of(code, now) else {
            tracing::warn!(promotion = %request.promotion, person, tries, "a wrong code");
            let message = format!(
                "This code is wrong, or its time is over. Tries left until {}: {}. Nothing was recorded.",
                end_of(window),
                TRIES - tries
            );
            return no(StatusCode::FORBIDDEN, message);
        };
        Ok(Ok((parameter.to_owned(), step)))
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

/// Why this can't be taken, whoever sends it.
fn unfit(
    request: &Request,
    person: &str,
    (ballot, vote, method): (&Ballot, Option<&Vote>, Method),
) -> Option<String> {
    let Some(vote) = vote else {
        let unknown = || Ineligible::Unknown(person.to_owned());
        let known = request.policy.approver(person).ok_or_else(unknown);
        let fit = known.and_then(|_| request.takes(method));
        return fit.err().map(|why| format!("{why}."));
    };
    if let Err(why) = request.check(vote) {
        return Some(format!("{why}."));
    }
    let version = request.promotion.version.to_string();
    let types = request.policy.type_version && vote.choice == Choice::Approve;
    (types && ballot.version != version).then(|| {
        format!("The version that you typed is not {version}: type it as it stands on the page.")
    })
}

fn used() -> Taken {
    let message = "This was used before: a code, a click or a signature, of which each counts once. Wait for the next code, half a minute at most, or send it anew. Nothing was recorded.";
    Taken::no(StatusCode::FORBIDDEN, State::Pending, message)
}

/// How a request ended, if it did.
pub(crate) fn over(request: &Request, state: State, now: Timestamp) -> Option<State> {
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
