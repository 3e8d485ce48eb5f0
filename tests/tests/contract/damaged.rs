//! Whatever becomes of a manifest, of settings or of an event on its way, it is read or
//! refused with an error that says where and why: never a panic, nor an endless list.

use std::sync::LazyLock;

use intake::request::Input;
use proptest::prelude::*;
use serde_json::Value;
use sluice_domain::document::Document as _;
use sluice_domain::manifest::Manifest;
use sluice_domain::settings::Settings;

/// The longest error that can still be called clear, in bytes: a page of problems.
const LONGEST: usize = 20_000;

/// All JSON documents of the examples and all sample events.
static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folders = ["examples/storefront", "events"];
    let paths = folders.map(|folder| sluice_tests::files(folder, "json"));
    let samples = paths.concat();
    assert!(samples.len() > 30, "{} samples were found", samples.len());
    let read = |path| std::fs::read(path).expect("a sample");
    samples.into_iter().map(read).collect()
});

/// Reads bytes as everything that comes from outside, and says what was refused.
fn refusals(bytes: &[u8]) -> Vec<String> {
    let manifest = Manifest::parse("release.json", bytes).map(drop);
    let settings = Settings::parse("/sluice/shop/prod", bytes).map(drop);
    let event = serde_json::from_slice::<Value>(bytes).map_err(|error| error.to_string());
    let event = event.and_then(|event| Input::read(&event).map_err(|error| error.to_string()));
    let documents = [manifest, settings].map(|one| one.map_err(|error| error.to_string()));
    let all = documents.into_iter().chain([event.map(drop)]);
    all.filter_map(Result::err).collect()
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    for error in refusals(bytes) {
        prop_assert!(!error.trim().is_empty());
        prop_assert!(error.len() < LONGEST + bytes.len(), "{error}");
    }
    Ok(())
}

/// What parsers trip over.
const TRAPS: [&str; 9] = [
    "[",
    "{\"a\":",
    "1e999",
    "-0",
    "99999999999999999999",
    "null",
    "\"\\ud800\"",
    "\u{0}",
    "\u{202e}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Bytes are changed, left out, doubled, or replaced by what parsers trip over.
    #[test]
    fn a_damaged_document_is_read_or_refused_with_a_reason(
        sample in any::<prop::sample::Index>(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..64, any::<u8>(), 0_u8..4, 0..TRAPS.len(), 1_usize..200),
            1..8,
        ),
    ) {
        let mut bytes = sample.get(&SAMPLES).clone();
        for (at, length, byte, edit, trap, times) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let part = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, part));
                }
                _ => drop(bytes.splice(at..end, TRAPS[trap].repeat(times).into_bytes())),
            }
        }
        check(&bytes)?;
    }

    #[test]
    fn any_bytes_are_read_or_refused_with_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes)?;
    }
}

#[test]
fn a_document_that_is_cut_off_is_refused_with_a_reason() {
    for sample in SAMPLES.iter() {
        for length in 0..sample.trim_ascii_end().len() {
            assert_eq!(refusals(&sample[..length]).len(), 3, "{length} bytes");
        }
    }
}
