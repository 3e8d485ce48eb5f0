//! Text that others wrote, as terminals, pages and messages may show it.

/// Without what could move the cursor, or reorder or hide the text around it: control
/// characters, the two separators of lines and paragraphs, and what is not seen
/// (`Default_Ignorable_Code_Point` of the Unicode character database). Line breaks stay.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| *c == '\n' || !(c.is_control() || is_unseen(*c)))
        .collect()
}

fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The same in one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    plain(text).replace('\n', " ")
}

/// The longest name or reason that somebody gives with what they ask, in bytes.
pub const LONGEST_SAID: usize = 500;

/// A name or a reason that says too little or too much: how long it is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("found {0} bytes; expected 1 to {LONGEST_SAID}")]
pub struct Unsaid(pub usize);

/// Who asks, or why, as messages, pages, terminals and the ledger may show it.
///
/// # Errors
/// When nothing is left of it, or too much.
pub fn said(text: &str) -> Result<String, Unsaid> {
    let text = one_line(text);
    let text = text.trim();
    if !(1..=LONGEST_SAID).contains(&text.len()) {
        return Err(Unsaid(text.len()));
    }
    Ok(text.to_owned())
}

/// A URL without what may be a secret in it: its user, query and fragment.
#[must_use]
pub fn address(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = &url[..end];
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_user_query_and_fragment() {
        for (url, shown) in [
            (
                "https://example.com/health?key=s3cret",
                "https://example.com/health",
            ),
            ("https://ada:s3cret@example.com", "https://example.com"),
            (
                "https://ada:s3@cret@example.com/a@b",
                "https://example.com/a@b",
            ),
            ("https://example.com#s3cret", "https://example.com"),
            ("https://example.com:8443/", "https://example.com:8443/"),
            ("s3cret?s3cret", "s3cret"),
        ] {
            assert_eq!(address(url), shown);
        }
    }

    #[test]
    fn what_somebody_says_is_one_line_of_some_length() {
        assert_eq!(said(" ada\nlovelace "), Ok("ada lovelace".to_owned()));
        assert_eq!(said(" \n\u{200b}"), Err(Unsaid(0)));
        assert!(said(&"a".repeat(LONGEST_SAID)).is_ok());
        let long = said(&"a".repeat(LONGEST_SAID + 1)).expect_err("too long");
        assert_eq!(long.to_string(), "found 501 bytes; expected 1 to 500");
    }

    #[test]
    fn text_of_others_loses_what_reorders_hides_or_moves() {
        assert_eq!(plain("a\u{202e}b\u{200b}c\u{7}\u{1b}[2Jd\ne"), "abc[2Jd\ne");
        assert_eq!(one_line("a\r\nb"), "a b");
        assert_eq!(plain("a\u{ad}d\u{3164}a\u{2028}b\u{e0061}\u{fe0f}"), "adab");
    }
}
