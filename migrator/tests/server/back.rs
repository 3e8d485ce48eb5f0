//! Code of an earlier release, and the schema that has moved on.

use sluice_migration::Tool;
use sluice_migrator::Error;
use sluice_migrator::check::{Reads, fits};

use crate::bench::Bench;

const TABLE: &str = "CREATE TABLE person (id bigint PRIMARY KEY, name text, nick text);\n";
const INDEX: &str = "CREATE INDEX person_name ON person (name);\n";
const DROP: &str = "-- sluice: phase contract\nALTER TABLE person DROP COLUMN nick;\n";

fn to(version: &str) -> Reads {
    Reads {
        to: Some(version.to_owned()),
        ..Reads::default()
    }
}

impl Bench {
    /// What code can't work with that brings the first files; empty where it can.
    async fn unfit(&self, files: Option<usize>, reads: &Reads) -> String {
        let session = self.session().await;
        let own = files.map(|count| self.files[..count].to_vec());
        let folder = own.map(|files| crate::bench::folder(self.tool, &files));
        match fits(&session, folder.as_ref(), reads).await {
            Ok(_) => String::new(),
            Err(Error::Unfit { found, .. }) => found.join("; "),
            Err(error) => panic!("{error}"),
        }
    }

    async fn does(&self, sql: &str) {
        let client = self.client().await;
        client.batch_execute(sql).await.expect("done");
    }
}

/// Writes down what sqlx would have of a migration that it ran.
fn by_sqlx(version: u32) -> String {
    format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES ({version}, 'x', true, '', 0)"
    )
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_the_tool_applied_itself_may_have_taken_away_what_older_code_uses() {
    let files = [("1_person.sql", TABLE), ("5_name.sql", INDEX)];
    let bench = Bench::new(Tool::Sqlx, &files).await;
    bench.all().await.expect("applied");
    bench.does(&by_sqlx(4)).await;
    let all = Some(2);
    assert_eq!(bench.unfit(all, &Reads::default()).await, "", "it is older");
    bench.does(&by_sqlx(6)).await;
    let unfit = bench.unfit(all, &Reads::default()).await;
    assert!(
        unfit.starts_with("nobody knows whether `6` takes away"),
        "{unfit}"
    );
    assert!(unfit.ends_with("or `reads.to`"), "{unfit}");
    assert_eq!(
        bench.unfit(all, &to("6")).await,
        "",
        "the code says it works"
    );
    let unfit = bench.unfit(all, &to("5")).await;
    assert!(unfit.ends_with("up to `5`, and 6 came after it"), "{unfit}");
    bench
        .does("DELETE FROM _sqlx_migrations WHERE version = 6")
        .await;
    assert_eq!(bench.unfit(all, &Reads::default()).await, "");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn the_order_is_that_of_the_tool_whenever_sluice_heard_of_it() {
    let files = [("9_person.sql", TABLE), ("10_name.sql", INDEX)];
    for tool in [Tool::Plain, Tool::Sqlx] {
        let bench = Bench::new(tool, &files).await;
        bench.all().await.expect("applied");
        let late = "UPDATE sluice.migration SET started_at = now() + '1 hour' WHERE version = '9'";
        bench.does(late).await;
        assert_eq!(bench.unfit(Some(2), &to("10")).await, "", "{tool}");
        let unfit = bench.unfit(Some(2), &to("9")).await;
        assert!(unfit.ends_with("10_name.sql came after it"), "{unfit}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_contracted_and_was_taken_back_by_the_tool_is_in_nobodys_way() {
    let files = [("1_person.sql", TABLE), ("2_drop.sql", DROP)];
    let bench = Bench::new(Tool::Sqlx, &files).await;
    bench.all().await.expect("applied");
    let unfit = bench.unfit(Some(1), &Reads::default()).await;
    assert_eq!(unfit, "2_drop.sql took away what the code may still use");
    let back = "ALTER TABLE person ADD COLUMN nick text; \
                DELETE FROM _sqlx_migrations WHERE version = 2";
    bench.does(back).await;
    assert_eq!(bench.unfit(Some(1), &Reads::default()).await, "");
    assert_eq!(bench.unfit(None, &Reads::default()).await, "");
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_release_without_migrations_is_told_of_all_that_contracted_in_any_tools_way() {
    let files = [("1_person.sql", TABLE), ("2_drop.sql", DROP)];
    let mut bench = Bench::new(Tool::Sqlx, &files).await;
    assert_eq!(bench.unfit(None, &Reads::default()).await, "");
    bench.all().await.expect("applied");
    let other = "-- sluice: phase contract\nALTER TABLE person DROP COLUMN name;\n";
    bench.files = vec![("1_other.sql".to_owned(), other.to_owned())];
    bench.tool = Tool::Plain;
    bench.all().await.expect("applied");
    let unfit = bench.unfit(None, &Reads::default()).await;
    for path in ["1_other.sql took away", "2_drop.sql took away"] {
        assert!(unfit.contains(path), "{unfit}");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn the_first_half_of_what_contracts_takes_away_as_well() {
    let halves = "-- sluice: no-transaction\n-- sluice: phase contract\n\
                  ALTER TABLE person DROP COLUMN nick;\nALTER TABLE person DROP COLUMN name;\n";
    let files = [("1_person.sql", TABLE), ("2_drop.sql", halves)];
    let bench = Bench::new(Tool::Plain, &files).await;
    for _ in 0..2 {
        bench.call(1).await.expect("a unit");
    }
    let unfit = bench.unfit(Some(1), &Reads::default()).await;
    assert_eq!(unfit, "2_drop.sql took away what the code may still use");
}
