//! The way into another account: temporary credentials of its role.

use std::error::Error;

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use sluice_domain::settings::Role;

use crate::fault::chain;
use crate::session::Session;

/// Assumes a role. The SDK keeps what it gets, and asks again before that expires.
#[derive(Debug)]
pub(crate) struct Entry {
    role: String,
    assume: AssumeRoleProvider,
}

impl Entry {
    pub(crate) async fn new(base: &SdkConfig, role: &Role, session: &Session) -> Self {
        let mut assume = AssumeRoleProvider::builder(&role.arn)
            .configure(base)
            .external_id(&role.external_id)
            .session_name(&session.name);
        if !session.tags.is_empty() {
            assume = assume.tags(session.tags.clone());
        }
        Self {
            role: role.arn.clone(),
            assume: assume.build().await,
        }
    }
}

impl ProvideCredentials for Entry {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let assumed = self.assume.provide_credentials().await;
            assumed.map_err(|error| CredentialsError::provider_error(refusal(&self.role, &error)))
        })
    }
}

/// Nobody was let in: why, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{role} could not be assumed: {said}{advice}")]
struct Refusal {
    role: String,
    said: String,
    advice: &'static str,
}

fn refusal(role: &str, error: &dyn Error) -> Refusal {
    let said = chain(error);
    Refusal {
        role: role.to_owned(),
        advice: advice(&said),
        said,
    }
}

/// STS names the first action that was denied, and not by whom: the role's trust policy
/// or the permissions of who asks.
fn advice(said: &str) -> &'static str {
    if said.contains("perform: sts:TagSession") {
        "; sessions have tags: let the role's trust policy allow sts:TagSession beside sts:AssumeRole (docs/accounts.md)"
    } else if said.contains("perform: sts:AssumeRole") {
        "; does the role's trust policy name who asks, the `external_id` of the settings and no other tags than \
         Sluice's (docs/accounts.md), and does the stack's parameter ManagedRoles cover the role?"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(said: &str) -> String {
        let error = std::io::Error::other(said.to_owned());
        refusal("arn:aws:iam::222222222222:role/there", &error).to_string()
    }

    #[test]
    fn a_role_that_lets_nobody_in_is_told_with_what_its_trust_policy_lacks() {
        let tags = told("User: ada is not authorized to perform: sts:TagSession on resource: r");
        assert!(
            tags.starts_with("arn:aws:iam::222222222222:role/there could not"),
            "{tags}"
        );
        assert!(
            tags.contains("allow sts:TagSession beside sts:AssumeRole"),
            "{tags}"
        );
        let whole = told("User: ada is not authorized to perform: sts:AssumeRole on resource: r");
        assert!(
            whole.contains("`external_id`") && whole.contains("ManagedRoles"),
            "{whole}"
        );
    }

    #[test]
    fn what_is_no_refusal_gets_no_advice() {
        assert!(
            told("the connection broke").ends_with("could not be assumed: the connection broke")
        );
    }
}
