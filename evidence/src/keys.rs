//! Public keys, and whose signature an envelope carries.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey,
    VerificationAlgorithm,
};
use spki::der::{Decode as _, DecodePem as _};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoOwned};

use crate::Error;
use crate::formats::dsse::Envelope;

/// id-Ed25519 (RFC 8410).
const ID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// id-ecPublicKey (RFC 5480).
const ID_EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// secp256r1, that is P-256 (RFC 5480).
const ID_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A public key that signatures are checked with: Ed25519, or ECDSA on P-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What it is called, for people.
    pub name: String,
    point: Vec<u8>,
    algorithm: Algorithm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Ed25519,
    P256,
}

/// Why a public key is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key `{name}` {why}; expected a public key (`BEGIN PUBLIC KEY`), Ed25519 or ECDSA on P-256"
)]
pub struct KeyError {
    /// The key's name.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

impl Key {
    /// A key from PEM.
    ///
    /// # Errors
    /// When it is no public key, or of another kind.
    pub fn from_pem(name: &str, pem: &str) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoOwned::from_pem(pem.trim());
        Self::from_spki(name, spki)
    }

    /// A key from DER, as KMS answers it.
    ///
    /// # Errors
    /// When it is no public key, or of another kind.
    pub fn from_der(name: &str, der: &[u8]) -> Result<Self, KeyError> {
        Self::from_spki(name, SubjectPublicKeyInfoOwned::from_der(der))
    }

    fn from_spki(
        name: &str,
        spki: Result<SubjectPublicKeyInfoOwned, spki::der::Error>,
    ) -> Result<Self, KeyError> {
        let wrong = |why: String| KeyError {
            name: name.to_owned(),
            why,
        };
        let spki = spki.map_err(|error| wrong(format!("can't be read: {error}")))?;
        let curve = spki.algorithm.parameters.as_ref();
        let curve = curve.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
        let algorithm = match (spki.algorithm.oid, curve) {
            (ID_ED25519, _) => Algorithm::Ed25519,
            (ID_EC, Some(ID_P256)) => Algorithm::P256,
            (other, _) => return Err(wrong(format!("is of kind {other}"))),
        };
        Ok(Self {
            name: name.to_owned(),
            point: spki.subject_public_key.raw_bytes().to_vec(),
            algorithm,
        })
    }

    fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        let check = |algorithm: &'static dyn VerificationAlgorithm| {
            UnparsedPublicKey::new(algorithm, &self.point)
                .verify(message, signature)
                .is_ok()
        };
        match self.algorithm {
            Algorithm::Ed25519 => check(&ED25519),
            // Both encodings of (r, s) are in use.
            Algorithm::P256 => check(&ECDSA_P256_SHA256_ASN1) || check(&ECDSA_P256_SHA256_FIXED),
        }
    }
}

/// The names of the keys that signed an envelope. None of them: it is not signed, or by
/// others.
///
/// # Errors
/// When it is no envelope.
pub(crate) fn signed_by(text: &str, keys: &[Key]) -> Result<Vec<String>, Error> {
    let envelope = Envelope::parse(text)?;
    let message = envelope.signed_bytes()?;
    let signatures: Vec<Vec<u8>> = envelope.signatures().collect();
    let holds = |key: &&Key| signatures.iter().any(|one| key.holds(&message, one));
    let names = keys.iter().filter(holds).map(|key| key.name.clone());
    Ok(names.collect())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    fn pem(der: &[u8]) -> String {
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der)
        )
    }

    /// The prefix of an Ed25519 key in DER (RFC 8410, section 10.1).
    const ED25519_DER: [u8; 12] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];

    fn pair(seed: u8) -> (Ed25519KeyPair, Key) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed");
        let der = [&ED25519_DER[..], pair.public_key().as_ref()].concat();
        let key = Key::from_pem(&format!("key {seed}"), &pem(&der)).expect("a key");
        (pair, key)
    }

    #[test]
    fn a_signature_holds_for_its_key_and_its_bytes_alone() {
        let (ada, ada_key) = pair(1);
        let (_, other_key) = pair(2);
        let payload = br#"{"_type":"https://in-toto.io/Statement/v1"}"#;
        let kind = "application/vnd.in-toto+json";
        let message = [
            format!("DSSEv1 28 {kind} {} ", payload.len()).as_bytes(),
            payload,
        ]
        .concat();
        let envelope = |payload: &[u8]| {
            serde_json::json!({"payloadType": kind, "payload": STANDARD.encode(payload),
                "signatures": [{"keyid": "", "sig": STANDARD.encode(ada.sign(&message))}]})
            .to_string()
        };
        let keys = [ada_key, other_key];
        assert_eq!(
            signed_by(&envelope(payload), &keys),
            Ok(vec!["key 1".to_owned()])
        );
        assert_eq!(signed_by(&envelope(b"{}"), &keys), Ok(vec![]));
    }

    #[test]
    fn keys_of_other_kinds_are_refused() {
        let error = Key::from_pem(
            "ci",
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
        );
        assert!(
            error
                .expect_err("refused")
                .to_string()
                .contains("the key `ci`")
        );
    }
}
