//! What a runner of GitHub Actions makes of the lines that a step prints: some of them
//! are commands to it.
//!
//! Decides: how an annotation is written, so that nothing in it ends it early; and how
//! everything else is written, so that none of it is a command whatever others wrote into
//! it.
//!
//! Sources: GitHub Docs, "Workflow commands for GitHub Actions"; the runner itself,
//! `src/Runner.Common/ActionCommand.cs`, which takes `::name::` where a line begins and
//! `##[name]` anywhere in one.

/// What begins a command of the older kind, and what is shown in its place.
const OLDER: (&str, &str) = ("##[", "## [");
/// The same within the texts of a JSON document, where it keeps its meaning.
const OLDER_IN_JSON: (&str, &str) = ("##[", "##\\u005b");
/// What begins a command, and what is shown in its place.
const COMMAND: (&str, &str) = ("::", ": :");

/// Whether this is a job of GitHub Actions.
pub(crate) fn is_job() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// The line that shows an error where a workflow's results are shown.
pub(crate) fn annotation(title: &str, message: &str) -> String {
    format!("::error title={}::{}", property(title), data(message))
}

/// The line that shows an `error` or a `warning` at a file, or at a line of it.
pub(crate) fn annotation_of(
    level: &str,
    (file, line): (&str, Option<usize>),
    title: &str,
    message: &str,
) -> String {
    let (file, title) = (property(file), property(title));
    let line = line.map_or_else(String::new, |line| format!(",line={line}"));
    let message = data(message);
    format!("::{level} file={file}{line},title={title}::{message}")
}

/// Lines of which none is a command.
pub(crate) fn lines(text: &str) -> String {
    let text = text.replace(OLDER.0, OLDER.1);
    let harmless = |line: &str| match line.trim_start().starts_with(COMMAND.0) {
        true => line.replacen(COMMAND.0, COMMAND.1, 1),
        false => line.to_owned(),
    };
    text.split('\n')
        .map(harmless)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A JSON document of which no line is a command, and which means the same: where its
/// lines begin, no text of it stands.
pub(crate) fn document(json: &str) -> String {
    json.replace(OLDER_IN_JSON.0, OLDER_IN_JSON.1)
}

/// A message, as commands want it: what would end it is encoded.
fn data(text: &str) -> String {
    text.replace(OLDER.0, OLDER.1)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property of a command: what would end it is encoded, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Names of files, findings and tests that want to be commands.
    const FORGED: [&str; 8] = [
        "a\n::stop-commands::x",
        "a\r::add-mask::x",
        "a%0A::error::x",
        "x,title=y::z",
        "::set-output name=digest::x",
        "##[set-output name=digest;]x",
        "a ###[add-mask]x",
        "%25%0A%3A%2C",
    ];

    /// The runner's way to read a line as a command: its name and its data, decoded.
    fn command(line: &str) -> Option<(String, String)> {
        if let Some(rest) = line.trim_start().strip_prefix("::")
            && let Some((command, data)) = rest.split_once("::")
        {
            let decoded = ["%0D", "%0A", "%25"].into_iter().zip(["\r", "\n", "%"]);
            let data = decoded.fold(data.to_owned(), |data, (code, sign)| {
                data.replace(code, sign)
            });
            return Some((command.to_owned(), data));
        }
        let (command, data) = line.split_once("##[")?.1.split_once(']')?;
        Some((command.to_owned(), data.to_owned()))
    }

    /// What a runner takes for lines.
    fn read(text: &str) -> Vec<&str> {
        text.split(['\r', '\n']).collect()
    }

    #[test]
    fn an_annotation_is_one_command_whatever_is_in_it() {
        assert_eq!(
            annotation("a:b,c", "50 %\n::warning::x"),
            "::error title=a%3Ab%2Cc::50 %25%0A::warning::x"
        );
        for forged in FORGED {
            let line = annotation_of("error", (forged, None), forged, forged);
            assert_eq!(read(&line), [&line], "{forged}");
            let (command, data) = command(&line).expect("a command");
            assert_eq!(data, forged.replace("##[", "## ["));
            assert!(command.starts_with("error file="), "{command}");
            let properties: Vec<&str> = command.split(',').collect();
            assert_eq!(properties.len(), 2, "{command}");
            assert!(properties[1].starts_with("title="), "{command}");
            assert!(!line.contains("##["), "older runners take {line}");
        }
    }

    #[test]
    fn no_other_line_is_a_command() {
        for forged in FORGED {
            let text = lines(&format!("refuse  digest  {forged}\n{forged}\n  {forged}"));
            // What is printed has lost its other control characters before.
            let text = text.replace('\r', "");
            let commands: Vec<_> = read(&text).into_iter().filter_map(command).collect();
            assert_eq!(commands, [], "{text}");
        }
        let fine = "digest  sha256::1 # [a] ##\n\n  at a::b";
        assert_eq!(lines(fine), fine);
    }

    #[test]
    fn a_document_means_the_same_and_has_no_command_in_it() {
        let found = Value::from(FORGED.to_vec());
        for written in [format!("{found}"), format!("{found:#}")] {
            let shown = document(&written);
            let commands: Vec<_> = read(&shown).into_iter().filter_map(command).collect();
            assert_eq!(commands, [], "{shown}");
            assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), found);
        }
    }
}
