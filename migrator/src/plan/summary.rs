//! A plan in a few words, for where there is no room for all of it.

use serde::{Deserialize, Serialize};
use sluice_migration::{Class, Phase, Tool};

use super::Plan;

/// A plan in a few words. Lists that are cut end with `and N more`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The tool whose the migrations are.
    pub tool: Option<Tool>,
    /// What an approval is bound to.
    pub hash: String,
    /// `host:port/database`.
    pub place: Option<String>,
    /// The server's version as `server_version_num` has it.
    pub server: Option<i32>,
    /// How many files are in the database, whoever applied them.
    pub applied: usize,
    /// How many files are pending that expand.
    pub expand: usize,
    /// How many are pending that contract.
    pub contract: usize,
    /// How many pending statements are of class A.
    pub a: usize,
    /// Of class B.
    pub b: usize,
    /// Of class C.
    pub c: usize,
    /// About how long all takes of which that can be said, in seconds.
    pub seconds: Option<u64>,
    /// How much is refused.
    pub refusals: usize,
    /// What is refused, a sentence each.
    pub refused: Vec<String>,
    /// Statements of class C: `path:line kind`.
    pub careful: Vec<String>,
    /// The paths of what is pending.
    pub pending: Vec<String>,
}

impl Plan {
    /// The plan in at most so many bytes of JSON, if that is a kilobyte or more. What is
    /// refused comes first, then statements of class C, then paths.
    #[must_use]
    pub fn summary(&self, limit_bytes: usize) -> Summary {
        let count = |class| self.statements(class).count();
        let units = self.files.iter().flat_map(|file| &file.units);
        let mut summary = Summary {
            tool: self.tool,
            hash: self.hash.clone(),
            place: self.place.clone(),
            server: self.server,
            applied: self.applied + self.adopted,
            expand: self.pending(Phase::Expand).count(),
            contract: self.pending(Phase::Contract).count(),
            a: count(Class::A),
            b: count(Class::B),
            c: count(Class::C),
            seconds: units
                .filter_map(|unit| unit.seconds)
                .reduce(u64::saturating_add),
            refusals: self.refused.len(),
            refused: Vec::new(),
            careful: Vec::new(),
            pending: Vec::new(),
        };
        let mut room = limit_bytes.saturating_sub(length(&summary));
        let refused = self.refused.iter().map(ToString::to_string);
        summary.refused = cut(refused.collect(), &mut room, 2);
        let careful = self
            .statements(Class::C)
            .map(|(file, one)| format!("{}:{} {}", file.path, one.line, one.kind));
        summary.careful = cut(careful.collect(), &mut room, 1);
        let pending = self.files.iter().map(|file| file.path.clone());
        summary.pending = cut(pending.collect(), &mut room, 0);
        summary
    }
}

/// What `and N more` takes at most, with quotes and a comma.
const MORE: usize = 32;

fn length(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |text| text.len())
}

/// As many texts as there is room for, where so many lists come after this one.
fn cut(all: Vec<String>, room: &mut usize, lists_after: usize) -> Vec<String> {
    let left_for_others = lists_after * MORE;
    let mut own = room.saturating_sub(left_for_others);
    if lists_after > 0 {
        own = own / 2 + own % 2;
    }
    let total = all.len();
    let sizes: Vec<usize> = all.iter().map(|one| length(one) + 1).collect();
    let fits = sizes.iter().sum::<usize>() <= own;
    let mut kept = Vec::new();
    let mut used = 0;
    for (one, size) in all.into_iter().zip(sizes) {
        let end = if fits { 0 } else { MORE };
        if used + size + end > own {
            break;
        }
        used += size;
        kept.push(one);
    }
    if kept.len() < total {
        let more = format!("and {} more", total - kept.len());
        used += length(&more) + 1;
        kept.push(more);
    }
    *room = room.saturating_sub(used);
    kept
}
