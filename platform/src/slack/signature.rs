//! Slack's signatures on requests, version 0: HMAC-SHA-256 over `v0:<timestamp>:<body>`,
//! with the app's signing secret.
//!
//! Source: Slack's documentation, "Verifying requests from Slack".

use std::fmt;

use jiff::Timestamp;
use ring::hmac;

/// How far the clock of a request may be from ours, in seconds. Slack's own libraries take
/// five minutes, too.
const WINDOW: i64 = 5 * 60;

/// The shortest secret that is taken. Slack's have 32 characters.
const SHORTEST: usize = 16;

/// The secret with which Slack signs the requests of an app.
pub struct SigningSecret(hmac::Key);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

/// A text that is no secret. It is in no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no signing secret of a Slack app: found {0} characters, expected the `Signing Secret` of its page `Basic Information`, without spaces"
)]
pub struct NoSecret(usize);

/// Why a request is not taken for Slack's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// It has no timestamp, or one that is no number of seconds.
    #[error("found no `X-Slack-Request-Timestamp` in seconds since 1970")]
    NoTimestamp,
    /// It was signed too long ago, or in the future.
    #[error("found a request that was signed {0} seconds from now; expected {WINDOW} at most")]
    NotNow(i64),
    /// It has no signature of this version.
    #[error("found no `X-Slack-Signature` of the form `v0=` and 64 hexadecimal digits")]
    NoSignature,
    /// Somebody else wrote it.
    #[error("found a signature that is not that of this app's signing secret")]
    Forged,
}

impl SigningSecret {
    /// A secret as Slack shows it.
    ///
    /// # Errors
    /// When it is empty, or so short that it can't be one: anybody could sign with that.
    pub fn parse(text: &str) -> Result<Self, NoSecret> {
        let text = text.trim();
        if text.len() < SHORTEST || text.contains(char::is_whitespace) {
            return Err(NoSecret(text.chars().count()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())))
    }

    /// The signature of this body at this time, as Slack makes it.
    #[must_use]
    pub fn sign(&self, second: i64, body: &[u8]) -> String {
        let tag = hmac::sign(&self.0, &signed(&second.to_string(), body));
        let hex = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
        format!("v0={}", hex.collect::<String>())
    }

    /// When this body was signed, in seconds since 1970, if that was now. Takes the same
    /// time wherever a forged signature differs.
    ///
    /// # Errors
    /// When it was not signed with this secret, or not now.
    pub fn check(
        &self,
        (timestamp, signature): (Option<&str>, Option<&str>),
        body: &[u8],
        now: Timestamp,
    ) -> Result<i64, Unsigned> {
        let timestamp = timestamp.unwrap_or_default();
        let is_number = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let second: i64 = match timestamp.parse() {
            Ok(second) if is_number => second,
            _ => return Err(Unsigned::NoTimestamp),
        };
        let apart = now.as_second().saturating_sub(second).saturating_abs();
        if apart > WINDOW {
            return Err(Unsigned::NotNow(apart));
        }
        let hex = signature.and_then(|text| text.strip_prefix("v0="));
        let found = hex.and_then(bytes).ok_or(Unsigned::NoSignature)?;
        let signed = signed(timestamp, body);
        hmac::verify(&self.0, &signed, &found).map_err(|_| Unsigned::Forged)?;
        Ok(second)
    }
}

fn signed(timestamp: &str, body: &[u8]) -> Vec<u8> {
    [b"v0:", timestamp.as_bytes(), b":", body].concat()
}

/// The bytes of 64 hexadecimal digits, as Slack writes them: in lower case.
fn bytes(hex: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's documentation.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const TIMESTAMP: &str = "1531420618";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn check(timestamp: &str, signature: &str, body: &[u8], now: i64) -> Result<i64, Unsigned> {
        let secret = SigningSecret::parse(SECRET).expect("a secret");
        let now = Timestamp::from_second(now).expect("a time");
        secret.check((Some(timestamp), Some(signature)), body, now)
    }

    #[test]
    fn the_example_of_slacks_documentation_is_signed_for_five_minutes() {
        let signed = 1_531_420_618;
        for (now, expected) in [
            (signed, Ok(signed)),
            (signed + 300, Ok(signed)),
            (signed - 300, Ok(signed)),
            (signed + 301, Err(Unsigned::NotNow(301))),
            (signed - 301, Err(Unsigned::NotNow(301))),
        ] {
            assert_eq!(check(TIMESTAMP, SIGNATURE, BODY, now), expected, "{now}");
        }
        let secret = SigningSecret::parse(SECRET).expect("a secret");
        assert_eq!(secret.sign(signed, BODY), SIGNATURE);
    }

    #[test]
    fn whatever_is_changed_is_not_signed() {
        let now = 1_531_420_618;
        let body = [BODY, b"&"].concat();
        assert_eq!(
            check(TIMESTAMP, SIGNATURE, &body, now),
            Err(Unsigned::Forged)
        );
        assert_eq!(
            check("1531420619", SIGNATURE, BODY, now),
            Err(Unsigned::Forged)
        );
        let other = SIGNATURE.replace("503", "504");
        assert_eq!(check(TIMESTAMP, &other, BODY, now), Err(Unsigned::Forged));
        for timestamp in [
            "",
            " 1531420618",
            "+1531420618",
            "1531420618.0",
            "١٥٣١٤٢٠٦١٨",
        ] {
            let found = check(timestamp, SIGNATURE, BODY, now);
            assert_eq!(found, Err(Unsigned::NoTimestamp), "{timestamp}");
        }
        let upper = SIGNATURE.to_uppercase();
        for signature in [
            "",
            "v0=",
            &SIGNATURE[3..],
            &upper,
            &SIGNATURE[..66],
            "v1=00",
        ] {
            let found = check(TIMESTAMP, signature, BODY, now);
            assert_eq!(found, Err(Unsigned::NoSignature), "{signature}");
        }
        let secret = SigningSecret::parse(SECRET).expect("a secret");
        let none = secret.check((None, None), BODY, Timestamp::UNIX_EPOCH);
        assert_eq!(none, Err(Unsigned::NoTimestamp));
    }

    #[test]
    fn a_secret_that_anybody_could_guess_is_none_and_none_is_shown() {
        for text in ["", "   ", "short", "with spaces in between them"] {
            let error = SigningSecret::parse(text).expect_err("no secret");
            assert!(text.trim().is_empty() || !error.to_string().contains(text));
        }
        let secret = SigningSecret::parse(SECRET).expect("a secret");
        assert_eq!(format!("{secret:?}"), "SigningSecret(..)");
    }

    /// RFC 4231, test cases 1 and 2: the function below the signature.
    #[test]
    fn the_mac_is_that_of_the_rfc() {
        for (key, data, expected) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key);
            let expected = bytes(expected).expect("hexadecimal digits");
            assert!(hmac::verify(&key, data, &expected).is_ok());
        }
    }
}
