//! What there is to do, put together from what earlier steps wrote down.

use std::collections::BTreeMap;

use sluice_domain::digest::Digest;
use sluice_domain::journal::Versions;
use sluice_domain::manifest::Manifest;
use sluice_domain::plan::{Change, FunctionPlan, Plan};
use sluice_domain::promotion::{BundleRef, PromotionId};
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
        /// The VersionId that was verified.
        version_id: String,
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
                    Some(self.code(id, name)?)
                },
                description: description.clone(),
            })
        };
        self.plan.functions.iter().map(job).collect()
    }

    fn code(&self, id: &PromotionId, name: &str) -> Result<Code, Error> {
        let function = self.manifest.functions.get(name);
        if let Some(zip) = function.and_then(|function| function.zip.as_ref()) {
            let missing = || StoreError::Missing(format!("pin of {} in {id}", zip.key));
            return Ok(Code::Zip {
                bucket: self.bundle.bucket.clone(),
                key: self.bundle.key_of(&zip.key),
                version_id: self.pins.get(&zip.key).ok_or_else(missing)?.clone(),
                digest: zip.digest.clone(),
            });
        }
        let image = function.and_then(|function| function.image.as_ref());
        let missing = || StoreError::Missing(format!("code of function {name} in {id}"));
        let image = image.ok_or_else(missing)?;
        Ok(Code::Image {
            repository: image.repository.clone(),
            digest: image.digest.clone(),
        })
    }
}
