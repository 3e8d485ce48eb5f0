//! Code that migrations brought, by what it is reached. Never forgotten by guess, not even
//! where it is dropped: another one of the name may be there.

use std::collections::{BTreeMap, BTreeSet};

use super::names::last;

/// All of it, of this file and those before it, by last names.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// Functions, procedures and aggregates.
    routines: BTreeSet<String>,
    /// Types and domains, with the code that their values run, if they run any.
    types: BTreeMap<String, Option<String>>,
    /// Operators, by symbol.
    operators: BTreeSet<String>,
    /// What any expression may run without a word of it.
    unnamed: Option<String>,
    /// Event triggers, which changes of the schema fire.
    events: BTreeSet<String>,
    /// What runs when rows of a table are written.
    attached: Vec<Attached>,
    /// Views, with what runs when they are read.
    views: BTreeMap<String, String>,
    /// Triggers, as they are told, with the function that they run.
    triggers: BTreeMap<String, String>,
    /// Relations whose code runs when rows of another are written: partitions, what views
    /// show, what a table was made like.
    leads: BTreeMap<String, BTreeSet<String>>,
    /// Whether this file puts other schemas before PostgreSQL's own.
    is_shadowed: bool,
}

/// Code of a table's.
#[derive(Debug)]
struct Attached {
    relation: String,
    code: Code,
    by: By,
}

/// What has code run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum By {
    /// Rows that are written: by a trigger, a rule, a default.
    Rows,
    /// A policy, also when rows are read.
    Policy,
    /// A constraint, by its name, if it has one.
    Check(Option<String>),
    /// An index or statistics, also when they are computed again.
    Index,
}

/// Code that nothing is known of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    /// For people: `the trigger g`.
    pub(crate) what: String,
    /// Whether this file brought it: nobody ran it before.
    pub(crate) is_fresh: bool,
}

impl Brought {
    /// Another file begins.
    pub(crate) fn next_file(&mut self) {
        self.is_shadowed = false;
        for one in &mut self.attached {
            one.code.is_fresh = false;
        }
    }

    /// A function, a procedure or an aggregate is there. Escapes may spell any name.
    pub(crate) fn create_routine(&mut self, name: &str) {
        let name = last(name);
        if name.contains("u&") {
            self.hide("a function whose name is written in escapes");
        }
        self.routines.insert(name);
    }

    pub(crate) fn is_routine(&self, name: &str) -> bool {
        self.routines.contains(name)
    }

    pub(crate) fn has_routines(&self) -> bool {
        !self.routines.is_empty()
    }

    /// A type is there, whose values run code or not. What once did is taken to do so.
    pub(crate) fn create_type(&mut self, name: &str, code: Option<String>) {
        let known = self.types.entry(last(name)).or_default();
        *known = known.take().or(code);
    }

    /// Whether the migrations made a type of this name.
    pub(crate) fn is_type(&self, name: &str) -> bool {
        self.types.contains_key(name)
    }

    /// What values of a type run.
    pub(crate) fn code_of_type(&self, name: &str) -> Option<&str> {
        self.types.get(name)?.as_deref()
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
        self.views.insert(last(view), code.to_owned());
    }

    pub(crate) fn drop_view(&mut self, view: &str) {
        self.views.remove(&last(view));
        self.stop(view, None);
    }

    /// What runs when a view of this last name is read, if anything does.
    pub(crate) fn code_of_view(&self, name: &str) -> Option<&str> {
        self.views.get(name).map(String::as_str)
    }

    /// Code runs from here on when rows of a table are written.
    pub(crate) fn run(&mut self, relation: &str, what: &str, by: By) {
        let code = Code {
            what: what.to_owned(),
            is_fresh: true,
        };
        let relation = last(relation);
        self.attached.push(Attached { relation, code, by });
    }

    /// A trigger runs a function.
    pub(crate) fn fire(&mut self, trigger: &str, function: &str) {
        self.triggers.insert(trigger.to_owned(), last(function));
    }

    /// A function is another from here on: nobody ran what calls it.
    pub(crate) fn replace_routine(&mut self, name: &str) {
        let name = last(name);
        for one in &mut self.attached {
            let what = &one.code.what;
            let called = self.triggers.get(what).cloned();
            let called = called.or_else(|| {
                let called = what.split_once("()")?.0;
                Some(last(called.rsplit(' ').next()?))
            });
            one.code.is_fresh |= called.as_ref() == Some(&name);
        }
    }

    /// Rows that are written to one relation may be written to another, or run its code.
    pub(crate) fn lead(&mut self, from: &str, to: &str) {
        let (from, to) = (last(from), last(to));
        if from != to {
            self.leads.entry(from).or_default().insert(to);
        }
    }

    /// Code does not run any more when rows are written; without a name all of it.
    pub(crate) fn stop(&mut self, relation: &str, what: Option<&str>) {
        let relation = last(relation);
        self.attached
            .retain(|it| it.relation != relation || what.is_some_and(|what| what != it.code.what));
    }

    /// What runs when rows of a table are written, if anything does; what nobody ran before
    /// comes first.
    pub(crate) fn code_of(&self, relation: &str) -> Option<&Code> {
        self.newest(relation, |_| true)
    }

    /// What reads of a table run, beside what its views do.
    pub(crate) fn policy_of(&self, relation: &str) -> Option<&Code> {
        self.newest(relation, |by| *by == By::Policy)
    }

    /// What indexes and statistics of a table, or one of its indexes, compute.
    pub(crate) fn code_of_index(&self, relation: &str) -> Option<&Code> {
        self.newest(relation, |by| *by == By::Index)
    }

    /// What a constraint runs for each row, if it may run any code.
    pub(crate) fn code_of_check(&self, relation: &str, constraint: &str) -> Option<&Code> {
        self.newest(relation, |by| match by {
            By::Check(Some(named)) => named == constraint,
            By::Check(None) => true,
            _ => false,
        })
    }

    fn newest(&self, relation: &str, is_it: impl Fn(&By) -> bool) -> Option<&Code> {
        let mut reached = BTreeSet::new();
        let mut next = vec![last(relation)];
        while let Some(one) = next.pop() {
            let leads = self.leads.get(&one).into_iter().flatten();
            next.extend(leads.filter(|it| !reached.contains(*it)).cloned());
            reached.insert(one);
        }
        let own = self.attached.iter();
        let own = own.filter(|it| reached.contains(&it.relation) && is_it(&it.by));
        own.map(|it| &it.code).max_by_key(|code| code.is_fresh)
    }

    /// What is called so is called otherwise from here on, or was.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        let (from, to) = (last(from), last(to));
        if self.routines.contains(&from) {
            self.create_routine(&to);
        }
        if let Some(code) = self.types.get(&from).cloned() {
            self.create_type(&to, code);
        }
        if let Some(code) = self.views.get(&from).cloned() {
            self.create_view(&to, &code);
        }
        for one in self.attached.iter_mut().filter(|it| it.relation == from) {
            one.relation.clone_from(&to);
        }
        if let Some(leads) = self.leads.get(&from).cloned() {
            self.leads.entry(to.clone()).or_default().extend(leads);
        }
        for leads in self.leads.values_mut().filter(|it| it.contains(&from)) {
            leads.insert(to.clone());
        }
    }
}
