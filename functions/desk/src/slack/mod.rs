//! Clicks in Slack. A button of a message opens a dialog; submitting that is a vote of
//! whoever Slack says did it. Only what Slack signed is read.
//!
//! Slack waits for three seconds: what has to be said there is said in the answer, and the
//! message in the channel follows the ledger (`slack`).

mod dialog;
mod payload;

use aws_lambda_events::http::header::HeaderName;
use aws_lambda_events::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::approval::{Choice, Request};
use sluice_domain::digest::Digest;
use sluice_domain::settings::SlackUser;
use sluice_platform::slack::SigningSecret;

use crate::ballot::{Ballot, Voter, Wish};
use crate::http::{Answer, Body, Incoming};
use crate::vote::{Taken, in_words, over};
use crate::{Desk, Error, Ports, page, standing};
use dialog::{About, Does};
use payload::{Payload, Team, User, View};

/// Where Slack sends them.
pub(crate) const PATH: &str = "/slack";

/// Bodies may be at most this long, in bytes: a click comes with its whole message.
const LONGEST_BODY: usize = 128 * 1024;

/// A click, and by whom.
struct Click {
    user: SlackUser,
    /// What tells it from all else that Slack signed.
    once: Digest,
}

impl Click {
    fn of(user: User, team: Option<Team>, once: Digest) -> Option<Self> {
        let user = user.known(team)?;
        Some(Self { user, once })
    }
}

impl<P: Ports> Desk<P> {
    /// Answers what comes in at [`PATH`].
    pub(crate) async fn slack(&self, incoming: &Incoming, now: Timestamp) -> Result<Answer, Error> {
        let found = self.ports.app().await?;
        let Some(secret) = &found.signing else {
            return page::not_found(incoming);
        };
        if incoming.method != Method::POST {
            return page::wrong_method(incoming, "POST");
        }
        let (once, payload) = match heard(secret, incoming, now) {
            Ok(heard) => heard,
            Err((status, why)) => return Ok(refused(status, &why)),
        };
        match payload {
            Payload::BlockActions {
                user,
                team,
                trigger_id,
                actions,
            } => {
                let clicked = actions.iter().find_map(|action| {
                    Some((Does::named(&action.action_id)?, action.value.as_deref()?))
                });
                // A link's button is told of, too.
                let Some((does, id)) = clicked else {
                    return Ok(seen());
                };
                let view = match Click::of(user, team, once) {
                    Some(click) => self.dialog(&click, (id, does), now).await?,
                    None => nobody(),
                };
                self.ports.open_dialog(&found, &trigger_id, &view).await?;
                Ok(seen())
            }
            Payload::ViewSubmission { user, team, view } => match Click::of(user, team, once) {
                Some(click) => self.submitted(&click, &view, now).await,
                None => Ok(update(&nobody())),
            },
            Payload::Other => Ok(seen()),
        }
    }

    /// The dialog that a button opens: what a vote needs, or why there is none to cast.
    async fn dialog(
        &self,
        click: &Click,
        (id, does): (&str, Does),
        now: Timestamp,
    ) -> Result<Value, Error> {
        let no = |why: &str| Ok(dialog::say("No vote", why));
        let Some(stored) = self.find(id).await? else {
            return no("There is no such request.");
        };
        let (request, state) = (stored.request, stored.state);
        if let Some(state) = over(&request, state, now) {
            return no(&format!("The request is {}.", in_words(state)));
        }
        let voter = Voter::Slack {
            user: &click.user,
            once: &click.once,
        };
        let person = match voter.person(&request) {
            Ok(person) => person,
            Err(why) => return no(&why),
        };
        let (votes, subject) = tokio::join!(
            self.ports.votes(&request),
            self.ports.subject(&stored.promotion)
        );
        let theirs = standing(votes?)
            .into_iter()
            .find(|vote| vote.person == person);
        let does = if theirs.is_some() {
            Does::Withdraw
        } else {
            does
        };
        if let Some(why) = may_not(&request, (&person, does), now) {
            return no(&format!("{why}."));
        }
        let subject = subject?;
        if let (Some(why), Does::Approve) = (page::doubt(&request, &subject), does) {
            return no(why);
        }
        let about = About {
            approval: id.to_owned(),
            does,
            shown: page::shown(&request, &subject)?,
        };
        Ok(dialog::ask(&request, &about))
    }

    /// Takes the vote of a dialog. What was forgotten is said in it.
    async fn submitted(&self, click: &Click, view: &View, now: Timestamp) -> Result<Answer, Error> {
        let Ok(about) = serde_json::from_str::<About>(&view.private_metadata) else {
            return Ok(refused(
                StatusCode::BAD_REQUEST,
                "found a dialog that is not the desk's",
            ));
        };
        let ballot = Ballot {
            wish: about.does.wish(),
            comment: view.typed(dialog::COMMENT),
            attested: view.ticked(),
            version: view.typed(dialog::VERSION),
            shown: Some(about.shown),
            from: None,
        };
        let voter = Voter::Slack {
            user: &click.user,
            once: &click.once,
        };
        let taken = match ballot.check() {
            Ok(()) => self.vote(&about.approval, (&ballot, voter), now).await?,
            Err(refused) => refused,
        };
        Ok(said(&taken, ballot.wish))
    }
}

/// What tells this from all else that Slack signed, and what it says. Or what whoever sent it
/// is told.
fn heard(
    secret: &SigningSecret,
    incoming: &Incoming,
    now: Timestamp,
) -> Result<(Digest, Payload), (StatusCode, String)> {
    let Body::Bytes(body) = &incoming.body else {
        let why = "the body is marked as base64 and is not";
        return Err((StatusCode::BAD_REQUEST, why.to_owned()));
    };
    if body.len() > LONGEST_BODY {
        let found = body.len();
        let why = format!("found {found} bytes; expected {LONGEST_BODY} at most");
        return Err((StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    let header = |name| incoming.header(&HeaderName::from_static(name));
    let signed = (
        header("x-slack-request-timestamp"),
        header("x-slack-signature"),
    );
    let second = secret.check(signed, body, now).map_err(|why| {
        tracing::warn!(%why, from = incoming.from, "a request that is not Slack's");
        (StatusCode::UNAUTHORIZED, why.to_string())
    })?;
    let once = Digest::of(&[second.to_string().as_bytes(), b" ", body].concat());
    let payload = read(body).map(|payload| (once, payload));
    let why = "found no payload of an interaction";
    payload.ok_or_else(|| (StatusCode::BAD_REQUEST, why.to_owned()))
}

/// The payload of a form.
fn read(body: &[u8]) -> Option<Payload> {
    let mut fields = form_urlencoded::parse(body);
    let (_, payload) = fields.find(|(name, _)| name == "payload")?;
    let read = serde_json::from_str(&payload);
    read.inspect_err(|error| tracing::warn!(%error, "an interaction that can't be read"))
        .ok()
}

/// Why this person has no such vote, before they fill a dialog in.
fn may_not(request: &Request, (person, does): (&str, Does), now: Timestamp) -> Option<String> {
    let choice = match does {
        Does::Approve => Choice::Approve,
        Does::Reject => Choice::Reject,
        Does::Withdraw => return None,
    };
    let found = request.voter(person, choice, now).map(drop);
    let found = found.and_then(|()| request.takes(sluice_domain::approval::Method::Slack));
    found.err().map(|why| why.to_string())
}

/// What became of a vote. What can be mended stays open, with the reason below its comment.
fn said(taken: &Taken, wish: Wish) -> Answer {
    if taken.recorded {
        return update(&dialog::say("Recorded", &taken.message));
    }
    if wish == Wish::Withdraw || taken.status == StatusCode::CONFLICT {
        return update(&dialog::say("Not recorded", &taken.message));
    }
    json_answer(&json!({
        "response_action": "errors", "errors": {dialog::COMMENT: taken.message},
    }))
}

fn nobody() -> Value {
    let why = "Slack does not say of which workspace you are: nothing was recorded.";
    dialog::say("No vote", why)
}

fn update(view: &Value) -> Answer {
    json_answer(&json!({"response_action": "update", "view": view}))
}

fn json_answer(body: &Value) -> Answer {
    Answer::new(StatusCode::OK, "application/json", body.to_string())
}

/// Slack expects no more.
fn seen() -> Answer {
    Answer::new(StatusCode::OK, "text/plain; charset=utf-8", String::new())
}

/// For whoever set it up, or attacks it: no person reads this.
fn refused(status: StatusCode, why: &str) -> Answer {
    let body = format!("{why}; nothing was recorded\n");
    Answer::new(status, "text/plain; charset=utf-8", body)
}
