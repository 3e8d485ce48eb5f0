//! What runs when rows of relations come or go, and which relations that reaches.
//!
//! Names are kept as they were written, and looked for by their last part: whatever schema
//! is left out, none is missed. Only what is named exactly as before is taken away.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{is_qualified, last, last_part};

/// The code of relations, of this file and those before it.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    all: Vec<Hook>,
    /// Relations whose code runs when rows of another are written: partitions, what views
    /// show, what a table was made like, what refers to it.
    leads: BTreeMap<String, BTreeMap<String, Lead>>,
    /// Columns of primary keys by the full names of their tables, where they can be told.
    primary: BTreeMap<String, Option<BTreeSet<String>>>,
    /// The file whose statements are looked at.
    file: String,
    /// Whether names without a schema may mean others in this file than in those before it.
    is_astray: bool,
}

/// Code of a relation's.
#[derive(Debug, Clone)]
struct Hook {
    relation: String,
    /// For people: `the trigger g`.
    what: String,
    by: By,
    /// The functions that it names.
    calls: BTreeSet<String>,
    /// The file that brought it, or changed it last: before, nobody ran it as it is.
    file: String,
    /// The file that disabled it, if one did.
    disabled: Option<String>,
}

/// What has code run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum By {
    /// Rows that are written: by a trigger or a rule.
    Rows,
    /// What the table says of its rows: a default, a check of a column.
    Table,
    /// `TRUNCATE`, by a trigger.
    Truncate,
    /// A policy, also when rows are read.
    Policy,
    /// A constraint, by its name, if it has one.
    Check(Option<String>),
    /// An index or statistics, also when they are computed again.
    Index,
}

/// How rows of one relation come to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lead {
    /// They are the other's, too.
    pub(crate) is_same: bool,
    /// The other refers to them by a key: `TRUNCATE … CASCADE` takes its rows along.
    pub(crate) is_key: bool,
    /// What deletes them deletes or changes the other's.
    pub(crate) on_delete: bool,
    /// What changes them changes the other's.
    pub(crate) on_update: bool,
    /// What has to be changed of them for that, if it can be told.
    pub(crate) columns: Option<BTreeSet<String>>,
}

impl Lead {
    /// Rows of one relation are rows of another.
    const SAME: Self = Self {
        is_same: true,
        is_key: false,
        on_delete: false,
        on_update: false,
        columns: None,
    };
}

/// What is done to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Insert,
    Update,
    /// What `MERGE` does, too.
    Delete,
    Truncate {
        cascades: bool,
    },
}

/// Code that nothing is known of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    /// For people: `the trigger g`.
    pub(crate) what: String,
    /// Whether this file brought it: nobody ran it before.
    pub(crate) is_fresh: bool,
    /// The other files that brought it. Until they are applied, nobody ran it either.
    pub(crate) untried: BTreeSet<String>,
}

impl Code {
    /// Both; what nobody ran before comes first.
    pub(crate) fn and(mut self, mut other: Self) -> Self {
        if other.is_fresh && !self.is_fresh {
            std::mem::swap(&mut self, &mut other);
        }
        self.untried.append(&mut other.untried);
        self
    }
}

impl Hooks {
    /// Another file begins.
    pub(crate) fn next_file(&mut self, path: &str) {
        path.clone_into(&mut self.file);
        self.is_astray = false;
    }

    /// Names without a schema may mean others until the file ends.
    pub(crate) fn go_astray(&mut self) {
        self.is_astray = true;
    }

    /// Names without a schema may mean others in this file and those after it.
    pub(crate) fn move_names(&mut self) {
        for one in &mut self.all {
            one.relation = somewhere(&one.relation);
        }
        self.go_astray();
    }

    /// A name as it is kept: of one that may mean another, the schema is not known.
    pub(crate) fn placed(&self, name: &str) -> String {
        match self.is_astray {
            true => somewhere(name),
            false => name.to_owned(),
        }
    }

    /// Whether it is not known which relation a name without a schema means.
    pub(crate) fn is_astray(&self, name: &str) -> bool {
        self.is_astray && !is_qualified(name)
    }

    /// Code runs from here on when rows of a relation are written.
    pub(crate) fn run(&mut self, relation: &str, what: &str, by: By, calls: BTreeSet<String>) {
        self.all.push(Hook {
            relation: self.placed(relation),
            what: what.to_owned(),
            by,
            calls,
            file: self.file.clone(),
            disabled: None,
        });
    }

    /// Functions are others from here on: nobody ran what calls them.
    pub(crate) fn replace(&mut self, functions: &BTreeSet<String>) {
        for one in &mut self.all {
            if !one.calls.is_disjoint(functions) {
                one.file.clone_from(&self.file);
            }
        }
    }

    /// A function is called otherwise from here on.
    pub(crate) fn rename_function(&mut self, from: &str, to: &str) {
        for one in self.all.iter_mut().filter(|it| it.calls.contains(from)) {
            one.calls.insert(to.to_owned());
        }
    }

    /// Rows that are written to one relation are written to another, too, or run its code.
    pub(crate) fn lead(&mut self, from: &str, to: &str) {
        self.lead_by(from, to, Lead::SAME);
    }

    /// Rows of one relation come to another in some way.
    pub(crate) fn lead_by(&mut self, from: &str, to: &str, by: Lead) {
        let (from, to) = (last(from), last(to));
        if from == to {
            return;
        }
        let leads = self.leads.entry(from).or_default();
        let lead = leads.entry(to).or_insert_with(|| by.clone());
        lead.is_same |= by.is_same;
        lead.columns = match (lead.columns.take(), by.columns) {
            (Some(one), Some(other)) => Some(one.into_iter().chain(other).collect()),
            // What leads by no key has no columns.
            (one, other) if !(lead.is_key && by.is_key) => one.or(other),
            _ => None,
        };
        lead.is_key |= by.is_key;
        lead.on_delete |= by.on_delete;
        lead.on_update |= by.on_update;
    }

    /// A table has a primary key of these columns, or of such that can't be told.
    pub(crate) fn identify(&mut self, table: &str, columns: Option<BTreeSet<String>>) {
        let table = self.placed(table);
        let known = self.primary.entry(table).or_insert_with(|| columns.clone());
        *known = known
            .take()
            .zip(columns)
            .map(|(one, other)| one.into_iter().chain(other).collect());
    }

    /// The columns of a table's primary key, if they can be told.
    pub(crate) fn identity(&self, table: &str) -> Option<BTreeSet<String>> {
        self.primary.get(&self.placed(table))?.clone()
    }

    /// A column is called otherwise from here on, of whatever table.
    pub(crate) fn rename_column(&mut self, from: &str, to: &str) {
        let leads = self.leads.values_mut().flat_map(BTreeMap::values_mut);
        let of_leads = leads.filter_map(|lead| lead.columns.as_mut());
        let of_keys = self.primary.values_mut().filter_map(Option::as_mut);
        for columns in of_leads.chain(of_keys) {
            if columns.contains(from) {
                columns.insert(to.to_owned());
            }
        }
    }

    /// What is done to rows of a relation of which these columns are set: keys that refer to
    /// others do nothing.
    pub(crate) fn of_set(&self, relation: &str, columns: &BTreeSet<String>) -> Write {
        let own = last(relation);
        let reached = self.reached(relation, Write::Insert);
        let each = reached
            .iter()
            .filter_map(|it| Some((it, self.leads.get(it)?)));
        let mut each = each.flat_map(|(from, leads)| leads.values().map(move |by| (from, by)));
        let is_set = each.any(|(from, by)| {
            let of = by.columns.as_ref().filter(|_| *from == own);
            by.on_update && of.is_none_or(|of| columns.is_empty() || !of.is_disjoint(columns))
        });
        match is_set {
            true => Write::Update,
            false => Write::Insert,
        }
    }

    /// Whether rows of a relation are known to come to another.
    pub(crate) fn leads(&self, from: &str) -> bool {
        self.leads.contains_key(&last(from))
    }

    /// Code does not run any more when rows are written; without a name all of it.
    pub(crate) fn stop(&mut self, relation: &str, what: Option<&str>) {
        if self.is_astray(relation) {
            return;
        }
        self.all
            .retain(|it| it.relation != relation || what.is_some_and(|what| what != it.what));
    }

    /// Code, or without a name all of a relation's, is left out from here on.
    pub(crate) fn disable(&mut self, relation: &str, what: Option<&str>) {
        let file = self.file.clone();
        for one in self.of(relation, what) {
            one.disabled.get_or_insert_with(|| file.clone());
        }
    }

    /// Code that was left out runs again. What another file left out, nobody ran of late.
    pub(crate) fn enable(&mut self, relation: &str, what: Option<&str>) {
        let file = self.file.clone();
        for one in self.of(relation, what) {
            if one.disabled.take().is_some_and(|it| it != file) {
                one.file.clone_from(&file);
            }
        }
    }

    /// Code is called otherwise from here on, or some of its name is.
    pub(crate) fn rename_code(&mut self, relation: &str, from: &str, to: &str) {
        let renamed = self.of(relation, Some(from)).map(|it| Hook {
            what: to.to_owned(),
            ..it.clone()
        });
        let renamed: Vec<Hook> = renamed.collect();
        self.all.extend(renamed);
    }

    /// A constraint is called otherwise from here on, or some of its name is.
    pub(crate) fn rename_check(&mut self, relation: &str, from: &str, to: &str) {
        let is_it = |it: &&mut Hook| it.by == By::Check(Some(from.to_owned()));
        let renamed = self.of(relation, None).filter(is_it).map(|it| Hook {
            by: By::Check(Some(to.to_owned())),
            ..it.clone()
        });
        let renamed: Vec<Hook> = renamed.collect();
        self.all.extend(renamed);
    }

    /// A relation is called otherwise from here on, or, where that is not sure, may be.
    pub(crate) fn rename(&mut self, from: &str, to: &str, is_sure: bool) {
        let (from_last, to_last) = (last(from), last(to));
        let is_sure = is_sure && !self.is_astray(from);
        let mut others = Vec::new();
        for one in &mut self.all {
            if is_sure && one.relation == from {
                to.clone_into(&mut one.relation);
            } else if last(&one.relation) == from_last {
                others.push(Hook {
                    relation: to.to_owned(),
                    ..one.clone()
                });
            }
        }
        self.all.append(&mut others);
        if let Some(leads) = self.leads.get(&from_last).cloned() {
            for (other, by) in leads {
                self.lead_by(to, &other, by);
            }
        }
        for leads in self.leads.values_mut() {
            if let Some(by) = leads.get(&from_last).cloned() {
                leads.insert(to_last.clone(), by);
            }
        }
    }

    /// What a write to a relation runs, if anything.
    pub(crate) fn code_of(&self, relation: &str, write: Write) -> Option<Code> {
        let is_truncate = matches!(write, Write::Truncate { .. });
        let is_it = |by: &By| (*by == By::Truncate) == is_truncate;
        self.newest(&self.reached(relation, write), is_it)
    }

    /// Whether reads of any table run code.
    pub(crate) fn has_policies(&self) -> bool {
        self.all.iter().any(|it| it.by == By::Policy)
    }

    /// What reads of a table run, beside what its views do.
    pub(crate) fn policy_of(&self, relation: &str) -> Option<Code> {
        self.of_same(relation, |by| *by == By::Policy)
    }

    /// What indexes and statistics of a table, or one of its indexes, compute.
    pub(crate) fn code_of_index(&self, relation: &str) -> Option<Code> {
        self.of_same(relation, |by| *by == By::Index)
    }

    /// What any index and statistics compute.
    pub(crate) fn code_of_indexes(&self) -> Option<Code> {
        let all = self.all.iter().map(|it| last(&it.relation)).collect();
        self.newest(&all, |by| *by == By::Index)
    }

    /// What constraints and indexes of a table run when a column gets another type.
    pub(crate) fn code_of_type(&self, relation: &str) -> Option<Code> {
        self.of_same(relation, |by| {
            matches!(by, By::Table | By::Check(_) | By::Index)
        })
    }

    /// What a constraint runs for each row, if it may run any code.
    pub(crate) fn code_of_check(&self, relation: &str, constraint: &str) -> Option<Code> {
        self.of_same(relation, |by| match by {
            By::Check(Some(named)) => named == constraint,
            By::Check(None) => true,
            _ => false,
        })
    }

    /// The relations, by their last names, to which a write to one may come.
    pub(crate) fn reached(&self, relation: &str, write: Write) -> BTreeSet<String> {
        let follows = |by: &Lead| {
            by.is_same
                || match write {
                    Write::Insert => false,
                    Write::Update => by.on_update,
                    Write::Delete => by.on_delete || by.on_update,
                    Write::Truncate { cascades } => cascades && by.is_key,
                }
        };
        let mut reached = BTreeSet::new();
        let mut next = vec![last(relation)];
        while let Some(one) = next.pop() {
            let leads = self.leads.get(&one).into_iter().flatten();
            let leads = leads.filter(|(to, by)| follows(by) && !reached.contains(*to));
            next.extend(leads.map(|(to, _)| to.clone()));
            reached.insert(one);
        }
        reached
    }

    /// Code of a relation's, whatever its schema.
    fn of(&mut self, relation: &str, what: Option<&str>) -> impl Iterator<Item = &mut Hook> {
        let relation = last(relation);
        let own = self.all.iter_mut();
        own.filter(move |it| {
            last_part(&it.relation) == relation && what.is_none_or(|what| what == it.what)
        })
    }

    fn of_same(&self, relation: &str, is_it: impl Fn(&By) -> bool) -> Option<Code> {
        self.newest(&self.reached(relation, Write::Insert), is_it)
    }

    fn newest(&self, of: &BTreeSet<String>, is_it: impl Fn(&By) -> bool) -> Option<Code> {
        let own = self.all.iter();
        let own = own.filter(|it| is_it(&it.by) && of.contains(last_part(&it.relation)));
        let each = own.map(|it| {
            let is_fresh = it.file == self.file;
            let untried = [it.file.clone()];
            Code {
                what: it.what.clone(),
                is_fresh,
                untried: untried.into_iter().filter(|_| !is_fresh).collect(),
            }
        });
        each.reduce(Code::and)
    }
}

/// A name whose schema is not known.
pub(crate) fn somewhere(name: &str) -> String {
    match is_qualified(name) {
        true => name.to_owned(),
        false => format!("?.{name}"),
    }
}
