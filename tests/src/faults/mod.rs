//! Faults, and how they are put into copies of the state machines from outside:
//! one state calls something that misbehaves, instead of what it would call.
//!
//! Decides: which faults each state meets ([`cases`]), from the definitions
//! alone, so that a new state meets them the day it is added; and what a
//! definition with a fault looks like.
//!
//! Never: changes what is deployed.

mod cases;
mod inject;
mod relay;

use serde_json::{Value, json};

pub use cases::{Case, cases, pairs};
pub use inject::{Wrapper, inject};
pub use relay::relay;

/// The wrapper that stands in front of what a task calls: the source of a
/// runtime of its own, in which `@python@` stands for an interpreter with boto3.
pub const WRAPPER: &str = include_str!("misbehave.py");

/// The time-out of a task that is to run into it, in whole seconds.
const TIME_OUT_SECONDS: u32 = 1;

/// What can go wrong with a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// What is called answers an error that nobody tries again, each time.
    Throws,
    /// What is called does not answer in time, each time.
    TimesOut,
    /// What is called ends without an answer, each time.
    Crashes,
    /// It does its work, and answers something else.
    Malformed,
    /// It can't be called three times, because of others.
    ThrottledThreeTimes,
    /// It may not be called.
    AccessDenied,
    /// It does its work, and the first answer gets lost.
    AnswerLost,
    /// It does its work twice.
    RunsTwice,
    /// It does not answer in time, and does its work afterwards.
    WritesAfterTimeOut,
    /// The execution is stopped from outside, while the state has what it
    /// called do its work.
    Stopped,
    /// An expression of a Choice or a Wait fails.
    Expression,
    /// What comes out of the state is larger than Step Functions passes on.
    PayloadTooLarge,
    /// The execution's history has no room for a further event.
    HistoryTooLong,
    /// The execution's own time is over.
    ExecutionTimedOut,
}

impl Fault {
    /// What can go wrong with each task.
    pub const OF_TASKS: [Self; 10] = [
        Self::Throws,
        Self::TimesOut,
        Self::Crashes,
        Self::Malformed,
        Self::ThrottledThreeTimes,
        Self::AccessDenied,
        Self::AnswerLost,
        Self::RunsTwice,
        Self::WritesAfterTimeOut,
        Self::Stopped,
    ];

    /// The ends of an execution that no Catch sees, wherever it is.
    pub const ENDS: [Self; 3] = [
        Self::PayloadTooLarge,
        Self::HistoryTooLong,
        Self::ExecutionTimedOut,
    ];

    /// Its name, as the table, the wrapper and `faults.json` have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Throws => "throws",
            Self::TimesOut => "times_out",
            Self::Crashes => "crashes",
            Self::Malformed => "malformed",
            Self::ThrottledThreeTimes => "throttled_three_times",
            Self::AccessDenied => "access_denied",
            Self::AnswerLost => "answer_lost",
            Self::RunsTwice => "runs_twice",
            Self::WritesAfterTimeOut => "writes_after_time_out",
            Self::Stopped => "stopped",
            Self::Expression => "expression",
            Self::PayloadTooLarge => "payload_too_large",
            Self::HistoryTooLong => "history_too_long",
            Self::ExecutionTimedOut => "execution_timed_out",
        }
    }

    /// The error and the cause that end an execution in this way. Neither the
    /// embedded engine's limits nor its clock do, so a Fail state stands for it.
    fn end(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::PayloadTooLarge => Some((
                "States.DataLimitExceeded",
                "the state returned a result larger than the maximum number of bytes",
            )),
            Self::HistoryTooLong => Some((
                "States.Runtime",
                "the execution reached the maximum number of history events (25000)",
            )),
            Self::ExecutionTimedOut => Some(("States.Timeout", "the execution timed out")),
            _ => None,
        }
    }
}

/// What the wrapper is asked to do.
fn request(wrapper: &Wrapper, fault: Fault) -> Value {
    json!({
        "fault": fault.name(),
        "attempt": "{% $states.context.State.RetryCount %}",
        "seconds": TIME_OUT_SECONDS,
        "notes": wrapper.notes,
        "execution": "{% $states.context.Execution.Id %}",
    })
}
