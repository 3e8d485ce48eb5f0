//! Who calls a function: what a caller signs to prove it, and what a proof must be.
//!
//! Lambda does not tell a function who invoked it. A caller therefore signs a request to
//! `sts:GetCallerIdentity` and shows the signature. The function sends exactly that
//! request, and STS answers whose signature it is. Two headers that the caller signs, too,
//! bind it: to the function that is asked, and to what it is asked.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;

/// The body of the request to STS.
pub const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// The field of a request that holds its proof.
pub const FIELD: &str = "proof";

/// The SigV4 name of STS.
pub const SERVICE: &str = "sts";

const AUTHORIZATION: &str = "authorization";
const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";
const AUDIENCE: &str = "x-sluice-audience";
const REQUEST: &str = "x-sluice-request-sha256";
const CONTENT_TYPE: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// How old a proof may be. STS itself takes a signature for five minutes and more.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);
/// By how much the clock of who signs may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// Bytes of an `Authorization` header: that of a proof has some 300.
const LONGEST_AUTHORIZATION: usize = 1024;
/// Bytes of a session token. AWS names no limit, and a typical size of less than 4096.
const LONGEST_TOKEN: usize = 8192;
/// Bytes of an ARN, as IAM has it.
const LONGEST_ARN: usize = 2048;

/// Who or what asks, as settings name them: the ARN that STS answers, or the source of
/// an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Principal(String);

impl Principal {
    /// From the ARN that STS answers:
    /// `arn:aws:sts::123456789012:assumed-role/release-managers/ada`.
    ///
    /// # Errors
    /// When it is none of a caller.
    pub fn of_arn(arn: &str) -> Result<Self, Refused> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let is_callers = arn.len() <= LONGEST_ARN
            && arn.bytes().all(|byte| byte.is_ascii_graphic())
            && matches!(parts[..], ["arn", partition, "sts" | "iam", "", account, name]
                if !partition.is_empty() && is_account(account) && !name.is_empty());
        if is_callers {
            Ok(Self(arn.to_owned()))
        } else {
            Err(Refused::NoCaller(arn.chars().take(200).collect()))
        }
    }

    /// The account that uploaded a bundle.
    #[must_use]
    pub fn uploader(account: Option<&str>) -> Self {
        Self(format!("s3:{}", account.unwrap_or("unknown")))
    }

    /// The ECR repository that an image was pushed to.
    #[must_use]
    pub fn repository(name: &str) -> Self {
        Self(format!("ecr:{name}"))
    }

    /// A schedule.
    #[must_use]
    pub fn schedule() -> Self {
        Self("schedule".to_owned())
    }

    /// As settings name it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a proof is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The ARN of the function that is asked, without a qualifier.
    pub audience: String,
    /// The digest of what it is asked, without the proof.
    pub request: Digest,
}

impl Challenge {
    /// For asking this of a function. The ARN may have a qualifier, and the request no
    /// proof yet.
    #[must_use]
    pub fn new(function_arn: &str, request: &Value) -> Self {
        let unqualified: Vec<&str> = function_arn.split(':').take(7).collect();
        Self {
            audience: unqualified.join(":"),
            // Canonical: serde_json's own `Value` sorts object keys.
            request: Digest::of(request.to_string().as_bytes()),
        }
    }

    /// The region whose STS is asked: the function's own.
    #[must_use]
    pub fn region(&self) -> &str {
        self.audience.split(':').nth(3).unwrap_or_default()
    }

    /// The headers that are signed beside `host` and those of the signature.
    #[must_use]
    pub fn headers(&self) -> [(&'static str, &str); 3] {
        [
            CONTENT_TYPE,
            (AUDIENCE, &self.audience),
            (REQUEST, self.request.hex()),
        ]
    }
}

/// What a caller shows: the values of a signed request that the function can't derive.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Proof {
    /// The signature, with what it covers.
    pub authorization: String,
    /// When it was signed: `20300101T000000Z`.
    pub x_amz_date: String,
    /// The session token of temporary credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_amz_security_token: Option<String>,
}

/// Neither signature nor token: who reads logs must not be able to call as somebody.
impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").finish_non_exhaustive()
    }
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not of the shape of a proof.
    #[error(
        "`{FIELD}` can't be read: found something else; expected an object with `{AUTHORIZATION}`, `{DATE}` and, \
         of temporary credentials, `{TOKEN}`. `sluice` signs it so: update it"
    )]
    Shape,
    /// A header's value can't be sent.
    #[error(
        "`{FIELD}.{field}` can't be used: found {found}; expected {expected}. `sluice` signs it so: update it"
    )]
    Value {
        /// The header.
        field: &'static str,
        /// What is wrong with it. Never the value itself.
        found: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// It covers too little or too much.
    #[error(
        "the proof signs other headers: found `{found}`; expected `{expected}`. `sluice` signs these: update it"
    )]
    Headers {
        /// Those that are signed.
        found: String,
        /// Those that have to be.
        expected: String,
    },
    /// It is for another day, region or service.
    #[error(
        "the proof was signed for `{found}`; expected `{expected}`: sign for STS in the region of the function"
    )]
    Scope {
        /// Its scope.
        found: String,
        /// What it has to be.
        expected: String,
    },
    /// It is too old, or from the future.
    #[error(
        "the proof was signed at {signed_at}, and it is {now} here; expected {} s before that at most, and {} s after it. \
         Ask again; if that does not help, set the clock of the machine that asks",
        LONGEST.as_secs(), AHEAD.as_secs()
    )]
    Time {
        /// When it was signed.
        signed_at: Timestamp,
        /// The function's time.
        now: Timestamp,
    },
    /// STS does not believe it.
    #[error("STS refuses the proof: found {code}; expected the name of a caller. {}", advice(.code))]
    BySts {
        /// The error's code.
        code: String,
    },
    /// STS names nobody.
    #[error(
        "STS answers the proof with `{0}`; expected the ARN of a caller. Look at the endpoint of STS that the function uses"
    )]
    NoCaller(String),
}

fn advice(code: &str) -> &'static str {
    match code {
        "ExpiredToken" | "ExpiredTokenException" => "The credentials have expired: sign in again",
        "InvalidClientTokenId" | "UnrecognizedClientException" => {
            "AWS does not know these credentials (any more): sign in again"
        }
        "SignatureDoesNotMatch" => {
            "It was signed for another request, another function or another endpoint of STS, or with a wrong secret: \
             look at the credentials and at AWS_ENDPOINT_URL, and ask again"
        }
        _ => "Ask again; if that does not help, sign in again",
    }
}

impl Refused {
    /// The name under which it leaves a function.
    #[must_use]
    pub fn name(&self) -> &'static str {
        "ProofRefused"
    }
}

impl Proof {
    /// Takes the proof out of a request. None: there is none.
    ///
    /// # Errors
    /// When it is not of the shape of a proof.
    pub fn take(request: &mut Value) -> Result<Option<Self>, Refused> {
        let found = (request.as_object_mut()).and_then(|fields| fields.remove(FIELD));
        let found = found.filter(|found| !found.is_null());
        let read = found.map(serde_json::from_value).transpose();
        // What serde says of it may hold the value.
        read.map_err(|_| Refused::Shape)
    }

    /// When the proof in a request says that it was signed. Whether it was is for STS to say.
    #[must_use]
    pub fn date_of(request: &Value) -> Option<Timestamp> {
        read_date(request.get(FIELD)?.get(DATE)?.as_str()?)
    }

    /// Whether it is worth asking STS: all values can be sent as headers, it covers what it
    /// has to, and it was signed just now.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub fn check(&self, challenge: &Challenge, now: Timestamp) -> Result<(), Refused> {
        let signed_at = self.signed_at()?;
        if let Some(token) = &self.x_amz_security_token {
            check_value(TOKEN, token, LONGEST_TOKEN)?;
        }
        check_value(AUTHORIZATION, &self.authorization, LONGEST_AUTHORIZATION)?;
        let signature = Signature::read(&self.authorization)?;
        self.check_headers(&signature)?;
        let expected = format!(
            "{}/{}/{SERVICE}/aws4_request",
            &self.x_amz_date[..8],
            challenge.region()
        );
        if signature.scope != expected {
            return Err(Refused::Scope {
                found: signature.scope.to_owned(),
                expected,
            });
        }
        let age = now.duration_since(signed_at);
        if age > LONGEST || age < -AHEAD {
            return Err(Refused::Time { signed_at, now });
        }
        Ok(())
    }

    /// The headers to send beside `host`, and no others.
    pub fn headers<'a>(
        &'a self,
        challenge: &'a Challenge,
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        let own = [
            (AUTHORIZATION, Some(self.authorization.as_str())),
            (DATE, Some(self.x_amz_date.as_str())),
            (TOKEN, self.x_amz_security_token.as_deref()),
        ];
        let own = own.into_iter();
        let own = own.filter_map(|(name, value)| value.map(|value| (name, value)));
        challenge.headers().into_iter().chain(own)
    }

    fn signed_at(&self) -> Result<Timestamp, Refused> {
        let text = &self.x_amz_date;
        read_date(text).ok_or_else(|| Refused::Value {
            field: DATE,
            found: format!("{} bytes that are no such time", text.len()),
            expected: "a time such as 20300101T000000Z",
        })
    }

    /// What is signed must be what is sent, no less and no more.
    fn check_headers(&self, signature: &Signature<'_>) -> Result<(), Refused> {
        let mut expected = BTreeSet::from([CONTENT_TYPE.0, "host", DATE, AUDIENCE, REQUEST]);
        if self.x_amz_security_token.is_some() {
            expected.insert(TOKEN);
        }
        let found: BTreeSet<&str> = signature.headers.split(';').collect();
        if found == expected {
            return Ok(());
        }
        Err(Refused::Headers {
            found: signature.headers.to_owned(),
            expected: expected.into_iter().collect::<Vec<_>>().join(";"),
        })
    }
}

/// A time as AWS's signatures write it.
fn read_date(text: &str) -> Option<Timestamp> {
    let digits = |range: std::ops::Range<usize>| {
        let digits = text.as_bytes().get(range);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    };
    let is_plain = text.len() == 16
        && digits(0..8)
        && digits(9..15)
        && text.as_bytes()[8] == b'T'
        && text.ends_with('Z');
    let read = is_plain.then(|| DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok());
    TimeZone::UTC.to_timestamp(read.flatten()?).ok()
}

/// What can be a header's value: no line break ends it, and no control character hides.
fn check_value(field: &'static str, value: &str, most: usize) -> Result<(), Refused> {
    let refused = |found, expected| Refused::Value {
        field,
        found,
        expected,
    };
    if value.is_empty() || value.len() > most {
        let found = format!("{} bytes", value.len());
        return Err(refused(found, "some, and no more than such a header has"));
    }
    let is_plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    match value.bytes().position(|byte| !is_plain(byte)) {
        None => Ok(()),
        Some(place) => {
            let found = format!("a control character or one beyond ASCII at byte {place}");
            Err(refused(found, "printable ASCII"))
        }
    }
}

/// The parts of an `Authorization` header of Signature Version 4.
struct Signature<'a> {
    /// `20300101/eu-west-1/sts/aws4_request`.
    scope: &'a str,
    /// Names, with `;` between them.
    headers: &'a str,
}

impl<'a> Signature<'a> {
    fn read(header: &'a str) -> Result<Self, Refused> {
        let read = || {
            let parts = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
            let mut parts = parts.split(", ");
            let mut part = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
            let (key, scope) = part("Credential")?.split_once('/')?;
            let headers = part("SignedHeaders")?;
            let signature = part("Signature")?;
            let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let is_whole = parts.next().is_none()
                && !key.is_empty()
                && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && signature.len() == 64
                && signature.bytes().all(is_hex);
            is_whole.then_some(Self { scope, headers })
        };
        read().ok_or_else(|| Refused::Value {
            field: AUTHORIZATION,
            found: format!("{} bytes of another form", header.len()),
            expected: "`AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`",
        })
    }
}

#[cfg(test)]
#[path = "caller_tests.rs"]
mod tests;
