use super::*;

fn sources<'a>(files: &[(&'a str, &'a str)]) -> Vec<Source<'a>> {
    let source = |(path, text): &(&'a str, &'a str)| Source {
        path,
        bytes: text.as_bytes(),
    };
    files.iter().map(source).collect()
}

fn whole_folder() -> Options {
    Options {
        whole: true,
        ..Options::default()
    }
}

fn read_all(files: &[(&str, &str)]) -> Reading {
    read(&sources(files), &whole_folder())
}

fn read_as(tool: Tool, files: &[(&str, &str)]) -> Reading {
    let options = Options {
        tool: Some(tool),
        ..whole_folder()
    };
    read(&sources(files), &options)
}

fn paths(reading: &Reading) -> Vec<&str> {
    reading
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect()
}

/// The only refusal, as people read it.
fn refusal(reading: &Reading) -> String {
    assert_eq!(reading.refused.len(), 1, "{:?}", reading.refused);
    reading.refused[0].to_string()
}

#[test]
fn the_tool_is_told_by_names_and_by_what_only_it_writes() {
    let table: [(Tool, &[(&str, &str)]); 9] = [
        (Tool::Plain, &[("1_a.sql", "SELECT 1;")]),
        (Tool::Sqlx, &[("1_a.sql", "-- no-transaction\nSELECT 1;")]),
        (
            Tool::Sqlx,
            &[("1_a.up.sql", "-- no-transaction\n"), ("1_a.down.sql", "")],
        ),
        (Tool::Flyway, &[("V1__a.sql", ""), ("V1.1__b.sql", "")]),
        (Tool::Flyway, &[("V1__a.sql", ""), ("R__b.sql", "")]),
        (Tool::Refinery, &[("V1__a.sql", ""), ("U2__b.sql", "")]),
        (
            Tool::Prisma,
            &[("1_a/migration.sql", ""), ("migration_lock.toml", "")],
        ),
        (Tool::Dbmate, &[("1_a.sql", "-- migrate:up\nSELECT 1;\n")]),
        (Tool::Diesel, &[("1_a/up.sql", ""), ("1_a/down.sql", "")]),
    ];
    for (tool, files) in table {
        let reading = read_all(files);
        assert_eq!(reading.tool, Some(tool), "{files:?} {:?}", reading.refused);
    }
}

#[test]
fn a_tool_that_can_not_be_told_is_asked_for_with_those_that_it_may_be() {
    for (file, tools) in [
        ("V1__a.sql", "refinery and of flyway"),
        ("1_a.up.sql", "sqlx and of golang-migrate"),
    ] {
        let reading = read_all(&[(file, "SELECT 1;")]);
        let told = refusal(&reading);
        assert!(told.contains(tools) && told.contains("--tool"), "{told}");
        assert_eq!(reading.tool, None);
    }
    for nothing in [read_all(&[]), read_all(&[("schema.sql", "")])] {
        let told = refusal(&nothing);
        assert!(told.contains("<number>_<name>.sql (plain)"), "{told}");
    }
}

#[test]
fn files_come_in_the_order_in_which_the_tool_applies_them() {
    let table: [(Tool, &[&str], &[&str]); 5] = [
        (
            Tool::Sqlx,
            &["10_b.sql", "9_a.sql"],
            &["9_a.sql", "10_b.sql"],
        ),
        (
            Tool::Flyway,
            &["R__b.sql", "V10__x.sql", "R__a.sql", "V9.1__y.sql"],
            &["V9.1__y.sql", "V10__x.sql", "R__a.sql", "R__b.sql"],
        ),
        (
            Tool::Prisma,
            &["9_a/migration.sql", "10_b/migration.sql"],
            &["10_b/migration.sql", "9_a/migration.sql"],
        ),
        (
            Tool::Diesel,
            &["2024-02-01_b/up.sql", "20240101_a/up.sql"],
            &["20240101_a/up.sql", "2024-02-01_b/up.sql"],
        ),
        (
            Tool::GolangMigrate,
            &["000010_b.up.sql", "9_a.up.sql"],
            &["9_a.up.sql", "000010_b.up.sql"],
        ),
    ];
    for (tool, given, expected) in table {
        let files: Vec<(&str, &str)> = given.iter().map(|path| (*path, "SELECT 1;")).collect();
        assert_eq!(paths(&read_as(tool, &files)), expected, "{tool}");
    }
}

#[test]
fn every_fault_of_a_folder_is_told_at_once() {
    let mut sources = sources(&[
        ("1_a.up.sql", "SELECT 1;"),
        ("01_b.up.sql", "SELECT 1;"),
        ("2_c.down.sql", "SELECT 1;"),
        ("x.sql", "SELECT 1;"),
        ("4_e.up.sql", "a\0b"),
        ("5_f.up.sql", "-- sluice: phase\n"),
    ]);
    sources.push(Source {
        path: "3_d.up.sql",
        bytes: b"SELECT '\xe9';",
    });
    let long = vec![b' '; LONGEST + 1];
    sources.push(Source {
        path: "6_g.up.sql",
        bytes: &long,
    });
    let options = Options {
        tool: Some(Tool::Sqlx),
        ..whole_folder()
    };
    let reading = read(&sources, &options);
    let mut told: Vec<(&str, &str)> = reading
        .refused
        .iter()
        .map(|refusal| (refusal.path.as_str(), refusal.what.as_str()))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("1_a.up.sql", "two migrations have one version"),
            (
                "2_c.down.sql",
                "the file takes back a migration that is not there"
            ),
            ("3_d.up.sql", "the file is no text"),
            ("4_e.up.sql", "the file is no text"),
            ("5_f.up.sql", "the file says what is not understood"),
            ("6_g.up.sql", "the file is too long"),
            ("x.sql", "the file is none of sqlx's"),
        ]
    );
}

#[test]
fn of_single_files_it_is_not_told_what_is_missing() {
    let files = sources(&[
        ("db/2_c.down.sql", "SELECT 1;"),
        ("db/3_d.up.sql", "SELECT 1;"),
    ]);
    let options = Options {
        tool: Some(Tool::Sqlx),
        ..Options::default()
    };
    let reading = read(&files, &options);
    assert_eq!(reading.refused, []);
    assert_eq!(paths(&reading), ["db/3_d.up.sql"]);
}

#[test]
fn each_tool_says_in_its_own_way_that_a_file_runs_in_no_transaction() {
    let table: [(Tool, &[(&str, &str)]); 5] = [
        (
            Tool::Plain,
            &[("1_a.sql", "-- sluice: no-transaction\nSELECT 1;")],
        ),
        (Tool::Sqlx, &[("1_a.sql", "-- no-transaction\nSELECT 1;")]),
        (
            Tool::Dbmate,
            &[("1_a.sql", "-- migrate:up transaction:false\nSELECT 1;")],
        ),
        (
            Tool::Diesel,
            &[
                ("1_a/up.sql", "SELECT 1;"),
                ("1_a/metadata.toml", "run_in_transaction = false"),
            ],
        ),
        (
            Tool::Flyway,
            &[
                ("V1__a.sql", "SELECT 1;"),
                ("V1__a.sql.conf", "executeInTransaction=false"),
            ],
        ),
    ];
    for (tool, files) in table {
        let reading = read_as(tool, files);
        assert_eq!(reading.refused, [], "{tool}");
        assert!(!reading.files[0].transaction, "{tool}");
        let one = [(files[0].0, "-- migrate:up\nSELECT 1;")];
        assert!(read_as(tool, &one).files[0].transaction, "{tool}");
    }
}

#[test]
fn a_script_knows_where_in_its_file_it_begins() {
    let dbmate = "-- x\n-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n";
    let reading = read_all(&[("1_a.sql", dbmate)]);
    let file = &reading.files[0];
    let down = file.down.as_ref().expect("what takes it back");
    assert_eq!((file.up.line, down.line), (2, 4));
    assert_eq!(&dbmate[down.offset..], down.text);
    let reading = read_all(&[("1_a.sql", "\u{feff}SELECT 1;")]);
    let up = &reading.files[0].up;
    assert_eq!((up.offset, up.text.as_str()), (3, "SELECT 1;"));
}

#[test]
fn a_pattern_or_a_comment_makes_a_file_one_that_contracts() {
    let files = sources(&[("1_a.sql", ""), ("2_b_contract.sql", "")]);
    let options = Options {
        contract: vec!["*_contract.sql".to_owned()],
        ..whole_folder()
    };
    let reading = read(&files, &options);
    let phases: Vec<Phase> = reading.files.iter().map(|file| file.phase).collect();
    assert_eq!(phases, [Phase::Expand, Phase::Contract]);
}

#[test]
fn flyways_placeholders_are_refused_unless_they_are_turned_off() {
    let text = "SELECT 1;\nSELECT '${who}';";
    let told = refusal(&read_as(Tool::Flyway, &[("V1__a.sql", text)]));
    assert!(
        told.starts_with("V1__a.sql:2: ") && told.contains("`${who}`"),
        "{told}"
    );
    let off = [
        ("V1__a.sql", text),
        ("V1__a.sql.conf", "placeholderReplacement=false"),
    ];
    assert_eq!(read_as(Tool::Flyway, &off).refused, []);
}

#[test]
fn a_file_has_the_checksum_that_its_tool_keeps() {
    let text = "SELECT 1;\n";
    for (tool, path, expected) in [
        (
            Tool::Refinery,
            "V1__a.sql",
            Checksum::refinery("a", 1, text),
        ),
        (Tool::Flyway, "V1__a.sql", Checksum::flyway(text)),
        (
            Tool::Prisma,
            "1_a/migration.sql",
            Checksum::prisma(text.as_bytes()),
        ),
        (Tool::Sqlx, "1_a.sql", Checksum::sqlx(text.as_bytes())),
        (Tool::Diesel, "1_a/up.sql", Checksum::None),
    ] {
        let reading = read_as(tool, &[(path, text)]);
        assert_eq!(reading.files[0].checksum, expected, "{tool}");
    }
}

#[test]
fn what_takes_back_a_migration_that_is_refused_is_not_told_to_be_alone() {
    let sources = [
        Source {
            path: "1_a.up.sql",
            bytes: b"\xff",
        },
        Source {
            path: "1_a.down.sql",
            bytes: b"DROP TABLE t;",
        },
    ];
    let options = Options {
        tool: Some(Tool::GolangMigrate),
        whole: true,
        ..Options::default()
    };
    let refused = read(&sources, &options).refused;
    let what: Vec<&str> = refused.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(what, ["the file is no text"]);
}
