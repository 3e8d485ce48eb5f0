//! The same files cut off and damaged: they are read or refused, never worse, and what
//! is cut off is never taken for a clean whole.

use sluice_domain::evidence::{Content, Format, Reading};
use sluice_domain::generator::Generator;

use crate::files::{self, Listed, REFUSED, listed};
use crate::read;

/// How often each file is damaged, and at how many places it is cut off.
const TIMES: u64 = 200;

/// What `read` and `summary` say of each file is checked beside this.
fn each(mut check: impl FnMut(&Listed, &[u8], &mut Generator)) {
    for (number, one) in listed().iter().enumerate() {
        if let Some(bytes) = files::bytes(&one.name) {
            check(one, &bytes, &mut Generator::new(&[number as u64]));
        }
    }
}

fn below(random: &mut Generator, end: usize) -> usize {
    usize::try_from(random.bits() % (end.max(1) as u64)).expect("a place in memory")
}

/// How many tests are said to have gone well, if all of them did.
fn clean(reading: &Reading) -> Option<u64> {
    let Content::Tests(tests) = &reading.content else {
        panic!("tests are expected");
    };
    (tests.failed + tests.errored == 0).then_some(tests.passed + tests.skipped)
}

#[test]
#[ignore = "needs files of public tools: make published"]
fn a_file_that_is_cut_off_is_never_taken_for_a_whole_one() {
    each(|one, bytes, random| {
        if one.format == REFUSED {
            return;
        }
        let whole = read(bytes).expect("read above");
        // A zero is half of a character of UTF-16.
        let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
        let end = bytes
            .iter()
            .rposition(|byte| !is_blank(byte))
            .expect("text");
        for place in 0..TIMES {
            // The last ones, and others anywhere.
            let length = match place {
                0..50 => end.saturating_sub(usize::try_from(place).expect("small")),
                _ => below(random, end),
            };
            let cut = read(&bytes[..length]);
            let message = format!("{}, {length} bytes of {}", one.name, bytes.len());
            match (cut, whole.format) {
                (Err(_), _) => {}
                // Its plan tells: what is missing has not passed.
                (Ok(cut), Format::Tap) => {
                    assert!(
                        clean(&cut).is_none() || clean(&cut) == clean(&whole),
                        "{message}"
                    );
                }
                // Nothing tells that another section should follow.
                (Ok(_), Format::Lcov) => {
                    assert!(
                        bytes[..length].trim_ascii().ends_with(b"end_of_record"),
                        "{message}"
                    );
                }
                (Ok(_), _) => panic!("{message}: read as a whole report"),
            }
        }
    });
}

/// Damages a file: bytes are changed, left out, doubled, or replaced by something that
/// readers trip over.
fn damage(bytes: &mut Vec<u8>, random: &mut Generator) {
    let at = below(random, bytes.len());
    let end = (at + below(random, 64)).min(bytes.len());
    let part = bytes[at..end].to_vec();
    match below(random, 7) {
        0 => bytes[at] ^= 1 << below(random, 8),
        1 => drop(bytes.drain(at..end)),
        2 => drop(bytes.splice(at..at, part)),
        3 => bytes.extend_from_slice(&part),
        4 => drop(bytes.splice(at..end, b"1e999".repeat(1 + below(random, 3)))),
        5 => drop(bytes.splice(at..end, b"-99999999999999999999".to_vec())),
        _ => {
            let deep: [&[u8]; 4] = [b"[", b"{\"components\":[", b"<testsuite>", b"1..9\n"];
            let deep = deep[below(random, deep.len())].repeat(1 + below(random, 300));
            drop(bytes.splice(at..at, deep));
        }
    }
}

#[test]
#[ignore = "needs files of public tools: make published"]
fn a_file_that_is_damaged_is_read_or_refused_in_one_short_line() {
    each(|one, bytes, random| {
        for _ in 0..TIMES {
            let mut bytes = bytes.to_vec();
            for _ in 0..=below(random, 4) {
                if !bytes.is_empty() {
                    damage(&mut bytes, random);
                }
            }
            if let Err(error) = read(&bytes) {
                let error = error.to_string();
                let is_short = error.len() < 1500 && !error.chars().any(char::is_control);
                assert!(is_short, "{}: {error}", one.name);
            }
        }
    });
}
