//! What opens a database stands nowhere but in its secret, whatever became of a release.

use serde_json::{Value, json};
use sluice_domain::promotion::Outcome;
use sluice_local::engine::ROOT_KEY;
use sluice_tests::World;
use sluice_tests::world::Data;

use crate::migrations::{MAIL, PERSON};

/// Fails with a word of the server's, about what stands in the statement.
const BROKEN: (&str, &str) = ("3_broken.sql", "ALTER TABLE nobody ADD COLUMN note text;\n");

/// What a token of RDS has in it, and whatever else is signed for whoever holds it.
const SIGNED: [&str; 2] = ["Action=connect", "X-Amz-Signature"];

/// Reads whatever Sluice wrote since a time: the logs of its functions, the executions of
/// its machines with all that went in and out, and its tables. Answers how much of it is of
/// an application, by place, and where one of the texts stands.
const SEARCH: &str = "\
def client(name):
    return boto3.client(name, aws_access_key_id=event['key'], aws_secret_access_key=event['key'], aws_session_token=None)
def pages(client, operation, **given):
    return client.get_paginator(operation).paginate(**given)
def written():
    logs, states, tables = client('logs'), client('stepfunctions'), client('dynamodb')
    for page in pages(logs, 'describe_log_groups', logGroupNamePrefix='/aws/lambda/sluice/'):
        for group in page['logGroups']:
            name = group['logGroupName']
            for found in pages(logs, 'filter_log_events', logGroupName=name, startTime=event['since']):
                for line in found['events']:
                    yield name, line['message']
    for page in pages(states, 'list_state_machines'):
        for machine in page['stateMachines']:
            for found in pages(states, 'list_executions', stateMachineArn=machine['stateMachineArn']):
                for one in found['executions']:
                    if one['startDate'].timestamp() * 1000 < event['since']:
                        continue
                    arn, place = one['executionArn'], 'machine ' + machine['name']
                    yield place, json.dumps(states.describe_execution(executionArn=arn), default=str)
                    for history in pages(states, 'get_execution_history', executionArn=arn, includeExecutionData=True):
                        yield place + ' history', json.dumps(history['events'], default=str)
    for page in pages(tables, 'list_tables'):
        for name in page['TableNames']:
            for found in pages(tables, 'scan', TableName=name):
                for item in found['Items']:
                    yield 'table ' + name, json.dumps(item, default=str)
own, found = {}, []
for place, text in written():
    if event['application'] in text:
        own[place] = own.get(place, 0) + 1
    found += [[place, one, text[:2000]] for one in event['texts'] if one in text]
return {'own': own, 'found': found[:5]}
";

/// What Sluice wrote of an application since a time, by place, and where one of these texts
/// stands.
pub(crate) async fn written(world: &World, since: i64, texts: &[&str]) -> (Vec<String>, Value) {
    let search = world.stand_in("search", SEARCH).await;
    let asked = json!({
        "key": ROOT_KEY, "application": world.application, "since": since, "texts": texts,
    });
    let answer = world.invoke_function(&search, &asked).await;
    let mut answer = answer.expect("what was written");
    let own = answer["own"].as_object().expect("places").keys();
    (own.cloned().collect(), answer["found"].take())
}

/// What the executions of a machine are listed under.
fn machine(world: &World, name: &str) -> String {
    let arn = world.machine(name);
    format!("machine {}", arn.rsplit(':').next().unwrap_or_default())
}

/// Releases a version with these migrations, and says what became of it.
async fn released(world: &World, version: &str, migrations: &[(&str, &str)]) -> Option<Outcome> {
    let build = world.migrating(version, migrations, json!({}));
    world.upload(&build).await;
    let ended = world.ended(&world.promotion("prod", version)).await;
    ended.outcome()
}

/// An application that serves, and its database.
async fn serving() -> (World, Data) {
    let world = World::new().await;
    let data = world.database().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, data.settings()).await;
    (world, data)
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn no_credential_stands_in_a_log_an_execution_or_a_table() {
    let since = jiff::Timestamp::now().as_millisecond();
    let (world, data) = serving().await;
    let applied = released(&world, "1.1.0", &[PERSON, MAIL]).await;
    assert_eq!(applied, Some(Outcome::Promoted));
    let failed = released(&world, "1.2.0", &[PERSON, MAIL, BROKEN]).await;
    assert_eq!(failed, Some(Outcome::RolledBack));

    assert!(data.password().len() >= 8, "it could stand there by chance");
    let texts = [data.password(), SIGNED[0], SIGNED[1]];
    let (own, found) = written(&world, since, &texts).await;
    let [promote, migrations] = ["promote", "migrations"].map(|name| machine(&world, name));
    for place in [
        "/aws/lambda/sluice/migrate",
        &promote,
        &migrations,
        &format!("{promote} history"),
        &format!("{migrations} history"),
        "table sluice-LedgerTable",
        "table sluice-StateTable",
    ] {
        assert!(
            own.iter().any(|one| one.starts_with(place)),
            "{place}: {own:#?}"
        );
    }
    assert_eq!(found, json!([]));
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn no_credential_is_told_where_nobody_is_let_in_with_it() {
    let since = jiff::Timestamp::now().as_millisecond();
    let (world, data) = serving().await;
    let other = format!("Z{}", data.password());
    world.put_password(&data, &other).await;
    let refused = released(&world, "1.1.0", &[PERSON]).await;
    assert_eq!(refused, Some(Outcome::Refused));
    let (own, found) = written(&world, since, &[data.password(), SIGNED[0]]).await;
    let asked = format!("{} history", machine(&world, "promote"));
    assert!(own.contains(&asked), "{own:#?}");
    assert_eq!(found, json!([]));
}
