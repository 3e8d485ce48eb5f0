//! One-time codes (TOTP, RFC 6238: six digits, 30 seconds, HMAC-SHA-1, as the apps have
//! them), and the secrets that they are made from.

use std::fmt;

use jiff::Timestamp;
use totp_rs::{Builder, Secret, Totp};

/// A person's secret.
pub struct OneTimeSecret {
    totp: Totp,
    base32: String,
}

/// Bytes of a new secret (RFC 4226, section 4: 160 bits are recommended).
const BYTES: usize = 20;

impl fmt::Debug for OneTimeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeSecret(..)")
    }
}

/// Why a text is no secret. The text is in no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no secret of one-time codes: {0}; expected base32 of 16 bytes or more, as `sluice env enroll` writes it"
)]
pub struct NoSecret(String);

impl OneTimeSecret {
    /// A secret as it is kept: base32, spaces and case don't count.
    ///
    /// # Errors
    /// When it is not that, or too short for nobody to guess.
    pub fn parse(text: &str) -> Result<Self, NoSecret> {
        let text: String = text.split_whitespace().collect();
        let text = text.trim_end_matches('=').to_ascii_uppercase();
        let secret = Secret::try_from_base32(&text).map_err(|error| NoSecret(error.to_string()))?;
        let totp = Builder::new().with_secret(secret).with_skew(1).build();
        let totp = totp.map_err(|error| NoSecret(error.to_string()))?;
        Ok(Self { totp, base32: text })
    }

    /// A new one that nobody knows.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, NoSecret> {
        let mut bytes = [0; BYTES];
        getrandom::getrandom(&mut bytes).map_err(|error| NoSecret(error.to_string()))?;
        Self::parse(&Secret::from(bytes.to_vec()).to_base32())
    }

    /// The secret itself, as it is kept: whoever has it makes the codes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.base32
    }

    /// What apps read out of a QR code (the Key URI Format of Google Authenticator).
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (encoded(issuer), encoded(account));
        format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}",
            self.base32
        )
    }

    /// The step whose code this is: the one of this time, the one before or the one after,
    /// since clocks differ. None: it is no code of these. Takes the same time wherever a
    /// wrong one differs.
    #[must_use]
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let code: String = code.split_whitespace().collect();
        self.totp.check(&code, seconds(now))
    }

    /// The code of this time.
    #[must_use]
    pub fn code_at(&self, now: Timestamp) -> String {
        self.totp.generate(seconds(now)).to_string()
    }
}

/// Percent-encoded, all but the unreserved characters (RFC 3986).
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_second()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, for SHA-1: the ASCII text 12345678901234567890.
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = OneTimeSecret::parse(RFC).expect("a secret");
        // The appendix has eight digits; codes here are their last six.
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code_at(at(second)), code, "{second}");
        }
    }

    #[test]
    fn a_code_holds_for_its_step_and_for_one_on_either_side() {
        let secret = OneTimeSecret::parse(RFC).expect("a secret");
        let now = at(1_111_111_111);
        let step = 1_111_111_111 / 30;
        for (seconds, is_taken) in [
            (-60, false),
            (-30, true),
            (0, true),
            (30, true),
            (60, false),
        ] {
            let code = secret.code_at(at(1_111_111_111 + seconds));
            let expected = is_taken.then_some(step + seconds.div_euclid(30));
            let found = secret.step_of(&code, now);
            assert_eq!(
                found,
                expected.and_then(|step| u64::try_from(step).ok()),
                "{seconds}"
            );
        }
        assert_eq!(
            secret.step_of("050 471", now),
            secret.step_of("050471", now)
        );
        assert_eq!(secret.step_of("", now), None);
        assert_eq!(secret.step_of("050472", now), None);
    }

    #[test]
    fn a_new_secret_is_one_and_an_app_can_read_it() {
        let secret = OneTimeSecret::generate().expect("random bytes");
        assert_eq!(secret.reveal().len(), 32);
        let again = OneTimeSecret::parse(secret.reveal()).expect("a secret");
        assert_eq!(again.code_at(at(59)), secret.code_at(at(59)));
        let uri = secret.uri("Sluice shop", "ada@example.com");
        let expected = format!(
            "otpauth://totp/Sluice%20shop:ada%40example.com?secret={}&issuer=Sluice%20shop",
            secret.reveal()
        );
        assert_eq!(uri, expected);
    }

    #[test]
    fn a_secret_that_could_be_guessed_is_none_and_is_not_shown() {
        for text in [
            "",
            "correct horse",
            "GEZDGNBV",
            "0000000000000000000000000000",
        ] {
            let error = OneTimeSecret::parse(text).expect_err("no secret");
            let shown = error.to_string();
            assert!(text.is_empty() || !shown.contains(text), "{shown}");
        }
        let spaced = OneTimeSecret::parse("gezd gnbv gy3t qojq gezd gnbv gy3t qojq").expect("one");
        assert_eq!(spaced.code_at(at(59)), "287082");
        assert_eq!(format!("{spaced:?}"), "OneTimeSecret(..)");
    }
}
