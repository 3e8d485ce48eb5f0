//! Secrets that should not be in a bundle: patterns that hardly anything else matches.
//!
//! A secret's value is never kept: a finding says which kind it is and where it lies.
//! The shapes are those that their issuers document: AWS (IAM identifiers), GitHub
//! (token formats), GitLab, Slack, Stripe, npm, Google; JSON Web Tokens (RFC 7519) with a
//! signature; private keys as RFC 7468 writes them, with at least one line of the key. What
//! says in itself that it is a sample is none: SDKs carry the documentation of AWS, whose
//! keys say `EXAMPLE`.

use std::io::Read;

use regex::bytes::{Regex, RegexSet};
use sluice_domain::evidence::{Finding, Severity};

use crate::text::brief;

/// The kinds, by the id that a waiver names, and their patterns. Names are put before
/// secrets with `_`, which is part of a word: `TOKEN_ghp_…`.
const PATTERNS: [(&str, &str); 12] = [
    (
        "aws-access-key-id",
        r"(?:\b|_)(?:AKIA|ASIA)[A-Z2-7]{16}(?-u:\b)",
    ),
    (
        "aws-secret-access-key",
        r#"(?i-u:aws.{0,20}secret.{0,20}["'=: ]{1,5})(?-u:[A-Za-z0-9/+]{40}(?:[^A-Za-z0-9/+=]|$))"#,
    ),
    (
        "private-key",
        r"-----BEGIN (?:[A-Z0-9]{2,10} )?PRIVATE KEY-----(?:\\r|\\n|\s){1,4}(?-u:[A-Za-z0-9+/=:, -]{40,})",
    ),
    (
        "github-token",
        r"(?:\b|_)gh[pousr]_[A-Za-z0-9]{36,255}(?-u:\b)",
    ),
    (
        "github-pat",
        r"(?:\b|_)github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?-u:\b)",
    ),
    ("gitlab-pat", r"(?:\b|_)glpat-[A-Za-z0-9_-]{20,64}(?-u:\b)"),
    (
        "slack-token",
        r"(?:\b|_)xox[abeoprs]-[0-9]{8,14}-[A-Za-z0-9-]{16,}",
    ),
    (
        "slack-webhook",
        r"hooks\.slack\.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24}",
    ),
    (
        "stripe-key",
        r"(?:\b|_)[rs]k_live_[A-Za-z0-9]{24,120}(?-u:\b)",
    ),
    (
        "google-api-key",
        r"(?:\b|_)AIza[A-Za-z0-9_-]{35}(?:[^A-Za-z0-9_-]|$)",
    ),
    ("npm-token", r"(?:\b|_)npm_[A-Za-z0-9]{36}(?-u:\b)"),
    // A header that begins with `alg`, `typ` or `kid`, claims, and a signature.
    (
        "jwt",
        r"(?:\b|_)eyJ(?:hbGciOi|0eXAiOi|raWQiOi)[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{32,}",
    ),
];

/// What samples say of themselves: AWS's keys, the token on jwt.io (`"sub":"1234567890"`),
/// and that of RFC 7519 (`"iss":"joe"`).
const MARKS_OF_SAMPLES: [&[u8]; 3] = [b"EXAMPLE", b"eyJzdWIiOiIxMjM0NTY3ODkw", b"eyJpc3MiOiJqb2Ui"];

/// How much is looked at in one go.
const CHUNK: usize = 64 * 1024;

/// How much of a chunk is looked at again with the next: longer than any secret's
/// beginning that a pattern needs.
const OVERLAP: usize = 8 * 1024;

/// Finds secrets in a stream, in bounded memory.
#[derive(Debug, Clone)]
pub struct Scanner {
    /// Tells in one pass which kinds may be there.
    any: RegexSet,
    /// Finds those of one kind.
    each: Vec<Regex>,
}

impl Scanner {
    /// A scanner. Build it once: compiling the patterns takes milliseconds.
    ///
    /// # Errors
    /// Never: the patterns are constant, and a test compiles them.
    pub fn new() -> Result<Self, regex::Error> {
        let patterns = PATTERNS.map(|(_, pattern)| format!("(?-u){pattern}"));
        let each = patterns.iter().map(|pattern| Regex::new(pattern));
        Ok(Self {
            each: each.collect::<Result<_, _>>()?,
            any: RegexSet::new(&patterns)?,
        })
    }

    /// The kinds of secrets in what this reads, each once.
    ///
    /// # Errors
    /// When it can't be read to its end.
    pub fn scan(&self, place: &str, from: &mut impl Read) -> std::io::Result<Vec<Finding>> {
        let mut found = [false; PATTERNS.len()];
        let mut buffer = vec![0; CHUNK + OVERLAP];
        let (mut kept, mut is_utf16) = (0, None);
        loop {
            let read = fill(from, &mut buffer[kept..])?;
            let end = kept + read;
            if *is_utf16.get_or_insert_with(|| begins_as_utf16(&buffer[..end])) {
                // All that secrets are made of takes one byte, and a zero beside it.
                let text: Vec<u8> = buffer[..end].iter().copied().filter(|b| *b != 0).collect();
                self.mark(&text, &mut found);
            } else {
                self.mark(&buffer[..end], &mut found);
            }
            if read < buffer.len() - kept {
                break;
            }
            buffer.copy_within(end - OVERLAP..end, 0);
            kept = OVERLAP;
        }
        let kinds = PATTERNS.iter().zip(found).filter(|(_, is_found)| *is_found);
        let findings = kinds.map(|((kind, _), _)| Finding {
            id: (*kind).to_owned(),
            severity: Severity::Critical,
            place: brief(place),
            title: "what looks like a secret".to_owned(),
        });
        Ok(findings.collect())
    }

    /// Marks the kinds that are in these bytes.
    fn mark(&self, bytes: &[u8], found: &mut [bool]) {
        // Whether there is any is told by vector instructions; which ones, byte by byte.
        if !self.any.is_match(bytes) {
            return;
        }
        for kind in &self.any.matches(bytes) {
            let is_real = || {
                let mut all = self.each[kind].find_iter(bytes);
                all.any(|one| !is_example(one.as_bytes()))
            };
            found[kind] = found[kind] || is_real();
        }
    }
}

/// Whether a file has UTF-16's byte order mark, of either order.
fn begins_as_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

fn is_example(secret: &[u8]) -> bool {
    let holds = |mark: &&[u8]| secret.windows(mark.len()).any(|part| part == *mark);
    MARKS_OF_SAMPLES.iter().any(holds)
}

/// Reads until the buffer is full or nothing is left.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<String> {
        let scanner = Scanner::new().expect("patterns");
        let found = scanner.scan("a.js", &mut text.as_bytes()).expect("read");
        found.into_iter().map(|finding| finding.id).collect()
    }

    /// Put together here, so that no scanner of a repository takes this file for a leak.
    fn token(prefix: &str, length: usize) -> String {
        format!(
            "{prefix}{}",
            "aB3dE5fG7h"
                .repeat(length / 10 + 1)
                .get(..length)
                .unwrap_or_default()
        )
    }

    #[test]
    fn each_kind_is_found_by_its_shape() {
        let key = format!("-----BEGIN {} KEY-----\n{}\n", "PRIVATE", token("MIIE", 60));
        let escaped = format!(
            "-----BEGIN RSA {} KEY-----\\n{}\\n",
            "PRIVATE",
            token("MIIE", 60)
        );
        for (text, kind) in [
            (
                format!("id = \"AKIA{}\"", "IQ7WODN2M5J3K4L6"),
                "aws-access-key-id",
            ),
            (
                format!("aws_secret_access_key = {}\n", token("", 40)),
                "aws-secret-access-key",
            ),
            (key, "private-key"),
            (escaped, "private-key"),
            (token("ghp_", 36), "github-token"),
            (
                format!("{}_{}", token("github_pat_", 22), token("", 59)),
                "github-pat",
            ),
            (token("glpat-", 20), "gitlab-pat"),
            (
                format!("xoxb-123456789012-{}", token("", 24)),
                "slack-token",
            ),
            (
                format!(
                    "https://hooks.slack.com/services/T12345678/B12345678/{}",
                    token("", 24)
                ),
                "slack-webhook",
            ),
            (token("sk_live_", 24), "stripe-key"),
            (format!("{} ", token("AIza", 35)), "google-api-key"),
            (token("npm_", 36), "npm-token"),
            (
                format!(
                    "{}.{}.{}",
                    token("eyJhbGciOi", 36),
                    token("eyJ", 900),
                    token("", 86)
                ),
                "jwt",
            ),
        ] {
            assert_eq!(kinds(&text), [kind], "{text}");
        }
    }

    #[test]
    fn what_only_looks_a_bit_like_a_secret_is_none() {
        for text in [
            "-----BEGIN PRIVATE KEY-----",
            "if (pem.startsWith('-----BEGIN RSA PRIVATE KEY-----')) parse(pem)",
            "AKIA",
            "id = AKIAIOSFODNN7EXAMPLE",
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "eyJhbGciOiJIUzI1NiJ9",
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJhY2NvdW50cyJ9.",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "npm_config_registry",
            "pk_live_is_public",
        ] {
            assert_eq!(kinds(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_name_before_a_secret_does_not_hide_it() {
        assert_eq!(
            kinds(&format!("TOKEN_{}", token("ghp_", 36))),
            ["github-token"]
        );
        let id = format!("KEY_AKIA{}", "IQ7WODN2M5J3K4L6");
        assert_eq!(kinds(&id), ["aws-access-key-id"]);
    }

    #[test]
    fn utf_16_hides_no_secret() {
        let scanner = Scanner::new().expect("patterns");
        let text = format!("\u{feff}{}{}", " ".repeat(CHUNK / 2), token("ghp_", 36));
        let units = || text.encode_utf16();
        let bytes: [Vec<u8>; 2] = [
            units().flat_map(u16::to_le_bytes).collect(),
            units().flat_map(u16::to_be_bytes).collect(),
        ];
        for bytes in bytes {
            let found = scanner.scan("a.txt", &mut bytes.as_slice()).expect("read");
            assert_eq!(found.len(), 1);
        }
    }

    #[test]
    fn a_secret_that_lies_across_two_chunks_is_found() {
        let secret = token("ghp_", 36);
        for before in (CHUNK + OVERLAP - 60)..(CHUNK + OVERLAP + 10) {
            let text = format!("{} {secret} ", " ".repeat(before));
            assert_eq!(kinds(&text), ["github-token"], "at {before}");
        }
        let claims = token("eyJ", 4000);
        let long = format!("{}.{claims}.{}", token("eyJhbGciOi", 36), token("", 86));
        for before in (CHUNK + OVERLAP - 4200..CHUNK + OVERLAP + 10).step_by(50) {
            let text = format!("{} {long} ", " ".repeat(before));
            assert_eq!(kinds(&text), ["jwt"], "at {before}");
        }
    }

    #[test]
    fn a_finding_never_holds_the_value() {
        let scanner = Scanner::new().expect("patterns");
        let secret = token("ghp_", 36);
        let found = scanner.scan("a.js", &mut secret.as_bytes()).expect("read");
        assert!(!format!("{found:?}").contains(&secret));
    }
}
