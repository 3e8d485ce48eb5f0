//! Who hears of what goes wrong with Sluice itself, and that the metrics they
//! hear of are the ones that exist.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_domain::ledger::{Entry, Event, Kind};
use sluice_tests::machine::items;
use sluice_tests::template::{Resource, functions, list, machines, of_type, references};
use sluice_tests::{expect_none, template};

/// The metrics of Lambda in which a function's failures are counted; `desk`
/// answers its own with a page, which counts as an answer.
const FAILURES: [&str; 2] = ["Errors", "Url5xxCount"];

#[test]
fn every_alarm_tells_people_and_says_what_is_wrong() {
    let template = template();
    expect_none(alarms(&template).filter_map(|alarm| {
        let told = !list(alarm.property("AlarmActions")).is_empty();
        let described = alarm.property("AlarmDescription").is_string();
        (!told || !described).then(|| alarm.id.to_owned())
    }));
}

#[test]
fn the_failures_of_every_function_are_watched() {
    let template = template();
    let watched: BTreeSet<String> = alarms(&template)
        .flat_map(|alarm| metrics(&alarm))
        .filter(|metric| FAILURES.iter().any(|name| metric["MetricName"] == *name))
        .flat_map(|metric| references(&metric["Dimensions"]))
        .collect();
    let functions = functions(&template).into_values();
    expect_none(
        functions
            .map(|function| function.id.to_owned())
            .filter(|id| !watched.contains(id)),
    );
}

/// What it hands back to the stream is no error of the function.
#[test]
fn people_who_are_told_too_late_are_watched() {
    let template = template();
    for (alarm, function) in [("NotifyLateAlarm", "notify"), ("MirrorLateAlarm", "mirror")] {
        let late = metric_of(&template, alarm);
        assert_eq!(late["MetricName"], "IteratorAge");
        let function = functions(&template)[function].id;
        assert!(references(&late["Dimensions"]).contains(function));
    }
}

#[test]
fn a_lambda_metric_is_asked_for_by_the_function_alone() {
    let template = template();
    expect_none(
        alarms(&template)
            .flat_map(|alarm| {
                metrics(&alarm)
                    .into_iter()
                    .map(move |found| (alarm.id, found))
            })
            .filter(|(_, metric)| metric["Namespace"] == "AWS/Lambda")
            .filter_map(|(id, metric)| {
                let names = items(&metric["Dimensions"]).map(|dimension| &dimension["Name"]);
                (!names.eq(["FunctionName"].iter())).then(|| format!("{id}: {metric}"))
            }),
    );
}

/// Where no function took an event, its queue has it.
#[test]
fn what_lies_in_the_queue_of_lost_events_is_watched() {
    let template = template();
    let lost = metric_of(&template, "LostEventsAlarm");
    assert_eq!(lost["Namespace"], "AWS/SQS");
    assert_eq!(lost["MetricName"], "ApproximateNumberOfMessagesVisible");
    assert_eq!(lost["Dimensions"][0]["Name"], "QueueName");
    let queues: BTreeSet<String> = of_type(&template, "AWS::SQS::Queue")
        .into_iter()
        .map(|queue| queue.id.to_owned())
        .collect();
    assert_eq!(references(&lost["Dimensions"]), queues);
}

/// A metric that nobody writes never raises an alarm.
#[test]
fn what_record_prints_of_a_stranded_promotion_raises_its_alarm() {
    let template = template();
    let alarm = alarm(&template, "StrandedAlarm");
    let asked = metric_of(&template, "StrandedAlarm");
    let line = printed(Kind::Stranded);
    let written = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(written["Namespace"], asked["Namespace"]);
    let name = asked["MetricName"].as_str().expect("a metric's name");
    let mut names = items(&written["Metrics"]).map(|metric| &metric["Name"]);
    assert!(names.any(|found| found == name), "{line}");

    let values: BTreeMap<&str, &Value> = items(&asked["Dimensions"])
        .map(|one| (one["Name"].as_str().unwrap_or_default(), &one["Value"]))
        .collect();
    let mut sets = items(&written["Dimensions"]).map(|set| {
        items(set)
            .filter_map(Value::as_str)
            .collect::<BTreeSet<_>>()
    });
    let dimensions: BTreeSet<&str> = values.keys().copied().collect();
    assert!(sets.any(|set| set == dimensions), "{line}");
    for (dimension, value) in values {
        assert_eq!(&line[dimension], value, "{dimension}");
    }
    assert_eq!(alarm.property("Statistic"), "Sum");
    assert!(line[name].as_f64() >= alarm.property("Threshold").as_f64());
}

/// Their metrics are added up by an expression, so that each may only be data.
#[test]
fn an_alarm_over_several_metrics_follows_one_expression_over_all_of_them() {
    let template = template();
    for id in [
        "FunctionFailsAlarm",
        "MessagesFailAlarm",
        "MigrationsFailAlarm",
        "SuitesFailAlarm",
    ] {
        let alarm = alarm(&template, id);
        assert_eq!(alarm.body["Condition"], "OnAws", "{id}");
        let queries: Vec<&Value> = items(alarm.property("Metrics")).collect();
        let (expressions, stats): (Vec<&Value>, Vec<&Value>) = queries
            .into_iter()
            .partition(|query| query["MetricStat"].is_null());
        let [expression] = expressions.as_slice() else {
            panic!("{id}: found {expressions:?}; expected one expression");
        };
        assert_eq!(expression["Expression"], "MAX(FILL(METRICS(), 0))");
        // CloudWatch takes ten queries in one alarm.
        assert!(stats.len() < 10, "{id}: {} metrics", stats.len());
        expect_none(stats.iter().filter_map(|query| {
            let period = &query["MetricStat"]["Period"];
            let stat = &query["MetricStat"]["Stat"];
            let data = query["ReturnData"] == false && stat == "Sum" && period == 900;
            (!data).then(|| format!("{id}: {query}"))
        }));
    }
}

/// A promotion that fails goes back, which is no alarm: the watchdog sees to what does not,
/// and has alarms of its own. Of anything else that runs, the ends themselves are watched.
/// The metrics: https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
#[test]
fn the_bad_ends_of_every_machine_are_looked_after_or_raise_an_alarm() {
    let template = template();
    let watchdog = &functions(&template)["watchdog"];
    let mended = references(watchdog.property("Events"));
    for alarm in ["WatchdogFailsAlarm", "WatchdogSilentAlarm"] {
        let watched = references(&metric_of(&template, alarm)["Dimensions"]);
        assert!(watched.contains(watchdog.id), "{alarm}");
    }
    let of_machines: Vec<&Value> = alarms(&template)
        .flat_map(|alarm| metrics(&alarm))
        .filter(|metric| metric["Namespace"] == "AWS/States")
        .collect();
    for (name, machine) in machines(&template) {
        if mended.contains(machine.id) {
            continue;
        }
        let own = of_machines.iter().filter(|metric| {
            let by_arn = metric["Dimensions"][0]["Name"] == "StateMachineArn";
            by_arn && references(&metric["Dimensions"]).contains(machine.id)
        });
        let ends: BTreeSet<&str> = own
            .filter_map(|metric| metric["MetricName"].as_str())
            .collect();
        let bad = [
            "ExecutionsAborted",
            "ExecutionsFailed",
            "ExecutionsTimedOut",
        ];
        assert_eq!(ends, BTreeSet::from(bad), "{name}");
    }
}

/// Where a machine can catch nothing, somebody else hears of its end and writes it down.
#[test]
fn the_bad_ends_of_every_machine_are_heard_of_by_a_function() {
    let template = template();
    let functions = functions(&template);
    let events = functions
        .values()
        .filter_map(|function| function.property("Events").get("ExecutionEnded"))
        .map(|event| &event["Properties"]["Pattern"]);
    let rules = of_type(&template, "AWS::Events::Rule");
    let rules = rules.iter().map(|rule| rule.property("EventPattern"));
    let heard: BTreeSet<String> = events
        .chain(rules)
        .flat_map(|pattern| {
            let status = json!(["FAILED", "TIMED_OUT", "ABORTED"]);
            assert_eq!(pattern["detail"]["status"], status);
            references(&pattern["detail"]["stateMachineArn"])
        })
        .collect();
    let machines = machines(&template);
    let all = machines.values().map(|machine| machine.id.to_owned());
    assert_eq!(heard, all.collect());
}

/// The line of metrics that `record` prints of a promotion's event.
fn printed(kind: Kind) -> Value {
    let event = Event {
        chain: "shop/prod/1.4.0/1".to_owned(),
        key: "stranded".to_owned(),
        kind,
        actor: "watchdog".to_owned(),
        facts: json!({}),
    };
    let entry = Entry::seal(event, None, Timestamp::UNIX_EPOCH).expect("an entry");
    serde_json::from_str(&record::line(&entry)).expect("the line is JSON")
}

fn alarms(template: &Value) -> impl Iterator<Item = Resource<'_>> {
    of_type(template, "AWS::CloudWatch::Alarm").into_iter()
}

fn alarm<'a>(template: &'a Value, id: &str) -> Resource<'a> {
    let found = alarms(template).find(|alarm| alarm.id == id);
    found.unwrap_or_else(|| panic!("there is no {id}"))
}

/// What an alarm asks for: its own metric, or those that it calculates with.
fn metrics<'a>(alarm: &Resource<'a>) -> Vec<&'a Value> {
    let parts = items(alarm.property("Metrics")).map(|query| &query["MetricStat"]["Metric"]);
    let own = &alarm.body["Properties"];
    parts
        .chain([own])
        .filter(|metric| metric["MetricName"].is_string())
        .collect()
}

fn metric_of<'a>(template: &'a Value, id: &str) -> &'a Value {
    let found = metrics(&alarm(template, id));
    let [metric] = found.as_slice() else {
        panic!("{id} asks for {found:?}; expected one metric");
    };
    metric
}
