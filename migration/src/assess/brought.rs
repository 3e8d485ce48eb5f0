//! Code that migrations brought, by what it is reached. Never forgotten by guess, not even
//! where it is dropped: another one of the name may be there.

use std::collections::{BTreeMap, BTreeSet};

use super::hooks::{Hooks, somewhere};
use super::names::last;

/// All of it, of this file and those before it, by last names.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// Functions, procedures and aggregates, with the words that they are made of.
    routines: BTreeMap<String, BTreeSet<String>>,
    /// Types and domains.
    types: BTreeSet<String>,
    /// The code that values of types run, of those that run any.
    code_of_types: BTreeMap<String, String>,
    /// Operators, by symbol.
    operators: BTreeSet<String>,
    /// What any expression may run without a word of it.
    unnamed: Option<String>,
    /// Event triggers, which changes of the schema fire.
    events: BTreeSet<String>,
    /// What runs when rows of a table are written.
    pub(crate) hooks: Hooks,
    /// What runs when views are read, by their last names and by their full ones.
    views: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether this file puts other schemas before PostgreSQL's own.
    is_shadowed: bool,
}

impl Brought {
    /// Another file begins.
    pub(crate) fn next_file(&mut self, path: &str) {
        self.is_shadowed = false;
        self.hooks.next_file(path);
    }

    /// A function, a procedure or an aggregate is there, and is made of these words. Nobody
    /// ran it so far, nor what names it.
    pub(crate) fn create_routine(&mut self, name: &str, words: BTreeSet<String>) {
        if name.starts_with("pg_catalog.") {
            self.hide("a function in a schema of PostgreSQL's own");
        }
        let name = last(name);
        self.replace_routine(&name);
        self.routines.entry(name).or_default().extend(words);
    }

    /// A function is another from here on: nobody ran what calls it.
    pub(crate) fn replace_routine(&mut self, name: &str) {
        let mut replaced = BTreeSet::new();
        let mut next = vec![last(name)];
        while let Some(one) = next.pop() {
            let callers = self.routines.iter();
            let callers =
                callers.filter(|(name, words)| words.contains(&one) && !replaced.contains(*name));
            next.extend(callers.map(|(name, _)| name.clone()));
            replaced.insert(one);
        }
        self.hooks.replace(&replaced);
    }

    /// A function is called otherwise from here on. What had the name before this folder is
    /// not known.
    pub(crate) fn rename_routine(&mut self, from: &str, to: &str) {
        let words = self.routines.get(&last(from)).cloned();
        self.create_routine(to, words.unwrap_or_default());
        self.hooks.rename_function(&last(from), &last(to));
    }

    pub(crate) fn is_routine(&self, name: &str) -> bool {
        self.routines.contains_key(name)
    }

    pub(crate) fn has_routines(&self) -> bool {
        !self.routines.is_empty()
    }

    /// A type is there, whose values run code or not. What once did is taken to do so.
    pub(crate) fn create_type(&mut self, name: &str, code: Option<String>) {
        let name = last(name);
        if let Some(code) = code {
            self.code_of_types.entry(name.clone()).or_insert(code);
        }
        self.types.insert(name);
    }

    /// Whether the migrations made a type of this name.
    pub(crate) fn is_type(&self, name: &str) -> bool {
        self.types.contains(name)
    }

    /// What values of a type run.
    pub(crate) fn code_of_type(&self, name: &str) -> Option<&str> {
        self.code_of_types.get(name).map(String::as_str)
    }

    pub(crate) fn has_code_of_types(&self) -> bool {
        !self.code_of_types.is_empty()
    }

    pub(crate) fn create_operator(&mut self, symbol: &str) {
        self.operators.insert(symbol.to_owned());
    }

    /// The first operator of the migrations within a run of symbols.
    pub(crate) fn operator_in(&self, run: &str) -> Option<&str> {
        let mut operators = self.operators.iter();
        operators.find(|it| run.contains(*it)).map(String::as_str)
    }

    pub(crate) fn has_operators(&self) -> bool {
        !self.operators.is_empty()
    }

    /// Any expression may run this.
    pub(crate) fn hide(&mut self, what: &str) {
        self.unnamed.get_or_insert_with(|| what.to_owned());
    }

    /// What any expression may run.
    pub(crate) fn unnamed(&self) -> Option<&str> {
        self.unnamed.as_deref()
    }

    /// Other schemas come before PostgreSQL's own until the file ends.
    pub(crate) fn shadow(&mut self) {
        self.is_shadowed = true;
    }

    pub(crate) fn is_shadowed(&self) -> bool {
        self.is_shadowed
    }

    pub(crate) fn create_event_trigger(&mut self, name: &str) {
        self.events.insert(name.to_owned());
    }

    pub(crate) fn drop_event_trigger(&mut self, name: &str) {
        self.events.remove(name);
    }

    /// What a change of the schema fires.
    pub(crate) fn event_trigger(&self) -> Option<String> {
        let first = self.events.first()?;
        Some(format!("the event trigger {first}"))
    }

    /// A view runs code when it is read.
    pub(crate) fn create_view(&mut self, view: &str, code: &str) {
        let of_name = self.views.entry(last(view)).or_default();
        of_name.insert(self.hooks.placed(view), code.to_owned());
    }

    /// A view is gone. One of another schema is not.
    pub(crate) fn drop_view(&mut self, view: &str) {
        if !self.hooks.is_astray(view) {
            let of_name = self.views.get_mut(&last(view));
            of_name.and_then(|views| views.remove(view));
        }
        self.hooks.stop(view, None);
    }

    /// What runs when a view of this last name is read, if anything does.
    pub(crate) fn code_of_view(&self, name: &str) -> Option<&str> {
        let mut of_name = self.views.get(name)?.values();
        of_name.next().map(String::as_str)
    }

    /// Names without a schema may mean others in this file and those after it.
    pub(crate) fn move_names(&mut self) {
        for of_name in self.views.values_mut() {
            let views = std::mem::take(of_name).into_iter();
            *of_name = views.map(|(view, code)| (somewhere(&view), code)).collect();
        }
        self.hooks.move_names();
    }

    /// A type is called otherwise from here on, or another of its name.
    pub(crate) fn rename_type(&mut self, from: &str, to: &str) {
        let from = last(from);
        if self.is_type(&from) {
            let code = self.code_of_types.get(&from).cloned();
            self.create_type(to, code);
        }
    }

    /// A relation is called otherwise from here on, or, where that is not sure, may be.
    pub(crate) fn rename(&mut self, from: &str, to: &str, is_sure: bool) {
        self.rename_type(from, to);
        if let Some(code) = self.code_of_view(&last(from)).map(str::to_owned) {
            self.create_view(to, &code);
        }
        self.hooks.rename(from, to, is_sure);
    }
}
