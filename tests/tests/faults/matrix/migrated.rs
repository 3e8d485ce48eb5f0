//! A database that a run migrates, and what must hold of it whatever failed.

use serde_json::{Value, json};
use sluice_tests::World;
use sluice_tests::world::Data;

use super::scenario::Scenario;

/// Two files. Of the second, one sees how often it ran.
const FILES: [(&str, &str); 2] = [
    (
        "migrations/1_person.sql",
        "CREATE TABLE person (id int PRIMARY KEY, name text NOT NULL);\n\
         INSERT INTO person SELECT n, 'p' FROM generate_series(1, 5) n;\n",
    ),
    (
        "migrations/2_mail.sql",
        "ALTER TABLE person ADD COLUMN mail text;\nUPDATE person SET name = name || '!';\n",
    ),
];

/// A file that no release applies.
const WAITS: [(&str, &str); 1] = [(
    "migrations/1_old.sql",
    "-- sluice: phase contract\nDROP TABLE IF EXISTS person;\n",
)];

/// A backup that is not there at once, as a snapshot is not.
const BACKUP: &str = "import os\n\
    place = '/tmp/' + event['name']\n\
    there = os.path.exists(place)\n\
    open(place, 'w').close()\n\
    if there:\n    os.remove(place)\n\
    return {'id': event['name'], 'available': there}";

/// A copy that is there neither when it is begun nor at the first look, as a server is not.
fn copying(place: &Value) -> String {
    format!(
        "import os\n\
         place = '/tmp/' + event['name']\n\
         if event['op'] == 'end':\n    return {{}}\n\
         with open(place, 'a') as asked:\n    asked.write('.')\n\
         return {{'ready': os.path.getsize(place) > 2, **{place}}}"
    )
}

/// What the environment's settings say of trying migrations on this copy.
pub(super) async fn rehearsal(world: &World, copy: &Data) -> Value {
    json!({ "function": world.of_the_team("copy", &copying(&copy.place())).await })
}

/// The files of a bundle.
pub(super) fn files(scenario: Scenario) -> impl Iterator<Item = (String, &'static str)> {
    let files = match scenario {
        Scenario::Waiting => &WAITS[..],
        _ => &FILES[..],
    };
    files.iter().map(|(path, text)| ((*path).to_owned(), *text))
}

/// What the environment's settings say of the database.
pub(super) async fn settings(world: &World, data: &Data) -> Value {
    let function = world.suite(BACKUP).await;
    let mut settings = data.settings()["database"].clone();
    settings["backup"] = json!({ "function": function });
    settings
}

/// What does not hold: files run once and in order, as a whole or not at all, and all of
/// them where it promoted.
pub(super) async fn problems(data: &Data, promoted: bool) -> Vec<String> {
    let columns = data.columns("person").await;
    let names = match columns.as_str() {
        "" => String::new(),
        _ => {
            let all = "SELECT string_agg(DISTINCT name, ',') || ' ' || count(*) FROM person";
            data.text(all).await
        }
    };
    let is_whole = [("", ""), ("id,name", "p 5"), ("id,name,mail", "p! 5")];
    let found = (columns.as_str(), names.as_str());
    let mut problems = Vec::new();
    if !is_whole.contains(&found) {
        problems.push(format!("the database: half done, or done twice: {found:?}"));
    }
    if promoted && found != is_whole[2] {
        problems.push(format!("the database: promoted without it: {found:?}"));
    }
    problems
}
