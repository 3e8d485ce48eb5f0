//! What can stop publishing, by how its callers react.

use sluice_domain::digest::Digest;
use sluice_platform::bundle::BundleError;
use sluice_platform::fault::Fault;
use sluice_platform::lambda::{Named, fault_name};
use sluice_platform::store::StoreError;

/// What stopped publishing. Versions that were published before it stay, unused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A function of the plan isn't there.
    #[error(
        "there is no function {0}; Sluice releases into functions that exist: create it with \
         your own infrastructure, then release again"
    )]
    FunctionMissing(String),
    /// An alias isn't where the plan found it.
    #[error(
        "alias {alias} of {function} has moved since the plan was made: found {found}, expected \
         {expected}. {mover}. Nothing was changed in its function. {}; settle with them, then release again",
        sluice_platform::function::WHO_MOVED_IT
    )]
    AliasChanged {
        /// The Lambda function.
        function: String,
        /// Its alias.
        alias: String,
        /// What stands there.
        found: String,
        /// What the plan says.
        expected: String,
        /// Who moved it, as far as that is known.
        mover: String,
    },
    /// A function's own configuration isn't what the plan was made from.
    #[error(
        "the configuration of {function} itself has changed since the plan was made: its next \
         version would have {found}, expected {expected}. No version was published; release again"
    )]
    PlanChanged {
        /// The Lambda function.
        function: String,
        /// The digest of what the next version would have.
        found: Digest,
        /// The digest in the plan.
        expected: Digest,
    },
    /// Secrets or parameters that the code reads are not there.
    #[error(
        "release.json requires what does not exist in this environment: {}; create it, then \
         release again. Nothing was changed",
        .0.join(", ")
    )]
    RequirementMissing(Vec<String>),
    /// Lambda has other code than the bundle.
    #[error("{function} has code {found}; expected {expected}, as release.json says")]
    CodeMismatch {
        /// The Lambda function, with its version if one was published.
        function: String,
        /// The code's digest, or that there is none.
        found: String,
        /// The digest in the manifest.
        expected: Digest,
    },
    /// Lambda does not take the configuration.
    #[error("the configuration of {function} was refused: {reason}; mend it in release.json")]
    ConfigurationRefused {
        /// The Lambda function.
        function: String,
        /// What Lambda said.
        reason: String,
    },
    /// What the function itself has in `environment` could not be given back.
    #[error(
        "release.json names `environment` for {0}, whose own environment variables Lambda can't \
         decrypt for Sluice and could not give back afterwards; allow kms:Decrypt on the \
         function's key, or leave `environment` out of release.json. Nothing was changed in it"
    )]
    EnvironmentUnreadable(String),
    /// Lambda does not take the code, or can't run it.
    #[error("the code of {function} was refused: {reason}; mend the package and build again")]
    PackageRefused {
        /// The Lambda function, with its version if one was published.
        function: String,
        /// What Lambda said.
        reason: String,
    },
    /// Lambda can't read the code from S3.
    #[error(
        "Lambda can't read the code of {function} from {place}: {reason}. It reads with the permissions of whoever asks, from a \
         bucket in the function's own region: is the file still there, and may the role read it? Then release again"
    )]
    CodeUnreadable {
        /// The Lambda function.
        function: String,
        /// Where the code lies.
        place: String,
        /// What Lambda said.
        reason: String,
    },
    /// Lambda does not take the code's signature.
    #[error(
        "the signature of the code of {function} was refused, by the code-signing configuration of the \
         function: {reason}. Put the zip file that AWS Signer signed, with a profile that the \
         configuration allows, into the bundle and build again"
    )]
    SignatureRefused {
        /// The Lambda function.
        function: String,
        /// What Lambda said.
        reason: String,
    },
    /// Lambda took too long.
    #[error(
        "{function} is not ready after {seconds} s: found {found}, expected {expected}; look at \
         the function in Lambda, then release again"
    )]
    NotReady {
        /// The Lambda function, with its version if one was published.
        function: String,
        /// How long it was waited for.
        seconds: u64,
        /// How it stands.
        found: &'static str,
        /// How it should.
        expected: &'static str,
    },
    /// The bundle is not what was approved.
    #[error("the plan is for bundle {planned}; this promotion's bundle is {found}")]
    OtherBundle {
        /// The bundle that the plan was made for.
        planned: Digest,
        /// The promotion's.
        found: Digest,
    },
    /// The manifest can't be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The state table refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Error {
    /// Whether trying again in a moment may help.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.name(), "AwsUnavailable" | "NotReady" | "Throttled")
    }
}

impl Named for Error {
    fn name(&self) -> &'static str {
        match self {
            Self::FunctionMissing(_) => "FunctionMissing",
            Self::AliasChanged { .. } => "AliasChanged",
            Self::PlanChanged { .. } => "PlanChanged",
            Self::RequirementMissing(_) => "RequirementMissing",
            Self::CodeMismatch { .. } => "CodeMismatch",
            Self::ConfigurationRefused { .. } => "ConfigurationRefused",
            Self::EnvironmentUnreadable(_) => "EnvironmentUnreadable",
            Self::PackageRefused { .. } => "PackageRefused",
            Self::CodeUnreadable { .. } => "CodeUnreadable",
            Self::SignatureRefused { .. } => "SignatureRefused",
            Self::NotReady { .. } => "NotReady",
            Self::Bundle(BundleError::Fault(fault)) | Self::Fault(fault) => fault_name(fault),
            Self::OtherBundle { .. } | Self::Bundle(_) => "BundleInvalid",
            Self::Store(error) => error.name(),
        }
    }
}
