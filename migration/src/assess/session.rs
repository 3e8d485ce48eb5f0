//! Settings of the session.

use squawk_syntax::ast::{self, AstNode as _, SetTarget, Stmt};

use super::effect::Effect;
use super::known::Known;
use super::names::{name, text};

/// What Sluice sets itself, so that a migration stops nobody for long.
const OF_SLUICE: &str = "lock_timeout statement_timeout transaction_timeout \
    idle_in_transaction_session_timeout client_connection_check_interval";

/// What changes nothing that another statement means.
const HARMLESS: &str = "client_min_messages client_encoding log_min_messages \
    check_function_bodies xmloption work_mem maintenance_work_mem \
    max_parallel_maintenance_workers max_parallel_workers_per_gather application_name \
    default_tablespace default_table_access_method default_with_oids datestyle intervalstyle \
    deadlock_timeout log_statement synchronous_commit";

/// The setting of Sluice's own that a statement changes, if it does.
pub(crate) fn is_of_sluice(statement: &Stmt) -> Option<String> {
    let setting = match statement {
        Stmt::Set(it) => setting(it)?,
        Stmt::Reset(it) => name(it.reset_target()?.syntax()),
        Stmt::Discard(_) => "all".to_owned(),
        _ => return None,
    };
    let is_ours = OF_SLUICE.split_whitespace().any(|ours| ours == setting);
    (is_ours || setting == "all").then_some(setting)
}

/// The name of what is set, if it is a setting by name.
fn setting(statement: &ast::Set) -> Option<String> {
    match statement.set_target()? {
        SetTarget::SetConfig(it) => Some(name(it.config_parameter_ref()?.syntax())),
        _ => None,
    }
}

pub(super) fn set(statement: &ast::Set, known: &mut Known) -> Effect {
    let Some(setting) = setting(statement) else {
        return match statement.set_target() {
            Some(SetTarget::SetTimeZone(_)) => {
                Effect::b("changes what times without a zone mean in the statements below")
            }
            Some(SetTarget::SetSchemaValue(_)) => searched(known),
            _ => unknown(known),
        };
    };
    let value = statement
        .set_target()
        .map(|it| text(it.syntax()).to_lowercase());
    let written = value.unwrap_or_default().replace(" to ", "=");
    let value = written.rsplit(['=', ' ']).next().unwrap_or_default();
    let is_on = matches!(value.trim_matches('\''), "on" | "true" | "yes" | "1");
    match setting.as_str() {
        "search_path" => {
            // Named behind others, PostgreSQL's own schema is no longer searched first.
            let first = written.split([',', '=']).nth(1).unwrap_or_default();
            if written.contains("pg_catalog") && !first.contains("pg_catalog") {
                known.brought.shadow();
            }
            searched(known)
        }
        "timezone" => Effect::b("changes what times without a zone mean in the statements below"),
        // Off, it changes what backslashes in strings mean, which the parser relies on.
        "standard_conforming_strings" if is_on => Effect::a("as it is anyway"),
        "row_security" => Effect::a("changes whether policies fail or leave out rows"),
        _ if HARMLESS.split_whitespace().any(|it| it == setting) => {
            Effect::a("changes nothing that other statements mean")
        }
        _ => unknown(known),
    }
}

fn searched(known: &mut Known) -> Effect {
    known.forget_unqualified();
    Effect::b("names without a schema may mean others in the statements below")
        .safer("write the schema before each name", [])
}

fn unknown(known: &mut Known) -> Effect {
    known.forget_all();
    Effect::unknown("changes a setting that may change what other statements mean")
}

pub(super) fn reset(known: &mut Known) -> Effect {
    unknown(known)
}

pub(super) fn role(known: &mut Known) -> Effect {
    known.forget_all();
    Effect::unknown("the statements below run as another role, which owns what they create")
}
