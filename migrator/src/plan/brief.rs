//! What people are told of a plan before they say yes.

use sluice_domain::migrations::{Counts, PlannedStatement};
use sluice_migration::{Class, OldCode, Phase};

use super::{Pending, Plan, Statement};

/// The longest text, in characters.
const LONGEST: usize = 300;

impl Plan {
    /// How many statements of a phase there are of each class.
    #[must_use]
    pub fn counts(&self, phase: Phase) -> Counts {
        let statements = self.pending(phase).flat_map(|file| &file.statements);
        statements.fold(Counts::default(), |mut counts, one| {
            match one.class {
                Class::A => counts.a += 1,
                Class::B => counts.b += 1,
                Class::C => counts.c += 1,
            }
            counts
        })
    }

    /// The statements of a phase that ask for care, with their files: of class B or C, and
    /// those after which old code may not work on.
    pub fn careful(&self, phase: Phase) -> impl Iterator<Item = (&Pending, &Statement)> {
        let files = self.pending(phase);
        let each = files.flat_map(|file| file.statements.iter().map(move |one| (file, one)));
        each.filter(|(_, one)| one.class != Class::A || one.old_code != OldCode::Safe.name())
    }
}

impl Statement {
    /// What people read of it. It is in this file.
    #[must_use]
    pub fn planned(&self, file: &Pending) -> PlannedStatement {
        PlannedStatement {
            place: short(&format!("{}:{}", file.path, self.line)),
            kind: short(&self.kind),
            class: format!("{:?}", self.class),
            lock: self.lock.as_deref().map(short),
            reason: short(&self.reason),
            old_code: short(&self.old_code_reason),
        }
    }
}

/// A text that is cut where it is too long.
#[must_use]
pub fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
