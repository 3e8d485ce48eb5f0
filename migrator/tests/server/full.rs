//! A disk that is full: here, files that the server may not let grow any more.

use sluice_migration::Tool;
use sluice_migrator::Error;

use crate::bench::Bench;
use crate::course::{Course, count, enough};
use crate::plot::{Part, alone, part};

/// Table and index are larger than the limit, and a segment of the log is not.
const PARTS: [Part; 3] = [
    part(
        "ground",
        "CREATE TABLE item (id bigint, name text STORAGE PLAIN);\n\
         CREATE TABLE aside (n integer);\n",
    ),
    part(
        "rows",
        "INSERT INTO aside VALUES (1);\n\
         INSERT INTO item SELECT n, n || repeat('x', 2000) FROM generate_series(1, 9500) n;\n",
    ),
    alone(
        "index",
        "CREATE INDEX CONCURRENTLY item_name ON item (name);\n",
    ),
];
const LIMIT: u64 = 17 * 1024 * 1024;

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn a_disk_that_is_full_leaves_nothing_half_done_that_is_not_told() {
    let bench = Bench::on_own_server(Tool::Sqlx, &PARTS);
    let course = Course::of(&bench).await;
    for (place, step) in course.steps.iter().enumerate() {
        if place == 0 {
            bench.call(1).await.expect("the ground");
            continue;
        }
        bench.limit_files(Some(LIMIT));
        let error = bench.call(1).await.expect_err("no room");
        assert!(matches!(error, Error::Statement { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("could not extend file"), "{said}");
        assert_eq!(said.contains("left an index behind"), place == 2, "{said}");
        bench.limit_files(None);
        step.recovers(&bench, "no room").await;
        count("disk full");
    }
    enough("disk full");
}
