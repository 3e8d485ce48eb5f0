//! What samples of every format say, and that nothing that is made of them by chance is
//! met with anything but a reading or an error.

mod told;

use proptest::prelude::*;
use sluice_domain::evidence::{Called, Format, Reading};
use told::told;

fn read(bytes: &[u8], called: Option<Called>) -> Result<Reading, sluice_evidence::Error> {
    sluice_evidence::read(bytes, called, &[])
}

/// Each sample, its format, and what it says.
const SAMPLES: [(&str, &[u8], Format, &str); 17] = [
    (
        "junit-surefire.xml",
        include_bytes!("../samples/junit-surefire.xml"),
        Format::Junit,
        "2 passed, 0 failed, 1 errored, 1 skipped, 1 flaky",
    ),
    (
        "junit-pytest.xml",
        include_bytes!("../samples/junit-pytest.xml"),
        Format::Junit,
        "1 passed, 1 failed, 0 errored, 1 skipped, 0 flaky",
    ),
    (
        "junit-gotestsum.xml",
        include_bytes!("../samples/junit-gotestsum.xml"),
        Format::Junit,
        "2 passed, 0 failed, 0 errored, 0 skipped, 0 flaky",
    ),
    (
        "junit-nextest.xml",
        include_bytes!("../samples/junit-nextest.xml"),
        Format::Junit,
        "2 passed, 1 failed, 0 errored, 0 skipped, 1 flaky",
    ),
    (
        "junit-jest.xml",
        include_bytes!("../samples/junit-jest.xml"),
        Format::Junit,
        "1 passed, 0 failed, 0 errored, 1 skipped, 0 flaky",
    ),
    (
        "tests.tap",
        include_bytes!("../samples/tests.tap"),
        Format::Tap,
        "3 passed, 0 failed, 0 errored, 1 skipped, 0 flaky",
    ),
    (
        "lcov.info",
        include_bytes!("../samples/lcov.info"),
        Format::Lcov,
        "2 of 3 lines, 1 of 2 branches",
    ),
    (
        "cobertura.xml",
        include_bytes!("../samples/cobertura.xml"),
        Format::Cobertura,
        "2 of 3 lines, 1 of 2 branches",
    ),
    (
        "jacoco.xml",
        include_bytes!("../samples/jacoco.xml"),
        Format::Jacoco,
        "2 of 3 lines, 1 of 2 branches",
    ),
    (
        "sarif.json",
        include_bytes!("../samples/sarif.json"),
        Format::Sarif,
        "high rust.sql.format at src/db.rs:12; 1 suppressed",
    ),
    (
        "trivy.json",
        include_bytes!("../samples/trivy.json"),
        Format::Trivy,
        "medium CVE-2026-0001 at tinyvec 0.1.0, low AVD-AWS-0089 at template.yaml; 0 suppressed",
    ),
    (
        "npm-audit.json",
        include_bytes!("../samples/npm-audit.json"),
        Format::NpmAudit,
        "high GHSA-c2qf-rxjj-qqgw at semver <5.7.2; 0 suppressed",
    ),
    (
        "cargo-audit.json",
        include_bytes!("../samples/cargo-audit.json"),
        Format::CargoAudit,
        "medium RUSTSEC-2026-0001 at tinyvec 0.1.0, info RUSTSEC-2026-0002 at old 1.0.0; 0 suppressed",
    ),
    (
        "grype.json",
        include_bytes!("../samples/grype.json"),
        Format::Grype,
        "medium CVE-2026-0001 at tinyvec 0.1.0; 0 suppressed",
    ),
    (
        "cyclonedx.json",
        include_bytes!("../samples/cyclonedx.json"),
        Format::Cyclonedx,
        "serde (MIT OR Apache-2.0), tinyvec (Zlib)",
    ),
    (
        "spdx.json",
        include_bytes!("../samples/spdx.json"),
        Format::Spdx,
        "serde (MIT OR Apache-2.0), tinyvec (Zlib)",
    ),
    (
        "provenance.dsse.json",
        include_bytes!("../samples/provenance.dsse.json"),
        Format::Dsse,
        "1 subjects, built by https://github.com/actions/runner/github-hosted from https://github.com/acme/shop@refs/heads/main",
    ),
];

#[test]
fn each_sample_is_recognised_and_says_what_it_says() {
    for (name, bytes, format, says) in SAMPLES {
        let reading = read(bytes, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (reading.format, told(&reading).as_str()),
            (format, says),
            "{name}"
        );
    }
}

#[test]
fn every_format_has_a_sample() {
    for format in Format::ALL {
        assert!(
            SAMPLES.iter().any(|sample| sample.2 == format),
            "{}",
            format.name()
        );
    }
}

#[test]
fn what_a_file_is_called_must_agree_with_what_it_is() {
    for (name, bytes, format, _) in SAMPLES {
        for other in Format::ALL {
            let read = read(bytes, Some(Called::Format(other)));
            assert_eq!(read.is_ok(), other == format, "{name} as {}", other.name());
        }
    }
}

#[test]
fn a_report_that_is_cut_off_anywhere_is_never_taken_for_a_whole_one() {
    for (name, bytes, format, _) in SAMPLES {
        // A stream of lines may end with any of them: its plan, or its sections, tell.
        if format == Format::Tap {
            continue;
        }
        let end = bytes.trim_ascii_end().len();
        for length in 0..end {
            assert!(
                read(&bytes[..length], None).is_err(),
                "{name}, {length} of {end} bytes"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Bytes are changed, left out, doubled and put elsewhere.
    #[test]
    fn whatever_becomes_of_a_report_is_read_or_refused(
        sample in 0..SAMPLES.len(),
        edits in proptest::collection::vec((any::<u16>(), any::<u16>(), any::<u8>(), 0_u8..4), 1..12),
    ) {
        let mut bytes = SAMPLES[sample].1.to_vec();
        for (at, length, byte, edit) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = usize::from(at) % bytes.len();
            let end = (at + usize::from(length) % 64).min(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let part = bytes[at..end].to_vec();
                    bytes.extend_from_slice(&part);
                }
                _ => {
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        let _ = read(&bytes, None);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,400}", mark in prop::sample::select(vec!["", "<", "{", "SF:", "1..", "TAP version 14\n"])) {
        let _ = read(format!("{mark}{text}").as_bytes(), None);
    }
}
