//! Functions that expressions call, as far as it is known what they do.

use squawk_syntax::ast::{AstNode as _, CallExpr};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::names::{identifier, is_qualified, text};

/// Functions of PostgreSQL's that answer the same for each row of a statement. A default
/// of these is computed once, and no row is written.
///
/// Source: `provolatile` in PostgreSQL's `pg_proc`.
const STABLE: &str = "now transaction_timestamp statement_timestamp current_setting \
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
    to_hex host network unnest row_to_json extract overlay width_bucket pg_typeof";

/// Functions of PostgreSQL's, and of its extension for UUIDs, that answer anew each time
/// and change nothing that others would miss.
const HARMLESS: &str = "gen_random_uuid uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 \
    uuidv4 uuidv7 gen_random_bytes random clock_timestamp timeofday nextval currval lastval \
    count sum min max avg array_agg string_agg json_agg jsonb_agg json_object_agg \
    jsonb_object_agg bool_and bool_or every stddev variance percentile_cont percentile_disc mode \
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value \
    nth_value generate_series generate_subscripts jsonb_array_elements \
    jsonb_array_elements_text json_array_elements json_array_elements_text jsonb_each \
    jsonb_each_text json_each json_each_text jsonb_object_keys json_object_keys \
    jsonb_to_recordset json_to_recordset jsonb_to_record regexp_matches regexp_split_to_table \
    string_to_table version pg_get_serial_sequence to_regclass txid_current \
    pg_current_xact_id";

/// The first function that may answer differently for each row, if any is called.
pub(crate) fn first_volatile(node: &SyntaxNode) -> Option<String> {
    calls(node).find(|name| !is_of(STABLE, name))
}

/// The first function of which it is not known what it does, if any is called.
pub(crate) fn first_unknown(node: &SyntaxNode) -> Option<String> {
    calls(node).find(|name| !is_of(STABLE, name) && !is_of(HARMLESS, name))
}

fn is_of(list: &str, name: &str) -> bool {
    let bare = name.strip_prefix("pg_catalog.").unwrap_or(name);
    !is_qualified(bare) && list.split_whitespace().any(|known| known == bare)
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
            ("gen_random_uuid()", Some("gen_random_uuid"), None),
            ("now() + f(1)", Some("f"), Some("f")),
            ("public.now()", Some("public.now"), Some("public.now")),
            ("\"Now\"()", Some("\"Now\""), Some("\"Now\"")),
            ("(SELECT count(*) FROM g(1))", Some("count"), Some("g")),
        ] {
            let file = SourceFile::parse(&format!("SELECT {expression};"));
            let node = file.syntax_node();
            assert_eq!(first_volatile(&node).as_deref(), volatile, "{expression}");
            assert_eq!(first_unknown(&node).as_deref(), unknown, "{expression}");
        }
    }
}
