//! Text of reports, as it may be kept.

use std::borrow::Cow;

use sluice_domain::text::one_line;

use crate::Error;

/// The longest text that is kept of a report, in characters.
const LONGEST: usize = 300;

/// The report as text, without a byte order mark. Windows' shells write UTF-16 with such
/// a mark; all else is UTF-8.
pub(crate) fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest).map(Cow::Borrowed),
        _ => utf8(bytes).map(Cow::Borrowed),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|error| Error::NotText(error.valid_up_to()))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Error> {
    let (pairs, rest) = bytes.as_chunks();
    let mut text = String::new();
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.push(character.map_err(|_| Error::NotText(text.len()))?);
    }
    match rest {
        [] => Ok(text),
        _ => Err(Error::NotText(bytes.len())),
    }
}

/// A text of a report in one line, without what a terminal would obey, and cut.
pub(crate) fn brief(text: &str) -> String {
    // Only as much is cleaned as could be kept: a title may be megabytes long.
    let head: String = text.trim().chars().take(4 * LONGEST).collect();
    let line = one_line(&head);
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// A text of a report in one line, without what a terminal would obey, whole: what is
/// judged must not be cut. Reports are bounded.
pub(crate) fn whole(text: &str) -> String {
    one_line(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_one_short_line_without_control_characters() {
        assert_eq!(brief(" a\nb\u{1b}[2J "), "a b[2J");
        assert_eq!(brief(&"é".repeat(10_000)).chars().count(), LONGEST);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(decoded("\u{feff}<a/>".as_bytes()), Ok("<a/>".into()));
        assert_eq!(decoded(b"ab\xff"), Err(Error::NotText(2)));
    }

    #[test]
    fn utf_16_is_read_in_both_orders_and_refused_where_it_is_cut() {
        assert_eq!(decoded(b"\xff\xfe<\0\xe9\0"), Ok("<é".into()));
        assert_eq!(decoded(b"\xfe\xff\0<\0\xe9"), Ok("<é".into()));
        assert!(decoded(b"\xff\xfe<\0\xe9").is_err());
        assert!(decoded(b"\xff\xfe\x00\xd8").is_err(), "half of a pair");
    }
}
