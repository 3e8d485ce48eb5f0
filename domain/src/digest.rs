//! SHA-256 digests: of bundles, artifacts, plans and ledger entries.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, written `sha256:` and 64 lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^sha256:[0-9a-f]{64}$"))]
pub struct Digest(String);

/// Computes a digest of what comes piece by piece.
#[derive(Debug, Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest::from_hash(&self.0.finalize().into())
    }
}

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(&Sha256::digest(bytes).into())
    }

    /// Wraps a hash that was computed elsewhere, for example over a stream.
    #[must_use]
    pub fn from_hash(hash: &[u8; 32]) -> Self {
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        for byte in hash {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        Self(text)
    }

    /// The digest of a value's canonical JSON: object keys sorted, no white space.
    ///
    /// # Errors
    /// When the value can't be written as JSON (a map with non-string keys).
    pub fn of_canonical<T: Serialize>(value: &T) -> Result<Self, serde_json::Error> {
        // serde_json's own `Value` sorts object keys (its map is a BTreeMap).
        let value = serde_json::to_value(value)?;
        Ok(Self::of(value.to_string().as_bytes()))
    }

    /// The 64 hex digits.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    /// The first twelve hex digits: enough for a person or a name.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        let hex = self.hex().as_bytes();
        std::array::from_fn(|i| (nibble(hex[2 * i]) << 4) | nibble(hex[2 * i + 1]))
    }
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit - b'a' + 10,
    }
}

/// Why a text is no digest.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a digest; expected `sha256:` and 64 lower-case hex digits")]
pub struct InvalidDigest(String);

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        let valid = text.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        if valid {
            Ok(Self(text))
        } else {
            Err(InvalidDigest(text))
        }
    }
}

impl std::str::FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        Self::try_from(text.to_owned())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_published_one() {
        // FIPS 180-4 example values: SHA-256 of the empty string.
        assert_eq!(
            Digest::of(b"").to_string(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn bytes_and_hex_are_the_same_digest() {
        let digest = Digest::of(b"sluice");
        assert_eq!(Digest::from_hash(&digest.bytes()), digest);
    }

    #[test]
    fn upper_case_and_short_digests_are_refused() {
        for text in [
            "sha256:ABC",
            "",
            "md5:00",
            &format!("sha256:{}", "A".repeat(64)),
        ] {
            let error = text.parse::<Digest>().expect_err("must be refused");
            assert!(error.to_string().contains("64 lower-case hex digits"));
        }
    }

    #[test]
    fn canonical_json_does_not_depend_on_the_order_of_keys() {
        let one: serde_json::Value =
            serde_json::from_str(r#"{"a":1,"b":{"d":2,"c":3}}"#).expect("json");
        let two: serde_json::Value =
            serde_json::from_str(r#"{"b":{"c":3,"d":2},"a":1}"#).expect("json");
        assert_eq!(
            Digest::of_canonical(&one).expect("canonical"),
            Digest::of_canonical(&two).expect("canonical")
        );
    }
}
