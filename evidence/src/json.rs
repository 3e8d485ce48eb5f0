//! JSON of reports.

use serde::de::DeserializeOwned;
use sluice_domain::evidence::Format;

use crate::Error;

/// Reads a report. Fields that are not asked for are passed over.
pub(crate) fn parse<T: DeserializeOwned>(format: Format, text: &str) -> Result<T, Error> {
    // serde_json itself stops at 128 levels.
    serde_json::from_str(text).map_err(|error| Error::broken(format, error))
}

/// Text that may be absent or null.
pub(crate) fn or_empty(text: Option<String>) -> String {
    text.unwrap_or_default()
}
