//! A report of any bytes, in the format that `SLUICE_FORMAT` names: `junit`, `dsse`, …

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sluice_domain::evidence::Called;
use sluice_evidence::Key;

static CALLED: LazyLock<Called> = LazyLock::new(|| {
    let name = std::env::var("SLUICE_FORMAT").unwrap_or_default();
    match name.parse() {
        Ok(called) => called,
        Err(error) => panic!("SLUICE_FORMAT: {error}"),
    }
});

/// A key of RFC 8032's first test: signatures are checked, too.
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let pem = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
        -----END PUBLIC KEY-----\n";
    Key::from_pem("ci", pem).into_iter().collect()
});

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = sluice_evidence::read(bytes, Some(*CALLED), &KEYS) {
        assert!(error.to_string().len() < 1500, "{error}");
    }
});
