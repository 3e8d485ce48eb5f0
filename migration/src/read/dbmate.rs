//! dbmate's files: both directions in one, told apart by lines `-- migrate:up` and
//! `-- migrate:down`.
//!
//! Source: `parseMigrationContents` in dbmate's `pkg/dbmate/migration.go`.

use std::ops::Range;

/// What a file's marks say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    /// From the first mark to the second, or to the end.
    pub(super) up: Range<usize>,
    /// From the second mark on.
    pub(super) down: Option<Range<usize>>,
    /// Whether the first block runs in a transaction.
    pub(super) transaction: bool,
}

/// Why a file has no blocks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unmarked {
    /// There is no `-- migrate:up`.
    NoUp,
    /// `-- migrate:down` comes first.
    Order,
    /// Something that is no comment comes before.
    Before,
}

/// Whether a file looks like dbmate's.
pub(super) fn is_marked(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    lines.any(|line| std::str::from_utf8(line).is_ok_and(|line| mark(line, "up").is_some()))
}

/// What follows a line's mark, if it has this one.
fn mark<'a>(line: &'a str, direction: &str) -> Option<&'a str> {
    let rest = line.strip_prefix("--")?.trim_start();
    let rest = rest.strip_prefix("migrate:")?.strip_prefix(direction)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest)
}

/// Tells a file's blocks apart.
pub(super) fn blocks(text: &str) -> Result<Blocks, Unmarked> {
    let (mut up, mut down, mut transaction, mut at) = (None, None, true, 0);
    for line in text.split_inclusive('\n') {
        if let Some(options) = mark(line, "up").filter(|_| up.is_none()) {
            up = Some(at);
            transaction = !options
                .split_whitespace()
                .any(|it| it == "transaction:false");
        } else if mark(line, "down").is_some() && down.is_none() {
            down = Some(at);
        }
        at += line.len();
    }
    let up = up.ok_or(Unmarked::NoUp)?;
    if down.is_some_and(|down| down < up) {
        return Err(Unmarked::Order);
    }
    let is_code = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with("--");
    if text[..up].lines().any(is_code) {
        return Err(Unmarked::Before);
    }
    Ok(Blocks {
        up: up..down.unwrap_or(text.len()),
        down: down.map(|down| down..text.len()),
        transaction,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_begin_at_their_marks_and_options_follow_these() {
        let text = "-- x\n-- migrate:up transaction:false\nA;\n--migrate:down\nB;\n";
        let found = blocks(text).expect("blocks");
        assert_eq!(
            &text[found.up.clone()],
            "-- migrate:up transaction:false\nA;\n"
        );
        assert_eq!(&text[found.down.expect("down")], "--migrate:down\nB;\n");
        assert!(!found.transaction);
        assert!(blocks("-- migrate:up\nA;").expect("up").transaction);
    }

    #[test]
    fn what_dbmate_refuses_is_told() {
        assert_eq!(blocks("A;"), Err(Unmarked::NoUp));
        assert_eq!(blocks("-- migrate:upx\nA;"), Err(Unmarked::NoUp));
        assert_eq!(
            blocks("-- migrate:down\n-- migrate:up\n"),
            Err(Unmarked::Order)
        );
        assert_eq!(blocks("A;\n-- migrate:up\nB;"), Err(Unmarked::Before));
    }
}
