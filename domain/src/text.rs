//! Text that others wrote, as terminals, pages and messages may show it.

/// Without what could move the cursor, or reorder or hide the text around it.
/// Line breaks stay.
#[must_use]
pub fn plain(text: &str) -> String {
    let reorders = |c: char| matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    text.chars()
        .filter(|c| *c == '\n' || !(c.is_control() || reorders(*c)))
        .collect()
}

/// The same in one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    plain(text).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_loses_what_reorders_hides_or_moves() {
        assert_eq!(plain("a\u{202e}b\u{200b}c\u{7}\u{1b}[2Jd\ne"), "abc[2Jd\ne");
        assert_eq!(one_line("a\r\nb"), "a b");
    }
}
