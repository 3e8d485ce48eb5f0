//! What there is to do, put together from what earlier steps wrote down.

use std::collections::BTreeMap;
use std::fmt;

use sluice_domain::digest::Digest;
use sluice_domain::journal::Versions;
use sluice_domain::manifest::{Artifact, Image, Manifest};
use sluice_domain::plan::{Change, FunctionPlan, Plan};
use sluice_domain::promotion::{BundleRef, PromotionId};
use sluice_domain::role::CodeCopies;
use sluice_domain::versions::description;
use sluice_platform::store::StoreError;

use crate::Error;

/// What earlier steps found and decided.
#[derive(Debug, Clone)]
pub struct Work {
    /// What changes.
    pub plan: Plan,
    /// What was built.
    pub manifest: Manifest,
    /// Where it lies.
    pub bundle: BundleRef,
    /// The S3 VersionIds that were verified, by the keys of the manifest.
    pub pins: BTreeMap<String, String>,
    /// Where the code was copied to, near the functions.
    pub copies: CodeCopies,
    /// What an earlier try published, if it came to its end.
    pub published: Option<Versions>,
}

/// Where a function's new code lies, pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A zip file in S3.
    Zip {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The VersionId that was verified. None: it is a copy in a bucket without versions.
        version_id: Option<String>,
        /// Its SHA-256.
        digest: Digest,
    },
    /// An image in ECR.
    Image {
        /// The repository's URI.
        repository: String,
        /// The image's digest.
        digest: Digest,
    },
}

impl Code {
    /// What Lambda must say of it.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        match self {
            Self::Zip { digest, .. } | Self::Image { digest, .. } => digest,
        }
    }
}

/// As people are told.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zip {
                bucket,
                key,
                version_id,
                ..
            } => {
                write!(f, "s3://{bucket}/{key}")?;
                match version_id {
                    Some(version) => write!(f, " version {version}"),
                    None => Ok(()),
                }
            }
            Self::Image { repository, digest } => write!(f, "{repository}@{digest}"),
        }
    }
}

/// One function of the group.
#[derive(Debug)]
pub(crate) struct Job {
    /// The name that manifests use.
    pub(crate) name: String,
    /// What the plan says of it.
    pub(crate) plan: FunctionPlan,
    /// The new code. None: the function stays as it is.
    pub(crate) code: Option<Code>,
    /// The new version's description.
    pub(crate) description: String,
}

impl Work {
    /// One job for each function of the plan.
    pub(crate) fn jobs(&self, id: &PromotionId) -> Result<Vec<Job>, Error> {
        if self.plan.bundle != self.bundle.digest {
            let (planned, found) = (self.plan.bundle.clone(), self.bundle.digest.clone());
            return Err(Error::OtherBundle { planned, found });
        }
        let description = description(id, &self.manifest.commit);
        let job = |(name, plan): (&String, &FunctionPlan)| {
            Ok(Job {
                name: name.clone(),
                plan: plan.clone(),
                code: if plan.change == Change::Unchanged {
                    None
                } else {
                    Some(self.code(id, name, plan)?)
                },
                description: description.clone(),
            })
        };
        self.plan.functions.iter().map(job).collect()
    }

    fn code(&self, id: &PromotionId, name: &str, plan: &FunctionPlan) -> Result<Code, Error> {
        let function = self.manifest.functions.get(name);
        if let Some(zip) = function.and_then(|function| function.zip.as_ref()) {
            return self.zip(id, zip);
        }
        let image = function.and_then(|function| function.image.as_ref());
        let missing = || StoreError::Missing(format!("code of function {name} in {id}"));
        let image = image.ok_or_else(missing)?;
        let near = image.near_function(&plan.arn, self.plan.role.as_ref());
        let Image { repository, digest } = near;
        Ok(Code::Image { repository, digest })
    }

    /// A zip file near the functions, or else in the bundle.
    fn zip(&self, id: &PromotionId, zip: &Artifact) -> Result<Code, Error> {
        let digest = zip.digest.clone();
        if let Some(copy) = self.copies.get(&zip.key).cloned() {
            return Ok(Code::Zip {
                bucket: copy.bucket,
                key: copy.key,
                version_id: copy.version_id,
                digest,
            });
        }
        let missing = || StoreError::Missing(format!("pin of {} in {id}", zip.key));
        let pin = self.pins.get(&zip.key).ok_or_else(missing)?;
        Ok(Code::Zip {
            bucket: self.bundle.bucket.clone(),
            key: self.bundle.key_of(&zip.key),
            version_id: Some(pin.clone()),
            digest,
        })
    }
}
