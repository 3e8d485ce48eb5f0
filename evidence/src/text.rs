//! Text of reports, as it may be kept.

use sluice_domain::text::one_line;

use crate::Error;

/// The longest text that is kept of a report, in characters.
const LONGEST: usize = 300;

/// The report as text, without a byte order mark.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    let text = std::str::from_utf8(bytes).map_err(|error| Error::NotText(error.valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
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
        assert_eq!(utf8("\u{feff}<a/>".as_bytes()), Ok("<a/>"));
        assert_eq!(utf8(b"ab\xff"), Err(Error::NotText(2)));
    }
}
