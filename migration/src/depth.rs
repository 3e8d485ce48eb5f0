//! How deep a text may nest. The parser calls itself for each level, so that a text that
//! nests without end would end the process.

use squawk_lexer::{TokenKind, tokenize};

/// The most that may be open at once: words and operators since the last comma or
/// semicolon, added up over all brackets that are open, where a bracket counts as
/// [`BRACKET`] of them. Any of them may begin a level of its own (`- - 1`, `NOT NOT x`).
pub(crate) const DEEPEST: usize = 3_000;

const BRACKET: usize = 8;

/// What a look at the tokens of a text finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// The first place that nests too deep, in bytes.
    pub(crate) too_deep: Option<usize>,
    /// The first backslash outside of strings and comments, in bytes.
    pub(crate) backslash: Option<usize>,
}

impl Look {
    /// Looks at a text.
    pub(crate) fn at(text: &str) -> Self {
        let mut look = Self::default();
        // What each open bracket has before it, and what is open in all.
        let (mut brackets, mut open, mut run, mut at) = (Vec::new(), 0, 0, 0);
        for token in tokenize(text) {
            match token.kind {
                TokenKind::Whitespace
                | TokenKind::LineComment
                | TokenKind::BlockComment { .. }
                | TokenKind::Literal { .. } => {}
                TokenKind::Comma => run = 0,
                TokenKind::Semi => (open, run) = (brackets.len() * BRACKET, 0),
                TokenKind::OpenParen | TokenKind::OpenBracket => {
                    brackets.push(run);
                    open += run + BRACKET;
                    run = 0;
                }
                TokenKind::CloseParen | TokenKind::CloseBracket => {
                    if let Some(before) = brackets.pop() {
                        open = open.saturating_sub(before + BRACKET);
                        run = before + 1;
                    }
                }
                TokenKind::Unknown if text[at..].starts_with('\\') => {
                    look.backslash.get_or_insert(at);
                }
                _ => run += 1,
            }
            if open + run > DEEPEST {
                look.too_deep = Some(at);
                return look;
            }
            at += token.len as usize;
        }
        look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_not_deep_and_what_nests_is() {
        let rows = format!("INSERT INTO t VALUES {}(1);", "(1, -2), ".repeat(10_000));
        assert_eq!(Look::at(&rows), Look::default());
        let many = "SELECT a + b;\n".repeat(10_000);
        assert_eq!(Look::at(&many), Look::default());
        for deep in ["(", "[", "- ", "NOT ", "CASE WHEN ", "f(x, ", "a."] {
            let text = format!("SELECT {}", deep.repeat(DEEPEST));
            assert!(Look::at(&text).too_deep.is_some(), "{deep}");
        }
    }

    #[test]
    fn a_backslash_counts_only_where_it_is_no_part_of_a_string_or_comment() {
        assert_eq!(
            Look::at(r"SELECT E'\n', '\d', $$\x$$ -- \d").backslash,
            None
        );
        assert_eq!(Look::at("SELECT 1;\n\\d t").backslash, Some(10));
    }
}
