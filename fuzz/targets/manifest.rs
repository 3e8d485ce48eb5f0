//! A release manifest of any bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_domain::document::Document as _;
use sluice_domain::manifest::Manifest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::parse("release.json", bytes) {
        assert!(
            manifest
                .artifacts()
                .all(|artifact| !artifact.key.is_empty())
        );
    }
});
