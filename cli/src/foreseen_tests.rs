use std::io::{Cursor, Write as _};

use serde_json::{Value, json};
use sluice_domain::digest::Digest;
use sluice_domain::document::Document as _;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

const TABLE: (&str, &str) = (
    "1_person.sql",
    "CREATE TABLE person (id bigint PRIMARY KEY, name text);",
);
const INDEX: (&str, &str) = ("2_index.sql", "\nCREATE INDEX people ON person (name);");
const DROP: (&str, &str) = (
    "3_drop.sql",
    "-- sluice: phase contract\nALTER TABLE person DROP COLUMN name;",
);

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files {
        zip.start_file(*path, SimpleFileOptions::default())
            .expect("an entry");
        zip.write_all(text.as_bytes()).expect("its content");
    }
    zip.finish().expect("a zip file").into_inner()
}

fn bundle(zip: Vec<u8>, more: Value) -> Bundle {
    let digest = Digest::of(&zip);
    let mut migrations = json!({ "zip": { "key": "m.zip", "digest": digest } });
    for (name, value) in more.as_object().into_iter().flatten() {
        migrations[name] = value.clone();
    }
    let document = json!({
        "schema": 1, "application": "shop", "version": "1.4.0",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "author": {"name": "Grace", "email": "grace@example.com"},
        "functions": {"api": {"zip": {"key": "api.zip", "digest": Digest::of(b"api")}}},
        "migrations": migrations,
    });
    let release_json = document.to_string().into_bytes();
    Bundle {
        manifest: Manifest::parse("release.json", &release_json).expect("valid"),
        release_json,
        files: [("m.zip".to_owned(), zip)].into(),
        notes: Vec::new(),
    }
}

fn settings(more: Value) -> Settings {
    let mut document = json!({
        "schema": 1, "order": 1, "functions": {"api": {"name": "shop-api"}},
        "database": {"secret": "shop/prod", "backup": {"cluster": "shop"}},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        document[name] = value.clone();
    }
    Settings::parse("settings", document.to_string().as_bytes()).expect("valid")
}

fn foreseen(files: &[(&str, &str)], more: Value, set: Value) -> Foreseen {
    let bundle = bundle(zip(files), more);
    Foreseen::of(&bundle, "prod", &settings(set)).expect("migrations")
}

/// What is found, a text for each: the level, what, and how it is mended.
fn found(foreseen: &Foreseen) -> Vec<String> {
    let found = foreseen.told().iter();
    found
        .map(|one| one.lines(Style::PLAIN).join("\n"))
        .collect()
}

#[test]
fn people_see_phases_classes_what_asks_for_care_and_what_happens_around_it() {
    let more = json!({
        "checks": [{"name": "nobody is nameless", "query": "SELECT 1 WHERE false"}],
        "contract": ["*_drop.sql"], "reads": {"to": "4"},
    });
    let foreseen = foreseen(&[TABLE, INDEX, DROP], more, json!({}));
    let expected = "\
migrations (plain)  files  class A  class B  class C
expand              2      1        1        0        applied before code gets traffic
contract            1      0        0        1        waits for `sluice migrate contract`
expand: what asks for care, the newest first
  B  2_index.sql:2  CREATE INDEX, locks SHARE on person: reads all rows while nobody writes
contract: what asks for care, the newest first
  C  3_drop.sql:2  ALTER TABLE … DROP COLUMN, locks ACCESS EXCLUSIVE on person: destroys what the column holds; the version that serves: code that names name fails, in every statement that does
- not tried on a copy first: the settings name no `database.rehearsal`
- a backup before, of cluster shop, kept for 7 days
- what contracts waits until older code was not called for 1 day
- 1 check of the bundle must find nothing afterwards
- as long as 1.4.0 serves, nothing is applied that comes after `4` (`migrations.reads.to`)
- which of them are pending, whom they stop for how long, and what else speaks against them is known only beside the database: `sluice migrate plan FOLDER --database URL --contract '*_drop.sql'`";
    let lines = foreseen.lines(Style::PLAIN).join("\n");
    assert_eq!(lines, expected);
}

#[test]
fn class_c_is_told_with_what_the_settings_lack_and_of_which_command() {
    let told = found(&foreseen(&[TABLE, INDEX, DROP], json!({}), json!({})));
    let [only] = &told[..] else {
        panic!("{told:#?}");
    };
    assert!(only.starts_with("note"), "{only}");
    assert!(
        only.contains("1 statement of its migrations is of class C (the first: 3_drop.sql:2"),
        "{only}"
    );
    assert!(
        only.contains("neither `approval` nor a maintenance window"),
        "{only}"
    );
    assert!(
        only.ends_with("`sluice migrate contract` is refused"),
        "{only}"
    );
}

#[test]
fn migrations_without_a_database_are_a_problem_in_the_words_of_verify() {
    let bundle = bundle(zip(&[TABLE]), json!({}));
    let mut settings = settings(json!({}));
    settings.database = None;
    let foreseen = Foreseen::of(&bundle, "prod", &settings).expect("migrations");
    let told = found(&foreseen);
    assert_eq!(
        told,
        [
            "problem  migrations: the bundle brings migrations, and the settings of prod name no database; \
             expected `database`: add it with `sluice env put`"
        ]
    );
    let lines = foreseen.lines(Style::PLAIN);
    assert!(!lines.join("\n").contains("backup"), "{lines:#?}");
}

#[test]
fn what_may_be_applied_already_is_refused_only_if_it_is_pending() {
    let early = ("2_drop.sql", "DROP TABLE person;");
    let odd = ("people.sql", "SELECT 1;");
    let foreseen = foreseen(&[TABLE, early, odd], json!({}), json!({}));
    let told = found(&foreseen);
    let [anyway, if_pending, class_c] = &told[..] else {
        panic!("{told:#?}");
    };
    assert!(
        anyway.starts_with("problem  migrations: people.sql: the file is none of plain's"),
        "{anyway}"
    );
    let taken = "note     migrations: 2_drop.sql:1: the migration takes away what old code may use";
    assert!(if_pending.starts_with(taken), "{if_pending}");
    assert!(
        if_pending.contains("unless it is applied already, a release is refused: move it"),
        "{if_pending}"
    );
    assert!(
        class_c.ends_with("as long as one of them is pending, a release is refused"),
        "{class_c}"
    );
    let document = json!(foreseen);
    assert_eq!(document["refused"][0]["path"], "people.sql");
    assert_eq!(document["refused_if_pending"][0]["line"], 1);
}

#[test]
fn what_expands_after_what_contracts_is_refused_only_if_both_are_pending() {
    let mail = ("4_mail.sql", "ALTER TABLE person ADD COLUMN mail text;");
    let foreseen = foreseen(&[TABLE, DROP, mail], json!({}), json!({}));
    assert_eq!(foreseen.refused, []);
    let [only] = &foreseen.refused_if_pending[..] else {
        panic!("{:#?}", foreseen.refused_if_pending);
    };
    assert_eq!(only.path, "4_mail.sql");
}

#[test]
fn a_zip_file_that_cannot_be_read_is_a_problem_and_no_error() {
    let bundle = bundle(b"no zip".to_vec(), json!({}));
    let foreseen = Foreseen::of(&bundle, "prod", &settings(json!({}))).expect("migrations");
    let told = found(&foreseen);
    assert!(
        told[0].starts_with("problem  migrations: m.zip: "),
        "{told:#?}"
    );
    assert!(told[0].contains("`sluice pack`"), "{told:#?}");
    let lines = foreseen.lines(Style::PLAIN);
    assert_eq!(lines[0], "migrations: no file of them can be read");
    assert!(!foreseen.is_applied());
}

#[test]
fn a_preview_applies_nothing_and_is_refused_for_nothing() {
    let mut settings = settings(json!({}));
    let preview = json!({"environment": "dev", "expires_at": "2026-12-01T00:00:00Z"});
    settings.preview_of = serde_json::from_value(preview).expect("a preview");
    let bundle = bundle(zip(&[TABLE, DROP]), json!({}));
    let foreseen = Foreseen::of(&bundle, "pr-1", &settings).expect("migrations");
    assert_eq!(
        foreseen.lines(Style::PLAIN),
        ["migrations: 2 files, none of which a preview applies: it uses the schema that is there"]
    );
    assert!(foreseen.told().is_empty() && !foreseen.is_applied());
}

#[test]
fn of_much_the_newest_is_listed_and_the_rest_is_counted() {
    let names: Vec<String> = (1..=14).map(|n| format!("{n:02}_fill.sql")).collect();
    let update = "UPDATE person SET name = 'x';\nUPDATE person SET name = 'y';";
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), update)).collect();
    let long = foreseen(&files, json!({}), json!({}));
    let [expand, _] = &long.phases;
    assert_eq!((expand.statements.len(), expand.more), (10, 18));
    let places = expand.statements.iter().map(|one| one.place.as_str());
    let places: Vec<&str> = places.take(3).collect();
    assert_eq!(places, ["14_fill.sql:1", "14_fill.sql:2", "13_fill.sql:1"]);
    let told = "  18 more: `sluice migrate lint` shows them".to_owned();
    assert!(long.lines(Style::PLAIN).contains(&told));

    let odd: Vec<String> = (1..=9).map(|n| format!("x{n}.sql")).collect();
    let odd = odd.iter().map(|name| (name.as_str(), "SELECT 1;"));
    let files: Vec<(&str, &str)> = odd.chain([TABLE]).collect();
    let said = json!({ "tool": "plain" });
    let told = found(&foreseen(&files, said, json!({})));
    assert_eq!(told.len(), 6, "{told:#?}");
    assert!(told[5].contains("4 more faults"), "{told:#?}");
}

#[test]
fn backups_and_copies_are_told_as_the_settings_have_them() {
    let lines = |files: &[(&str, &str)], database: Value| {
        let set = json!({ "database": database });
        foreseen(files, json!({}), set).lines(Style::PLAIN)
    };
    let only_adds = lines(
        &[TABLE],
        json!({"secret": "s", "backup": {"before": "b_and_c", "instance": "shop"}, "rehearsal": {}}),
    );
    let told = "- tried first on a copy that is restored from the newest snapshot of instance shop";
    assert!(only_adds.contains(&told.to_owned()), "{only_adds:#?}");
    let told = "- no backup before: none of what expands is of class B or C";
    assert!(only_adds.contains(&told.to_owned()), "{only_adds:#?}");
    let by_function = lines(
        &[TABLE, INDEX],
        json!({"secret": "s", "backup": {"before": "b_and_c", "function": "save"}, "rehearsal": {"function": "copy"}}),
    );
    let told = "- tried first on a copy that function copy makes";
    assert!(by_function.contains(&told.to_owned()), "{by_function:#?}");
    let told = "- a backup before, by function save, if a statement of class B or C is pending";
    assert!(by_function.contains(&told.to_owned()), "{by_function:#?}");
    let none = lines(
        &[TABLE],
        json!({"secret": "s", "backup": {"before": "none"}}),
    );
    let told = "- no backup before: `database.backup.before` is `none`";
    assert!(none.contains(&told.to_owned()), "{none:#?}");
}
