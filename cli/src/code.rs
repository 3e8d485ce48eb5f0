//! A person's approval code: from standard input, the environment or a prompt
//! that doesn't show it. Never an argument: arguments stand in shell histories
//! and process lists.

use std::io::{BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::error::{Error, Result};

/// The environment variable that may hold the code.
pub const VARIABLE: &str = "SLUICE_APPROVAL_CODE";

/// Reads the code of this person.
///
/// # Errors
/// When there is none and nobody to ask.
pub fn read(person: &str, from_stdin: bool) -> Result<String> {
    if from_stdin {
        return line("standard input");
    }
    if let Some(code) = std::env::var(VARIABLE).ok().filter(|code| !code.is_empty()) {
        return Ok(code);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::Usage(format!(
            "an approval code is needed: set {VARIABLE}, or pipe it in with --code-stdin"
        )));
    }
    prompt(&format!("Approval code of {person}: "))
}

fn line(from: &'static str) -> Result<String> {
    let mut code = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut code)
        .map_err(Error::file("read the code from", from))?;
    let code = code.trim_end_matches(['\r', '\n']).to_owned();
    if code.is_empty() {
        Err(Error::Usage(format!("found no approval code on {from}")))
    } else {
        Ok(code)
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
    let code = line("the terminal");
    let restored = tcsetattr(terminal, OptionalActions::Flush, &before);
    // The person's own newline wasn't shown either.
    writeln!(errors).map_err(Error::Output)?;
    restored.map_err(failed)?;
    code
}
