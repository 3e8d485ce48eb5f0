use aws_sdk_lambda::types::{EnvironmentError, EnvironmentResponse, Layer};

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
fn the_hash_of_a_zip_file_is_read_from_base64() {
    // The SHA-256 of nothing, as `openssl dgst -sha256 -binary | base64` writes it.
    let digest = zip_digest("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(digest, Some(Digest::of(b"")));
    assert_eq!(zip_digest(""), None);
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
    assert!(matches!(
        change_error(fault("TooManyRequestsException")),
        ChangeError::Fault(_)
    ));
}

#[test]
fn a_configuration_is_read_whole_and_variables_that_lambda_cannot_decrypt_are_unknown() {
    let whole = GetFunctionConfigurationOutput::builder()
        .memory_size(256)
        .timeout(30)
        .layers(Layer::builder().arn("arn:layer:1").build())
        .environment(
            EnvironmentResponse::builder()
                .variables("TABLE", "orders")
                .build(),
        );
    let expected = FunctionConfiguration {
        environment: Some([("TABLE".to_owned(), "orders".to_owned())].into()),
        memory_mb: Some(256),
        timeout_seconds: Some(30),
        layers: vec!["arn:layer:1".to_owned()],
    };
    assert_eq!(configuration(&whole.clone().build()), expected);
    let denied = EnvironmentError::builder().error_code("AccessDenied");
    let environment = EnvironmentResponse::builder().error(denied.build()).build();
    let unread = configuration(&whole.environment(environment).build());
    assert_eq!(unread.environment, None);
    let bare = configuration(&GetFunctionConfigurationOutput::builder().build());
    assert_eq!(bare.environment, Some(BTreeMap::new()));
}
