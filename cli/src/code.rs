//! What a person types as they vote.
//!
//! A one-time code: from standard input, the environment or a prompt that doesn't show it.
//! Never an argument: arguments stand in shell histories and process lists. And the version
//! that they approve, which is no secret.

use std::io::{BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::error::{Error, Result};

/// The environment variable that may hold the code.
pub const VARIABLE: &str = "SLUICE_APPROVAL_CODE";

/// What is read, as errors call it.
const CODE: &str = "one-time code";

/// Reads the code of this person.
///
/// # Errors
/// When there is none and nobody to ask.
pub fn read(person: &str, from_stdin: bool) -> Result<String> {
    if from_stdin {
        return line(CODE, "standard input");
    }
    if let Some(code) = std::env::var(VARIABLE).ok().filter(|code| !code.is_empty()) {
        return Ok(code);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::Usage(format!(
            "a one-time code is needed: set {VARIABLE}, or pipe it in with --code-stdin"
        )));
    }
    prompt(&format!("One-time code of {person}: "))
}

/// Asks at the terminal for the version that is approved.
///
/// # Errors
/// When there is nobody to ask, or they type none.
pub fn version() -> Result<String> {
    if !std::io::stdin().is_terminal() {
        let message = "this environment wants the version typed by whoever approves it, and there is no \
                       terminal to ask at: pass it with --type-version VERSION";
        return Err(Error::Usage(message.to_owned()));
    }
    let mut errors = std::io::stderr().lock();
    write!(errors, "The version that you approve: ")
        .and_then(|()| errors.flush())
        .map_err(Error::Output)?;
    line("version", "the terminal")
}

fn line(what: &str, from: &'static str) -> Result<String> {
    let mut typed = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut typed)
        .map_err(Error::file("read", from))?;
    let typed = typed.trim_end_matches(['\r', '\n']).to_owned();
    if typed.is_empty() {
        Err(Error::Usage(format!("found no {what} on {from}")))
    } else {
        Ok(typed)
    }
}

fn prompt(question: &str) -> Result<String> {
    let terminal = rustix::stdio::stdin();
    let failed = |error: rustix::io::Errno| Error::Output(error.into());
    let before = tcgetattr(terminal).map_err(failed)?;
    let mut silent = before.clone();
    silent.local_modes -= LocalModes::ECHO;
    let mut errors = std::io::stderr().lock();
    write!(errors, "{question}")
        .and_then(|()| errors.flush())
        .map_err(Error::Output)?;
    tcsetattr(terminal, OptionalActions::Flush, &silent).map_err(failed)?;
    let code = line(CODE, "the terminal");
    let restored = tcsetattr(terminal, OptionalActions::Flush, &before);
    // The person's own newline wasn't shown either.
    writeln!(errors).map_err(Error::Output)?;
    restored.map_err(failed)?;
    code
}
