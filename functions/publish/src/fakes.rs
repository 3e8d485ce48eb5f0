//! Lambda, the state table and the ledger by hand, and the release of the
//! tests: 1.1.0 of the storefront, where 1.0.0 serves.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use sluice_domain::alias::Routing;
use sluice_domain::document::Document as _;
use sluice_domain::journal::Published;
use sluice_domain::manifest::Manifest;
use sluice_domain::plan::{CurrentVersion, Observed, Plan};
use sluice_domain::promotion::BundleRef;
use sluice_domain::settings::Settings;

use super::*;

pub(crate) const CHECKOUT: &str = "arn:aws:lambda:eu-west-1:111122223333:function:checkout-prod";
pub(crate) const CATALOG: &str = "arn:aws:lambda:eu-west-1:111122223333:function:catalog-prod";

/// Lambda, as far as publishing sees it.
#[derive(Default)]
pub(crate) struct Lambda {
    pub(crate) functions: RefCell<BTreeMap<String, Function>>,
    /// Every change, as `<action> <function>`.
    pub(crate) changes: RefCell<Vec<String>>,
    /// Where code was taken from.
    pub(crate) taken: RefCell<Vec<String>>,
    /// The next changes fail, in order.
    pub(crate) failures: RefCell<Vec<ChangeError>>,
    /// But only once this many changes were made.
    pub(crate) fails_after: usize,
    /// After a change, this many looks find the function pending.
    pub(crate) pending: u32,
    /// After a change, this many looks still show the function as it was.
    pub(crate) stale: u32,
    /// An update of the code ends in this state.
    pub(crate) after_update: Option<Status>,
    /// The code that an update brings, instead of the one that was asked for.
    pub(crate) other_code: Option<Digest>,
    pub(crate) missing: Vec<String>,
}

pub(crate) struct Function {
    pub(crate) latest: Deployed,
    pub(crate) looks: u32,
    pub(crate) before: Vec<Deployed>,
    pub(crate) versions: Vec<Deployed>,
    pub(crate) published: Option<String>,
    pub(crate) alias: Option<Alias>,
}

impl Lambda {
    fn change(
        &self,
        action: &str,
        arn: &str,
        revision: &str,
        apply: impl FnOnce(&mut Function),
    ) -> Result<(), ChangeError> {
        if self.changes.borrow().len() >= self.fails_after
            && let Some(failure) = self.failures.borrow_mut().pop()
        {
            return Err(failure);
        }
        let mut functions = self.functions.borrow_mut();
        let function = functions.get_mut(arn).expect("a known function");
        if function.latest.revision != revision {
            return Err(ChangeError::Conflict);
        }
        assert_eq!(function.looks, 0, "{action} while an update is in progress");
        let name = arn.rsplit(':').next().unwrap_or_default();
        self.changes.borrow_mut().push(format!("{action} {name}"));
        apply(function);
        Ok(())
    }

    fn changed(&self, function: &mut Function, before: Deployed) {
        function.before = vec![before; self.stale as usize];
        function.latest.revision.push('+');
        function.looks = self.pending;
    }

    pub(crate) fn changes(&self) -> Vec<String> {
        self.changes.borrow().clone()
    }
}

impl Inspect for Rc<Lambda> {
    async fn deployed(&self, arn: &str, version: Option<&str>) -> Result<Option<Deployed>, Fault> {
        let mut functions = self.functions.borrow_mut();
        let Some(function) = functions.get_mut(arn) else {
            return Ok(None);
        };
        let stale = function.before.pop();
        let found = match version {
            None if stale.is_some() => return Ok(stale),
            None => function.latest.clone(),
            Some(version) => {
                let index: usize = version.parse().expect("a number");
                function.versions[index - 1].clone()
            }
        };
        if function.looks > 0 {
            function.looks -= 1;
            return Ok(Some(Deployed {
                status: Status::Pending,
                ..found
            }));
        }
        Ok(Some(found))
    }

    async fn alias(&self, arn: &str, _: &str) -> Result<Option<Alias>, Fault> {
        Ok(self
            .functions
            .borrow()
            .get(arn)
            .and_then(|function| function.alias.clone()))
    }

    async fn missing(&self, _: &Requires) -> Result<Vec<String>, Fault> {
        Ok(self.missing.clone())
    }
}

impl Change for Rc<Lambda> {
    async fn configure(
        &self,
        arn: &str,
        wanted: &Configuration,
        revision: &str,
    ) -> Result<(), ChangeError> {
        self.change("configure", arn, revision, |function| {
            let before = function.latest.clone();
            function.latest.configuration = before.configuration.with(Some(wanted));
            self.changed(function, before);
        })
    }

    async fn update_code(&self, arn: &str, code: &Code, revision: &str) -> Result<(), ChangeError> {
        self.taken.borrow_mut().push(code.to_string());
        self.change("update", arn, revision, |function| {
            let digest = self.other_code.as_ref().unwrap_or(code.digest());
            let before = function.latest.clone();
            function.latest.code = Some(digest.clone());
            function.latest.status = self.after_update.clone().unwrap_or(Status::Ready);
            self.changed(function, before);
        })
    }

    async fn publish(&self, arn: &str, latest: &Deployed, _: &str) -> Result<String, ChangeError> {
        self.change("publish", arn, &latest.revision, |function| {
            // Lambda answers the version that exists if nothing changed since.
            if function.published.as_ref() != Some(&latest.revision) {
                function.versions.push(latest.clone());
                function.published = Some(latest.revision.clone());
                function.looks = self.pending;
            }
        })?;
        Ok(self.functions.borrow()[arn].versions.len().to_string())
    }
}

pub(crate) struct Here(pub(crate) Rc<Lambda>);

impl Open for Here {
    type Account = Rc<Lambda>;

    async fn open(&self, _: Option<&Role>, _: &PromotionId) -> Rc<Lambda> {
        Rc::clone(&self.0)
    }
}

pub(crate) struct Table {
    pub(crate) work: Work,
    /// The fence lets this many writes pass.
    pub(crate) writes: Cell<u32>,
    /// What functions themselves have, by their ARNs.
    pub(crate) own: RefCell<BTreeMap<String, Configuration>>,
    pub(crate) saved: RefCell<Option<Versions>>,
}

impl Records for Table {
    async fn work(&self, _: &PromotionId) -> Result<Work, Error> {
        Ok(Work {
            published: self.saved.borrow().clone(),
            ..self.work.clone()
        })
    }

    async fn check_fence(
        &self,
        id: &PromotionId,
        generation: Generation,
    ) -> Result<(), StoreError> {
        let left = self.writes.get();
        if left == 0 {
            return Err(StoreError::Fenced {
                promotion: id.clone(),
                generation,
            });
        }
        self.writes.set(left - 1);
        Ok(())
    }

    async fn own(&self, _: &PromotionId, arn: &str) -> Result<Option<Configuration>, StoreError> {
        Ok(self.own.borrow().get(arn).cloned())
    }

    async fn remember(
        &self,
        id: &PromotionId,
        generation: Generation,
        arn: &str,
        own: Option<&Configuration>,
    ) -> Result<(), StoreError> {
        self.check_fence(id, generation).await?;
        let mut all = self.own.borrow_mut();
        match own {
            Some(own) => all.insert(arn.to_owned(), own.clone()),
            None => all.remove(arn),
        };
        Ok(())
    }

    async fn save(
        &self,
        id: &PromotionId,
        generation: Generation,
        versions: &Versions,
    ) -> Result<(), StoreError> {
        self.check_fence(id, generation).await?;
        self.saved.replace(Some(versions.clone()));
        Ok(())
    }
}

#[derive(Default)]
pub(crate) struct Book(pub(crate) Cell<u32>);

impl Record for Book {
    async fn published(&self, _: &PromotionId, _: &Versions) -> Result<(), Fault> {
        self.0.set(self.0.get() + 1);
        Ok(())
    }
}

pub(crate) fn deployed(code: &[u8]) -> Deployed {
    Deployed {
        revision: "r".into(),
        code: Some(Digest::of(code)),
        code_sha256: "hash".into(),
        configuration: FunctionConfiguration {
            memory_mb: Some(128),
            timeout_seconds: Some(3),
            ..FunctionConfiguration::default()
        },
        status: Status::Ready,
    }
}

pub(crate) fn on_version_one() -> Alias {
    Alias {
        routing: Routing::only("1"),
        revision: "a1".into(),
        description: None,
    }
}

/// A function that serves this code as version 1 through its alias.
pub(crate) fn serving(code: &[u8]) -> Function {
    let latest = deployed(code);
    Function {
        versions: vec![latest.clone()],
        published: Some(latest.revision.clone()),
        alias: Some(on_version_one()),
        looks: 0,
        before: Vec::new(),
        latest,
    }
}

/// Both functions serve 1.0.0.
pub(crate) fn lambda() -> Lambda {
    let functions = BTreeMap::from([
        (CHECKOUT.to_owned(), serving(b"checkout 1.0.0")),
        (CATALOG.to_owned(), serving(b"catalog 1.0.0")),
    ]);
    Lambda {
        functions: RefCell::new(functions),
        ..Lambda::default()
    }
}

/// 1.1.0: new code for checkout, and more memory; catalog is a new image, or
/// stays as it is.
pub(crate) fn manifest(catalog: &[u8]) -> Manifest {
    let text = json!({
        "schema": 1,
        "application": "storefront",
        "version": "1.1.0",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "author": { "name": "Ada", "email": "ada@example.com" },
        "functions": {
            "checkout": {
                "zip": { "key": "checkout.zip", "digest": Digest::of(b"checkout 1.1.0") },
                "configuration": { "memory_mb": 256, "requires": { "secrets": ["payment-key"] } }
            },
            "catalog": {
                "image": {
                    "repository": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/catalog",
                    "digest": Digest::of(catalog)
                }
            }
        }
    });
    Manifest::parse("release.json", text.to_string().as_bytes()).expect("a valid manifest")
}

pub(crate) fn settings() -> Settings {
    let text = json!({
        "schema": 1,
        "order": 1,
        "functions": { "checkout": { "name": "checkout-prod" }, "catalog": { "name": "catalog-prod" } }
    });
    Settings::parse("settings", text.to_string().as_bytes()).expect("valid settings")
}

/// The work of a promotion whose plan was made from what Lambda has now.
pub(crate) fn work(lambda: &Lambda, catalog: &[u8]) -> Work {
    let manifest = manifest(catalog);
    let functions = lambda.functions.borrow();
    let observe = |arn: &str| {
        let function = functions.get(arn);
        let live = function
            .filter(|function| function.alias.is_some())
            .map(|function| {
                let version = &function.versions[0];
                let code = version.code.clone().expect("a digest");
                let current = CurrentVersion {
                    version: "1".into(),
                    code,
                };
                (current, version.configuration.clone())
            });
        Observed {
            arn: arn.to_owned(),
            live,
            own: function
                .map(|function| function.latest.configuration.clone())
                .unwrap_or_default(),
        }
    };
    let observed = BTreeMap::from([
        ("checkout".to_owned(), observe(CHECKOUT)),
        ("catalog".to_owned(), observe(CATALOG)),
    ]);
    let bundle = BundleRef {
        bucket: "artifacts".into(),
        key: "storefront/1.1.0/release.json".into(),
        version_id: "m1".into(),
        digest: Digest::of(b"manifest"),
    };
    Work {
        plan: Plan::make(bundle.digest.clone(), &manifest, &settings(), &observed).expect("a plan"),
        manifest,
        bundle,
        pins: BTreeMap::from([("checkout.zip".to_owned(), "z1".to_owned())]),
        copies: BTreeMap::new(),
        published: None,
    }
}

pub(crate) type Fixture = Publish<Here, Table, Book>;

pub(crate) fn publish(lambda: Lambda, work: Work) -> Fixture {
    Publish {
        accounts: Here(Rc::new(lambda)),
        records: Table {
            work,
            writes: Cell::new(100),
            own: RefCell::default(),
            saved: RefCell::default(),
        },
        ledger: Book::default(),
        patience: Patience {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(1),
            total: Duration::from_secs(30),
        },
    }
}

/// A new checkout; catalog stays as it is.
pub(crate) fn one_change(lambda: Lambda) -> Fixture {
    let work = work(&lambda, b"catalog 1.0.0");
    publish(lambda, work)
}

pub(crate) fn input() -> Input {
    serde_json::from_str(include_str!("../../../events/publish/promotion.json")).expect("an input")
}

pub(crate) fn checkout(fixture: &Fixture) -> Published {
    let saved = fixture.records.saved.borrow();
    saved.as_ref().expect("versions were saved")["checkout"].clone()
}
