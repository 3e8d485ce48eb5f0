//! The certificate that a server shows, and the authority that signed it.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::Result;

/// All in PEM.
pub(crate) struct Certificate {
    /// The authority that clients trust.
    pub(crate) authority: String,
    /// The server's certificate, for `localhost` and 127.0.0.1.
    pub(crate) chain: String,
    /// Its private key.
    pub(crate) key: String,
}

impl Certificate {
    /// Makes a new authority and has it sign one certificate.
    pub(crate) fn new() -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate()?;
        let root = authority.self_signed(&key)?;
        let issuer = Issuer::new(authority, key);
        let key = KeyPair::generate()?;
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let leaf = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
        Ok(Self {
            authority: root.pem(),
            chain: leaf.pem(),
            key: key.serialize_pem(),
        })
    }
}
