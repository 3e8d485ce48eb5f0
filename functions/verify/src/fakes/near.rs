//! A bucket and registries near the functions.

use sluice_domain::role::{CodeCopies, Role};

use super::*;

/// What is there, and how it is broken.
#[derive(Default)]
pub(crate) struct Bucket {
    /// The digests of contents, by key, oldest version first.
    kept: RefCell<BTreeMap<String, Vec<Digest>>>,
    /// Of each promotion, where its code was copied to.
    pub(crate) copies: RefCell<BTreeMap<String, CodeCopies>>,
    /// Everything that was sent, by key.
    pub(crate) sent: RefCell<Vec<String>>,
    /// What the next sendings come to, the last one first.
    pub(crate) failures: RefCell<Vec<CopyError>>,
    /// Somebody else overwrites each copy at once.
    pub(crate) is_shared: Cell<bool>,
    /// It keeps no versions.
    pub(crate) is_unversioned: Cell<bool>,
    /// Until now it was not allowed to look there.
    pub(crate) denied: Cell<bool>,
}

impl Bucket {
    /// Somebody puts another content under each key.
    pub(crate) fn tamper(&self) {
        let mut kept = self.kept.borrow_mut();
        kept.values_mut()
            .for_each(|versions| versions.push(Digest::of(b"tampered")));
    }
}

/// Images near the functions.
#[derive(Default)]
pub(crate) struct Replicas {
    /// What is there.
    pub(crate) images: RefCell<Vec<String>>,
    /// What is there after the next look.
    pub(crate) late: RefCell<Vec<String>>,
    /// Who looked for what.
    pub(crate) looks: RefCell<Vec<(Option<String>, String)>>,
}

impl Replicas {
    pub(crate) fn look(&self, role: Option<&Role>, image: String) -> bool {
        let is_there = self.images.borrow().contains(&image);
        self.images.borrow_mut().append(&mut self.late.borrow_mut());
        let role = role.map(|role| role.arn.clone());
        self.looks.borrow_mut().push((role, image));
        is_there
    }
}

impl Copies for &World {
    fn region(&self) -> &str {
        "eu-central-1"
    }

    async fn find(
        &self,
        _: &Near<'_>,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<Option<Object>, CopyError> {
        if self.near.denied.get() {
            return Err(CopyError::Refused("it is denied".to_owned()));
        }
        let kept = self.near.kept.borrow();
        let Some(versions) = kept.get(key) else {
            return Ok(None);
        };
        let number = match version_id {
            Some(version) => version.parse().expect("a number"),
            None => versions.len(),
        };
        let version_id = (!self.near.is_unversioned.get()).then(|| number.to_string());
        Ok(Some(Object {
            version_id,
            digest: Some(versions[number - 1].clone()),
            size: 1,
        }))
    }

    async fn copy(
        &self,
        from: &Place,
        digest: &Digest,
        near: &Near<'_>,
        key: &str,
    ) -> Result<Option<String>, CopyError> {
        assert_eq!(Digest::of(&self.stored(from)), *digest, "{from}");
        (self.near.sent.borrow_mut()).push(format!("{}/{key}", near.bucket));
        if let Some(failure) = self.near.failures.borrow_mut().pop() {
            return Err(failure);
        }
        let mut kept = self.near.kept.borrow_mut();
        let versions = kept.entry(key.to_owned()).or_default();
        let mut content = digest.clone();
        if self.near.is_shared.get() {
            content = Digest::of(b"somebody else's");
        }
        versions.push(content);
        Ok((!self.near.is_unversioned.get()).then(|| versions.len().to_string()))
    }
}
