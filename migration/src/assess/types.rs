//! Data types: which have a hidden cost, and which changes of a column's type leave its
//! rows as they are.

use squawk_syntax::{SyntaxKind, SyntaxNode};

/// A data type with the name that it has in `pg_type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataType {
    base: String,
    /// Length, precision, scale.
    modifiers: Vec<u32>,
    is_array: bool,
}

/// What a change of a column's type does to its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// They stay as they are.
    Kept,
    /// They stay as they are if the session's time zone is UTC, else they are written anew.
    KeptInUtc,
    /// They are written anew, or it can't be told.
    Rewritten,
}

/// Names that mean the same as others.
const SYNONYMS: [(&str, &str); 24] = [
    ("int", "int4"),
    ("integer", "int4"),
    ("bigint", "int8"),
    ("smallint", "int2"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("boolean", "bool"),
    ("real", "float4"),
    ("float", "float8"),
    ("double precision", "float8"),
    ("character varying", "varchar"),
    ("char varying", "varchar"),
    ("character", "bpchar"),
    ("char", "bpchar"),
    ("bit varying", "varbit"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
    ("serial4", "serial"),
    ("serial8", "bigserial"),
    ("serial2", "smallserial"),
    ("national character varying", "varchar"),
    ("national character", "bpchar"),
];

/// Types that are no domains: PostgreSQL's own, and those of common extensions.
const PLAIN: &str = "int2 int4 int8 numeric bool float4 float8 varchar bpchar text bytea date \
    timestamp timestamptz time timetz interval uuid json jsonb jsonpath xml inet cidr macaddr \
    macaddr8 bit varbit money point line lseg box path polygon circle tsvector tsquery oid name \
    regclass regproc regtype pg_lsn int4range int8range numrange tsrange tstzrange daterange \
    int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange \
    citext hstore ltree vector halfvec sparsevec geometry geography";

/// More of PostgreSQL's own, which few columns have.
const RARE: &str = "\"char\" char regconfig regnamespace regrole regprocedure regoper regoperator \
    regdictionary regcollation xid xid8 cid tid int2vector oidvector pg_snapshot txid_snapshot \
    refcursor serial bigserial smallserial cube ulid";

impl DataType {
    /// The type that a node names.
    pub(crate) fn of(node: &SyntaxNode) -> Self {
        let (mut words, mut modifiers, mut is_array) = (Vec::new(), Vec::new(), false);
        let tokens = node.descendants_with_tokens();
        for token in tokens.filter_map(|it| it.into_token()) {
            match token.kind() {
                SyntaxKind::WHITESPACE | SyntaxKind::COMMENT => {}
                SyntaxKind::L_BRACK | SyntaxKind::ARRAY_KW => is_array = true,
                SyntaxKind::INT_NUMBER => modifiers.extend(token.text().parse::<u32>().ok()),
                SyntaxKind::DOT => words.push(".".to_owned()),
                kind if kind.is_punctuation() => {}
                _ => words.push(super::names::identifier(token.text())),
            }
        }
        let name = words.join(" ").replace(" . ", ".");
        let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
        let synonym = SYNONYMS.iter().find(|(word, _)| *word == name);
        Self {
            base: synonym.map_or(name, |(_, base)| base).to_owned(),
            modifiers,
            is_array,
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.base
    }

    /// Whether it is a number out of a sequence of its own.
    pub(crate) fn is_serial(&self) -> bool {
        matches!(self.base.as_str(), "serial" | "bigserial" | "smallserial")
    }

    /// Whether it is surely no domain, which may have constraints.
    pub(crate) fn is_plain(&self) -> bool {
        PLAIN.split_whitespace().any(|plain| plain == self.base)
    }

    /// Whether it is one of PostgreSQL's, or of a common extension's.
    pub(crate) fn is_own(&self) -> bool {
        self.is_plain() || RARE.split_whitespace().any(|rare| rare == self.base)
    }

    /// What a change to another type does to rows.
    ///
    /// Source: PostgreSQL's documentation of `ALTER TABLE`, and the release notes of 9.2,
    /// which list the changes that write nothing anew.
    pub(crate) fn change_to(&self, to: &Self) -> Change {
        if self.is_array || to.is_array {
            return if self == to {
                Change::Kept
            } else {
                Change::Rewritten
            };
        }
        let bases = (self.base.as_str(), to.base.as_str());
        match bases {
            ("timestamp", "timestamptz") | ("timestamptz", "timestamp")
                if self.modifiers == to.modifiers =>
            {
                Change::KeptInUtc
            }
            ("varchar", "text") | ("cidr", "inet") => Change::Kept,
            ("text", "varchar") if to.modifiers.is_empty() => Change::Kept,
            ("numeric", "numeric") => self.numeric_to(to),
            ("varchar" | "varbit" | "timestamp" | "timestamptz" | "time" | "timetz", _)
                if bases.0 == bases.1 =>
            {
                self.wider(to)
            }
            _ if self == to => Change::Kept,
            _ => Change::Rewritten,
        }
    }

    /// Whether all that fits into one fits into the other, by the one modifier.
    fn wider(&self, to: &Self) -> Change {
        match (&self.modifiers[..], &to.modifiers[..]) {
            (_, []) => Change::Kept,
            ([from], [to]) if to >= from => Change::Kept,
            _ => Change::Rewritten,
        }
    }

    fn numeric_to(&self, to: &Self) -> Change {
        let scale = |it: &[u32]| it.get(1).copied().unwrap_or(0);
        match (&self.modifiers[..], &to.modifiers[..]) {
            (_, []) => Change::Kept,
            (from @ [one, ..], to @ [other, ..]) if other >= one && scale(from) == scale(to) => {
                Change::Kept
            }
            _ => Change::Rewritten,
        }
    }
}

#[cfg(test)]
mod tests {
    use squawk_syntax::SourceFile;
    use squawk_syntax::ast::{AddColumn, AstNode as _};

    use super::*;

    fn data_type(text: &str) -> DataType {
        let file = SourceFile::parse(&format!("ALTER TABLE t ADD COLUMN c {text};"));
        let mut nodes = file.syntax_node().descendants();
        let column = nodes.find_map(AddColumn::cast).expect("a column");
        DataType::of(column.ty().expect("a type").syntax())
    }

    #[test]
    fn types_are_known_however_they_are_written() {
        for (one, other) in [
            ("int", "INTEGER"),
            ("varchar(10)", "character varying (10)"),
            ("timestamptz", "timestamp with time zone"),
            ("double /* x */ precision", "float8"),
            ("pg_catalog.int8", "bigint"),
            ("numeric(4, 2)", "decimal(4,2)"),
            ("int[]", "integer ARRAY"),
        ] {
            assert_eq!(data_type(one), data_type(other), "{one} {other}");
        }
        assert!(data_type("BIGSERIAL").is_serial());
        assert!(data_type("text").is_plain() && !data_type("public.email").is_plain());
    }

    #[test]
    fn rows_stay_as_they_are_where_all_of_them_fit_without_a_look() {
        let table = [
            ("varchar(10)", "varchar(20)", Change::Kept),
            ("varchar(10)", "varchar", Change::Kept),
            ("varchar(10)", "text", Change::Kept),
            ("text", "varchar", Change::Kept),
            ("text", "varchar(10)", Change::Rewritten),
            ("varchar(20)", "varchar(10)", Change::Rewritten),
            ("numeric(10,2)", "numeric(12,2)", Change::Kept),
            ("numeric(10,2)", "numeric(12,3)", Change::Rewritten),
            ("numeric(10,2)", "numeric", Change::Kept),
            ("numeric", "numeric(10,2)", Change::Rewritten),
            ("int", "bigint", Change::Rewritten),
            ("int", "text", Change::Rewritten),
            ("timestamp", "timestamptz", Change::KeptInUtc),
            ("timestamp(0)", "timestamptz", Change::Rewritten),
            ("timestamp(0)", "timestamp(3)", Change::Kept),
            ("char(3)", "char(4)", Change::Rewritten),
            ("varchar(3)[]", "varchar(4)[]", Change::Rewritten),
            ("cidr", "inet", Change::Kept),
        ];
        for (from, to, expected) in table {
            let found = data_type(from).change_to(&data_type(to));
            assert_eq!(found, expected, "{from} → {to}");
        }
    }
}
