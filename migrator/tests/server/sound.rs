//! What is looked at once all is applied.

use std::time::Duration;

use sluice_migration::{Phase, Tool};
use sluice_migrator::apply::Limits;
use sluice_migrator::begin::{Claim, begin};
use sluice_migrator::check::{Sound, check};
use sluice_migrator::{Error, Result};

use crate::bench::Bench;

const TABLE: &str =
    "CREATE TABLE person (id bigint, name text); INSERT INTO person VALUES (1, 'a'), (1, 'b');";

/// A database in which all is applied.
async fn applied() -> Bench {
    let bench = Bench::new(Tool::Plain, &[("1_person.sql", TABLE)]).await;
    bench.all().await.expect("applied");
    bench
}

impl Bench {
    async fn begun(&self) -> i64 {
        let (session, (folder, lint)) = (self.session().await, self.linted());
        let promotion = Claim {
            promotion: "shop/prod/1.5.0/1",
            epoch: 2,
            approved: None,
        };
        let begun = begin(
            &session,
            (&folder, &lint),
            self.limits,
            Phase::Expand,
            promotion,
        );
        begun.await.expect("begun")
    }

    async fn checked(
        &self,
        generation: i64,
        limits: Limits,
        queries: &[(&str, &str)],
    ) -> Result<Sound> {
        let (session, folder) = (self.session().await, self.folder());
        check(
            &session,
            &folder,
            Phase::Expand,
            generation,
            limits,
            queries,
        )
        .await
    }

    /// Leaves an index that can't be used.
    async fn spoils(&self, name: &str) {
        let failed = format!("CREATE UNIQUE INDEX CONCURRENTLY {name} ON person (id)");
        let failed = self.client().await.batch_execute(&failed).await;
        failed.expect_err("duplicates");
    }
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn an_index_that_could_not_be_used_before_is_told_and_one_that_was_left_since_is_refused() {
    let bench = applied().await;
    bench.spoils("old").await;
    let generation = bench.begun().await;
    let sound = bench.checked(generation, bench.limits, &[]).await;
    let told = sound.expect("in order").changes;
    assert!(
        told[0]
            .starts_with("unusable since before: index on public.person: CREATE UNIQUE INDEX old"),
        "{told:?}"
    );
    assert_eq!(told.len(), 1);
    bench.spoils("new").await;
    let unsound = bench.checked(generation, bench.limits, &[]).await;
    let Err(Error::Unsound { found, .. }) = unsound else {
        panic!("{unsound:?}");
    };
    assert!(
        found[0].contains("it can't be used") && found[0].contains("INDEX new"),
        "{found:?}"
    );
    assert_eq!(found.len(), 1);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn queries_have_what_is_left_of_the_call_and_what_was_not_asked_is_told() {
    let bench = applied().await;
    let generation = bench.begun().await;
    let limits = Limits {
        call: Duration::from_secs(12),
        ..bench.limits
    };
    let queries = [
        ("quick", "SELECT FROM person WHERE id = 2"),
        ("slow", "SELECT pg_sleep(60)"),
        ("last", "SELECT FROM person WHERE id = 2"),
    ];
    let unsound = bench.checked(generation, limits, &queries).await;
    let Err(Error::Unsound { found, .. }) = unsound else {
        panic!("{unsound:?}");
    };
    assert!(
        found[0].starts_with("`slow` can't be run: canceling statement due to"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("`last` was not asked: the 2 s"),
        "{found:?}"
    );
    assert_eq!(found.len(), 2);
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_constraint_that_a_file_validates_holds_afterwards_and_others_may_wait() {
    let validate = "ALTER TABLE person VALIDATE CONSTRAINT named;";
    let add = "ALTER TABLE person ADD CONSTRAINT named CHECK (name <> '') NOT VALID, \
               ADD CONSTRAINT later CHECK (id < 100) NOT VALID;";
    let files = [
        ("1_person.sql", TABLE),
        ("2_add.sql", add),
        ("3_validate.sql", validate),
    ];
    let bench = Bench::new(Tool::Plain, &files).await;
    bench.all().await.expect("applied");
    let generation = bench.begun().await;
    let sound = bench.checked(generation, bench.limits, &[]).await;
    sound.expect("`later` may wait");
    let client = bench.client().await;
    let anew = "ALTER TABLE person DROP CONSTRAINT named, \
                ADD CONSTRAINT named CHECK (name <> '') NOT VALID";
    client.batch_execute(anew).await.expect("made anew");
    let unsound = bench.checked(generation, bench.limits, &[]).await;
    let Err(Error::Unsound { found, .. }) = unsound else {
        panic!("{unsound:?}");
    };
    assert!(
        found[0].starts_with("constraint named on person is NOT VALID, and 3_validate.sql"),
        "{found:?}"
    );
    assert_eq!(found.len(), 1);
}
