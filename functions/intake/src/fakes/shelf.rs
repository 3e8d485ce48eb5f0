//! The bucket and the registry, in memory.

use sluice_domain::document::Document as _;

use super::*;

impl Bundles for &World {
    async fn pin(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<(Manifest, BundleRef), BundleError> {
        self.fail_if_told("pin")?;
        let manifests = self.manifests.borrow();
        let missing = || BundleError::Missing {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        };
        let bytes = manifests.get(key).ok_or_else(missing)?.clone();
        let current = match self.overwritten.get() {
            0 => "current".to_owned(),
            times => format!("current-{times}"),
        };
        let version_id = if self.unversioned.get() {
            String::new()
        } else {
            version_id.map_or(current, str::to_owned)
        };
        self.pinned
            .borrow_mut()
            .entry((key.to_owned(), version_id.clone()))
            .or_insert_with(|| bytes.clone());
        let bundle = BundleRef {
            bucket: bucket.into(),
            key: key.into(),
            version_id,
            digest: Digest::of(&bytes),
        };
        Ok((Manifest::parse(key, &bytes)?, bundle))
    }

    async fn manifest(&self, bundle: &BundleRef) -> Result<Manifest, BundleError> {
        self.fail_if_told("manifest")?;
        let pinned = self.pinned.borrow();
        let bytes = pinned
            .get(&(bundle.key.clone(), bundle.version_id.clone()))
            .ok_or_else(|| BundleError::Missing {
                bucket: bundle.bucket.clone(),
                key: bundle.key.clone(),
            })?;
        assert_eq!(Digest::of(bytes), bundle.digest, "the fake is consistent");
        Ok(Manifest::parse(&bundle.key, bytes)?)
    }

    async fn image(&self, _: &str, digest: &Digest) -> Result<Option<String>, Fault> {
        self.fail_if_told("image")?;
        let blobs = self.blobs.borrow();
        let manifest = blobs.get(&digest.to_string()).cloned();
        Ok(manifest.map(|manifest| String::from_utf8(manifest).expect("text")))
    }

    async fn uri(&self, repository: &str) -> Result<String, Fault> {
        self.fail_if_told("uri")?;
        Ok(format!(
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/{repository}"
        ))
    }

    async fn blob(&self, _: &str, digest: &Digest) -> Result<Vec<u8>, Fault> {
        self.fail_if_told("blob")?;
        Ok(self.blobs.borrow()[&digest.to_string()].clone())
    }

    async fn add(&self, _: &str, key: &str, bytes: Vec<u8>) -> Result<(), Fault> {
        self.fail_if_told("add")?;
        let mut manifests = self.manifests.borrow_mut();
        manifests.entry(key.to_owned()).or_insert(bytes);
        Ok(())
    }
}
