//! The settings that a forecast goes by: those of an environment, those of a
//! file that is not written yet, or what holds where nothing is set.

use std::path::Path;

use aws_config::SdkConfig;
use json_comments::CommentSettings;
use sluice_domain::document::Document as _;
use sluice_domain::settings::Settings;
use sluice_platform::settings::parameter;

use crate::error::{Error, Result};
use crate::parameters;

/// Settings that set nothing.
const NOTHING_SET: &str = r#"{"schema": 1, "order": 1, "functions": {"any": {"name": "any"}}}"#;

/// A file's text without its comments. `-` is standard input.
///
/// What stands beside `//` stays in its line and column, so that errors name places that
/// people find in the file.
///
/// # Errors
/// When it can't be read, or a comment has no end.
pub fn read(file: &Path) -> Result<String> {
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    text.and_then(|text| without_comments(&text))
        .map_err(Error::file("read", file))
}

/// JSON of which comments are blanked out.
pub(crate) fn without_comments(text: &str) -> std::io::Result<String> {
    let settings = CommentSettings::c_style();
    std::io::read_to_string(settings.strip_comments(text.as_bytes()))
}

/// The text without what comments left behind: lines of nothing, and space at their ends.
/// One without any is left as it is.
#[must_use]
pub fn tidy(text: &str) -> String {
    let is_left = |line: &str| line.ends_with(' ');
    if !text.lines().any(is_left) {
        return text.to_owned();
    }
    let lines = text.lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

/// The settings in a file.
///
/// # Errors
/// When it can't be read, or is not valid.
pub fn of_file(file: &Path) -> Result<Settings> {
    let name = file.display().to_string();
    Ok(Settings::parse(&name, read(file)?.as_bytes())?)
}

/// The settings of an environment.
///
/// # Errors
/// When there are none, they are not valid, or Parameter Store fails.
pub async fn of_environment(
    config: &SdkConfig,
    application: &str,
    environment: &str,
) -> Result<Settings> {
    let stored = parameters::get(config, application, environment).await?;
    let name = parameter(application, environment);
    Ok(Settings::parse(&name, stored.text.as_bytes())?)
}

/// The settings that hold where nothing is set.
///
/// # Errors
/// When they are not valid, which a test excludes.
pub fn defaults() -> Result<Settings> {
    Ok(Settings::parse("the defaults", NOTHING_SET.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_domain::judge::JudgePolicy;

    #[test]
    fn comments_are_blanked_out_where_they_stand_and_gone_when_it_is_tidy() {
        let written = "// a\n{\n  \"a\": \"// no comment\", // one\n  \"b\": 1\n}\n";
        let read = without_comments(written).expect("text");
        let columns = |text: &str| text.lines().map(|line| line.find('"')).collect::<Vec<_>>();
        assert_eq!(columns(&read), columns(written));
        assert_eq!(
            tidy(&read),
            "{\n  \"a\": \"// no comment\",\n  \"b\": 1\n}\n"
        );
        assert_eq!(tidy("{\n\n}"), "{\n\n}");
    }

    #[test]
    fn where_nothing_is_set_the_shipped_defaults_hold() {
        let settings = defaults().expect("valid");
        assert_eq!(settings.judge, JudgePolicy::default());
        assert_eq!(settings.steps.len(), 3);
    }
}
