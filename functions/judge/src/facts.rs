//! What the ledger's entry of a verdict holds, where all of it would not fit.

use serde_json::{Value, json};
use sluice_domain::judge::Outcome;

/// The largest facts, in bytes of JSON. An item of DynamoDB has 400 KB, and the
/// entry around the facts takes some.
pub(crate) const MOST_BYTES: usize = 390_000;

/// How much of a query is left where all would not fit, in characters.
const BRIEF_QUERY: usize = 40;

/// The facts, with as little left out as makes them fit: first the dimensions of
/// queries, which follow from the plan, then the sentences of signals that pass.
pub(crate) fn fitting(mut facts: Value) -> Value {
    let ways: [fn(&mut Value); 2] = [shorten_queries, leave_out_passing_sentences];
    for shorten in ways {
        if facts.to_string().len() <= MOST_BYTES {
            break;
        }
        shorten(&mut facts);
    }
    facts
}

fn shorten_queries(facts: &mut Value) {
    shorten_list(facts);
    facts.get_mut("before").into_iter().for_each(shorten_list);
}

fn shorten_list(of: &mut Value) {
    for query in items(of.get_mut("queries")) {
        if let Value::String(text) = query {
            let shown = text.split(" (").next().unwrap_or_default();
            *text = shown.chars().take(BRIEF_QUERY).collect();
        }
    }
}

fn leave_out_passing_sentences(facts: &mut Value) {
    shorten_signals(facts);
    let functions = facts.get_mut("functions").and_then(Value::as_object_mut);
    for (_, verdict) in functions.into_iter().flatten() {
        shorten_signals(verdict);
    }
}

fn shorten_signals(of: &mut Value) {
    let passes = json!(Outcome::Pass);
    for signal in items(of.get_mut("signals")) {
        if signal["outcome"] == passes {
            signal["rule"] = Value::String(String::new());
        }
    }
}

fn items(list: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    list.and_then(Value::as_array_mut).into_iter().flatten()
}
