//! Text for terminals and for pipes: colour, tables, bars, redrawing in place.
//!
//! Colour and redrawing happen on a terminal alone, and `NO_COLOR` turns colour
//! off there too. Everything that renders answers lines; only [`Output`] prints.

use std::ffi::OsStr;
use std::io::{BufWriter, IsTerminal, Write};

use serde::Serialize;
use sluice_domain::text::{one_line, plain};

use crate::error::{Error, Result};
use crate::workflow;

/// What a text means, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// No meaning of its own.
    Plain,
    /// As hoped.
    Good,
    /// Harm.
    Bad,
    /// Not known yet, or worth a look.
    Doubt,
    /// Beside the point.
    Faint,
    /// To be read first.
    Strong,
}

const TONES: [Tone; 6] = [
    Tone::Plain,
    Tone::Good,
    Tone::Bad,
    Tone::Doubt,
    Tone::Faint,
    Tone::Strong,
];

/// What begins an escape sequence.
const ESCAPE: char = '\x1b';
/// What ends a colour, after [`ESCAPE`].
const END: &str = "[0m";

/// What begins the colour of a meaning, after [`ESCAPE`].
fn colour(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Good => Some("[32m"),
        Tone::Bad => Some("[31m"),
        Tone::Doubt => Some("[33m"),
        Tone::Faint => Some("[2m"),
        Tone::Strong => Some("[1m"),
    }
}

/// Whether texts are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    colour: bool,
}

impl Style {
    /// No colour.
    pub const PLAIN: Self = Self { colour: false };
    /// Colour.
    pub const COLOUR: Self = Self { colour: true };

    /// Colour on a terminal that can show it, unless `NO_COLOR` is set to
    /// anything but nothing (no-color.org).
    #[must_use]
    pub fn choose(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> Self {
        let unwanted = no_color.is_some_and(|value| !value.is_empty());
        Self {
            colour: is_terminal && !unwanted && term.is_none_or(|term| term != "dumb"),
        }
    }

    /// The text in the colour of its meaning.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        match colour(tone) {
            Some(colour) if self.colour => format!("{ESCAPE}{colour}{text}{ESCAPE}{END}"),
            _ => text.to_owned(),
        }
    }

    /// The text as a terminal may be given it: whatever others wrote into it, nothing
    /// moves the cursor, reorders or hides, and of escape sequences only those of
    /// [`Style::paint`] are left.
    #[must_use]
    pub fn shown(self, text: &str) -> String {
        let mut parts = text.split(ESCAPE);
        let mut shown = parts.next().map(plain).unwrap_or_default();
        for part in parts {
            let mut colours = TONES.into_iter().filter_map(colour).chain([END]);
            let colour = colours.find(|colour| self.colour && part.starts_with(colour));
            if colour.is_some() {
                shown.push(ESCAPE);
            }
            shown.push_str(&plain(part));
        }
        shown
    }
}

/// A bar of this many characters, filled to `fraction`.
#[must_use]
pub fn bar(fraction: f64, width: usize) -> String {
    let full = ((fraction.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
    format!("{}{}", "█".repeat(full), "░".repeat(width - full))
}

/// A table without lines.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Vec<(Tone, String)>>,
}

impl Table {
    /// A table with these headings.
    #[must_use]
    pub fn new(headings: &[&str]) -> Self {
        Self {
            rows: vec![
                headings
                    .iter()
                    .map(|heading| (Tone::Faint, (*heading).to_owned()))
                    .collect(),
            ],
        }
    }

    /// A table without headings.
    #[must_use]
    pub fn bare() -> Self {
        Self::default()
    }

    /// Adds a row. Whatever others wrote into a cell, it stays one line.
    pub fn row(&mut self, cells: Vec<(Tone, String)>) {
        let cells = cells.into_iter();
        let row = cells.map(|(tone, cell)| (tone, one_line(&cell)));
        self.rows.push(row.collect());
    }

    /// Its lines. Columns are as wide as their longest cell; nothing trails.
    #[must_use]
    pub fn lines(&self, style: Style) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|(_, cell)| length(cell))
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<(Tone, String)>| {
            let last = row
                .iter()
                .rposition(|(_, cell)| !cell.is_empty())
                .map_or(0, |last| last + 1);
            let cells = row[..last].iter().zip(&widths).enumerate().map(
                |(column, ((tone, cell), width))| {
                    let padding = if column + 1 == last {
                        0
                    } else {
                        width - length(cell)
                    };
                    format!("{}{}", style.paint(*tone, cell), " ".repeat(padding))
                },
            );
            cells.collect::<Vec<_>>().join("  ")
        };
        self.rows.iter().map(line).collect()
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// The line cut to this many visible characters. Escape sequences take no room.
#[must_use]
pub fn fit(line: &str, width: usize) -> String {
    let mut fitted = String::with_capacity(line.len());
    let (mut seen, mut escaped) = (0, false);
    for c in line.chars() {
        if escaped || c == '\x1b' {
            escaped = c != 'm';
        } else if seen == width {
            // Later escape sequences are kept: one of them ends the colour.
            continue;
        } else {
            seen += 1;
        }
        fitted.push(c);
    }
    fitted
}

/// Lines that replace each other in place.
#[derive(Debug, Default)]
pub struct Screen {
    drawn: usize,
}

impl Screen {
    /// What to print so that these lines stand where the last ones stood.
    #[must_use]
    pub fn frame(&mut self, lines: &[String], width: usize) -> String {
        let mut frame = String::new();
        if self.drawn > 0 {
            frame.push_str(&format!("\x1b[{}A", self.drawn));
        }
        for line in lines {
            frame.push_str("\r\x1b[2K");
            frame.push_str(&fit(&Style::COLOUR.shown(line), width));
            frame.push('\n');
        }
        frame.push_str("\x1b[0J");
        self.drawn = lines.len();
        frame
    }
}

/// Where a command's words go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
    style: Style,
    redraws: bool,
    width: usize,
    /// Whether a runner reads lines as commands.
    in_job: bool,
}

impl Output {
    /// Looks at standard output and the environment.
    #[must_use]
    pub fn detect(json: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal() && !json;
        let (no_color, term) = (std::env::var_os("NO_COLOR"), std::env::var_os("TERM"));
        let dumb = term.as_deref().is_some_and(|term| term == "dumb");
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok();
        Self {
            json,
            style: Style::choose(is_terminal, no_color.as_deref(), term.as_deref()),
            redraws: is_terminal && !dumb,
            width: size
                .map(|size| usize::from(size.ws_col))
                .filter(|width| *width > 0)
                .unwrap_or(100),
            in_job: workflow::is_job(),
        }
    }

    /// Whether one JSON document is asked for.
    #[must_use]
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether lines may be redrawn in place.
    #[must_use]
    pub fn redraws(&self) -> bool {
        self.redraws
    }

    /// How texts are coloured.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// How many characters a line may have.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Prints a line of the answer. With `--json` it is no part of the answer
    /// and goes to standard error.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn line(&self, line: &str) -> Result<()> {
        self.beside_json(&self.harmless(self.style.shown(line)))
    }

    /// Prints a command to the runner of a job, which [`Output::line`] never does.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn command(&self, line: &str) -> Result<()> {
        self.beside_json(&Style::PLAIN.shown(line))
    }

    fn beside_json(&self, line: &str) -> Result<()> {
        if self.json {
            return writeln!(std::io::stderr().lock(), "{line}").map_err(Error::Output);
        }
        self.raw(&format!("{line}\n"))
    }

    fn harmless(&self, text: String) -> String {
        match self.in_job {
            true => workflow::lines(&text),
            false => text,
        }
    }

    /// Prints lines of the answer.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn lines(&self, lines: &[String]) -> Result<()> {
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// Prints a JSON document.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn document(&self, json: &str) -> Result<()> {
        match self.in_job {
            true => self.raw(&format!("{}\n", workflow::document(json))),
            false => self.raw(&format!("{json}\n")),
        }
    }

    /// Prints text as it is, to a terminal.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn raw(&self, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(Error::Output)
    }

    /// Prints the answer: the document with `--json`, else the lines.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn answer<T: Serialize>(
        &self,
        document: &T,
        lines: impl FnOnce(Style) -> Vec<String>,
    ) -> Result<()> {
        if !self.json {
            return self.lines(&lines(self.style));
        }
        if self.in_job {
            let text = serde_json::to_string_pretty(document);
            return self.document(&text.map_err(|error| Error::Output(error.into()))?);
        }
        // A long document is not kept as a text first.
        let mut out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
        serde_json::to_writer_pretty(&mut out, document)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush())
            .map_err(Error::Output)
    }

    /// Tells of a failure. Nothing is left to do if even that fails.
    pub fn failure(&self, error: &Error) {
        if self.json {
            let document =
                serde_json::json!({ "error": error.to_string(), "exit": error.exit() as u8 });
            let _ = self.document(&format!("{document:#}"));
        }
        let error = Style::PLAIN.shown(&error.to_string());
        let error = self.harmless(format!("sluice: {error}"));
        let _ = writeln!(std::io::stderr().lock(), "{error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_needs_a_terminal_that_can_and_a_person_who_wants_it() {
        let os = OsStr::new;
        assert_eq!(Style::choose(true, None, Some(os("xterm"))), Style::COLOUR);
        assert_eq!(Style::choose(true, Some(os("")), None), Style::COLOUR);
        assert_eq!(Style::choose(true, Some(os("1")), None), Style::PLAIN);
        assert_eq!(Style::choose(false, None, None), Style::PLAIN);
        assert_eq!(Style::choose(true, None, Some(os("dumb"))), Style::PLAIN);
    }

    #[test]
    fn plain_text_has_no_escape_sequence_and_coloured_text_ends_its_colour() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "fail"), "fail");
        assert_eq!(
            Style::COLOUR.paint(Tone::Bad, "fail"),
            "\x1b[31mfail\x1b[0m"
        );
    }

    #[test]
    fn of_what_others_wrote_a_terminal_is_given_nothing_but_text() {
        let painted = Style::COLOUR.paint(Tone::Bad, "a\x1b[2J\x1b]0;b\x07\u{202e}c\rd\n");
        assert_eq!(Style::COLOUR.shown(&painted), "\x1b[31ma[2J]0;bcd\n\x1b[0m");
        assert_eq!(Style::PLAIN.shown(&painted), "[31ma[2J]0;bcd\n[0m");
        assert_eq!(Style::COLOUR.shown("\x1b[8mhidden"), "[8mhidden");
        let mut screen = Screen::default();
        let frame = screen.frame(&["a\x1b[2Jbc".into()], 5);
        assert_eq!(frame, "\r\x1b[2Ka[2Jb\n\x1b[0J");
    }

    #[test]
    fn a_cell_that_others_wrote_stays_one_line() {
        let mut table = Table::bare();
        table.row(vec![(Tone::Plain, "frozen by ada: a\nb\x1b[A".into())]);
        assert_eq!(table.lines(Style::PLAIN), ["frozen by ada: a b[A"]);
    }

    #[test]
    fn a_bar_is_as_wide_as_asked_whatever_the_fraction() {
        for (fraction, expected) in [
            (0.0, "░░░░"),
            (0.5, "██░░"),
            (1.0, "████"),
            (7.0, "████"),
            (-1.0, "░░░░"),
        ] {
            assert_eq!(bar(fraction, 4), expected);
        }
    }

    #[test]
    fn columns_align_with_and_without_colour() {
        let mut table = Table::new(&["name", "n"]);
        table.row(vec![(Tone::Good, "é".into()), (Tone::Plain, "1".into())]);
        table.row(vec![
            (Tone::Plain, "checkout".into()),
            (Tone::Plain, String::new()),
        ]);
        assert_eq!(
            table.lines(Style::PLAIN),
            ["name      n", "é         1", "checkout"]
        );
        assert_eq!(table.lines(Style::COLOUR)[1], "\x1b[32mé\x1b[0m         1");
    }

    #[test]
    fn a_line_is_cut_without_leaving_a_colour_open() {
        assert_eq!(fit("abcdef", 3), "abc");
        assert_eq!(fit("\x1b[31mabcdef\x1b[0m", 3), "\x1b[31mabc\x1b[0m");
    }

    #[test]
    fn a_frame_goes_back_over_the_one_before_and_clears_what_is_left_of_it() {
        let mut screen = Screen::default();
        assert_eq!(
            screen.frame(&["one".into(), "two".into()], 80),
            "\r\x1b[2Kone\n\r\x1b[2Ktwo\n\x1b[0J"
        );
        assert_eq!(
            screen.frame(&["one".into()], 80),
            "\x1b[2A\r\x1b[2Kone\n\x1b[0J"
        );
    }
}
