//! What is known of a database from the statements that ran before.
//!
//! Strict: whatever may make a name mean something else, or can't be seen through, makes
//! all be forgotten that it may be about.

use std::collections::{BTreeMap, BTreeSet};

use super::names::is_qualified;
use super::types::DataType;

/// What is known before a statement runs.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Tables that this file surely created: nobody else uses them yet.
    new: BTreeSet<String>,
    /// Types that this file created and that are no domains.
    types: BTreeSet<String>,
    /// Constraints that say that a column is not null.
    not_null: Vec<NotNull>,
    /// Types of columns, by table and column, from this file and those before it.
    columns: BTreeMap<(String, String), DataType>,
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
    pub(crate) fn next_file(&mut self) {
        self.new.clear();
        self.types.clear();
        self.not_null.clear();
    }

    /// Whether this file created a table.
    pub(crate) fn is_new(&self, table: &str) -> bool {
        self.new.contains(table)
    }

    /// A table is there that was not there before.
    pub(crate) fn create(&mut self, table: &str) {
        self.forget(table);
        self.new.insert(table.to_owned());
    }

    /// A table may be there already, or may be gone, or may have become another.
    pub(crate) fn forget(&mut self, table: &str) {
        self.new.remove(table);
        self.columns.retain(|(of, _), _| of != table);
        self.not_null.retain(|check| check.table != table);
    }

    /// A table, with its columns, is called otherwise from here on. Others may know it.
    pub(crate) fn rename_table(&mut self, from: &str, to: &str) {
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

    /// A column is called otherwise from here on.
    pub(crate) fn rename_column(&mut self, table: &str, from: &str, to: &str) {
        let data_type = self.type_of(table, from).cloned();
        self.forget_column(table, from);
        self.forget_column(table, to);
        if let Some(data_type) = data_type {
            self.set_type(table, to, data_type);
        }
    }

    /// Anything may have happened.
    pub(crate) fn forget_all(&mut self) {
        *self = Self::default();
    }

    /// Names without a schema may mean others from here on.
    pub(crate) fn forget_unqualified(&mut self) {
        self.new.retain(|table| is_qualified(table));
        self.types.retain(|name| is_qualified(name));
        self.columns.retain(|(table, _), _| is_qualified(table));
        self.not_null.retain(|check| is_qualified(&check.table));
    }

    /// A type is there that is no domain.
    pub(crate) fn create_type(&mut self, name: &str) {
        self.types.insert(name.to_owned());
    }

    /// Whether this file created a type that is no domain.
    pub(crate) fn is_new_type(&self, name: &str) -> bool {
        self.types.contains(name)
    }

    /// A column has this type from here on.
    pub(crate) fn set_type(&mut self, table: &str, column: &str, to: DataType) {
        let column = (table.to_owned(), column.to_owned());
        self.columns.insert(column, to);
    }

    /// A column has a type that is not known, or is gone.
    pub(crate) fn forget_column(&mut self, table: &str, column: &str) {
        let column = (table.to_owned(), column.to_owned());
        self.columns.remove(&column);
        self.not_null
            .retain(|check| check.table != column.0 || check.column != column.1);
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
            .retain(|check| check.table != table || check.constraint != constraint);
    }

    /// Whether a constraint says of all rows that a column is not null.
    pub(crate) fn is_not_null(&self, table: &str, column: &str) -> bool {
        let mut checks = self.not_null.iter();
        checks.any(|check| check.is_valid && check.table == table && check.column == column)
    }
}
