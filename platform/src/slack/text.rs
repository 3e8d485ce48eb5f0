//! Text in Slack's blocks: nothing in it is a link, a mention or a command, and no more than
//! Slack takes. Slack refuses a whole message for one text that is too long.
//!
//! Source: <https://docs.slack.dev/reference/block-kit/blocks>, and what it leads to of
//! elements and objects.

use serde_json::{Value, json};
use sluice_domain::text::plain;

/// The most characters of a section's text.
pub const LONGEST_SECTION: usize = 3_000;

/// The most characters of one of a section's fields.
pub const LONGEST_FIELD: usize = 2_000;

/// The most characters of an input's label.
pub const LONGEST_LABEL: usize = 2_000;

/// The most characters of a header.
pub const LONGEST_HEADER: usize = 150;

/// The most characters of a button.
pub const LONGEST_BUTTON: usize = 75;

/// The most characters of a checkbox.
pub const LONGEST_OPTION: usize = 75;

/// The most characters of a dialog's title, and of its own buttons.
pub const LONGEST_TITLE: usize = 24;

/// The most checkboxes of a group.
pub const MOST_OPTIONS: usize = 10;

/// Text, and nothing but text, of so many characters at most.
#[must_use]
pub fn plain_text(said: &str, longest: usize) -> Value {
    json!({"type": "plain_text", "text": clipped(&plain(said), longest), "emoji": false})
}

/// As much of a text as fits.
#[must_use]
pub fn clipped(text: &str, longest: usize) -> String {
    let mut clipped: String = text.chars().take(longest).collect();
    if text.chars().nth(longest).is_some() {
        clipped.pop();
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_stays_whole_and_a_longer_one_shows_that_it_goes_on() {
        for (text, shown) in [
            ("", ""),
            ("größe", "größe"),
            ("größer", "größ…"),
            ("größer als", "größ…"),
        ] {
            assert_eq!(clipped(text, 5), shown);
        }
    }

    #[test]
    fn a_text_is_plain_and_loses_what_nobody_sees() {
        let text = plain_text("<!channel> *a*\u{202e}\u{200b}\nb", LONGEST_SECTION);
        let expected = json!({"type": "plain_text", "text": "<!channel> *a*\nb", "emoji": false});
        assert_eq!(text, expected);
    }
}
