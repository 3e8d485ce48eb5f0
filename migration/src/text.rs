//! Places in a text: lines, columns, and a line with a caret below a place.

/// How much of a line an excerpt shows on each side of a place, in characters.
const SIDE: usize = 60;

/// Where the lines of a text begin.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1));
        Self {
            text,
            starts: starts.collect(),
        }
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The line and the column of a byte, from 1; the column in characters.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let before = &self.text[self.start(line)..self.boundary(offset)];
        (line, before.chars().count() + 1)
    }

    /// The line that a byte is in, with a caret below the byte.
    pub(crate) fn excerpt(&self, offset: usize) -> String {
        let offset = self.boundary(offset);
        let start = self.start(self.line(offset));
        let (before, after) = (&self.text[start..offset], &self.text[offset..]);
        let after = after.lines().next().unwrap_or_default();
        let cut = before.char_indices().rev().nth(SIDE - 1);
        let before = &before[cut.map_or(0, |(at, _)| at)..];
        let after: String = after.chars().take(SIDE).collect();
        let indent: String = before
            .chars()
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        format!("{before}{after}\n{indent}^")
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line - 1).copied().unwrap_or_default()
    }

    /// The byte, or the one before it that begins a character.
    fn boundary(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset)
    }
}

/// The first characters of a text, in one line.
pub(crate) fn brief(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = words.char_indices().nth(LONGEST) {
        words.truncate(cut);
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_line_and_its_column_in_characters() {
        let lines = Lines::of("ä\nböc\n");
        assert_eq!(lines.place(0), (1, 1));
        assert_eq!(lines.place(2), (1, 2));
        assert_eq!(lines.place(3), (2, 1));
        assert_eq!(lines.place(6), (2, 3));
        assert_eq!(lines.place(8), (3, 1));
    }

    #[test]
    fn an_excerpt_has_a_caret_below_the_place_however_long_the_line_is() {
        let lines = Lines::of("x\n\tsélect\r\ny");
        assert_eq!(lines.excerpt(4), "\tsélect\n\t ^");
        let long = "a".repeat(500);
        let lines = Lines::of(&long);
        let excerpt = lines.excerpt(250);
        let (line, caret) = excerpt.split_once('\n').expect("two lines");
        assert_eq!((line.len(), caret.len()), (120, 61));
        assert_eq!(Lines::of("").excerpt(0), "\n^");
    }
}
