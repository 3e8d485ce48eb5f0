//! What to do about what a server said, by its SQLSTATE (PostgreSQL's documentation,
//! "PostgreSQL Error Codes").

/// What to do about a statement of a migration that was refused.
pub(crate) fn of_statement(code: &str) -> &'static str {
    match code {
        "42P07" | "42710" | "42P06" | "42723" => {
            "what it makes is there already: see who made it and whether it is the same; then take it \
             out of the file, or drop what nobody needs, and release a new version"
        }
        "42701" => {
            "the column is there already: see who added it and whether it is the same; then take it \
             out of the file and release a new version"
        }
        "42P01" | "42703" | "42704" | "42883" | "3F000" => {
            "what it names is not there: look for a slip in the name, its schema, or a migration that \
             has to come before; mend the file and release a new version"
        }
        "23505" => {
            "rows are the same where none may be: find them and mend them in a migration before this \
             one, and release a new version"
        }
        "23502" => {
            "rows have no value where each needs one: fill them in a migration before this one, best \
             in a backfill, and release a new version"
        }
        "23503" | "23514" | "23P01" => {
            "rows are there that it forbids: mend them in a migration before this one, and release a \
             new version"
        }
        "42501" => {
            "the database's user may not do that: GRANT it what the server names, or the role that \
             owns the table (GRANT owner TO user), and release again"
        }
        "57014" => {
            "where it took too long, make a backfill of it, or raise \
             `database.statement_timeout_seconds` and, where that ends sooner, the time-out of the \
             function that migrates; where somebody canceled it, ask them; then release again"
        }
        "53100" => "the server's disk is full: give it more storage, and release again",
        "40P01" | "40001" | "55P03" => "others were in its way: release again when they are done",
        code if is_about_the_server(code) => of_server(code),
        _ => "mend the file and release a new version; the server's log may say more",
    }
}

/// What to do about something that was refused which Sluice asks for itself.
pub(crate) fn of_server(code: &str) -> &'static str {
    match code {
        "42501" => {
            "GRANT the database's user what the server names: to create the schema `sluice`, and to \
             write there and into the tool's table; then release again"
        }
        "42P01" | "42703" => {
            "the table is not as its tool or Sluice makes it: see who changed it, bring it back, and \
             release again"
        }
        "57014" => "the server is slow, or somebody canceled it: see its load, and release again",
        "53100" => "the server's disk is full: give it more storage, and release again",
        "53300" => "the server has too many sessions: see who holds them, and release again",
        "40P01" | "40001" | "55P03" => "others were in its way: release again when they are done",
        code if is_about_the_server(code) => {
            "it is tried again, and goes on from what the database says; where it stays so, look at \
             the server's log"
        }
        _ => "look at the server's log, and release again",
    }
}

/// Sessions that end (08, 57P), and a server that lacks something or broke (53, 58, XX).
fn is_about_the_server(code: &str) -> bool {
    let classes = ["08", "57P", "53", "58", "XX"];
    classes.iter().any(|class| code.starts_with(class))
}
