//! PostgreSQL migrations on this disk: reading them, and showing what they come to.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sluice_migration::{
    Assessed, Backfill, Class, LONGEST, Lint, Linted, Options, Reading, Refusal, Source, Tool,
    lint, read,
};

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::paint::{Style, Tone};
use crate::workflow::annotation_of;

/// Where migrations are.
#[derive(Debug, Clone)]
pub enum Place {
    /// All that lies in a folder.
    Folder(PathBuf),
    /// These files alone.
    Files(Vec<PathBuf>),
}

impl Place {
    /// What paths on a command line mean.
    ///
    /// # Errors
    /// When a folder is one of several paths.
    pub fn of(mut paths: Vec<PathBuf>) -> Result<Self> {
        let Some(folder) = paths.iter().find(|path| path.is_dir()) else {
            return Ok(Self::Files(paths));
        };
        if paths.len() > 1 {
            let message = format!(
                "{} is a folder, and one of {} paths; expected one folder, or files: run the command once for each folder",
                folder.display(),
                paths.len()
            );
            return Err(Error::Usage(message));
        }
        Ok(Self::Folder(paths.remove(0)))
    }

    /// Reads the migrations and looks at each statement. Files whose path fits one of the
    /// patterns contract.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn lint(&self, tool: Option<Tool>, contract: Vec<String>) -> Result<Lint> {
        Ok(lint(&self.read(tool, contract)?))
    }

    /// Reads the migrations. Those that patterns mean contract.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn read(&self, tool: Option<Tool>, contract: Vec<String>) -> Result<Reading> {
        let files = self.files()?;
        let sources = files.iter().map(|(path, bytes)| Source { path, bytes });
        let sources: Vec<Source<'_>> = sources.collect();
        let options = Options {
            tool,
            contract,
            whole: matches!(self, Self::Folder(_)),
        };
        Ok(read(&sources, &options))
    }

    /// The files with their paths, within the folder if it is one.
    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let one = |path: &Path, key: String, file: io::Result<File>| {
            let bytes = file.and_then(bytes);
            Ok((key, bytes.map_err(Error::file("read", path))?))
        };
        match self {
            Self::Folder(path) => {
                let folder = Folder::new(path);
                let keys = folder.keys().map_err(Error::file("list", path))?;
                let keys = keys.into_iter().filter(|key| may_count(key));
                keys.map(|key| one(&path.join(&key), key.clone(), folder.open(&key)))
                    .collect()
            }
            Self::Files(paths) => paths
                .iter()
                .map(|path| one(path, path.to_string_lossy().into_owned(), File::open(path)))
                .collect(),
        }
    }

    /// A migration's path, as people can open it.
    pub(crate) fn shown(&self, path: &str) -> String {
        match self {
            Self::Folder(folder) if path.is_empty() => folder.to_string_lossy().into_owned(),
            Self::Folder(folder) => folder.join(path).to_string_lossy().into_owned(),
            Self::Files(_) => path.to_owned(),
        }
    }

    /// For a job of GitHub Actions: an error for each refusal, a warning for each statement
    /// that is not of class A, at its line.
    #[must_use]
    pub fn annotations(&self, lint: &Lint) -> Vec<String> {
        let refused = lint.refused.iter().map(|refusal| {
            let message = format!(
                "found {}; expected {}; {}",
                refusal.found, refusal.expected, refusal.next
            );
            let place = (&*self.shown(&refusal.path), refusal.line);
            annotation_of(
                "error",
                place,
                &format!("Sluice: {}", refusal.what),
                &message,
            )
        });
        let careful = careful(lint).map(|(file, one)| {
            let place = (&*self.shown(&file.path), Some(one.line));
            let title = format!("Sluice: class {:?}: {}", one.class, one.kind);
            let mut message = Facts::from(one).told().join("\n");
            message.extend(one.safer_sql.iter().map(|sql| format!("\n{sql}")));
            annotation_of("warning", place, &title, &message)
        });
        refused.chain(careful).collect()
    }
}

/// What tools look at: the rest of a folder may be anything, and need not be read.
fn may_count(key: &str) -> bool {
    [".sql", ".conf", ".toml"]
        .iter()
        .any(|end| key.ends_with(end))
}

/// As much of a file as is read, and one byte more, which says that it is too long.
fn bytes(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The statements that ask for care, with their files.
fn careful(lint: &Lint) -> impl Iterator<Item = (&Linted, &Assessed)> {
    let files = lint.files.iter();
    let each = files.flat_map(|file| file.statements.iter().map(move |one| (file, one)));
    each.filter(|(_, one)| one.class != Class::A)
}

/// How a class looks.
pub(crate) const fn tone(class: Class) -> Tone {
    match class {
        Class::A => Tone::Plain,
        Class::B => Tone::Doubt,
        Class::C => Tone::Bad,
    }
}

/// What people are told of a statement.
pub(crate) struct Facts<'a> {
    pub(crate) lock: Option<String>,
    pub(crate) rewrites: bool,
    pub(crate) scans: bool,
    pub(crate) reason: &'a str,
    pub(crate) old_code: &'a str,
    pub(crate) old_code_reason: &'a str,
    pub(crate) backfill: Option<&'a Backfill>,
    pub(crate) safer: Option<&'a str>,
    pub(crate) safer_sql: &'a [String],
}

impl<'a> From<&'a Assessed> for Facts<'a> {
    fn from(one: &'a Assessed) -> Self {
        Self {
            lock: one.lock.as_ref().map(ToString::to_string),
            rewrites: one.rewrites,
            scans: one.scans,
            reason: &one.reason,
            old_code: one.old_code.name(),
            old_code_reason: &one.old_code_reason,
            backfill: one.backfill.as_ref(),
            safer: one.safer.as_deref(),
            safer_sql: &one.safer_sql,
        }
    }
}

impl Facts<'_> {
    /// A line each.
    fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = self.lock().into_iter().collect();
        told.extend(self.batches());
        told.push(format!("why: {}", self.reason));
        let reason = match self.old_code_reason {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        told.push(format!("old code: {}{reason}", self.old_code));
        told.extend(self.safer.map(|safer| format!("safer: {safer}")));
        told
    }

    /// The lock, and what is done meanwhile.
    pub(crate) fn lock(&self) -> Option<String> {
        let lock = self.lock.as_ref()?;
        let does = match (self.rewrites, self.scans) {
            (true, _) => ", rewrites",
            (false, true) => ", scans",
            (false, false) => "",
        };
        Some(format!("lock: {lock}{does}"))
    }

    /// How it goes in batches.
    pub(crate) fn batches(&self) -> Option<String> {
        let Backfill {
            key,
            batch,
            pause_ms,
            ..
        } = self.backfill?;
        Some(format!(
            "backfill: {batch} rows at a time by {key}, with pauses of {pause_ms} ms"
        ))
    }

    /// All of it below the line that names the statement, with the safer SQL.
    pub(crate) fn lines(&self, style: Style) -> impl Iterator<Item = String> {
        let told = self.told().into_iter().map(|told| format!("   {told}"));
        let sql = self.safer_sql.iter();
        told.chain(sql.map(move |sql| format!("     {}", style.paint(Tone::Good, sql))))
    }
}

/// For people: what asks for care, what is refused, and how much there is of each.
#[must_use]
pub fn lines(lint: &Lint, place: &Place, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for (file, one) in careful(lint) {
        let class = style.paint(tone(one.class), &format!("{:?}", one.class));
        let kind = style.paint(Tone::Strong, &one.kind);
        let path = place.shown(&file.path);
        lines.push(format!("{class}  {path}:{}  {kind}", one.line));
        lines.extend(Facts::from(one).lines(style));
    }
    for refusal in &lint.refused {
        lines.extend(refused(refusal, place, style));
    }
    lines.extend(totals(lint, place, style));
    lines
}

pub(crate) fn refused(refusal: &Refusal, place: &Place, style: Style) -> Vec<String> {
    let word = style.paint(Tone::Bad, "refused");
    let what = style.paint(Tone::Strong, &refusal.what);
    let numbers = [refusal.line, refusal.column].into_iter().flatten();
    let at = numbers.fold(place.shown(&refusal.path), |at, number| {
        format!("{at}:{number}")
    });
    let mut lines = vec![format!("{word}  {at}  {what}")];
    let excerpt = refusal.excerpt.iter().flat_map(|it| it.lines());
    lines.extend(excerpt.map(|line| format!("     {line}")));
    lines.extend([
        format!("   found {}; expected {}", refusal.found, refusal.expected),
        format!("   next: {}", refusal.next),
    ]);
    lines
}

fn totals(lint: &Lint, place: &Place, style: Style) -> Vec<String> {
    let counts = [Class::A, Class::B, Class::C].map(|class| {
        let count = lint.count(class);
        format!("{count} {class:?}")
    });
    let tool = lint.tool.map_or("no tool", Tool::name);
    let mut lines = vec![format!(
        "{} migrations ({tool}), statements of each class: {}",
        lint.files.len(),
        counts.join(", ")
    )];
    if let Place::Files(_) = place {
        let left_out = "single files: order, versions and what is missing were not checked";
        lines.push(style.paint(Tone::Faint, left_out));
    }
    lines.push(end(lint.refused.len(), style));
    lines
}

/// What it comes to where so much is refused.
pub(crate) fn end(refusals: usize, style: Style) -> String {
    match refusals {
        0 => style.paint(Tone::Good, "nothing refuses these migrations"),
        1 => style.paint(Tone::Bad, "refused, for one fault"),
        several => style.paint(Tone::Bad, &format!("refused, for {several} faults")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("within")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        folder
    }

    #[test]
    fn people_see_what_asks_for_care_with_its_place_and_a_safer_way() {
        let folder = folder(&[
            ("1_a.sql", "CREATE TABLE t (a int);"),
            ("2_b.sql", "\nCREATE INDEX i ON t (a);"),
            ("README.md", "\0"),
        ]);
        let place = Place::of(vec![folder.path().to_owned()]).expect("a folder");
        let lint = place.lint(None, Vec::new()).expect("read");
        let path = folder.path().join("2_b.sql");
        assert_eq!(
            lines(&lint, &place, Style::PLAIN),
            [
                &format!("B  {}:2  CREATE INDEX", path.display()),
                "   lock: SHARE on t, scans",
                "   why: reads all rows while nobody writes",
                "   old code: safe",
                "   safer: build it CONCURRENTLY, alone in its file and in no transaction",
                "     CREATE INDEX CONCURRENTLY i ON t (a);",
                "2 migrations (plain), statements of each class: 1 A, 1 B, 0 C",
                "nothing refuses these migrations",
            ]
        );
    }

    #[test]
    fn a_refusal_is_told_with_its_line_and_a_caret_and_single_files_are_called_so() {
        let folder = folder(&[("1_a.sql", "SELECT (1 + );")]);
        let file = folder.path().join("1_a.sql");
        let place = Place::of(vec![file.clone()]).expect("a file");
        let lint = place.lint(None, Vec::new()).expect("read");
        let lines = lines(&lint, &place, Style::PLAIN);
        assert!(
            lines[0].starts_with(&format!("refused  {}:1:", file.display())),
            "{lines:?}"
        );
        assert_eq!(lines[1], "     SELECT (1 + );");
        assert!(lines[2].ends_with('^'), "{lines:?}");
        assert!(
            lines.iter().any(|line| line.starts_with("single files: ")),
            "{lines:?}"
        );
        assert_eq!(
            lines.last().map(String::as_str),
            Some("refused, for one fault")
        );
    }

    #[test]
    fn annotations_stand_at_lines_errors_for_what_is_refused_and_warnings_for_the_rest() {
        let folder = folder(&[("1_a.sql", "DELETE FROM t;\nDROP TABLE t;")]);
        let place = Place::of(vec![folder.path().to_owned()]).expect("a folder");
        let lint = place.lint(None, Vec::new()).expect("read");
        let annotations = place.annotations(&lint);
        let starts: Vec<(&str, &str)> = annotations
            .iter()
            .filter_map(|it| it.split_once(" file="))
            .filter_map(|(level, rest)| Some((level, rest.split_once("1_a.sql")?.1)))
            .map(|(level, rest)| (level, rest.split_once(",title").map_or(rest, |it| it.0)))
            .collect();
        assert_eq!(
            starts,
            [
                ("::error", ",line=2"),
                ("::warning", ",line=1"),
                ("::warning", ",line=2")
            ]
        );
    }

    #[test]
    fn what_takes_away_may_stand_in_files_that_a_pattern_says_contract() {
        let folder = folder(&[
            ("1_a.sql", "SELECT 1;"),
            ("2_contract.sql", "DROP TABLE t;"),
        ]);
        let place = Place::of(vec![folder.path().to_owned()]).expect("a folder");
        let refused = |patterns: &[&str]| {
            let patterns = patterns.iter().map(|it| (*it).to_owned()).collect();
            place.lint(None, patterns).expect("read").refused.len()
        };
        assert_eq!(refused(&[]), 1);
        assert_eq!(refused(&["1_*"]), 1);
        assert_eq!(refused(&["*_contract.sql"]), 0);
    }

    #[test]
    fn a_folder_among_other_paths_is_wrong_usage() {
        let folder = folder(&[]);
        let paths = vec![folder.path().to_owned(), "1_a.sql".into()];
        let told = Place::of(paths).expect_err("refused").to_string();
        assert!(told.contains("one folder, or files"), "{told}");
    }
}
