//! Secrets that can't be read: which failures stay, so that one wrong parameter in the settings
//! of one environment holds up no other.

use sluice_platform::fault::Fault;

use crate::Error;

/// The error of a parameter that could not be read: the one that says so and stays, or the
/// fault, which may pass.
pub(crate) fn unread(fault: Fault, stays: impl Fn(String) -> Error) -> Error {
    match why_it_stays(&fault) {
        Some(problem) => stays(problem),
        None => fault.into(),
    }
}

/// Why a parameter stays unread until somebody changes something. None: it may pass.
fn why_it_stays(fault: &Fault) -> Option<String> {
    let is_one_of = |codes: [&str; 2]| codes.iter().any(|code| fault.is(code));
    if is_one_of(["ParameterNotFound", "ParameterVersionNotFound"]) {
        return Some("there is none of this name".to_owned());
    }
    // A key that is disabled or gone, and a name that none can have.
    let is_unusable = is_one_of(["InvalidKeyId", "ValidationException"]);
    (fault.is_denied() || is_unusable).then(|| {
        format!(
            "`mirror` can't read it ({}); keep it where the template's parameters `SlackParameters` \
             and `GithubToken` say, under a key that the role of `mirror` may use",
            fault.message
        )
    })
}
