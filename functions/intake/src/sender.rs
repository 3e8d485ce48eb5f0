//! Who sends something, by the address at which it comes in. AWS's events carry no proof
//! of who sent them, and IAM can't tell one payload from another; it can tell aliases
//! apart. So people have one of their own, at which no event is taken.

use sluice_platform::caller::{Call, Caller};

use crate::Error;
use crate::request::Input;

/// The alias at which people ask: the only one that the stack's policies let them call.
/// Events arrive at all others.
pub const PEOPLE: &str = "people";

/// Who sends something.
#[derive(Debug)]
pub enum Sender {
    /// EventBridge, or who may do what it does.
    Events,
    /// A person or a build, with what they proved.
    Person(Caller),
}

impl From<Call> for Sender {
    fn from(call: Call) -> Self {
        match call.qualifier.as_deref() {
            Some(PEOPLE) => Self::Person(call.caller),
            _ => Self::Events,
        }
    }
}

impl Sender {
    /// Refuses requests where events arrive, and events where people ask.
    pub(crate) fn refuse_unless_sends(&self, input: &Input) -> Result<(), Error> {
        let is_request = match input {
            Input::Manual(_) => true,
            Input::Test(test) => test.requested_by.is_some(),
            Input::Upload(_) | Input::Push(_) | Input::Scheduled(_) => false,
        };
        match (self, is_request) {
            (Self::Events, true) => Err(Error::RequestAmongEvents),
            (Self::Person(_), false) => Err(Error::EventAmongRequests),
            _ => Ok(()),
        }
    }

    /// Who asks, where somebody does.
    pub(crate) fn caller(self) -> Caller {
        match self {
            Self::Events => Ok(None),
            Self::Person(caller) => caller,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_calls_the_alias_of_people_is_a_person() {
        let sender = |qualifier: Option<&str>| {
            let (qualifier, caller) = (qualifier.map(str::to_owned), Ok(None));
            Sender::from(Call {
                qualifier,
                caller,
                once: None,
            })
        };
        assert!(matches!(sender(Some(PEOPLE)), Sender::Person(Ok(None))));
        for other in [None, Some("live"), Some("7"), Some("$LATEST")] {
            assert!(matches!(sender(other), Sender::Events), "{other:?}");
        }
    }
}
