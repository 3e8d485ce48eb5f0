//! What the names of files say: version, description, and which part of a migration a file
//! is.

use std::fmt;

use crate::file::Version;
use crate::tool::Tool;

/// Which part of a migration a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What it does; of dbmate also what takes it back.
    Up,
    /// What takes it back.
    Down,
    /// What the tool is told about it.
    Options,
}

/// What a name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) version: Version,
    pub(crate) description: String,
    pub(crate) part: Part,
    pub(crate) repeatable: bool,
}

/// Why a name does not fit a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is not built as the tool wants it.
    Form,
    /// Its version is larger than the tool can keep.
    Large,
    /// The tool looks for migrations nowhere so deep.
    Deep,
}

impl fmt::Display for Unfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Form => "a name that it does not take for a migration's",
            Self::Large => "a version that is larger than it can keep",
            Self::Deep => "a file in a folder that it does not look into",
        })
    }
}

type Parsed = Result<Named, Unfit>;

/// What is no migration of any tool: nothing that ends in `.sql`, and nothing hidden.
/// `whole` says that paths are those within a folder: of others, where they lead from may
/// be hidden, or be written as `./`.
pub(crate) fn is_beside(path: &str, whole: bool) -> bool {
    let mut parts = path.rsplit('/').take(if whole { usize::MAX } else { 1 });
    let hidden = parts.any(|part| part.starts_with('.'));
    let known = [".sql", ".sql.conf", "metadata.toml"];
    hidden || !known.iter().any(|end| path.ends_with(end))
}

/// What the name of a file says to a tool. `whole` says that paths are those within its
/// folder, so that how deep they are counts.
pub(crate) fn parse(tool: Tool, path: &str, whole: bool) -> Parsed {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = folder.rsplit('/').next().unwrap_or_default();
    let deepest = match tool {
        Tool::Plain | Tool::Sqlx | Tool::Dbmate | Tool::GolangMigrate => 0,
        Tool::Prisma | Tool::Diesel => 1,
        Tool::Refinery | Tool::Flyway => usize::MAX,
    };
    let named = match tool {
        Tool::Plain => plain(name),
        Tool::Sqlx => sqlx(name),
        Tool::Refinery => refinery(name),
        Tool::Flyway => flyway(name),
        Tool::Prisma => prisma(parent, name),
        Tool::Dbmate => dbmate(name),
        Tool::GolangMigrate => golang_migrate(name),
        Tool::Diesel => diesel(parent, name),
    }?;
    if whole && path.matches('/').count() > deepest {
        return Err(Unfit::Deep);
    }
    Ok(named)
}

impl Named {
    fn up(version: Version, description: impl Into<String>) -> Self {
        Self {
            version,
            description: description.into(),
            part: Part::Up,
            repeatable: false,
        }
    }

    fn with_part(self, part: Part) -> Self {
        Self { part, ..self }
    }
}

impl Version {
    /// A version as people and a tool's table have it. None: the tool gives no such one.
    #[must_use]
    pub fn recorded(tool: Tool, text: &str) -> Option<Self> {
        match tool {
            Tool::Plain | Tool::Sqlx | Tool::Refinery | Tool::GolangMigrate => {
                numbered(text, u64::MAX).ok()
            }
            Tool::Flyway => {
                let numbers = text.split(['.', '_']).map(number);
                let numbers = numbers.collect::<Result<_, _>>().ok()?;
                Some(Self::numbers(&text.replace('_', "."), numbers))
            }
            Tool::Prisma | Tool::Dbmate => Some(Self::text(text.to_owned())),
            Tool::Diesel => Some(Self::text(text.replace('-', ""))),
        }
    }
}

/// `<number>_<name>.sql`; pairs are no plain files.
fn plain(name: &str) -> Parsed {
    let stem = name.strip_suffix(".sql").ok_or(Unfit::Form)?;
    let (number, rest) = stem.split_once('_').ok_or(Unfit::Form)?;
    if rest.is_empty() || rest.ends_with(".up") || rest.ends_with(".down") {
        return Err(Unfit::Form);
    }
    Ok(Named::up(
        numbered(number, u64::MAX)?,
        rest.replace('_', " "),
    ))
}

/// As `sqlx_core::migrate::resolve_blocking` splits names.
fn sqlx(name: &str) -> Parsed {
    let (number, rest) = name.split_once('_').ok_or(Unfit::Form)?;
    let (description, part) = [
        (".up.sql", Part::Up),
        (".down.sql", Part::Down),
        (".sql", Part::Up),
    ]
    .into_iter()
    .find_map(|(end, part)| Some((rest.strip_suffix(end)?, part)))
    .ok_or(Unfit::Form)?;
    let version = numbered(number, i64::MAX.unsigned_abs())?;
    Ok(Named::up(version, description.replace('_', " ")).with_part(part))
}

/// `^[U|V](\d+)__(\w+)\.sql$`, as `refinery_core::util` has it.
fn refinery(name: &str) -> Parsed {
    let stem = name.strip_suffix(".sql").ok_or(Unfit::Form)?;
    let stem = stem.strip_prefix(['V', 'U']).ok_or(Unfit::Form)?;
    let (number, name) = stem.split_once("__").ok_or(Unfit::Form)?;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_word) {
        return Err(Unfit::Form);
    }
    let version = numbered(number, i32::MAX.unsigned_abs().into())?;
    Ok(Named::up(version, name))
}

/// `V<version>__<description>.sql` with numbers between dots or underscores,
/// `R__<description>.sql`, and `.conf` behind either.
fn flyway(name: &str) -> Parsed {
    let (name, part) = match name.strip_suffix(".conf") {
        Some(name) => (name, Part::Options),
        None => (name, Part::Up),
    };
    let stem = name.strip_suffix(".sql").ok_or(Unfit::Form)?;
    let (version, description) = stem.split_once("__").ok_or(Unfit::Form)?;
    let description = description.replace('_', " ");
    if version == "R" {
        let version = Version::repeatable(&description);
        let named = Named::up(version, description).with_part(part);
        return Ok(Named {
            repeatable: true,
            ..named
        });
    }
    let version = version.strip_prefix('V').ok_or(Unfit::Form)?;
    let numbers = version.split(['.', '_']).map(number);
    let numbers = numbers.collect::<Result<_, _>>()?;
    let version = Version::numbers(&version.replace('_', "."), numbers);
    Ok(Named::up(version, description).with_part(part))
}

/// `<timestamp>_<name>/migration.sql`: the folder's name is what Prisma calls it by.
fn prisma(parent: &str, name: &str) -> Parsed {
    if name != "migration.sql" || parent.is_empty() {
        return Err(Unfit::Form);
    }
    let description = parent.split_once('_').map_or(parent, |(_, rest)| rest);
    Ok(Named::up(Version::text(parent.to_owned()), description))
}

/// `^(\d+).*\.sql$`, as dbmate has it.
fn dbmate(name: &str) -> Parsed {
    let stem = name.strip_suffix(".sql").ok_or(Unfit::Form)?;
    let end = stem.find(|c: char| !c.is_ascii_digit());
    let (version, rest) = stem.split_at(end.unwrap_or(stem.len()));
    if version.is_empty() {
        return Err(Unfit::Form);
    }
    let description = rest.trim_start_matches('_').replace('_', " ");
    Ok(Named::up(Version::text(version.to_owned()), description))
}

/// `^([0-9]+)_(.*)\.(down|up)\.(.*)$`, as golang-migrate's `source.Regex` has it.
fn golang_migrate(name: &str) -> Parsed {
    let (number, rest) = name.split_once('_').ok_or(Unfit::Form)?;
    let (description, part) = [(".up.sql", Part::Up), (".down.sql", Part::Down)]
        .into_iter()
        .find_map(|(end, part)| Some((rest.strip_suffix(end)?, part)))
        .ok_or(Unfit::Form)?;
    Ok(Named::up(numbered(number, u64::MAX)?, description).with_part(part))
}

/// `<timestamp>_<name>/up.sql`: of the timestamp, hyphens do not count, as
/// `migrations_internals::version_from_string` has it.
fn diesel(parent: &str, name: &str) -> Parsed {
    let part = match name {
        "up.sql" => Part::Up,
        "down.sql" => Part::Down,
        "metadata.toml" => Part::Options,
        _ => return Err(Unfit::Form),
    };
    let (version, description) = parent.split_once('_').unwrap_or((parent, ""));
    let version = version.replace('-', "");
    if version.is_empty() {
        return Err(Unfit::Form);
    }
    Ok(Named::up(Version::text(version), description).with_part(part))
}

fn numbered(text: &str, largest: u64) -> Result<Version, Unfit> {
    let number = number(text)?;
    if number > largest {
        return Err(Unfit::Large);
    }
    // `001` and `1` are one version; tables have it as a number.
    Ok(Version::numbers(&number.to_string(), vec![number]))
}

fn number(text: &str) -> Result<u64, Unfit> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unfit::Form);
    }
    text.parse().map_err(|_| Unfit::Large)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `version|description|part` of a name, or why it does not fit.
    fn told(tool: Tool, path: &str) -> String {
        match parse(tool, path, true) {
            Ok(named) => format!("{}|{}|{:?}", named.version, named.description, named.part),
            Err(unfit) => format!("{unfit:?}"),
        }
    }

    #[test]
    fn names_are_read_as_each_tool_reads_them() {
        let table = [
            (Tool::Plain, "001_add_users.sql", "1|add users|Up"),
            (Tool::Plain, "1_a.up.sql", "Form"),
            (Tool::Plain, "a_1.sql", "Form"),
            (Tool::Plain, "old/1_a.sql", "Deep"),
            (
                Tool::Sqlx,
                "20240102030405_add_users.sql",
                "20240102030405|add users|Up",
            ),
            (Tool::Sqlx, "2_a.up.sql", "2|a|Up"),
            (Tool::Sqlx, "2_a.down.sql", "2|a|Down"),
            (Tool::Sqlx, "9223372036854775808_a.sql", "Large"),
            (Tool::Refinery, "V1__initial.sql", "1|initial|Up"),
            (Tool::Refinery, "a/b/V01__x.sql", "1|x|Up"),
            (Tool::Refinery, "V1.2__x.sql", "Form"),
            (Tool::Refinery, "V1__a-b.sql", "Form"),
            (Tool::Refinery, "V99999999999__x.sql", "Large"),
            (Tool::Flyway, "V1.2__add_users.sql", "1.2|add users|Up"),
            (Tool::Flyway, "V1_2__x.sql", "1.2|x|Up"),
            (Tool::Flyway, "V001__x.sql.conf", "001|x|Options"),
            (Tool::Flyway, "R__all_views.sql", "|all views|Up"),
            (Tool::Flyway, "U1__x.sql", "Form"),
            (
                Tool::Prisma,
                "20240102_init/migration.sql",
                "20240102_init|init|Up",
            ),
            (Tool::Prisma, "migration.sql", "Form"),
            (Tool::Prisma, "a/20240102_init/migration.sql", "Deep"),
            (
                Tool::Dbmate,
                "20240102_add_users.sql",
                "20240102|add users|Up",
            ),
            (Tool::Dbmate, "add.sql", "Form"),
            (Tool::GolangMigrate, "000012_x_y.up.sql", "12|x_y|Up"),
            (Tool::GolangMigrate, "12_x.down.sql", "12|x|Down"),
            (Tool::GolangMigrate, "12_x.sql", "Form"),
            (
                Tool::Diesel,
                "2024-01-02-030405_x/up.sql",
                "20240102030405|x|Up",
            ),
            (
                Tool::Diesel,
                "00000000000000_x/down.sql",
                "00000000000000|x|Down",
            ),
            (Tool::Diesel, "1_x/metadata.toml", "1|x|Options"),
            (Tool::Diesel, "1_x/seed.sql", "Form"),
        ];
        for (tool, path, expected) in table {
            assert_eq!(told(tool, path), expected, "{tool} {path}");
        }
    }

    #[test]
    fn versions_in_tables_are_compared_as_those_of_files() {
        let table = [
            (Tool::Sqlx, "9", "10", "x"),
            (Tool::Plain, "09", "0010", "1.2"),
            (Tool::Flyway, "1.9", "1.10", "1.x"),
            (Tool::GolangMigrate, "9", "10", "-1"),
            (Tool::Dbmate, "20240102", "20240103", ""),
        ];
        for (tool, earlier, later, none) in table {
            let of = |text| Version::recorded(tool, text);
            assert!(of(earlier) < of(later) && of(earlier).is_some(), "{tool}");
            assert!(none.is_empty() || of(none).is_none(), "{tool}");
        }
        let of_file = parse(Tool::Sqlx, "007_a.sql", true).expect("its name fits");
        let recorded = Version::recorded(Tool::Sqlx, "7").expect("a number");
        assert!(of_file.version.is_same(&recorded));
    }

    #[test]
    fn what_is_hidden_or_no_sql_is_no_migration() {
        for path in ["README.md", ".git/a.sql", "migration_lock.toml", ".1_a.sql"] {
            assert!(is_beside(path, true), "{path}");
        }
        for path in ["1_a.sql", "1_a/metadata.toml", "V1__a.sql.conf"] {
            assert!(!is_beside(path, true), "{path}");
        }
        assert!(!is_beside("./a/.b/1_a.sql", false) && is_beside("a/.1_a.sql", false));
    }
}
