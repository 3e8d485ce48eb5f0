//! Secrets that can't be read.

use crate::secret::unread;

use super::*;

/// What comes of a parameter whose reading failed with this code.
fn failed(code: &str) -> Error {
    let fault = Fault {
        operation: "ssm:GetParameter of /sluice-slack/hooks/shop".to_owned(),
        code: Some(code.to_owned()),
        message: format!("{code}: no"),
    };
    unread(fault, |problem| Error::NoHook {
        parameter: "/sluice-slack/hooks/shop".to_owned(),
        problem,
    })
}

#[test]
fn a_parameter_that_may_not_be_read_stays_unread_and_its_error_names_it() {
    for code in [
        "AccessDeniedException",
        "InvalidKeyId",
        "KMSAccessDeniedException",
        "ParameterNotFound",
        "ValidationException",
    ] {
        let error = failed(code);
        assert!(error.stays(), "{error}");
        assert_eq!(error.name(), "NoWebhook");
        assert!(error.to_string().contains("/sluice-slack/hooks/shop"));
    }
    let said = failed("AccessDeniedException").to_string();
    assert!(said.contains("AccessDeniedException: no"), "{said}");
    assert!(said.contains("`SlackParameters`"), "{said}");
}

#[test]
fn a_parameter_that_can_not_be_read_now_comes_again() {
    for code in ["ThrottlingException", "InternalServerError"] {
        assert!(!failed(code).stays(), "{code}");
    }
}

#[test]
fn a_parameter_that_may_not_be_read_holds_up_no_other_promotion() {
    let mirror = mirror();
    let closed = |chain| (chain, Kind::PromotionClosed, json!({"outcome": "promoted"}));
    let chains = ["storefront/prod/1.1.0/1", "storefront/prod/1.1.1/1"];
    let entries = chains.map(closed);
    mirror
        .ports
        .fails
        .set(Some(failed("AccessDeniedException")));
    assert_eq!(run(&mirror, stream(&entries), 60), Told::default());
    assert_eq!(mirror.ports.posts.borrow().len(), 1);

    mirror.ports.fails.set(Some(failed("ThrottlingException")));
    let told = run(&mirror, stream(&entries), 60);
    assert_eq!(told.batch_item_failures[0].item_identifier, "s0");
}
