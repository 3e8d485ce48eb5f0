//! A bundle in S3, copied into a folder that is gone with the copy.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::str::FromStr;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use sluice_domain::manifest::Manifest;
use sluice_platform::fault::Fault;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::folder::{Folder, MOST, parts, scratch};
use crate::pack::RELEASE_JSON;
use crate::verified::LONGEST_MANIFEST;

/// Where a bundle is: `s3://bucket/shop/1.4.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    bucket: String,
    /// With its slash at the end.
    prefix: String,
}

/// A copy of a bundle's `release.json` and of what it names.
pub struct Stored {
    client: Client,
    location: Location,
    copy: TempDir,
    keys: Vec<String>,
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let place = text.strip_prefix("s3://").and_then(|rest| {
            let (bucket, prefix) = rest.split_once('/')?;
            let prefix = prefix.strip_suffix(RELEASE_JSON).unwrap_or(prefix);
            let prefix = prefix.trim_end_matches('/');
            (!bucket.is_empty() && !prefix.is_empty()).then(|| Self {
                bucket: bucket.to_owned(),
                prefix: format!("{prefix}/"),
            })
        });
        place.ok_or_else(|| {
            format!("found `{text}`; expected s3://<bucket>/<application>/<version>")
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

impl Stored {
    /// Copies `release.json` and lists what lies beside it.
    ///
    /// # Errors
    /// When nothing is there, it can't be read, or there is no room for the copy.
    pub async fn open(config: &SdkConfig, location: Location) -> Result<Self> {
        let client = Client::new(config);
        let keys = keys(&client, &location).await?;
        if !keys.iter().any(|key| key == RELEASE_JSON) {
            return Err(Error::Absent(format!(
                "{location} has no {RELEASE_JSON}; expected the folder of a bundle that was uploaded as a whole"
            )));
        }
        let copy = scratch()?;
        let stored = Self {
            client,
            location,
            copy,
            keys,
        };
        stored.fetch(RELEASE_JSON, LONGEST_MANIFEST).await?;
        Ok(stored)
    }

    /// Copies the files that the manifest names, each piece by piece. What is not there
    /// is left out: the checks tell.
    ///
    /// # Errors
    /// When one can't be read, or there is no room for it.
    pub async fn complete(&self, manifest: &Manifest) -> Result<()> {
        for artifact in manifest.artifacts() {
            let is_there = self.keys.contains(&artifact.key);
            if is_there && artifact.key != RELEASE_JSON && parts(&artifact.key).is_some() {
                self.fetch(&artifact.key, u64::MAX).await?;
            }
        }
        Ok(())
    }

    /// The copy.
    #[must_use]
    pub fn folder(&self) -> Folder {
        Folder::new(self.copy.path())
    }

    /// The keys of all that lies in S3, in order.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Copies one file, or enough of it to show that it is longer than this, in bytes.
    async fn fetch(&self, key: &str, longest: u64) -> Result<()> {
        let Location { bucket, prefix } = &self.location;
        let path = self.copy.path().join(key);
        let mut file = create(&path).map_err(Error::file("write", &path))?;
        let operation = || format!("s3:GetObject of s3://{bucket}/{prefix}{key}");
        let request = self
            .client
            .get_object()
            .bucket(bucket)
            .key(format!("{prefix}{key}"));
        let answer = request
            .send()
            .await
            .map_err(|error| Fault::new(operation(), error))?;
        let (mut body, mut length) = (answer.body, 0);
        while let Some(piece) = body.next().await
            && length <= longest
        {
            let piece = piece.map_err(|error| Fault::other(operation(), error))?;
            length += piece.len() as u64;
            file.write_all(&piece)
                .map_err(Error::file("write", &path))?;
        }
        Ok(())
    }
}

/// What lies under the prefix, without it.
async fn keys(client: &Client, location: &Location) -> Result<Vec<String>> {
    let Location { bucket, prefix } = location;
    let mut pages = client
        .list_objects_v2()
        .bucket(bucket)
        .prefix(prefix)
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let operation = format!("s3:ListObjectsV2 of {location}");
        let page = page.map_err(|error| Fault::new(operation, error))?;
        let there = page.contents().iter().filter_map(|object| object.key());
        let names = there.filter_map(|key| key.strip_prefix(prefix));
        keys.extend(names.filter(|key| !key.is_empty()).map(str::to_owned));
        if keys.len() > MOST {
            let why = format!("{location} has more than {MOST} files: is it a bundle's folder?");
            return Err(Error::Usage(why));
        }
    }
    keys.sort();
    Ok(keys)
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create_new(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_bucket_and_the_folder_of_a_bundle() {
        for text in [
            "s3://bucket/shop/1.4.0",
            "s3://bucket/shop/1.4.0/",
            "s3://bucket/shop/1.4.0/release.json",
        ] {
            let location: Location = text.parse().expect(text);
            assert_eq!(location.to_string(), "s3://bucket/shop/1.4.0/");
        }
        for text in [
            "shop/1.4.0",
            "s3://",
            "s3://bucket",
            "s3:///shop",
            "s3://bucket//",
        ] {
            let refused = text.parse::<Location>().expect_err(text);
            assert!(refused.contains("expected s3://<bucket>/"), "{refused}");
        }
    }
}
