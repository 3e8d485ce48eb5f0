//! One sentence out of what Step Functions says of an error.

use serde_json::Value;

/// Nested executions wrap causes in causes; more than this many is nobody's.
const DEEPEST: usize = 5;

/// `SmokeTestFailed: …`, from an error's name and cause. A function's cause is
/// JSON with `errorMessage`; a child execution's is JSON with its own `Error`
/// and `Cause`.
#[must_use]
pub fn sentence(error: Option<&str>, cause: Option<&str>) -> Option<String> {
    let (mut error, mut cause) = (
        error.unwrap_or_default().to_owned(),
        cause.unwrap_or_default().to_owned(),
    );
    for _ in 0..DEEPEST {
        let Ok(Value::Object(inner)) = serde_json::from_str(&cause) else {
            break;
        };
        let text = |names: [&str; 2]| {
            names
                .iter()
                .find_map(|name| inner.get(*name)?.as_str().map(str::to_owned))
        };
        if let Some(name) = text(["errorType", "Error"]) {
            error = name;
        }
        match text(["errorMessage", "Cause"]) {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    match (error.is_empty(), cause.is_empty()) {
        (true, true) => None,
        (true, false) => Some(cause),
        (false, true) => Some(error),
        (false, false) => Some(format!("{error}: {cause}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_functions_error_is_its_name_and_message() {
        let cause = json!({"errorType": "SmokeTestFailed", "errorMessage": "2 failed"}).to_string();
        assert_eq!(
            sentence(Some("SmokeTestFailed"), Some(&cause)).as_deref(),
            Some("SmokeTestFailed: 2 failed")
        );
    }

    #[test]
    fn a_childs_error_is_dug_out_of_what_wraps_it() {
        let inner = json!({"errorType": "CodeMismatch", "errorMessage": "not it"}).to_string();
        let cause =
            json!({"Error": "CodeMismatch", "Cause": inner, "Status": "FAILED"}).to_string();
        assert_eq!(
            sentence(Some("States.TaskFailed"), Some(&cause)).as_deref(),
            Some("CodeMismatch: not it")
        );
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(
            sentence(Some("Unhealthy"), Some("too many errors")).as_deref(),
            Some("Unhealthy: too many errors")
        );
        assert_eq!(sentence(None, None), None);
        assert_eq!(
            sentence(Some("States.Timeout"), None).as_deref(),
            Some("States.Timeout")
        );
    }
}
