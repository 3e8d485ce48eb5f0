//! What each tool keeps of a migration's text, to tell later that it was changed.

use std::fmt;
use std::hash::{Hash as _, Hasher as _};

use sha2::{Digest as _, Sha256, Sha384};
use siphasher::sip::SipHasher13;

/// A migration's text in the shape in which a tool records it. Shown as it stands in the
/// tool's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// The tool keeps none.
    None,
    /// sqlx: SHA-384 of the file. Its column is `bytea`; shown in hexadecimal.
    Sha384([u8; 48]),
    /// refinery: SipHash-1-3 over name, version and text; decimal in a `varchar`.
    SipHash(u64),
    /// Prisma: SHA-256 of the file; hexadecimal in a `varchar`.
    Sha256([u8; 32]),
    /// Flyway: CRC-32 over the lines; a signed `integer`.
    Crc32(i32),
}

impl Checksum {
    /// As `sqlx_core::migrate::Migration::new` (0.8.6) has it.
    pub(crate) fn sqlx(file: &[u8]) -> Self {
        Self::Sha384(Sha384::digest(file).into())
    }

    /// As `schema-engine` of Prisma has it: of the whole `migration.sql`.
    pub(crate) fn prisma(file: &[u8]) -> Self {
        Self::Sha256(Sha256::digest(file).into())
    }

    /// As `refinery_core::Migration::unapplied` (0.8.16) has it.
    pub(crate) fn refinery(name: &str, version: i32, text: &str) -> Self {
        let mut hasher = SipHasher13::new();
        name.hash(&mut hasher);
        version.hash(&mut hasher);
        text.hash(&mut hasher);
        Self::SipHash(hasher.finish())
    }

    /// As Flyway's `ChecksumCalculator` has it: every line without what ends it, as Java's
    /// `BufferedReader` sees lines, and without a byte order mark before the first.
    pub(crate) fn flyway(text: &str) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        let text = text.strip_prefix(crate::BOM).unwrap_or(text);
        for part in text.split(['\r', '\n']) {
            hasher.update(part.as_bytes());
        }
        Self::Crc32(hasher.finalize().cast_signed())
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Sha384(bytes) => hexadecimal(out, bytes),
            Self::Sha256(bytes) => hexadecimal(out, bytes),
            Self::SipHash(number) => write!(out, "{number}"),
            Self::Crc32(number) => write!(out, "{number}"),
        }
    }
}

fn hexadecimal(out: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refinerys_checksums_are_those_that_refinery_itself_computes() {
        // Printed by `refinery_core::Migration::unapplied(…).checksum()`, version 0.8.16.
        let vectors = [
            (
                "initial",
                1,
                "CREATE TABLE person (id int);\n",
                "5628792634731677270",
            ),
            (
                "add_ß_x",
                12,
                "alter table person add column name text;\r\n-- é",
                "11072224149990722870",
            ),
            ("empty", 3, "", "3778979039168287373"),
        ];
        for (name, version, text, expected) in vectors {
            let found = Checksum::refinery(name, version, text).to_string();
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn sqlxs_checksums_are_those_that_sqlx_itself_computes() {
        // Printed of `sqlx_core::migrate::Migration::new(…).checksum`, version 0.8.6.
        for (text, expected) in SQLX {
            assert_eq!(Checksum::sqlx(text.as_bytes()).to_string(), expected);
        }
    }

    const SQLX: [(&str, &str); 2] = [
        (
            "CREATE TABLE person (id int);\n",
            "3d9f190ebef212338ef00202164317d792bded051e5d55caf1d2e0be50704e22d16f87c172827f2d31a75c5a21dd4e4f",
        ),
        (
            "-- no-transaction\nselect 1;\r\n",
            "67e38b060cb015df7e471b67395e475a7b89e38eaeb9d049d4703609422b0df440bf6dd4e2949c3f334b6c5e4eff0e43",
        ),
    ];

    #[test]
    fn prismas_checksums_are_sha_256_in_hexadecimal() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            Checksum::prisma(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn flyways_checksums_are_the_crc_32_of_all_lines_whatever_ends_them() {
        // The check value of CRC-32/ISO-HDLC: 0xcbf43926 of "123456789".
        for text in [
            "123456789",
            "1234\n56789\n",
            "\u{feff}1234\r\n5\r\r6789",
            "123\n\n\n456789",
        ] {
            assert_eq!(Checksum::flyway(text).to_string(), "-873187034", "{text:?}");
        }
        // What Flyway records of an empty script.
        assert_eq!(Checksum::flyway("").to_string(), "0");
    }
}
