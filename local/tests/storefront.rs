//! The parts of the embedded engine together: the storefront is deployed, its
//! alias is weighted, a stream runs through the front door, and the metrics say
//! what really ran. Starts an engine of its own, so it is left out of a plain
//! `cargo test`.

use std::{
    collections::HashMap,
    error::Error,
    io::{Cursor, Write},
    time::{Duration, SystemTime},
};

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_sdk_lambda::{primitives::Blob, types::AliasRoutingConfiguration};
use sluice_local::{
    door::Door,
    engine::{Engine, Options, is_healthy, sdk_config},
    load::{Count, Load, Plan, Reading},
    sam,
    storefront::{self, ALIAS, FUNCTIONS, function_name},
    workspace::Workspace,
};
use tokio::time::{Instant, sleep};

const PER_SECOND: u32 = 40;

type Tried<T> = Result<T, Box<dyn Error>>;

fn bundle(workspace: &Workspace, version: &str, function: &str) -> Tried<Vec<u8>> {
    let source = workspace
        .root()
        .join(format!("examples/storefront/{version}/{function}/app.py"));
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o644);
    archive.start_file("app.py", options)?;
    archive.write_all(&std::fs::read(source)?)?;
    Ok(archive.finish()?.into_inner())
}

/// Publishes `version` of both functions and gives it `weight` of the traffic.
async fn publish(
    workspace: &Workspace,
    lambda: &aws_sdk_lambda::Client,
    version: &str,
    weight: f64,
) -> Tried<String> {
    let mut number = String::new();
    for function in FUNCTIONS {
        let name = function_name(function, "prod");
        let code = Blob::new(bundle(workspace, version, function)?);
        lambda
            .update_function_code()
            .function_name(&name)
            .zip_file(code)
            .send()
            .await?;
        let published = lambda.publish_version().function_name(&name).send().await?;
        number = published
            .version()
            .ok_or("a version without a number")?
            .to_owned();
        let routing = AliasRoutingConfiguration::builder()
            .additional_version_weights(&number, weight)
            .build();
        lambda
            .update_alias()
            .function_name(&name)
            .name(ALIAS)
            .routing_config(routing)
            .send()
            .await?;
    }
    Ok(number)
}

async fn invocations(reading: &Reading, wanted: u64) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while reading.totals().all().invocations < wanted {
        assert!(
            Instant::now() < deadline,
            "too few invocations: {:?}",
            reading.totals()
        );
        sleep(Duration::from_millis(50)).await;
    }
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

/// The sum of a metric of one version of the live alias.
async fn sum(
    cloudwatch: &aws_sdk_cloudwatch::Client,
    function: &str,
    version: &str,
    metric: &str,
    since: SystemTime,
) -> Tried<f64> {
    let metric = Metric::builder()
        .namespace("AWS/Lambda")
        .metric_name(metric)
        .dimensions(dimension("FunctionName", function))
        .dimensions(dimension("Resource", &format!("{function}:{ALIAS}")))
        .dimensions(dimension("ExecutedVersion", version))
        .build();
    let statistic = MetricStat::builder()
        .metric(metric)
        .period(1)
        .stat("Sum")
        .build();
    let answer = cloudwatch
        .get_metric_data()
        .start_time((since - Duration::from_secs(60)).into())
        .end_time((SystemTime::now() + Duration::from_secs(60)).into())
        .metric_data_queries(
            MetricDataQuery::builder()
                .id("m")
                .metric_stat(statistic)
                .build(),
        )
        .send()
        .await?;
    Ok(answer
        .metric_data_results()
        .iter()
        .flat_map(|result| result.values())
        .sum())
}

#[tokio::test]
#[ignore = "starts an engine: `make test` runs it"]
async fn a_weighted_alias_splits_the_stream_and_the_metrics_say_how() {
    let began = SystemTime::now();
    let workspace = Workspace::find().unwrap();
    let run = workspace.test_run("storefront");
    run.create().unwrap();
    let engine = Engine::start(&workspace, &run, &Options::default())
        .await
        .unwrap();
    let endpoint = engine.endpoint().to_owned();
    let config = sdk_config(&endpoint);
    sam::deploy(&workspace, &run, &endpoint, &storefront::stack(&workspace))
        .await
        .unwrap();
    let lambda = aws_sdk_lambda::Client::new(&config);
    let canary = publish(&workspace, &lambda, "1.2.0", 0.5).await.unwrap();
    let door = Door::open(&config, 0).await.unwrap();
    let plan = Plan {
        targets: storefront::targets("prod"),
        per_second: PER_SECOND,
        concurrency: 16,
        seed: 1,
        payload: storefront::orders(),
    };

    let load = Load::start(door.endpoint(), plan).unwrap();
    invocations(&load.reading(), 400).await;
    let totals = load.stop().await;
    door.flush().await;

    assert_eq!(
        (totals.unanswered, totals.throttled),
        (0, 0),
        "{:?}",
        totals.last_failure
    );
    let seen: HashMap<_, _> = totals.versions.iter().collect();
    let of = |function: &str, version: &str| {
        let key = (function_name(function, "prod"), version.to_owned());
        seen.get(&key).copied().copied().unwrap_or_default()
    };
    let share = of("catalog", &canary).invocations * 100
        / (of("catalog", &canary).invocations + of("catalog", "1").invocations);
    assert!(
        (35..65).contains(&share),
        "half of the stream is for the canary, not {share} %"
    );
    assert_eq!(of("checkout", "1").errors, 0);
    assert_eq!(of("catalog", &canary).errors, 0);
    assert!(
        of("checkout", &canary).errors > 0,
        "version 1.2.0 fails on orders in yen"
    );

    let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
    for function in FUNCTIONS {
        for version in ["1", &canary] {
            let name = function_name(function, "prod");
            let Count {
                invocations,
                errors,
            } = of(function, version);
            let counted = sum(&cloudwatch, &name, version, "Invocations", began)
                .await
                .unwrap();
            assert_eq!(
                counted, invocations as f64,
                "invocations of {name} {version}"
            );
            let failed = sum(&cloudwatch, &name, version, "Errors", began)
                .await
                .unwrap();
            assert_eq!(failed, errors as f64, "errors of {name} {version}");
        }
    }

    door.close().await;
    let process = engine.process();
    engine.stop().await.unwrap();
    assert!(!process.runs());
    assert!(!is_healthy(&endpoint).await);
    run.remove().unwrap();
}
