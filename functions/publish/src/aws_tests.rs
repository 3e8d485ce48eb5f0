use super::*;

fn lambda(state: State, update: LastUpdateStatus) -> GetFunctionConfigurationOutput {
    GetFunctionConfigurationOutput::builder()
        .state(state)
        .state_reason("the role is gone")
        .last_update_status(update)
        .last_update_status_reason("the image is gone")
        .build()
}

#[test]
fn a_function_is_ready_when_neither_it_nor_an_update_is_pending() {
    let status_of = |state, update| status(&lambda(state, update));
    assert_eq!(
        status_of(State::Active, LastUpdateStatus::Successful),
        Status::Ready
    );
    assert_eq!(
        status_of(State::Inactive, LastUpdateStatus::Successful),
        Status::Ready
    );
    assert_eq!(
        status_of(State::Pending, LastUpdateStatus::InProgress),
        Status::Pending
    );
    assert_eq!(
        status_of(State::Active, LastUpdateStatus::InProgress),
        Status::Pending
    );
}

#[test]
fn a_failed_function_carries_the_reason_of_what_failed() {
    let state = status(&lambda(State::Failed, LastUpdateStatus::Successful));
    assert_eq!(state, Status::Failed("the role is gone".into()));
    let update = status(&lambda(State::Active, LastUpdateStatus::Failed));
    assert_eq!(update, Status::Failed("the image is gone".into()));
}

#[test]
fn only_what_waiting_helps_is_a_conflict() {
    let fault = |code: &str| Fault {
        operation: "o".into(),
        code: Some(code.into()),
        message: "m".into(),
    };
    for code in ["ResourceConflictException", "PreconditionFailedException"] {
        assert!(
            matches!(change_error(fault(code)), ChangeError::Conflict),
            "{code}"
        );
    }
    assert!(matches!(
        change_error(fault("InvalidParameterValueException")),
        ChangeError::Refused(_)
    ));
    for code in [
        "CodeSigningConfigNotFoundException",
        "CodeVerificationFailedException",
        "InvalidCodeSignatureException",
    ] {
        let error = change_error(fault(code));
        assert!(matches!(error, ChangeError::Unsigned(_)), "{code}");
    }
    let unreadable = Fault {
        message: "Error occurred while GetObject. S3 Error Code: NoSuchKey.".into(),
        ..fault("InvalidParameterValueException")
    };
    assert!(matches!(
        change_error(unreadable),
        ChangeError::Unreadable(_)
    ));
    assert!(matches!(
        change_error(fault("TooManyRequestsException")),
        ChangeError::Fault(_)
    ));
}
