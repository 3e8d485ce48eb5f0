//! The command `sluice` as people run it: a process with an exit status, an
//! answer on standard output and everything else on standard error.

use serde_json::{Value, json};
use sluice_cli::upload::Uploader;
use sluice_domain::approval::State;
use sluice_domain::ledger::Kind;
use sluice_domain::promotion::Outcome;
use sluice_tests::World;
use sluice_tests::world::{Build, healthy};

use crate::faults::replace;
use crate::stranded::broken;

const CODE: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// An application that serves version 1 in prod.
pub(crate) async fn serving(settings: Value) -> World {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    world.environment("prod", &first, settings).await;
    world
}

/// What `--json` says of settings or of the stack that is a problem.
pub(crate) fn problems(findings: &Value) -> Vec<&Value> {
    let all = findings.as_array().expect("findings").iter();
    all.filter(|finding| finding["level"] == "problem")
        .collect()
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn settings_are_checked_before_they_are_written_and_read_back_as_they_are() {
    let world = World::new().await;
    let application = world.application.as_str();
    let first = world.healthy("1.0.0", &["api"]);
    world.create("prod", "api", &first).await;
    let settings = |order: u32, function: &str| {
        json!({ "schema": 1, "order": order, "functions": { "api": { "name": function } } })
            .to_string()
    };
    let put = |environment, text: &str| {
        let arguments = ["env", "put", application, environment, "-", "--json"];
        world.sluice(&arguments).with_input(text).run()
    };
    let ours = world.function("prod", "api");
    let written = put("prod", &settings(1, &ours)).await;
    assert_eq!(written.is(0).json()["version"], 1);
    let read = world
        .sluice(&["env", "get", application, "prod"])
        .run()
        .await;
    assert_eq!(read.is(0).stdout.trim_end(), settings(1, &ours));

    let elsewhere = put("late", &settings(2, "elsewhere-api")).await;
    let elsewhere = elsewhere.is(6);
    elsewhere.says("there is no function elsewhere-api");
    elsewhere.says("does not cover functions.api");
    elsewhere.says("function:elsewhere-api\" among the parameter_overrides");
    assert_eq!(elsewhere.json()["exit"], 6);
    let same = put("late", &settings(1, &ours)).await;
    same.is(6).says("found 1, which prod has too");
    let wrong = put("late", "{}").await;
    wrong.is(1).says("schema");

    let check = ["env", "check", application, "prod", "--json"];
    let checked = world.sluice(&check).run().await;
    let checked = checked.is(0).json();
    let unwell = problems(&checked["findings"]);
    assert!(unwell.is_empty(), "{unwell:#?}");
    let list = ["env", "list", application, "--json"];
    let listed = world.sluice(&list).run().await.is(0).json();
    let expected = json!([{
        "application": application, "environment": "prod", "version": 1,
        "valid": true, "order": 1, "functions": ["api"],
    }]);
    assert_eq!(listed, expected);
    let absent = world.sluice(&["env", "get", application, "late"]).run();
    absent.await.is(1).says("sluice env put");
}

/// A function that answers well once a parameter is there.
fn patient(version: &str, parameter: &str) -> String {
    format!(
        "import boto3\n\n\
         def lambda_handler(event, context):\n    \
             found = boto3.client('ssm').get_parameters(Names=['{parameter}'])\n    \
             return {{'ok': bool(found['Parameters']), 'version': '{version}'}}\n"
    )
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_version_is_released_tried_again_and_rolled_back() {
    let world = serving(json!({})).await;
    let application = world.application.as_str();
    let one = world.healthy("1.1.0", &["api"]);
    let folder = world.folder(&one);
    let run = world.sluice(&["release", folder.path(), "--json"]).run();
    let run = run.await;
    let released = run.is(0).says("uploaded 2 files").json();
    assert_eq!(released["outcome"], "Promoted", "{released}");
    assert!(released["cost"]["usd"].is_number(), "{released}");

    let parameter = format!("/flow/{application}/ready");
    let test =
        json!({ "name": "it is ready", "function": "api", "expect": { "json": { "$.ok": true } } });
    let sources = [("api", patient("1.2.0", &parameter))];
    let two = world.build("1.2.0", &sources, json!({ "smoke_tests": [test] }));
    let folder = world.folder(&two);
    let release = ["release", folder.path()];
    let failed = world.sluice(&release).run().await;
    failed.is(3).says("prod  RolledBack").says("it is ready");
    let followed = world.sluice(&release).run().await;
    followed.is(3).says("attempt 1 was made already");
    world.parameter(&parameter, "ready").await;
    let again = [release[0], release[1], "--again", "--json"];
    let again = world.sluice(&again).run().await.is(0).json();
    assert_eq!(again["attempt"], 2, "{again}");

    let back = world.sluice(&["rollback", application, "prod"]).run().await;
    back.is(0).says("1.2.0 → 1.1.0").says("Promoted");
    let alias = format!("{}:live", world.function("prod", "api"));
    let answer = world.invoke_function(&alias, &json!({})).await;
    assert_eq!(answer.expect("an answer")["version"], "1.1.0");
    told_in_history(&world).await;
    cost_is_for_those_who_may_see_it(&world).await;

    let other = [("api", healthy("another build"))];
    let folder = world.folder(&world.build("1.1.0", &other, json!({})));
    let taken = world.sluice(&["release", folder.path(), "--json"]).run();
    let taken = taken.await;
    taken
        .is(6)
        .says("VersionTaken")
        .says("nothing was uploaded");
    assert_eq!(taken.json()["exit"], 6);
}

/// What the record says of the four attempts.
async fn told_in_history(world: &World) {
    let application = world.application.as_str();
    let history = world.sluice(&["history", application, "--json"]).run();
    let history = history.await.is(0).json();
    let told: Vec<_> = history
        .as_array()
        .expect("promotions")
        .iter()
        .map(|promotion| json!([promotion["promotion"], promotion["outcome"]]))
        .collect();
    let attempt = |version, attempt| world.attempt("prod", version, attempt);
    let expected = [
        (attempt("1.1.0", 2), "Promoted"),
        (attempt("1.2.0", 2), "Promoted"),
        (attempt("1.2.0", 1), "RolledBack"),
        (attempt("1.1.0", 1), "Promoted"),
    ];
    assert_eq!(told, expected.map(|it| json!(it)));

    let failed = attempt("1.2.0", 1).to_string();
    let one = ["history", "--promotion", &failed];
    let lines = world.sluice(&one).run().await;
    lines.is(0).says("is intact").says("SmokeTested");
    let one = [one[0], one[1], one[2], "--json"];
    let document = world.sluice(&one).run().await.is(0).json();
    assert_eq!(document["chain"]["intact"], true, "{document}");
    let closed = document["entries"].as_array().and_then(|all| all.last());
    let facts = &closed.expect("entries")["facts"];
    assert_eq!(facts["outcome"], "rolled_back", "{document:#}");
    let invocations = document["timeline"]["invocations"].to_string();
    assert_eq!(invocations, "0.0", "{document:#}");

    let status = world.sluice(&["status", application, "--json"]).run();
    let status = status.await.is(0).json();
    assert_eq!(status["open"], json!([]), "{status}");
    let prod = &status["environments"][0];
    assert_eq!(prod["promoted_version"], "1.1.0", "{prod}");
    let nowhere = world.sluice(&["watch", &format!("{application}/prod")]);
    nowhere.run().await.is(1).says("no promotion is open");
}

/// Histories hold task tokens, so few may read them: outcomes are everybody's.
async fn cost_is_for_those_who_may_see_it(world: &World) {
    let denied = ["states:GetExecutionHistory", "states:DescribeStateMachine"];
    let person = world.person(&denied).await;
    let release = format!("{}/1.2.0/1", world.application);
    let watch = ["watch", &release, "--json"];
    let seen = world.sluice(&watch).by(&person).run().await.is(3).json();
    assert_eq!(seen["outcome"], "RolledBack", "{seen}");
    assert_eq!(seen["cost"], json!(null), "{seen}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn who_follows_a_release_learns_that_somebody_rejected_it() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let ada = world.approver("ada", CODE).await;
    let settings = json!({ "approval": { "approvers": [ada] } });
    world.environment("prod", &first, settings).await;
    let folder = world.folder(&world.healthy("1.1.0", &["api"]));
    let following = world.sluice(&["release", folder.path()]).start();
    world.asked(&world.promotion("prod", "1.1.0")).await;

    let prod = format!("{}/prod", world.application);
    let status = world.sluice(&["status", &world.application, "--json"]);
    let status = status.run().await.is(0).json();
    assert_eq!(status["open"][0]["state"], "RequestApproval", "{status}");
    let vote = async |choice: &str, person: &str, code: &str| {
        let arguments = [
            choice,
            &prod,
            "--person",
            person,
            "--code-stdin",
            "--comment",
            "no",
            "--json",
        ];
        let voted = world.sluice(&arguments).with_input(code).run().await;
        assert!(!format!("{voted:?}").contains(CODE), "{voted:?}");
        voted
    };
    let stranger = vote("reject", "mallory", "123456").await;
    stranger.is(6).says("mallory");
    let guessed = vote("reject", "ada", "a guess").await;
    assert_eq!(guessed.is(6).json()["exit"], 6);
    let rejected = vote("reject", "ada", &world.code(CODE).await)
        .await
        .is(0)
        .json();
    assert_eq!(rejected["state"], "rejected", "{rejected}");
    following.ended().await.is(4).says("prod  Rejected");

    let again = ["release", folder.path(), "--again", "--no-follow", "--json"];
    let again = world.sluice(&again).run().await.is(0).json();
    assert_eq!(again["attempt"], 2, "{again}");
    world.asked(&world.attempt("prod", "1.1.0", 2)).await;
    let approved = vote("approve", "ada", &world.code(CODE).await)
        .await
        .is(0)
        .json();
    assert_eq!(approved["recorded"], true, "{approved}");
    let watched = world.sluice(&["watch", &world.application, "--json"]);
    let watched = watched.run().await.is(0).json();
    assert_eq!(watched["attempt"], 2, "{watched}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_promotion_that_bakes_is_aborted_and_puts_its_traffic_back() {
    let steps =
        json!([{ "weight": 10, "bake_seconds": 900 }, { "weight": 100, "bake_seconds": 0 }]);
    let world = serving(json!({ "steps": steps })).await;
    let build = world.healthy("1.1.0", &["api"]);
    let folder = world.folder(&build);
    let following = world.sluice(&["release", folder.path(), "--json"]).start();
    let id = world.promotion("prod", "1.1.0");
    world.happened(&id, Kind::TrafficShifted).await;

    let prod = format!("{}/prod", world.application);
    let abort = ["abort", &prod, "--reason", "wrong day", "--json"];
    let aborted = world.sluice(&abort).run().await.is(0).json();
    assert_eq!(
        (&aborted["stopped"], &aborted["outcome"]),
        (&json!("rollout"), &json!("RolledBack"))
    );
    let followed = following.ended().await.is(3).json();
    assert_eq!(followed["outcome"], "RolledBack", "{followed}");
    let rollout = world.reader.rollout_arn(&world.opened(&id).await);
    let rollout = world
        .executions()
        .describe_execution()
        .execution_arn(rollout);
    let rollout = rollout.send().await.expect("the rollout");
    let cause = rollout.cause().unwrap_or_default();
    assert!(cause.contains("wrong day"), "{cause}");
    world.settled("prod", &build, "1").await;
    let late = world.sluice(&["abort", &id.to_string()]).run().await;
    late.is(6).says("has ended already: RolledBack");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn a_release_that_is_aborted_while_people_are_asked_ends_and_can_be_tried_again() {
    let world = World::new().await;
    let first = world.healthy("1.0.0", &["api"]);
    let ada = world.approver("ada", CODE).await;
    let settings = json!({ "approval": { "approvers": [ada] } });
    world.environment("prod", &first, settings).await;
    let build = world.healthy("1.1.0", &["api"]);
    let folder = world.folder(&build);
    let following = world.sluice(&["release", folder.path(), "--json"]).start();
    let id = world.promotion("prod", "1.1.0");
    world.asked(&id).await;

    let abort = ["abort", &id.to_string(), "--no-follow", "--json"];
    let aborted = world.sluice(&abort).run().await.is(0).json();
    assert_eq!(aborted["stopped"], "promote", "{aborted}");
    world.watched(&id, Kind::ApprovalDecided).await;
    let followed = following.ended().await.is(1).json();
    assert_eq!(
        followed["promotions"][0]["outcome"], "Aborted",
        "{followed}"
    );
    let question = world.reader.question(&id).await.expect("the question");
    assert_eq!(
        question.map(|question| question.state),
        Some(State::Superseded)
    );
    world.settled("prod", &build, "1").await;

    let again = ["release", folder.path(), "--again", "--no-follow", "--json"];
    let again = world.sluice(&again).run().await.is(0).json();
    assert_eq!(again["attempt"], 2, "{again}");
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn who_watches_a_stranded_promotion_is_called_until_it_is_mended() {
    let steps = json!([{ "weight": 50, "bake_seconds": 1 }, { "weight": 100, "bake_seconds": 0 }]);
    let world = serving(json!({ "steps": steps })).await;
    let (gate, judge) = world.gate().await;
    let machines = world
        .machines_with(
            |rollout| replace(rollout, "Judge", &judge),
            |promote| promote["States"]["RollBack"]["Retry"] = json!([]),
        )
        .await;
    let id = world
        .promote(&machines, "prod", &world.healthy("1.1.0", &["api"]))
        .await;
    world.happened(&id, Kind::TrafficShifted).await;
    let fault = broken(&world).await;
    world.open(&gate).await;

    let name = id.to_string();
    let watch = ["watch", &name];
    let stranded = world.sluice(&watch).run().await;
    stranded.is(5).says("prod  Stranded");
    let status = world.sluice(&["status", &world.application]).run().await;
    status.is(0).says(&format!("by {id}"));
    world.allow(fault).await;
    world.watched(&id, Kind::PromotionClosed).await;
    world.ended(&id).await.is(Outcome::RolledBack);
    world.sluice(&watch).run().await.is(3);
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn what_a_bundle_lacks_is_told_and_brought_by_the_next_attempt() {
    let world = serving(json!({})).await;
    let build = world.healthy("1.1.0", &["api"]);
    let mut incomplete = Build {
        bundle: build.bundle.clone(),
    };
    incomplete.bundle.files.clear();
    world.upload(&incomplete).await;
    world.opened(&world.promotion("prod", "1.1.0")).await;
    let release = format!("{}/1.1.0", world.application);
    let refused = world.sluice(&["watch", &release]).run().await;
    refused.is(6).says("ArtifactMissing").says("api.zip");
    world.settled("prod", &build, "1").await;

    let folder = world.folder(&build);
    let again = ["release", folder.path(), "--again"];
    let again = world.sluice(&again).run().await;
    let bundle = Uploader::folder(&build.bundle);
    again.is(0).says(&format!("{bundle}/ lacked: 1"));
    world.settled("prod", &build, "2").await;
}

#[tokio::test]
#[ignore = "needs the engine: make test"]
async fn an_upload_that_is_refused_is_told_in_intakes_words() {
    let world = World::new().await;
    let folder = world.folder(&world.healthy("1.0.0", &["api"]));
    let refused = world.sluice(&["release", folder.path(), "--json"]).run();
    let refused = refused.await;
    let refused = refused.is(6).json();
    let error = refused["error"].as_str().unwrap_or_default();
    assert!(error.contains("UnknownApplication"), "{refused}");
    let release = format!("{}/1.0.0", world.application);
    let watched = world.sluice(&["watch", &release]).run().await;
    watched.is(6).says("UnknownApplication");
    let other = format!("{}/7.0.0", world.application);
    let other = world.sluice(&["watch", &other]).run().await;
    other.is(1).says("none was refused");
}
