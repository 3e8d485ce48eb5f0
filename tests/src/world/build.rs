//! What a build server makes: functions, a manifest, a bundle in the bucket.

use std::fs;

use aws_sdk_s3::primitives::ByteStream;
use jiff::Timestamp;
use semver::Version;
use serde_json::{Map, Value, json};
use sluice_cli::pack::{Bundle, Given};
use sluice_cli::upload::Uploader;
use sluice_domain::digest::Digest;
use sluice_domain::manifest::{Evidence, Person};
use sluice_domain::promotion::BundleRef;

use super::{World, merge};
use crate::text;

/// A function that answers with its version.
#[must_use]
pub fn healthy(version: &str) -> String {
    format!(
        "VERSION = \"{version}\"\n\n\
         def lambda_handler(event, context):\n    \
             return {{\"ok\": True, \"version\": VERSION}}\n"
    )
}

/// A function that fails one of `every` calls, by their number.
#[must_use]
pub fn failing(version: &str, every: u32) -> String {
    format!(
        "VERSION = \"{version}\"\n\n\
         def lambda_handler(event, context):\n    \
             if event.get(\"n\", 1) % {every} == 0:\n        \
                 raise RuntimeError(\"fails on this input\")\n    \
             return {{\"ok\": True, \"version\": VERSION}}\n"
    )
}

/// A function that answers with its version, in Bash: a runtime of its own,
/// without any SDK.
#[must_use]
pub fn in_bash(version: &str) -> String {
    include_str!("bootstrap.sh").replace("@version@", version)
}

/// What is compiled for a machine that Lambda does not have: 32-bit ARM.
#[must_use]
pub fn for_another_machine() -> String {
    let head = "\u{7f}ELF\u{1}\u{1}\u{1}";
    format!("{head}{}\u{2}\0\u{28}\0{}", "\0".repeat(9), "\0".repeat(32))
}

/// The file that a source is: a script or a program is a runtime of its own.
fn file_of(source: &str) -> &'static str {
    if source.starts_with("#!") || source.starts_with("\u{7f}ELF") {
        "bootstrap"
    } else {
        "app.py"
    }
}

/// A bundle of this test's application.
pub struct Build {
    /// As `sluice pack` made it.
    pub bundle: Bundle,
}

impl Build {
    /// The names of its functions.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.bundle.manifest.functions.keys().map(String::as_str)
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.bundle.manifest.version
    }

    /// The same with a file of evidence.
    ///
    /// # Panics
    /// When the manifest can't be written.
    #[must_use]
    pub fn with_evidence(mut self, kind: &str, key: &str, bytes: &[u8]) -> Self {
        let Bundle {
            manifest,
            release_json,
            files,
            ..
        } = &mut self.bundle;
        manifest.evidence.push(Evidence {
            kind: kind.to_owned(),
            key: key.to_owned(),
            digest: Digest::of(bytes),
        });
        files.insert(key.to_owned(), bytes.to_vec());
        *release_json = serde_json::to_vec(manifest).expect("the manifest");
        self
    }

    /// The key of one of its files in the bucket.
    #[must_use]
    pub fn key(&self, file: &str) -> String {
        format!("{}/{file}", Uploader::folder(&self.bundle))
    }

    pub(super) fn zip(&self, function: &str) -> Vec<u8> {
        self.bundle.files[&format!("{function}.zip")].clone()
    }
}

/// The commit that a version is built from.
#[must_use]
pub fn commit(version: &str) -> String {
    Digest::of(version.as_bytes()).hex()[..40].to_owned()
}

impl World {
    /// A build of these functions' sources. `more` is what else the manifest says.
    ///
    /// # Panics
    /// When it can't be packed.
    #[must_use]
    pub fn build(&self, version: &str, functions: &[(&str, String)], more: Value) -> Build {
        self.build_with(version, functions, &[], more)
    }

    /// The same, with other files beside the functions: their paths, and what is in them.
    ///
    /// # Panics
    /// When it can't be packed.
    #[must_use]
    pub fn build_with(
        &self,
        version: &str,
        functions: &[(&str, String)],
        files: &[(String, &str)],
        more: Value,
    ) -> Build {
        let folder = std::env::temp_dir().join(format!(
            "sluice-{}-{version}-{}",
            self.unique,
            std::process::id()
        ));
        fs::create_dir_all(&folder).expect("a folder for the manifest");
        let mut named = Map::new();
        for (function, source) in functions {
            let code = folder.join(function);
            fs::create_dir_all(&code).expect("a folder for the code");
            fs::write(code.join(file_of(source)), source).expect("the code");
            named.insert((*function).to_owned(), json!({ "zip": function }));
        }
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("within the folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let mut manifest =
            json!({ "application": self.application, "version": version, "functions": named });
        merge_deep(&mut manifest, more);
        fs::write(folder.join("release.json"), manifest.to_string()).expect("the manifest");
        let given = Given {
            commit: Some(commit(version)),
            author: Some(Person {
                name: "Grace".to_owned(),
                email: "grace@example.com".to_owned(),
            }),
            ..Given::default()
        };
        let bundle = Bundle::pack(&folder, &given, None).expect("the bundle");
        fs::remove_dir_all(&folder).expect("the folder is removed");
        Build { bundle }
    }

    /// A build of healthy functions.
    #[must_use]
    pub fn healthy(&self, version: &str, functions: &[&str]) -> Build {
        let functions: Vec<_> = functions
            .iter()
            .map(|function| (*function, healthy(version)))
            .collect();
        self.build(version, &functions, json!({}))
    }

    /// Uploads a build, which asks for its release.
    ///
    /// # Panics
    /// When S3 refuses.
    pub async fn upload(&self, build: &Build) {
        Uploader::new(&self.config, self.bucket())
            .send(&build.bundle)
            .await
            .expect("uploaded");
    }

    /// Uploads a build under a name that asks for nothing.
    pub(super) async fn put_aside(&self, build: &Build) -> BundleRef {
        let folder = Uploader::folder(&build.bundle);
        for (name, bytes) in &build.bundle.files {
            self.put(&format!("{folder}/{name}"), bytes).await;
        }
        let key = format!("{folder}/aside.json");
        let version_id = self.put(&key, &build.bundle.release_json).await;
        BundleRef {
            bucket: self.bucket().to_owned(),
            key,
            version_id,
            digest: build.bundle.digest(),
        }
    }

    /// Puts an object into the bucket, and answers its version.
    ///
    /// # Panics
    /// When S3 refuses.
    pub async fn put(&self, key: &str, bytes: &[u8]) -> String {
        let put = aws_sdk_s3::Client::new(&self.config)
            .put_object()
            .bucket(self.bucket())
            .key(key)
            .body(ByteStream::from(bytes.to_vec()))
            .send()
            .await
            .unwrap_or_else(|error| panic!("putting {key}: {error:?}"));
        put.version_id().unwrap_or_default().to_owned()
    }

    /// Deletes an object of the bucket: S3 keeps its versions under a marker.
    ///
    /// # Panics
    /// When S3 refuses.
    pub async fn delete(&self, key: &str) {
        aws_sdk_s3::Client::new(&self.config)
            .delete_object()
            .bucket(self.bucket())
            .key(key)
            .send()
            .await
            .unwrap_or_else(|error| panic!("deleting {key}: {error:?}"));
    }

    /// The event that S3 sends for an object of the bucket.
    ///
    /// # Panics
    /// When the sample event can't be read.
    #[must_use]
    pub fn s3_event(&self, key: &str) -> Value {
        let sample = text("events/intake/s3-object-created-without-version.json");
        let mut event: Value = serde_json::from_str(&sample).expect("a sample event");
        event["time"] = json!(Timestamp::now());
        event["detail"]["bucket"]["name"] = json!(self.bucket());
        event["detail"]["object"]["key"] = json!(key);
        event
    }
}

/// Merges objects within objects, too.
fn merge_deep(document: &mut Value, more: Value) {
    let Value::Object(more) = more else {
        *document = more;
        return;
    };
    for (name, value) in more {
        if document[&name].is_object() && value.is_object() {
            merge_deep(&mut document[&name], value);
        } else {
            merge(document, json!({ name: value }));
        }
    }
}
