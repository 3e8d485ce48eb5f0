//! Reads a team's PostgreSQL migrations, as the tool that they use keeps them, and says of
//! each statement what it does: what it locks, scans and rewrites, and whether the code of
//! the version before works on.
//!
//! Decides: which tool's files these are and in which order it applies them ([`read()`], and
//! [`read_archive`] of a bundle's zip file);
//! how much care each statement asks for, what runs as one transaction, and what must not
//! run at all ([`lint()`]). [`Class`] has the three classes, docs/migrations.md which
//! statement is in which.
//!
//! A file's own `BEGIN` at its start with a `COMMIT` at its end stands for a transaction
//! around the file and is no statement of it; any other handling of transactions is
//! refused. Files come from outside, so they are met with bounds: [`LONGEST`] bytes,
//! [`MOST`] files, and a depth that the parser can take.
//!
//! Never: touches a database, a file, a network or a clock.

mod archive;
mod assess;
mod backfill;
mod checksum;
mod depth;
mod file;
mod lint;
mod parallel;
mod read;
mod refusal;
mod split;
mod text;
mod tool;
mod transaction;
mod units;
mod validated;

pub use archive::{LONGEST_ZIP, read_archive};
pub use assess::{Class, Halfway, Lock, LockMode, OldCode, Safer};
pub use backfill::Backfill;
pub use checksum::Checksum;
pub use file::{File, Phase, Script, Version};
pub use lint::{Assessed, Lint, Linted, Tried, lint};
pub use read::{LONGEST, MOST, Options, Reading, Source, read};
pub use refusal::Refusal;
pub use split::{Statement, split};
pub use tool::{Tool, UnknownTool};
pub use units::Unit;
pub use validated::Validated;

/// What some editors begin a file with.
const BOM: char = '\u{feff}';
