//! Reads the files of a folder as the migrations that its tool takes them for.
//!
//! Every fault is told at once: names that do not fit, versions that stand twice, what
//! takes back without anything that does, and files that are no text.

mod dbmate;
mod detect;
mod directives;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use crate::BOM;
use crate::checksum::Checksum;
use crate::file::{File, Phase, Script, Version};
use crate::refusal::Refusal;
use crate::text::Lines;
use crate::tool::Tool;
use dbmate::Unmarked;
pub(crate) use directives::MARK;
use directives::{Directives, settles};
use names::{Named, Part};

/// The longest file that is read, in bytes.
pub const LONGEST: usize = 2 * 1024 * 1024;

/// The most files that are read.
pub const MOST: usize = 10_000;

/// A file as it lies in the folder.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Where it is within the folder, with `/` between the parts.
    pub path: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// What is told beside the files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The tool, instead of what the files look like.
    pub tool: Option<Tool>,
    /// Which files contract beside those that say so, with `*` for any characters.
    pub contract: Vec<String>,
    /// Whether the sources are all there is. Of some, it is not told what is missing or
    /// stands where the tool does not look.
    pub whole: bool,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The tool; `None` where it can't be told.
    pub tool: Option<Tool>,
    /// The migrations in the order in which the tool applies them.
    pub files: Vec<File>,
    /// Why they must not be applied, if anything says so.
    pub refused: Vec<Refusal>,
}

/// Reads a folder's files. What is no migration (a README, what is hidden) is left out.
#[must_use]
pub fn read(sources: &[Source<'_>], options: &Options) -> Reading {
    let beside = |source: &&Source<'_>| !names::is_beside(source.path, options.whole);
    let sources: Vec<Source<'_>> = sources.iter().filter(beside).copied().collect();
    if sources.len() > MOST {
        let refusal = Refusal::of("", "too many migrations")
            .found(format!("{} files", sources.len()))
            .expected(format!("at most {MOST}"))
            .next("squash the oldest ones into one");
        return Reading::refused(*refusal);
    }
    let tool = match options.tool {
        Some(tool) => tool,
        None => match detect::detect(&sources, options.whole) {
            Ok(tool) => tool,
            Err(refusal) => return Reading::refused(*refusal),
        },
    };
    let mut folder = Folder::new(tool, options);
    for source in sources {
        folder.put(source);
    }
    folder.close()
}

impl Reading {
    fn refused(refusal: Refusal) -> Self {
        Self {
            tool: None,
            files: Vec::new(),
            refused: vec![refusal],
        }
    }
}

/// A file whose name and text are fit to be read on.
struct Piece<'a> {
    path: &'a str,
    text: &'a str,
    named: Named,
}

/// What was found of a folder so far.
struct Folder<'a> {
    tool: Tool,
    options: &'a Options,
    ups: Vec<Piece<'a>>,
    /// By version.
    downs: BTreeMap<String, Piece<'a>>,
    /// By path.
    settings: BTreeMap<&'a str, Piece<'a>>,
    /// Versions whose migration is there, but is refused.
    unfit: BTreeSet<String>,
    refused: Vec<Refusal>,
}

impl<'a> Folder<'a> {
    fn new(tool: Tool, options: &'a Options) -> Self {
        Self {
            tool,
            options,
            ups: Vec::new(),
            downs: BTreeMap::new(),
            settings: BTreeMap::new(),
            unfit: BTreeSet::new(),
            refused: Vec::new(),
        }
    }

    fn put(&mut self, source: Source<'a>) {
        let piece = match self.piece(source) {
            Ok(piece) => piece,
            Err(refusal) => return self.refused.push(*refusal),
        };
        match piece.named.part {
            Part::Up => self.ups.push(piece),
            Part::Options => {
                self.settings.insert(piece.path, piece);
            }
            Part::Down => {
                let version = piece.named.version.to_string();
                let path = piece.path;
                if let Some(other) = self.downs.insert(version, piece) {
                    self.refused
                        .push(*twice(path, other.path, &other.named.version));
                }
            }
        }
    }

    fn piece(&mut self, source: Source<'a>) -> Result<Piece<'a>, Box<Refusal>> {
        let Source { path, bytes } = source;
        let tool = self.tool;
        let named = names::parse(tool, path, self.options.whole).map_err(|unfit| {
            Refusal::of(path, format!("the file is none of {tool}'s"))
                .found(unfit.to_string())
                .expected(tool.expects())
                .next("rename it, move it elsewhere, or say which tool reads it with --tool")
        })?;
        let text = text_of(path, bytes).inspect_err(|_| {
            if named.part == Part::Up {
                self.unfit.insert(named.version.to_string());
            }
        })?;
        Ok(Piece { path, text, named })
    }

    fn close(mut self) -> Reading {
        let mut ups = std::mem::take(&mut self.ups);
        ups.sort_by(|one, other| {
            let paths = || one.path.cmp(other.path);
            one.named.version.cmp(&other.named.version).then_with(paths)
        });
        for pair in ups.windows(2) {
            let [one, other] = pair else { continue };
            if one.named.version.is_same(&other.named.version) {
                self.refused
                    .push(*twice(other.path, one.path, &one.named.version));
            }
        }
        let files = ups.into_iter().filter_map(|piece| self.file(&piece));
        let files: Vec<File> = files.collect();
        if self.options.whole {
            self.refuse_what_is_left();
        }
        Reading {
            tool: Some(self.tool),
            files,
            refused: self.refused,
        }
    }

    /// The migration that begins with this piece, or nothing and a refusal.
    fn file(&mut self, piece: &Piece<'a>) -> Option<File> {
        let version = &piece.named.version;
        let down = self.downs.remove(version.as_str());
        let settings = self
            .settings
            .remove(settings_of(self.tool, piece.path).as_str());
        match self.migration(piece, down.as_ref(), settings.as_ref()) {
            Ok(file) => Some(file),
            Err(refusal) => {
                self.refused.push(*refusal);
                None
            }
        }
    }

    fn migration(
        &self,
        piece: &Piece<'a>,
        down: Option<&Piece<'a>>,
        settings: Option<&Piece<'a>>,
    ) -> Result<File, Box<Refusal>> {
        let Piece { path, text, named } = piece;
        let directives = Directives::of(self.tool, path, text)?;
        let setting = |name: &str| settings.map_or(Ok(true), |it| settles(it.path, it.text, name));
        let (up, down, transaction) = match self.tool {
            Tool::Dbmate => blocks(path, text)?,
            Tool::Sqlx => {
                let transaction = !text.starts_with(detect::SQLX_OPTS_OUT);
                (whole(path, text), down.map(script), transaction)
            }
            Tool::Diesel => {
                let transaction = setting("run_in_transaction")?;
                (whole(path, text), down.map(script), transaction)
            }
            Tool::Flyway => {
                if setting("placeholderReplacement")? {
                    refuse_placeholders(path, text)?;
                }
                (whole(path, text), None, setting("executeInTransaction")?)
            }
            Tool::Plain => (whole(path, text), None, directives.transaction),
            _ => (whole(path, text), down.map(script), true),
        };
        let told = self.options.contract.iter();
        let contracts = told.into_iter().any(|it| directives::matches(it, path));
        Ok(File {
            version: named.version.clone(),
            description: named.description.clone(),
            path: (*path).to_owned(),
            phase: if contracts {
                Phase::Contract
            } else {
                directives.phase
            },
            repeatable: named.repeatable,
            transaction,
            up,
            down,
            checksum: checksum(self.tool, named, text),
        })
    }

    fn refuse_what_is_left(&mut self) {
        let downs = std::mem::take(&mut self.downs);
        let settings = std::mem::take(&mut self.settings);
        let of_downs = downs.values().map(|piece| (piece, "takes back"));
        let of_settings = settings.values().map(|piece| (piece, "is about"));
        let alone = of_downs
            .chain(of_settings)
            .filter(|(piece, _)| !self.unfit.contains(piece.named.version.as_str()));
        for (piece, does) in alone {
            let refusal = Refusal::of(
                piece.path,
                format!("the file {does} a migration that is not there"),
            )
            .found(format!("no migration {}", piece.named.version))
            .expected("the migration beside it")
            .next("add the migration, or delete this file");
            self.refused.push(*refusal);
        }
    }
}

/// What is in a file, if it is text that a server can be sent.
fn text_of<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, Box<Refusal>> {
    if bytes.len() > LONGEST {
        return Err(Refusal::of(path, "the file is too long")
            .found(format!("{} bytes", bytes.len()))
            .expected(format!("at most {LONGEST}"))
            .next("load data by other means than a migration"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Refusal::of(path, "the file is no text")
            .found(format!("no UTF-8 at byte {}", error.valid_up_to()))
            .expected("UTF-8")
            .next("save it in UTF-8")
    })?;
    if let Some(at) = text.find('\0') {
        return Err(Refusal::of(path, "the file is no text")
            .at(Lines::of(text).line(at))
            .found(format!("the character 0 at byte {at}"))
            .expected("characters that PostgreSQL can read")
            .next("take it out"));
    }
    Ok(text)
}

fn twice(path: &str, other: &str, version: &Version) -> Box<Refusal> {
    let shown = match version.as_str() {
        "" => "this description".to_owned(),
        text => format!("the version {text}"),
    };
    Refusal::of(path, "two migrations have one version")
        .found(format!("{shown} here and in {other}"))
        .expected("each version once")
        .next("give the later one a new version")
}

/// The file with what a tool is told about a migration apart from its text.
fn settings_of(tool: Tool, path: &str) -> String {
    match tool {
        Tool::Flyway => format!("{path}.conf"),
        Tool::Diesel => {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/metadata.toml")
        }
        _ => String::new(),
    }
}

fn script(piece: &Piece<'_>) -> Script {
    whole(piece.path, piece.text)
}

/// All of a file but a byte order mark.
fn whole(path: &str, text: &str) -> Script {
    let code = text.strip_prefix(BOM).unwrap_or(text);
    Script {
        path: path.to_owned(),
        text: code.to_owned(),
        offset: text.len() - code.len(),
        line: 1,
    }
}

/// Both directions of a file of dbmate's, and whether it runs in a transaction.
fn blocks(path: &str, text: &str) -> Result<(Script, Option<Script>, bool), Box<Refusal>> {
    let lines = Lines::of(text);
    let part = |range: std::ops::Range<usize>| Script {
        path: path.to_owned(),
        offset: range.start,
        line: lines.line(range.start),
        text: text[range].to_owned(),
    };
    let blocks = dbmate::blocks(text).map_err(|unmarked| {
        let (found, next) = match unmarked {
            Unmarked::NoUp => (
                "no line `-- migrate:up`",
                "add one before the first statement",
            ),
            Unmarked::Order => ("`-- migrate:down` first", "put `-- migrate:up` first"),
            Unmarked::Before => ("SQL before `-- migrate:up`", "move it below that line"),
        };
        Refusal::of(path, "the file has no blocks of dbmate's")
            .found(found)
            .expected("a line `-- migrate:up`, and below its SQL a line `-- migrate:down`")
            .next(next)
    })?;
    Ok((part(blocks.up), blocks.down.map(part), blocks.transaction))
}

/// Flyway puts values in place of `${…}`, wherever it stands, and fails without one.
fn refuse_placeholders(path: &str, text: &str) -> Result<(), Box<Refusal>> {
    let found = text
        .match_indices("${")
        .find_map(|(at, _)| Some((at, text[at..].split_once('}')?.0)));
    let Some((at, placeholder)) = found else {
        return Ok(());
    };
    Err(Refusal::of(path, "the file has a placeholder")
        .at(Lines::of(text).line(at))
        .found(format!("`{}}}`", crate::text::brief(placeholder)))
        .expected("SQL that is the same in every environment")
        .next("write the value, or turn placeholders off with `placeholderReplacement=false` in a file <its name>.conf beside it"))
}

fn checksum(tool: Tool, named: &Named, text: &str) -> Checksum {
    match tool {
        Tool::Sqlx => Checksum::sqlx(text.as_bytes()),
        Tool::Prisma => Checksum::prisma(text.as_bytes()),
        Tool::Flyway => Checksum::flyway(text),
        Tool::Refinery => {
            // Names were refused whose version is larger.
            let version = named.version.as_str().parse().unwrap_or(i32::MAX);
            Checksum::refinery(&named.description, version, text)
        }
        Tool::Plain | Tool::Dbmate | Tool::GolangMigrate | Tool::Diesel => Checksum::None,
    }
}

#[cfg(test)]
mod tests;
