//! The form of a vote: what a POST must look like before anything is looked up.

use aws_lambda_events::http::StatusCode;
use sluice_domain::approval::Choice;

use crate::ballot::{Ballot, Wish, refuse};
use crate::http::{Body, Incoming};
use crate::vote::Taken;

/// Bodies may be at most this long, in bytes.
const LONGEST_BODY: usize = 8 * 1024;

/// A vote as the page sends it.
pub(crate) struct Form {
    /// Who says they vote.
    pub(crate) person: String,
    /// What they typed as their code. Never shown again.
    pub(crate) code: String,
    /// What they want.
    pub(crate) ballot: Ballot,
}

/// Who wants to sign in.
pub(crate) struct SignIn {
    /// Who says they do.
    pub(crate) person: String,
    /// What they typed as their code. Never shown again.
    pub(crate) code: String,
}

/// The fields of a form.
struct Fields(Vec<(String, String)>);

impl Fields {
    /// A field that may be left out, and is there once.
    fn one(&self, name: &str) -> Result<String, Taken> {
        let fields = self.0.iter().filter(|(field, _)| field == name);
        let mut values = fields.map(|(_, value)| value.trim());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(invalid(&format!(
                "`{name}` was sent twice; expected it once."
            ))),
            (first, None) => Ok(first.unwrap_or_default().to_owned()),
        }
    }

    /// A field that must be there.
    fn needed(&self, name: &str, what: &str) -> Result<String, Taken> {
        match self.one(name)? {
            empty if empty.is_empty() => Err(invalid(&format!("`{name}` is missing; {what}."))),
            value => Ok(value),
        }
    }

    fn person(&self) -> Result<String, Taken> {
        self.needed("person", "say who you are")
    }

    fn code(&self) -> Result<String, Taken> {
        self.needed("code", "type the one-time code of your app")
    }
}

/// Reads the form of a POST that is to sign somebody in.
pub(crate) fn read_sign_in(incoming: &Incoming) -> Result<SignIn, Taken> {
    let fields = fields(incoming)?;
    Ok(SignIn {
        person: fields.person()?,
        code: fields.code()?,
    })
}

/// Reads the form of a vote.
pub(crate) fn read(incoming: &Incoming) -> Result<Form, Taken> {
    parse(&fields(incoming)?, incoming.from.clone())
}

/// The fields of a POST that comes from the page itself, or from no browser.
fn fields(incoming: &Incoming) -> Result<Fields, Taken> {
    if incoming.is_cross_site() {
        return Err(refuse(
            StatusCode::FORBIDDEN,
            "This form came from another site. Open the link of the request and vote there.",
        ));
    }
    if !incoming.is_form() {
        let message = "Expected a form: Content-Type application/x-www-form-urlencoded.";
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let Body::Bytes(body) = &incoming.body else {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "The body is marked as base64 and is not.",
        ));
    };
    if body.len() > LONGEST_BODY {
        let message = format!(
            "The form has {} bytes; at most {LONGEST_BODY} are read.",
            body.len()
        );
        return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, &message));
    }
    Ok(Fields(form_urlencoded::parse(body).into_owned().collect()))
}

fn parse(fields: &Fields, from: Option<String>) -> Result<Form, Taken> {
    let (person, code) = (fields.person()?, fields.code()?);
    let one = |name: &str| fields.one(name);
    let wish = match fields
        .needed("choice", "choose approve or reject")?
        .as_str()
    {
        "approve" => Wish::Vote(Choice::Approve),
        "reject" => Wish::Vote(Choice::Reject),
        "withdraw" => Wish::Withdraw,
        _ => {
            return Err(invalid(
                "`choice` is none of `approve`, `reject` and `withdraw`.",
            ));
        }
    };
    let shown = match one("shown")?.as_str() {
        "" => None,
        digest => Some(digest.parse().map_err(|_| {
            invalid("`shown` is not what the page has there; open the link again.")
        })?),
    };
    let attested = fields.0.iter().filter(|(field, _)| field == "attest");
    let ballot = Ballot {
        wish,
        comment: one("comment")?.replace("\r\n", "\n"),
        attested: attested.map(|(_, item)| item.clone()).collect(),
        version: one("version")?,
        shown,
        from,
    };
    ballot.check()?;
    Ok(Form {
        person,
        code,
        ballot,
    })
}

fn invalid(message: &str) -> Taken {
    refuse(StatusCode::UNPROCESSABLE_ENTITY, message)
}
