//! Code that expressions run, as far as it is known what it does.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use squawk_syntax::ast::{AstNode as _, CallExpr};
use squawk_syntax::{SyntaxKind, SyntaxNode, SyntaxToken};

use super::known::Known;
use super::names::{identifier, identifiers, last, name, text};
use super::types::DataType;

/// Functions of PostgreSQL's that answer the same for each row of a statement. A default
/// of these is computed once, and no row is written.
///
/// Source: `provolatile` in PostgreSQL's `pg_proc`.
static STABLE: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "now transaction_timestamp statement_timestamp current_setting \
    current_database current_schema date_trunc date_part date_bin timezone to_timestamp to_date \
    to_char to_number make_date make_time make_interval make_timestamp make_timestamptz lower \
    upper initcap concat concat_ws md5 sha224 sha256 sha384 sha512 length char_length \
    octet_length round floor ceil ceiling trunc abs sign power sqrt mod div array_fill \
    array_append array_prepend array_cat array_remove array_length array_position cardinality \
    jsonb_build_object jsonb_build_array json_build_object json_build_array to_jsonb to_json \
    jsonb_set jsonb_insert jsonb_strip_nulls jsonb_typeof json_typeof jsonb_array_length \
    decode encode convert_to convert_from int4range int8range numrange tsrange tstzrange \
    daterange to_tsvector to_tsquery plainto_tsquery setweight replace translate substr \
    substring trim btrim ltrim rtrim left right lpad rpad repeat reverse split_part \
    string_to_array array_to_string regexp_replace regexp_match starts_with strpos position \
    coalesce nullif greatest least age justify_days quote_ident quote_literal format chr ascii \
    num_nulls num_nonnulls to_hex host network unnest row_to_json extract overlay width_bucket pg_typeof"
        .split_whitespace()
        .collect()
});

/// Functions of PostgreSQL's, and of its extension for UUIDs, that answer anew each time
/// and change nothing that others would miss.
static HARMLESS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "gen_random_uuid uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 \
    uuidv4 uuidv7 gen_random_bytes random clock_timestamp timeofday nextval currval lastval \
    count sum min max avg array_agg string_agg json_agg jsonb_agg json_object_agg \
    jsonb_object_agg bool_and bool_or every stddev variance percentile_cont percentile_disc mode \
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value \
    nth_value generate_series generate_subscripts jsonb_array_elements \
    jsonb_array_elements_text json_array_elements json_array_elements_text jsonb_each \
    jsonb_each_text json_each json_each_text jsonb_object_keys json_object_keys \
    jsonb_to_recordset json_to_recordset jsonb_to_record regexp_matches regexp_split_to_table \
    string_to_table version pg_get_serial_sequence to_regclass txid_current \
    pg_current_xact_id"
        .split_whitespace()
        .collect()
});

/// PostgreSQL's own schema.
const OWN: &str = "pg_catalog.";

/// What may answer differently for each row, if anything is run that may.
pub(crate) fn first_volatile(node: &SyntaxNode, known: &Known) -> Option<String> {
    first_unknown(node, known).or_else(|| {
        let mut calls = calls(node);
        let name = calls.find(|name| !is_of(&STABLE, name))?;
        Some(format!("{name}()"))
    })
}

/// The first thing of which it is not known what it does, if any is run: a function, by
/// whatever it is reached.
pub(crate) fn first_unknown(node: &SyntaxNode, known: &Known) -> Option<String> {
    let mut calls = calls(node);
    calls
        .find_map(|name| unknown_call(&name, known))
        .or_else(|| by_attribute(node, known))
        .or_else(|| by_type(node, known))
        .or_else(|| by_operator(node, known))
        .or_else(|| known.brought.unnamed().map(str::to_owned))
}

/// A function that is called, if it may be another than PostgreSQL's own.
fn unknown_call(name: &str, known: &Known) -> Option<String> {
    if !is_of(&STABLE, name) && !is_of(&HARMLESS, name) {
        return Some(format!("{name}()"));
    }
    if name.starts_with(OWN) {
        return None;
    }
    if known.brought.is_routine(name) {
        return Some(format!("{name}(), of which the migrations create one"));
    }
    let is_shadowed = known.brought.is_shadowed();
    is_shadowed.then(|| format!("{name}() of a schema that is searched before pg_catalog"))
}

/// A function of the migrations that is written like a column: `account.boom`.
fn by_attribute(node: &SyntaxNode, known: &Known) -> Option<String> {
    if !known.brought.has_routines() {
        return None;
    }
    let tokens: Vec<SyntaxToken> = words(node).collect();
    let pairs = tokens.windows(2).enumerate();
    let mut found = pairs.filter_map(|(at, two)| {
        let is_called = tokens
            .get(at + 2)
            .is_some_and(|it| it.kind() == SyntaxKind::L_PAREN);
        let may_be_it = two[0].kind() == SyntaxKind::DOT && !is_called;
        let name = may_be_it.then(|| identifier(two[1].text()))?;
        known.brought.is_routine(&name).then_some(name)
    });
    let name = found.next()?;
    Some(format!("{name}(), which the migrations create"))
}

/// What values of a type run: of one that the migrations made, or of one that is not known.
fn by_type(node: &SyntaxNode, known: &Known) -> Option<String> {
    let code_of = |name: &str| known.brought.code_of_type(name).map(str::to_owned);
    let has_code = known.brought.has_code_of_types();
    let named = || identifiers(node).find_map(|word| code_of(&word));
    has_code.then(named).flatten().or_else(|| {
        let casts = node.descendants();
        let casts = casts.filter(|it| it.kind() == SyntaxKind::CAST_EXPR);
        let mut types = casts.flat_map(|cast| cast.children().collect::<Vec<_>>());
        types.find_map(|it| code_of(DataType::of(&it).name()).or_else(|| unknown_type(&it, known)))
    })
}

/// A type that may be a domain whose constraints run code.
pub(crate) fn unknown_type(node: &SyntaxNode, known: &Known) -> Option<String> {
    let is_type = matches!(node.kind(), SyntaxKind::PATH_TYPE | SyntaxKind::ARRAY_TYPE);
    let mut below = node.descendants();
    // What has a syntax of its own is PostgreSQL's.
    let path = below
        .find(|it| it.kind() == SyntaxKind::PATH_TYPE)
        .filter(|_| is_type)?;
    let written = name(&path);
    let is_own = ["pg_catalog.", "information_schema."];
    let is_own = is_own.iter().any(|it| written.starts_with(it));
    let data_type = DataType::of(&path);
    let name = data_type.name();
    let is_known = is_own || data_type.is_own() || known.brought.is_type(&last(name));
    (!is_known).then(|| format!("the constraints of {name}, which may be a domain"))
}

/// Operators of the migrations. Symbols that stand together are one.
fn by_operator(node: &SyntaxNode, known: &Known) -> Option<String> {
    if !known.brought.has_operators() {
        return None;
    }
    let mut runs = vec![String::new()];
    let tokens = node.descendants_with_tokens();
    for token in tokens.filter_map(|it| it.into_token()) {
        let is_symbol = |c: char| "+-*/<>=~!@#%^&|`?".contains(c);
        match runs.last_mut() {
            Some(run) if token.text().chars().all(is_symbol) => run.push_str(token.text()),
            _ => runs.push(String::new()),
        }
    }
    let mut found = runs.iter().filter_map(|run| known.brought.operator_in(run));
    let operator = found.next()?;
    Some(format!(
        "the operator {operator}, which the migrations create"
    ))
}

/// No name on a list has a dot: one of another schema is on none.
fn is_of(list: &HashSet<&str>, name: &str) -> bool {
    list.contains(name.strip_prefix(OWN).unwrap_or(name))
}

/// Tokens without white space and comments.
fn words(node: &SyntaxNode) -> impl Iterator<Item = SyntaxToken> {
    let tokens = node.descendants_with_tokens();
    let tokens = tokens.filter_map(|it| it.into_token());
    tokens.filter(|it| !matches!(it.kind(), SyntaxKind::WHITESPACE | SyntaxKind::COMMENT))
}

/// The names of all functions that are called within a node. What has a syntax of its own
/// (`EXTRACT`, `JSON_VALUE`, …) is PostgreSQL's and left out.
fn calls(node: &SyntaxNode) -> impl Iterator<Item = String> {
    let calls = node.descendants().filter_map(CallExpr::cast);
    calls.filter_map(|call| {
        let callee = call.expr()?;
        let callee = callee.syntax();
        let is_name = matches!(callee.kind(), SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR);
        let written = text(callee);
        if !is_name {
            return Some(written);
        }
        let parts = written.split('.').map(|part| identifier(part.trim()));
        Some(parts.collect::<Vec<_>>().join("."))
    })
}

/// The functions, by their last names, that are called within a node.
pub(super) fn called(node: &SyntaxNode) -> BTreeSet<String> {
    calls(node).map(|it| last(&it)).collect()
}

/// All words of a node, those of its strings too: what a function's body may name.
pub(super) fn all_words(node: &SyntaxNode) -> BTreeSet<String> {
    let text = text(node).to_ascii_lowercase();
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let words = text.split(|c| !is_part(c)).filter(|it| !it.is_empty());
    // Dollars that quote a body stand beside its words.
    let bare = words.flat_map(|it| [it, it.trim_matches('$')]);
    bare.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use squawk_syntax::SourceFile;

    use super::*;

    #[test]
    fn what_is_called_is_known_or_told() {
        for (expression, volatile, unknown) in [
            ("1 + 2", None, None),
            ("NOW() + interval '1 day'", None, None),
            ("pg_catalog.lower('A')", None, None),
            ("CURRENT_TIMESTAMP", None, None),
            ("gen_random_uuid()", Some("gen_random_uuid()"), None),
            ("now() + f(1)", Some("f()"), Some("f()")),
            ("public.now()", Some("public.now()"), Some("public.now()")),
            ("\"Now\"()", Some("\"Now\"()"), Some("\"Now\"()")),
            ("(SELECT count(*) FROM g(1))", Some("g()"), Some("g()")),
            (
                "CAST('1' AS double precision[])::text::varchar(3)",
                None,
                None,
            ),
            (
                "'x'::regconfig, date '2026-01-01', '1'::pg_catalog.\"char\"",
                None,
                None,
            ),
        ] {
            let file = SourceFile::parse(&format!("SELECT {expression};"));
            let node = file.syntax_node();
            let known = Known::default();
            assert_eq!(
                first_volatile(&node, &known).as_deref(),
                volatile,
                "{expression}"
            );
            assert_eq!(
                first_unknown(&node, &known).as_deref(),
                unknown,
                "{expression}"
            );
        }
    }
}
