//! What speaks against a plan beside what is wrong with the files and the database.

use std::time::Duration;

use sluice_migration::{Phase, Refusal};

use super::{Pending, Unit};
use crate::folder::Folder;
use crate::standing::Standing;

/// Files that the team's tool took back after Sluice had applied them.
pub(crate) fn reverted<'a>(
    folder: &'a Folder,
    standings: &'a [Standing],
) -> impl Iterator<Item = Refusal> + 'a {
    let each = folder.files.iter().zip(standings);
    let back = each.filter(|(_, it)| matches!(it, Standing::Pending { reverted: true, .. }));
    back.map(|(prepared, _)| {
        *Refusal::of(&prepared.file.path, "a migration was taken back")
            .found("a row in sluice.migration that says that it is applied, and none in the tool's table")
            .expected("that both tables say the same")
            .next(
                "apply it with the tool again; or, if it is to be applied anew, delete its rows \
                 from sluice.migration",
            )
    })
}

/// Files that expand behind one that contracts: migrations are applied in their order, and
/// what contracts waits until the new version serves alone.
pub(super) fn out_of_phase(files: &[Pending]) -> Vec<Refusal> {
    let first = files.iter().position(|it| it.phase == Phase::Contract);
    let Some((contract, after)) = first.and_then(|first| files[first..].split_first()) else {
        return Vec::new();
    };
    let expand = after.iter().filter(|it| it.phase == Phase::Expand);
    expand
        .map(|file| {
            *Refusal::of(&file.path, "a migration expands after one that contracts")
                .found(format!("{} before it, which contracts and is pending", contract.path))
                .expected("all that expands before all that contracts: the first half of a release applies it")
                .next(format!(
                    "give it a version before {}, or release what contracts by itself first",
                    contract.path
                ))
        })
        .collect()
}

/// Units that one call would not come to the end of.
pub(super) fn too_long(files: &[Pending], longest: Duration) -> Vec<Refusal> {
    let each = files.iter();
    let each = each.flat_map(|file| file.units.iter().map(move |unit| (file, unit)));
    let each = each.filter(|(file, unit)| file.of_unit(unit).all(|it| it.backfill.is_none()));
    let long = each.filter(|(_, unit)| unit.seconds.is_some_and(|it| it > longest.as_secs()));
    long.map(|(file, unit)| too_long_one(file, unit, longest))
        .collect()
}

fn too_long_one(file: &Pending, unit: &Unit, longest: Duration) -> Refusal {
    let seconds = unit.seconds.unwrap_or_default();
    let worst = file.of_unit(unit).max_by_key(|one| one.seconds);
    let kind = worst.map_or("", |one| one.kind.as_str());
    let next = if ["UPDATE", "DELETE"].contains(&kind) {
        "make a backfill of it, which goes in batches: `-- sluice: backfill key=… batch=…` in the \
         line before it; or run the migrations where a call may take longer, on Fargate or CodeBuild"
    } else {
        "run the migrations where a call may take longer, on Fargate or CodeBuild"
    };
    let refusal = Refusal::of(
        &file.path,
        "what is applied as one takes longer than a call may",
    )
    .found(format!("about {seconds} seconds, most of them for {kind}"))
    .expected(format!("at most {} seconds", longest.as_secs()))
    .next(next);
    match worst {
        Some(one) => *refusal.at(one.line),
        None => *refusal,
    }
}
