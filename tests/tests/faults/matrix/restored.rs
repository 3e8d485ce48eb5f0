//! A database that a run puts back to a backup, and what must hold of it, of traffic and of
//! what is on record, whatever failed.
//!
//! The backup is a copy of the database. A function of the team's puts it back: at its first
//! call it takes the secret off the database of before, at the next one the secret leads to
//! the copy. So the secret says which database everybody uses, and in between it leads
//! nowhere.

use serde_json::{Value, json};
use sluice_domain::approval::Choice;
use sluice_domain::ledger::Kind;
use sluice_domain::migrations::{Operation, Progress, Restoring};
use sluice_domain::promotion::{Outcome, PromotionId};
use sluice_platform::store::Part;
use sluice_tests::World;
use sluice_tests::world::{Build, Data};

use super::run::{CODE, NAMES, Run, VERSION};
use super::seen::Record;
use super::stage::Stage;

/// What the backup is asked for by.
const BACKUP: &str = "nightly";

/// What the first function has reserved; the others have nothing.
const RESERVED: i32 = 5;

/// What was written since the backup was made.
const SINCE: &str = "INSERT INTO person VALUES (6, 'p!')";

/// What everybody can see of the traffic.
#[derive(Debug, PartialEq)]
enum Traffic {
    /// Every function has what it had.
    Back,
    /// No function gets a call.
    Off,
    /// Something else is reserved.
    Other(Vec<Option<i32>>),
}

/// What is asked for.
pub(super) fn operation() -> Operation {
    Operation::Restore {
        backup: BACKUP.parse().expect("an id"),
    }
}

/// Has the second build serve with its migrations, and answers a backup of the database, in
/// which something was written since.
pub(super) async fn serve(world: &World, data: &Data, [first, build]: [&Build; 2]) -> Data {
    world.environment("prod", first, data.settings()).await;
    world.upload(build).await;
    let ended = world.ended(&world.promotion("prod", VERSION)).await;
    ended.is(Outcome::Promoted);
    world.released(VERSION).await;
    world.reserve("prod", NAMES[0], RESERVED).await;
    let backup = data.copy().await;
    data.run(SINCE).await;
    backup
}

/// What the environment's settings say of backups.
pub(super) async fn settings(world: &World, data: &Data, backup: &Data) -> Value {
    let (secret, place) = (data.secret(), backup.place());
    let (port, name) = (&place["port"], &place["name"]);
    let body = format!(
        "import json\n\
         import boto3\n\
         secrets = boto3.client('secretsmanager')\n\
         secret = secrets.get_secret_value(SecretId='{secret}')['SecretString']\n\
         secret = json.loads(secret)\n\
         if secret['dbname'] == {name}:\n    return {{'restored': True}}\n\
         is_off = secret['port'] == 1\n\
         secret.update({{'port': {port}, 'dbname': {name}}} if is_off else {{'port': 1}})\n\
         secrets.put_secret_value(SecretId='{secret}', SecretString=json.dumps(secret))\n\
         return {{'restored': is_off, 'wait_seconds': 1}}"
    );
    let function = world.of_the_team("restores", &body).await;
    json!({ "function": function, "restore": function })
}

/// What does not hold of a restore.
pub(super) async fn problems(run: &Run, id: &PromotionId, record: &Record) -> Vec<String> {
    let (Some(data), Some(backup)) = (&run.data, &run.copy) else {
        return vec!["the database: there is none, or no backup of it".to_owned()];
    };
    let store = &run.world.reader.store;
    let restoring = store.part::<Restoring>(id, Part::Restoring).await;
    let progress = restoring.expect("the record").map(|found| found.progress);
    let leads = run.world.leads_to(data).await;
    let traffic = traffic(run).await;
    let is_told = record.count(Kind::Stranded) > 0;
    let holds = match (&traffic, progress) {
        (Traffic::Back, Some(Progress::Checked)) => leads == backup.place(),
        (Traffic::Off, Some(Progress::Swapping)) => is_told,
        (Traffic::Back, None | Some(Progress::Stopped | Progress::Resumed)) => {
            leads == data.place()
        }
        _ => false,
    };
    let mut problems = Vec::new();
    if !holds {
        problems.push(format!(
            "the restore: traffic is {traffic:?}, the secret leads to {leads}, the record says \
             {progress:?}, people were told: {is_told}"
        ));
    }
    let restored = record.count(Kind::DatabaseRestored);
    let is_checked = progress == Some(Progress::Checked);
    if restored != usize::from(is_checked) {
        problems.push(format!(
            "the ledger: restored {restored} times, and the record says {progress:?}"
        ));
    }
    if record.outcome() == Some(Outcome::Done) && !is_checked {
        problems.push(format!("the record: Done, and {progress:?}"));
    }
    for (which, rows) in [(data, "6"), (backup, "5")] {
        let found = which.text("SELECT count(*)::text FROM person").await;
        if found != rows {
            problems.push(format!("the database: {found} rows; expected {rows}"));
        }
    }
    problems
}

/// What does not hold once the same restore was asked for again, on the machines as they are
/// deployed.
pub(super) async fn again(stage: &Stage, run: &Run) -> Vec<String> {
    let id = run.world.attempt("prod", VERSION, 3);
    let promote = &stage.machine("promote").arn;
    run.world.operate(promote, &id, operation()).await;
    let voted = run.world.vote(&id, Choice::Approve, CODE).await;
    if let Err(error) = voted {
        return vec![format!("once more: nobody could vote: {error}")];
    }
    let ended = run.world.ended(&id).await;
    let record = Record::of(&run.world, &id).await;
    let mut problems = problems(run, &id, &record).await;
    if ended.outcome() != Some(Outcome::Done) {
        let (outcome, reason) = (ended.outcome(), ended.reason());
        problems.push(format!("it ended {outcome:?}: {reason}"));
    }
    problems.extend(run.world.kept("prod", &run.build).await);
    let once_more = problems.into_iter();
    once_more
        .map(|problem| format!("once more: {problem}"))
        .collect()
}

async fn traffic(run: &Run) -> Traffic {
    let mut found = Vec::new();
    for function in run.build.functions() {
        found.push(run.world.reserved("prod", function).await);
    }
    let had = run.build.functions();
    let had = had.map(|function| (function == NAMES[0]).then_some(RESERVED));
    if found.iter().copied().eq(had) {
        return Traffic::Back;
    }
    match found.iter().all(|reserved| *reserved == Some(0)) {
        true => Traffic::Off,
        false => Traffic::Other(found),
    }
}
