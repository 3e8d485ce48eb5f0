//! What is known of a database from the statements that ran before.
//!
//! Strict: whatever may make a name mean something else, or can't be seen through, makes
//! all be forgotten that it may be about.

use std::collections::{BTreeMap, BTreeSet};

use super::brought::Brought;
use super::hooks::Write;
use super::names::{is_qualified, last, may_be};
use super::types::DataType;

/// What is known before a statement runs.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Tables that this file surely created: nobody else uses them yet.
    new: BTreeMap<String, New>,
    /// Types that this file, or one before it, created and that are no domains.
    types: BTreeSet<String>,
    /// Constraints that say that a column is not null.
    not_null: Vec<NotNull>,
    /// Types of columns, by table and column, from this file and those before it.
    columns: BTreeMap<(String, String), DataType>,
    /// Tables of this session alone, which hide others of their name until it ends.
    temporary: BTreeSet<String>,
    /// Code that this file, or one before it, brought.
    pub(crate) brought: Brought,
}

/// A table that this file created.
#[derive(Debug, Default)]
struct New {
    /// Tables that it refers to and that were there before.
    parents: BTreeSet<String>,
    /// Whether it may have rows.
    is_filled: bool,
}

/// `CHECK (column IS NOT NULL)`.
#[derive(Debug)]
struct NotNull {
    table: String,
    constraint: String,
    column: String,
    is_valid: bool,
}

impl Known {
    /// Another file begins: of what it changes, others may know by then.
    pub(crate) fn next_file(&mut self, path: &str) {
        self.end_session();
        self.new.clear();
        self.not_null.clear();
        self.brought.next_file(path);
    }

    /// Another session begins: what was this one's alone is gone.
    pub(crate) fn end_session(&mut self) {
        for table in std::mem::take(&mut self.temporary) {
            self.forget(&table);
        }
    }

    /// A table is this session's alone.
    pub(crate) fn create_temporary(&mut self, table: &str) {
        self.temporary.insert(table.to_owned());
    }

    /// Whether this file created a table.
    pub(crate) fn is_new(&self, table: &str) -> bool {
        self.new.contains_key(table)
    }

    /// Whether this file created a table and may have put rows into it.
    pub(crate) fn is_filled(&self, table: &str) -> bool {
        let mut new = self.new.iter();
        new.any(|(name, new)| new.is_filled && may_be(name, table))
    }

    /// Tables of this file's that may be this one, or show its rows, may have some from here
    /// on.
    pub(crate) fn fill(&mut self, table: &str) {
        let reached = self.brought.hooks.reached(table, Write::Insert);
        for (name, new) in &mut self.new {
            new.is_filled |= reached.contains(&last(name));
        }
    }

    /// Any table of this file's may have rows from here on.
    pub(crate) fn fill_all(&mut self) {
        for new in self.new.values_mut() {
            new.is_filled = true;
        }
    }

    /// Code of a relation's is gone; without a name all of it. What hides another takes
    /// none of that one's along.
    pub(crate) fn stop(&mut self, relation: &str, what: Option<&str>) {
        if !self.is_temporary(relation) {
            self.brought.hooks.stop(relation, what);
        }
    }

    /// A view is gone, unless it only hid another.
    pub(crate) fn drop_view(&mut self, view: &str) {
        if !self.is_temporary(view) {
            self.brought.drop_view(view);
        }
    }

    /// Whether a name is that of a relation that is this session's alone.
    pub(crate) fn is_temporary(&self, relation: &str) -> bool {
        self.temporary.contains(relation)
    }

    /// A table of this file's, if it is one, refers to others.
    pub(crate) fn refer(&mut self, table: &str, parents: &[String]) {
        if let Some(new) = self.new.get_mut(table) {
            new.parents.extend(parents.iter().cloned());
        }
    }

    /// The tables that were there before and that a table of this file's refers to.
    pub(crate) fn parents(&self, table: &str) -> impl Iterator<Item = String> {
        let new = self.new.get(table).into_iter();
        new.flat_map(|new| new.parents.iter().cloned())
    }

    /// Whether the migrations made a table of this name.
    pub(crate) fn is_table(&self, name: &str) -> bool {
        self.is_new(name) || self.columns.keys().any(|(table, _)| table == name)
    }

    /// A table is there that was not there before.
    pub(crate) fn create(&mut self, table: &str) {
        self.forget_parts(table);
        self.new.insert(table.to_owned(), New::default());
    }

    /// A table may be there already, or may be gone, or may have become another.
    pub(crate) fn forget(&mut self, table: &str) {
        self.new.retain(|new, _| !may_be(new, table));
        self.forget_parts(table);
    }

    fn forget_parts(&mut self, table: &str) {
        self.columns.retain(|(of, _), _| !may_be(of, table));
        self.not_null.retain(|check| !may_be(&check.table, table));
    }

    /// Tables of the file are tied to what was there before: it may go with them.
    pub(crate) fn forget_new(&mut self) {
        self.new.clear();
    }

    /// A table, with its columns, is called otherwise from here on. Others may know it.
    pub(crate) fn rename_table(&mut self, from: &str, to: &str) {
        self.brought
            .rename(from, to, !self.temporary.contains(from));
        if self.temporary.contains(from) {
            self.create_temporary(to);
        }
        let of_from = |(table, _): &&(String, String)| table == from;
        let columns: Vec<(String, String)> = self.columns.keys().filter(of_from).cloned().collect();
        let types = columns
            .into_iter()
            .filter_map(|key| Some((key.1.clone(), self.columns.remove(&key)?)));
        let types: Vec<(String, DataType)> = types.collect();
        self.forget(from);
        self.forget(to);
        for (column, data_type) in types {
            self.set_type(to, &column, data_type);
        }
    }

    /// A table is in another schema from here on.
    pub(crate) fn move_table(&mut self, table: &str, schema: &str) {
        self.forget(table);
        let to = format!("{schema}.{}", last(table));
        let is_sure = !self.is_temporary(table);
        self.brought.rename(table, &to, is_sure);
    }

    /// A constraint, and its index if it has one, is called otherwise from here on.
    pub(crate) fn rename_constraint(&mut self, table: &str, from: &str, to: &str) {
        self.drop_constraint(table, from);
        self.brought.hooks.rename_check(table, from, to);
        self.brought.hooks.lead(to, from);
    }

    /// A column is called otherwise from here on.
    pub(crate) fn rename_column(&mut self, table: &str, from: &str, to: &str) {
        self.brought.hooks.rename_column(from, to);
        let data_type = self.type_of(table, from).cloned();
        self.forget_column(table, from);
        self.forget_column(table, to);
        if let Some(data_type) = data_type {
            self.set_type(table, to, data_type);
        }
    }

    /// Anything may have happened.
    pub(crate) fn forget_all(&mut self) {
        self.brought.hooks.go_astray();
        *self = Self {
            temporary: std::mem::take(&mut self.temporary),
            brought: std::mem::take(&mut self.brought),
            ..Self::default()
        };
    }

    /// Names may mean others from here on, in this file and those after it.
    pub(crate) fn move_names(&mut self) {
        self.forget_all();
        self.brought.move_names();
    }

    /// Names without a schema may mean others from here on.
    pub(crate) fn forget_unqualified(&mut self) {
        self.brought.hooks.go_astray();
        self.new.retain(|table, _| is_qualified(table));
        self.types.retain(|name| is_qualified(name));
        self.columns.retain(|(table, _), _| is_qualified(table));
        self.not_null.retain(|check| is_qualified(&check.table));
    }

    /// A type is there that is no domain.
    pub(crate) fn create_type(&mut self, name: &str) {
        self.types.insert(name.to_owned());
    }

    /// A domain is there; whatever was called like it may be it from here on.
    pub(crate) fn create_domain(&mut self, name: &str) {
        let name = last(name);
        self.types.retain(|other| last(other) != name);
    }

    /// Whether the migrations created a type that is no domain.
    pub(crate) fn is_no_domain(&self, name: &str) -> bool {
        self.types.contains(name)
    }

    /// A column has this type from here on.
    pub(crate) fn set_type(&mut self, table: &str, column: &str, to: DataType) {
        self.forget_type(table, column);
        let column = (table.to_owned(), column.to_owned());
        self.columns.insert(column, to);
    }

    /// A column has a type that is not known, or is gone.
    pub(crate) fn forget_column(&mut self, table: &str, column: &str) {
        self.forget_type(table, column);
        self.not_null
            .retain(|check| !may_be(&check.table, table) || check.column != column);
    }

    /// Under whatever name of its table.
    fn forget_type(&mut self, table: &str, column: &str) {
        self.columns
            .retain(|(of, other), _| !may_be(of, table) || other != column);
    }

    /// The type of a column, if it is known.
    pub(crate) fn type_of(&self, table: &str, column: &str) -> Option<&DataType> {
        self.columns.get(&(table.to_owned(), column.to_owned()))
    }

    /// A constraint says that a column is not null.
    pub(crate) fn add_not_null(
        &mut self,
        table: &str,
        constraint: &str,
        column: &str,
        is_valid: bool,
    ) {
        self.not_null.push(NotNull {
            table: table.to_owned(),
            constraint: constraint.to_owned(),
            column: column.to_owned(),
            is_valid,
        });
    }

    /// A constraint holds for all rows from here on.
    pub(crate) fn validate(&mut self, table: &str, constraint: &str) {
        let checks = self.not_null.iter_mut();
        for check in checks.filter(|it| it.table == table && it.constraint == constraint) {
            check.is_valid = true;
        }
    }

    /// A constraint is gone.
    pub(crate) fn drop_constraint(&mut self, table: &str, constraint: &str) {
        self.not_null
            .retain(|check| !may_be(&check.table, table) || check.constraint != constraint);
    }

    /// Whether a constraint says of all rows that a column is not null.
    pub(crate) fn is_not_null(&self, table: &str, column: &str) -> bool {
        let mut checks = self.not_null.iter();
        checks.any(|check| check.is_valid && check.table == table && check.column == column)
    }
}
