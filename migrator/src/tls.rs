//! Whom a session believes to be the server.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Error, Result};

const RDS: &str = include_str!("rds.pem");

/// The authorities that may sign a server's certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those of Amazon RDS and Aurora.
    #[default]
    Rds,
    /// Those in a text of PEM, and no others.
    Pem(String),
}

impl Trust {
    /// TLS 1.3, or 1.2 where the server has no other; the certificate must be signed by one
    /// of these authorities for the name that was asked for.
    pub(crate) fn connector(&self) -> Result<MakeRustlsConnect> {
        let text = match self {
            Self::Rds => RDS,
            Self::Pem(text) => text,
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            let certificate = certificate.map_err(|error| Error::Authority(error.to_string()))?;
            let added = roots.add(certificate);
            added.map_err(|error| Error::Authority(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(Error::Authority("found no certificate".to_owned()));
        }
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Authority(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificates_of_rds_are_read() {
        assert!(Trust::Rds.connector().is_ok());
    }

    #[test]
    fn a_text_without_a_certificate_trusts_nobody_and_is_refused() {
        assert!(Trust::Pem("nothing".to_owned()).connector().is_err());
    }
}
