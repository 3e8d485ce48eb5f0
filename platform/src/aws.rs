//! AWS clients: one HTTP client for all of them, built once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::{Builder, tls};
use sluice_domain::settings::Role;

use crate::entry::Entry;
use crate::session::Session;

/// The configuration that all clients of this process are built from.
///
/// The HTTP client is rustls on ring: the SDK's default would link a second
/// TLS library into every function.
pub async fn config() -> SdkConfig {
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let http = Builder::new().tls_provider(ring).build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .load()
        .await
}

/// The configuration that assumes an environment's role in another account or region.
async fn config_for(base: &SdkConfig, role: &Role, session: &Session) -> SdkConfig {
    let entry = Entry::new(base, role, session).await;
    let mut config = base.to_builder();
    config.set_credentials_provider(Some(SharedCredentialsProvider::new(entry)));
    if let Some(region) = &role.region {
        config.set_region(Some(Region::new(region.clone())));
    }
    config.build()
}

/// Clients of one service (or a few): those of this account, built once, and
/// those of the accounts that environments live in, each through its role.
pub struct PerAccount<C> {
    base: SdkConfig,
    own: C,
    build: fn(&SdkConfig) -> C,
    /// Those that were opened last: a group asks for the same ones a hundred times,
    /// and each new session would ask STS.
    last: Mutex<Option<(Role, Session, C)>>,
}

impl<C: Clone> PerAccount<C> {
    /// Builds this account's.
    #[must_use]
    pub fn new(base: &SdkConfig, build: fn(&SdkConfig) -> C) -> Self {
        Self {
            base: base.clone(),
            own: build(base),
            build,
            last: Mutex::new(None),
        }
    }

    /// Those for an environment. The session tells the other account who it is: a
    /// promotion, or a command.
    pub async fn of(&self, role: Option<&Role>, session: impl Into<Session>) -> C {
        let Some(role) = role else {
            return self.own.clone();
        };
        let session = session.into();
        if let Some((there, of, clients)) = self.last().as_ref()
            && (there, of) == (role, &session)
        {
            return clients.clone();
        }
        let clients = (self.build)(&config_for(&self.base, role, &session).await);
        *self.last() = Some((role.clone(), session, clients.clone()));
        clients
    }

    fn last(&self) -> MutexGuard<'_, Option<(Role, Session, C)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static BUILT: AtomicUsize = AtomicUsize::new(0);

    #[tokio::test]
    async fn an_account_is_entered_once_for_each_role_and_session() {
        let base = aws_config::defaults(BehaviorVersion::latest());
        let base = base.region(Region::new("eu-central-1")).no_credentials();
        let base = base.load().await;
        let accounts = PerAccount::new(&base, |_| BUILT.fetch_add(1, Ordering::SeqCst));
        let role = |name: &str| Role {
            arn: format!("arn:aws:iam::123456789012:role/{name}"),
            external_id: "sluice".to_owned(),
            region: None,
            bucket: None,
            registry: None,
        };
        let (one, two) = (role("one"), role("two"));
        let mut opened = Vec::new();
        for (role, session) in [
            (None, "shop/prod/1.0.0/1"),
            (Some(&one), "shop/prod/1.0.0/1"),
            (Some(&one), "shop/prod/1.0.0/1"),
            (Some(&one), "shop/prod/1.1.0/1"),
            (Some(&two), "shop/prod/1.1.0/1"),
        ] {
            opened.push(accounts.of(role, session).await);
        }
        assert_eq!(opened, [0, 1, 1, 2, 3]);
    }
}
