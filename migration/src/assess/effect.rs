//! What a statement does: to others while it runs, and to the code of the version before.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// How much care a statement asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Adds something, and stops nobody for longer than a moment.
    A,
    /// Stops others while it reads or writes a table, or has a safer way.
    B,
    /// Rewrites or destroys, or can't be seen through.
    C,
}

/// A lock on a table or an index, by its strength.
///
/// Source: PostgreSQL's documentation, "Table-Level Locks".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// Stops nothing but what destroys.
    AccessShare,
    /// As `SELECT … FOR UPDATE` takes it.
    RowShare,
    /// As what changes rows takes it.
    RowExclusive,
    /// Stops other changes of the schema.
    ShareUpdateExclusive,
    /// Stops writes.
    Share,
    /// Stops writes, and itself.
    ShareRowExclusive,
    /// Lets others read alone.
    Exclusive,
    /// Stops everybody.
    AccessExclusive,
}

impl LockMode {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// Whether others can't write, or not even read, while it is held.
    #[must_use]
    pub fn stops_writes(self) -> bool {
        self >= Self::Share
    }
}

/// The strongest lock that a statement takes, and on what. Shown as
/// `ACCESS EXCLUSIVE on users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// How strong it is.
    pub mode: LockMode,
    /// What it is on, by name.
    pub on: Vec<String>,
}

impl fmt::Display for Lock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} on {}", self.mode.name(), self.on.join(", "))
    }
}

impl Serialize for Lock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether the code of the version before works on once a statement has run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum OldCode {
    /// It does.
    Safe,
    /// That depends on what it does, which its text does not say.
    Depends(String),
    /// What it writes may fail, or is not kept as before.
    Unsafe(String),
    /// What it uses is gone. Only a migration that contracts may do that.
    Removed(String),
}

impl OldCode {
    /// Its name. What is removed is unsafe.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Depends(_) => "depends",
            Self::Unsafe(_) | Self::Removed(_) => "unsafe",
        }
    }

    /// Why it is not safe; empty where it is.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Safe => "",
            Self::Depends(why) | Self::Unsafe(why) | Self::Removed(why) => why,
        }
    }
}

/// A way to the same end that stops others for less long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safer {
    /// In words.
    pub words: String,
    /// In SQL with the statement's own names, each for a transaction of its own; empty
    /// where that takes more than SQL.
    pub sql: Vec<String>,
}

/// What a statement that runs in no transaction leaves half done when it is interrupted.
/// All by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halfway {
    /// An index that is not valid.
    Index {
        /// The index, if the statement names it.
        index: Option<String>,
        /// Its table.
        table: String,
    },
    /// An index that is still there, but perhaps not valid.
    Dropped(String),
    /// Beside an index, or those of a table, others that are not valid (`…_ccnew`).
    Rebuilt(String),
    /// A partition that is about to be detached.
    Detached {
        /// The partitioned table.
        table: String,
        /// The partition.
        partition: String,
    },
}

/// What a statement, or an action of one, does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) class: Class,
    pub(crate) lock: Option<Lock>,
    pub(crate) rewrites: bool,
    pub(crate) scans: bool,
    /// Whether it may take long without reading a table that others use as a whole.
    pub(crate) is_long: bool,
    pub(crate) in_transaction: bool,
    /// Whether rows that it writes run code that can't be seen through.
    pub(crate) fires: bool,
    /// The files that brought the code: as long as one is not applied, nobody ran it.
    pub(crate) untried: BTreeSet<String>,
    pub(crate) halfway: Option<Halfway>,
    pub(crate) old_code: OldCode,
    pub(crate) reason: String,
    pub(crate) safer: Option<Safer>,
}

impl Effect {
    fn of(class: Class, reason: impl Into<String>) -> Self {
        Self {
            class,
            lock: None,
            rewrites: false,
            scans: false,
            is_long: false,
            in_transaction: true,
            fires: false,
            untried: BTreeSet::new(),
            halfway: None,
            old_code: OldCode::Safe,
            reason: reason.into(),
            safer: None,
        }
    }

    pub(crate) fn a(reason: impl Into<String>) -> Self {
        Self::of(Class::A, reason)
    }

    pub(crate) fn b(reason: impl Into<String>) -> Self {
        Self::of(Class::B, reason)
    }

    pub(crate) fn c(reason: impl Into<String>) -> Self {
        Self::of(Class::C, reason)
    }

    /// Something whose effect is not known.
    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::c(reason).depends("nothing is known of what it does")
    }

    pub(crate) fn locks(mut self, mode: LockMode, on: impl IntoIterator<Item = String>) -> Self {
        let on: Vec<String> = on.into_iter().collect();
        if !on.is_empty() {
            self.lock = Some(Lock { mode, on });
        }
        self
    }

    pub(crate) fn exclusively(self, on: impl IntoIterator<Item = String>) -> Self {
        self.locks(LockMode::AccessExclusive, on)
    }

    /// Beside what it locks as strongly already.
    pub(crate) fn exclusively_also(self, on: &str) -> Self {
        let also = Effect {
            lock: None,
            ..self.clone()
        };
        self.and(also.exclusively([on.to_owned()]))
    }

    pub(crate) fn scans(mut self) -> Self {
        self.scans = true;
        self
    }

    pub(crate) fn rewrites(mut self) -> Self {
        self.rewrites = true;
        self
    }

    pub(crate) fn long(mut self) -> Self {
        self.is_long = true;
        self
    }

    pub(crate) fn fires(mut self) -> Self {
        self.fires = true;
        self
    }

    /// Code of these files is run, which nobody ran before they are applied.
    pub(crate) fn untried(mut self, files: BTreeSet<String>) -> Self {
        self.untried = files;
        self
    }

    pub(crate) fn alone(mut self) -> Self {
        self.in_transaction = false;
        self
    }

    /// It runs alone, and leaves this behind when it is interrupted.
    pub(crate) fn leaves(mut self, halfway: Halfway) -> Self {
        self.halfway = Some(halfway);
        self.alone()
    }

    pub(crate) fn depends(mut self, why: impl Into<String>) -> Self {
        self.old_code = OldCode::Depends(why.into());
        self
    }

    pub(crate) fn breaks(mut self, why: impl Into<String>) -> Self {
        self.old_code = OldCode::Unsafe(why.into());
        self
    }

    pub(crate) fn removes(mut self, why: impl Into<String>) -> Self {
        self.old_code = OldCode::Removed(why.into());
        self
    }

    pub(crate) fn safer<const N: usize>(
        mut self,
        words: impl Into<String>,
        sql: [String; N],
    ) -> Self {
        self.safer = Some(Safer {
            words: words.into(),
            sql: sql.into(),
        });
        self
    }

    /// Whether others wait noticeably for what it holds.
    pub(crate) fn takes_long(&self) -> bool {
        self.scans || self.rewrites || self.is_long
    }

    /// Whether nobody knows what it locks.
    pub(crate) fn is_opaque(&self) -> bool {
        self.class == Class::C && self.lock.is_none()
    }

    /// Both, one after the other in one statement: the worse of each.
    pub(crate) fn and(mut self, other: Self) -> Self {
        if other.class > self.class {
            self.reason = other.reason;
        } else if other.class == self.class && other.reason != self.reason {
            self.reason = format!("{}; {}", self.reason, other.reason);
        }
        self.class = self.class.max(other.class);
        self.lock = stronger(self.lock, other.lock);
        self.rewrites |= other.rewrites;
        self.scans |= other.scans;
        self.is_long |= other.is_long;
        self.fires |= other.fires;
        self.untried.extend(other.untried);
        self.in_transaction &= other.in_transaction;
        self.halfway = self.halfway.or(other.halfway);
        self.old_code = worse(self.old_code, other.old_code);
        self.safer = match (self.safer, other.safer) {
            (Some(mut one), Some(other)) => {
                if one.words != other.words {
                    one.words = format!("{}; {}", one.words, other.words);
                }
                one.sql.extend(other.sql);
                Some(one)
            }
            (one, other) => one.or(other),
        };
        self
    }
}

fn stronger(one: Option<Lock>, other: Option<Lock>) -> Option<Lock> {
    match (one, other) {
        (Some(mut one), Some(other)) if one.mode == other.mode => {
            let new = other.on.into_iter().filter(|on| !one.on.contains(on));
            let new: Vec<String> = new.collect();
            one.on.extend(new);
            Some(one)
        }
        (Some(one), Some(other)) if one.mode > other.mode => Some(one),
        (one, other) => other.or(one),
    }
}

fn worse(one: OldCode, other: OldCode) -> OldCode {
    let rank = |it: &OldCode| match it {
        OldCode::Safe => 0,
        OldCode::Depends(_) => 1,
        OldCode::Unsafe(_) => 2,
        OldCode::Removed(_) => 3,
    };
    if rank(&other) > rank(&one) {
        other
    } else {
        one
    }
}
