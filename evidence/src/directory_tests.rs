use std::io::{Cursor, Write};

use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

fn zip_of(names: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in 0..names {
        zip.start_file(format!("{name}.txt"), SimpleFileOptions::default())
            .expect("an entry");
        zip.write_all(b"text").expect("its content");
    }
    zip.finish().expect("a zip file").into_inner()
}

fn counted(bytes: &[u8]) -> Result<usize, PackageError> {
    entries(&mut Cursor::new(bytes))
}

fn refusal(bytes: &[u8]) -> String {
    counted(bytes).expect_err("refused").to_string()
}

/// With other bytes, so far from its end.
fn changed(zip: &[u8], from_end: usize, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip.to_vec();
    let at = zip.len() - from_end;
    zip[at..at + bytes.len()].copy_from_slice(bytes);
    zip
}

#[test]
fn the_entries_of_a_zip_file_are_counted_before_it_is_opened() {
    for count in [0, 1, 3] {
        assert_eq!(counted(&zip_of(count)).expect("counted"), count);
    }
    let zip = [changed(&zip_of(1), 2, &[5, 0]), b"hello".to_vec()].concat();
    assert_eq!(counted(&zip).expect("with a comment"), 1);
}

#[test]
fn more_entries_or_a_longer_table_than_fit_are_refused_by_the_end_record_alone() {
    let end = |count: u16, length: u32| {
        let head = [END, &[0; 4], &count.to_le_bytes(), &count.to_le_bytes()].concat();
        [&head[..], &length.to_le_bytes(), &[0; 6]].concat()
    };
    let told = refusal(&end(60_000, 46));
    assert!(told.contains("60000 entries; at most 50000"), "{told}");
    let told = refusal(&end(1, 200_000_000));
    assert!(told.contains("is longer than what is read"), "{told}");
}

#[test]
fn a_table_that_is_not_what_its_end_record_says_is_refused() {
    let zip = zip_of(2);
    let cut = &zip[..zip.len() - 1];
    for (bytes, why) in [
        (b"PK".to_vec(), "does not end like one"),
        (cut.to_vec(), "does not end like one"),
        ([&zip[..], b"x"].concat(), "followed by what is no comment"),
        ([b"x", &zip[..]].concat(), "just before its end record"),
        (
            changed(&zip, 14, &[1, 0, 1, 0]),
            "more entries than it says",
        ),
        (
            changed(&zip, 14, &[3, 0, 3, 0]),
            "fewer entries than it says",
        ),
        (changed(&zip, 14, &[1, 0]), "several disks"),
        (changed(&zip, 14, &[0xff; 4]), "Zip64"),
        (changed(&zip, 6, &[0xff; 4]), "Zip64"),
    ] {
        let told = refusal(&bytes);
        assert!(told.contains(why), "{why}: {told}");
    }
}
