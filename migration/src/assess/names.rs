//! Names as PostgreSQL compares them.

use squawk_syntax::ast::AstNode;
use squawk_syntax::{SyntaxKind, SyntaxNode};

/// How many bytes of a name PostgreSQL keeps.
const LONGEST: usize = 63;

/// An identifier as it is compared: folded to lower case unless quotes keep it, and in
/// quotes only where it needs them. Letters beyond ASCII stay as they are, as UTF-8's do.
/// What is too long is cut off, as PostgreSQL does.
pub(crate) fn identifier(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|it| it.strip_suffix('"')) else {
        return cut(text).to_ascii_lowercase();
    };
    let starts = |c: char| c.is_ascii_lowercase() || c == '_' || !c.is_ascii();
    let goes_on = |c: char| starts(c) || c.is_ascii_digit() || c == '$';
    let inner = inner.replace("\"\"", "\"");
    let inner = cut(&inner);
    if inner.starts_with(starts) && inner.chars().all(goes_on) {
        inner.to_owned()
    } else {
        format!("\"{}\"", inner.replace('"', "\"\""))
    }
}

/// As much of a name as PostgreSQL keeps.
fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(LONGEST)]
}

/// Whether anything in a node is named by escapes (`U&"l\006fwer"`), which are not read.
pub(crate) fn is_escaped(node: &SyntaxNode) -> bool {
    let tokens = node.descendants_with_tokens();
    let mut tokens = tokens.filter_map(|it| it.into_token());
    tokens.any(|it| it.text().starts_with("U&\"") || it.text().starts_with("u&\""))
}

/// The name that a node is, or the first path within it: `public.users`.
pub(crate) fn name(node: &SyntaxNode) -> String {
    let is_path = |it: &SyntaxNode| matches!(it.kind(), SyntaxKind::PATH | SyntaxKind::PATH_REF);
    let path = node.descendants().find(is_path);
    let mut name = String::new();
    let tokens = path.as_ref().unwrap_or(node).descendants_with_tokens();
    for token in tokens.filter_map(|it| it.into_token()) {
        match token.kind() {
            SyntaxKind::WHITESPACE | SyntaxKind::COMMENT => {}
            SyntaxKind::DOT => name.push('.'),
            _ => name.push_str(&identifier(token.text())),
        }
    }
    name
}

/// The name of an optional node; `?` where a tree lacks it, which no valid one does.
pub(crate) fn name_of<N: AstNode>(node: Option<N>) -> String {
    node.map_or_else(|| "?".to_owned(), |node| name(node.syntax()))
}

/// The names of all nodes of a kind below a node.
pub(crate) fn names_of<N: AstNode>(nodes: impl Iterator<Item = N>) -> Vec<String> {
    nodes.map(|node| name(node.syntax())).collect()
}

/// Whether a name says its schema.
pub(crate) fn is_qualified(name: &str) -> bool {
    let mut quoted = false;
    name.chars().any(|c| {
        quoted ^= c == '"';
        c == '.' && !quoted
    })
}

/// A name without its schema.
pub(crate) fn last(name: &str) -> String {
    last_part(name).to_owned()
}

/// The part of a name that is the name without its schema.
pub(crate) fn last_part(name: &str) -> &str {
    if !name.contains('"') {
        return name.rsplit('.').next().unwrap_or(name);
    }
    let mut quoted = false;
    let dot = name.char_indices().filter(|(_, c)| {
        quoted ^= *c == '"';
        *c == '.' && !quoted
    });
    let start = dot.last().map_or(0, |(at, _)| at + 1);
    &name[start..]
}

/// All that may be a name below a node, keywords among it.
pub(crate) fn identifiers(node: &SyntaxNode) -> impl Iterator<Item = String> {
    let tokens = node.descendants_with_tokens();
    let tokens = tokens.filter_map(|it| it.into_token());
    let may_be_one = |c: u8| c.is_ascii_alphabetic() || !c.is_ascii() || c == b'_' || c == b'"';
    tokens.filter_map(move |it| {
        let text = it.text();
        let first = text.bytes().next()?;
        may_be_one(first).then(|| identifier(text))
    })
}

/// Whether two names may mean the same: one may leave out the schema that the other says.
pub(crate) fn may_be(one: &str, other: &str) -> bool {
    one == other || (is_qualified(one) != is_qualified(other) && last_part(one) == last_part(other))
}

/// A name of the parts of others, as PostgreSQL makes it for what has none:
/// `users_email_check`.
pub(crate) fn made(parts: &[&str]) -> String {
    let bare = parts.iter().map(|part| {
        let last = part.rsplit('.').next().unwrap_or(part);
        last.replace('"', "")
    });
    let made = bare.collect::<Vec<_>>().join("_");
    identifier(&format!("\"{made}\""))
}

/// What a node says, without comments and with single spaces.
pub(crate) fn text(node: &SyntaxNode) -> String {
    let mut text = String::new();
    let mut gap = false;
    let tokens = node.descendants_with_tokens();
    for token in tokens.filter_map(|it| it.into_token()) {
        match token.kind() {
            SyntaxKind::WHITESPACE | SyntaxKind::COMMENT => gap = !text.is_empty(),
            SyntaxKind::SEMICOLON => {}
            _ => {
                if std::mem::take(&mut gap) {
                    text.push(' ');
                }
                text.push_str(token.text());
            }
        }
    }
    text
}

/// The kind of a node, as SQL has it: `CREATE TABLE`.
pub(crate) fn words(kind: SyntaxKind) -> String {
    format!("{kind:?}").replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_unless_quotes_keep_them() {
        assert_eq!(identifier("Users"), "users");
        assert_eq!(identifier("\"users\""), "users");
        assert_eq!(identifier("\"Users\""), "\"Users\"");
        assert_eq!(identifier("\"1a\""), "\"1a\"");
        assert_eq!(identifier("\"wipe$\""), identifier("Wipe$"));
        assert_eq!(identifier("\"größe\""), identifier("größe"));
        assert_eq!(identifier("\"Größe\""), "\"Größe\"");
        for kept in ["\"$a\"", "\"a\"\"b\"", "\"a b\"", "\"\""] {
            assert_eq!(identifier(kept), kept);
        }
        let long = "a".repeat(62);
        assert_eq!(identifier(&format!("{long}äb")), long);
        assert_eq!(identifier(&format!("\"{long}bc\"")), format!("{long}b"));
        assert!(is_qualified("public.users") && !is_qualified("\"a.b\""));
        assert_eq!(identifier("Änne"), "Änne");
        assert!(may_be("t", "s.t") && may_be("s.t", "t") && may_be("t", "t"));
        assert!(!may_be("r.t", "s.t") && !may_be("t", "s.u") && !may_be("t", "u"));
        assert_eq!(last("a.b.\"c.d\""), "\"c.d\"");
        assert_eq!(last("users"), "users");
        assert_eq!(
            made(&["public.users", "e_mail", "check"]),
            "users_e_mail_check"
        );
        assert_eq!(made(&["\"Users\"", "id", "fkey"]), "\"Users_id_fkey\"");
    }
}
