//! In-toto statements in DSSE envelopes (the DSSE protocol, version 1), bare or in a
//! Sigstore bundle: SLSA provenance 0.2 and 1.0, and reviews of a change.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::Value;
use sluice_domain::digest::Digest;
use sluice_domain::evidence::{Content, Format, Reviews, Statement, Subject};

use crate::json::List;
use crate::text::brief;
use crate::{Error, MOST, Read, json};

/// The only payload that is read.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The predicate that tells who reviewed a change: `authors`, logins, and `reviews` in
/// the shape of GitHub's answer to "list reviews for a pull request".
pub const REVIEWS: &str = "urn:sluice:reviews:v1";

/// The predicates that tell who built something, from what.
const PROVENANCE: [&str; 2] = [
    "https://slsa.dev/provenance/v0.2",
    "https://slsa.dev/provenance/v1",
];

/// What is longer than this is no statement about a build, in bytes. Its predicate is
/// kept as a whole, which takes many times its length.
const LONGEST_STATEMENT: usize = 10 * 1024 * 1024;

/// An envelope, or a bundle that holds one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(rename = "dsseEnvelope")]
    held: Option<Envelope>,
    payload_type: Option<String>,
    payload: Option<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    signatures: List<Signature>,
}

/// Signed bytes and their signatures.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope {
    payload_type: String,
    payload: String,
    #[serde(default, deserialize_with = "json::or_default")]
    signatures: List<Signature>,
}

impl Written {
    fn envelope(self) -> Option<Envelope> {
        let itself = self.payload_type.zip(self.payload);
        let itself = itself.map(|(payload_type, payload)| Envelope {
            payload_type,
            payload,
            signatures: self.signatures,
        });
        itself.or(self.held)
    }
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

impl Envelope {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let written: Written = json::parse(Format::Dsse, text)?;
        let why = || Error::broken(Format::Dsse, "it has no `payload`");
        let envelope = written.envelope().ok_or_else(why)?;
        if envelope.payload_type == PAYLOAD_TYPE {
            return Ok(envelope);
        }
        let why = format!(
            "payloadType `{}`; expected `{PAYLOAD_TYPE}`",
            envelope.payload_type
        );
        Err(Error::broken(Format::Dsse, why))
    }

    fn payload(&self) -> Result<Vec<u8>, Error> {
        let why = || Error::broken(Format::Dsse, "its payload is not base64");
        decode(&self.payload).ok_or_else(why)
    }

    /// What is signed: DSSE's pre-authentication encoding.
    pub(crate) fn signed_bytes(&self) -> Result<Vec<u8>, Error> {
        let payload = self.payload()?;
        let (length, kind) = (self.payload_type.len(), &self.payload_type);
        let mut bytes = format!("DSSEv1 {length} {kind} {} ", payload.len()).into_bytes();
        bytes.extend(payload);
        Ok(bytes)
    }

    /// The signatures that are readable.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.signatures.iter().filter_map(|one| decode(&one.sig))
    }
}

/// Base64 of either alphabet, padded or not: the protocol allows all of them.
fn decode(text: &str) -> Option<Vec<u8>> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = text.trim();
    let alphabets = [STANDARD, URL_SAFE];
    alphabets
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InToto {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Resource>,
    predicate_type: String,
    #[serde(default, deserialize_with = "json::or_default")]
    predicate: Value,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default, deserialize_with = "json::or_default")]
    name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    digest: Digests,
}

#[derive(Default, Deserialize)]
struct Digests {
    sha256: Option<String>,
}

pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let payload = Envelope::parse(text)?.payload()?;
    let broken = |why: String| Error::broken(Format::Dsse, why);
    if payload.len() > LONGEST_STATEMENT {
        let length = payload.len();
        let why = format!("a statement of {length} bytes; at most {LONGEST_STATEMENT} are read");
        return Err(broken(why));
    }
    let statement: InToto = serde_json::from_slice(&payload)
        .map_err(|error| broken(format!("its payload is no in-toto statement: {error}")))?;
    if !statement.kind.starts_with("https://in-toto.io/Statement/v") {
        let why = format!("_type `{}`; expected an in-toto statement", statement.kind);
        return Err(broken(why));
    }
    if statement.subject.len() > MOST {
        return Err(Error::TooMany("subjects"));
    }
    let subjects = statement.subject.into_iter().map(subject).collect();
    let (kind, predicate) = (statement.predicate_type.as_str(), &statement.predicate);
    if kind == REVIEWS {
        return Ok(Read::by(
            None,
            Content::Reviews(reviews(subjects, predicate)),
        ));
    }
    // A signature under a scan's result says nothing of where the build comes from.
    let is_judged = PROVENANCE.contains(&kind);
    let idle = (!is_judged).then(|| {
        let kind = brief(kind);
        format!("a statement of {kind}, which is neither SLSA provenance 0.2 or 1 nor reviews")
    });
    let content = Content::Provenance(provenance(subjects, kind, predicate));
    Ok(Read {
        idle,
        ..Read::by(None, content)
    })
}

fn subject(resource: Resource) -> Subject {
    let digest = resource.digest.sha256.and_then(|hex| {
        let text = format!("sha256:{}", hex.to_ascii_lowercase());
        Digest::try_from(text).ok()
    });
    Subject {
        name: brief(&resource.name),
        digest,
    }
}

/// The first of these places of a predicate that holds text.
fn text_at(predicate: &Value, places: &[&str]) -> Option<String> {
    let found = places
        .iter()
        .find_map(|place| predicate.pointer(place)?.as_str());
    found.map(brief)
}

fn provenance(subjects: Vec<Subject>, predicate_type: &str, predicate: &Value) -> Statement {
    let builder = ["/runDetails/builder/id", "/builder/id"];
    let source = [
        "/buildDefinition/externalParameters/source/uri",
        "/buildDefinition/externalParameters/source",
        "/buildDefinition/resolvedDependencies/0/uri",
        "/invocation/configSource/uri",
        "/materials/0/uri",
    ];
    Statement {
        subjects,
        predicate_type: brief(predicate_type),
        builder: text_at(predicate, &builder),
        source: workflow(predicate).or_else(|| text_at(predicate, &source)),
    }
}

/// Where GitHub's workflows build from: they name the repository and its reference apart.
fn workflow(predicate: &Value) -> Option<String> {
    let at = |name: &str| {
        let place = format!("/buildDefinition/externalParameters/workflow/{name}");
        text_at(predicate, &[&place])
    };
    let repository = at("repository")?;
    Some(match at("ref") {
        Some(reference) => format!("{repository}@{reference}"),
        None => repository,
    })
}

/// Of each person the last word counts; a comment is none.
fn reviews(subjects: Vec<Subject>, predicate: &Value) -> Reviews {
    let list = |name: &str| predicate[name].as_array().into_iter().flatten();
    let authors: BTreeSet<String> = list("authors")
        .filter_map(Value::as_str)
        .map(login)
        .collect();
    let mut last: BTreeMap<String, bool> = BTreeMap::new();
    for review in list("reviews") {
        let (Some(who), Some(state)) = (review["user"]["login"].as_str(), review["state"].as_str())
        else {
            continue;
        };
        let who = login(who);
        if state != "COMMENTED" && !authors.contains(&who) {
            last.insert(who, state == "APPROVED");
        }
    }
    let approved = last.into_iter().filter(|(_, approves)| *approves);
    Reviews {
        subjects,
        approved_by: approved.map(|(who, _)| who).collect(),
        authors: authors.into_iter().collect(),
    }
}

/// Logins are compared without regard to case, as GitHub does.
fn login(text: &str) -> String {
    brief(text).to_lowercase()
}

#[cfg(test)]
#[path = "dsse_tests.rs"]
mod tests;
