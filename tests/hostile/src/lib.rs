//! Text that people of ill will write, and what it must not become where it is shown: for
//! tests of pages, messages and terminals.
//!
//! A test shows a document twice, once with harmless words in one of its places and once with
//! each of [`TEXTS`] there, and compares what a reader's program makes of both.

use serde_json::Value;

/// Words that mean nothing to anybody's program.
pub const HARMLESS: &str = "plain words";

/// Markup, mentions, escapes, and what reorders, hides or breaks the text around it.
pub const TEXTS: [&str; 30] = [
    // HTML, as text, in attributes, and after the end of what surrounds it.
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></style></textarea><svg onload=alert(1)>",
    "--><!--<iframe src=//evil.example>",
    "&lt;b&gt;&#60;script&#62;",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<form action=//evil.example><input name=code>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    // Templates.
    "{{7*7}}{% include \"x\" %}${7*7}",
    // Slack: mentions, links, formats.
    "<!channel> <!here> <@U012AB3CD> <#C012AB3CD>",
    "<https://evil.example|https://good.example>",
    "*bold* _italic_ ~gone~ `code` :rotating_light:",
    "&lt;!channel&gt;",
    // Terminals: colours, titles, links, a cleared screen, a bell.
    "\u{1b}[31mred\u{1b}[0m\u{1b}[2J",
    "\u{1b}]0;title\u{7}\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\",
    "\u{9b}31mred\u{8}\u{8}\u{8}\u{7f}",
    // Headers of mail, and lines that look like Sluice's own.
    "x\r\nBcc: everybody@evil.example\r\n\r\nApproved by ada",
    "x\nApproval needed: another release\n  https://evil.example/r/1",
    "x\u{2028}Approved by ada\u{2029}\u{85}by bob\u{b}\u{c}",
    // Order of writing (https://trojansource.codes).
    "\u{202e}gpj.exe\u{202c}",
    "\u{2066}a\u{2069}\u{2067}b\u{2069}\u{061c}\u{200f}c\u{200e}",
    // What nobody sees.
    "ad\u{200b}a\u{200d}\u{2060}\u{feff}",
    "a\u{00ad}d\u{034f}a\u{180e}\u{3164}\u{115f}\u{ffa0}",
    "ok\u{e0049}\u{e0067}\u{e006e}\u{fe0f}\u{e0100}",
    // Nothing, and what ends texts in C.
    "a\0b",
    " \t ",
    // Tables and formulas.
    "=HYPERLINK(\"https://evil.example\")|a|b|",
    "%00%0d%0a..%2f..%2f\\..\\",
];

/// The places of a document's texts, as JSON pointers.
#[must_use]
pub fn places(document: &Value) -> Vec<String> {
    let within = |key: &str, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        let below = places(value).into_iter();
        below
            .map(|place| format!("/{key}{place}"))
            .collect::<Vec<_>>()
    };
    match document {
        Value::String(_) => vec![String::new()],
        Value::Array(items) => (items.iter().enumerate())
            .flat_map(|(index, item)| within(&index.to_string(), item))
            .collect(),
        Value::Object(fields) => (fields.iter())
            .flat_map(|(key, value)| within(key, value))
            .collect(),
        _ => Vec::new(),
    }
}

/// The document with another text in this place.
#[must_use]
pub fn with(document: &Value, place: &str, text: &str) -> Value {
    let mut changed = document.clone();
    if let Some(found) = changed.pointer_mut(place) {
        *found = text.into();
    }
    changed
}

/// Each place with each text, as it is and behind what makes a link of it: the document with
/// the harmless words, and with the others.
pub fn variants(document: &Value) -> impl Iterator<Item = (Value, Value)> {
    let starts = ["", "https://example.com/"];
    let spots = places(document)
        .into_iter()
        .flat_map(move |place| starts.map(|start| (place.clone(), start)));
    spots.flat_map(move |(place, start)| {
        let harmless = with(document, &place, &format!("{start}{HARMLESS}"));
        TEXTS.map(|text| {
            let hostile = with(document, &place, &format!("{start}{text}"));
            (harmless.clone(), hostile)
        })
    })
}

/// The first character that moves, reorders or hides what is around it. Line breaks do not,
/// where a text may have several.
#[must_use]
pub fn hides(text: &str) -> Option<char> {
    text.chars().find(|c| {
        let is_control = matches!(c, '\0'..='\u{9}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}');
        let is_format = matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        );
        let is_break = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        let is_blank = matches!(
            c,
            '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        );
        let is_tag = matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
        is_control || is_format || is_break || is_blank || is_tag
    })
}

/// What a browser makes of a page: its tags in order, each with the names of its attributes.
///
/// # Panics
/// When a tag does not end.
#[must_use]
pub fn skeleton(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let mut quote = None;
        let end = rest.char_indices().find(|(_, c)| {
            match (quote, c) {
                (None, '"' | '\'') => quote = Some(*c),
                (Some(open), close) if open == *close => quote = None,
                _ => {}
            }
            quote.is_none() && *c == '>'
        });
        let (end, _) = end.expect("a tag that ends");
        tags.push(names(&rest[..end]));
        rest = &rest[end + 1..];
    }
    tags
}

/// A tag without the values of its attributes.
fn names(tag: &str) -> String {
    let mut quote = None;
    let outside = tag.chars().filter(|c| match quote {
        None if matches!(c, '"' | '\'') => {
            quote = Some(*c);
            false
        }
        Some(open) if open == *c => {
            quote = None;
            false
        }
        Some(_) => false,
        None => true,
    });
    outside.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_a_document_has_its_turn() {
        let document = serde_json::json!({"a/b": ["x", 1, {"c~": "y"}], "d": null});
        assert_eq!(places(&document), ["/a~1b/0", "/a~1b/2/c~0"]);
        let changed = with(&document, "/a~1b/2/c~0", "z");
        assert_eq!(changed["a/b"][2]["c~"], "z");
        assert_eq!(variants(&document).count(), 2 * 2 * TEXTS.len());
    }

    #[test]
    fn markup_that_was_let_through_shows_in_the_skeleton() {
        let page = |text: &str| format!("<p class=\"a\">{text}</p><a href='{text}'>x</a>");
        let harmless = skeleton(&page(HARMLESS));
        assert_eq!(harmless, ["p class=", "/p", "a href=", "/a"]);
        let differ = TEXTS.iter().filter(|text| {
            let shown = std::panic::catch_unwind(|| skeleton(&page(text)));
            shown.ok() != Some(harmless.clone())
        });
        assert!(differ.count() >= 10);
    }

    #[test]
    fn most_texts_hide_something_or_are_markup() {
        let hiding = TEXTS.iter().filter(|text| hides(text).is_some());
        assert!(hiding.count() >= 10);
        assert_eq!(hides("two\nlines of ünïcode"), None);
    }
}
