//! Code that a statement runs unseen: the server counts that it ran, and the statement is
//! told to be of class C.

use sluice_migration::{Class, Tool};

use crate::corpus::{Told, told};
use crate::stage::{Stage, rows};

/// What runs, and is counted.
const BOOM: &str = "
    CREATE SEQUENCE ran;
    CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM nextval(''public.ran''); RETURN NULL; END';
    CREATE FUNCTION boom(int) RETURNS int LANGUAGE plpgsql IMMUTABLE
        AS 'BEGIN PERFORM nextval(''public.ran''); RETURN $1; END';
    CREATE FUNCTION boomed(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE
        AS 'BEGIN PERFORM nextval(''public.ran''); RETURN true; END';
    CREATE TABLE users (a int);
    INSERT INTO users SELECT i FROM generate_series(1, 9) i;
    CREATE SCHEMA s;
";

/// Files of a folder after that. The last statement runs it.
const RUN: [&[&str]; 27] = [
    &[
        "CREATE TABLE n (a int); CREATE TRIGGER g BEFORE TRUNCATE ON n EXECUTE FUNCTION boom(); TRUNCATE n;",
    ],
    &[
        "CREATE TABLE n (a int) PARTITION BY LIST (a); CREATE TABLE p PARTITION OF n DEFAULT; CREATE TRIGGER g BEFORE TRUNCATE ON p EXECUTE FUNCTION boom(); TRUNCATE n;",
    ],
    &[
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int REFERENCES p ON DELETE CASCADE); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1); CREATE TRIGGER g AFTER DELETE ON c FOR EACH ROW EXECUTE FUNCTION boom(); DELETE FROM p;",
    ],
    &[
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int, FOREIGN KEY (id) REFERENCES p ON UPDATE CASCADE); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1); CREATE TRIGGER g AFTER UPDATE ON c FOR EACH ROW EXECUTE FUNCTION boom(); UPDATE p SET id = 2;",
    ],
    &[
        "CREATE TABLE public.n (a int); CREATE TRIGGER g BEFORE INSERT ON public.n FOR EACH ROW EXECUTE FUNCTION boom(); CREATE TABLE s.n (a int); DROP TABLE s.n; INSERT INTO public.n VALUES (1);",
    ],
    &[
        "CREATE TABLE n (a int); CREATE TRIGGER g BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION boom(); CREATE TEMP TABLE n (a int); DROP TABLE n; INSERT INTO n VALUES (1);",
    ],
    &[
        "CREATE TABLE n (a int); CREATE TRIGGER g BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION boom(); ALTER TABLE n SET SCHEMA s; CREATE TABLE n (a int); DROP TABLE n; INSERT INTO s.n VALUES (1);",
    ],
    &[
        "CREATE TABLE n (a int); CREATE TRIGGER g BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION boom(); ALTER TRIGGER g ON n RENAME TO h; CREATE TRIGGER g BEFORE DELETE ON n EXECUTE FUNCTION boom(); DROP TRIGGER g ON n; INSERT INTO n VALUES (1);",
    ],
    &[
        "CREATE TABLE public.n (a int); INSERT INTO n VALUES (1); ALTER TABLE public.n ALTER a TYPE int USING boom(a);",
    ],
    &[
        "CREATE TABLE n (a int); CREATE VIEW v AS SELECT * FROM n; INSERT INTO v VALUES (1); ALTER TABLE n ADD CHECK (boomed(a));",
    ],
    &[
        "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF p DEFAULT; INSERT INTO p VALUES (1); ALTER TABLE part ADD CHECK (boomed(a));",
    ],
    &[
        "CREATE TABLE n (a int); MERGE INTO n USING users u ON n.a = u.a WHEN NOT MATCHED THEN INSERT VALUES (1); ALTER TABLE n ALTER a TYPE int USING boom(a);",
    ],
    &[
        "CREATE TABLE n (a int); WITH d AS (INSERT INTO n VALUES (1) RETURNING a) SELECT * INTO e FROM d; ALTER TABLE n ALTER a TYPE int USING boom(a);",
    ],
    &[
        "CREATE FUNCTION \"wipe$\"(users) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN boom(1); END'; SELECT u.wipe$ FROM users u;",
    ],
    &[
        "CREATE FUNCTION \"größe\"(users) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN boom(1); END'; SELECT u.größe FROM users u;",
    ],
    &[
        "CREATE FUNCTION wipe(users) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN boom(1); END'; SELECT u.U&\"w\\0069pe\" FROM users u;",
    ],
    &[
        "CREATE TABLE n (a int); CREATE TRIGGER g BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION boom();",
        "INSERT INTO n VALUES (1);",
    ],
    &["CREATE STATISTICS st ON (boom(a)) FROM users; ANALYZE users;"],
    &["CREATE STATISTICS st ON (boom(a)) FROM users;", "ANALYZE;"],
    &[
        "CREATE STATISTICS st ON (boom(a)) FROM users;",
        "VACUUM ANALYZE;",
    ],
    &[
        "ALTER TABLE users ADD CONSTRAINT c CHECK (boomed(a)) NOT VALID; ALTER TABLE users RENAME CONSTRAINT c TO d;",
        "ALTER TABLE users VALIDATE CONSTRAINT d;",
    ],
    &[
        "CREATE INDEX CONCURRENTLY i ON users (boom(a));",
        "ALTER INDEX i RENAME TO j;",
        "REINDEX INDEX CONCURRENTLY j;",
    ],
    &[
        "CREATE MATERIALIZED VIEW m AS SELECT a FROM users WITH NO DATA; CREATE INDEX ON m (boom(a)); REFRESH MATERIALIZED VIEW m;",
    ],
    &[
        "CREATE TABLE n (a varchar(10), CHECK (boomed(length(a)))); INSERT INTO n VALUES ('1');",
        "ALTER TABLE n ALTER a TYPE varchar(20);",
    ],
    &[
        "CREATE DOMAIN d AS int; CREATE TABLE n (a d); ALTER DOMAIN d ADD CHECK (boomed(VALUE)); INSERT INTO n VALUES (1);",
    ],
    &[
        "CREATE TABLE n (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM g(); RETURN NULL; END'; CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TRIGGER g BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION f();",
        "CREATE OR REPLACE FUNCTION g() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN boom(1); END'; INSERT INTO n VALUES (1);",
    ],
    &[
        "CREATE TABLE n (a int); CREATE TRIGGER g BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION boom(); ALTER TABLE n DISABLE TRIGGER g;",
        "ALTER TABLE n ENABLE TRIGGER g; INSERT INTO n VALUES (1);",
    ],
];

fn told_of(files: &[&str]) -> Vec<Told> {
    let files = std::iter::once(&BOOM).chain(files);
    let files: Vec<(String, Vec<u8>)> = files
        .enumerate()
        .map(|(at, text)| (format!("{}_case.sql", at + 1), text.as_bytes().to_vec()))
        .collect();
    let told = told(&files, Tool::Plain);
    told.into_iter().flat_map(|file| file.statements).collect()
}

/// Runs all but the last statement, and of the last whether it ran what is counted.
async fn ran(stage: &Stage, statements: &[Told]) -> bool {
    stage.clear().await;
    let owner = &stage.owner;
    for (at, one) in statements.iter().enumerate() {
        if at + 1 == statements.len() {
            let reset = owner
                .batch_execute("SELECT setval('public.ran', 1, false)")
                .await;
            reset.expect("counted anew");
        }
        let done = owner.batch_execute(&one.sql).await;
        done.unwrap_or_else(|error| panic!("{}: {error:?}", one.sql));
    }
    let counted = rows(owner, "SELECT is_called FROM public.ran").await;
    counted.expect("a count") == [["t"]]
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL: make postgres"]
async fn what_runs_code_that_nobody_ran_before_is_c_by_whatever_way_it_does() {
    let stage = Stage::new().await;
    let mut faults = Vec::new();
    for files in RUN {
        let statements = told_of(files);
        let last = statements.last().expect("a statement");
        if last.assessed.class != Class::C {
            faults.push(format!("{files:?} is told to be {:?}", last.assessed.class));
        }
        if !ran(&stage, &statements).await {
            faults.push(format!("{files:?} does not run it"));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}
