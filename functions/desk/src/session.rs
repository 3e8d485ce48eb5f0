//! Signing in: a name and a one-time code for a cookie that shows the list of releases for a
//! while, and nothing else. A vote takes a code of its own.

use aws_lambda_events::http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use sluice_platform::store::Session;

use crate::form::{self, SignIn};
use crate::http::{Answer, Incoming};
use crate::tries::{SIGN_IN, SIGNING_IN, TRIES, Window};
use crate::{Desk, Error, Ports, home, page};

/// `__Host-`: browsers take it over HTTPS alone, and for no other host or path.
/// Source: RFC 6265bis, section 4.1.3.2.
const COOKIE: &str = "__Host-sluice";

/// How long it shows the list.
const HOLDS: SignedDuration = SignedDuration::from_mins(30);

/// The same for whoever is not known: it tells nobody who is.
const NO: &str = "This name or code is wrong, or the code was used before: each counts once. Wait for the next one, half a minute at most.";

impl<P: Ports> Desk<P> {
    /// The first page: the list of releases for those who signed in, or the way to do so.
    pub(crate) async fn home(&self, incoming: &Incoming, now: Timestamp) -> Result<Answer, Error> {
        match self.who(incoming, now).await? {
            Some(session) => {
                let standing = self.ports.standing().await?;
                home::list(incoming, &session, &standing)
            }
            None => home::sign_in(incoming, StatusCode::OK, None),
        }
    }

    /// Takes a name and a code.
    pub(crate) async fn sign_in(
        &self,
        incoming: &Incoming,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        if incoming.method != Method::POST {
            return page::wrong_method(incoming, "POST");
        }
        let SignIn { person, code } = match form::read_sign_in(incoming) {
            Ok(said) => said,
            Err(refused) => {
                return home::sign_in(incoming, refused.status, Some(&refused.message));
            }
        };
        let no = |status, why: &str| home::sign_in(incoming, status, Some(why));
        let Some(parameter) = self.ports.parameter_of(&person) else {
            return no(StatusCode::FORBIDDEN, NO);
        };
        if !self.may_try(&person, &parameter, now).await? {
            tracing::warn!(person, "too many codes for now");
            let why = "Too many codes were tried. Try again a quarter of an hour later, or open the link of a request: that needs no signing in.";
            return no(StatusCode::TOO_MANY_REQUESTS, why);
        }
        let secret = self.ports.secret(&parameter).await?;
        let step = secret.and_then(|secret| secret.step_of(&code, now));
        let is_new = match step {
            Some(step) => self.ports.use_step(&parameter, step).await?,
            None => false,
        };
        if !is_new {
            tracing::warn!(person, "nobody was signed in");
            return no(StatusCode::FORBIDDEN, NO);
        }
        let until = now.checked_add(HOLDS).unwrap_or(Timestamp::MAX);
        let session = Session { person, until };
        let token = self.ports.begin_session(&session).await?;
        tracing::info!(person = session.person, "signed in");
        Ok(home::first(incoming).with_cookie(&cookie(&token, HOLDS.as_secs())))
    }

    /// Counts a code that is tried, before it is looked at: many at once don't get past the
    /// limits.
    async fn may_try(&self, person: &str, parameter: &str, now: Timestamp) -> Result<bool, Error> {
        let window = Window::of(now);
        let tries = self.ports.count_try(SIGN_IN, person, window).await?;
        if tries > TRIES || self.is_worn_out(parameter, window).await? {
            return Ok(false);
        }
        let by_all = self.ports.count_try(SIGN_IN, "", window).await?;
        Ok(by_all <= SIGNING_IN)
    }

    /// Ends the session.
    pub(crate) async fn sign_out(&self, incoming: &Incoming) -> Result<Answer, Error> {
        if incoming.method != Method::POST {
            return page::wrong_method(incoming, "POST");
        }
        if incoming.is_cross_site() {
            let why = "This came from another site. Nothing was changed.";
            return home::sign_in(incoming, StatusCode::FORBIDDEN, Some(why));
        }
        if let Some(token) = incoming.cookie(COOKIE) {
            self.ports.end_session(token).await?;
        }
        Ok(home::first(incoming).with_cookie(&cookie("", 0)))
    }

    /// Who asks, if they signed in a short while ago.
    async fn who(&self, incoming: &Incoming, now: Timestamp) -> Result<Option<Session>, Error> {
        let Some(token) = incoming.cookie(COOKIE) else {
            return Ok(None);
        };
        let session = self.ports.session(token).await?;
        Ok(session.filter(|session| now < session.until))
    }
}

/// Browsers send it to this host alone, from no other site, and show it to no script.
fn cookie(token: &str, seconds: i64) -> String {
    format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
}
