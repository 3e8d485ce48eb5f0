//! What is done to a state, in a sentence.

use sluice_tests::faults::{Case, Fault};

use super::stage::Stage;

/// How a case's fault comes about.
pub(super) fn how(stage: &Stage, case: &Case) -> &'static str {
    match case.fault {
        Fault::Expression => "the state's expression is an error",
        Fault::PayloadTooLarge | Fault::HistoryTooLong | Fault::ExecutionTimedOut => {
            "a Fail state with the error of AWS comes after the state: the engine has no such limit"
        }
        fault if stage.is(case, |state| state.runs_a_child()) => of_children(fault),
        fault if stage.is(case, |state| state.waits_for_a_token()) => of_waiting_tasks(fault),
        fault => of_functions(fault),
    }
}

fn of_functions(fault: Fault) -> &'static str {
    match fault {
        Fault::Throws => "a wrapper throws in place of the function, at each try",
        Fault::TimesOut => "a wrapper sleeps past the task's time-out, at each try",
        Fault::Crashes => "a wrapper exits in place of the function, at each try",
        Fault::Malformed => "a wrapper calls the function and answers another shape",
        Fault::ThrottledThreeTimes => "a wrapper answers Lambda.TooManyRequestsException thrice",
        Fault::AccessDenied => "a wrapper answers what a refused invocation ends with, each time",
        Fault::AnswerLost => "a wrapper calls the function, then answers an error that is retried",
        Fault::RunsTwice => "a wrapper calls the function twice and answers the second answer",
        Fault::WritesAfterTimeOut => {
            "a wrapper calls the function after the task's time-out, and again after the end"
        }
        Fault::Stopped => "a wrapper calls the function, then stops the execution",
        _ => "",
    }
}

fn of_waiting_tasks(fault: Fault) -> &'static str {
    match fault {
        Fault::Throws => "a wrapper throws, and says so under the token as AWS does",
        Fault::TimesOut => "the function is not called, and nobody speaks under the token in time",
        Fault::Crashes => "a wrapper exits, and says so under the token as AWS does",
        Fault::Malformed => {
            "a wrapper calls the function, then sends another shape under the token"
        }
        Fault::ThrottledThreeTimes => {
            "a wrapper fails thrice with Lambda.TooManyRequestsException, under the token too"
        }
        Fault::AccessDenied => "a wrapper fails as a refused invocation does, under the token too",
        Fault::AnswerLost => {
            "a wrapper calls the function, then fails with what is retried, under the token too"
        }
        Fault::RunsTwice => "a wrapper calls the function twice under one token",
        Fault::WritesAfterTimeOut => {
            "nobody speaks under the token in time, and the function is called after the end"
        }
        Fault::Stopped => "a wrapper calls the function, then stops the execution",
        _ => "",
    }
}

fn of_children(fault: Fault) -> &'static str {
    match fault {
        Fault::Throws => "a child that fails at once takes the child's place",
        Fault::TimesOut => "a child that sleeps past a time-out takes the child's place",
        Fault::Crashes => "a child that is stopped at once takes the child's place",
        Fault::Malformed => "the child runs, and another output is answered",
        Fault::ThrottledThreeTimes => "the start of the child is refused thrice as throttled",
        Fault::AccessDenied => {
            "the start of the child is refused for lack of permission, each time"
        }
        Fault::AnswerLost => "the child runs to its end, and the task fails",
        Fault::RunsTwice => "the child runs twice under one name",
        Fault::WritesAfterTimeOut => "the child begins after the task has timed out",
        Fault::Stopped => "the parent is stopped, and the child runs on",
        _ => "",
    }
}
