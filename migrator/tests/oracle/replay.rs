//! Real projects' statements, one by one, on tables that have rows.

use sluice_migration::{Class, Tool};
use tokio_postgres::Error;

use crate::compare::Table;
use crate::corpus::{self, File, Told, fetched, files, told};
use crate::measure::{Before, Measured, State, alone, in_transaction};
use crate::stage::Stage;
use crate::supply::supply;

/// How often what is missing is made for one statement.
const SUPPLIES: usize = 12;

/// What is said of statements that begin and end transactions is that they are refused.
const OF_TRANSACTIONS: [&str; 8] = [
    "BEGIN",
    "START",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
];

struct Replay {
    stage: Stage,
    state: State,
    before: Before,
    table: Table,
}

impl Replay {
    async fn new() -> Self {
        Self {
            stage: Stage::new().await,
            state: State::default(),
            before: Before::default(),
            table: Table::default(),
        }
    }

    /// Another file begins: all that is there has rows and is others'.
    async fn begin(&mut self) {
        self.stage.fill().await;
        self.look().await;
        self.before = self.state.before();
    }

    async fn look(&mut self) {
        let state = State::of(&self.stage.owner).await;
        self.state = state.expect("what is there");
    }

    /// Runs a statement that can be run as it is, or with rows out of its way.
    async fn run(&mut self, path: &str, told: &Told) {
        let done = match self.try_once(told).await {
            Err(_) => {
                self.stage.empty().await;
                self.look().await;
                let done = self.try_once(told).await;
                self.table.empty += usize::from(done.is_ok());
                self.stage.fill().await;
                self.look().await;
                done
            }
            done => done,
        };
        self.tell(path, told, done);
    }

    /// Runs a fragment's statements, and makes what each needs. After one that does not
    /// run, nothing is taken for granted of what the file did before.
    async fn run_fragment(&mut self, path: &str, statements: Vec<Told>) {
        let mut is_as_told = true;
        for told in statements {
            let told = match is_as_told {
                true => told,
                false => {
                    self.before = self.state.before();
                    corpus::alone(&told.sql).expect("a statement")
                }
            };
            let mut done = self.try_supplied(&told).await;
            if done.as_ref().is_err_and(is_in_the_way) {
                self.stage.clear().await;
                self.begin().await;
                let told = corpus::alone(&told.sql).expect("a statement");
                done = self.try_supplied(&told).await;
                is_as_told = false;
            }
            is_as_told &= done.is_ok();
            self.tell(path, &told, done);
        }
    }

    async fn try_supplied(&mut self, told: &Told) -> Result<(Measured, State), Error> {
        let mut done = self.try_once(told).await;
        for _ in 0..SUPPLIES {
            let Err(error) = &done else { break };
            let Some(sql) = supply(&told.sql, error) else {
                break;
            };
            if self.stage.owner.batch_execute(&sql).await.is_err() {
                break;
            }
            self.stage.fill().await;
            let supplied = State::of(&self.stage.owner).await.expect("what is there");
            self.before.add(&self.state, &supplied);
            self.state = supplied;
            done = self.try_once(told).await;
        }
        done
    }

    fn tell(&mut self, path: &str, told: &Told, done: Result<(Measured, State), Error>) {
        match done {
            Ok((measured, after)) => {
                self.table.add(path, &told.assessed, &measured);
                self.state = after;
            }
            Err(error) => {
                let code = error.code().map_or("?", |code| code.code());
                self.table.refuse(code);
            }
        }
    }

    async fn try_once(&self, told: &Told) -> Result<(Measured, State), Error> {
        let (owner, sql) = (&self.stage.owner, told.sql.as_str());
        if told.assessed.in_transaction {
            in_transaction(owner, sql, &self.state, &self.before).await
        } else {
            alone(owner, sql, &self.state, &self.before).await
        }
    }
}

/// Whether a statement failed because of what others before it left.
fn is_in_the_way(error: &Error) -> bool {
    const CODES: [&str; 7] = [
        "42P07", "42P06", "42710", "42723", "42701", "42809", "2BP01",
    ];
    error.code().is_some_and(|it| CODES.contains(&it.code()))
}

fn is_of_transactions(told: &Told) -> bool {
    let first = told.sql.split(|c: char| !c.is_alphabetic()).next();
    let first = first.unwrap_or_default().to_uppercase();
    OF_TRANSACTIONS.contains(&first.as_str()) || told.sql.to_uppercase().contains("PREPARED")
}

const LEMMY: &str = "lemmy_db_schema-1.0.0-test-fix-publish-3/migrations";

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL and migrations of other projects: make postgres published"]
async fn a_real_projects_migrations_do_no_more_than_is_said_of_them() {
    let Some(folder) = fetched(LEMMY) else { return };
    let mut replay = Replay::new().await;
    for File { path, statements } in told(&files(&folder), Tool::Diesel) {
        replay.begin().await;
        for told in &statements {
            replay.run(&path, told).await;
        }
    }
    let table = replay.table;
    table.show("lemmy_db_schema");
    let (ran, refused) = table.counts();
    assert!(
        ran > 2_000 && refused * 50 < ran,
        "{ran} ran, {refused} did not"
    );
    assert!(table.count_of(Class::A) > 500);
    assert_eq!(table.faults, Vec::<String>::new());
}

#[tokio::test]
#[ignore = "needs the embedded PostgreSQL and SQL of other projects: make postgres published"]
async fn whatever_sql_runs_it_does_no_more_than_is_said_of_it() {
    let Some(folder) = fetched("squawk-parser-2.68.0/tests/data") else {
        return;
    };
    let mut replay = Replay::new().await;
    for (path, bytes) in files(&folder) {
        let numbered = [("1_fragment.sql".to_owned(), bytes)];
        let statements = told(&numbered, Tool::Plain).into_iter();
        let statements = statements.flat_map(|file| file.statements);
        let statements: Vec<Told> = statements.filter(|it| !is_of_transactions(it)).collect();
        if statements.is_empty() {
            continue;
        }
        replay.stage.clear().await;
        replay.begin().await;
        replay.run_fragment(&path, statements).await;
    }
    let table = replay.table;
    table.show("squawk-parser");
    let (ran, _) = table.counts();
    assert!(ran > 1_000, "only {ran} ran");
    assert_eq!(table.faults, Vec::<String>::new());
}
