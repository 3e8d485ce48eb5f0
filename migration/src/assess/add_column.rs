//! `ALTER TABLE … ADD COLUMN`.

use squawk_syntax::SyntaxKind;
use squawk_syntax::ast::{self, AstNode as _, Constraint};

use super::calls::first_volatile;
use super::constraint::{NARROWED, REFERRED};
use super::effect::{Effect, LockMode};
use super::known::Known;
use super::names::{made, name_of, text};
use super::types::DataType;

/// What a column is to be.
struct Column<'a> {
    table: &'a str,
    name: String,
    data_type: Option<DataType>,
    /// The type as it is written.
    written: String,
    constraints: Vec<Constraint>,
    /// What it holds in rows that are there; nothing where that is null.
    default: Option<ast::Expr>,
}

pub(super) fn assess(table: &str, action: &ast::AddColumn, known: &mut Known) -> Effect {
    let column = Column::of(table, action);
    if action.if_not_exists().is_some() {
        known.forget_column(table, &column.name);
    } else if let Some(data_type) = &column.data_type {
        known.set_type(table, &column.name, data_type.clone());
    }
    let brief = Effect::a("stops everybody for a moment, and writes no row")
        .exclusively([table.to_owned()]);
    let parts = [
        column.of_type(known),
        column.of_default(known),
        column.without_value(),
    ];
    let of_constraints = column
        .constraints
        .iter()
        .filter_map(|it| column.of_constraint(it));
    let parts = parts.into_iter().flatten().chain(of_constraints);
    parts.fold(brief, Effect::and)
}

impl<'a> Column<'a> {
    fn of(table: &'a str, action: &ast::AddColumn) -> Self {
        let constraints: Vec<Constraint> = action.constraints().collect();
        let default = constraints.iter().find_map(|it| match it {
            Constraint::DefaultConstraint(it) => it.expr(),
            _ => None,
        });
        Self {
            table,
            name: name_of(action.column_name()),
            data_type: action.ty().map(|ty| DataType::of(ty.syntax())),
            written: action.ty().map(|ty| text(ty.syntax())).unwrap_or_default(),
            constraints,
            default: default.filter(|it| !is_null(it)),
        }
    }

    fn on(&self) -> [String; 1] {
        [self.table.to_owned()]
    }

    /// In steps that write no row while others wait.
    fn stepwise(&self, effect: Effect, data_type: &str, default: &str) -> Effect {
        let (table, name) = (self.table, &self.name);
        effect.safer(
            format!("add {name} without a default, set the default, and fill the rows that are there in batches"),
            [
                format!("ALTER TABLE {table} ADD COLUMN {name} {data_type};"),
                format!("ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT {default};"),
            ],
        )
    }

    fn of_type(&self, known: &Known) -> Option<Effect> {
        let data_type = self.data_type.as_ref()?;
        if data_type.is_serial() {
            let integer = match data_type.name() {
                "bigserial" => "bigint",
                "smallserial" => "smallint",
                _ => "integer",
            };
            let sequence = made(&[self.table, &self.name, "seq"]);
            let effect = self.rewritten("each row gets a number of its own");
            let default = format!("nextval('{sequence}')");
            let effect =
                effect.depends("only the role that owns the new sequence takes numbers from it");
            return Some(self.stepwise(effect, integer, &default));
        }
        if data_type.is_plain() || known.is_no_domain(data_type.name()) {
            return None;
        }
        let reason = format!(
            "{} may be a domain with constraints, against which the default is checked for each row",
            data_type.name()
        );
        let effect = self.rewritten(&reason);
        Some(effect.depends("a domain may refuse the null, or the default, that its rows get"))
    }

    fn of_default(&self, known: &Known) -> Option<Effect> {
        let default = self.default.as_ref()?;
        let function = first_volatile(default.syntax(), known)?;
        let reason = format!("{function} may answer anew for each row");
        let effect = self.rewritten(&reason);
        Some(self.stepwise(effect, &self.written, &text(default.syntax())))
    }

    fn rewritten(&self, why: &str) -> Effect {
        Effect::c(format!(
            "writes the whole table anew while nobody reads it: {why}"
        ))
        .exclusively(self.on())
        .rewrites()
    }

    /// What may not be null, and has no value.
    fn without_value(&self) -> Option<Effect> {
        let must = self.constraints.iter().any(|it| {
            matches!(
                it,
                Constraint::NotNullConstraint(_) | Constraint::PrimaryKeyConstraint(_)
            )
        });
        let generated = self.constraints.iter();
        let mut generated = generated.filter(|it| matches!(it, Constraint::GeneratedConstraint(_)));
        let is_serial = self.data_type.as_ref().is_some_and(DataType::is_serial);
        if !must || is_serial || self.default.is_some() || generated.next().is_some() {
            return None;
        }
        let (table, name, written) = (self.table, &self.name, &self.written);
        let effect = Effect::c("fails on a table that has rows: they have no value for the column")
            .exclusively(self.on())
            .breaks(format!("its INSERTs give no value to {name}"));
        Some(effect.safer(
            "give it a default that old code's rows may have, or leave NOT NULL for a later release",
            [format!("ALTER TABLE {table} ADD COLUMN {name} {written};")],
        ))
    }

    fn of_constraint(&self, constraint: &Constraint) -> Option<Effect> {
        let (table, name) = (self.table, &self.name);
        match constraint {
            Constraint::GeneratedConstraint(it) => Some(self.generated(it)),
            Constraint::UniqueConstraint(_) | Constraint::PrimaryKeyConstraint(_) => {
                let index = made(&[table, name, "key"]);
                let effect = Effect::b("builds an index while nobody reads or writes")
                    .exclusively(self.on())
                    .scans();
                let effect = match &self.default {
                    Some(_) => effect.breaks(format!("its INSERTs give all rows the same {name}")),
                    None => effect,
                };
                Some(effect.safer(
                    "add the column alone, then the index CONCURRENTLY",
                    [format!(
                        "CREATE UNIQUE INDEX CONCURRENTLY {index} ON {table} ({name});"
                    )],
                ))
            }
            Constraint::CheckConstraint(it) => {
                let check = made(&[table, name, "check"]);
                let check = it.constraint_name_clause().map_or(check, |clause| {
                    let words = text(clause.syntax());
                    words
                        .split_whitespace()
                        .nth(1)
                        .unwrap_or_default()
                        .to_owned()
                });
                let expression = it.expr().map(|it| text(it.syntax())).unwrap_or_default();
                let effect = Effect::b("reads all rows while nobody reads or writes")
                    .exclusively(self.on())
                    .scans()
                    .depends(NARROWED);
                Some(effect.safer(
                    "add the column alone, then the CHECK as NOT VALID, then validate it",
                    [
                        format!("ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({expression}) NOT VALID;"),
                        format!("ALTER TABLE {table} VALIDATE CONSTRAINT {check};"),
                    ],
                ))
            }
            Constraint::ReferencesConstraint(it) => Some(self.references(it)),
            Constraint::DefaultConstraint(_)
            | Constraint::NotNullConstraint(_)
            | Constraint::NullConstraint(_) => None,
            _ => Some(Effect::unknown("a constraint that is not known").exclusively(self.on())),
        }
    }

    fn generated(&self, constraint: &ast::GeneratedConstraint) -> Effect {
        let mut tokens = constraint.syntax().descendants_with_tokens();
        let is_written =
            tokens.any(|it| matches!(it.kind(), SyntaxKind::STORED_KW | SyntaxKind::IDENTITY_KW));
        if is_written {
            return self.rewritten("each row gets a value of its own").safer(
                "add a column without it, and fill the rows that are there in batches",
                [],
            );
        }
        Effect::b("its value is computed whenever a row is read, by PostgreSQL 18 and later")
            .exclusively(self.on())
    }

    fn references(&self, constraint: &ast::ReferencesConstraint) -> Effect {
        let (table, name) = (self.table, &self.name);
        let parent = name_of(constraint.table());
        if self.default.is_none() {
            return Effect::a(format!("stops writes to {parent} for a moment"))
                .locks(LockMode::ShareRowExclusive, [parent])
                .depends(REFERRED);
        }
        let key = made(&[table, name, "fkey"]);
        Effect::b("reads all rows while nobody reads or writes")
            .exclusively(self.on())
            .scans()
            .depends(REFERRED)
            .safer(
                "add the column alone, then the foreign key as NOT VALID, then validate it",
                [
                    format!("ALTER TABLE {table} ADD CONSTRAINT {key} FOREIGN KEY ({name}) REFERENCES {parent} NOT VALID;"),
                    format!("ALTER TABLE {table} VALIDATE CONSTRAINT {key};"),
                ],
            )
    }
}

/// Whether a default is the one that a column has anyway.
fn is_null(expression: &ast::Expr) -> bool {
    let words = text(expression.syntax()).to_lowercase();
    let value = words.split("::").next().unwrap_or_default();
    value.trim() == "null"
}
