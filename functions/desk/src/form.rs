//! The form of a vote: what a POST must look like before anything is looked up.

use aws_lambda_events::http::StatusCode;
use sluice_domain::approval::Choice;

use crate::http::{Body, Incoming};
use crate::vote::Taken;

/// Bodies may be at most this long, in bytes.
const LONGEST_BODY: usize = 8 * 1024;
/// Comments may be at most this long, in characters.
pub(crate) const LONGEST_COMMENT: usize = 1000;

/// A vote as it was sent.
pub(crate) struct Form {
    /// Who says they vote.
    pub(crate) person: String,
    /// What they typed as their code. Never shown again.
    pub(crate) code: String,
    /// Yes or no.
    pub(crate) choice: Choice,
    /// Why.
    pub(crate) comment: String,
}

/// Reads the form of a POST.
pub(crate) fn read(incoming: &Incoming) -> Result<Form, Taken> {
    if incoming.is_cross_site() {
        return Err(refuse(
            StatusCode::FORBIDDEN,
            "This vote came from another site. Open the link of the request and vote there.",
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
    parse(body)
}

fn parse(body: &[u8]) -> Result<Form, Taken> {
    let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let one = |name: &str| {
        let mut values = fields
            .iter()
            .filter(|(field, _)| field == name)
            .map(|(_, value)| value.trim());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(invalid(&format!(
                "`{name}` was sent twice; expected it once."
            ))),
            (first, None) => Ok(first.unwrap_or_default().to_owned()),
        }
    };
    let needed = |name: &str, what: &str| match one(name)? {
        empty if empty.is_empty() => Err(invalid(&format!("`{name}` is missing; {what}."))),
        value => Ok(value),
    };
    let person = needed("person", "say who you are")?;
    let code = needed("code", "type your approval code")?;
    let choice = match needed("choice", "choose approve or reject")?.as_str() {
        "approve" => Choice::Approve,
        "reject" => Choice::Reject,
        _ => return Err(invalid("`choice` is neither `approve` nor `reject`.")),
    };
    let comment = one("comment")?.replace("\r\n", "\n");
    if comment.chars().count() > LONGEST_COMMENT {
        return Err(invalid(&format!(
            "`comment` is longer than {LONGEST_COMMENT} characters."
        )));
    }
    Ok(Form {
        person,
        code,
        choice,
        comment,
    })
}

fn invalid(message: &str) -> Taken {
    refuse(StatusCode::UNPROCESSABLE_ENTITY, message)
}

fn refuse(status: StatusCode, message: &str) -> Taken {
    Taken {
        status,
        recorded: false,
        state: None,
        message: format!("{message} Nothing was recorded."),
    }
}
