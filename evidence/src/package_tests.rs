use std::io::{Cursor, Write};

use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

fn packed(files: &[(&str, u32, &[u8])]) -> Cursor<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, content) in files {
        let options = SimpleFileOptions::default().unix_permissions(*mode);
        zip.start_file(*name, options).expect("an entry");
        zip.write_all(content).expect("its content");
    }
    zip.finish().expect("a zip file")
}

fn looked(files: &[(&str, u32, &[u8])]) -> Result<Package, PackageError> {
    inspect(packed(files), &Scanner::new().expect("patterns"))
}

fn elf(machine: u16) -> Vec<u8> {
    let mut head = vec![0; 64];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    head[18..20].copy_from_slice(&machine.to_le_bytes());
    head
}

#[test]
fn a_package_says_what_it_is_compiled_for() {
    for (number, machine) in [
        (62, Machine::X86),
        (183, Machine::Arm),
        (243, Machine::Other(243)),
    ] {
        let package = looked(&[
            ("bootstrap", 0o755, &elf(number)),
            ("data/a.txt", 0o644, b"text"),
        ])
        .expect("read");
        let bootstrap = package.bootstrap.expect("a bootstrap");
        assert_eq!(bootstrap.machine, Some(machine));
        assert_eq!(bootstrap.mode.map(|mode| mode & 0o777), Some(0o755));
        assert_eq!((package.files, package.unpacked), (2, 68));
        assert!(package.problems.is_empty(), "{:?}", package.problems);
    }
}

#[test]
fn a_script_is_no_elf() {
    let package = looked(&[("bootstrap", 0o755, b"#!/bin/sh\n")]).expect("read");
    assert_eq!(package.bootstrap.expect("a bootstrap").machine, None);
}

#[test]
fn entries_that_lead_elsewhere_are_told() {
    for name in [
        "../bootstrap",
        "/etc/passwd",
        "a/../../b",
        "a/../b",
        "..\\b",
        "C:/b",
        "a\nb",
    ] {
        let package = looked(&[(name, 0o644, b"")]).expect("read");
        assert_eq!(package.problems.len(), 1, "{name}");
    }
}

#[test]
fn a_bootstrap_that_everybody_may_write_is_told() {
    let package = looked(&[("bootstrap", 0o777, b"#!")]).expect("read");
    assert_eq!(
        package.problems,
        ["`bootstrap` may be written by everybody (mode 777)"]
    );
}

#[test]
fn a_bomb_is_not_unpacked_to_its_end() {
    let zeros = vec![0; 100_000];
    let files = packed(&[("a", 0o644, &zeros), ("b", 0o644, &zeros)]);
    let scanner = Scanner::new().expect("patterns");
    let up_to = |longest| inspect_up_to(longest, files.clone(), &scanner);
    assert!(up_to(200_000).is_ok());
    for longest in [0, 1, 99_999, 100_000, 199_999] {
        let found = up_to(longest);
        assert!(
            matches!(found, Err(PackageError::TooLarge)),
            "{longest}: {found:?}"
        );
    }
}

#[test]
fn secrets_within_a_package_are_found_with_their_place() {
    let token = format!("token = {}{}", "ghp_", "a1B2".repeat(9));
    let package = looked(&[("config/prod.env", 0o644, token.as_bytes())]).expect("read");
    assert_eq!(package.secrets[0].place, "config/prod.env");
    assert_eq!(package.secrets[0].id, "github-token");
}

#[test]
fn what_is_no_zip_file_is_refused() {
    let scanner = Scanner::new().expect("patterns");
    assert!(matches!(
        inspect(Cursor::new(b"not a zip"), &scanner),
        Err(PackageError::NoZip)
    ));
}

fn linked(name: &str, target: &str) -> Result<Package, PackageError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink(name, target, SimpleFileOptions::default())
        .expect("a link");
    let zip = zip.finish().expect("a zip file");
    inspect(zip, &Scanner::new().expect("patterns"))
}

#[test]
fn a_symbolic_link_may_point_at_a_place_within_the_package_alone() {
    for (name, target, is_fine) in [
        ("node_modules/.bin/tsc", "../typescript/bin/tsc", true),
        ("a", "b/../c", true),
        ("lib/a", "../../etc/passwd", false),
        ("lib/a", "/etc/passwd", false),
        ("a", "..", false),
    ] {
        let package = linked(name, target).expect("read");
        assert_eq!(package.problems.is_empty(), is_fine, "{name} to {target}");
    }
}

fn secret() -> Vec<u8> {
    format!("{}{}\n", "ghp_", "a1B2".repeat(9)).into_bytes()
}

/// A zip file with other bytes in place of these, wherever they stand.
fn changed(zip: Cursor<Vec<u8>>, from: &[u8], to: &[u8]) -> Cursor<Vec<u8>> {
    let mut bytes = zip.into_inner();
    let all = 0..bytes.len().saturating_sub(from.len());
    for at in all.rev() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    Cursor::new(bytes)
}

#[test]
fn two_entries_of_one_name_are_refused() {
    let files: [(&str, u32, &[u8]); 2] = [("a.js", 0o644, &secret()), ("b.js", 0o644, b"fine")];
    let zip = changed(packed(&files), b"b.js", b"a.js");
    let found = inspect(zip, &Scanner::new().expect("patterns"));
    assert!(matches!(found, Err(PackageError::Twice(2, 1))), "{found:?}");
}

#[test]
fn a_made_up_type_of_a_file_is_told_and_hides_no_secret() {
    let zip = packed(&[("a.js", 0o644, &secret())]);
    let mode = |mode: u32| (mode << 16).to_le_bytes();
    let zip = changed(zip, &mode(0o100_644), &mode(0o160_644));
    let package = inspect(zip, &Scanner::new().expect("patterns")).expect("read");
    assert_eq!(package.secrets.len(), 1);
    assert_eq!(
        package.problems,
        ["`a.js` is neither a file nor a folder nor a link"]
    );
}

#[test]
fn a_link_through_a_link_that_climbs_is_told() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.add_symlink("p", ".", options).expect("a link");
    zip.add_symlink("q", "p/p/../../etc", options)
        .expect("a link");
    let zip = zip.finish().expect("a zip file");
    let package = inspect(zip, &Scanner::new().expect("patterns")).expect("read");
    assert_eq!(package.problems.len(), 1, "{package:?}");
}

#[test]
fn one_place_that_two_entries_want_is_told_however_it_is_spelled() {
    for files in [
        ["index.js", "./index.js"],
        ["a//b", "a/./b"],
        ["a", "a/b"],
        ["a", "a/"],
    ] {
        let package = looked(&files.map(|name| (name, 0o644, b"".as_slice()))).expect("read");
        assert_eq!(
            package.problems.len(),
            1,
            "{files:?}: {:?}",
            package.problems
        );
    }
    let fine = looked(&[("a/", 0o755, b""), ("a/b", 0o644, b""), ("c", 0o644, b"")]).expect("read");
    assert!(fine.problems.is_empty(), "{:?}", fine.problems);
}

#[test]
fn a_bootstrap_is_found_however_its_name_is_spelled() {
    let package = looked(&[("./bootstrap", 0o757, &elf(183))]).expect("read");
    let bootstrap = package.bootstrap.expect("one");
    assert_eq!(bootstrap.machine, Some(Machine::Arm));
    assert!(package.problems[0].contains("written by everybody"));
}

#[test]
fn a_folder_with_content_and_an_endless_link_are_told() {
    let package = looked(&[("lib/", 0o755, b"hidden")]).expect("read");
    assert_eq!(
        package.problems,
        ["the folder `lib/` has content, like a file"]
    );
    let error = linked("link", &"a/".repeat(3_000)).expect_err("refused");
    assert!(error.to_string().contains("longer than a path"), "{error}");
}
