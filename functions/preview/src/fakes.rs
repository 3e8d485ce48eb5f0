//! The world around the function, in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_domain::alias::{Alias, Routing};
use sluice_domain::document::Document as _;
use sluice_domain::journal::Journal;
use sluice_domain::ledger::Kind;
use sluice_domain::settings::{Role, Settings};
use sluice_platform::fault::Fault;
use sluice_platform::settings::SettingsError;
use sluice_platform::store::StoreError;

use crate::{Documents, Functions, Kept, Open, PreviewName, Promotions, Record, Remover};

/// What AWS holds. Each call is counted, and one of them can be the last that works.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) documents: RefCell<BTreeMap<(String, String), Value>>,
    pub(crate) holders: RefCell<BTreeMap<String, String>>,
    /// By function and name: the version, and who moved it there.
    pub(crate) aliases: RefCell<BTreeMap<(String, String), (String, String)>>,
    /// Of promotions into the preview.
    pub(crate) journals: RefCell<Vec<Journal>>,
    /// By function and qualifier.
    pub(crate) provisioned: RefCell<Vec<(String, String)>>,
    pub(crate) entries: RefCell<Vec<(String, Kind, String, Value)>>,
    /// Of this preview it is written as soon as an alias was deleted: a release that comes in
    /// between.
    pub(crate) released_meanwhile: RefCell<Option<(&'static str, Value)>>,
    calls: Cell<usize>,
    breaks_at: Cell<Option<usize>>,
}

pub(crate) fn named(preview: &str) -> PreviewName {
    PreviewName {
        application: "storefront".to_owned(),
        preview: preview.to_owned(),
    }
}

fn key(one: &str, two: &str) -> (String, String) {
    (one.to_owned(), two.to_owned())
}

pub(crate) fn arn(function: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:function:{function}")
}

/// The settings of a preview of two functions.
pub(crate) fn document(preview: &str, expires_at: &str) -> Value {
    json!({
        "schema": 1, "order": 1,
        "functions": {"api": {"name": "api-dev", "alias": preview}, "web": {"name": "web-dev", "alias": preview}},
        "preview_of": {"environment": "dev", "expires_at": expires_at},
    })
}

/// What a promotion wrote down that moved `pr-7` of this function, behind this role.
pub(crate) fn journal(function: &str, role: Value) -> Journal {
    let moved =
        json!({"name": function, "alias": "pr-7", "stable": null, "canary": "2", "revision": null});
    let journal = json!({"functions": {"one": moved}, "role": role, "steps": []});
    serde_json::from_value(journal).expect("a journal")
}

impl World {
    /// A preview of two functions, and what callers use.
    pub(crate) fn with_preview(preview: &str, expires_at: &str) -> Self {
        let world = Self::default();
        world.add(preview, expires_at);
        for function in ["api-dev", "web-dev"] {
            let live = (
                "1".to_owned(),
                "sluice storefront/dev/1.0.0/1 step 100 generation 0".to_owned(),
            );
            world
                .aliases
                .borrow_mut()
                .insert(key(function, "live"), live);
        }
        world
    }

    pub(crate) fn add(&self, preview: &str, expires_at: &str) {
        let place = key("storefront", preview);
        let document = document(preview, expires_at);
        self.documents.borrow_mut().insert(place, document);
        let signed =
            format!("sluice storefront/{preview}/1.1.0-{preview}.1/1 step 100 generation 0");
        for function in ["api-dev", "web-dev"] {
            let alias = ("2".to_owned(), signed.clone());
            self.aliases
                .borrow_mut()
                .insert(key(function, preview), alias);
        }
    }

    /// The aliases that there are, as `<function>:<alias>`.
    pub(crate) fn there(&self) -> Vec<String> {
        let aliases = self.aliases.borrow();
        let names = aliases
            .keys()
            .map(|(function, alias)| format!("{function}:{alias}"));
        names.collect()
    }

    pub(crate) fn document(&self, preview: &str) -> Option<Value> {
        let documents = self.documents.borrow();
        documents.get(&key("storefront", preview)).cloned()
    }

    /// From this call on none works.
    pub(crate) fn break_at(&self, call: Option<usize>) {
        self.calls.set(0);
        self.breaks_at.set(call);
    }

    fn call(&self, operation: &str) -> Result<(), Fault> {
        let call = self.calls.replace(self.calls.get() + 1);
        match self.breaks_at.get() {
            Some(last) if call >= last => Err(Fault::other(operation, "the function was stopped")),
            _ => Ok(()),
        }
    }
}

pub(crate) fn remover(world: &World) -> Remover<&World, &World, &World, &World> {
    Remover {
        documents: world,
        promotions: world,
        accounts: world,
        ledger: world,
    }
}

impl Documents for &World {
    async fn previews(&self) -> Result<Vec<Kept>, SettingsError> {
        self.call("previews")?;
        let documents = self.documents.borrow();
        let all = documents.iter().map(|((_, preview), document)| Kept {
            named: named(preview),
            settings: Settings::parse(preview, document.to_string().as_bytes()).expect("valid"),
        });
        Ok(all
            .filter(|kept| kept.settings.preview_of.is_some())
            .collect())
    }

    async fn find(&self, named: &PreviewName) -> Result<Option<Settings>, SettingsError> {
        self.call("find")?;
        let found = self.document(&named.preview);
        let parse = |found: Value| Settings::parse("/x", found.to_string().as_bytes());
        Ok(found.map(parse).transpose()?)
    }

    async fn write(&self, named: &PreviewName, settings: &Settings) -> Result<(), SettingsError> {
        self.call("write")?;
        let document = serde_json::to_value(settings).expect("JSON");
        let place = key(&named.application, &named.preview);
        self.documents.borrow_mut().insert(place, document);
        Ok(())
    }

    async fn delete(&self, named: &PreviewName) -> Result<(), Fault> {
        self.call("delete the document")?;
        let place = key(&named.application, &named.preview);
        self.documents.borrow_mut().remove(&place);
        Ok(())
    }
}

impl Promotions for &World {
    async fn holder(&self, arn: &str) -> Result<Option<String>, StoreError> {
        self.call("holder")?;
        Ok(self.holders.borrow().get(arn).cloned())
    }

    async fn journals(&self, _: &PreviewName) -> Result<Vec<Journal>, StoreError> {
        self.call("journals")?;
        Ok(self.journals.borrow().clone())
    }
}

impl<'a> Open for &'a World {
    type Account = &'a World;

    async fn open(&self, _: Option<&Role>, _: &PreviewName) -> &'a World {
        self
    }
}

impl Functions for &World {
    async fn arn(&self, function: &str) -> Result<Option<String>, Fault> {
        self.call("arn")?;
        Ok(Some(arn(function)))
    }

    async fn alias(&self, function: &str, alias: &str) -> Result<Option<Alias>, Fault> {
        self.call("alias")?;
        let aliases = self.aliases.borrow();
        let found = aliases.get(&key(function, alias));
        Ok(found.map(|(version, description)| Alias {
            routing: Routing::only(version),
            revision: "r".to_owned(),
            description: Some(description.clone()),
        }))
    }

    async fn aliases(&self, function: &str) -> Result<Vec<(String, Routing)>, Fault> {
        self.call("aliases")?;
        let aliases = self.aliases.borrow();
        let own = aliases.iter().filter(|((of, _), _)| of == function);
        Ok(own
            .map(|((_, name), (version, _))| (name.clone(), Routing::only(version)))
            .collect())
    }

    async fn unprovision(&self, function: &str, qualifier: &str) -> Result<(), Fault> {
        self.call("unprovision")?;
        let gone = key(function, qualifier);
        self.provisioned.borrow_mut().retain(|there| *there != gone);
        Ok(())
    }

    async fn delete(&self, function: &str, alias: &str) -> Result<(), Fault> {
        self.call("delete an alias")?;
        self.aliases.borrow_mut().remove(&key(function, alias));
        if let Some((preview, document)) = self.released_meanwhile.take() {
            let place = key("storefront", preview);
            self.documents.borrow_mut().insert(place, document);
        }
        Ok(())
    }
}

impl Record for &World {
    async fn record(
        &self,
        chain: &str,
        kind: Kind,
        entry: &str,
        facts: Value,
    ) -> Result<(), Fault> {
        self.call("record")?;
        let mut entries = self.entries.borrow_mut();
        let is_there = |there: &(String, Kind, String, Value)| there.0 == chain && there.2 == entry;
        if !entries.iter().any(is_there) {
            entries.push((chain.to_owned(), kind, entry.to_owned(), facts));
        }
        Ok(())
    }
}
