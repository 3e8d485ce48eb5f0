//! Pages of the documentation, as data.

use std::collections::BTreeMap;

/// What a page says of a field.
pub(crate) struct Row {
    /// The whole row.
    pub(crate) text: String,
    /// Its last cell, if that column is called "default", without quotes and
    /// the spaces in numbers.
    pub(crate) default: Option<String>,
}

/// The fields that a page's tables describe, by their path. A heading with a path
/// in it, as `` ## `functions.<name>` ``, leads to what stands below it, and a
/// shape in a row, as `` `{name, email}` `` or `` `{"above": share}` ``, describes
/// the fields in it.
pub(crate) fn rows(page: &str) -> BTreeMap<String, Row> {
    let mut found = BTreeMap::new();
    let (mut below, mut has_default) = (String::new(), false);
    for line in page.lines() {
        if line.starts_with('#') {
            below = quoted(line)
                .first()
                .map(|path| plain(path))
                .unwrap_or_default();
        } else if line.starts_with("| field |") {
            has_default = line.ends_with("| default |");
        }
        let Some((first, rest)) = line
            .strip_prefix("| `")
            .and_then(|row| row.split_once(" | "))
        else {
            continue;
        };
        for field in first.trim_end_matches('`').split("`, `") {
            let path = format!("{below}.{field}")
                .trim_start_matches('.')
                .to_owned();
            for inner in quoted(rest).into_iter().flat_map(fields_of) {
                found.insert(format!("{path}.{inner}"), row(line, false));
            }
            found.insert(path, row(line, has_default));
        }
    }
    found
}

/// The names in a shape: `above` and `seconds` of `{"above": share, "seconds": time}`.
fn fields_of(shape: &str) -> Vec<&str> {
    let Some(shape) = shape
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    else {
        return Vec::new();
    };
    let mut depth = 0;
    let parts = shape.split(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    });
    parts
        .filter_map(|part| part.split(':').next())
        .map(|name| name.trim().trim_matches('"'))
        .filter(|name| !name.is_empty())
        .collect()
}

fn row(line: &str, has_default: bool) -> Row {
    let last = line.trim_end_matches(" |").rsplit(" | ").next();
    let default = last.map(|cell| cell.replace([' ', '`'], ""));
    Row {
        text: line.to_owned(),
        default: default.filter(|_| has_default),
    }
}

/// A path without what says that there are several.
fn plain(path: &str) -> String {
    path.replace("[]", "").replace(".<name>", "")
}

/// What stands between backticks.
fn quoted(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// The blocks of code in a language.
pub(crate) fn code_blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    page.split(&format!("```{language}\n"))
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .collect()
}

#[test]
fn rows_are_found_below_their_headings() {
    let page = "## Top\n| field | meaning | default |\n|---|---|---|\n| `a` | `{b, c}` | 86 400 (a day) |\n\
        ## `d.<name>`\n| field | meaning |\n|---|---|\n| `e` | text |\n### `f[]`\n| `g.h`, `i` | `j` |\n";
    let rows = rows(page);
    let paths: Vec<&str> = rows.keys().map(String::as_str).collect();
    assert_eq!(paths, ["a", "a.b", "a.c", "d.e", "f.g.h", "f.i"]);
    assert_eq!(rows["a"].default.as_deref(), Some("86400(aday)"));
    assert_eq!(rows["d.e"].default, None);
}

#[test]
fn the_names_in_a_shape_are_those_of_its_outermost_fields() {
    assert_eq!(fields_of("{name, email}"), ["name", "email"]);
    assert_eq!(
        fields_of(r#"{"a": {"b": 1, "c": 2}, "d": "e"}"#),
        ["a", "d"]
    );
    assert!(fields_of("plain").is_empty() && fields_of("{}").is_empty());
}
