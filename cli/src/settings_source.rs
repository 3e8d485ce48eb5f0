//! The settings that a forecast goes by: those of an environment, those of a
//! file that is not written yet, or what holds where nothing is set.

use std::path::Path;

use aws_config::SdkConfig;
use sluice_domain::document::Document as _;
use sluice_domain::settings::Settings;
use sluice_platform::settings::parameter;

use crate::error::{Error, Result};
use crate::parameters;

/// Settings that set nothing.
const NOTHING_SET: &str = r#"{"schema": 1, "order": 1, "functions": {"any": {"name": "any"}}}"#;

/// A file's text. `-` is standard input.
///
/// # Errors
/// When it can't be read.
pub fn read(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).map_err(Error::file("read", file));
    }
    std::fs::read_to_string(file).map_err(Error::file("read", file))
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
    fn where_nothing_is_set_the_shipped_defaults_hold() {
        let settings = defaults().expect("valid");
        assert_eq!(settings.judge, JudgePolicy::default());
        assert_eq!(settings.steps.len(), 3);
    }
}
