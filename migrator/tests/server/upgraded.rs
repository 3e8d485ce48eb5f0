//! Tables that an older Sluice made.

use sluice_migration::{Phase, Tool};
use sluice_migrator::apply::{Step, compare};
use sluice_migrator::begin::{Claim, begin};
use sluice_migrator::ledger::Ledger;
use sluice_migrator::standing::Standing;

use crate::bench::{Bench, holder};

/// As they were made before promotions had epochs and could be undone.
const OLD: &str = "\
CREATE SCHEMA sluice;
CREATE TABLE sluice.fence (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    generation bigint NOT NULL, promotion text NOT NULL);
CREATE TABLE sluice.catalog (line text NOT NULL);
CREATE TABLE sluice.migration (
    tool text NOT NULL, version text NOT NULL, unit integer NOT NULL, units integer NOT NULL,
    path text NOT NULL, phase text NOT NULL, sha256 text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done', 'adopted', 'reverted')),
    release text NOT NULL, promotion text NOT NULL, generation bigint NOT NULL, backup text,
    backend_pid integer, backend_start timestamptz, found boolean NOT NULL DEFAULT false,
    tries integer NOT NULL DEFAULT 1,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(), finished_at timestamptz,
    progress jsonb, PRIMARY KEY (tool, version, unit));
INSERT INTO sluice.fence (generation, promotion) VALUES (7, 'shop/prod/1.3.0/1');
CREATE TABLE person (id bigint PRIMARY KEY);
INSERT INTO sluice.migration (tool, version, unit, units, path, phase, sha256, state, release,
    promotion, generation, finished_at) VALUES ('plain', '1', 0, 1, '1_person.sql', 'expand',
    encode(sha256('CREATE TABLE person (id bigint PRIMARY KEY);'), 'hex'), 'done', 'shop 1.3.0',
    'shop/prod/1.3.0/1', 7, clock_timestamp())";

async fn old() -> Bench {
    let files = [
        (
            "1_person.sql",
            "CREATE TABLE person (id bigint PRIMARY KEY);",
        ),
        ("2_name.sql", "ALTER TABLE person ADD COLUMN name text;"),
    ];
    let bench = Bench::new(Tool::Plain, &files).await;
    let client = bench.client().await;
    client.batch_execute(OLD).await.expect("old tables");
    bench
}

const SHAPE: &str = "\
SELECT string_agg(format('%s %s %s', attrelid::regclass, attname, atttypid::regtype), ','
    ORDER BY attrelid::regclass::text, attname) || (SELECT string_agg(conname || ' '
    || pg_get_constraintdef(oid), ',' ORDER BY conname) FROM pg_constraint
    WHERE connamespace = 'sluice'::regnamespace AND contype <> 'n')
FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
AND attrelid IN ('sluice.fence'::regclass, 'sluice.migration'::regclass)";

async fn shape(bench: &Bench) -> String {
    let row = bench.client().await.query_one(SHAPE, &[]).await;
    row.expect("asked").get(0)
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn tables_of_an_older_sluice_are_read_as_they_are_and_brought_up_before_they_are_written() {
    let bench = old().await;
    let session = bench.session().await;
    let (folder, lint) = bench.linted();
    let before = shape(&bench).await;
    let (standings, refused) = compare(&session, &folder).await.expect("compared");
    assert_eq!((standings[0], refused), (Standing::Applied, Vec::new()));
    assert_eq!(shape(&bench).await, before, "to look changes nothing");
    let claim = Claim {
        promotion: "shop/prod/1.4.0/1",
        epoch: 1,
        approved: None,
    };
    let given = begin(
        &session,
        (&folder, &lint),
        bench.limits,
        Phase::Expand,
        claim,
    )
    .await;
    assert_eq!(given.expect("begun"), 8, "what was in the row came before");
    drop(session);
    let new = Bench::new(Tool::Plain, &[]).await;
    let session = new.session().await;
    let ledger = Ledger::of(&session, Tool::Plain);
    ledger.open().await.expect("new tables");
    assert_eq!(shape(&bench).await, shape(&new).await);
    assert_eq!(
        bench.call(9).await.expect("the second"),
        Step::Applied {
            path: "2_name.sql".to_owned(),
            unit: 0,
            of: 1,
        }
    );
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn many_at_once_bring_tables_up_once_whether_there_were_any_or_not() {
    for bench in [old().await, Bench::new(Tool::Plain, &[]).await] {
        let mut sessions = Vec::new();
        for _ in 0..8 {
            sessions.push(bench.session().await);
        }
        let opening = sessions.into_iter().map(|session| {
            tokio::spawn(async move { Ledger::of(&session, Tool::Plain).open().await })
        });
        let opening: Vec<_> = opening.collect();
        for opened in opening {
            opened.await.expect("no panic").expect("opened");
        }
        let session = bench.session().await;
        let ledger = Ledger::of(&session, Tool::Plain);
        ledger.take(&holder(8)).await.expect("it has its columns");
    }
}
