//! A folder of migrations of any bytes, as each tool keeps it.
//!
//! The first byte says whose it is, or that this is to be found out. A NUL byte ends a
//! file; without a name of their own files are called as their tool wants them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_migration::{Options, Script, Source, Tool, lint, read, split};

/// The files of a folder, called as a tool calls them.
fn name(tool: Option<Tool>, at: usize) -> String {
    let both = if at % 2 == 0 { "up" } else { "down" };
    match tool {
        None | Some(Tool::Plain) | Some(Tool::Dbmate) => format!("{at}_name.sql"),
        Some(Tool::Sqlx) | Some(Tool::GolangMigrate) => format!("{}_name.{both}.sql", at / 2),
        Some(Tool::Refinery) => format!("V{at}__name.sql"),
        Some(Tool::Flyway) if at % 3 == 1 => format!("V{}__name.sql.conf", at - 1),
        Some(Tool::Flyway) if at % 3 == 2 => format!("R__name_{at}.sql"),
        Some(Tool::Flyway) => format!("V{at}__name.sql"),
        Some(Tool::Prisma) => format!("2024010100000{at}_name/migration.sql"),
        Some(Tool::Diesel) if at % 3 == 2 => "2024-01-01-000000_name/metadata.toml".to_owned(),
        Some(Tool::Diesel) => format!("2024-01-01-00000{}_name/{both}.sql", at / 3),
    }
}

/// Statements and what lies between them make up the text, and each is one by itself.
fn whole(script: &Script) {
    let Ok(statements) = split(script) else {
        return;
    };
    let mut at = 0;
    for one in statements {
        assert!(at <= one.range.start && one.range.start < one.range.end);
        let between = &script.text[at..one.range.start];
        assert!(
            split(&alone(between)).is_ok_and(|it| it.is_empty()),
            "{between:?}"
        );
        let text = &script.text[one.range.clone()];
        assert!(
            split(&alone(text)).is_ok_and(|it| it.len() == 1),
            "{text:?}"
        );
        at = one.range.end;
    }
    let rest = &script.text[at..];
    assert!(
        split(&alone(rest)).is_ok_and(|it| it.is_empty()),
        "{rest:?}"
    );
}

fn alone(text: &str) -> Script {
    Script {
        path: "f.sql".to_owned(),
        text: text.to_owned(),
        offset: 0,
        line: 1,
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let tool = Tool::ALL.get(usize::from(*first) % 9).copied();
    let files = rest.split(|byte| *byte == 0).take(8).enumerate();
    let files: Vec<(String, &[u8])> = files.map(|(at, it)| (name(tool, at), it)).collect();
    let sources = files.iter().map(|(path, bytes)| Source { path, bytes });
    let options = Options {
        tool,
        whole: first & 1 == 0,
        ..Options::default()
    };
    let reading = read(&sources.collect::<Vec<_>>(), &options);
    for file in &reading.files {
        whole(&file.up);
        file.down.as_ref().map(whole);
    }
    let lint = lint(&reading);
    for refusal in &lint.refused {
        assert!(refusal.to_string().len() < 3000, "{refusal}");
    }
    for file in &lint.files {
        let units = file.units.iter().flat_map(|unit| &unit.statements);
        let mut units: Vec<usize> = units.copied().collect();
        units.dedup();
        let all = (0..file.statements.len()).collect::<Vec<_>>();
        assert!(units.is_empty() || units == all, "{units:?}");
    }
});
