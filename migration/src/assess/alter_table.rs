//! `ALTER TABLE`: the worst of its actions.
//!
//! Source: PostgreSQL's documentation of `ALTER TABLE`, which says for each form what it
//! locks, scans and rewrites.

use squawk_syntax::ast::{self, AlterColumnOption, AlterTableAction as Action, AstNode as _};

use super::calls::first_unknown;
use super::create::{keep, running, tied};
use super::effect::{Effect, Halfway, LockMode};
use super::known::Known;
use super::names::{name_of, words};
use super::{Told, add_column, alter_column, constraint, data};

/// What is said of a table that this file created.
pub(super) const NEW: &str = "this file creates the table: nobody else uses it yet";

pub(super) fn assess(statement: &ast::AlterTable, known: &mut Known) -> Told {
    let table = name_of(statement.table_relation_name());
    let actions: Vec<Action> = statement.actions().collect();
    let mut kinds: Vec<String> = Vec::new();
    for kind in actions.iter().map(kind) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let kind = format!("ALTER TABLE … {}", kinds.join(", "));
    if statement.all_in_tablespace().is_some() {
        let effect = Effect::c("copies the data of many tables").rewrites();
        return Told::of("ALTER TABLE ALL IN TABLESPACE", effect);
    }
    let mut effects = actions.iter().map(|it| action(&table, it, known));
    let first = effects.next();
    let effect = effects.fold(
        first.unwrap_or_else(|| Effect::unknown("an action that is not known")),
        Effect::and,
    );
    Told { kind, effect }
}

fn action(table: &str, action: &Action, known: &mut Known) -> Effect {
    let is_new = known.is_new(table);
    let is_empty = is_new && !known.is_filled(table);
    let code = first_unknown(action.syntax(), known);
    let effect = of_action(table, action, known);
    if let Some(code) = &code {
        let check = constraint::check_of(action);
        keep(table, code, check, action.syntax(), known);
    }
    tie(table, action, known);
    let effect = match action {
        Action::AlterColumn(it) if matches!(it.option(), Some(AlterColumnOption::SetType(_))) => {
            // Checks are held against all rows again, and indexes built.
            let code = known.brought.hooks.code_of_type(table);
            data::computed(effect, code.filter(|_| !is_empty), known)
        }
        _ => effect,
    };
    let is_bound = matches!(action, Action::AttachPartition(_));
    let effect = match code {
        // On its rows, or for its bounds, code runs.
        Some(code) if is_new && !is_empty => return running(Effect::a(NEW), &code, known),
        Some(code) if is_bound || (!is_new && effect.takes_long()) => {
            return running(effect, &code, known);
        }
        Some(code) if !is_new => effect.and(attached(&code)),
        _ => effect,
    };
    let reaches_others = matches!(
        action,
        Action::AttachPartition(_)
            | Action::DetachPartition(_)
            | Action::InheritTable(_)
            | Action::NoInheritTable(_)
            | Action::AddConstraint(_)
            | Action::AddColumn(_)
    );
    match effect {
        // What runs code does, whoever uses the table.
        effect if !is_new || effect.fires => effect,
        // Only a foreign key among these reaches another table, and that is no new one's.
        effect if reaches_others => constraint::of_new_table(table, action, effect, known),
        effect => {
            let parents: Vec<String> = match action {
                Action::DropConstraint(_) | Action::DropColumn(_) | Action::AlterColumn(_) => {
                    known.parents(table).collect()
                }
                _ => Vec::new(),
            };
            let is_long = effect.takes_long() && known.is_filled(table);
            released(parents, is_long)
        }
    }
}

/// Rows of one table that become another's, too: what is new may be what was there.
fn tie(table: &str, action: &Action, known: &mut Known) {
    let (parent, child) = match action {
        Action::AttachPartition(it) => (table.to_owned(), name_of(it.table_name_ref())),
        Action::InheritTable(it) => (name_of(it.table_name_ref()), table.to_owned()),
        _ => return,
    };
    if known.is_new(&parent) && !known.is_new(&child) {
        known.forget(&parent);
    }
    tied(&parent, &child, known);
}

/// What every write runs from here on.
fn attached(code: &str) -> Effect {
    Effect::b(format!(
        "writes run {code}, which can't be seen through, from here on"
    ))
    .depends("what it writes may be changed, or refused, by the code")
}

/// What is done to a table of this file's that others may notice: that a foreign key to
/// them goes, and how long that takes.
pub(super) fn released(parents: Vec<String>, is_long: bool) -> Effect {
    let effect = match parents.is_empty() {
        true => Effect::a(NEW),
        false => Effect::a(format!(
            "{NEW}; a foreign key that goes stops everybody who uses {} for a moment",
            parents.join(", ")
        )),
    };
    let effect = effect.exclusively(parents);
    if is_long { effect.long() } else { effect }
}

fn of_action(table: &str, action: &Action, known: &mut Known) -> Effect {
    let on = || [table.to_owned()];
    match action {
        Action::AddColumn(it) => add_column::assess(table, it, known),
        Action::AlterColumn(it) => alter_column::assess(table, it, known),
        Action::AddConstraint(it) => match it.constraint() {
            Some(constraint) => constraint::add(table, &constraint, known),
            None => Effect::unknown("a constraint that is not known"),
        },
        Action::ValidateConstraint(it) => {
            let constraint = name_of(it.constraint_name_ref());
            let code = known.brought.hooks.code_of_check(table, &constraint);
            known.validate(table, &constraint);
            let effect = Effect::a("reads all rows while others read and write")
                .locks(LockMode::ShareUpdateExclusive, on())
                .scans();
            match code {
                Some(code) => running(effect, &code.what, known),
                None => effect,
            }
        }
        Action::DropConstraint(it) => {
            let constraint = name_of(it.constraint_name_ref());
            known.drop_constraint(table, &constraint);
            constraint::dropped(table, it)
        }
        Action::AlterConstraint(_) | Action::RenameConstraint(_) => {
            if let Action::RenameConstraint(it) = action {
                let (from, to) = (it.constraint_name_ref(), it.constraint_name());
                known.rename_constraint(table, &name_of(from), &name_of(to));
            }
            Effect::b("stops everybody for a moment")
                .exclusively(on())
                .depends("code may name the constraint, as ON CONFLICT ON CONSTRAINT does")
        }
        Action::DropColumn(it) => {
            let column = name_of(it.column_name_ref());
            known.forget_column(table, &column);
            dropped(table, &column)
        }
        Action::RenameColumn(it) => {
            let (from, to) = (name_of(it.column_name_ref()), name_of(it.column_name()));
            known.rename_column(table, &from, &to);
            renamed(on())
        }
        Action::TableRenameTo(it) => {
            let to = name_of(it.table_name());
            let schema = table.rsplit_once('.').map(|(schema, _)| schema);
            let to = schema.map_or(to.clone(), |schema| format!("{schema}.{to}"));
            known.rename_table(table, &to);
            renamed(on())
        }
        Action::SetSchema(it) => {
            known.move_table(table, &name_of(it.schema_ref()));
            renamed(on())
        }
        _ => of_whole(table, action),
    }
}

/// What is about the table as a whole.
fn of_whole(table: &str, action: &Action) -> Effect {
    let on = || [table.to_owned()];
    match action {
        Action::AttachPartition(_)
        | Action::DetachPartition(_)
        | Action::InheritTable(_)
        | Action::NoInheritTable(_) => of_partitions(table, action),
        Action::SetLogged(_) | Action::SetUnlogged(_) | Action::SetAccessMethod(_) => {
            Effect::c("writes the whole table anew while nobody reads it")
                .exclusively(on())
                .rewrites()
        }
        Action::SetTablespace(_) => Effect::c("copies the whole table while nobody reads it")
            .exclusively(on())
            .rewrites(),
        Action::SetOptions(_)
        | Action::ResetOptions(_)
        | Action::ClusterOn(_)
        | Action::SetWithoutCluster(_) => {
            Effect::a("changes how the table is kept").locks(LockMode::ShareUpdateExclusive, on())
        }
        Action::EnableTrigger(_)
        | Action::DisableTrigger(_)
        | Action::EnableAlwaysTrigger(_)
        | Action::EnableReplicaTrigger(_) => Effect::b("stops writes for a moment")
            .locks(LockMode::ShareRowExclusive, on())
            .depends("code may rely on what the trigger does, or does not do"),
        Action::EnableRls(_) | Action::ForceRls(_) => {
            Effect::c("rows that no policy allows are seen by nobody any more")
                .exclusively(on())
                .breaks("code that is no owner sees and writes only what policies allow")
        }
        Action::DisableRls(_) | Action::NoForceRls(_) => {
            Effect::b("rows are seen that policies kept from view")
                .exclusively(on())
                .depends("code may rely on policies to leave rows out")
        }
        Action::ReplicaIdentity(_) => Effect::b("stops everybody for a moment").exclusively(on()),
        Action::OwnerTo(_) => owned(table),
        _ => Effect::unknown("an action that is not known").exclusively(on()),
    }
}

fn of_partitions(table: &str, action: &Action) -> Effect {
    let both = |other: String| [table.to_owned(), other];
    match action {
        Action::AttachPartition(it) => {
            let partition = name_of(it.table_name_ref());
            Effect::b("reads all rows of the partition, unless a CHECK of it says the same, and of the default partition")
                .exclusively([partition])
                .scans()
                .safer("first add a CHECK to the partition that says what its bounds say (NOT VALID, then VALIDATE): then it is not read", [])
        }
        Action::DetachPartition(it) => {
            let partition = name_of(it.table_name_ref());
            let gone = format!("the rows of {partition} are in {table} no more");
            let detach = match it.detach_partition_option() {
                Some(ast::DetachPartitionOption::DetachConcurrently(_)) => {
                    Effect::b("waits for all who use the table")
                        .exclusively([partition.clone()])
                        .leaves(Halfway::Detached {
                            table: table.to_owned(),
                            partition,
                        })
                }
                Some(ast::DetachPartitionOption::DetachFinalize(_)) => {
                    Effect::b("ends what was interrupted").exclusively([partition])
                }
                None => {
                    let sql =
                        format!("ALTER TABLE {table} DETACH PARTITION {partition} CONCURRENTLY;");
                    Effect::c("stops everybody who uses the table")
                        .exclusively(both(partition))
                        .safer("detach it CONCURRENTLY, alone in its file", [sql])
                }
            };
            detach.removes(gone)
        }
        Action::InheritTable(it) => Effect::b("the parent shows the table's rows from here on")
            .exclusively(both(name_of(it.table_name_ref())))
            .depends("code that reads the parent sees more rows"),
        Action::NoInheritTable(it) => Effect::c("the parent shows the table's rows no more")
            .exclusively(both(name_of(it.table_name_ref())))
            .removes("code that reads the parent misses rows"),
        _ => Effect::unknown("an action that is not known"),
    }
}

fn dropped(table: &str, column: &str) -> Effect {
    Effect::c("destroys what the column holds")
        .exclusively([table.to_owned()])
        .removes(format!("code that names {column} fails, in every statement that does"))
        .safer(
            format!("release code that does not name {column}; drop it in a migration of a later release that contracts"),
            [],
        )
}

/// What is called otherwise, or lies elsewhere.
pub(super) fn renamed(on: impl IntoIterator<Item = String>) -> Effect {
    Effect::c("the old name is gone at once")
        .exclusively(on)
        .removes("code that uses the old name fails")
        .safer(
            "add what is to be under the new name, have code use both, and drop the old one in a migration of a later release that contracts",
            [],
        )
}

/// What has another owner.
pub(super) fn owned(name: &str) -> Effect {
    Effect::b("stops everybody for a moment")
        .exclusively([name.to_owned()])
        .depends("the role that code uses may lose what it may do")
}

/// An action, as SQL has it.
fn kind(action: &Action) -> String {
    match action {
        Action::AlterColumn(it) => {
            let option = it.option().map(|option| words(option.syntax().kind()));
            let option = option.unwrap_or_default().replace("SET TYPE", "TYPE");
            format!("ALTER COLUMN … {option}")
        }
        Action::AddConstraint(it) => constraint::kind(it.constraint().as_ref()),
        Action::DetachPartition(it) => match it.detach_partition_option() {
            Some(ast::DetachPartitionOption::DetachConcurrently(_)) => {
                "DETACH PARTITION … CONCURRENTLY".to_owned()
            }
            _ => "DETACH PARTITION".to_owned(),
        },
        Action::TableRenameTo(_) => "RENAME TO".to_owned(),
        Action::EnableRls(_) => "ENABLE ROW LEVEL SECURITY".to_owned(),
        Action::DisableRls(_) => "DISABLE ROW LEVEL SECURITY".to_owned(),
        Action::ForceRls(_) => "FORCE ROW LEVEL SECURITY".to_owned(),
        Action::NoForceRls(_) => "NO FORCE ROW LEVEL SECURITY".to_owned(),
        Action::InheritTable(_) => "INHERIT".to_owned(),
        Action::NoInheritTable(_) => "NO INHERIT".to_owned(),
        Action::SetOptions(_) => "SET (…)".to_owned(),
        Action::ResetOptions(_) => "RESET (…)".to_owned(),
        _ => words(action.syntax().kind()),
    }
}
